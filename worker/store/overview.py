"""The day at a glance: today's runs, and what is still to go out. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, select

from worker.model.journey import DeliveryState, JourneyState
from worker.store.database import Database
from worker.store.deliveries import goes_on
from worker.store.rows import InvoiceRow, SlotRow
from worker.store.tables import deliveries, invoices, slots

_WAITING = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Queued:
    """Deliveries of a channel in one state. `due`: how many of them may be tried now; `since`: the oldest's time.

    `parked`: how many wait with their invoice for a person, and are due for nobody; `since` is None when all do."""

    channel: str
    state: str
    count: int
    due: int
    since: datetime | None
    parked: int


def queue(db: Database, *, now: datetime) -> list[Queued]:
    """What is still to be handed over, or of unknown outcome."""
    columns = deliveries.c
    moves = goes_on()  # what the ERP has not taken stands still, its delivery does not
    with db.read() as tx:
        rows = tx.execute(
            select(
                columns.channel,
                columns.state,
                func.count(),
                func.sum(case((and_(columns.due_at <= now, moves), 1), else_=0)),
                func.min(case((moves, columns.due_at))),
                func.sum(case((moves, 0), else_=1)),
            )
            .join(invoices, invoices.c.id == columns.invoice_id)
            .where(columns.state.in_(_WAITING), invoices.c.state != JourneyState.WITHDRAWN)
            .group_by(columns.channel, columns.state)
            .order_by(columns.channel, columns.state)
        )
        return [
            Queued(channel, state, count, int(due), since, int(parked))
            for channel, state, count, due, since, parked in rows
        ]


def runs_since(db: Database, *, client: str, jobs: Sequence[str], since: datetime) -> list[SlotRow]:
    """The client's runs of these jobs, oldest first. By key: the table holds years of them."""
    with db.read() as tx:
        rows = tx.execute(
            select(slots)
            .where(slots.c.client == client, slots.c.job.in_(jobs), slots.c.slot >= since)
            .order_by(slots.c.slot, slots.c.job)
        )
        return [SlotRow.of(row) for row in rows.mappings()]


def parked(db: Database, *, reason: str, limit: int) -> list[InvoiceRow]:
    """The oldest of what is parked, of one reason or (empty) of any."""
    query = select(invoices).where(invoices.c.state == JourneyState.PARKED)
    if reason:
        query = query.where(invoices.c.parked_reason == reason)
    with db.read() as tx:
        return [InvoiceRow.of(row) for row in tx.execute(query.order_by(invoices.c.id).limit(limit)).mappings()]
