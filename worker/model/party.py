"""Who is who: postal addresses, organisation numbers, the debtor as the ERP's customer card tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stdnum.no import orgnr as _orgnr


def digits(text: str | None) -> str:
    """Only the digits of a text."""
    return re.sub(r"\D", "", text or "")


def organisation_number(text: str | None) -> str | None:
    """The nine digits of a Norwegian organisation number with a right check digit (mod-11), else None.

    Accepts the ways people write it: blanks, `NO` before, `MVA` after (bokføringsforskriften § 5-1-1 nr 2).
    """
    if not text:
        return None
    bare = re.sub(r"[\s.]", "", text).upper()
    bare = bare.removeprefix("NO").removesuffix("MVA")
    return bare if re.fullmatch(r"\d{9}", bare) and _orgnr.is_valid(bare) else None


def company_id(text: str | None) -> str | None:
    """A company identifier in comparable form: the Norwegian nine digits when it is one, else upper case, no blanks."""
    if not text or not text.strip():
        return None
    return organisation_number(text) or re.sub(r"\s", "", text).upper()


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """A postal address. `country` is ISO 3166-1 alpha-2; empty means Norway (the ERP leaves it out)."""

    line1: str = ""
    line2: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """The names of what is missing for a letter to arrive; empty when complete.

        Outside Norway the postal code may be absent: not every country has them.
        """
        gaps: list[str] = []
        if not (self.line1.strip() or self.line2.strip()):
            gaps.append("address")
        if not self.postal_code.strip() and self.norwegian:
            gaps.append("postal code")
        if not self.city.strip():
            gaps.append("city")
        return tuple(gaps)

    @property
    def norwegian(self) -> bool:
        return self.country.upper() in ("", "NO")

    @property
    def odd_postal_code(self) -> bool:
        """A Norwegian postal code that is not four digits: a letter may not arrive."""
        return self.norwegian and not re.fullmatch(r"(?:NO-?)?\d{4}", self.postal_code.strip())

    @property
    def complete(self) -> bool:
        return not self.missing


@dataclass(frozen=True, slots=True)
class DebtorCard:
    """The ERP's customer card, as far as we need it. `is_person` None: the card does not say."""

    code: str
    name: str = ""
    is_person: bool | None = None
    first_name: str = ""
    last_name: str = ""
    organisation_number: str = ""
    address: PostalAddress = field(default_factory=PostalAddress)
    phone: str = ""
    invoice_email: str = ""
    email: str = ""


_ADDRESS = re.compile(r"[^@\s,;<>\"()\[\]\\]+@[^@\s,;<>\"()\[\]\\.]+(?:\.[^@\s,;<>\"()\[\]\\.]+)+")


MOST_ADDRESSES = 10  # PowerOffice's own limit for the field


def email_addresses(text: str | None) -> tuple[str, ...]:
    """The addresses in a field that may hold several separated by `;` or `,`: each once, and the first ten.

    What is not an address is left out; none gives an empty tuple. Control characters never pass.
    """
    return all_email_addresses(text)[:MOST_ADDRESSES]


def all_email_addresses(text: str | None) -> tuple[str, ...]:
    """The same, however many there are."""
    found: dict[str, str] = {}
    for part in re.split(r"[;,]", text or ""):
        address = part.strip()
        if _ADDRESS.fullmatch(address) and address.isprintable():
            found.setdefault(address.lower(), address)
    return tuple(found.values())
