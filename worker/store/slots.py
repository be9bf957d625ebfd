"""Scheduled runs: a row, unique on (client, job, slot). Who inserts it runs it; everyone else leaves it alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from worker.store.database import Database
from worker.store.rows import SlotRow
from worker.store.tables import slots


@dataclass(frozen=True, slots=True)
class SlotKey:
    """One planned run: this client's job at this time."""

    client: str
    job: str
    slot: datetime

    def is_row(self) -> ColumnElement[bool]:
        return and_(slots.c.client == self.client, slots.c.job == self.job, slots.c.slot == self.slot)


RERUN = timedelta(minutes=9)  # a run that did not do all its work is tried again at the next tick within its window
LEASE = timedelta(minutes=10)  # renewed by `heartbeat`; a run that says nothing for so long is dead


def start(db: Database, key: SlotKey, *, owner: str, now: datetime, ends_dead: bool = False) -> bool:
    """True when this worker is to run the slot: nobody has begun it, who began it died (lease over), or a while
    ago a step of it failed or met trouble outside. Steps find again what they have not done, so a second run repeats
    nothing.

    `ends_dead`: earlier runs of the job that nobody reports as missed and whose worker died are over as `failed`: the
    lease is longer than such a job's window, so they would stand as `running` for ever."""
    try:
        with db.begin() as tx:
            tx.execute(
                insert(slots).values(
                    **asdict(key),
                    state="running",
                    owner=owner,
                    lease_until=now + LEASE,
                    started_at=now,
                )
            )
            if ends_dead:
                earlier = (slots.c.client == key.client, slots.c.job == key.job, slots.c.slot < key.slot)
                died = (slots.c.state == "running", slots.c.lease_until <= now)
                tx.execute(update(slots).where(*earlier, *died).values(state="failed", ended_at=now))
        return True
    except IntegrityError:
        with db.begin() as tx:
            return (
                tx.execute(
                    update(slots)
                    .where(
                        key.is_row(),
                        or_(
                            and_(slots.c.state == "running", slots.c.lease_until <= now),
                            and_(slots.c.state.in_(["failed", "troubled"]), slots.c.ended_at <= now - RERUN),
                        ),
                    )
                    .values(state="running", owner=owner, lease_until=now + LEASE, started_at=now, ended_at=None)
                ).rowcount
                == 1
            )


def finish(
    db: Database,
    key: SlotKey,
    *,
    owner: str,
    state: str,
    summary: dict[str, Any],
    now: datetime,
) -> None:
    """Ends the run as `done`, `troubled` or `failed`, with its counts."""
    with db.begin() as tx:
        tx.execute(
            update(slots)
            .where(key.is_row(), slots.c.owner == owner, slots.c.state == "running")
            .values(state=state, ended_at=now, summary=summary)
        )


def give_back(db: Database, key: SlotKey, *, owner: str, now: datetime) -> None:
    """Leaves a run half done for whoever comes next: this worker was told to stop. Its lease is over at once."""
    with db.begin() as tx:
        ours = and_(key.is_row(), slots.c.owner == owner, slots.c.state == "running")
        tx.execute(update(slots).where(ours).values(lease_until=now))


def heartbeat(db: Database, key: SlotKey, *, owner: str, now: datetime) -> bool:
    """Renews the lease of a run in hand. False when it is no longer ours."""
    with db.begin() as tx:
        return (
            tx.execute(
                update(slots)
                .where(
                    key.is_row(),
                    slots.c.owner == owner,
                    slots.c.state == "running",
                )
                .values(lease_until=now + LEASE)
            ).rowcount
            == 1
        )


def missed(db: Database, key: SlotKey, *, owner: str, now: datetime) -> bool:
    """Records that the slot passed with nobody to run it, or that who began it died and nobody took over in time.

    True when this call recorded it (so: report it once).
    """
    try:
        with db.begin() as tx:
            tx.execute(
                insert(slots).values(
                    **asdict(key),
                    state="missed",
                    owner=owner,
                    lease_until=now,
                    started_at=now,
                    ended_at=now,
                )
            )
        return True
    except IntegrityError:
        with db.begin() as tx:
            return (
                tx.execute(
                    update(slots)
                    .where(key.is_row(), slots.c.state == "running", slots.c.lease_until <= now)
                    .values(state="missed", ended_at=now)
                ).rowcount
                == 1
            )


Planned = TypeVar("Planned")


def without_row(
    db: Database,
    *,
    client: str,
    among: Sequence[Planned],
    key: Callable[[Planned], tuple[str, datetime]],
    now: datetime,
) -> list[Planned]:
    """Those planned runs that nobody began, or that a worker began and died in. Only after the job's first run for the
    client: before, it was not ours."""
    if not among:
        return []
    oldest = min(key(one)[1] for one in among)
    died = and_(slots.c.state == "running", slots.c.lease_until <= now)
    with db.read() as tx:
        firsts = tx.execute(
            select(slots.c.job, func.min(slots.c.slot)).where(slots.c.client == client).group_by(slots.c.job)
        )
        first = {str(job): slot for job, slot in firsts}
        rows = tx.execute(
            select(slots.c.job, slots.c.slot).where(slots.c.client == client, slots.c.slot >= oldest, ~died)
        )
        known = {(str(job), slot) for job, slot in rows}
    return [
        one for one in among if (job := key(one)[0]) in first and key(one)[1] >= first[job] and key(one) not in known
    ]


def states(db: Database, *, job: str, slot: datetime, clients: Sequence[str]) -> dict[str, str]:
    """How the slot stands by client; those nobody has begun are left out."""
    with db.read() as tx:
        rows = tx.execute(
            select(slots.c.client, slots.c.state).where(
                slots.c.client.in_(clients), slots.c.job == job, slots.c.slot == slot
            )
        )
        return {str(client): str(state) for client, state in rows}


def ended(db: Database, *, job: str, slot: datetime) -> set[str]:
    """The clients for whom the slot is over, however it went."""
    with db.read() as tx:
        query = select(slots.c.client).where(slots.c.job == job, slots.c.slot == slot, slots.c.state != "running")
        return set(tx.execute(query).scalars())


def latest(db: Database, *, client: str, limit: int = 20) -> list[SlotRow]:
    """The client's latest runs, newest first."""
    with db.read() as tx:
        rows = tx.execute(
            select(slots).where(slots.c.client == client).order_by(slots.c.slot.desc()).limit(limit)
        ).mappings()
        return [SlotRow.of(row) for row in rows]
