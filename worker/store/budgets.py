"""Request budgets that all workers share: when a counterparty's next turn is free, kept in one row.

Turns are reserved ahead in one short transaction, so workers never meet in one. Time is the database's own
(PostgreSQL's clock, or the machine's monotonic one for SQLite, which has one machine only), so that workers' clocks may
differ and a clock that is set back stops nobody.
"""

from __future__ import annotations

import time

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.store.database import Database
from worker.store.tables import budgets

_SECOND = 1_000_000  # the row counts microseconds
# No reservation or pause reaches further ahead. What does was written before the clock was set back (or the machine
# started anew) and is forgotten.
_FURTHEST = 120 * _SECOND


class SharedBudget:
    """Implements support.pace.Budget for the counterparty `name`."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name

    def reserve(self, turns: int, *, spacing: float, lead: float = 0.0) -> float:
        """Takes the next `turns`, `spacing` seconds apart, the first no sooner than in `lead` seconds. Returns the
        moment of the first, by `time.monotonic()`."""
        with self._db.begin() as tx:
            now, free_at = self._row(tx)
            here = time.monotonic()  # the same moment on our own clock; how long the commit takes is no matter then
            first = max(now + int(lead * _SECOND), free_at)
            self._write(tx, first + int(turns * spacing * _SECOND))
        return here + (first - now) / _SECOND

    def hold(self, seconds: float) -> None:
        """No turn is free before that many seconds from now, for any worker."""
        with self._db.begin() as tx:
            now, free_at = self._row(tx)
            self._write(tx, max(free_at, now + int(seconds * _SECOND)))

    def _row(self, tx: Connection) -> tuple[int, int]:
        """(now, when the next turn is free), the row locked."""
        wanted = select(budgets.c.free_at).where(budgets.c.name == self._name).with_for_update()
        free_at = tx.execute(wanted).scalar()
        if free_at is None:
            try:
                with tx.begin_nested():
                    tx.execute(insert(budgets).values(name=self._name, free_at=0))
            except IntegrityError:
                pass  # another worker was first
            free_at = tx.execute(wanted).scalar_one()
        now = _now(tx)  # after the lock: who waited for it looks at the clock afterwards
        return now, free_at if free_at <= now + _FURTHEST else now

    def _write(self, tx: Connection, free_at: int) -> None:
        tx.execute(update(budgets).where(budgets.c.name == self._name).values(free_at=free_at))


def _now(tx: Connection) -> int:
    if tx.dialect.name == "postgresql":
        return int(tx.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one() * _SECOND)
    return time.monotonic_ns() // 1000
