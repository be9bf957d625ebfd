"""Settlement files on a bank's SFTP server, its host key pinned."""

from __future__ import annotations

from pathlib import Path

from worker.ports import RemoteFile
from worker.support.sftp import SftpDoor
from worker.support.sftp_folder import SftpFolder


class SftpBankFiles:
    """Implements ports.BankFiles. Connects when first asked, keeps the connection, reconnects after a drop."""

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
        self._folder = SftpFolder(self._door, self._door.folder)

    async def listed(self) -> list[RemoteFile]:
        """Raises AccessDenied (host key, log-in), Unavailable (no connection, folder missing or closed to us)."""
        return await self._folder.listed()

    async def fetch(self, *, file: RemoteFile) -> bytes | None:
        """Also raises Unavailable when the connection is cut: nothing of the file is kept then."""
        return await self._folder.fetch(file)

    async def set_aside(self, *, file: RemoteFile, folder: str) -> None:
        """As the port says; also raises Unavailable."""
        await self._folder.set_aside(file, folder=folder)

    async def aclose(self) -> None:
        """Logs out."""
        await self._door.aclose()
