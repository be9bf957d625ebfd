"""What a client's daily statement is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, func, select

from worker.model.waiting import WaitReason
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.settling import slices
from worker.store.tables import deliveries, invoices, settlement_items

# Items whose event counts; a corrected one until its correction, when another has taken its place.
_COUNTED = ("matched", "booked", "told", "corrected")


@dataclass(frozen=True, slots=True)
class Day:
    """`delivered`: with channel and time. `items`: payments and events decided within the time, with their invoice;
    `taken_back`: those whose voucher was reversed within it. `direct`: direct payments that wait, of whatever day.
    `before`: per kind, the øre of NOK decided before the time, less what was taken back before it.
    """

    taken: list[InvoiceRow]
    delivered: list[tuple[InvoiceRow, str, datetime]]
    items: list[tuple[ItemRow, InvoiceRow | None]]
    taken_back: list[tuple[ItemRow, InvoiceRow | None]]
    direct: list[tuple[ItemRow, InvoiceRow | None]]
    before: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Nothing of the day itself; direct payments that wait are of whatever day."""
        return not (self.taken or self.delivered or self.items or self.taken_back)


def of_client(db: Database, *, client: str, start: datetime, end: datetime) -> Day:
    """What happened from `start` until before `end`, oldest first."""
    own, state = settlement_items.c.client == client, settlement_items.c.state
    counted = and_(own, state.in_(_COUNTED))
    with db.read() as tx:
        taken = tx.execute(
            select(invoices)
            .where(invoices.c.client == client, invoices.c.fetched_at >= start, invoices.c.fetched_at < end)
            .order_by(invoices.c.id)
        ).mappings()
        delivered = tx.execute(
            select(invoices.c.id, deliveries.c.channel, deliveries.c.handed_over_at)
            .join(deliveries, deliveries.c.invoice_id == invoices.c.id)
            .where(
                invoices.c.client == client,
                deliveries.c.handed_over_at >= start,
                deliveries.c.handed_over_at < end,
            )
            .order_by(deliveries.c.id)
        ).all()
        decided, corrected = settlement_items.c.decided_at, settlement_items.c.corrected_at
        items = _items(tx, and_(counted, decided >= start, decided < end))
        back = _items(tx, and_(own, corrected >= start, corrected < end))
        direct = _items(tx, and_(own, state == "waiting", settlement_items.c.reason == WaitReason.DIRECT_PAYMENT))
        before = _sums(tx, and_(counted, decided < start))
        for kind, minor in _sums(tx, and_(own, corrected < start)).items():
            before[kind] = before.get(kind, 0) - minor
        about = {row.invoice_id for row in (*items, *back)} | {row.id for row in delivered}
        known = _invoices(tx, sorted(found for found in about if found is not None))
        return Day(
            taken=[InvoiceRow.of(row) for row in taken],
            delivered=[(known[row.id], row.channel, row.handed_over_at) for row in delivered],
            items=[(row, known.get(row.invoice_id or 0)) for row in items],
            taken_back=[(row, known.get(row.invoice_id or 0)) for row in back],
            direct=[(row, _invoice_told_of(tx, row)) for row in direct],
            before=before,
        )


def invoice_told_of(db: Database, item: ItemRow) -> InvoiceRow | None:
    """The client's invoice a waiting event names by KID or number; None when it names none that is the client's."""
    with db.read() as tx:
        return _invoice_told_of(tx, item)


def _invoice_told_of(tx: Connection, item: ItemRow) -> InvoiceRow | None:
    query = select(invoices).where(invoices.c.client == item.client, invoices.c.kind == "invoice")
    kid, number = str(item.facts.get("kid") or ""), str(item.facts.get("invoice_number") or "")
    for given, column in ((kid, invoices.c.kid), (number, invoices.c.number)):
        rows = tx.execute(query.where(column == given).limit(2)).mappings().all() if given else []
        if len(rows) == 1:
            return InvoiceRow.of(rows[0])
    return None


def _items(tx: Connection, wanted: ColumnElement[bool]) -> list[ItemRow]:
    query = select(settlement_items).where(wanted).order_by(settlement_items.c.id)
    return [ItemRow.of(row) for row in tx.execute(query).mappings()]


def _sums(tx: Connection, wanted: ColumnElement[bool]) -> dict[str, int]:
    query = select(settlement_items.c.kind, func.sum(settlement_items.c.amount_minor)).where(
        wanted, settlement_items.c.currency == "NOK"
    )
    return {kind: int(minor or 0) for kind, minor in tx.execute(query.group_by(settlement_items.c.kind))}


def _invoices(tx: Connection, ids: Sequence[int]) -> dict[int, InvoiceRow]:
    return {
        row["id"]: InvoiceRow.of(row)
        for chunk in slices(ids)
        for row in tx.execute(select(invoices).where(invoices.c.id.in_(chunk))).mappings()
    }
