"""FolderAccessPoint: what lies in the folder at every moment, and what is known after a crash."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson
import pytest

from worker.adapters.access_point.folder import FolderAccessPoint
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import Refused, TryLater
from worker.ports import AccessPoint, OutboundDocument, SubmissionState

pytestmark = pytest.mark.anyio

KEY = "550e8400-e29b-41d4-a716-446655440000"
QUEUED, DELIVERED, REFUSED = SubmissionState.QUEUED, SubmissionState.DELIVERED, SubmissionState.REFUSED


def document(key: str = KEY, xml: bytes = "<Invoice>Ærlig</Invoice>".encode()) -> OutboundDocument:
    return OutboundDocument(
        key=key, kind=Kind.INVOICE, sender="0192:999999999", receiver="0192:986252932",
        document_type_id=DOCUMENT_TYPE_IDS[Kind.INVOICE], process_id=PROCESS_ID, country="NO", xml=xml,
    )  # fmt: skip


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


async def state(root: Path) -> SubmissionState | None:
    """As a new process sees it."""
    access_point: AccessPoint = FolderAccessPoint(root)
    submission = await access_point.status(key=KEY)
    return submission.state if submission else None


async def test_both_files_lie_there_and_fit_each_other(tmp_path: Path) -> None:
    root = tmp_path / "not" / "yet" / "there"
    access_point = FolderAccessPoint(root)
    assert await access_point.status(key=KEY) is None
    submission = await access_point.submit(document=document())
    assert (submission.state, submission.vendor_reference) == (QUEUED, KEY)
    xml = (root / f"{KEY}.xml").read_bytes()
    envelope = orjson.loads((root / f"{KEY}.json").read_bytes())
    assert xml == document().xml
    assert envelope["sha256"] == hashlib.sha256(xml).hexdigest()
    assert (envelope["sender"], envelope["receiver"]) == ("0192:999999999", "0192:986252932")
    assert envelope["document_type_id"] == DOCUMENT_TYPE_IDS[Kind.INVOICE]
    assert files_in(root) == [f"{KEY}.json", f"{KEY}.xml"]


async def test_a_fetched_document_is_not_forgotten(tmp_path: Path) -> None:
    await FolderAccessPoint(tmp_path).submit(document=document())
    (tmp_path / f"{KEY}.json").unlink()
    assert await state(tmp_path) is QUEUED
    (tmp_path / f"{KEY}.xml").unlink()
    assert await state(tmp_path) is QUEUED


@pytest.mark.parametrize(
    ("receipt", "expected", "known"),
    [
        (b'{"state": "delivered", "reference": "as4-1"}', DELIVERED, True),
        (b'{"state": "refused", "message": "ukjent mottaker"}', REFUSED, True),
        (b'{"state": "teleported"}', QUEUED, False),
        (b'{"state": "deliv', QUEUED, False),
        (b"<!doctype html><title>nginx</title>", QUEUED, False),
        (b'[null, {"state": []}]', QUEUED, False),
        (b'{"state": "delivered", "mls": "XX"}', DELIVERED, False),
        (b'{"state": "delivered"}' + b" " * 2**21, QUEUED, False),
    ],
)
async def test_the_receipt_decides(tmp_path: Path, receipt: bytes, expected: SubmissionState, known: bool) -> None:
    access_point = FolderAccessPoint(tmp_path)
    await access_point.submit(document=document())
    (tmp_path / f"{KEY}.receipt.json").write_bytes(receipt)
    submission = await access_point.status(key=KEY)
    assert submission is not None
    assert (submission.state, submission.known_word) == (expected, known)


@pytest.mark.parametrize(
    ("lying_there", "mark", "expected"),
    [
        (["xml"], "", None),  # crashed before the mark
        (["xml"], "writing\n", None),  # crashed before the JSON
        (["xml", "json"], "writing\n", QUEUED),  # crashed before the second mark
        ([], "writing\n", QUEUED),  # the same, and it has been fetched
        (["xml", "json"], "handed over\n", QUEUED),
        ([], "handed over\n", QUEUED),
        ([], "", None),
    ],
)
async def test_every_crash_can_be_told(
    tmp_path: Path, lying_there: list[str], mark: str, expected: SubmissionState | None
) -> None:
    for suffix in lying_there:
        (tmp_path / f"{KEY}.{suffix}").write_bytes(b"x")
    if mark:
        (tmp_path / ".handed_over").mkdir()
        (tmp_path / ".handed_over" / KEY).write_text(mark)
    assert await state(tmp_path) is expected


async def test_a_second_try_after_a_crash_completes_it(tmp_path: Path) -> None:
    (tmp_path / f"{KEY}.xml").write_bytes(b"half of someth")
    await FolderAccessPoint(tmp_path).submit(document=document())
    assert (tmp_path / f"{KEY}.xml").read_bytes() == document().xml
    assert await state(tmp_path) is QUEUED


@pytest.mark.parametrize("key", ["", "../x", "a/b", "a.json", ".hidden", "a" * 101, "å"])
async def test_a_key_never_becomes_another_path(tmp_path: Path, key: str) -> None:
    access_point = FolderAccessPoint(tmp_path / "folder")
    with pytest.raises(Refused):
        await access_point.submit(document=document(key))
    with pytest.raises(Refused):
        await access_point.status(key=key)
    assert not (tmp_path / "folder").exists()
    assert files_in(tmp_path) == []


async def test_a_folder_that_cannot_be_written_is_for_later(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(TryLater):
        await FolderAccessPoint(tmp_path / "file" / "folder").submit(document=document())


async def test_a_full_disk_is_for_later_and_leaves_nothing_to_fetch(tmp_path: Path) -> None:
    import resource
    import signal

    # The same way a full disk shows: a write that stops half-way with an error, here by a limit on file size.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(TryLater):
            await FolderAccessPoint(tmp_path).submit(document=document(xml=os.urandom(100_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert files_in(tmp_path) == []
    assert await state(tmp_path) is None
