"""The print house's receipt files: read whatever is in them, moved out of the way, never lost."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract.print_house.cases import NO_LINE, case
from tests.support.print_houses import Place
from worker.adapters.print_house.receipts import MAX_BYTES, MAX_LINES
from worker.model.letter import LetterReceipt, ReceiptStatus
from worker.model.outcomes import Refused, TryLater
from worker.model.remote_file import RemoteFile
from worker.ports import ReceiptsFiled

pytestmark = pytest.mark.anyio


def line(job: str = "boker-1-1-5f0c1f0e", status: Any = "posted", **more: Any) -> bytes:
    document = {
        "schema": "factoring-worker/print-receipt",
        "schema_version": 1,
        "job_id": job,
        "status": status,
        "at": "2026-11-24T15:10:00+01:00",
        **more,
    }
    return json.dumps(document).encode() + b"\n"


def documented() -> str:
    """The example of docs/print-manifest.md."""
    page = Path("docs/print-manifest.md").read_text(encoding="utf-8")
    return next(b for b in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if b.startswith('{"schema"'))


async def read(place: Place) -> tuple[tuple[LetterReceipt, ...], tuple[str, ...]]:
    """What is in the one file that waits."""
    (file,) = await place.house.receipt_files()
    found = await place.house.read_receipts(file=file)
    assert found is not None
    assert (found.name, len(found.sha256)) == (file.name, 64)
    return found.receipts, found.faults


async def the_file(place: Place) -> RemoteFile:
    (file,) = await place.house.receipt_files()
    return file


@case("No receipts folder: no receipts")
async def test_a_print_house_that_gives_none(place: Place) -> None:
    assert await place.house.receipt_files() == []


@case("Receipts as documented, JSON Lines")
async def test_the_documented_receipts_are_read(place: Place) -> None:
    place.lay("receipts/a.jsonl", documented().encode())
    receipts, faults = await read(place)
    assert faults == ()
    assert [(one.job, one.status, one.words) for one in receipts] == [
        ("boker-10045-1-5f0c1f0e", "posted", ""),
        ("boker-10046-1-7a31be02", "rejected", "adressen er utenfor vinduet"),
    ]
    assert receipts[0].at == datetime(2026, 11, 24, 14, 10, tzinfo=UTC)


@case("One receipt a file, as a JSON object on many lines")
async def test_one_receipt_as_an_object(place: Place) -> None:
    document = json.loads(line(client="boker", status="received"))
    place.lay("receipts/a.json", b"\xef\xbb\xbf" + json.dumps(document, indent=4).encode())
    receipts, faults = await read(place)
    assert ([(one.status, one.client) for one in receipts], faults) == ([(ReceiptStatus.RECEIVED, "boker")], ())


FAULTS = {
    b"\x00\xff\xfe": "line 1: not JSON",
    b"": "it is empty",
    b"[]\n": "line 1: not a JSON object",
    b"[" * 100_000: "line 1: not JSON",
    line(status="teleported"): "line 1: status is in no list",
    line(status=["posted"]): "line 1: status is in no list",
    line(job="../../etc/passwd"): "line 1: job_id is none",
    line(job="x" * 101): "line 1: job_id is none",
    line(schema_version=2): "line 1: schema is not factoring-worker/print-receipt version 1",
    line(at="2026-11-24"): "line 1: at is no instant with offset",
    line(at="0001-01-01T00:00:00+14:00"): "line 1: at is no instant with offset",
    line(at=1764000000): "line 1: at is no instant with offset",
    line(reason={"a": 1}): "line 1: reason is no text",
    line(client=7): "line 1: client is no text",
    b"{" + b'"a":1,' * 5 + b'"b":' + b'{"c":' * 5000: "line 1: not JSON",
}


@case("Malformed and hostile files: a fault, by line, never a crash")
async def test_what_nobody_can_read_is_a_fault(place: Place) -> None:
    for number, (content, fault) in enumerate(FAULTS.items()):
        path = place.lay(f"receipts/{number}.jsonl", content)
        assert await read(place) == ((), (fault,))
        path.unlink()


@case("One bad line costs itself")
async def test_one_bad_line_costs_itself(place: Place) -> None:
    place.lay("receipts/a.jsonl", line() + b"\n{}\n" + line("boker-2-1-5f0c1f0e") + b'{"cut of')
    receipts, faults = await read(place)
    assert [one.job for one in receipts] == ["boker-1-1-5f0c1f0e", "boker-2-1-5f0c1f0e"]
    assert [fault.split(":")[0] for fault in faults] == ["line 3", "line 5"]


@case("Words are cut and cleaned")
async def test_words_are_cut_and_cleaned(place: Place) -> None:
    place.lay("receipts/a.jsonl", line(reason="ukjent\r\n\x1b[31m\u202eadressat\x00 " + "x" * 5000))
    ((receipt,), _) = await read(place)
    assert receipt.words.startswith("ukjent [31m adressat x")
    assert len(receipt.words) == 200


@case("Too large, or too many lines")
async def test_too_large_is_not_looked_into(place: Place) -> None:
    path = place.lay("receipts/a.jsonl", b"")
    os.truncate(path, MAX_BYTES + 1)
    assert await read(place) == ((), ("larger than 4 MB",))
    path.write_bytes(b"1\n" * (MAX_LINES + 5))
    receipts, faults = await read(place)
    assert (receipts, len(faults), faults[-1]) == ((), 21, f"and {MAX_LINES + 1 - 20} more")


@case("Only whole files are offered; no folders, links, pipes")
async def test_only_whole_plain_files_are_offered(place: Place) -> None:
    for name in ("a.jsonl.part", ".hidden.json", "notes.txt", "done/old.jsonl"):
        place.lay(f"receipts/{name}", line())
    (place.folder / "receipts" / "link.json").symlink_to("/etc/passwd")
    (place.folder / "receipts" / "folder.json").mkdir()
    os.mkfifo(place.folder / "receipts" / "pipe.json")
    place.lay("receipts/B.JSONL", line())
    assert [file.name for file in await place.house.receipt_files()] == ["B.JSONL"]


@case("Read twice is the same; moved when done, under a free name")
async def test_a_file_is_moved_when_it_is_done_with(place: Place) -> None:
    place.lay("receipts/done/a.jsonl", b"an older one")
    place.lay("receipts/a.jsonl", line())
    assert await read(place) == await read(place)
    file = await the_file(place)
    await place.house.put_receipts_away(file=file, where=ReceiptsFiled.DONE)
    await place.house.put_receipts_away(file=file, where=ReceiptsFiled.DONE)
    assert await place.house.receipt_files() == []
    assert (place.folder / "receipts/done/a.jsonl").read_bytes() == b"an older one"
    assert (place.folder / "receipts/done/a.jsonl.1").read_bytes() == line()
    assert await place.house.read_receipts(file=file) is None


@case("A refused file lies apart with the reason beside it")
async def test_a_refused_file_has_its_reason_beside_it(place: Place) -> None:
    place.lay("receipts/a.jsonl", b"{}")
    await place.house.put_receipts_away(file=await the_file(place), where=ReceiptsFiled.REFUSED, reason="line 1: no\n")
    refused = place.folder / "receipts/refused"
    assert {path.name: path.read_bytes() for path in refused.iterdir()} == {
        "a.jsonl": b"{}",
        "a.jsonl.reason.txt": b"line 1: no\n",
    }


@case("A file written to meanwhile is left alone")
async def test_a_file_written_to_meanwhile_stays(place: Place) -> None:
    path = place.lay("receipts/a.jsonl", line())
    file = await the_file(place)
    path.write_bytes(line() + line("boker-2-1-5f0c1f0e"))
    assert await place.house.read_receipts(file=file) is None
    with pytest.raises(Refused):
        await place.house.put_receipts_away(file=file, where=ReceiptsFiled.DONE)
    assert path.exists()


@case("A file that cannot be moved stays, and is told", folder="as root every file can be moved")
async def test_a_file_that_cannot_be_moved_stays(place: Place) -> None:
    place.lay("receipts/a.jsonl", line())
    place.trouble.may_not_rename = True
    with pytest.raises(Refused, match="cannot be moved"):
        await place.house.put_receipts_away(file=await the_file(place), where=ReceiptsFiled.DONE)
    assert len(await place.house.receipt_files()) == 1


@case("A line cut while reading: nothing of it is kept", folder=NO_LINE)
async def test_cut_while_reading_is_try_later(place: Place) -> None:
    place.lay("receipts/a.jsonl", line())
    file = await the_file(place)
    cut = 0
    for step in range(1, 7):
        place.trouble.fails_at(step, "cut before")
        try:
            found = await place.house.read_receipts(file=file)
        except TryLater:
            cut += 1
        else:
            assert found is not None
            assert len(found.receipts) == 1
    assert cut >= 2
