"""Settlement files on a bank's SFTP server, its host key pinned."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path, PurePosixPath
from typing import cast

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_REGULAR, FILEXFER_TYPE_UNKNOWN

from worker.model.outcomes import Refused
from worker.ports import RemoteFile
from worker.support.sftp import NOT_THERE, SftpDoor, words

_SLOWEST = 20_000  # bytes a second a download may take before it is given up
_REFUSALS = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPFailure, asyncssh.SFTPWriteProtect)


class SftpBankFiles:
    """Implements ports.BankFiles. Connects when first asked, keeps the connection, reconnects after a drop.

    Names are the server's bytes whatever they mean: bytes that are no UTF-8 are kept as surrogates.
    """

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
            who="bank files",
            host=host,
            port=port,
            user=user,
            key_path=key_path,
            known_host_key=known_host_key,
            folder=remote_dir,
            timeout=timeout,
        )

    async def listed(self) -> list[RemoteFile]:
        """Raises AccessDenied (host key, log-in), Unavailable (no connection, folder missing or closed to us)."""
        found: list[RemoteFile] = []
        async with self._door.session() as sftp, asyncio.timeout(2 * self._door.timeout):
            # As bytes: one name that is no UTF-8 must not hide the others.
            async for entry in sftp.scandir(os.fsencode(str(self._door.folder))):
                name, attrs = os.fsdecode(cast("bytes", entry.filename)), entry.attrs
                if _is_plain(attrs) and attrs.size is not None and name not in (".", ".."):
                    found.append(RemoteFile(name, attrs.size, int(attrs.mtime or 0)))
        return sorted(found, key=lambda file: file.name)

    async def fetch(self, *, file: RemoteFile) -> bytes | None:
        """Also raises Unavailable when the connection is cut: nothing of the file is kept then."""
        path = os.fsencode(str(self._door.folder / file.name))
        async with self._door.session() as sftp, asyncio.timeout(self._door.timeout + file.size / _SLOWEST):
            try:
                async with sftp.open(path, "rb") as remote:
                    # One byte more than listed shows that it has grown.
                    content = cast("bytes", await remote.read(file.size + 1))
                same = await self._is_as_listed(sftp, path, file)
            except NOT_THERE:
                return None
            except _REFUSALS as error:
                raise Refused(f"bank files: a file cannot be read ({words(error)})") from error
        return content if same and len(content) == file.size else None

    async def set_aside(self, *, file: RemoteFile, folder: str) -> None:
        """As the port says; also raises Unavailable."""
        place = self._door.folder / folder
        path = os.fsencode(str(self._door.folder / file.name))
        async with self._door.session() as sftp, asyncio.timeout(2 * self._door.timeout):
            try:
                if not await self._is_as_listed(sftp, path, file):
                    raise Refused("bank files: a file was written to after it was fetched; it stays")
                if not await sftp.isdir(str(place)):
                    await sftp.mkdir(str(place))
                target = await _free(sftp, place, file.name)
                await sftp.rename(path, target)  # never overwrites
                if not await self._is_as_listed(sftp, target, file):
                    # Written to in the moment between: back with it, so that the new bytes are fetched.
                    await sftp.rename(target, path)
                    raise Refused("bank files: a file was written to while it was moved; it stays")
            except NOT_THERE:
                return
            except _REFUSALS as error:
                raise Refused(f"bank files: a file cannot be moved ({words(error)})") from error

    async def aclose(self) -> None:
        """Logs out."""
        await self._door.aclose()

    async def _is_as_listed(self, sftp: asyncssh.SFTPClient, path: bytes, file: RemoteFile) -> bool:
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
