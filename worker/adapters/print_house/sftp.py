"""A print house that takes files over SFTP, its host key pinned."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import cast

import asyncssh

from worker.adapters.print_house.manifest import FETCHED, LetterTerms, check, manifest, same_job
from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater, Unavailable, UnknownOutcome
from worker.ports import PrintJob

_TERMS = LetterTerms()
_NOT_THERE = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_DROPPED = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.DisconnectError, OSError, EOFError)


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
        """`known_host_key`: the server's public key (`ssh-ed25519 AAAA…`, or a known_hosts line); several lines while
        it is being changed. `timeout`: seconds, for the log-in and for each request. Raises ValueError on a bad line.
        """
        self._host = host
        self._port = port
        self._user = user
        self._key_path = Path(key_path)
        self._host_keys = host_keys(known_host_key)
        self._folder = PurePosixPath(remote_dir or ".")
        self._terms = terms
        self._timeout = timeout
        self._lock = asyncio.Lock()
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None

    async def hand_over(self, *, job: PrintJob) -> str:
        """Uploads PDF, then manifest; returns the manifest's name. Doing it twice is harmless.

        Raises Refused (cannot be posted, other bytes under the name), TryLater (cannot connect, disk full, cut while
        writing), UnknownOutcome (cut while the manifest got its name: ask `was_handed_over`).
        """
        check(job)
        ours = manifest(job, self._terms)
        async with self._lock, self._session() as sftp:
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
        async with self._lock, self._session() as sftp:
            there = await self._manifest_there(sftp, job)
        return there is not None and same_job(there, manifest(job, self._terms))

    async def aclose(self) -> None:
        """Logs out."""
        await self._close()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[asyncssh.SFTPClient]:
        """An open session; every error inside becomes one of ours. The connection is given up unless it is sound."""
        sound = False
        try:
            sftp = await self._open()
            yield sftp
            sound = True
        except OutsideError as error:
            sound = isinstance(error, Refused)
            raise
        except asyncssh.HostKeyNotVerifiable as error:
            raise AccessDenied("print house: the host key is not the one that was agreed; nothing was sent") from error
        except asyncssh.PermissionDenied as error:
            raise AccessDenied("print house: log-in refused, check user and key") from error
        except asyncssh.SFTPError as error:
            raise Unavailable(f"print house: {_words(error)}", answer=_words(error)) from error
        except (asyncssh.Error, OSError, EOFError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise Unavailable(f"print house: no connection ({reason})") from error
        finally:
            if not sound:
                await self._close()

    async def _open(self) -> asyncssh.SFTPClient:
        if self._client is not None and self._connection is not None:
            if not self._connection.is_closed():
                with suppress(*_DROPPED):  # one that died in silence is found out before anything is written
                    async with asyncio.timeout(self._timeout):
                        await self._client.stat(str(self._folder))
                    return self._client
            await self._close()
        try:
            key = asyncssh.read_private_key(self._key_path)
        except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise AccessDenied("print house: our private key cannot be read") from error
        async with asyncio.timeout(self._timeout):
            self._connection = await asyncssh.connect(
                self._host,
                self._port,
                username=self._user,
                client_keys=[key],
                # Trusted keys, no certificate authorities, none revoked. No known_hosts file of the machine counts.
                known_hosts=(list(self._host_keys), [], []),
                preferred_auth="publickey",
                agent_path=None,
                config=None,
                keepalive_interval=15,
                login_timeout=self._timeout,
            )
            self._client = await self._connection.start_sftp_client()
        return self._client

    async def _close(self) -> None:
        client, connection = self._client, self._connection
        self._client = self._connection = None
        if client is not None:
            client.exit()
        if connection is not None:
            connection.close()
            try:
                async with asyncio.timeout(self._timeout):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()

    async def _create(self, sftp: asyncssh.SFTPClient, name: str, content: bytes) -> bytes:
        """The bytes under `name`: ours, or those that were there before us."""
        path, part = str(self._folder / name), str(self._folder / f"{name}.part")
        there = await self._read(sftp, path)
        if there is not None:
            if name.endswith(".pdf") and there != content:
                raise Refused("letter: another PDF lies under the same name")
            return there
        # A big letter over a slow line takes its time: the limit grows with the size (at least 20 kB/s).
        async with asyncio.timeout(self._timeout + len(content) / 20_000):
            async with sftp.open(part, "wb") as file:
                await file.write(content)
                with suppress(asyncssh.SFTPOpUnsupported):  # not every server can; the size is checked all the same
                    await file.fsync()
            if await sftp.getsize(part) != len(content):
                raise TryLater("print house: the file arrived with another size")
        try:
            async with asyncio.timeout(self._timeout):
                await sftp.rename(part, path)  # never overwrites
        except _DROPPED as error:
            if name.endswith(".pdf"):
                raise
            raise UnknownOutcome("print house: the connection was cut while the manifest got its name") from error
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
            except _NOT_THERE:
                return None
        return content


def host_keys(text: str) -> Sequence[asyncssh.SSHKey]:
    """The public keys in `text`, one a line: with or without the host names a known_hosts line begins with.

    Raises ValueError when there is none or a line is not a key.
    """
    keys: list[asyncssh.SSHKey] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        start = next((i for i, word in enumerate(words[:2]) if word.startswith(("ssh-", "ecdsa-", "sk-"))), None)
        try:
            keys.append(asyncssh.import_public_key(" ".join(words[start : None if start is None else start + 2])))
        except asyncssh.KeyImportError:
            raise ValueError("not a host key line (expected e.g. `ssh-ed25519 AAAA…`)") from None
    if not keys:
        raise ValueError("no host key given")
    return keys


def _words(error: asyncssh.SFTPError) -> str:
    # The server's reason may repeat paths of ours, nothing more: file names are job ids.
    return f"{type(error).__name__.removeprefix('SFTP')}: {error.reason[:200]}"
