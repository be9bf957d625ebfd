"""Values in a camt.054 message, read strictly or not at all: `Fault` says what is wrong, the caller knows where."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from worker.model.money import AmountError, Money
from worker.settlement.formats.xml_stream import XmlElement

_AMOUNT: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,5})?")
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_SIGNS: Final = {"CRDT": 1, "DBIT": -1}
_FLAGS: Final = {"": False, "false": False, "0": False, "true": True, "1": True}
_NORWEGIAN_IBAN: Final = re.compile(r"NO[0-9]{2}([0-9]{11})")
_OSLO: Final = ZoneInfo("Europe/Oslo")


class Fault(ValueError):
    """What is wrong, in words that hold nothing personal."""


def children_of(element: XmlElement | None, *names: str) -> dict[str, XmlElement]:
    """The children of these names in the element's own namespace, as far as they are there. Twice is a fault."""
    found: dict[str, XmlElement] = {}
    if element is None:
        return found
    wanted = _wanted(element.tag, names)
    for child in element:
        name = wanted.get(child.tag)
        if name is not None:
            if name in found:
                raise Fault(f"{name} stands twice")
            found[name] = child
    return found


@lru_cache(maxsize=256)
def _wanted(parent: str, names: tuple[str, ...]) -> dict[str, str]:
    """Full names to short ones, in the parent's namespace. Made once: a file asks a few questions a million times."""
    namespace = parent[: parent.index("}") + 1]
    return {namespace + name: name for name in names}


def child_of(element: XmlElement | None, *path: str) -> XmlElement | None:
    """The one element down the path, or None."""
    for name in path:
        if element is None:
            return None
        element = children_of(element, name).get(name)
    return element


def text_of(element: XmlElement | None) -> str:
    """Without surrounding blanks; empty when there is no element. What another element would cut off is a fault."""
    if element is None:
        return ""
    if len(element):
        raise Fault("an element stands inside a text")
    return str(element.text or "").strip()


def amount_of(element: XmlElement) -> Money:
    """With its own currency, never negative."""
    currency = currency_of(element.get("Ccy", ""))
    return Money(minor_of(element, currency), currency)


def currency_of(text: str) -> str:
    """ISO 4217's three letters."""
    if not _CURRENCY.fullmatch(text):
        raise Fault("an amount or account has no currency, or one that is not three capital letters")
    return text


def minor_of(element: XmlElement, currency: str) -> int:
    """An amount in minor units of a currency that is known otherwise."""
    text = text_of(element)
    if not _AMOUNT.fullmatch(text):
        raise Fault("an amount is not a number without a sign")
    try:
        return Money.of(Decimal(text), currency).minor
    except AmountError:
        raise Fault(f"an amount has more decimals than {currency} has") from None


def count_of(element: XmlElement) -> int:
    text = text_of(element)
    if not _COUNT.fullmatch(text):
        raise Fault("a count is not a number")
    return int(text)


def sign_of(element: XmlElement) -> int:
    """1 for a credit, -1 for a debit."""
    sign = _SIGNS.get(text_of(element))
    if sign is None:
        raise Fault("the mark for credit or debit is neither CRDT nor DBIT")
    return sign


def flag_of(element: XmlElement | None) -> bool:
    flag = _FLAGS.get(text_of(element))
    if flag is None:
        raise Fault("a mark is neither true nor false")
    return flag


def booking_date(element: XmlElement, *, today: date) -> date:
    """A date, or a moment's date in Norway; one to come is a fault."""
    fields = children_of(element, "Dt", "DtTm")
    try:
        if "Dt" in fields:
            found = _DATE.fullmatch(text_of(fields["Dt"]))
            booked = date.fromisoformat(found[1] if found else "")
        else:
            moment = datetime.fromisoformat(text_of(fields.get("DtTm")))
            booked = (moment.astimezone(_OSLO) if moment.tzinfo else moment).date()
    except (ValueError, OverflowError) as error:
        if isinstance(error, Fault):
            raise
        raise Fault("the booking date is not a date") from None
    if booked > today:
        raise Fault(f"the booking date {booked.isoformat()} is still to come")
    return booked


def account_number(text: str) -> str:
    """An account as we write it: eleven digits for a Norwegian one, also from its IBAN; others without blanks."""
    bare = re.sub(r"[\s.]", "", text).upper()
    found = _NORWEGIAN_IBAN.fullmatch(bare)
    return found[1] if found else bare


def account_of(element: XmlElement | None) -> str:
    """From Acct or DbtrAcct; empty when none is named."""
    identity = children_of(child_of(element, "Id"), "IBAN", "Othr")
    return account_number(text_of(identity.get("IBAN")) or text_of(child_of(identity.get("Othr"), "Id")))


def name_of(party: XmlElement | None) -> str:
    """A party's name; version 001.08 has one level more."""
    fields = children_of(party, "Nm", "Pty")
    return " ".join(text_of(fields.get("Nm") if "Nm" in fields else child_of(fields.get("Pty"), "Nm")).split())
