"""Paused clients: nothing new is fetched or sent for them until a person says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, insert, select, update

from worker.store.database import Database
from worker.store.tables import client_pauses


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """`resumed_at` None: the client is paused still."""

    client: str
    paused_at: datetime
    paused_by: str
    note: str
    resumed_at: datetime | None = None
    resumed_by: str | None = None

    def covers(self, begin: datetime, end: datetime) -> bool:
        """Whether some of [begin, end) lies within it."""
        return self.paused_at < end and (self.resumed_at is None or begin < self.resumed_at)


def pause(db: Database, *, client: str, by: str, note: str, now: datetime) -> bool:
    """False when the client is paused already: that pause stands, with its note."""
    with db.begin() as tx:
        still = select(client_pauses.c.id).where(client_pauses.c.client == client, client_pauses.c.resumed_at.is_(None))
        if tx.execute(still).first() is not None:
            return False
        # Two people at the same moment make two rows on PostgreSQL, which say the same and are ended together.
        tx.execute(insert(client_pauses).values(client=client, paused_at=now, paused_by=by, note=note))
    return True


def resume(db: Database, *, client: str, by: str, now: datetime) -> bool:
    """False when the client is not paused."""
    with db.begin() as tx:
        still = (client_pauses.c.client == client, client_pauses.c.resumed_at.is_(None))
        return bool(tx.execute(update(client_pauses).where(*still).values(resumed_at=now, resumed_by=by)).rowcount)


def paused(db: Database) -> dict[str, Pause]:
    """Who is paused now, by client."""
    rows = _rows(db, client_pauses.c.resumed_at.is_(None))
    return {row.client: row for row in reversed(rows)}


def since(db: Database, *, client: str, moment: datetime) -> list[Pause]:
    """The client's pauses that were not over at that moment."""
    over_later = client_pauses.c.resumed_at.is_(None) | (client_pauses.c.resumed_at > moment)
    return _rows(db, (client_pauses.c.client == client) & over_later)


def _rows(db: Database, wanted: ColumnElement[bool]) -> list[Pause]:
    columns = [column for column in client_pauses.c if column.name != "id"]
    with db.read() as tx:
        rows = tx.execute(select(*columns).where(wanted).order_by(client_pauses.c.id)).mappings()
        return [Pause(**row) for row in rows]
