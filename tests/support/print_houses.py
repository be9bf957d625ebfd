"""Print houses for contract tests: a folder, and a real SFTP server that can be made to fail at any step."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit
from typing import Any

import asyncssh

from worker.adapters.print_house import FolderPrintHouse, SftpPrintHouse
from worker.ports import PrintHouse, PrintJob

JOB = PrintJob(
    job_id="boker-10045-1-5f0c1f0e",
    client="boker",
    invoice_number="10045",
    pdf=b"%PDF-1.7\n" + b"page " * 20_000,
    pages=2,
    address_lines=("Kari Nordmann", "Blåbærveien 1", "0155 OSLO"),
    return_address="Factor AS, Postboks 1, 0101 OSLO",
    colour=False,
    duplex=True,
    created_at=datetime(2026, 11, 24, 7, 0, tzinfo=UTC),
)
PDF, MANIFEST = f"{JOB.job_id}.pdf", f"{JOB.job_id}.json"
BATCH = "boker-batch-0123456789ab"


def letter(number: int, **more: Any) -> PrintJob:
    """Another letter. Small, and unlike any other."""
    return replace(
        JOB, job_id=f"boker-{number}-1-5f0c1f0e", invoice_number=str(number), pdf=b"%%PDF-1.7\nno %d" % number, **more
    )


def batch(*numbers: int, batch_id: str = BATCH) -> list[PrintJob]:
    return [letter(number, batch_id=batch_id) for number in numbers]


@dataclass
class Trouble:
    """What the SFTP server does wrong, and what it has seen. `cut_at`: at the n-th thing asked of it (from 1) the line
    is cut, before it is done or with `cut_after` after; so does `full_at`, with a full disk."""

    disk_full: bool = False
    full_at: int = 0
    cut_at: int = 0
    cut_after: bool = False
    cut_after_rename_of: str = ""
    may_not_rename: bool = False
    asked: int = 0
    renamed: list[str] = field(default_factory=list[str])

    def fails_at(self, step: int, how: str = "") -> None:
        """0: never."""
        self.asked, self.cut_after = 0, how == "cut after"
        self.full_at, self.cut_at = (step, 0) if how == "disk full" else (0, step)

    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list[asyncssh.SSHServerConnection])


def _server(root: Path, trouble: Trouble) -> type[asyncssh.SFTPServer]:
    class Server(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(root).encode())
            self._connection = channel.get_connection()

        @contextmanager
        def _asked(self) -> Generator[None]:
            trouble.asked += 1
            cut = trouble.asked == trouble.cut_at
            if cut and not trouble.cut_after:
                self._connection.abort()
                raise asyncssh.SFTPConnectionLost("cut")
            if trouble.asked == trouble.full_at:
                raise asyncssh.SFTPNoSpaceOnFilesystem("disk full")
            yield
            if cut:
                self._connection.abort()

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            with self._asked():
                return super().open(path, pflags, attrs)

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            with self._asked():
                return super().read(file_obj, offset, size)

        def write(self, file_obj: object, offset: int, data: bytes) -> Any:
            if trouble.disk_full:
                raise asyncssh.SFTPNoSpaceOnFilesystem("disk full")
            with self._asked():
                return super().write(file_obj, offset, data)

        def stat(self, path: bytes) -> Any:
            with self._asked():
                return super().stat(path)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            if trouble.may_not_rename:
                raise asyncssh.SFTPPermissionDenied("no renaming here")
            with self._asked():
                super().rename(oldpath, newpath)
                trouble.renamed.append(newpath.decode())
            if trouble.cut_after_rename_of and newpath.endswith(trouble.cut_after_rename_of.encode()):
                self._connection.abort()

    return Server


@dataclass
class Place:
    """A print house and the folder behind it. `settings` make another of the same kind."""

    house: PrintHouse
    folder: Path
    kind: str
    trouble: Trouble
    settings: dict[str, Any]

    def lay(self, name: str, content: bytes) -> Path:
        """The print house leaves a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def keeps_what_it_fetches(self) -> None:
        (self.folder / "fetched").mkdir(parents=True, exist_ok=True)

    def fetches(self, name: str) -> None:
        """The print house takes a manifest, and throws its PDF away."""
        self.keeps_what_it_fetches()
        (self.folder / name).rename(self.folder / "fetched" / name)
        (self.folder / name).with_suffix(".pdf").unlink(missing_ok=True)

    @property
    def names(self) -> list[str]:
        """What lies there, folders left out."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_file()) if self.folder.exists() else []


def folder_place(folder: Path) -> Place:
    return Place(FolderPrintHouse(folder / "inn"), folder / "inn", "folder", Trouble(), {})


@asynccontextmanager
async def sftp_place(folder: Path) -> AsyncGenerator[Place]:
    host_key, client_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (folder / "client_key").write_bytes(client_key.export_private_key())
    (folder / "authorized").write_bytes(client_key.export_public_key())
    root = folder / "root"
    (root / "inn").mkdir(parents=True)
    trouble = Trouble()

    class Watch(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            trouble.connections.append(conn)

    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Watch,
        server_host_keys=[host_key],
        authorized_client_keys=str(folder / "authorized"),
        sftp_factory=_server(root, trouble),
    )
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": acceptor.get_port(),
        "user": "faktor",
        "key_path": folder / "client_key",
        "known_host_key": host_key.export_public_key().decode(),
        "remote_dir": "inn",
        "timeout": 5.0,
    }
    house = SftpPrintHouse(**settings)
    try:
        yield Place(house, root / "inn", "sftp", trouble, settings)
    finally:
        await house.aclose()
        acceptor.close()
        await acceptor.wait_closed()
        for connection in trouble.connections:
            connection.abort()
            await connection.wait_closed()


@contextmanager
def files_no_larger_than(size: int) -> Generator[None]:
    """The kernel itself refuses to write more, as on a full disk."""
    soft, hard = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, (soft, hard))
