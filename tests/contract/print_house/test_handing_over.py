"""A letter by itself: the pair of files, twice harmless, cut anywhere and repeated, and found again. A real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.contract.print_house.cases import NO_LINE, case
from tests.support.print_houses import JOB, MANIFEST, PDF, Place, files_no_larger_than, letter
from worker.adapters.print_house import SftpPrintHouse
from worker.model.letter import PostClass, ReturnHandling
from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater, UnknownOutcome
from worker.ports import PrintHouse

pytestmark = pytest.mark.anyio


def documented(schema: str) -> dict[str, Any]:
    """The example of docs/print-manifest.md."""
    page = Path("docs/print-manifest.md").read_text(encoding="utf-8")
    found = [json.loads(block) for block in re.findall(r"```json\n(\{\n.*?\n\})\n```", page, re.DOTALL)]
    return next(example for example in found if example["schema"] == schema)


@case("PDF, then manifest as documented")
async def test_a_job_is_a_pdf_and_a_manifest(place: Place) -> None:
    assert await place.house.hand_over(job=JOB) == MANIFEST
    assert place.names == [MANIFEST, PDF]
    assert (place.folder / PDF).read_bytes() == JOB.pdf
    manifest = json.loads((place.folder / MANIFEST).read_bytes())
    assert manifest["sha256"] == hashlib.sha256(JOB.pdf).hexdigest()
    example = documented("factoring-worker/print-job")
    assert list(manifest) == list(example)
    assert manifest == {**example, "sha256": manifest["sha256"]}
    assert await place.house.was_handed_over(job=JOB)


@case("Post class and what becomes of returned mail")
async def test_how_it_is_posted_stands_in_the_manifest(place: Place) -> None:
    await place.house.hand_over(job=replace(JOB, post_class=PostClass.A, return_handling=ReturnHandling.DESTROY))
    manifest = json.loads((place.folder / MANIFEST).read_bytes())
    assert (manifest["post_class"], manifest["return_handling"]) == ("a", "destroy")
    assert await place.house.was_handed_over(job=JOB), "settings changed since do not make it another letter"


@case("Twice is harmless")
async def test_twice_is_harmless(place: Place) -> None:
    await place.house.hand_over(job=JOB)
    before = {name: (place.folder / name).stat().st_mtime_ns for name in place.names}
    later = replace(JOB, created_at=datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    assert await place.house.hand_over(job=later) == MANIFEST
    assert {name: (place.folder / name).stat().st_mtime_ns for name in place.names} == before


@pytest.mark.parametrize("change", [{"pdf": b"%PDF-1.7\nanother"}, {"address_lines": ("Ola Nordmann", "0155 OSLO")}])
@case("Another letter under a used job id is refused")
async def test_another_letter_under_the_same_name_is_refused(place: Place, change: dict[str, Any]) -> None:
    await place.house.hand_over(job=JOB)
    other = replace(JOB, **change)
    assert not await place.house.was_handed_over(job=other)
    with pytest.raises(Refused):
        await place.house.hand_over(job=other)
    assert (place.folder / PDF).read_bytes() == JOB.pdf


@case("Somebody else's files under our names are left alone")
async def test_what_others_left_under_the_name_is_refused(place: Place) -> None:
    place.lay(PDF, b"%PDF-1.4\nnot ours")
    with pytest.raises(Refused):
        await place.house.hand_over(job=JOB)
    assert place.names == [PDF]
    place.lay(f"{letter(2).job_id}.json", b"<html>")
    with pytest.raises(Refused):
        await place.house.hand_over(job=letter(2))
    assert (place.folder / PDF).read_bytes() == b"%PDF-1.4\nnot ours"


@pytest.mark.parametrize(
    "left", [{f"{PDF}.part": b"%PDF-1.7\npa"}, {PDF: JOB.pdf}, {PDF: JOB.pdf, f"{MANIFEST}.part": b"{"}]
)
@case("Pieces of a letter prove that it never counted")
async def test_a_job_cut_short_is_not_handed_over_and_can_be_finished(place: Place, left: dict[str, bytes]) -> None:
    for name, content in left.items():
        place.lay(name, content)
    assert not await place.house.was_handed_over(job=JOB)
    await place.house.hand_over(job=JOB)
    assert place.names == [MANIFEST, PDF]
    assert (place.folder / PDF).read_bytes() == JOB.pdf


@case("A fetched letter is known, and not handed over again")
async def test_a_fetched_job_is_not_handed_over_again(place: Place) -> None:
    await place.house.hand_over(job=JOB)
    place.fetches(MANIFEST)
    assert await place.house.was_handed_over(job=JOB)
    await place.house.hand_over(job=JOB)
    assert place.names == []
    with pytest.raises(Refused):
        await place.house.hand_over(job=replace(JOB, pages=3))


@case("Nothing there: never arrived where fetched/ is kept, else nobody can tell")
async def test_nothing_there_is_believed_only_where_manifests_are_kept(place: Place) -> None:
    place.folder.mkdir(exist_ok=True)
    with pytest.raises(UnknownOutcome, match="without a trace"):
        await place.house.was_handed_over(job=JOB)
    place.keeps_what_it_fetches()
    assert not await place.house.was_handed_over(job=JOB)


@case("A manifest of version 1 is still known")
async def test_a_manifest_of_the_first_version_is_still_known(place: Place) -> None:
    await place.house.hand_over(job=JOB)
    manifest = json.loads((place.folder / MANIFEST).read_bytes())
    old = {**manifest, "schema_version": 1, "post_class": "economy", "return_handling": "return_to_sender"}
    place.lay(MANIFEST, json.dumps(old).encode())
    assert await place.house.was_handed_over(job=JOB)
    assert await place.house.hand_over(job=JOB) == MANIFEST


@pytest.mark.parametrize(
    ("field_name", "change"),
    [
        ("job_id", {"job_id": "../../etc/cron.d/x"}),
        ("job_id", {"job_id": "a/b"}),
        ("job_id", {"job_id": ".hidden"}),
        ("job_id", {"job_id": ""}),
        ("batch_id", {"batch_id": "../x"}),
        ("pdf", {"pdf": b"<html>"}),
        ("pages", {"pages": 0}),
        ("address_lines", {"address_lines": ("", "  ")}),
    ],
)
@case("What cannot be posted is refused")
async def test_what_cannot_be_posted_is_refused(place: Place, field_name: str, change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=field_name):
        await place.house.hand_over(job=replace(JOB, **change))
    assert place.names == []


@case("Disk full: later, nothing counts, the next try finishes")
async def test_a_full_disk_is_try_later_and_the_next_try_finishes(place: Place) -> None:
    place.trouble.disk_full = True
    with files_no_larger_than(1000 if place.kind == "folder" else 2**30), pytest.raises(TryLater):
        await place.house.hand_over(job=JOB)
    assert MANIFEST not in place.names
    assert PDF not in place.names
    place.trouble.disk_full = False
    await place.house.hand_over(job=JOB)
    assert place.names == [MANIFEST, PDF]


# --- SFTP ------------------------------------------------------------------------------------------


def changed(place: Place, other: dict[str, Any]) -> dict[str, Any]:
    return {**place.settings, **other}


async def trouble_of(house: PrintHouse) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await house.hand_over(job=JOB)
    await house.aclose()
    return caught.value


@pytest.mark.parametrize("how", ["cut before", "cut after", "disk full"])
@case("Disk full or line cut at every step: once, whole, and told truly", folder=NO_LINE)
async def test_cut_or_full_at_every_step_it_comes_once_and_whole(place: Place, how: str) -> None:
    place.keeps_what_it_fetches()
    unknown: list[str] = []
    for step in range(1, 60):
        job, trouble = letter(step), place.trouble
        trouble.fails_at(step, how)
        try:
            await place.house.hand_over(job=job)
            told = True
        except UnknownOutcome:
            told = None
            unknown.append(job.job_id)
        except TryLater:
            told = False
        done = trouble.asked < step
        trouble.fails_at(0)
        lies_there = f"{job.job_id}.json" in place.names
        assert told is None or told == lies_there or done
        assert await place.house.was_handed_over(job=job) == lies_there
        await place.house.hand_over(job=job)
        assert (place.folder / f"{job.job_id}.pdf").read_bytes() == job.pdf
        assert not [name for name in place.names if name.endswith(".part")]
        if done:
            break
    else:
        pytest.fail("it never came to an end")
    assert step > 8
    assert len(unknown) == (how != "disk full"), "only the manifest's own name leaves a doubt"
    for number in range(1, step):
        names = [name for name in place.trouble.renamed if f"boker-{number}-1" in name]
        assert [Path(name).suffix for name in names] == [".pdf", ".json"]


@case("A wrong host key stops everything", folder=NO_LINE)
async def test_a_wrong_host_key_stops_everything(place: Place) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    error = await trouble_of(SftpPrintHouse(**changed(place, {"known_host_key": other})))
    assert isinstance(error, AccessDenied)
    assert "host key" in error.message
    assert place.names == []


@case("Two host keys while one is being changed", folder=NO_LINE)
async def test_two_host_keys_while_one_is_being_changed_and_a_known_hosts_line(place: Place) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    both = f"# old, then new\n{other}[print.example]:2222 {place.settings['known_host_key']}"
    house = SftpPrintHouse(**changed(place, {"known_host_key": both}))
    assert await house.hand_over(job=JOB) == MANIFEST
    await house.aclose()


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "not a key", "ssh-ed25519 AAAAC3Nz", "# only a remark"])
def test_a_host_key_that_is_none_is_found_at_once(tmp_path: Path, line: str) -> None:
    with pytest.raises(ValueError, match="host key"):
        SftpPrintHouse(host="h", user="u", key_path=tmp_path / "k", known_host_key=line)


@case("A wrong or missing private key", folder=NO_LINE)
async def test_a_wrong_or_missing_private_key_is_try_later(place: Place, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    error = await trouble_of(SftpPrintHouse(**changed(place, {"key_path": wrong})))
    assert isinstance(error, AccessDenied)
    assert "log-in" in error.message
    error = await trouble_of(SftpPrintHouse(**changed(place, {"key_path": tmp_path / "nowhere"})))
    assert isinstance(error, AccessDenied)
    assert "private key" in error.message


@case("Nobody listening, or nobody answering", folder=NO_LINE)
async def test_nobody_there_is_try_later(place: Place) -> None:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert isinstance(await trouble_of(SftpPrintHouse(**changed(place, {"port": port, "timeout": 0.2}))), TryLater)
    server.close()
    assert isinstance(await trouble_of(SftpPrintHouse(**changed(place, {"port": port}))), TryLater)


@case("A folder that is not there", folder="makes it")
async def test_a_folder_that_is_not_there_is_try_later(place: Place) -> None:
    error = await trouble_of(SftpPrintHouse(**changed(place, {"remote_dir": "nowhere"})))
    assert isinstance(error, TryLater)


@case("Many letters share a connection, and a lost one is made again", folder=NO_LINE)
async def test_many_jobs_share_a_connection_and_a_lost_one_is_made_again(place: Place) -> None:
    for number in range(3):
        await place.house.hand_over(job=letter(number))
    assert len(place.trouble.connections) == 1
    place.trouble.connections[0].abort()
    await place.house.hand_over(job=letter(3))
    assert len(place.trouble.connections) == 2
    assert [Path(name).stem for name in place.trouble.renamed[::2]] == [letter(n).job_id for n in range(4)]
