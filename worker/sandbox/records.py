"""What the sandbox's counterparties hold: rows that are replaced, not changed, so no reader sees half a change.

Field names are ours; the vendors' wire names are made in the HTTP parts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

VoucherService = Literal["BankJournalVoucher", "ManualJournalVoucher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A general ledger account. `code` is what vouchers name."""

    code: int
    name: str
    active: bool = True
    vat_code: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer card in the ERP. `is_person` None: the card does not say. Empty text is left out on the wire."""

    id: int
    code: int
    name: str = ""
    is_person: bool | None = None
    first_name: str = ""
    last_name: str = ""
    organisation_number: str = ""
    address1: str = ""
    address2: str = ""
    zip: str = ""
    city: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""
    invoice_email: str = ""
    active: bool = True
    use_factoring: bool = True
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """A supplier card in the ERP; the factor, when the clearing account is a sub-ledger."""

    id: int
    code: int
    name: str = ""
    organisation_number: str = ""
    active: bool = True
    archived: bool = False
    created: datetime
    changed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice or credit note given to the factor. `status` is the vendor's number (1 Active, 5 Delivered, ...)."""

    id: str
    number: int | str
    customer_code: int
    customer_email: str | None
    total: Decimal
    invoice_date: date | None
    due_date: date | None
    original_number: int | str | None
    created: datetime
    ehf_sha256: str
    trouble: str | None = None
    status: int = 1
    status_text: str | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryCall:
    """One `delivered` or status call that changed an invoice. Refused calls are not kept: they changed nothing."""

    call: Literal["delivered", "status"]
    at: datetime
    status: int
    kid: str | None = None
    comment: str | None = None
    file_name: str | None = None
    file_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """`amount`: positive is debit, negative is credit."""

    account_code: int
    amount: Decimal
    on: date
    invoice_no: str | None = None
    cid: str | None = None
    custom_matching_reference: str | None = None
    vat_code: str = "0"
    currency_code: str | None = None
    description: str | None = None
    external_import_line_reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherDraft:
    """A voucher as it arrives, before it is posted."""

    service: VoucherService
    on: date
    currency_code: str
    lines: tuple[VoucherLine, ...]
    description: str | None = None
    reference: str | None = None
    imported_voucher_no: int | None = None
    saft_source_id: str | None = None
    saft_batch_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """A posted voucher. `reverses` names the voucher this one takes back.

    `reference_freed`: its reference may be used again, as after a reversal over v2.
    """

    id: str
    service: VoucherService
    number: int
    on: date
    currency_code: str
    lines: tuple[VoucherLine, ...]
    created: datetime
    description: str | None = None
    reference: str | None = None
    imported_voucher_no: int | None = None
    saft_source_id: str | None = None
    saft_batch_id: str | None = None
    is_reversed: bool = False
    reverses: str | None = None
    reference_freed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """A row of the customer or supplier ledger. `balance` is what is not matched yet, signed like `amount`.

    `customer_code` is the supplier's number in the supplier ledger.
    """

    id: int
    customer_code: int
    amount: Decimal
    balance: Decimal
    document_no: str | None
    voucher_type: int
    voucher_no: int
    voucher_id: str | None
    on: date
    changed: datetime
    cid: str | None = None
    match_id: int | None = None
    custom_matching_reference: str | None = None
    external_import_reference: str | None = None
    own: bool = False
    is_reversed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """`amount` (positive) of a debit entry settled by a credit entry."""

    match_id: int
    debit: int
    credit: int
    amount: Decimal


@dataclass(slots=True, kw_only=True)
class EhfSubmission:
    """One row of the access point: every submit makes one, as in phoss-ap, also a repeated key.

    `plan`: the states still to come, one a poll; the last one stays. `file` is relative to the sandbox's folder.
    """

    key: str
    sender: str
    receiver: str
    document_type: str
    process: str
    sha256: str
    file: str
    received_at: datetime
    custom1: str | None = None
    plan: list[str] = field(default_factory=lambda: ["sent"])
    polls: int = 0

    @property
    def state(self) -> str:
        """The state the next status call will tell."""
        return self.plan[min(self.polls, len(self.plan) - 1)]

    @property
    def final_state(self) -> str:
        return self.plan[-1]


@dataclass(slots=True, kw_only=True)
class StorecoveNews:
    """A piece of news in Storecove's queue about the submission `about` with our `key`."""

    guid: str
    about: str
    key: str
    receiver: str
    word: str
    body: str
    delay: int = 0
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message the mail server took. The envelope is kept here, never written into the message."""

    number: int
    file: str
    sender: str
    recipients: tuple[str, ...]
    message_id: str
    sha256: str
    size: int
    received_at: datetime
    tls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """A delivery status notification (RFC 3464) the mail server wrote for a message it had accepted."""

    file: str
    to: str
    recipient: str
    message_id: str
    at: datetime


@dataclass(slots=True, kw_only=True)
class ClientTrouble:
    """What the ERP does wrong for one client. Counters run down by themselves; see docs/sandbox.md."""

    token_refused: bool = False
    unauthorized_mid_run: int = 0
    throttle_next: int = 0
    server_error_next: int = 0
    empty_body_next: int = 0
    list_refused_next: int = 0
    voucher_500_next: int = 0
    voucher_timeout_before_accept_next: int = 0
    voucher_500_after_accept_next: int = 0
    voucher_empty_after_accept_next: int = 0
    voucher_timeout_after_accept_next: int = 0
    voucher_number_later_next: int = 0


@dataclass(slots=True, kw_only=True)
class PrintHouseTrouble:
    """What the print house's SFTP server does wrong. Counters run down by themselves.

    `coming_back`: ids of letters that the next shift gets back by mail. `receipt_files`: how many it has left.
    """

    disk_full_next: int = 0
    cut_after_rename_next: int = 0
    coming_back: list[str] = field(default_factory=list[str])
    receipt_files: int = 0
