"""Settlement files from a bank's SFTP server, on a real socket: fetched once, never half, nothing there deleted."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.support.database import prepared
from worker.adapters.bank_files import SftpBankFiles
from worker.model.outcomes import AccessDenied, Refused, Unavailable
from worker.model.settlement import SettlementFile, SourceFormat
from worker.ports import RemoteFile
from worker.settlement.fetching import FetchConfig, Fetcher
from worker.settlement.inbox import MAX_BYTES
from worker.store import settlement_files
from worker.store.database import Database
from worker.support.halt import Halt
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
LONG_AGO = 1_795_000_000


@dataclass
class Trouble:
    """What the server does wrong, and what was asked of it."""

    cut_after: int | None = None
    reads: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list[asyncssh.SSHServerConnection])
    on_rename: Any = None


def server_of(root: Path, trouble: Trouble) -> type[asyncssh.SFTPServer]:
    class Server(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(root).encode())
            self._connection = channel.get_connection()

        def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            name = Path(os.fsdecode(path)).name
            if (root / "ut" / name).stat().st_mode & 0o400 == 0:  # the tests may run as a user whom no mode stops
                raise asyncssh.SFTPPermissionDenied("permission denied")
            trouble.reads.append(name)
            return super().open(path, pflags, attrs)

        def read(self, file_obj: object, offset: int, size: int) -> Any:
            if trouble.cut_after is not None and offset >= trouble.cut_after:
                self._connection.abort()
            return super().read(file_obj, offset, size)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            super().rename(oldpath, newpath)
            if trouble.on_rename is not None:
                act, trouble.on_rename = trouble.on_rename, None
                act(root / "ut" / "done" / Path(os.fsdecode(newpath)).name)

        def remove(self, path: bytes) -> None:
            trouble.removed.append(os.fsdecode(path))

    return Server


@dataclass
class Bank:
    """The bank's server, the folder behind it, and our side: inbox and database."""

    settings: dict[str, Any]
    folder: Path
    inbox: Path
    trouble: Trouble
    db: Database
    remote: SftpBankFiles
    between: Any = None
    now: datetime = NOW

    def lay(self, name: str, content: bytes = b"file", *, changed: int = LONG_AGO) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (changed, changed))
        return path

    async def look(self, *, done: str = "", remote: SftpBankFiles | None = None) -> Summary:
        """A new worker's look, an hour after the last."""

        async def sleep(seconds: float) -> None:
            assert seconds == 7
            if self.between is not None:
                self.between()

        self.now += timedelta(hours=1)
        config = FetchConfig(self.inbox, done, 7)
        fetcher = Fetcher(remote=remote or self.remote, config=config, db=self.db, halt=Halt(), sleep=sleep)
        return await fetcher.run(now=self.now)

    def got(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.inbox.iterdir())} if self.inbox.exists() else {}

    def there(self, folder: str = "") -> list[str]:
        return sorted(path.name for path in (self.folder / folder).iterdir() if path.is_file())


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncGenerator[Bank]:
    host_key, client_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "key").write_bytes(client_key.export_private_key())
    (tmp_path / "authorized").write_bytes(client_key.export_public_key())
    folder = tmp_path / "root" / "ut"
    folder.mkdir(parents=True)
    trouble = Trouble()

    class Watch(asyncssh.SSHServer):
        def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
            trouble.connections.append(conn)

    acceptor = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Watch, server_host_keys=[host_key],
        authorized_client_keys=str(tmp_path / "authorized"), sftp_factory=server_of(tmp_path / "root", trouble),
    )  # fmt: skip
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": acceptor.get_port(),
        "user": "faktor",
        "key_path": tmp_path / "key",
        "known_host_key": host_key.export_public_key().decode(),
        "remote_dir": "ut",
        "timeout": 5.0,
    }
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    remote = SftpBankFiles(**settings)
    try:
        yield Bank(settings, folder, tmp_path / "inbox", trouble, db, remote)
    finally:
        await remote.aclose()
        db.close()
        acceptor.close()
        await acceptor.wait_closed()
        for connection in trouble.connections:
            connection.abort()
            await connection.wait_closed()


