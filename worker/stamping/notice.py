"""The pledge notice: the text that tells the debtor to pay the factor (pantsettings-/overdragelsestekst).

Once the debtor has it, payment to the client no longer discharges the debt, so it is never empty, and which text went
out is known by its version. The elements (claim assigned or pledged, to whom, the only account, the KID, where to
object and by when) follow Norwegian factoring practice; a factor's lawyer approves the words in use.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter
from types import MappingProxyType
from typing import Literal

Language = Literal["nb", "en"]

PLACEHOLDERS = frozenset(
    {"factor", "factor_organisation_number", "account", "iban", "bic", "kid", "client", "contact", "days"}
)
_READS_NORWEGIAN = frozenset({"", "NO", "SE", "DK"})
# What XML 1.0 cannot hold, and what a note has no use for.
_CONTROL = re.compile(r"[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NoticeError(ValueError):
    """The template cannot be used, or a value it needs is empty. The message names the template and placeholder."""


class NoticeFamily(StrEnum):
    """What the client has given the factor: the claims themselves, or a pledge in them (panteloven § 4-10)."""

    ASSIGNED = "assigned"
    PLEDGED = "pledged"


# (family, language, credit) → text. A credit note asks for nothing, so it has neither account nor KID. BIC is not in
# the standard texts: not every factor states one, and the payment block carries it where it is needed.
DEFAULT_TEXTS: Mapping[tuple[NoticeFamily, Language, bool], str] = MappingProxyType({
    (NoticeFamily.ASSIGNED, "nb", False): (
        "Kravet etter denne fakturaen er overdratt til {factor}, org.nr. {factor_organisation_number}. "
        "Betaling frigjør deg bare når den skjer til {factor} på konto {account} (IBAN {iban}), merket med KID {kid}. "
        "Innsigelser mot fakturaen meldes til {contact} innen {days} dager."
    ),
    (NoticeFamily.ASSIGNED, "en", False): (
        "The claim under this invoice has been assigned to {factor}, organisation number "
        "{factor_organisation_number}. You are released from the debt only by paying {factor}, account {account} "
        "(IBAN {iban}), quoting reference (KID) {kid}. Any objection must reach {contact} within {days} days."
    ),
    (NoticeFamily.PLEDGED, "nb", False): (
        "Kravet etter denne fakturaen er pantsatt til {factor}, org.nr. {factor_organisation_number}, som krever det "
        "inn. Betaling frigjør deg bare når den skjer til {factor} på konto {account} (IBAN {iban}), merket med KID "
        "{kid}. Innsigelser mot fakturaen meldes til {contact} innen {days} dager."
    ),
    (NoticeFamily.PLEDGED, "en", False): (
        "The claim under this invoice has been pledged to {factor}, organisation number "
        "{factor_organisation_number}, who collects it. You are released from the debt only by paying {factor}, "
        "account {account} (IBAN {iban}), quoting reference (KID) {kid}. Any objection must reach {contact} within "
        "{days} days."
    ),
    (NoticeFamily.ASSIGNED, "nb", True): (
        "Kravet som krediteres her, er overdratt til {factor}, org.nr. {factor_organisation_number}. "
        "Det er ingenting å betale. Spørsmål om oppgjøret rettes til {factor}: {contact}."
    ),
    (NoticeFamily.ASSIGNED, "en", True): (
        "The claim credited here has been assigned to {factor}, organisation number {factor_organisation_number}. "
        "Nothing is to be paid. Please address questions about settlement to {factor}: {contact}."
    ),
    (NoticeFamily.PLEDGED, "nb", True): (
        "Kravet som krediteres her, er pantsatt til {factor}, org.nr. {factor_organisation_number}. "
        "Det er ingenting å betale. Spørsmål om oppgjøret rettes til {factor}: {contact}."
    ),
    (NoticeFamily.PLEDGED, "en", True): (
        "The claim credited here has been pledged to {factor}, organisation number {factor_organisation_number}. "
        "Nothing is to be paid. Please address questions about settlement to {factor}: {contact}."
    ),
})  # fmt: skip


def language_for(country: str, override: str = "") -> Language:
    """The debtor's language: `override` when given, else nb in Norway, Sweden, Denmark and where unknown, else en.

    `country` is ISO 3166-1 alpha-2; `override` is nb, en, auto or empty. Bokføringsloven § 12 allows both languages.
    Raises NoticeError on another override.
    """
    if override not in ("", "auto"):
        if override == "nb":
            return "nb"
        if override == "en":
            return "en"
        raise NoticeError("the notice's language is neither nb nor en")
    return "nb" if country.strip().upper() in _READS_NORWEGIAN else "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeValues:
    """What the placeholders stand for. A value may be empty when the template does not use it."""

    factor: str
    factor_organisation_number: str
    account: str
    iban: str = ""
    bic: str = ""
    kid: str = ""
    client: str = ""
    contact: str = ""
    days: int = 8

    def value(self, placeholder: str) -> str:
        return " ".join(_CONTROL.sub(" ", str(getattr(self, placeholder))).split())


@dataclass(frozen=True, slots=True)
class Notice:
    """The text as the debtor reads it. `version` is the label and the beginning of the template's SHA-256."""

    text: str
    language: Language
    version: str


