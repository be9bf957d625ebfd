"""The claim that postbacks and vouchers share: due work is taken under a lease and a new fence; what may have been done
before (unknown, or left in sending by a dead worker) comes back as `unknown`, so that its taker asks first."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, and_, or_, select, update

from worker.store.database import Database

LEASE = timedelta(minutes=10)  # renewed while the call still runs; a worker silent for so long is dead


def claimable(table: Table, *, now: datetime, skip: Collection[int]) -> ColumnElement[bool]:
    """Rows that are due and nobody holds. `skip`: ids the caller has dealt with."""
    return and_(
        table.c.due_at <= now,
        table.c.id.not_in(skip),
        or_(
            table.c.state == "ready",
            table.c.state.in_(["unknown", "sending"]) & or_(table.c.lease_until.is_(None), table.c.lease_until <= now),
        ),
    )


def take_oldest(tx: Connection, table: Table, candidates: Select[Any], *, now: datetime) -> RowMapping | None:
    """Claims the oldest of `candidates` (a select of the table's rows) that no other worker is claiming."""
    oldest = candidates.order_by(table.c.id).limit(1).with_for_update(skip_locked=True, of=table)
    row = tx.execute(oldest).mappings().first()
    if row is None:
        return None
    state = "sending" if row["state"] == "ready" else "unknown"
    tx.execute(
        update(table)
        .where(table.c.id == row["id"])
        .values(state=state, fence=row["fence"] + 1, attempts=row["attempts"] + 1, lease_until=now + LEASE)
    )
    return tx.execute(select(table).where(table.c.id == row["id"])).mappings().one()


def renew(db: Database, table: Table, row_id: int, *, fence: int, now: datetime) -> bool:
    """The call goes on: the lease lasts from now again. False when the claim is no longer ours."""
    ours = (table.c.id == row_id, table.c.fence == fence, table.c.lease_until.is_not(None))
    with db.begin() as tx:
        return tx.execute(update(table).where(*ours).values(lease_until=now + LEASE)).rowcount == 1


def left_behind(tx: Connection, table: Table, *own: ColumnElement[bool], now: datetime) -> int:
    """What a worker that died was sending (its lease is over) becomes `unknown`. Returns how many."""
    dead = and_(table.c.state == "sending", table.c.lease_until <= now)
    return tx.execute(update(table).where(dead, *own).values(state="unknown", lease_until=None)).rowcount
