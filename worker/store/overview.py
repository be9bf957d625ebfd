"""The day at a glance: today's runs, and what is still to go out. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from worker.model.journey import DeliveryState, JourneyState
from worker.store.database import Database
from worker.store.rows import InvoiceRow, SlotRow
from worker.store.tables import deliveries, invoices, slots

_WAITING = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Queued:
    """Deliveries of a channel in one state. `due`: how many of them may be tried now; `since`: the oldest's time."""

    channel: str
    state: str
    count: int
    due: int
    since: datetime


def queue(db: Database, *, now: datetime) -> list[Queued]:
    """What is still to be handed over, or of unknown outcome."""
    columns = deliveries.c
    with db.read() as tx:
        rows = tx.execute(
            select(
                columns.channel,
                columns.state,
                func.count(),
                func.sum(case((columns.due_at <= now, 1), else_=0)),
                func.min(columns.due_at),
            )
            .where(columns.state.in_(_WAITING))
            .group_by(columns.channel, columns.state)
            .order_by(columns.channel, columns.state)
        )
        return [Queued(channel, state, count, int(due), since) for channel, state, count, due, since in rows]


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
