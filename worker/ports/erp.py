"""The client's ERP, seen by a factor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from worker.model.document import Kind
from worker.model.party import DebtorCard


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

    def delivered_invoices(self, *, since: datetime) -> AsyncIterator[ErpInvoice]:
        """Every invoice and credit note made in the ERP since then that it has as delivered by us, paged, oldest number
        first; waits out the ERP's replica lag first."""
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
