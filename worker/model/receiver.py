"""What the receiver says about an EHF after its access point has given its receipt.

Two sources. *MLS* (Peppol Message Level Status) is the receiver's access point: it has passed the document on, or not.
*Invoice Response* is the debtor's own word (UNCL4343), sent only to sellers who are registered for it. Access points
answer by MLS for failures alone unless asked for more, so silence says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Whose word it is."""

    MLS = "mls"
    INVOICE_RESPONSE = "invoice_response"


class Weight(StrEnum):
    """What a word means for us. None of them undoes a delivery: the receiver's access point has the document."""

    GOOD = "good"
    ATTENTION = "attention"  # told in the log; nobody needs to act at once
    REOPENS = "reopens"  # the invoice is parked: a person decides


@dataclass(frozen=True, slots=True)
class Response:
    """One word of the receiver's. `code` is of CODES[source], in capitals; `answer` the provider's own words."""

    source: Source
    code: str
    answer: str = ""

    @property
    def weight(self) -> Weight:
        return CODES[self.source][self.code][0]

    @property
    def meaning(self) -> str:
        return CODES[self.source][self.code][1]


CODES: dict[Source, dict[str, tuple[Weight, str]]] = {
    Source.MLS: {
        "AP": (Weight.GOOD, "passed on to the debtor"),
        "AB": (Weight.GOOD, "passed on to the debtor, unconfirmed"),
        "RE": (Weight.REOPENS, "the receiver's access point turned it down after its receipt"),
    },
    Source.INVOICE_RESPONSE: {
        "AB": (Weight.GOOD, "the debtor has received it"),
        "IP": (Weight.GOOD, "the debtor is working on it"),
        "UQ": (Weight.ATTENTION, "the debtor has a question"),
        "CA": (Weight.ATTENTION, "the debtor accepts it on conditions"),
        "RE": (Weight.REOPENS, "the debtor rejects the invoice"),
        "AP": (Weight.GOOD, "the debtor has accepted it"),
        "PD": (Weight.GOOD, "the debtor has paid, or says so"),
    },
}


def response(source: Source, code: str, answer: str = "") -> Response | None:
    """None for a code that is not in the list: the caller tells it as an unknown word."""
    found = code.strip().upper()
    return Response(source, found, answer) if found in CODES[source] else None
