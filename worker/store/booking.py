"""What is matched becomes vouchers and statuses, many in a transaction: an item is booked with its voucher or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from worker.model.voucher import Voucher
from worker.store import vouchers
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.settlement import settled_by_invoice
from worker.store.settling import deciding, slices
from worker.store.story import add_event
from worker.store.tables import invoices, postbacks, settlement_items


@dataclass(frozen=True, slots=True)
class Booked:
    """What becomes of matched items. Each item stands in one of the first three.

    `vouchers`: with the ids of the items each books. `told`: ids of items that book nothing, with a note. `waiting`:
    ids that cannot be booked, with reason and note. `statuses`: (invoice id, status, text) for the ERP. `lines`:
    (invoice id, event, detail) for the invoice's story.
    """

    vouchers: list[tuple[Voucher, list[int]]] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[tuple[int, str, str]] = field(default_factory=list)
    statuses: list[tuple[int, str, str]] = field(default_factory=list)
    lines: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Written:
    """`vouchers`: each with its id; `taken`: those whose reference another voucher has, not written. `statuses`: how
    many the ERP is to be told."""

    vouchers: list[tuple[int, Voucher, int]]
    taken: list[Voucher]
    statuses: int


def matched_items(db: Database, *, client: str) -> list[int]:
    """Ids of what is to be booked, day by day."""
    items = settlement_items.c
    with db.read() as tx:
        return list(
            tx.execute(
                select(items.id)
                .where(items.client == client, items.state == "matched")
                .order_by(items.event_date, items.id)
            ).scalars()
        )


def book(
    db: Database,
    ids: Sequence[int],
    *,
    client: str,
    plan: Callable[[Sequence[ItemRow], Mapping[int, InvoiceRow], Mapping[int, int]], Booked],
    now: datetime,
) -> tuple[Booked, Written]:
    """Books those of `ids` that are still matched, in one transaction.

    `plan` is given the items, their invoices by id, and what is settled of each, in øre; it touches nothing.
    """
    with deciding(db) as tx:
        rows = [
            ItemRow.of(row)
            for row in tx.execute(
                select(settlement_items)
                .where(settlement_items.c.id.in_(ids), settlement_items.c.state == "matched")
                .order_by(settlement_items.c.event_date, settlement_items.c.id)
            ).mappings()
        ]
        about = _invoices(tx, {row.invoice_id for row in rows if row.invoice_id is not None})
        booked = plan(rows, about, settled_by_invoice(tx, list(about)))
        taken = vouchers.references_taken(tx, client=client, references=[one.reference for one, _ in booked.vouchers])
        fresh = [(one, item_ids) for one, item_ids in booked.vouchers if one.reference not in taken]
        written = vouchers.add_all(tx, client=client, made=fresh, now=now)
        _decide(tx, booked, now=now)
        statuses = _add_statuses(tx, booked.statuses, now=now)
        for invoice_id, event, detail in booked.lines:
            add_event(tx, invoice_id, event, now=now, detail=detail)
        return booked, Written(
            [(written[one.reference], one, len(item_ids)) for one, item_ids in fresh],
            [one for one, _ in booked.vouchers if one.reference in taken],
            statuses,
        )


def _invoices(tx: Connection, ids: set[int]) -> dict[int, InvoiceRow]:
    return {
        row["id"]: InvoiceRow.of(row)
        for chunk in slices(sorted(ids))
        for row in tx.execute(select(invoices).where(invoices.c.id.in_(chunk))).mappings()
    }


def _decide(tx: Connection, booked: Booked, *, now: datetime) -> None:
    values = [
        *({"the_id": item, "state": "told", "reason": None, "note": note} for item, note in booked.told),
        *({"the_id": item, "state": "waiting", "reason": reason, "note": note}
          for item, reason, note in booked.waiting),
    ]  # fmt: skip
    if values:
        names = ("state", "reason", "note")
        changed = update(settlement_items).where(settlement_items.c.id == bindparam("the_id"))
        tx.execute(changed.values(**{name: bindparam(name) for name in names}, decided_at=now), values)


def _add_statuses(tx: Connection, statuses: Sequence[tuple[int, str, str]], *, now: datetime) -> int:
    """Statuses owed, but for those that repeat the last one of the invoice. Returns how many."""
    owed = postbacks.c
    last: dict[int, tuple[str, str]] = {}
    for chunk in slices(sorted({invoice_id for invoice_id, _, _ in statuses})):
        rows = tx.execute(
            select(owed.invoice_id, owed.status, owed.text)
            .where(owed.invoice_id.in_(chunk), owed.delivery_id.is_(None))
            .order_by(owed.id)
        )
        last.update({invoice_id: (status, text or "") for invoice_id, status, text in rows})
    added: list[tuple[int, str, str]] = []
    for invoice_id, status, text in statuses:
        if last.get(invoice_id) != (status, text):
            last[invoice_id] = (status, text)
            added.append((invoice_id, status, text))
    vouchers.add_statuses(tx, added, now=now)
    return len(added)
