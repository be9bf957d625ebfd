"""What has been paid on one invoice, and what is left of it, for whoever is asked on the telephone. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, and_, select

from worker.model.document import Kind
from worker.model.journey import JourneyState
from worker.store.rows import InvoiceRow
from worker.store.settlement import REDUCES, SETTLES
from worker.store.tables import invoices, settlement_items, voucher_items, vouchers

_SHOWN = (*SETTLES, "waiting")


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment or event that belongs to the invoice. `left_minor`: what was left to pay after it; None when it lessens
    nothing (a fee, or one that still waits for a person). `voucher`: its number in the ERP, or ours and how it stands.
    """

    item_id: int
    date: date
    kind: str
    state: str
    reason: str | None
    amount_minor: int | None
    currency: str | None
    left_minor: int | None
    voucher: str


def of_invoice(tx: Connection, invoice: InvoiceRow) -> list[Payment]:
    """In the order of their dates. What the last one leaves is what the portal shows the debtor as left to pay."""
    items, books = settlement_items.c, vouchers.c
    rows = tx.execute(
        select(settlement_items, books.id.label("voucher_id"), books.state.label("voucher_state"), books.erp_number)
        .outerjoin(voucher_items, voucher_items.c.item_id == items.id)
        .outerjoin(vouchers, and_(books.id == voucher_items.c.voucher_id, books.reversal_of.is_(None)))
        .where(items.invoice_id == invoice.id, items.state.in_(_SHOWN))
        .order_by(items.event_date, items.id, books.id)
    ).mappings()
    left = invoice.payable_minor or 0
    found: dict[int, Payment] = {}
    for row in rows:
        if row["id"] in found and row["voucher_id"] is None:
            continue  # the same item beside a reversal
        counts = row["kind"] in REDUCES and row["state"] in SETTLES
        if counts and row["id"] not in found:
            left -= row["amount_minor"] or 0
        found[row["id"]] = Payment(
            item_id=row["id"],
            date=row["event_date"],
            kind=row["kind"],
            state=row["state"],
            reason=row["reason"],
            amount_minor=row["amount_minor"],
            currency=row["currency"],
            left_minor=left if counts else None,
            voucher=_voucher(row["voucher_id"], row["voucher_state"], row["erp_number"]),
        )
    return list(found.values())


def _voucher(ours: int | None, state: str | None, number: str | None) -> str:
    if ours is None:
        return ""
    return f"{number} in the ERP" if state == "posted" and number else f"ours {ours}, {state}"


def credit_notes(tx: Connection, invoice: InvoiceRow) -> list[InvoiceRow]:
    """The credit notes of its client that name it, but for those withdrawn."""
    if invoice.kind != Kind.INVOICE:
        return []
    own = (
        invoices.c.client == invoice.client,
        invoices.c.credited_number == invoice.number,
        invoices.c.currency == invoice.currency,
        invoices.c.kind == Kind.CREDIT_NOTE,
        invoices.c.state != JourneyState.WITHDRAWN,
    )
    return [InvoiceRow.of(row) for row in tx.execute(select(invoices).where(*own).order_by(invoices.c.id)).mappings()]
