"""Named points: silent unless armed, and named by who is at work."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.adapters.document_store import FolderDocumentStore
from worker.store.database import Database
from worker.support import crashing


@pytest.fixture
def met() -> Iterator[list[str]]:
    points: list[str] = []
    crashing.arm(points.append)
    yield points
    crashing.arm(None)


def test_unarmed_nothing_happens(tmp_path: Path, met: list[str]) -> None:
    crashing.arm(None)
    FolderDocumentStore(tmp_path).put(content=b"x")
    crashing.request_point("GET", "http://host/a", "before")
    assert met == []


def test_a_file_is_named_by_who_writes_it(tmp_path: Path, met: list[str]) -> None:
    FolderDocumentStore(tmp_path).put(content=b"x")
    name = "adapters.document_store.folder.put"
    assert met == [f"{name}:before_writing", f"{name}:written", f"{name}:named"]


def test_a_hook_that_raises_is_a_disk_that_refuses(tmp_path: Path, met: list[str]) -> None:
    def full(name: str) -> None:
        met.append(name)
        raise OSError(errno.ENOSPC, "No space left on device")

    crashing.arm(full)
    with pytest.raises(OSError, match="No space left"):
        FolderDocumentStore(tmp_path).put(content=b"x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_dead_before_the_commit_nothing_is_kept_and_after_it_everything(tmp_path: Path, met: list[str]) -> None:
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")

    def write(value: int) -> None:
        with db.begin() as tx:
            tx.exec_driver_sql("INSERT INTO seen VALUES (?)", (value,))

    with db.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE seen (value INTEGER)")
    for value, point in enumerate(("before_commit", "after_commit")):

        def die(name: str, where: str = point) -> None:
            met.append(name)
            if name.endswith(where):
                raise KeyboardInterrupt

        crashing.arm(die)
        with pytest.raises(KeyboardInterrupt):
            write(value)
    with db.read() as tx:
        assert tx.exec_driver_sql("SELECT value FROM seen").scalars().all() == [1]
    assert met[-1].endswith("write:after_commit")
    db.close()


@pytest.mark.parametrize(
    ("url", "shape"),
    [
        ("https://host:1/v2/Vouchers/BankJournals?x=1", "/v2/Vouchers/BankJournals"),
        ("https://host/v1/invoices/7d1f8e0c-93d1", "/v1/invoices/*"),
        (
            "https://host/api/outbound/submit/iso6523-actorid-upis::0192:1/urn:oasis::2.1/NO",
            "/api/outbound/submit/*/*/NO",
        ),
    ],
)
def test_what_differs_from_one_request_to_the_next_is_left_out(met: list[str], url: str, shape: str) -> None:
    crashing.request_point("POST", url, "after")
    assert met == [f"http POST {shape}:after"]
