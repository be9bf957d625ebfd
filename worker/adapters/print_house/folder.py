"""A print house that fetches from a folder (a share, a mounted volume, or a folder another program carries on)."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from worker.adapters.print_house import handing_over, receipts
from worker.model.letter import ReceiptFile
from worker.model.outcomes import AccessDenied, Refused, TryLater
from worker.model.remote_file import RemoteFile
from worker.ports import BatchHandOver, Checked, PrintJob, ReceiptsFiled
from worker.support import files

T = TypeVar("T")


class FolderPrintHouse:
    """Implements ports.PrintHouse. `folder` is made when missing."""

    def __init__(self, folder: Path) -> None:
        self._shelf = _FolderShelf(Path(folder))
        self._receipts = Path(folder) / "receipts"

    async def check(self) -> Checked:
        """See ports.CheckedPrintHouse."""
        why = await asyncio.to_thread(files.why_not_writable, self._receipts.parent)
        if why:
            raise AccessDenied(f"print house folder: {why}")
        return Checked("the folder can be written to")

    async def hand_over(self, *, job: PrintJob) -> str:
        """Raises Refused when the job cannot be posted or other bytes lie under its name, TryLater when the disk will
        not."""
        return await handing_over.hand_over(self._shelf, job)

    async def hand_over_batch(self, *, jobs: Sequence[PrintJob]) -> BatchHandOver:
        """As for one letter."""
        return await handing_over.hand_over_batch(self._shelf, jobs)

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Also raises TryLater when the folder cannot be read."""
        return handing_over.sure(await handing_over.was_handed_over(self._shelf, job))

    async def receipt_files(self) -> list[RemoteFile]:
        """Raises TryLater when the folder cannot be read."""
        return await _at_the_disk("read", lambda: _listed(self._receipts))

    async def read_receipts(self, *, file: RemoteFile) -> ReceiptFile | None:
        """As the port says."""
        if file.size > receipts.MAX_BYTES:
            return receipts.unread(file, f"larger than {receipts.MAX_BYTES // 2**20} MB")
        try:
            content = await asyncio.to_thread(_content, self._receipts / file.name, file)
        except OSError as error:
            return receipts.unread(file, f"it cannot be read: {error.strerror or type(error).__name__}")
        return None if content is None else receipts.read(file.name, content)

    async def put_receipts_away(self, *, file: RemoteFile, where: ReceiptsFiled, reason: str = "") -> None:
        """As the port says."""
        path = self._receipts / file.name
        try:
            if not await asyncio.to_thread(os.path.lexists, path):
                return
            if not await asyncio.to_thread(_as_listed, path, file):
                raise Refused("print house folder: a receipt file was written to after it was read; it stays")
            await asyncio.to_thread(files.move_aside, path, str(where), reason=reason)
        except OSError as error:
            words = error.strerror or type(error).__name__
            raise Refused(f"print house folder: a receipt file cannot be moved: {words}") from error

    async def aclose(self) -> None:
        """Nothing is held open."""


class _FolderShelf:
    """Implements handing_over.Shelf."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str, *, most: int) -> bytes | None:
        def there() -> bytes | None:
            try:
                with (self._folder / name).open("rb") as file:
                    return file.read(most)
            except FileNotFoundError:
                return None

        return await _at_the_disk("read", there)

    async def exists(self, name: str) -> bool:
        return await _at_the_disk("read", (self._folder / name).exists)

    async def names(self, folder: str) -> list[str]:
        def there() -> list[str]:
            try:
                return sorted(path.name for path in (self._folder / folder).iterdir())
            except FileNotFoundError:
                return []

        return await _at_the_disk("read", there)

    async def begin(self, name: str) -> None:
        def open_it() -> None:
            files.make_folder(self._folder)
            (self._folder / f"{name}.part").touch()

        await _at_the_disk("write to", open_it)

    async def create(self, name: str, content: bytes, *, counts: bool = False) -> bytes:
        del counts  # a disk answers: the name is given, or it is not

        def make() -> bytes:
            files.make_folder(self._folder)
            path = self._folder / name
            try:
                files.create(path, content, part=self._folder / f"{name}.part")
            except FileExistsError:
                with path.open("rb") as file:
                    return file.read(max(len(content) + 1, handing_over.MAX_MANIFEST))
            return content

        return await _at_the_disk("write to", make)


async def _at_the_disk(doing: str, work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise TryLater(f"print house folder: cannot {doing} it: {error.strerror or type(error).__name__}") from error


def _listed(folder: Path) -> list[RemoteFile]:
    found: list[RemoteFile] = []
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return []
    for entry in entries:
        if receipts.offered(entry.name) and entry.is_file(follow_symlinks=False):
            facts = entry.stat(follow_symlinks=False)
            found.append(RemoteFile(entry.name, facts.st_size, int(facts.st_mtime)))
    return sorted(found, key=lambda file: file.name)


def _content(path: Path, file: RemoteFile) -> bytes | None:
    """None when it is no longer as listed."""
    try:
        # Neither a link laid there meanwhile is followed nor a pipe waited at.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb") as opened:
        content = opened.read(file.size + 1)
    return content if len(content) == file.size and _as_listed(path, file) else None


def _as_listed(path: Path, file: RemoteFile) -> bool:
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(facts.st_mode) and (facts.st_size, int(facts.st_mtime)) == (file.size, file.changed)
