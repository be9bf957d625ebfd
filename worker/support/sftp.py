"""A counterparty's SFTP server: host key pinned, log-in by key, one connection kept, and made again after a drop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath

import asyncssh

from worker.model.outcomes import AccessDenied, OutsideError, Refused, Unavailable
from worker.support import metrics

# Kinds of host keys we let a server offer beside the agreed key's own, to say which one it has instead.
_OTHER_KINDS = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256",
)  # fmt: skip
NOT_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
DROPPED = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.DisconnectError, OSError, EOFError)


class SftpDoor:
    """`async with door.session() as sftp:` an open session, one at a time.

    What goes wrong inside becomes an outcome of ours whose message begins with `who`; the connection is then given up.
    """

    def __init__(
        self,
        *,
        who: str,
        host: str,
        port: int,
        user: str,
        key_path: Path,
        known_host_key: str,
        folder: str,
        timeout: float,
    ) -> None:
        """`known_host_key`: the server's public key (`ssh-ed25519 AAAA…`, or a known_hosts line); several lines while
        it is being changed. `timeout`: seconds, for the log-in and for each request. Raises ValueError on a bad line.
        """
        self.who = who
        self.folder = PurePosixPath(folder or ".")
        self.timeout = timeout
        self._host = host
        self._port = port
        self._user = user
        self._key_path = Path(key_path)
        self._host_keys = host_keys(known_host_key)
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._offered = ""

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[asyncssh.SFTPClient]:
        """Raises AccessDenied (wrong host key, log-in refused), Unavailable, and what is raised inside."""
        async with self._lock:
            with metrics.calling(f"sftp_{self.who.replace(' ', '_')}"):
                async with self._translated() as sftp:
                    yield sftp

    @asynccontextmanager
    async def _translated(self) -> AsyncGenerator[asyncssh.SFTPClient]:
        who = self.who
        sound = False
        try:
            sftp = await self._open()
            yield sftp
            sound = True
        except OutsideError as error:
            sound = isinstance(error, Refused)
            raise
        except asyncssh.HostKeyNotVerifiable as error:
            agreed = " or ".join(key.get_fingerprint() for key in self._host_keys)
            raise AccessDenied(
                f"{who}: the host key is not the one that was agreed; nothing was sent or fetched (offered:"
                f" {self._offered or 'none'}, agreed: {agreed})"
            ) from error
        except asyncssh.PermissionDenied as error:
            raise AccessDenied(f"{who}: log-in refused, check user and key") from error
        except asyncssh.SFTPError as error:
            raise Unavailable(f"{who}: {words(error)}", answer=words(error)) from error
        except (asyncssh.Error, OSError, EOFError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise Unavailable(f"{who}: no connection ({reason})") from error
        finally:
            if not sound:
                await self._close()

    async def aclose(self) -> None:
        """Logs out."""
        await self._close()

    async def _open(self) -> asyncssh.SFTPClient:
        if self._client is not None and self._connection is not None:
            if not self._connection.is_closed():
                with suppress(*DROPPED):  # one that died in silence is found out before anything is written
                    async with asyncio.timeout(self.timeout):
                        await self._client.stat(str(self.folder))
                    return self._client
            await self._close()
        try:
            key = asyncssh.read_private_key(self._key_path)
        except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise AccessDenied(f"{self.who}: our private key cannot be read") from error
        agreed = [algorithm.decode() for known in self._host_keys for algorithm in known.sig_algorithms]
        async with asyncio.timeout(self.timeout):
            self._connection = await asyncssh.connect(
                self._host,
                self._port,
                client_factory=lambda: _Stranger(self._note_offered),
                server_host_key_algs=list(dict.fromkeys((*agreed, *_OTHER_KINDS))),
                username=self._user,
                client_keys=[key],
                # Trusted keys, no certificate authorities, none revoked. No known_hosts file of the machine counts.
                known_hosts=(list(self._host_keys), [], []),
                preferred_auth="publickey",
                agent_path=None,
                config=None,
                keepalive_interval=15,
                login_timeout=self.timeout,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client

    def _note_offered(self, fingerprint: str) -> None:
        self._offered = fingerprint

    async def _close(self) -> None:
        client, connection = self._client, self._connection
        self._client = self._connection = None
        if client is not None:
            client.exit()
        if connection is not None:
            connection.close()
            try:
                async with asyncio.timeout(self.timeout):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()


class _Stranger(asyncssh.SSHClient):
    """Asked about a host key that is not among those agreed: it is told of, and never trusted."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        self._tell(key.get_fingerprint())
        return False


def host_keys(text: str) -> Sequence[asyncssh.SSHKey]:
    """The public keys in `text`, one a line: with or without the host names a known_hosts line begins with.

    Raises ValueError when there is none or a line is not a key.
    """
    keys: list[asyncssh.SSHKey] = []
    for line in text.splitlines():
        parts = line.split()
        if not parts or parts[0].startswith("#"):
            continue
        start = next((i for i, part in enumerate(parts[:2]) if part.startswith(("ssh-", "ecdsa-", "sk-"))), None)
        try:
            keys.append(asyncssh.import_public_key(" ".join(parts[start : None if start is None else start + 2])))
        except asyncssh.KeyImportError:
            raise ValueError("not a host key line (expected e.g. `ssh-ed25519 AAAA…`)") from None
    if not keys:
        raise ValueError("no host key given")
    return keys


def words(error: asyncssh.SFTPError) -> str:
    """The server's reason. It may repeat paths of ours, nothing more."""
    return f"{type(error).__name__.removeprefix('SFTP')}: {error.reason[:200]}"
