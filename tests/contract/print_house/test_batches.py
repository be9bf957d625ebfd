"""Letters handed over together: one manifest makes the batch real, each letter has its own outcome."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.print_house.cases import NO_LINE, case
from tests.contract.print_house.test_handing_over import documented
from tests.support.print_houses import BATCH, JOB, Place, batch, files_no_larger_than, letter
from worker.model.outcomes import Refused, TryLater, UnknownOutcome

pytestmark = pytest.mark.anyio


def manifest(place: Place) -> dict[str, Any]:
    return json.loads((place.folder / f"{BATCH}.json").read_bytes())


@case("A batch is its PDFs and one manifest as documented")
async def test_a_batch_is_its_pdfs_and_one_manifest(place: Place) -> None:
    done = await place.house.hand_over_batch(jobs=[replace(JOB, batch_id=BATCH)])
    assert (done.reference, dict(done.refused), done.went_without) == (f"{BATCH}.json", {}, frozenset())
    example = documented("factoring-worker/print-batch")
    written = manifest(place)
    assert list(written) == list(example)
    assert written == {**example, "jobs": [{**example["jobs"][0], "sha256": written["jobs"][0]["sha256"]}]}


@case("Each letter of a batch is found in it, waiting or fetched")
async def test_every_letter_is_found_in_its_batch(place: Place) -> None:
    jobs = batch(1, 2, 3)
    await place.house.hand_over_batch(jobs=jobs)
    assert place.names == sorted([f"{BATCH}.json", *(f"{job.job_id}.pdf" for job in jobs)])
    assert [entry["job_id"] for entry in manifest(place)["jobs"]] == [job.job_id for job in jobs]
    place.fetches(f"{BATCH}.json")
    for job in jobs:
        assert await place.house.was_handed_over(job=job)
        assert await place.house.was_handed_over(job=replace(job, batch_id="")), "a restored database knows no batch"
        assert not await place.house.was_handed_over(job=replace(job, address_lines=("Ola Nordmann", "0155 OSLO")))
    assert not await place.house.was_handed_over(job=letter(4, batch_id=BATCH))
    again = await place.house.hand_over_batch(jobs=jobs)
    assert (dict(again.refused), again.went_without) == ({}, frozenset())


@case("One letter of a batch at fault: the others go")
async def test_a_letter_at_fault_stays_out_and_the_others_go(place: Place) -> None:
    place.lay(f"{letter(2).job_id}.pdf", b"%PDF-1.4\nnot ours")
    jobs = [letter(1, batch_id=BATCH), letter(2, batch_id=BATCH), replace(letter(3, batch_id=BATCH), pages=0)]
    done = await place.house.hand_over_batch(jobs=jobs)
    assert {job: error.message for job, error in done.refused.items()} == {
        jobs[1].job_id: "letter: another PDF lies under the same name",
        jobs[2].job_id: "letter: pages is less than 1",
    }
    assert [entry["job_id"] for entry in manifest(place)["jobs"]] == [jobs[0].job_id]
    nobody = await place.house.hand_over_batch(jobs=[replace(jobs[2], batch_id="boker-batch-000000000000")])
    assert set(nobody.refused) == {jobs[2].job_id}
    assert "boker-batch-000000000000.json" not in place.names, "an empty batch is none"


@case("A closed batch takes nobody in")
async def test_a_closed_batch_takes_nobody_in(place: Place) -> None:
    await place.house.hand_over_batch(jobs=batch(1, 2))
    late = await place.house.hand_over_batch(jobs=batch(2, 3))
    assert (dict(late.refused), late.went_without) == ({}, frozenset({letter(3).job_id}))
    other = await place.house.hand_over_batch(jobs=[letter(1, batch_id=BATCH, address_lines=("Per", "0155 OSLO"))])
    assert set(other.refused) == {letter(1).job_id}
    assert len(manifest(place)["jobs"]) == 2


@case("Somebody else's file under a batch's name")
async def test_what_others_left_under_the_batchs_name_is_refused(place: Place) -> None:
    place.lay(f"{BATCH}.json", b"[]")
    with pytest.raises(Refused):
        await place.house.hand_over_batch(jobs=batch(1))
    assert (place.folder / f"{BATCH}.json").read_bytes() == b"[]"


@case("A batch begun proves that none of its letters counted")
async def test_a_batch_begun_proves_that_none_of_its_letters_counted(place: Place) -> None:
    """Letters whose PDF was not even begun leave nothing behind, and need no `fetched/` to be told from lost ones."""
    place.lay(f"{BATCH}.json.part", b"")
    assert not await place.house.was_handed_over(job=letter(1, batch_id=BATCH))
    with pytest.raises(UnknownOutcome):
        await place.house.was_handed_over(job=letter(1))


@case("Disk full in the middle of a batch")
async def test_a_full_disk_in_the_middle_leaves_no_batch(place: Place) -> None:
    jobs = [letter(1, batch_id=BATCH), replace(letter(2, batch_id=BATCH), pdf=JOB.pdf)]
    place.trouble.fails_at(9, "disk full")
    with files_no_larger_than(10_000 if place.kind == "folder" else 2**30), pytest.raises(TryLater):
        await place.house.hand_over_batch(jobs=jobs)
    assert f"{BATCH}.json" not in place.names
    assert not any([await place.house.was_handed_over(job=job) for job in jobs])
    place.trouble.fails_at(0)
    await place.house.hand_over_batch(jobs=jobs)
    assert len(manifest(place)["jobs"]) == 2


@case("A batch cut at every step comes once and whole", folder=NO_LINE)
async def test_a_batch_cut_at_every_step_comes_once_and_whole(place: Place) -> None:
    unknown = 0
    for step in range(1, 60):
        name = f"boker-batch-{step:012x}"
        jobs = batch(10 * step, 10 * step + 1, batch_id=name)
        place.trouble.fails_at(step, "cut after")
        try:
            await place.house.hand_over_batch(jobs=jobs)
        except UnknownOutcome:
            unknown += 1
        except TryLater:
            assert f"{name}.json" not in place.names
        done = place.trouble.asked < step
        place.trouble.fails_at(0)
        await place.house.hand_over_batch(jobs=jobs)
        assert [path for path in place.trouble.renamed if name in path] == [f"inn/{name}.json"]
        assert len(json.loads((place.folder / f"{name}.json").read_bytes())["jobs"]) == 2
        if done:
            break
    else:
        pytest.fail("it never came to an end")
    assert unknown == 1
    assert not [name for name in place.names if name.endswith(".part")]
