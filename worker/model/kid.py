"""KID, the Norwegian payment reference: check digits, and layouts as data.

Rules from the OCR giro specification: digits only, at most 25 of them, the last a check digit by MOD10 or MOD11. We
make 4–25; 2–25 are accepted when reading what others made. MOD11 can come to `-`, which trips payers and is never made
here.
A KID is a string always: leading zeros carry meaning.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from worker.model.parked import ParkedReason

MIN_LENGTH: Final = 4
MAX_LENGTH: Final = 25
_DIGITS = re.compile(r"[0-9]+")
_SEGMENT = re.compile(r"(?P<constant>[0-9]+)|(?P<part>client|debtor|invoice):(?P<width>[0-9]{1,2})")


class KidAlgorithm(StrEnum):
    """How the check digit is made, as agreed with the bank for the account."""

    MOD10 = "MOD10"
    MOD11 = "MOD11"


class KidLayoutError(ValueError):
    """The layout in the settings cannot be used; the message says what to do about it."""


class KidError(ValueError):
    """No KID can be made for this invoice. `reason` is what it is parked under."""

    reason = ParkedReason.UNEXPECTED


class KidOverflow(KidError):
    """A number is wider than its segment. It is never cut: a cut KID belongs to another invoice."""

    reason = ParkedReason.KID_OVERFLOW

    def __init__(self, segment: str, width: int) -> None:
        super().__init__(f"the {segment} number is wider than its {width} digits in the KID layout")
        self.segment = segment


class KidNotNumeric(KidError):
    """A number holds other signs than digits, or none at all."""

    reason = ParkedReason.KID_NOT_NUMERIC

    def __init__(self, segment: str) -> None:
        super().__init__(f"the {segment} number does not consist of digits")
        self.segment = segment


class KidNoCheckDigit(KidError):
    """MOD11 comes to `-` for this number."""

    reason = ParkedReason.KID_NO_CHECK_DIGIT

    def __init__(self) -> None:
        super().__init__("MOD11 gives no digit for this number")


def mod10(body: str) -> str:
    """The check digit of `body` (digits): weights 2, 1, 2, 1… from the right, the digits of the products summed."""
    total = 0
    for position, digit in enumerate(reversed(body)):
        product = int(digit) * (2 if position % 2 == 0 else 1)
        total += product // 10 + product % 10
    return str(-total % 10)


def mod11(body: str) -> str:
    """The check digit of `body` (digits), or `-`: weights 2 to 7 repeating from the right, 11 less the remainder."""
    total = sum(int(digit) * (2 + position % 6) for position, digit in enumerate(reversed(body)))
    remainder = -total % 11
    return "-" if remainder == 10 else str(remainder)


_CHECK = {KidAlgorithm.MOD10: mod10, KidAlgorithm.MOD11: mod11}


def is_valid(kid: str, algorithm: KidAlgorithm | str) -> bool:
    """Whether `kid`, made by anyone, has 2–25 signs and the right check digit. A MOD11 KID may end in `-`."""
    if not 2 <= len(kid) <= MAX_LENGTH or not _DIGITS.fullmatch(kid[:-1]):
        return False
    return _CHECK[KidAlgorithm(algorithm)](kid[:-1]) == kid[-1]


@dataclass(frozen=True, slots=True)
class Segment:
    """A constant (`part` empty), or the number of the client, debtor or invoice padded with zeros to `width`."""

    width: int
    part: str = ""
    constant: str = ""


@dataclass(frozen=True, slots=True)
class KidLayout:
    """How one client's KIDs are composed. The check digit comes after the segments."""

    segments: tuple[Segment, ...]
    algorithm: KidAlgorithm

    @classmethod
    def parse(cls, text: str, *, algorithm: KidAlgorithm | str) -> KidLayout:
        """From the settings' words, such as `9 client:4 invoice:8 00`. Raises KidLayoutError."""
        try:
            chosen = KidAlgorithm(algorithm)
        except ValueError:
            raise KidLayoutError(
                "the KID algorithm is neither MOD10 nor MOD11: write the one agreed with the bank"
            ) from None
        segments = tuple(_segment(word) for word in text.split())
        parts = [segment.part for segment in segments if segment.part]
        if "invoice" not in parts:
            raise KidLayoutError("the KID layout has no invoice number: add `invoice:<width>`, or KIDs are not unique")
        if len(parts) != len(set(parts)):
            raise KidLayoutError("a number stands twice in the KID layout: name client, debtor and invoice once each")
        layout = cls(segments, chosen)
        if not MIN_LENGTH <= layout.length <= MAX_LENGTH:
            raise KidLayoutError(
                f"the KID would have {layout.length} digits with its check digit: make it {MIN_LENGTH}–{MAX_LENGTH}"
            )
        return layout

    @property
    def length(self) -> int:
        """Digits in all, with the check digit: the length to register with the bank."""
        return sum(segment.width for segment in self.segments) + 1

    def make(self, *, client: str, debtor: str, invoice: str) -> str:
        """The KID. Values whose part is not in the layout are not looked at.

        Raises KidOverflow, KidNotNumeric, KidNoCheckDigit.
        """
        values = {"client": client, "debtor": debtor, "invoice": invoice}
        body = "".join(
            _padded(segment, values[segment.part]) if segment.part else segment.constant for segment in self.segments
        )
        check = _CHECK[self.algorithm](body)
        if check == "-":
            raise KidNoCheckDigit
        return body + check

    def example(self, *, client: str) -> str:
        """A made-up KID of this layout. Raises KidOverflow, KidNotNumeric for the client's number."""
        for invoice in range(1, 10):
            numbers = {s.part: str(12345 + invoice)[-s.width :] for s in self.segments if s.part}
            with suppress(KidNoCheckDigit):
                return self.make(
                    client=client, debtor=numbers.get("debtor", ""), invoice=numbers.get("invoice", str(invoice))
                )
        raise KidNoCheckDigit

    def may_meet(self, client: str, other: KidLayout, other_client: str) -> bool:
        """Whether two clients' KIDs could be the same: equally long, and nowhere told apart by digits that are fixed.

        Raises KidOverflow, KidNotNumeric for the clients' numbers.
        """
        if self.length != other.length:
            return False
        digits = zip(self._fixed(client), other._fixed(other_client), strict=True)
        return all(one == another or None in (one, another) for one, another in digits)

    def _fixed(self, client: str) -> list[str | None]:
        found: list[str | None] = []
        for segment in self.segments:
            same = segment.constant or (_padded(segment, client) if segment.part == "client" else "")
            found += list(same) if same else [None] * segment.width
        return found

    def matches(self, kid: str) -> bool:
        """Whether `kid` could come from this layout: length, constants, check digit."""
        if len(kid) != self.length or not _DIGITS.fullmatch(kid) or not is_valid(kid, self.algorithm):
            return False
        start = 0
        for segment in self.segments:
            if segment.constant and kid[start : start + segment.width] != segment.constant:
                return False
            start += segment.width
        return True


def _segment(word: str) -> Segment:
    found = _SEGMENT.fullmatch(word)
    if not found:
        raise KidLayoutError(
            "a KID layout is digits, `client:<width>`, `debtor:<width>` and `invoice:<width>` with blanks between"
        )
    if found["constant"]:
        return Segment(width=len(found["constant"]), constant=found["constant"])
    width = int(found["width"])
    if width == 0:
        raise KidLayoutError(f"`{found['part']}` has no width in the KID layout: give it at least one digit")
    return Segment(width=width, part=found["part"])


def _padded(segment: Segment, value: str) -> str:
    if not _DIGITS.fullmatch(value):
        raise KidNotNumeric(segment.part)
    if len(value) > segment.width:
        raise KidOverflow(segment.part, segment.width)
    return value.rjust(segment.width, "0")
