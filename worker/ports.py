"""Every door to the outside: small protocols, keyword-only, plain values.

Adapters implement them; only `wiring` knows which. A call either returns, or raises one of model.outcomes:
Refused, TryLater, SlowDown, UnknownOutcome. Adapters never touch the store, never log about an invoice, and decide no
status: the step that calls does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from worker.model.channel import ReachAnswer
from worker.model.document import Kind
from worker.model.findings import Verdict
from worker.model.money import Money
from worker.model.party import DebtorCard
from worker.model.voucher import Voucher, VoucherAccount, VoucherKind

# --- the client's ERP ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ErpInvoice:
    """One row of the ERP's list of invoices it has given to the factor.

    `total` is in major units as the ERP's number says, without currency (PowerOffice's list has none).
    `kind` is what the list says: a credit note names the invoice it credits.
    `raw` is the row as received (JSON text), kept as evidence.
    """

    erp_id: str
    number: str
    kind: Kind
    customer_code: str
    customer_email: str
    total: str
    invoice_date: date | None
    due_date: date | None
    original_number: str
    created_at: datetime | None
    raw: str


class FactoringStatus(StrEnum):
    """Our words for the ERP's factoring status."""

    ACTIVE = "active"
    DELIVERED = "delivered"
    COMPLAINED = "complained"
    COMPLETED = "completed"
    FORFEIT = "forfeit"


@dataclass(frozen=True, slots=True)
class ErpIdentity:
    """Who the ERP says the client key belongs to."""

    name: str
    organisation_number: str
    privileges: frozenset[str]
    invalid_privileges: frozenset[str]


class Erp(Protocol):
    """One client's ERP, seen by a factor."""

    async def identity(self) -> ErpIdentity:
        """Whose key this is and what it may do."""
        ...

    def available_invoices(self) -> AsyncIterator[ErpInvoice]:
        """Every invoice and credit note waiting for us, paged behind the scenes, oldest number first."""
        ...

    async def invoice_document(self, *, erp_id: str) -> bytes:
        """The document's bytes exactly as the ERP gives them, whatever they are. Raises Refused on the ERP's no."""
        ...

    async def debtor_cards(self, *, codes: Sequence[str]) -> dict[str, DebtorCard]:
        """Customer cards by customer number, fetched in batches. A number without a card is absent from the answer."""
        ...

    async def report_delivered(self, *, erp_id: str, kid: str, comment: str, file_name: str, pdf: bytes) -> None:
        """Tell the ERP the invoice is delivered, with the PDF as delivered. Once an invoice; a second is Refused."""
        ...

    async def report_status(self, *, erp_id: str, status: FactoringStatus, text: str) -> None:
        """Tell the ERP what happened afterwards. Refused before `report_delivered` has succeeded."""
        ...

    async def was_delivered(self, *, erp_id: str) -> bool:
        """Ask whether `report_delivered` got through; waits out the ERP's replica lag first."""
        ...

    async def reported_status(self, *, erp_id: str) -> tuple[FactoringStatus | None, str] | None:
        """Ask for the status and text the ERP now holds; None when it does not list the invoice as delivered."""
        ...

    async def aclose(self) -> None: ...


# --- the client's books ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostedVoucher:
    """A voucher as the ERP holds it. `lines`: (account number, amount) as posted, debit positive."""

    erp_id: str
    number: str
    reference: str
    date: date
    lines: tuple[tuple[str, Money], ...]
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account of the client's chart, or a sub-ledger."""

    account: VoucherAccount
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An unsettled entry on a debtor's sub-ledger. `balance`: what is left, debit positive."""

    entry_id: str
    customer_code: str
    document_number: str
    balance: Money


class VoucherBook(Protocol):
    """Posting into one client's books."""

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        """Posts it. Refused also when the reference is taken: then `find` and compare."""
        ...

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        """The voucher we posted under `reference`; waits out the ERP's replica lag. `date`: its posting date."""
        ...

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        """Posts the reversal of a voucher of ours."""
        ...

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        """Those that exist, active or not; one that does not exist is absent."""
        ...

    async def lock_date(self) -> date | None:
        """Nothing may be posted on or before it."""
        ...

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        """What is unsettled on a debtor's sub-ledger now."""
        ...

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        """Settles entries against each other. Refused where the ERP has no such call."""
        ...

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        """The account's balance at the end of a day, debit positive, in NOK."""
        ...

    async def aclose(self) -> None: ...


# --- EHF: can they receive it, and the access point ----------------------------------------------


class ReachLookup(Protocol):
    """The Peppol look-up (SML and SMP)."""

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        """Whether `participant` ("0192:986252932") can receive this kind now. Never raises: trouble is UNKNOWN."""
        ...


