"""What the Peppol look-up has said, shared by all workers: remembered, learned, doubted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.reach import BREAKER_SAMPLE, ReachDoubt, ReachMemory, learned
from worker.store.database import Database
from worker.store.tables import reach


@dataclass(frozen=True, slots=True)
class ReachStatus:
    """For `status`. `waiting`: debtors whose no after a yes is not confirmed, whatever its age."""

    doubt: ReachDoubt
    waiting: int

    def as_words(self) -> dict[str, Any]:
        """As `status --json` tells it."""
        return {"waiting": self.waiting, **asdict(self.doubt), "no_is_believed": self.doubt.no_is_believed}


def remembered(db: Database, *, participant: str, kind: Kind) -> ReachMemory | None:
    """The last answer, however old."""
    with db.read() as tx:
        return _memory(tx, participant, kind)


def learn(
    db: Database, found: ReachAnswer, *, kind: Kind, now: datetime, earlier_yes: datetime | None = None
) -> tuple[ReachMemory, ReachDoubt]:
    """Keeps a yes or no of a look-up. One transaction. Returns what is remembered now, and the doubt a no is in.

    `earlier_yes`: see model.reach.learned. Raises ValueError for an unknown, which teaches nothing.
    """
    participant = found.participant
    with db.begin() as tx:
        _make_row(tx, participant, kind, now)
        before = _memory(tx, participant, kind, lock=True)
        after = learned(before, found, now=now, earlier_yes=earlier_yes)
        _write(tx, participant, kind, after)
        if after.answer is Reach.YES:  # believed whatever the others say
            return after, ReachDoubt()
        doubt = _doubt(tx, now)
        if after.believed and not doubt.no_is_believed:
            after = replace(after, believed=False)
            _write(tx, participant, kind, after)
        return after, doubt


def doubt(db: Database, *, now: datetime) -> ReachDoubt:
    """How the debtors looked up last did, over all clients."""
    with db.read() as tx:
        return _doubt(tx, now)


def status(db: Database, *, now: datetime) -> ReachStatus:
    """The doubt, and how many wait for a second look."""
    with db.read() as tx:
        waiting = select(func.count()).select_from(reach).where(reach.c.no_since.is_not(None), ~reach.c.believed)
        return ReachStatus(_doubt(tx, now), tx.execute(waiting).scalar_one())


def _doubt(tx: Connection, now: datetime) -> ReachDoubt:
    # A debtor may have a row for invoices and one for credit notes; it is one debtor all the same.
    rows = tx.execute(
        select(reach).where(reach.c.yes_at.is_not(None)).order_by(reach.c.looked_up_at.desc()).limit(2 * BREAKER_SAMPLE)
    ).mappings()
    newest: dict[str, ReachMemory] = {}
    for row in rows:
        newest.setdefault(row["participant"], _of(row))
    return ReachDoubt.of(list(newest.values()), now)


def _make_row(tx: Connection, participant: str, kind: Kind, now: datetime) -> None:
    """An empty row to lock, so that two workers who learn of the same debtor at once do so one after the other."""
    new_row = postgresql.insert(reach) if tx.dialect.name == "postgresql" else sqlite.insert(reach)
    nothing = {"answer": str(Reach.UNKNOWN), "believed": False, "looked_up_at": now, "evidence": {}}
    tx.execute(new_row.values(participant=participant, kind=str(kind), **nothing).on_conflict_do_nothing())


def _memory(tx: Connection, participant: str, kind: Kind, *, lock: bool = False) -> ReachMemory | None:
    query = select(reach).where(reach.c.participant == participant, reach.c.kind == str(kind))
    row = tx.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None or row["answer"] == Reach.UNKNOWN else _of(row)


def _of(row: RowMapping) -> ReachMemory:
    return ReachMemory(
        answer=Reach(row["answer"]),
        believed=row["believed"],
        looked_up_at=row["looked_up_at"],
        yes_at=row["yes_at"],
        no_since=row["no_since"],
        confirm_from=row["confirm_from"],
        evidence=row["evidence"],
    )


def _write(tx: Connection, participant: str, kind: Kind, memory: ReachMemory) -> None:
    values = {**asdict(memory), "answer": str(memory.answer)}
    tx.execute(update(reach).where(reach.c.participant == participant, reach.c.kind == str(kind)).values(**values))
