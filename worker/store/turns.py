"""Turns at SQLite's one write lock, first come, first served, among the threads of a process.

SQLite's own waiters sleep and look again, ever more seldom: whoever has just come is served before who has waited for
seconds. Other processes (a command beside the worker) still wait in SQLite's way, behind `busy_timeout`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError

LONGEST_WAIT = 10.0  # seconds, as long as SQLite itself waits for another process


class Turns:
    """A fair lock. A thread that has it must not ask for it again."""

    def __init__(self, *, longest_wait: float = LONGEST_WAIT) -> None:
        self._longest_wait = longest_wait
        self._guard = threading.Lock()
        self._holder: int | None = None  # a thread's id
        self._waiting: deque[tuple[int, threading.Lock]] = deque()

    @contextmanager
    def turn(self) -> Generator[None]:
        """Waits until everybody who came before has had theirs.

        Raises OperationalError, as SQLite does, when that takes too long; RuntimeError for a turn within a turn, which
        would wait for itself.
        """
        self._take()
        try:
            yield
        finally:
            self._pass_on()

    def _take(self) -> None:
        me = threading.get_ident()
        if self._holder == me:  # nobody else writes our id there
            raise RuntimeError("a transaction that writes was begun within another one")
        with self._guard:
            if self._holder is None:
                self._holder = me
                return
            mine = (me, threading.Lock())
            mine[1].acquire()
            self._waiting.append(mine)
        if mine[1].acquire(timeout=self._longest_wait):
            return
        with self._guard:
            if mine not in self._waiting:  # it was passed on to us at this very moment
                return
            self._waiting.remove(mine)
        raise OperationalError("BEGIN IMMEDIATE", {}, sqlite3.OperationalError("database is locked"))

    def _pass_on(self) -> None:
        with self._guard:
            if not self._waiting:
                self._holder = None
                return
            self._holder, door = self._waiting.popleft()
            door.release()
