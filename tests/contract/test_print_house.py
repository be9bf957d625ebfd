"""Both print houses, one suite: the pair of files, twice harmless, cut anywhere and repeated. SFTP on a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import resource
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from worker.adapters.print_house import FolderPrintHouse, LetterTerms, PostClass, ReturnHandling, SftpPrintHouse
from worker.model.outcomes import OutsideError, Refused, TryLater, UnknownOutcome
from worker.ports import PrintHouse, PrintJob

pytestmark = pytest.mark.anyio

JOB = PrintJob(
    job_id="boker-10045-d17",
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


@dataclass
class Trouble:
    """What the SFTP server does wrong, and what it has seen."""

    disk_full: bool = False
    cut_on_write: bool = False
    cut_after_rename_of: str = ""
    renamed: list[str] = field(default_factory=list[str])
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list[asyncssh.SSHServerConnection])


def sftp_server(root: Path, trouble: Trouble) -> type[asyncssh.SFTPServer]:
    class Server(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(root).encode())
            self._connection = channel.get_connection()

        def write(self, file_obj: object, offset: int, data: bytes) -> Any:
            if trouble.disk_full:
                raise asyncssh.SFTPNoSpaceOnFilesystem("disk full")
            if trouble.cut_on_write:
                super().write(file_obj, offset, data[:100])
                self._connection.abort()
                return 100
            return super().write(file_obj, offset, data)

        def rename(self, oldpath: bytes, newpath: bytes) -> None:
            super().rename(oldpath, newpath)
            trouble.renamed.append(newpath.decode())
            if trouble.cut_after_rename_of and newpath.endswith(trouble.cut_after_rename_of.encode()):
                self._connection.abort()

    return Server


@dataclass
class Place:
    """A print house and the folder behind it. `more` makes another of the same kind with other settings."""

    house: PrintHouse
    folder: Path
    kind: str
    trouble: Trouble
    settings: dict[str, Any]


@asynccontextmanager
async def sftp_place(tmp_path: Path) -> AsyncGenerator[Place]:
    host_key, client_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "client_key").write_bytes(client_key.export_private_key())
    (tmp_path / "authorized").write_bytes(client_key.export_public_key())
    root = tmp_path / "root"
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
        authorized_client_keys=str(tmp_path / "authorized"),
        sftp_factory=sftp_server(root, trouble),
    )
    settings: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": acceptor.get_port(),
        "user": "faktor",
        "key_path": tmp_path / "client_key",
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


@pytest.fixture(params=["folder", "sftp"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "folder":
        yield Place(FolderPrintHouse(tmp_path / "inn"), tmp_path / "inn", "folder", Trouble(), {})
        return
    async with sftp_place(tmp_path) as made:
        yield made


@pytest.fixture
async def sftp(tmp_path: Path) -> AsyncIterator[Place]:
    async with sftp_place(tmp_path) as made:
        yield made


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


# --- both -----------------------------------------------------------------------------------------


async def test_a_job_is_a_pdf_and_a_manifest(place: Place) -> None:
    assert not await place.house.was_handed_over(job=JOB)
    assert await place.house.hand_over(job=JOB) == MANIFEST
    assert names(place.folder) == [MANIFEST, PDF]
    assert (place.folder / PDF).read_bytes() == JOB.pdf
    assert json.loads((place.folder / MANIFEST).read_bytes()) == {
        "schema": "factoring-worker/print-job",
        "schema_version": 1,
        "job_id": "boker-10045-d17",
        "client": "boker",
        "invoice_number": "10045",
        "file": PDF,
        "sha256": hashlib.sha256(JOB.pdf).hexdigest(),
        "size": len(JOB.pdf),
        "pages": 2,
        "address_lines": ["Kari Nordmann", "Blåbærveien 1", "0155 OSLO"],
        "return_address": "Factor AS, Postboks 1, 0101 OSLO",
        "colour": False,
        "duplex": True,
        "post_class": "economy",
        "return_handling": "return_to_sender",
        "created_at": "2026-11-24T07:00:00+00:00",
    }
    assert await place.house.was_handed_over(job=JOB)


async def test_twice_is_harmless(place: Place) -> None:
    await place.house.hand_over(job=JOB)
    before = {name: (place.folder / name).stat().st_mtime_ns for name in names(place.folder)}
    later = replace(JOB, created_at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    assert await place.house.hand_over(job=later) == MANIFEST
    assert await place.house.was_handed_over(job=later)
    assert {name: (place.folder / name).stat().st_mtime_ns for name in names(place.folder)} == before


@pytest.mark.parametrize("change", [{"pdf": b"%PDF-1.7\nanother"}, {"address_lines": ("Ola Nordmann", "0155 OSLO")}])
async def test_another_letter_under_the_same_name_is_refused(place: Place, change: dict[str, Any]) -> None:
    await place.house.hand_over(job=JOB)
    other = replace(JOB, **change)
    assert not await place.house.was_handed_over(job=other)
    with pytest.raises(Refused):
        await place.house.hand_over(job=other)
    assert (place.folder / PDF).read_bytes() == JOB.pdf


async def test_another_pdf_without_manifest_under_the_name_is_refused(place: Place) -> None:
    place.folder.mkdir(exist_ok=True)
    (place.folder / PDF).write_bytes(b"%PDF-1.4\nnot ours")
    with pytest.raises(Refused):
        await place.house.hand_over(job=JOB)
    assert (place.folder / PDF).read_bytes() == b"%PDF-1.4\nnot ours"
    assert MANIFEST not in names(place.folder)


@pytest.mark.parametrize(
    "left",
    [
        {f"{PDF}.part": b"%PDF-1.7\npa"},
        {PDF: JOB.pdf},
        {PDF: JOB.pdf, f"{MANIFEST}.part": b'{"sch'},
    ],
)
async def test_a_job_cut_short_is_not_handed_over_and_can_be_finished(place: Place, left: dict[str, bytes]) -> None:
    place.folder.mkdir(exist_ok=True)
    for name, content in left.items():
        (place.folder / name).write_bytes(content)
    assert not await place.house.was_handed_over(job=JOB)
    await place.house.hand_over(job=JOB)
    assert names(place.folder) == [MANIFEST, PDF]
    assert (place.folder / PDF).read_bytes() == JOB.pdf
    assert await place.house.was_handed_over(job=JOB)


async def test_a_fetched_job_is_not_handed_over_again(place: Place) -> None:
    await place.house.hand_over(job=JOB)
    fetched = place.folder / "fetched"
    fetched.mkdir()
    (place.folder / MANIFEST).rename(fetched / MANIFEST)
    (place.folder / PDF).unlink()  # printed
    assert await place.house.was_handed_over(job=JOB)
    await place.house.hand_over(job=JOB)
    assert names(place.folder) == ["fetched"]
    with pytest.raises(Refused):
        await place.house.hand_over(job=replace(JOB, pages=3))


@pytest.mark.parametrize(
    ("field_name", "change"),
    [
        ("job_id", {"job_id": "../../etc/cron.d/x"}),
        ("job_id", {"job_id": "a/b"}),
        ("job_id", {"job_id": ".hidden"}),
        ("job_id", {"job_id": ""}),
        ("pdf", {"pdf": b"<html>"}),
        ("pages", {"pages": 0}),
        ("address_lines", {"address_lines": ("", "  ")}),
    ],
)
async def test_what_cannot_be_posted_is_refused(place: Place, field_name: str, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=field_name):
        await place.house.hand_over(job=replace(JOB, **change))
    assert names(place.folder) == []


def changed(place: Place, other: dict[str, Any]) -> dict[str, Any]:
    return {**place.settings, **other}


# --- the folder ------------------------------------------------------------------------------------


@contextmanager
def files_no_larger_than(size: int) -> Generator[None]:
    """The kernel itself refuses to write more, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_is_try_later_and_leaves_nothing(tmp_path: Path) -> None:
    house = FolderPrintHouse(tmp_path / "inn")
    with files_no_larger_than(1000), pytest.raises(TryLater, match="cannot write"):
        await house.hand_over(job=JOB)
    assert names(tmp_path / "inn") == []
    await house.hand_over(job=JOB)
    assert names(tmp_path / "inn") == [MANIFEST, PDF]


