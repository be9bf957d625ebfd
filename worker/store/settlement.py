"""Payments and events one by one: what waits, what a person decided, what is still owed. Batches: store/matching.py."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from worker.model.settlement import EventKind
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.settling import deciding, slices
from worker.store.tables import settlement_items

# What an invoice's debtor no longer owes because of it.
REDUCES = (EventKind.PAYMENT, EventKind.CREDIT_OFFSET, EventKind.WRITE_OFF)
SETTLES = ("matched", "booked", "told")
OPEN_STATES = ("new", "waiting")


class NotWaiting(RuntimeError):
    """The item is not waiting for anybody."""


def items(
    db: Database, *, states: Sequence[str], client: str | None = None, invoice_id: int | None = None
) -> list[ItemRow]:
    """Items in these states, oldest first; of one client or invoice when given."""
    query = select(settlement_items).where(settlement_items.c.state.in_(states)).order_by(settlement_items.c.id)
    if client is not None:
        query = query.where(settlement_items.c.client == client)
    if invoice_id is not None:
        query = query.where(settlement_items.c.invoice_id == invoice_id)
    with db.read() as tx:
        return [ItemRow.of(row) for row in tx.execute(query).mappings()]


def waiting(db: Database, *, client: str | None = None) -> list[ItemRow]:
    """What waits for a person, oldest first. With `client` also what belongs to no client yet: it may be that one's."""
    query = select(settlement_items).where(settlement_items.c.state == "waiting").order_by(settlement_items.c.id)
    if client is not None:
        query = query.where(or_(settlement_items.c.client == client, settlement_items.c.client.is_(None)))
    with db.read() as tx:
        return [ItemRow.of(row) for row in tx.execute(query).mappings()]


def item(db: Database, item_id: int) -> ItemRow:
    """Raises LookupError."""
    with db.read() as tx:
        row = tx.execute(select(settlement_items).where(settlement_items.c.id == item_id)).mappings().first()
    if row is None:
        raise LookupError(f"no settlement item {item_id}")
    return ItemRow.of(row)


def settled_minor(tx: Connection, invoice_id: int) -> int:
    """What has been matched to the invoice and lessens what is owed on it, in minor units of its currency."""
    return settled_by_invoice(tx, [invoice_id]).get(invoice_id, 0)


def settled_by_invoice(tx: Connection, invoice_ids: Sequence[int]) -> dict[int, int]:
    """The same for many invoices; those nothing was matched to are left out."""
    found: dict[int, int] = {}
    items = settlement_items.c
    for chunk in slices(invoice_ids):
        rows = tx.execute(
            select(items.invoice_id, func.coalesce(func.sum(items.amount_minor), 0))
            .where(
                items.invoice_id.in_(chunk),
                items.kind.in_([str(kind) for kind in REDUCES]),
                items.state.in_(SETTLES),
            )
            .group_by(items.invoice_id)
        )
        found.update({invoice_id: int(minor) for invoice_id, minor in rows})
    return found


def decide(
    db: Database,
    item_id: int,
    *,
    state: str,
    now: datetime,
    reason: str | None = None,
    note: str = "",
    client: str | None = None,
    invoice_id: int | None = None,
) -> None:
    """What becomes of an open item. Raises NotWaiting when it has been decided meanwhile."""
    values: dict[str, Any] = {"state": state, "reason": reason, "decided_at": now}
    if note:
        values["note"] = note
    if client is not None:
        values["client"] = client
    if invoice_id is not None:
        values["invoice_id"] = invoice_id
    with deciding(db) as tx:
        _change(tx, item_id, **values)


def split(db: Database, row: ItemRow, *, parts: Sequence[tuple[InvoiceRow, int]], note: str, now: datetime) -> None:
    """One payment for several invoices: the item is set aside and replaced by one matched item an invoice.

    Raises ValueError when the parts do not sum to the payment, NotWaiting when it has been decided meanwhile.
    """
    rows = part_rows(row, parts, note=note, now=now)
    with deciding(db) as tx:
        _change(tx, row.id, state="split", note=note, decided_at=now)
        tx.execute(insert(settlement_items), rows)


def _change(tx: Connection, item_id: int, **values: Any) -> None:
    changed = tx.execute(
        update(settlement_items)
        .where(settlement_items.c.id == item_id, settlement_items.c.state.in_(OPEN_STATES))
        .values(**values)
    ).rowcount
    if changed != 1:
        raise NotWaiting(f"settlement item {item_id} is not waiting")


def part_rows(
    row: ItemRow, parts: Sequence[tuple[InvoiceRow, int]], *, note: str, now: datetime
) -> list[dict[str, Any]]:
    """The items that take the place of one that pays several invoices. Raises ValueError when they do not sum to it."""
    if parts and sum(amount for _, amount in parts) != row.amount_minor:
        raise ValueError("the parts do not sum to the payment")
    return [
        {
            "file_id": row.file_id,
            # From what the payment is, not from its row: a database put back from a backup may number it otherwise.
            "source_key": f"split:{hashlib.sha256(row.source_key.encode()).hexdigest()[:40]}:{position}",
            "position": row.position,
            "part_of": row.id,
            "kind": row.kind,
            "client": invoice.client,
            "invoice_id": invoice.id,
            "event_date": row.event_date,
            "amount_minor": amount,
            "currency": row.currency,
            "facts": row.facts,
            "state": "matched",
            "note": note,
            "decided_at": now,
            "created_at": now,
        }
        for position, (invoice, amount) in enumerate(parts, 1)
    ]
