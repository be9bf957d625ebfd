"""One machine at a time works on a SQLite file.

SQLite's WAL needs shared memory, which two machines do not have: over a network file system they would damage the file.
Beside the database lies `<file>.host`, which says whose it is. Processes and containers on one machine (one kernel,
told by its boot id) share it; another machine is refused while the first is alive.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from worker.store.database import DatabaseUnusable
from worker.support.wording import minute

BEAT = timedelta(minutes=1)
# A machine silent for this long is believed dead. Longer than a few lost beats, shorter than a slot's lease.
SILENCE = timedelta(minutes=5)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class OtherHost(DatabaseUnusable):
    """Another machine works on the file."""


def this_host() -> tuple[str, str]:
    """(identity, name for people). The identity is the running kernel's, which containers of one machine share."""
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip(), socket.gethostname()
    return socket.gethostname(), socket.gethostname()


@dataclass(frozen=True, slots=True)
class WorkerSeen:
    """When a worker last said that it is at work, or (`working` false) that it ends."""

    at: datetime
    working: bool


def _worker_of(content: bytes) -> WorkerSeen | None:
    try:
        said = json.loads(content)
        return WorkerSeen(datetime.fromisoformat(said["worker"]), bool(said["working"]))
    except (ValueError, KeyError, TypeError):
        return None  # no worker yet, one of an earlier version, or a mark cut short by a crash


class OneHost:
    """The right to work on the file from this machine. `file` None (another database): everything is allowed.

    Held by any number of processes of the machine at once; `beat` keeps it, `release` gives it up at the end.
    """

    def __init__(self, file: Path | None, *, host: tuple[str, str] | None = None) -> None:
        self._path = file.with_name(f"{file.name}.host") if file is not None else None
        self._identity, self._name = host or this_host()

    def take(self, now: datetime) -> Self:
        """Raises OtherHost when another machine works on the file; DatabaseUnusable or OSError when no mark can be
        made."""
        self._write(now, stamp=now)
        return self

    def beat(self, now: datetime) -> Self:
        """The same, and says that a worker is at work here: a command only takes. Raises DatabaseUnusable."""
        self._write(now, stamp=now, working=True)
        return self

    def worker(self) -> WorkerSeen | None:
        """The last a worker said of itself; None when none ever has."""
        if self._path is None:
            return None
        with suppress(OSError):
            return _worker_of(self._path.read_bytes())
        return None

    def _write(self, now: datetime, *, stamp: datetime, working: bool | None = None) -> None:
        if self._path is None:
            return
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o640)
        except OSError as error:
            what = f"{self._path} cannot be written ({error.strerror})"
            raise DatabaseUnusable(what, "make folder and file the worker's user's") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = os.pread(descriptor, 4096, 0)
            self._refuse_another(before, now)
            worker = _worker_of(before) if working is None else WorkerSeen(now, working)
            words: dict[str, object] = {"host": self._identity, "name": self._name, "at": stamp.isoformat()}
            if worker is not None:
                words |= {"worker": worker.at.isoformat(), "working": worker.working}
            said = json.dumps(words).encode()
            os.pwrite(descriptor, said, 0)
            os.ftruncate(descriptor, len(said))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def check(self, now: datetime) -> None:
        """Raises OtherHost when another machine works on the file; changes nothing."""
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._refuse_another(self._path.read_bytes(), now)

    def release(self, now: datetime) -> None:
        """Says that the next machine need not wait. A process of this machine that still works says otherwise by its
        next beat."""
        if self._path is not None:
            with suppress(DatabaseUnusable, OSError):
                self._write(now, stamp=now - SILENCE, working=False)

    def _refuse_another(self, content: bytes, now: datetime) -> None:
        try:
            said = json.loads(content)
            identity, name, at = str(said["host"]), str(said["name"]), datetime.fromisoformat(said["at"])
        except (ValueError, KeyError, TypeError):
            return  # empty (new), or cut short by a crash of this very write
        if identity != self._identity and abs(now - at) < SILENCE:
            minutes = int(SILENCE.total_seconds() // 60)
            raise OtherHost(
                f"another machine ({name}) works on this SQLite file",
                "stop its worker, or use PostgreSQL when several machines shall share the work. If it is dead, this"
                f" one may take over {minutes} minutes after its last sign of life ({minute(at)})",
            )
