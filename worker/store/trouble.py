"""When the database itself is in trouble: what is wrong and what to do, in words for whoever runs the worker.

Such trouble is everybody's: no invoice is at fault, so none is parked for it. A run ends where it stands, and what it
had not done is found again by the next.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError


@dataclass(frozen=True, slots=True)
class Trouble:
    """`what` is wrong, and the `remedy`."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


_FULL = Trouble("its disk is full", "make room; the worker goes on by itself, and nothing is lost")
_READ_ONLY = Trouble("it is read-only", "make it writable for the worker's user; the worker goes on by itself")
_DAMAGED = Trouble(
    "the file is damaged",
    "stop every worker and restore the last backup (docs/operating.md, Putting a backup back)",
)
_DISK = Trouble(
    "its disk does not read or write as it should",
    "look at the machine's log; once the disk is sound run `audit verify`, and restore the last backup if that fails",
)
_ABSENT = Trouble("it cannot be opened", "check DATABASE_URL, and that folder and file belong to the worker's user")
_BUSY = Trouble("another process has kept it locked", "look for a backup or a command that has stopped half-way")
_NOBODY = Trouble("the server does not answer or is going down", "start it; the worker goes on by itself")
_MEMORY = Trouble("the server has no memory or connections left", "give it more; the worker goes on by itself")

# https://www.sqlite.org/rescode.html, primary codes
_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CANTOPEN: _ABSENT,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html: whole codes first, then classes
_POSTGRESQL = {
    "53100": _FULL,
    "25006": _READ_ONLY,
    "53": _MEMORY,
    "57P": _NOBODY,
    "58": _DISK,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
    "08": _NOBODY,
}


class StoreTrouble(OperationalError):
    """A transaction that could not be done because of the database itself. `trouble` says why and what to do."""

    def __init__(self, trouble: Trouble, error: DBAPIError) -> None:
        super().__init__(None, None, error.orig or error)  # without the values of the statement
        self.trouble = trouble

    def __str__(self) -> str:
        return f"the database cannot be used: {self.trouble}"


def trouble_of(error: BaseException | None) -> Trouble | None:
    """What the driver's error says of the database; None when it says something of the statement instead."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # errors of the driver's own have none
        if code is None:
            return _BUSY if "locked" in str(error) else None
        return _SQLITE.get(code & 0xFF)
    state: Any = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return next((_POSTGRESQL[start] for start in (state, state[:3], state[:2]) if start in _POSTGRESQL), None)
    if type(error).__module__.partition(".")[0] == "psycopg" and type(error).__name__ == "OperationalError":
        return _NOBODY  # no answer, so no code either
    return None


@contextmanager
def telling() -> Generator[None]:
    """Raises StoreTrouble in place of a driver's error that is about the database itself."""
    try:
        yield
    except StoreTrouble:
        raise
    except DBAPIError as error:
        trouble = trouble_of(error.orig)
        if trouble is None:
            raise
        raise StoreTrouble(trouble, error) from error
