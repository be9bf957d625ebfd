"""What settlement files say: payments from the bank, events from the factor's own ledger. Plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.model.money import Money


class EventKind(StrEnum):
    """What can happen to a claim or between factor and client. The feed's closed list (docs/ledger-feed.md)."""

    PAYMENT = "payment"
    ADMINISTRATIVE_FEE = "administrative_fee"
    FINANCIAL_FEE = "financial_fee"
    INTEREST_CHARGED = "interest_charged"
    INTEREST_PAID = "interest_paid"
    ADVANCE = "advance"
    PAYOUT = "payout"
    BALANCE_CHANGE = "balance_change"
    CREDIT_OFFSET = "credit_offset"
    WRITE_OFF = "write_off"
    RECOURSE = "recourse"
    DISPUTE = "dispute"
    COMPLETED = "completed"
    DUE_DATE_CHANGE = "due_date_change"
    DIRECT_PAYMENT = "direct_payment"


class SourceFormat(StrEnum):
    """The file formats the inbox takes."""

    OCR_GIRO = "ocr_giro"
    CAMT_054 = "camt_054"
    LEDGER_FEED = "ledger_feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankPayment:
    """One credit, or a reversal of one, on a factor account as a bank file states it.

    `amount` is signed: negative for a reversal or a credit note line. `kid` is the text as given, empty when none; it
    is validated by whoever matches. `position` names the place in the file (line or path) for a person. `fingerprint`
    is the same for the same transaction in any file; true twins in a file differ in `occurrence` (1, 2, …).
    `identified`: the bank's own reference is in the fingerprint, so that the same in another file is the same payment.
    """

    account: str
    booking_date: date
    amount: Money
    kid: str = ""
    text: str = ""
    invoice_numbers: tuple[str, ...] = ()
    payer_name: str = ""
    payer_account: str = ""
    archive_reference: str = ""
    reversal: bool = False
    position: str = ""
    fingerprint: str = ""
    occurrence: int = 1
    identified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One line of the factor's ledger feed. `event_id` is the factor's own and unique: sent again, it is no new event.

    `amount` is positive unless the kind is balance_change, where it is signed; None where the kind has no amount.
    """

    event_id: str
    client: str
    kind: EventKind
    date: date
    amount: Money | None = None
    invoice_number: str = ""
    kid: str = ""
    debtor_code: str = ""
    text: str = ""
    new_due_date: date | None = None
    position: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Part of a sound file that is not for us (card terminals, another service): counted and summed, never unsaid."""

    what: str
    transactions: int
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementFile:
    """A file read whole and found sound. `identity` is what the sender calls it (for recognising a re-sent file);
    `copy`: the sender says that it has told all of it before."""

    format: SourceFormat
    identity: str
    sha256: str
    payments: tuple[BankPayment, ...] = ()
    events: tuple[FeedEvent, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    copy: bool = False


class FileRefused(ValueError):
    """The file is not taken, not even in part. `line` is the first line (or element) at fault; the message says what a
    bookkeeper can understand and holds no personal data."""

    def __init__(self, message: str, *, line: str = "") -> None:
        super().__init__(message)
        self.line = line
