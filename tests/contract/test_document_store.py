"""Both document stores: what they give back is what was put in, or an error. S3 is a real server on a socket."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.s3 import BUCKET, ObjectServer
from worker.adapters.document_store import FolderDocumentStore
from worker.adapters.document_store.s3 import S3DocumentStore
from worker.ports import DocumentLost, DocumentStore

SECRET = "s3-secret-that-must-not-be-seen"


@dataclass
class Shelf:
    """A store and the way behind its back."""

    store: DocumentStore
    raw: Callable[[str], bytes | None]
    spoil: Callable[[str, bytes], None]


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectServer]:
    with ObjectServer() as running:
        yield running


@pytest.fixture(params=["folder", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, server: ObjectServer) -> Shelf:
    def key(sha256: str) -> str:
        return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"

    if request.param == "folder":
        root = tmp_path / "documents"

        def raw(sha256: str) -> bytes | None:
            path = root / key(sha256)
            return path.read_bytes() if path.exists() else None

        return Shelf(FolderDocumentStore(root), raw, lambda sha256, content: _write(root / key(sha256), content))
    prefix = f"{tmp_path.name}/documents"
    store = s3(server, prefix=prefix)
    return Shelf(
        store,
        lambda sha256: server.read(f"{prefix}/{key(sha256)}"),
        lambda sha256, content: server.write(f"{prefix}/{key(sha256)}", content),
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def s3(server: ObjectServer, **changes: Any) -> S3DocumentStore:
    values: dict[str, Any] = {
        "bucket": BUCKET,
        "prefix": "documents",
        "region": "eu-north-1",
        "endpoint": server.url,
        "access_key_id": "worker",
        "secret_access_key": SECRET,
    }
    return S3DocumentStore(**{**values, **changes})


def test_a_document_is_found_by_its_hash(shelf: Shelf) -> None:
    content = "<Invoice>Blåbær</Invoice>".encode()
    sha256 = shelf.store.put(content=content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert shelf.store.get(sha256=sha256) == content == shelf.raw(sha256)


def test_the_same_bytes_twice_are_one_document(shelf: Shelf) -> None:
    assert shelf.store.put(content=b"x") == shelf.store.put(content=b"x")
    assert [found.sha256 for found in shelf.store.documents()] == [hashlib.sha256(b"x").hexdigest()]


def test_nothing_at_all_is_a_document_too(shelf: Shelf) -> None:
    assert shelf.store.get(sha256=shelf.store.put(content=b"")) == b""


def test_a_missing_document_is_lost(shelf: Shelf) -> None:
    with pytest.raises(DocumentLost):
        shelf.store.get(sha256="0" * 64)
    assert list(shelf.store.documents()) == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "/" * 64])
def test_what_is_no_hash_is_never_a_path(shelf: Shelf, name: str) -> None:
    with pytest.raises(DocumentLost):
        shelf.store.get(sha256=name)


def test_rotten_bytes_are_noticed_and_mended_by_the_next_put(shelf: Shelf) -> None:
    sha256 = shelf.store.put(content=b"original")
    shelf.spoil(sha256, b"origimal")
    with pytest.raises(DocumentLost, match="no longer match"):
        shelf.store.get(sha256=sha256)
    shelf.store.put(content=b"original")
    assert shelf.store.get(sha256=sha256) == b"original"


def test_what_lies_there_is_listed_with_size_and_age_and_can_be_removed(shelf: Shelf) -> None:
    kept, gone = shelf.store.put(content=b"kept"), shelf.store.put(content=b"gone!")
    listed = {found.sha256: found for found in shelf.store.documents()}
    assert {sha256: found.size for sha256, found in listed.items()} == {kept: 4, gone: 5}
    assert all(abs(datetime.now(UTC) - found.written_at) < timedelta(minutes=5) for found in listed.values())
    shelf.store.remove(sha256=gone)
    shelf.store.remove(sha256=gone)
    assert [found.sha256 for found in shelf.store.documents()] == [kept]


def test_many_writers_of_the_same_bytes_do_not_meet(shelf: Shelf) -> None:
    content = os.urandom(200_000)
    sha256 = hashlib.sha256(content).hexdigest()
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                shelf.store.put(content=content)
                assert shelf.store.get(sha256=sha256) == content
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread is told by the test
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [found.sha256 for found in shelf.store.documents()] == [sha256]


def test_of_many_who_mark_at_once_one_is_first_and_the_others_read_it(shelf: Shelf) -> None:
    name, got = "a" * 64, list[bytes | None]()

    def work(place: int) -> None:
        got.append(shelf.store.mark(name=name, content=f"mark {place}".encode()))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(None) == 1
    [there] = {found for found in got if found is not None}
    assert shelf.store.mark(name=name, content=b"late") == there
    assert list(shelf.store.documents()) == []
    with pytest.raises(ValueError):
        shelf.store.mark(name="../etc/passwd", content=b"")


# --- the folder alone -----------------------------------------------------------------------------


def test_a_document_is_not_for_everybody_on_the_machine(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    sha256 = store.put(content=b"personal data")
    assert (tmp_path / sha256[:2] / sha256[2:4] / sha256).stat().st_mode & 0o007 == 0


def test_what_cannot_be_written_is_an_error_and_the_next_try_mends_it(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    sha256 = hashlib.sha256(b"x" * 100).hexdigest()
    blocked = tmp_path / sha256[:2]
    blocked.write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError):
        store.put(content=b"x" * 100)
    blocked.unlink()
    store.put(content=b"x" * 100)
    assert store.get(sha256=sha256) == b"x" * 100


def test_only_documents_in_their_place_are_listed(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    sha256 = store.put(content=b"x")
    (tmp_path / sha256[:2] / sha256[2:4] / f"{sha256}.part").write_bytes(b"half")
    (tmp_path / "ff").mkdir(exist_ok=True)
    (tmp_path / "ff" / "ff").mkdir(exist_ok=True)
    (tmp_path / "ff" / "ff" / ("0" * 64)).write_bytes(b"somebody's")
    assert [found.sha256 for found in store.documents()] == [sha256]


# --- S3 alone -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"endpoint": "http://127.0.0.1:9"}, {"bucket": "no-such-bucket"}], ids=["nobody there", "no bucket"]
)
def test_an_object_store_that_is_away_is_an_os_error_and_never_a_lost_document(
    server: ObjectServer, changes: dict[str, str]
) -> None:
    store = s3(server, **changes)
    for act in (lambda: store.put(content=b"x"), lambda: store.get(sha256="0" * 64), lambda: list(store.documents())):
        with pytest.raises(OSError) as caught:
            act()
        assert caught.value.errno == errno.EIO
        assert SECRET not in str(caught.value) and "127.0.0.1" not in str(caught.value)
