"""Alive: the process does what it was started for. Ready: what it needs is there, so that work done now is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from worker.ports import DocumentStore
from worker.store.database import Database, SchemaError, current_revision, head_revision, require_writable
from worker.support.clock import Stopwatch
from worker.support.log import get_logger

KEPT_MS = 10_000  # whoever asks more often gets the last answer again: asking must not become a load
PATIENCE_SECONDS = 5.0


class Vitals:
    """The tasks without which the worker is a shell: an answer comes from the event loop, so the loop lives; these say
    whether the rest does."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def watch(self, tasks: Mapping[str, asyncio.Task[None]]) -> None:
        self._tasks.update(tasks)

    def dead(self) -> list[str]:
        """Which of them have ended."""
        return [name for name, task in self._tasks.items() if task.done()]


class Readiness:
    """Asks database, document store and clients' files, and tells the log when the answer changes."""

    def __init__(
        self,
        *,
        db: Database,
        documents: DocumentStore,
        usable_clients: Callable[[], int],
        stopping: Callable[[], bool],
        who: str,
    ) -> None:
        """`usable_clients`: how many files can be used; may raise. `who`: this worker's name, so that two that ask at
        once do not take each other's proof away."""
        self._db = db
        self._documents = documents
        self._usable_clients = usable_clients
        self._stopping = stopping
        self._proof = f"written by {who} to see whether documents can be".encode()
        self._head = head_revision()
        self._asking: asyncio.Task[list[str]] | None = None
        self._known: list[str] | None = None
        self._age = Stopwatch()

    async def faults(self) -> list[str]:
        """What stands in the way, in closed words; none when the worker is ready. At most ten seconds old."""
        if self._stopping():
            return ["stopping"]
        if self._known is None or self._age.milliseconds > KEPT_MS:
            # One question at a time, however many ask.
            asking = self._asking = self._asking or asyncio.create_task(asyncio.to_thread(self._look))
            done, _ = await asyncio.wait({asking}, timeout=PATIENCE_SECONDS)
            if not done:
                return ["no_answer_in_time"]
            if self._asking is asking:
                self._asking = None
                self._tell(asking.result())
        return list(self._known or [])

    def _tell(self, faults: list[str]) -> None:
        if faults and faults != self._known:
            get_logger().error("worker.not_ready", fault=faults)
        elif self._known and not faults:
            get_logger().info("worker.ready_again")
        self._known, self._age = faults, Stopwatch()

    def _look(self) -> list[str]:
        checks: dict[str, Callable[[], bool]] = {
            "database": self._database,
            "document_store": self._document_store,
            "clients": lambda: self._usable_clients() > 0,
        }
        return [name for name, check in checks.items() if not _holds(check)]

    def _database(self) -> bool:
        require_writable(self._db)
        return current_revision(self._db) == self._head

    def _document_store(self) -> bool:
        self._documents.remove(sha256=self._documents.put(content=self._proof))
        return True


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (SchemaError, OSError):
        return False
    except Exception as error:  # noqa: BLE001 - whatever it is, we are not ready, and the answer must come
        get_logger().error("worker.check_failed", exc_info=error)
        return False
