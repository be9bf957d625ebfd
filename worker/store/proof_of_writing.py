"""Whether the database takes a change, without leaving one."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from worker.store.database import Database, DatabaseUnusable
from worker.store.tables import client_pauses
from worker.store.trouble import trouble_of


class _Undone(Exception):
    pass


def prove_writable(db: Database, *, now: datetime) -> None:
    """Writes a row and takes it back in the same transaction. Raises DatabaseUnusable."""
    try:
        with db.begin() as tx:
            tx.execute(insert(client_pauses).values(client="", paused_at=now, paused_by="", note="", resumed_at=now))
            raise _Undone
    except _Undone:
        return
    except DBAPIError as error:
        why = str(error.orig).strip().partition("\n")[0]
        known = trouble_of(error.orig)
        remedy = known.remedy if known is not None else "look at the server, or at the file's folder and disk"
        raise DatabaseUnusable(f"the database does not take a change: {why}", remedy) from None