@dataclass(frozen=True, slots=True)
class OutboundDocument:
    """One document for the access point. `key` is ours, the same on every try: SBDH instance id."""

    key: str
    kind: Kind
    sender: str
    receiver: str
    document_type_id: str
    process_id: str
    country: str
    xml: bytes


class SubmissionState(StrEnum):
    """What an access point says of a document. `vendor word unknown to us` is QUEUED plus an alarm, never more."""

    QUEUED = "queued"  # it has it but could not send it yet; it may still give up
    SUBMITTED = "submitted"  # it has taken it over; a receipt may follow
    DELIVERED = "delivered"  # receipt from the receiver's access point
    REFUSED = "refused"  # given up for good


@dataclass(frozen=True, slots=True)
class Submission:
    """The access point's word. `known_word` False: the vendor said something not in our table (raise an alarm)."""

    state: SubmissionState
    vendor_reference: str
    answer: str
    known_word: bool = True


class AccessPoint(Protocol):
    """The way into the Peppol network."""

    async def submit(self, *, document: OutboundDocument) -> Submission:
        """Hand the document over. Never call twice for a key without asking `status` in between."""
        ...

    async def status(self, *, key: str) -> Submission | None:
        """What became of it; None when the access point has never seen the key."""
        ...

    async def aclose(self) -> None: ...


# --- the official rules ---------------------------------------------------------------------------


class RulesUnavailable(Exception):
    """The rules cannot be used, which says nothing about the document. The message names the file or what is missing,
    never content of a document."""


class DocumentRules(Protocol):
    """UBL schema, EN 16931 and Peppol BIS Billing rules."""

    async def check(self, *, xml: bytes, kind: Kind, on: date) -> Verdict:
        """What the versions that apply on that day say of the document. One that took too long has a fatal finding.

        Raises RulesUnavailable, and DocumentError for what the worker would not read.
        """
        ...

    def describe(self) -> str:
        """Which rules there are, in words for `status`."""
        ...

    async def aclose(self) -> None: ...


# --- e-mail ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MailAttachment:
    file_name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutboundMail:
    """One e-mail. `message_id` is ours and the same on every try. `to` may hold several addresses."""

    message_id: str
    to: tuple[str, ...]
    sender_name: str
    subject: str
    text: str
    html: str
    date: datetime
    reply_to: str = ""
    attachments: tuple[MailAttachment, ...] = ()


class Mailer(Protocol):
    """An open connection to the mail server; many messages may go over it."""

    async def send(self, *, mail: OutboundMail) -> str:
        """Returns the server's words ("250 queued as ..."). Refused when no recipient was accepted (5xx)."""
        ...


class MailServer(Protocol):
    def session(self) -> AbstractAsyncContextManager[Mailer]:
        """Connects lazily at the first message; closes at exit."""
        ...


# --- letters --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One letter. `job_id` is ours, the same on every try, and safe in a file name."""

    job_id: str
    client: str
    invoice_number: str
    pdf: bytes
    pages: int
    address_lines: tuple[str, ...]
    return_address: str
    colour: bool
    duplex: bool
    created_at: datetime


class PrintHouse(Protocol):
    """Where letters are printed and posted."""

    async def hand_over(self, *, job: PrintJob) -> str:
        """Hands over PDF and manifest, manifest last; returns the print house's reference. Twice is harmless."""
        ...

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Whether the whole job (same name, same bytes) lies there or has been fetched."""
        ...

    async def aclose(self) -> None: ...


# --- our own shelves ------------------------------------------------------------------------------


class DocumentLost(Exception):
    """The document is not there, or its bytes no longer match their hash."""


class DocumentStore(Protocol):
    """Document bytes keyed by SHA-256 (lower-case hex). Writing the same bytes twice is one document."""

    def put(self, *, content: bytes) -> str:
        """Durable when it returns. Raises OSError (disk full, read-only)."""
        ...

    def get(self, *, sha256: str) -> bytes:
        """Raises DocumentLost."""
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """The invoice as the factor's asset, as registered with the factor's ledger (docs/registered-claim.md)."""

    client: str
    client_organisation_number: str
    client_number: str
    erp: str
    erp_id: str
    kind: Kind
    number: str
    credited_numbers: tuple[str, ...]
    issue_date: date
    due_date: date | None
    total: Money
    factor_account: str
    kid: str
    debtor_code: str
    debtor_name: str
    debtor_is_person: bool
    debtor_organisation_number: str
    debtor_address_lines: tuple[str, ...]
    debtor_email: str
    debtor_phone: str
    notice_version: str
    original_sha256: str
    stamped_sha256: str
    stamped_xml: bytes
    registered_at: datetime


class FactorLedger(Protocol):
    """The factor's own ledger, taking claims as files."""

    async def register(self, *, claim: Claim) -> str:
        """Writes the claim, whole or not at all, exactly once; returns its file name. Raises OSError."""
        ...