async def test_what_is_new_is_fetched_once_and_left_where_it_lies(bank: Bank) -> None:
    for number in range(12):
        bank.lay(f"ocr{number:02}.txt", f"file {number}".encode())
    assert (await bank.look())["files_fetched"] == 12
    assert bank.got()["ocr07.txt"] == b"file 7"
    for path in bank.inbox.iterdir():
        path.unlink()  # taken
    bank.lay("new.txt", b"new")
    bank.trouble.reads.clear()
    assert (await bank.look())["files_fetched"] == 1
    assert (bank.trouble.reads, bank.got()) == (["new.txt"], {"new.txt": b"new"})
    assert len(bank.there()) == 13
    assert bank.trouble.removed == []


async def test_a_file_sent_anew_under_its_old_name_is_another_file(bank: Bank) -> None:
    bank.lay("camt.xml", b"monday")
    await bank.look()
    bank.lay("camt.xml", b"tuesday", changed=LONG_AGO + 60)
    await bank.look()
    bank.lay("camt.xml", b"revised", changed=LONG_AGO + 120)
    await bank.look()
    assert bank.got() == {"camt.xml": b"monday", "1-camt.xml": b"tuesday", "2-camt.xml": b"revised"}


async def test_bytes_that_have_been_taken_are_not_laid_in_the_inbox_again(bank: Bank) -> None:
    content = b"taken before"
    sha256 = hashlib.sha256(content).hexdigest()
    settlement_files.take_file(bank.db, name="a", file=SettlementFile(format=SourceFormat.OCR_GIRO, identity="1",
                          sha256=sha256), now=NOW)  # fmt: skip
    bank.lay("again.txt", content)
    assert (await bank.look())["files_fetched"] == 1
    assert bank.got() == {}
    bank.trouble.reads.clear()
    await bank.look()
    assert bank.trouble.reads == []


async def test_what_is_still_being_written_is_left(bank: Bank) -> None:
    bank.lay("whole.txt")
    growing = bank.lay("growing.txt", b"half")
    for name in ("a.part", "b.TMP", "c.filepart", ".hidden", "empty.txt"):
        bank.lay(name, b"" if name == "empty.txt" else b"half")
    bank.between = lambda: growing.write_bytes(b"half and more")
    summary = await bank.look()
    assert (summary["files_fetched"], summary["files_unfinished"]) == (1, 1)
    assert list(bank.got()) == ["whole.txt"]
    bank.between = None
    await bank.look()
    assert bank.got()["growing.txt"] == b"half and more"


async def test_a_file_that_grows_while_it_is_read_is_not_kept(bank: Bank) -> None:
    path = bank.lay("growing.txt", b"half")
    [listed] = await bank.remote.listed()
    path.write_bytes(b"half and more")
    assert await bank.remote.fetch(file=listed) is None
    path.unlink()
    assert await bank.remote.fetch(file=listed) is None


async def test_folders_and_links_are_no_files_and_odd_names_do_no_harm(bank: Bank) -> None:
    (bank.folder / "archive").mkdir()
    (bank.folder / "link.txt").symlink_to("/etc/hostname")
    bank.lay("ÅRSOPPGJØR 1.txt", b"1")
    bank.lay("x.reason.txt", b"2")
    bank.lay(os.fsdecode(b"\xe5r.txt"), b"3")
    assert (await bank.look())["files_fetched"] == 3
    assert sorted(bank.got().values()) == [b"1", b"2", b"3"]
    assert not any(name.endswith(".reason.txt") or "/" in name for name in bank.got())


async def test_fetched_files_are_moved_away_when_that_is_wanted_and_no_name_is_overwritten(bank: Bank) -> None:
    bank.lay("before.txt", b"before")
    await bank.look()
    bank.lay("ocr.txt", b"one")
    await bank.look(done="done")
    bank.lay("ocr.txt", b"two", changed=LONG_AGO + 60)
    assert (await bank.look(done="done"))["files_fetched"] == 1
    assert bank.there() == []
    moved = {name: (bank.folder / "done" / name).read_bytes() for name in bank.there("done")}
    assert moved == {"before.txt": b"before", "ocr.txt": b"one", "ocr.txt.1": b"two"}
    assert bank.trouble.removed == []


