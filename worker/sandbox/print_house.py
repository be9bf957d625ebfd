"""The print house's SFTP server, rooted in the letters folder. One user, let in by key; host key made at the start."""

from __future__ import annotations

from pathlib import Path

import asyncssh
from asyncssh import SSHKey, SSHServerConnection

from worker.sandbox.records import PrintHouseTrouble

USER = "factor"


class PrintHouse:
    """The server and its keys, which stay in `keys_folder` from one start to the next."""

    def __init__(self, *, folder: Path, keys_folder: Path, trouble: PrintHouseTrouble) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        keys_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._trouble = trouble
        self._connections: set[SSHServerConnection] = set()
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._host_key = _key(keys_folder / "print_house_host_ed25519")
        self.client_key_path = keys_folder / "print_house_client_ed25519"
        self._client_key = _key(self.client_key_path)

    @property
    def host_key(self) -> str:
        """The host's public key: `ssh-ed25519 AAAA...`."""
        return self._host_key.export_public_key().decode().strip()

    async def start(self, *, host: str, port: int) -> tuple[str, int]:
        """Listens; returns the address."""
        self._acceptor = await asyncssh.listen(
            host,
            port,
            server_factory=lambda: _Doorkeeper(self._client_key, self._connections),
            server_host_keys=[self._host_key],
            sftp_factory=self._letters,
            allow_scp=False,
        )
        address = self._acceptor.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    def _letters(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return _Letters(channel, self._folder, self._trouble)

    async def close(self) -> None:
        """Stops listening and ends every connection."""
        if self._acceptor is None:
            return
        self._acceptor.close()
        for connection in list(self._connections):
            connection.abort()
            await connection.wait_closed()
        await self._acceptor.wait_closed()


class _Doorkeeper(asyncssh.SSHServer):
    """Lets in the one user with the one key."""

    def __init__(self, client_key: SSHKey, connections: set[SSHServerConnection]) -> None:
        self._client_key = client_key
        self._connections = connections
        self._connection: SSHServerConnection | None = None

    def connection_made(self, conn: SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: SSHKey) -> bool:
        return username == USER and key.public_data == self._client_key.public_data


class _Letters(asyncssh.SFTPServer):
    """The letters folder as the root, with the trouble ordered."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], folder: Path, trouble: PrintHouseTrouble) -> None:
        super().__init__(channel, chroot=str(folder).encode())
        self._trouble = trouble

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        if self._trouble.disk_full_next > 0:
            self._trouble.disk_full_next -= 1
            raise asyncssh.SFTPFailure("No space left on device")
        written = super().write(file_obj, offset, data)
        return written if isinstance(written, int) else await written

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        waiting = super().rename(oldpath, newpath)
        if waiting is not None:
            await waiting
        self._cut_if_ordered()

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        waiting = super().posix_rename(oldpath, newpath)
        if waiting is not None:
            await waiting
        self._cut_if_ordered()

    def _cut_if_ordered(self) -> None:
        if self._trouble.cut_after_rename_next > 0:
            self._trouble.cut_after_rename_next -= 1
            self.channel.get_connection().abort()


def _key(path: Path) -> SSHKey:
    """The key in the file, made at first."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment="sandbox")
        path.touch(mode=0o600)
        path.write_bytes(key.export_private_key())
        path.with_suffix(".pub").write_bytes(key.export_public_key())
    return asyncssh.read_private_key(path)
