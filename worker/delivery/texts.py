"""The e-mails a debtor gets: with a link and a code, or with the PDF. In Norwegian bokmål and English.

What they must do: say in one glance whose invoice it is, how much and when; explain why a company the debtor may never
have heard of is to be paid; and look the same as text and in every mail program. Nothing is loaded from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from worker.delivery import words
from worker.model.money import Money
from worker.support import wording

Language = Literal["nb", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What every mail tells. `is_credit`: there is nothing to pay. `contact`: the factor's, for questions.

    `is_credit_note` decides the name (a negative invoice is still an invoice).
    """

    language: Language
    is_credit_note: bool
    is_credit: bool
    number: str
    client_name: str
    factor_name: str
    contact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailValues(Names):
    """What the mails about the invoice itself tell besides. `amount` is signed as in the document."""

    amount: Money
    due_date: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkMailValues(MailValues):
    """`letter_after_days`: unopened so long, the invoice goes as a letter; None when it does not. Without `code` it
    comes in a mail of its own, and this one says so."""

    url: str = field(repr=False)
    code: str = field(repr=False, default="")
    letter_after_days: int | None = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMailValues(Names):
    """`asked`: somebody with the link has asked for a new code; else it is the first one, sent apart from the link."""

    code: str = field(repr=False)
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfMailValues(MailValues):
    """`account` and `kid` as on the attached document; empty when nothing is to be paid."""

    account: str = ""
    kid: str = ""


@dataclass(frozen=True, slots=True)
class MailText:
    """Text and HTML say the same. Both may hold link and code, so neither shows in a repr."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def link_mail(values: LinkMailValues) -> MailText:
    """The mail that holds the link, and the code unless that comes by itself. Never log it."""
    named = words.named(values)
    note = words.pick(values.language, "unopened", named | {"days": values.letter_after_days})
    return _mail(
        values,
        intro=words.for_kind(values, "link_intro" if values.code else "link_alone_intro", named),
        facts=_facts(values),
        link={
            "url": values.url,
            "host": urlsplit(values.url).hostname or "",
            "button": words.for_kind(values, "button", named),
            "by_hand": words.pick(values.language, "by_hand", named),
        },
        code={"code": values.code, "code_label": words.pick(values.language, "code_label", named)}
        if values.code
        else None,
        after=[note] if values.letter_after_days else [],
    )


def pdf_mail(values: PdfMailValues) -> MailText:
    """The mail the PDF is attached to."""
    facts = _facts(values)
    if not values.is_credit:
        if values.account:
            facts.append((words.pick(values.language, "account", {}), wording.account(values.account)))
        if values.kid:
            facts.append((words.pick(values.language, "kid", {}), values.kid))
    return _mail(values, intro=words.for_kind(values, "pdf_intro", words.named(values)), facts=facts, after=[])


def code_mail(values: CodeMailValues) -> MailText:
    """The mail that holds a code and no link: who reads only this one gets nowhere. Never log it."""
    named = words.named(values)
    return _mail(
        values,
        subject="code_subject",
        intro=words.for_kind(values, "code_asked" if values.asked else "code_first", named),
        facts=[],
        code={"code": values.code, "code_label": words.pick(values.language, "code_label", named)},
        after=[words.pick(values.language, "code_not_you", named)] if values.asked else [],
    )


def _facts(values: MailValues) -> list[tuple[str, str]]:
    language = values.language
    facts = [
        (words.for_kind(values, "number", {}), values.number),
        (words.for_kind(values, "amount", {}), wording.amount(values.amount, language)),
    ]
    if values.due_date and not values.is_credit:
        facts.append((words.pick(language, "due", {}), wording.day(values.due_date, language)))
    return facts


def _mail(
    values: Names,
    *,
    intro: str,
    facts: list[tuple[str, str]],
    link: dict[str, str] | None = None,
    code: dict[str, str] | None = None,
    after: list[str],
    subject: str = "subject",
) -> MailText:
    named = words.named(values)
    content: dict[str, Any] = {
        "language": values.language,
        "subject": words.for_kind(values, subject, named),
        "client": values.client_name,
        "intro": intro,
        "facts": facts,
        "link": link,
        "code": code,
        "after": after,
        "why_heading": words.pick(values.language, "why_heading", named),
        "why": words.for_kind(values, "why", named),
        "safe": words.pick(values.language, "safe_link" if link else "safe_pdf", named | (link or {})),
        "contact": words.pick(values.language, "contact", named),
        "sent_by": words.pick(values.language, "sent_by", named),
    }
    text = _TEXT.get_template("mail.txt").render(content)
    return MailText(content["subject"], text, _HTML.get_template("mail.html").render(content))


_TEMPLATES = Path(__file__).parent / "templates"
_LOADER = FileSystemLoader(_TEMPLATES)
_BOTH: dict[str, Any] = {"undefined": StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
_HTML = Environment(loader=_LOADER, autoescape=True, **_BOTH)
# Plain text has nothing to escape; the HTML part never uses this one.
_TEXT = Environment(loader=_LOADER, autoescape=False, keep_trailing_newline=True, **_BOTH)  # noqa: S701