class NoticeTemplates:
    """One client's texts: nb and en, for what is to be paid and for credits. Checked when made."""

    def __init__(
        self,
        *,
        family: NoticeFamily | str = NoticeFamily.ASSIGNED,
        label: str = "1",
        nb: str = "",
        en: str = "",
        credit_nb: str = "",
        credit_en: str = "",
    ) -> None:
        """A text not given is the family's own. Raises NoticeError: unknown family or placeholder, braces that do not
        match, a text of blanks only."""
        try:
            chosen = NoticeFamily(family)
        except ValueError:
            raise NoticeError("the notice's family is neither assigned nor pledged") from None
        given: dict[tuple[Language, bool], str] = {
            ("nb", False): nb, ("en", False): en, ("nb", True): credit_nb, ("en", True): credit_en,
        }  # fmt: skip
        self._label = label
        self._texts: dict[tuple[Language, bool], str] = {}
        self._parts: dict[tuple[Language, bool], list[tuple[str, str | None]]] = {}
        for (language, credit), own in given.items():
            name = f"notice for {'credit notes' if credit else 'invoices'} ({language})"
            text = own.replace("\r\n", "\n").replace("\r", "\n") or DEFAULT_TEXTS[(chosen, language, credit)]
            self._texts[(language, credit)] = text
            self._parts[(language, credit)] = _parsed(name, text)

    def render(self, *, credit: bool, language: Language, values: NoticeValues) -> Notice:
        """The notice for one document. `credit`: nothing is to be paid (model.document.Document.is_credit).

        Raises NoticeError when a placeholder the template uses has no value.
        """
        written: list[str] = []
        for literal, placeholder in self._parts[(language, credit)]:
            written.append(literal)
            if placeholder is not None:
                value = values.value(placeholder)
                if not value:
                    raise NoticeError(f"the notice ({language}) needs {{{placeholder}}}, which is empty")
                written.append(value)
        return Notice("".join(written).strip(), language, self.version(credit=credit, language=language))

    def version(self, *, credit: bool, language: Language) -> str:
        """Label and template, so that two texts are never taken for one another."""
        digest = hashlib.sha256(self._texts[(language, credit)].encode("utf-8")).hexdigest()
        return f"{self._label}-{digest[:12]}"


def _parsed(name: str, text: str) -> list[tuple[str, str | None]]:
    """Literal text and placeholders in turn. Placeholders are names only: nothing is looked up or formatted."""
    if not text.strip():
        raise NoticeError(f"the {name} is empty")
    if _CONTROL.search(text):
        raise NoticeError(f"the {name} holds a control character")
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        raise NoticeError(f"the {name} has a brace without its other half") from None
    for _, placeholder, form, conversion in parts:
        if placeholder is None:
            continue
        if placeholder not in PLACEHOLDERS or form or conversion:
            shown = placeholder if re.fullmatch(r"[A-Za-z_]{1,40}", placeholder) else "…"
            raise NoticeError(f"the {name} has an unknown placeholder {{{shown}}}")
    if not any(literal.strip() for literal, *_ in parts):
        raise NoticeError(f"the {name} has no words of its own")
    return [(literal, placeholder) for literal, placeholder, _, _ in parts]
