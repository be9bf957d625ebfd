"""What goes wrong at the worker's points, decided by the seed, the moment and how often the point was met in it.

Not by a sequence of throws: threads and answers change places from one run to the next, and a seed must replay.
"""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy.exc import OperationalError

from worker.support.http import AnswerLost, NotSent


class Killed(BaseException):
    """The worker is dead: from now on nothing of it reaches a commit, a file or the outside."""


@dataclass(slots=True)
class Storm:
    """A hook for `crashing.arm`. `begin` starts a moment; `deadly`: the worker may die in it."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter[str])
    dead: bool = False
    _moment: int = 0
    _deadly: bool = False
    _calm: bool = True
    _met: Counter[str] = field(default_factory=Counter[str])
    _lock: Lock = field(default_factory=Lock)

    def begin(self, *, deadly: bool, calm: bool) -> None:
        """A new moment, with a living worker. `calm`: nothing goes wrong in it."""
        self._moment += 1
        self._deadly, self._calm, self.dead = deadly, calm, False
        self._met.clear()

    def __call__(self, name: str) -> None:
        with self._lock:
            if self.dead:
                # Who waits for a turn in the budget must not wait for ever in the process that plays the dead one.
                raise RuntimeError("chaos: dead") if name.startswith("store.budgets.") else Killed
            if self._calm:
                return
            self._met[name] += 1
            throw = self._throw(name)
            if self._deadly and throw < 0.02 and not name.startswith("store.budgets."):
                self.dead = True
                self.faults["kill"] += 1
                raise Killed
            error = _error(name, (throw * 997) % 1.0)
            if error is not None:
                self.faults[error[0]] += 1
                raise error[1]

    def _throw(self, name: str) -> float:
        """0 to 1, the same whenever the seed, the moment, the point and its count are."""
        text = f"{self.seed}/{self._moment}/{name}/{self._met[name]}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _error(name: str, throw: float) -> tuple[str, Exception] | None:
    """The trouble that may come at such a point, if it does."""
    if name.startswith("http ") and name.endswith(":before") and throw < 0.012:
        return "no connection", NotSent("chaos: no connection")
    if name.startswith("http ") and name.endswith(":after") and throw < 0.02:
        return "answer lost", AnswerLost("chaos: no whole answer in time")
    if name.endswith((":before_writing", ":written")) and ".sftp" not in name and throw < 0.015:
        return "disk full", OSError(errno.ENOSPC, "No space left on device")
    if ".sftp" in name and throw < 0.05:
        return "SFTP cut", ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    if name.startswith("store.") and name.endswith(":before_commit") and throw < 0.003:
        full = Exception("database or disk is full")
        return "database full", OperationalError("COMMIT", None, full)
    return None
