"""A print house that takes files over SFTP, its host key pinned."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import cast

import asyncssh

from worker.adapters.print_house.manifest import FETCHED, LetterTerms, check, manifest, same_job
from worker.model.outcomes import Refused, TryLater, UnknownOutcome
from worker.ports import PrintJob
from worker.support import crashing
from worker.support.sftp import DROPPED, NOT_THERE, SftpDoor

_TERMS = LetterTerms()


class SftpPrintHouse:
    """Implements ports.PrintHouse. Connects at the first job, keeps the connection, reconnects after a drop."""

    def __init__(
        self,
        *,
        host: str,
        port: int = 22,
        user: str,
        key_path: Path,
        known_host_key: str,
        remote_dir: str = ".",
        terms: LetterTerms = _TERMS,
        timeout: float = 30.0,
    ) -> None:
        """See SftpDoor for the arguments. Raises ValueError when `known_host_key` is none."""
        self._terms = terms
        self._timeout = timeout
        self._door = SftpDoor(
            who="print house",
            host=host,
            port=port,
            user=user,
            key_path=key_path,
            known_host_key=known_host_key,
            folder=remote_dir,
            timeout=timeout,
        )
        self._folder = self._door.folder

    async def hand_over(self, *, job: PrintJob) -> str:
        """Uploads PDF, then manifest; returns the manifest's name. Doing it twice is harmless.

        Raises Refused (cannot be posted, other bytes under the name), TryLater (cannot connect, disk full, cut while
        writing), UnknownOutcome (cut while the manifest got its name: ask `was_handed_over`).
        """
        check(job)
        ours = manifest(job, self._terms)
        async with self._door.session() as sftp:
            there = await self._manifest_there(sftp, job)
            if there is None:
                await self._create(sftp, f"{job.job_id}.pdf", job.pdf)
                there = await self._create(sftp, f"{job.job_id}.json", ours)
            if not same_job(there, ours):
                raise Refused("letter: another job lies under the same name")
        return f"{job.job_id}.json"

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Whether the whole job lies there or among the fetched. Raises TryLater when the server cannot be asked."""
        check(job)
        async with self._door.session() as sftp:
            there = await self._manifest_there(sftp, job)
        return there is not None and same_job(there, manifest(job, self._terms))

    async def aclose(self) -> None:
        """Logs out."""
        await self._door.aclose()

    async def _create(self, sftp: asyncssh.SFTPClient, name: str, content: bytes) -> bytes:
        """The bytes under `name`: ours, or those that were there before us."""
        path, part = str(self._folder / name), str(self._folder / f"{name}.part")
        there = await self._read(sftp, path)
        if there is not None:
            if name.endswith(".pdf") and there != content:
                raise Refused("letter: another PDF lies under the same name")
            return there
        crashing.point(f"print_house.sftp{path[-4:]}", "before_writing")
        # A big letter over a slow line takes its time: the limit grows with the size (at least 20 kB/s).
        async with asyncio.timeout(self._timeout + len(content) / 20_000):
            async with sftp.open(part, "wb") as file:
                await file.write(content)
                with suppress(asyncssh.SFTPOpUnsupported):  # not every server can; the size is checked all the same
                    await file.fsync()
            if await sftp.getsize(part) != len(content):
                raise TryLater("print house: the file arrived with another size")
        crashing.point(f"print_house.sftp{path[-4:]}", "written")
        try:
            async with asyncio.timeout(self._timeout):
                await sftp.rename(part, path)  # never overwrites
        except DROPPED as error:
            if name.endswith(".pdf"):
                raise
            raise UnknownOutcome("print house: the connection was cut while the manifest got its name") from error
        crashing.point(f"print_house.sftp{path[-4:]}", "named")
        return content

    async def _manifest_there(self, sftp: asyncssh.SFTPClient, job: PrintJob) -> bytes | None:
        """The job's manifest, waiting or fetched. A PDF without one is a job that was cut short."""
        name = f"{job.job_id}.json"
        for path in (self._folder / name, self._folder / FETCHED / name):
            there = await self._read(sftp, str(path))
            if there is not None:
                return there
        return None

    async def _read(self, sftp: asyncssh.SFTPClient, path: str) -> bytes | None:
        async with asyncio.timeout(self._timeout):
            try:
                async with sftp.open(path, "rb") as file:
                    content = cast("bytes", await file.read())
            except NOT_THERE:
                return None
        return content