async def test_written_to_while_it_was_moved_it_comes_back_and_is_fetched_anew(bank: Bank) -> None:
    bank.lay("ocr.txt", b"one")
    bank.trouble.on_rename = lambda path: path.write_bytes(b"one and more")
    assert (await bank.look(done="done"))["files_staying"] == 1
    assert bank.there() == ["ocr.txt"]
    await bank.look(done="done")
    assert set(bank.got().values()) == {b"one", b"one and more"}


async def test_a_done_folder_that_cannot_be_made_stops_nothing(bank: Bank) -> None:
    bank.lay("done", b"a file in its place")
    summary = await bank.look(done="done")
    assert (summary["files_fetched"], summary["files_staying"]) == (1, 1)
    assert not summary.troubled


# --- trouble --------------------------------------------------------------------------------------


async def test_a_wrong_host_key_stops_everything(bank: Bank) -> None:
    bank.lay("ocr.txt")
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    changed: dict[str, Any] = {**bank.settings, "known_host_key": other}
    remote = SftpBankFiles(**changed)
    with pytest.raises(AccessDenied, match="host key"):
        await remote.listed()
    assert (await bank.look(remote=remote)).troubled
    await remote.aclose()
    assert (bank.got(), bank.trouble.reads) == ({}, [])


async def test_a_log_in_refused_a_key_that_is_missing_and_a_folder_that_is_not_there(
    bank: Bank, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    changes: list[tuple[dict[str, Any], type[Unavailable], str]] = [
        ({"key_path": wrong}, AccessDenied, "log-in"),
        ({"key_path": tmp_path / "nowhere"}, AccessDenied, "private key"),
        ({"remote_dir": "nowhere"}, Unavailable, "NoSuchFile"),
    ]
    for change, expected, words in changes:
        remote = SftpBankFiles(**{**bank.settings, **change})
        with pytest.raises(expected, match=words):
            await remote.listed()
        await remote.aclose()


async def test_a_file_we_may_not_read_is_told_and_the_others_are_fetched(bank: Bank) -> None:
    bank.lay("a.txt").chmod(0)
    bank.lay("b.txt", b"b")
    with pytest.raises(Refused, match="cannot be read"):
        await bank.remote.fetch(file=RemoteFile("a.txt", 4, LONG_AGO))
    summary = await bank.look()
    assert (summary["files_fetched"], summary["trouble_aside"] == 1) == (1, True)
    assert len(bank.trouble.connections) == 1
    (bank.folder / "a.txt").chmod(0o600)
    await bank.look()
    assert set(bank.got()) == {"a.txt", "b.txt"}


async def test_cut_in_the_middle_of_a_download_nothing_is_kept_and_the_next_look_fetches_it_whole(bank: Bank) -> None:
    content = bytes(range(256)) * 4000
    bank.lay("big.txt", content)
    bank.trouble.cut_after = 200_000
    assert (await bank.look()).troubled
    assert bank.got() == {}
    bank.trouble.cut_after = None
    await bank.look()
    assert bank.got() == {"big.txt": content}


async def test_our_disk_full_it_is_not_remembered_and_comes_when_there_is_room(bank: Bank) -> None:
    # Larger than the database's pages and log, which are written to as well.
    content = bytes(3_000_000)
    bank.lay("big.txt", content)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, hard))  # the kernel itself refuses, as on a full disk
    try:
        assert (await bank.look(done="done")).troubled
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (bank.got(), bank.there()) == ({}, ["big.txt"])
    await bank.look()
    assert bank.got() == {"big.txt": content}


async def test_a_file_larger_than_any_settlement_file_is_not_fetched(bank: Bank) -> None:
    with bank.lay("huge.txt").open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    assert (await bank.look())["trouble_aside"] == 1
    assert bank.trouble.reads == []


async def test_the_clients_runs_share_one_look(bank: Bank) -> None:
    async def sleep(_: float) -> None: ...

    fetcher = Fetcher(remote=bank.remote, config=FetchConfig(bank.inbox), db=bank.db, halt=Halt(), sleep=sleep)
    bank.lay("a.txt", b"a")
    await fetcher.run(now=NOW)
    bank.lay("b.txt", b"b")
    await fetcher.run(now=NOW + timedelta(minutes=4))
    assert set(bank.got()) == {"a.txt"}
    await fetcher.run(now=NOW + timedelta(minutes=5))
    assert set(bank.got()) == {"a.txt", "b.txt"}