async def test_the_agreed_terms_are_in_the_manifest(tmp_path: Path) -> None:
    terms = LetterTerms(post_class=PostClass.PRIORITY, return_handling=ReturnHandling.SHRED)
    await FolderPrintHouse(tmp_path, terms=terms).hand_over(job=JOB)
    manifest = json.loads((tmp_path / MANIFEST).read_bytes())
    assert (manifest["post_class"], manifest["return_handling"]) == ("priority", "shred")


# --- SFTP ------------------------------------------------------------------------------------------


async def trouble_of(house: PrintHouse) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await house.hand_over(job=JOB)
    await house.aclose()
    return caught.value


async def test_a_wrong_host_key_stops_everything(sftp: Place) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"known_host_key": other})))
    assert isinstance(error, TryLater)
    assert "host key" in error.message
    assert names(sftp.folder) == []


async def test_two_host_keys_while_one_is_being_changed_and_a_known_hosts_line(sftp: Place) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    both = f"# old, then new\n{other}[print.example]:2222 {sftp.settings['known_host_key']}"
    house = SftpPrintHouse(**changed(sftp, {"known_host_key": both}))
    assert await house.hand_over(job=JOB) == MANIFEST
    await house.aclose()


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "not a key", "ssh-ed25519 AAAAC3Nz", "# only a remark"])
def test_a_host_key_that_is_none_is_found_at_once(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="host key"):
        SftpPrintHouse(host="h", user="u", key_path=tmp_path / "k", known_host_key=line)


