"""What a client's daily statement is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.tables import deliveries, invoices, settlement_items


@dataclass(frozen=True, slots=True)
class Day:
    """`delivered`: with the channel. `items`: payments and events decided within the time, with their invoice."""

    taken: list[InvoiceRow]
    delivered: list[tuple[InvoiceRow, str]]
    items: list[tuple[ItemRow, InvoiceRow | None]]


def of_client(db: Database, *, client: str, start: datetime, end: datetime) -> Day:
    """What happened from `start` until before `end`, oldest first."""
    with db.read() as tx:
        taken = tx.execute(
            select(invoices)
            .where(invoices.c.client == client, invoices.c.fetched_at >= start, invoices.c.fetched_at < end)
            .order_by(invoices.c.id)
        ).mappings()
        delivered = tx.execute(
            select(invoices.c.id, deliveries.c.channel)
            .join(deliveries, deliveries.c.invoice_id == invoices.c.id)
            .where(
                invoices.c.client == client,
                deliveries.c.handed_over_at >= start,
                deliveries.c.handed_over_at < end,
            )
            .order_by(deliveries.c.id)
        ).all()
        rows = [
            ItemRow.of(row)
            for row in tx.execute(
                select(settlement_items)
                .where(
                    settlement_items.c.client == client,
                    settlement_items.c.state.in_(["matched", "booked", "told"]),
                    settlement_items.c.decided_at >= start,
                    settlement_items.c.decided_at < end,
                )
                .order_by(settlement_items.c.id)
            ).mappings()
        ]
        about = {row.invoice_id for row in rows if row.invoice_id is not None} | {row.id for row in delivered}
        known = {
            row["id"]: InvoiceRow.of(row)
            for row in tx.execute(select(invoices).where(invoices.c.id.in_(about))).mappings()
        }
        return Day(
            taken=[InvoiceRow.of(row) for row in taken],
            delivered=[(known[row.id], row.channel) for row in delivered],
            items=[(row, known.get(row.invoice_id or 0)) for row in rows],
        )
