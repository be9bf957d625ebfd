"""A letter as the print house knows it: its name, its terms, and what the print house says of it. Pure.

docs/print-manifest.md is the agreement. Names are made from our own ids and must come out the same after an upgrade.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class PostClass(StrEnum):
    """How fast the letter goes."""

    A = "a"
    B = "b"


class ReturnHandling(StrEnum):
    """What the print house does with mail that comes back to it. It says so in a receipt either way."""

    RETURN = "return"  # sent on to the return address
    DESTROY = "destroy"


class ReceiptStatus(StrEnum):
    """What a print house can say of a letter."""

    RECEIVED = "received"
    REJECTED = "rejected"
    PRINTED = "printed"
    POSTED = "posted"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterReceipt:
    """One thing said. `job`: as named there; `client` as well, empty when not named. `words`: the reason, cleaned and
    cut. `at`: by the print house's clock."""

    job: str
    status: ReceiptStatus
    at: datetime
    client: str = ""
    words: str = field(default="", repr=False)

    @property
    def fingerprint(self) -> str:
        """The same however often, and in whatever file, it is said."""
        said = "\x1f".join((self.job, self.status, self.at.isoformat(), self.client, self.words))
        return hashlib.sha256(said.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFile:
    """A receipt file, read. `sha256`: of its bytes, or of how it was listed when it was too large to be read. `faults`:
    what in it nobody can read, in our words, by line."""

    name: str = field(repr=False)
    sha256: str
    receipts: tuple[LetterReceipt, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobName:
    """What a job id is made of. `key`: how the delivery's key begins."""

    client: str
    invoice_id: int
    number: int
    key: str


_JOB = re.compile(
    r"(?P<client>[a-z0-9][a-z0-9_-]{0,62})-(?P<invoice>[1-9][0-9]{0,17})-(?P<number>[1-9][0-9]{0,8})"
    r"-(?P<key>[0-9a-f]{8})"
)


def job_id(*, client: str, invoice_id: int, number: int, key: str) -> str:
    """The letter's name at the print house: client, our id of the invoice, number of the delivery, start of its key."""
    return f"{client}-{invoice_id}-{number}-{key[:8]}"


def read_job_id(text: str) -> JobName | None:
    """None for what is not made like ours."""
    found = _JOB.fullmatch(text)
    return JobName(found["client"], int(found["invoice"]), int(found["number"]), found["key"]) if found else None


def batch_id(*, client: str, keys: Iterable[str]) -> str:
    """The batch's name at the print house, made from the keys of the deliveries that begin it."""
    return f"{client}-batch-{hashlib.sha256(' '.join(keys).encode()).hexdigest()[:12]}"


class ReceiptWaits(StrEnum):
    """Why a receipt waits for a person (docs/operating.md)."""

    UNREADABLE = "unreadable"
    UNKNOWN_JOB = "unknown_job"
    OTHER_CLIENT = "other_client"
    NOT_SENT = "not_sent"
    CONTRADICTORY = "contradictory"
    INVOICE_STANDS_STILL = "invoice_stands_still"


RECEIPT_WAITS: dict[str, str] = {
    ReceiptWaits.UNREADABLE: "a file with something in it that nobody can read; it lies in receipts/refused/",
    ReceiptWaits.UNKNOWN_JOB: "it names no letter of ours",
    ReceiptWaits.OTHER_CLIENT: "it names another client than the letter's",
    ReceiptWaits.NOT_SENT: "it names a letter that has never been handed over",
    ReceiptWaits.CONTRADICTORY: "it contradicts what the print house has said before",
    ReceiptWaits.INVOICE_STANDS_STILL: "the letter of an invoice came back that is withdrawn or parked otherwise",
}