async def test_a_wrong_or_missing_private_key_is_try_later(sftp: Place, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"key_path": wrong})))
    assert isinstance(error, TryLater)
    assert "log-in" in error.message
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"key_path": tmp_path / "nowhere"})))
    assert isinstance(error, TryLater)
    assert "private key" in error.message


async def test_nobody_listening_is_try_later(sftp: Place) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"port": port})))
    assert isinstance(error, TryLater)


async def test_a_server_that_says_nothing_is_try_later(sftp: Place) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"port": port, "timeout": 0.5})))
    server.close()
    assert isinstance(error, TryLater)


async def test_their_disk_full_is_try_later_and_the_next_try_finishes(sftp: Place) -> None:
    sftp.trouble.disk_full = True
    with pytest.raises(TryLater, match="disk full"):
        await sftp.house.hand_over(job=JOB)
    assert not await sftp.house.was_handed_over(job=JOB)
    sftp.trouble.disk_full = False
    await sftp.house.hand_over(job=JOB)
    assert names(sftp.folder) == [MANIFEST, PDF]


async def test_a_folder_that_is_not_there_is_try_later(sftp: Place) -> None:
    error = await trouble_of(SftpPrintHouse(**changed(sftp, {"remote_dir": "nowhere"})))
    assert isinstance(error, TryLater)


async def test_cut_while_writing_is_safe_to_repeat_on_a_new_connection(sftp: Place) -> None:
    sftp.trouble.cut_on_write = True
    with pytest.raises(TryLater):
        await sftp.house.hand_over(job=JOB)
    assert PDF not in names(sftp.folder)
    sftp.trouble.cut_on_write = False
    await sftp.house.hand_over(job=JOB)
    assert names(sftp.folder) == [MANIFEST, PDF]
    assert (sftp.folder / PDF).read_bytes() == JOB.pdf


async def test_cut_between_pdf_and_manifest_is_try_later(sftp: Place) -> None:
    sftp.trouble.cut_after_rename_of = ".pdf"
    with pytest.raises(TryLater):
        await sftp.house.hand_over(job=JOB)
    assert not await sftp.house.was_handed_over(job=JOB)
    await sftp.house.hand_over(job=JOB)
    assert names(sftp.folder) == [MANIFEST, PDF]


async def test_cut_while_the_manifest_gets_its_name_is_unknown_until_asked(sftp: Place) -> None:
    sftp.trouble.cut_after_rename_of = ".json"
    with pytest.raises(UnknownOutcome):
        await sftp.house.hand_over(job=JOB)
    assert await sftp.house.was_handed_over(job=JOB)


async def test_many_jobs_share_a_connection_and_the_manifest_comes_last(sftp: Place) -> None:
    for number in range(3):
        await sftp.house.hand_over(job=replace(JOB, job_id=f"job-{number}"))
    assert len(sftp.trouble.connections) == 1
    assert [Path(name).name for name in sftp.trouble.renamed] == [
        name for n in range(3) for name in (f"job-{n}.pdf", f"job-{n}.json")
    ]


async def test_a_connection_lost_between_jobs_is_made_again(sftp: Place) -> None:
    await sftp.house.hand_over(job=JOB)
    sftp.trouble.connections[0].abort()
    await sftp.house.hand_over(job=replace(JOB, job_id="job-2"))
    assert "job-2.json" in names(sftp.folder)
    assert len(sftp.trouble.connections) == 2
