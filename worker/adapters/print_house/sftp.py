"""A print house that takes files over SFTP, its host key pinned."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import asyncssh

from worker.adapters.print_house import handing_over, receipts
from worker.model.letter import ReceiptFile
from worker.model.outcomes import OutsideError, Refused, TryLater, UnknownOutcome
from worker.model.remote_file import RemoteFile
from worker.ports import BatchHandOver, Checked, PrintJob, ReceiptsFiled
from worker.support import crashing
from worker.support.sftp import DROPPED, NOT_THERE, SftpDoor, words
from worker.support.sftp_folder import SLOWEST, SftpFolder


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
        timeout: float = 30.0,
    ) -> None:
        """See SftpDoor for the arguments. Raises ValueError when `known_host_key` is none."""
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
        self._receipts = SftpFolder(self._door, self._door.folder / "receipts")

    async def check(self) -> Checked:
        """See ports.CheckedPrintHouse. A letter is written under another name and renamed, and so is the empty file."""
        trial, named = (str(self._door.folder / name) for name in (".doctor.part", ".doctor"))
        async with self._door.session() as sftp, asyncio.timeout(self._door.timeout):
            async with sftp.open(trial, "wb"):
                pass
            try:
                if await sftp.exists(named):  # left by one before, which could not remove it
                    await sftp.remove(named)
                await sftp.rename(trial, named)
                await sftp.remove(named)
            except (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPOpUnsupported) as error:
                return Checked(
                    "host key and log-in are right, and files can be written",
                    mend=f"an empty .doctor file could not be renamed or removed ({words(error)}): letters are renamed "
                    "when whole, so ask the print house for the right to, and to remove the file",
                )
        return Checked("host key and log-in are right; a file was written, renamed and removed")

    async def hand_over(self, *, job: PrintJob) -> str:
        """Raises Refused (cannot be posted, other bytes under the name), TryLater (cannot connect, disk full, cut while
        writing), UnknownOutcome (cut while the manifest got its name: ask `was_handed_over`).
        """
        async with self._door.session() as sftp:
            return await handing_over.hand_over(_SftpShelf(self._door, sftp), job)

    async def hand_over_batch(self, *, jobs: Sequence[PrintJob]) -> BatchHandOver:
        """As for one letter."""
        async with self._door.session() as sftp:
            return await handing_over.hand_over_batch(_SftpShelf(self._door, sftp), jobs)

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Also raises TryLater when the server cannot be asked."""
        async with self._door.session() as sftp:
            found = await handing_over.was_handed_over(_SftpShelf(self._door, sftp), job)
        return handing_over.sure(found)  # out here: the connection is sound whatever was found

    async def receipt_files(self) -> list[RemoteFile]:
        """Raises AccessDenied (host key, log-in), Unavailable (no connection)."""
        listed = await self._receipts.listed(may_be_missing=True)
        return [file for file in listed if receipts.offered(file.name)]

    async def read_receipts(self, *, file: RemoteFile) -> ReceiptFile | None:
        """As the port says; also raises Unavailable when the connection is cut."""
        if file.size > receipts.MAX_BYTES:
            return receipts.unread(file, f"larger than {receipts.MAX_BYTES // 2**20} MB")
        try:
            content = await self._receipts.fetch(file)
        except Refused as error:
            return receipts.unread(file, error.message)
        return None if content is None else receipts.read(file.name, content)

    async def put_receipts_away(self, *, file: RemoteFile, where: ReceiptsFiled, reason: str = "") -> None:
        """As the port says; also raises Unavailable."""
        target = await self._receipts.set_aside(file, folder=str(where))
        if target is None or not reason:
            return
        with suppress(OutsideError):  # a courtesy to the print house; we have it on record
            async with (
                self._door.session() as sftp,
                asyncio.timeout(self._door.timeout),
                sftp.open(f"{target}.reason.txt", "wb") as note,
            ):
                await note.write(reason.encode())

    async def aclose(self) -> None:
        """Logs out."""
        await self._door.aclose()


class _SftpShelf:
    """Implements handing_over.Shelf, within one session."""

    def __init__(self, door: SftpDoor, sftp: asyncssh.SFTPClient) -> None:
        self._folder = door.folder
        self._timeout = door.timeout
        self._sftp = sftp

    async def read(self, name: str, *, most: int) -> bytes | None:
        async with asyncio.timeout(self._timeout + most / SLOWEST):
            try:
                async with self._sftp.open(str(self._folder / name), "rb") as file:
                    return cast("bytes", await file.read(most))
            except NOT_THERE:
                return None

    async def exists(self, name: str) -> bool:
        async with asyncio.timeout(self._timeout):
            return await self._sftp.exists(str(self._folder / name))

    async def names(self, folder: str) -> list[str]:
        async with asyncio.timeout(2 * self._timeout):
            try:
                found = await self._sftp.listdir(str(self._folder / folder))
            except NOT_THERE:
                if not folder:
                    raise
                return []
        return sorted(found)

    async def begin(self, name: str) -> None:
        async with asyncio.timeout(self._timeout), self._sftp.open(self._part(name), "ab"):
            pass

    async def create(self, name: str, content: bytes, *, counts: bool = False) -> bytes:
        path, part = str(self._folder / name), self._part(name)
        what = f"print_house.sftp.{name.rpartition('.')[2]}"
        there = await self.read(name, most=max(len(content) + 1, handing_over.MAX_MANIFEST))
        if there is not None:
            return there
        crashing.point(what, "before_writing")
        # A big letter over a slow line takes its time: the limit grows with the size.
        async with asyncio.timeout(self._timeout + len(content) / SLOWEST):
            async with self._sftp.open(part, "wb") as file:
                await file.write(content)
                with suppress(asyncssh.SFTPOpUnsupported):  # not every server can; it is checked all the same
                    await file.fsync()
            if await self._sftp.getsize(part) != len(content):
                raise TryLater("print house: the file arrived with another size")
        crashing.point(what, "written")
        if counts and await self.read(f"{name}.part", most=len(content) + 1) != content:
            raise TryLater("print house: the manifest arrived with another content")
        try:
            async with asyncio.timeout(self._timeout):
                await self._sftp.rename(part, path)  # never overwrites
        except DROPPED as error:
            if not counts:
                raise
            raise UnknownOutcome("print house: the connection was cut while the manifest got its name") from error
        crashing.point(what, "named")
        if not counts and await self._sftp.getsize(path) != len(content):
            raise TryLater("print house: the file got another size with its name")
        return content

    def _part(self, name: str) -> str:
        return str(self._folder / f"{name}.part")
