"""Files a counterparty leaves for us in a folder of its SFTP server: listed, read, moved aside. Never deleted."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import PurePosixPath
from typing import cast

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_REGULAR, FILEXFER_TYPE_UNKNOWN

from worker.model.outcomes import Refused
from worker.model.remote_file import RemoteFile
from worker.support.sftp import NOT_THERE, SftpDoor, words

SLOWEST = 20_000  # bytes a second a transfer may take before it is given up
_REFUSALS = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPWriteProtect)


class SftpFolder:
    """`folder` as seen from the log-in. Names are the server's bytes whatever they mean: bytes that are no UTF-8 are
    kept as surrogates."""

    def __init__(self, door: SftpDoor, folder: PurePosixPath) -> None:
        self._door = door
        self._folder = folder

    async def listed(self, *, may_be_missing: bool = False) -> list[RemoteFile]:
        """The plain files, by name; no folders, no links. `may_be_missing`: a folder that is not there is empty.

        Raises AccessDenied (host key, log-in), Unavailable (no connection, folder missing or closed to us).
        """
        found: list[RemoteFile] = []
        async with self._door.session() as sftp, asyncio.timeout(2 * self._door.timeout):
            try:
                # As bytes: one name that is no UTF-8 must not hide the others.
                async for entry in sftp.scandir(os.fsencode(str(self._folder))):
                    name, attrs = os.fsdecode(cast("bytes", entry.filename)), entry.attrs
                    if _is_plain(attrs) and attrs.size is not None and name not in (".", "..") and "/" not in name:
                        found.append(RemoteFile(name, attrs.size, int(attrs.mtime or 0)))
            except NOT_THERE:
                if not may_be_missing:
                    raise
        return sorted(found, key=lambda file: file.name)

    async def fetch(self, file: RemoteFile) -> bytes | None:
        """The file's bytes; None when it is no longer as listed: gone, or written to.

        Raises Refused when it may not be read, Unavailable when the connection is cut: nothing is kept then.
        """
        path = os.fsencode(str(self._folder / file.name))
        async with self._door.session() as sftp, asyncio.timeout(self._door.timeout + file.size / SLOWEST):
            try:
                async with sftp.open(path, "rb") as remote:
                    # One byte more than listed shows that it has grown.
                    content = cast("bytes", await remote.read(file.size + 1))
                same = await _is_as_listed(sftp, path, file)
            except NOT_THERE:
                return None
            except _REFUSALS as error:
                raise Refused(f"{self._door.who}: a file cannot be read ({words(error)})") from error
        return content if same and len(content) == file.size else None

    async def set_aside(self, file: RemoteFile, *, folder: str) -> str | None:
        """Moves it into `folder` below, made if missing, under its name or, when that is taken, with a number. Returns
        the new path; None when it is gone already. Raises Refused when it cannot be moved, or is no longer as listed:
        then it stays; Unavailable."""
        place, who = self._folder / folder, self._door.who
        path = os.fsencode(str(self._folder / file.name))
        async with self._door.session() as sftp, asyncio.timeout(2 * self._door.timeout):
            try:
                if not await _is_as_listed(sftp, path, file):
                    raise Refused(f"{who}: a file was written to after it was fetched; it stays")
                if not await sftp.isdir(str(place)):
                    await sftp.mkdir(str(place))
                target = await _free(sftp, place, file.name)
                await sftp.rename(path, target)  # never overwrites
                if not await _is_as_listed(sftp, target, file):
                    # Written to in the moment between: back with it, so that the new bytes are fetched.
                    await sftp.rename(target, path)
                    raise Refused(f"{who}: a file was written to while it was moved; it stays")
            except NOT_THERE:
                return None
            except _REFUSALS as error:
                raise Refused(f"{who}: a file cannot be moved ({words(error)})") from error
        return os.fsdecode(target)


async def _is_as_listed(sftp: asyncssh.SFTPClient, path: bytes, file: RemoteFile) -> bool:
    attrs = await sftp.stat(path)
    return (attrs.size, int(attrs.mtime or 0)) == (file.size, file.changed)


async def _free(sftp: asyncssh.SFTPClient, place: PurePosixPath, name: str) -> bytes:
    target, number = place / name, 1
    while await sftp.exists(os.fsencode(str(target))):
        target, number = place / f"{name}.{number}", number + 1
    return os.fsencode(str(target))


def _is_plain(attrs: asyncssh.SFTPAttrs) -> bool:
    """By its type, or on version 3 of the protocol, which has none, by its mode; a server that tells neither is
    believed to list files."""
    if attrs.type not in (None, FILEXFER_TYPE_UNKNOWN):
        return attrs.type == FILEXFER_TYPE_REGULAR
    kind = stat.S_IFMT(attrs.permissions or 0)
    return kind in (0, stat.S_IFREG)
