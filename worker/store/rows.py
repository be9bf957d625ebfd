"""Rows as typed values. Field names and order-free contents are the tables' columns, one to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Self

from sqlalchemy import RowMapping

from worker.model.money import Money


class _FromRow:
    @classmethod
    def of(cls, row: RowMapping) -> Self:
        return cls(**row)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceRow(_FromRow):
    id: int
    client: str
    erp: str
    erp_id: str
    kind: str
    number: str
    debtor_code: str
    state: str
    parked_reason: str | None
    parked_detail: str | None
    return_state: str | None
    erp_row: dict[str, Any]
    debtor: dict[str, Any] | None
    currency: str | None
    payable_minor: int | None
    issue_date: date | None
    due_date: date | None
    is_credit: bool | None
    original_sha256: str | None
    stamped_sha256: str | None
    pdf_sha256: str | None
    pdf_pages: int | None
    account: str | None
    kid: str | None
    notice_version: str | None
    language: str | None
    registered_as: str | None
    route: str | None
    route_reason: str | None
    credited_number: str | None
    fetched_at: datetime
    updated_at: datetime
    documents_state: str = "kept"
    personal_data_removed_at: datetime | None = None
    parked_since: datetime | None = None
    parked_for: str | None = None

    @property
    def waits_since(self) -> datetime:
        """Of a parked one: since when it has waited for this reason, however often it was looked at again."""
        return self.parked_since or self.updated_at

    @property
    def total(self) -> Money | None:
        if self.payable_minor is None or self.currency is None:
            return None
        return Money(self.payable_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow(_FromRow):
    id: int
    invoice_id: int
    number: int
    channel: str
    state: str
    address: str
    reason: str
    key: str
    due_at: datetime
    attempts: int
    lease_until: datetime | None
    fence: int
    handed_over_at: datetime | None
    opened_at: datetime | None
    ended_reason: str | None
    vendor_reference: str | None
    asked_by: str | None
    created_at: datetime
    batch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostbackRow(_FromRow):
    id: int
    invoice_id: int
    delivery_id: int | None
    kind: str
    status: str
    state: str
    due_at: datetime
    attempts: int
    lease_until: datetime | None
    fence: int
    text: str | None
    done_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow(_FromRow):
    id: int
    invoice_id: int
    delivery_id: int | None
    at: datetime
    event: str
    from_state: str | None
    to_state: str | None
    detail: str | None
    sequence: int
    detail_sha256: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow(_FromRow):
    id: int
    subject: str
    subject_id: int
    fence: int
    act: str
    started_at: datetime
    ended_at: datetime
    outcome: str
    vendor_reference: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow(_FromRow):
    id: int
    invoice_id: int
    at: datetime
    channel: str | None
    reason: str
    considered: list[list[str]]
    evidence: list[dict[str, Any]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow(_FromRow):
    client: str
    job: str
    slot: datetime
    state: str
    owner: str
    lease_until: datetime
    started_at: datetime
    ended_at: datetime | None
    summary: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow(_FromRow):
    """One settlement file, taken or quarantined."""

    id: int
    name: str
    sha256: str
    format: str | None
    identity: str | None
    state: str
    reason: str
    line: str
    items: int
    known_items: int
    skipped: list[dict[str, Any]] | None
    received_at: datetime
    documents_state: str = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceRow(_FromRow):
    """One message of the bounce mailbox."""

    id: int
    fingerprint: str
    kind: str
    outcome: str
    reason: str
    delivery_id: int | None
    code_request_id: int | None
    status: str
    detail: str
    mailbox_uid: str
    arrived_at: datetime | None
    noted_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow(_FromRow):
    """One thing the print house has said, or a file nobody can read."""

    id: int
    fingerprint: str
    status: str
    outcome: str
    reason: str
    delivery_id: int | None
    job: str
    detail: str
    file: str
    said_at: datetime | None
    noted_at: datetime
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow(_FromRow):
    """One payment or event of the settlement."""

    id: int
    file_id: int
    source_key: str
    fingerprint: str | None = None
    position: str
    part_of: int | None
    kind: str
    client: str | None
    invoice_id: int | None
    event_date: date
    amount_minor: int | None
    currency: str | None
    facts: dict[str, Any]
    state: str
    reason: str | None
    note: str
    decided_at: datetime | None
    corrected_at: datetime | None = None
    created_at: datetime
    personal_data_removed_at: datetime | None = None

    @property
    def amount(self) -> Money | None:
        if self.amount_minor is None or self.currency is None:
            return None
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherRow(_FromRow):
    id: int
    client: str
    reference: str
    kind: str
    date: date
    content: dict[str, Any]
    state: str
    reversal_of: int | None
    erp_id: str | None
    erp_number: str | None
    answer: str
    held: str | None
    due_at: datetime
    attempts: int
    lease_until: datetime | None
    fence: int
    created_at: datetime
    posted_at: datetime | None
    personal_data_removed_at: datetime | None = None
