"""Daily reports: one row a client and date, so that each is sent once. The factor's own has an empty client."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.store.claiming import LEASE
from worker.store.database import Database
from worker.store.tables import daily_reports

FACTOR = ""  # the client of the factor's own report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """`since`, `until`: what it tells of. `state`: ready | sending | sent | unknown | refused | given_up."""

    id: int
    client: str
    day: date
    since: datetime
    until: datetime
    key: str
    state: str
    attempts: int
    lease_until: datetime | None
    fence: int
    answer: str
    sent_at: datetime | None
    created_at: datetime


def of_day(db: Database, *, client: str, day: date) -> ReportRow | None:
    """The day's report; None when none has been begun."""
    return _one(db, daily_reports.c.client == client, daily_reports.c.day == day)


def told_until(db: Database, *, client: str, day: date) -> datetime | None:
    """Where the last report before that day ended that may have arrived; when none has, where the first began that did
    not. None when there was none."""
    earlier = and_(daily_reports.c.client == client, daily_reports.c.day < day)
    arrived = daily_reports.c.state.in_(["sent", "unknown"])
    with db.read() as tx:
        ended = tx.execute(select(func.max(daily_reports.c.until)).where(earlier, arrived)).scalar()
        return ended or tx.execute(select(func.min(daily_reports.c.since)).where(earlier)).scalar()


def begin(db: Database, *, client: str, day: date, since: datetime, until: datetime, now: datetime) -> ReportRow:
    """The day's report; when there is none yet, one is written down that is ready to be sent."""
    known = of_day(db, client=client, day=day)
    if known is None:
        try:
            with db.begin() as tx:
                tx.execute(
                    insert(daily_reports).values(
                        client=client,
                        day=day,
                        since=since,
                        until=until,
                        key=str(uuid.uuid4()),
                        state="ready",
                        created_at=now,
                    )
                )
        except IntegrityError:
            pass  # another worker was first
        known = of_day(db, client=client, day=day)
    if known is None:
        raise LookupError("a report that was written down is not there")
    return known


def claim(db: Database, row_id: int, *, now: datetime) -> ReportRow | None:
    """Claims a report that is ready: it is now `sending`, under our lease and a new fence.

    None when there is nothing to send. One left in `sending` by a worker that died may have arrived: it is closed as
    `unknown` here and never sent again.
    """
    with db.begin() as tx:
        row = tx.execute(select(daily_reports).where(daily_reports.c.id == row_id).with_for_update()).mappings().one()
        if row["state"] == "sending" and row["lease_until"] <= now:
            tx.execute(
                update(daily_reports).where(daily_reports.c.id == row_id).values(state="unknown", lease_until=None)
            )
        if row["state"] != "ready":
            return None
        taken: dict[str, Any] = {
            "state": "sending",
            "fence": row["fence"] + 1,
            "attempts": row["attempts"] + 1,
            "lease_until": now + LEASE,
        }
        tx.execute(update(daily_reports).where(daily_reports.c.id == row_id).values(**taken))
        return ReportRow(**{**row, **taken})


def record(db: Database, row: ReportRow, *, state: str, answer: str, now: datetime) -> bool:
    """Writes what sending came to: `sent`, `unknown`, `refused`, or `ready` again. False when it was no longer ours."""
    ours = and_(daily_reports.c.id == row.id, daily_reports.c.state == "sending", daily_reports.c.fence == row.fence)
    values = {"state": state, "answer": answer[:1000], "lease_until": None, "sent_at": now if state == "sent" else None}
    with db.begin() as tx:
        return tx.execute(update(daily_reports).where(ours).values(**values)).rowcount == 1


def _one(db: Database, *where: ColumnElement[bool]) -> ReportRow | None:
    with db.read() as tx:
        query = select(daily_reports).where(*where).order_by(daily_reports.c.day.desc()).limit(1)
        row = tx.execute(query).mappings().first()
        return ReportRow(**row) if row is not None else None


def unsent(db: Database, *, through: date) -> list[ReportRow]:
    """Reports of days up to and with that one that were tried and are waiting to be tried again."""
    with db.read() as tx:
        query = select(daily_reports).where(
            daily_reports.c.state == "ready", daily_reports.c.attempts > 0, daily_reports.c.day <= through
        )
        return [ReportRow(**row) for row in tx.execute(query.order_by(daily_reports.c.id)).mappings()]


def give_up(db: Database, row: ReportRow) -> bool:
    """The evening has come: it is not tried again. False when another worker has said so."""
    with db.begin() as tx:
        still = and_(daily_reports.c.id == row.id, daily_reports.c.state == "ready", daily_reports.c.fence == row.fence)
        return tx.execute(update(daily_reports).where(still).values(state="given_up")).rowcount == 1
