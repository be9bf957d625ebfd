"""The folder document store: what it gives back is what was put in, or an error."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

import pytest

from worker.adapters.document_store import FolderDocumentStore
from worker.ports import DocumentLost


def test_a_document_is_found_by_its_hash(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path / "documents")
    content = "<Invoice>Blåbær</Invoice>".encode()
    sha256 = store.put(content=content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert store.get(sha256=sha256) == content
    assert (tmp_path / "documents" / sha256[:2] / sha256[2:4] / sha256).read_bytes() == content


def test_the_same_bytes_twice_are_one_document(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    assert store.put(content=b"x") == store.put(content=b"x")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [hashlib.sha256(b"x").hexdigest()]


def test_a_missing_document_is_lost(tmp_path: Path) -> None:
    with pytest.raises(DocumentLost):
        FolderDocumentStore(tmp_path / "nowhere").get(sha256="0" * 64)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "0" * 63, "/" * 64])
def test_what_is_no_hash_is_never_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(DocumentLost):
        FolderDocumentStore(tmp_path).get(sha256=name)


def test_rotten_bytes_are_noticed_and_mended_by_the_next_put(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    sha256 = store.put(content=b"original")
    path = tmp_path / sha256[:2] / sha256[2:4] / sha256
    path.write_bytes(b"origimal")
    with pytest.raises(DocumentLost, match="no longer match"):
        store.get(sha256=sha256)
    store.put(content=b"original")
    assert store.get(sha256=sha256) == b"original"


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


def test_many_writers_of_the_same_bytes_do_not_meet(tmp_path: Path) -> None:
    store = FolderDocumentStore(tmp_path)
    content = os.urandom(200_000)
    sha256 = hashlib.sha256(content).hexdigest()
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                store.put(content=content)
                assert store.get(sha256=sha256) == content
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a thread is told by the test
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [sha256]
