"""Fetching: what the bank's server holds and we have not fetched is laid in the inbox folder. Nothing is deleted there.

A file is kept here, durably, before it is remembered as fetched, and remembered before it is moved away at the bank.
Cut anywhere between, it is fetched again, and its hash shows that it has been taken.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from worker.model.outcomes import OutsideError, Refused
from worker.ports import BankFiles, RemoteFile
from worker.settlement.inbox import MAX_BYTES
from worker.store import fetched_files, settlement_files
from worker.store.database import Database
from worker.support import files
from worker.support.halt import Halt
from worker.support.log import get_logger
from worker.support.retry import Sleep
from worker.support.summary import Summary

_UNFINISHED = (".part", ".tmp", ".filepart")
_OURS = (".reason.txt", *_UNFINISHED)  # names the inbox passes over
LOOK_AGAIN = timedelta(minutes=5)  # the clients' runs come one after another; the server is asked once for them all


@dataclass(frozen=True, slots=True)
class FetchConfig:
    """`folder`: the inbox. `done_folder`: where fetched files are moved at the bank; empty leaves them where they lie.
    `quiet_seconds`: a new file must look the same at two looks this far apart, else somebody is still writing it.
    """

    folder: Path
    done_folder: str = ""
    quiet_seconds: float = 5.0


class Fetcher:
    """The house's one look at the bank's server, whichever client's run comes first."""

    def __init__(
        self, *, remote: BankFiles, config: FetchConfig, db: Database, halt: Halt, sleep: Sleep = asyncio.sleep
    ) -> None:
        self._remote = remote
        self._config = config
        self._db = db
        self._halt = halt
        self._sleep = sleep
        self._looked_at: datetime | None = None

    async def run(self, *, now: datetime) -> Summary:
        """Fetches what is new. A server that does not answer is trouble for this look, never for the files."""
        summary = Summary()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOK_AGAIN:
            return summary
        self._looked_at = now
        try:
            await self._look(now, summary)
        except OutsideError as error:
            get_logger().error("settlement.fetch_failed", outcome=error.kind, message=error.message)
            summary.count("trouble")
        return summary

    async def _look(self, now: datetime, summary: Summary) -> None:
        listed = [file for file in await self._remote.listed() if _is_offered(file)]
        new = fetched_files.unknown_among(self._db, [_key(file) for file in listed])
        await self._move_away([file for file in listed if _key(file) not in new], summary)
        fresh = [file for file in listed if _key(file) in new]
        if not fresh:
            return
        await self._sleep(self._config.quiet_seconds)
        still = set(await self._remote.listed())
        for file in fresh:
            if self._halt.called:
                return
            if file not in still:
                _still_written(file, summary)
            elif await self._fetch(file, now, summary):
                await self._move_away([file], summary)

    async def _fetch(self, file: RemoteFile, now: datetime, summary: Summary) -> bool:
        log = get_logger()
        if file.size > MAX_BYTES:
            log.error("settlement.remote_file_refused", size=file.size, message=f"larger than {MAX_BYTES // 2**20} MB")
            summary.count("trouble_aside")
            return False
        try:
            content = await self._remote.fetch(file=file)
        except Refused as error:
            log.error("settlement.remote_file_refused", size=file.size, message=error.message)
            summary.count("trouble_aside")
            return False
        if content is None:
            _still_written(file, summary)
            return False
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            if not settlement_files.known_file(self._db, sha256=sha256):
                await asyncio.to_thread(_lay, self._config.folder, file.name, content)
        except OSError as error:
            log.error("settlement.file_failed", error_type=type(error).__name__, message=error.strerror or "")
            summary.count("trouble")
            return False
        fetched_files.remember(self._db, _key(file), sha256=sha256, now=now)
        log.info("settlement.file_fetched", sha256=sha256, size=file.size)
        summary.count("files_fetched")
        return True

    async def _move_away(self, fetched: list[RemoteFile], summary: Summary) -> None:
        for file in fetched if self._config.done_folder else []:
            try:
                await self._remote.set_aside(file=file, folder=self._config.done_folder)
            except Refused as error:  # it is fetched and remembered: that it lies there still harms nothing
                get_logger().warning("settlement.remote_file_stays", size=file.size, message=error.message)
                summary.count("files_staying")


def _key(file: RemoteFile) -> tuple[str, int, int]:
    return file.name, file.size, file.changed


def _is_offered(file: RemoteFile) -> bool:
    return file.size > 0 and not file.name.startswith(".") and not file.name.lower().endswith(_UNFINISHED)


def _still_written(file: RemoteFile, summary: Summary) -> None:
    get_logger().info("settlement.remote_file_unfinished", size=file.size)
    summary.count("files_unfinished")


def _lay(folder: Path, name: str, content: bytes) -> None:
    """Into the inbox under its own name, made safe; with a number when another file has that. Raises OSError."""
    files.make_folder(folder)
    plain = files.safe_name(name.encode(errors="replace").decode())
    if plain.lower().endswith(_OURS):
        plain = f"{plain}.file"
    path, number = folder / plain, 1
    while True:
        try:
            files.create(path, content)
        except FileExistsError:
            if path.read_bytes() == content:
                return
            path, number = folder / f"{number}-{plain}", number + 1
        else:
            return
