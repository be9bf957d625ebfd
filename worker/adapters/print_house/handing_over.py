"""How a letter gets to the print house and how it is found there again, on any shelf that keeps files by name.

The PDF first, the manifest last: only a manifest makes a letter, or a batch, real. No name is ever given twice.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from worker.adapters.print_house import manifest
from worker.adapters.print_house.manifest import Manifest
from worker.model.outcomes import Refused, UnknownOutcome
from worker.ports import BatchHandOver, PrintJob

FETCHED = "fetched"  # the folder the print house moves manifests to
MAX_MANIFEST = 2**20
MOST_IN_BATCH = 500  # letters; a manifest of so many is half as large as what is read of one


class Shelf(Protocol):
    """Files by name, in the folder of ours and in `fetched/` below it. Raises TryLater when it does not answer."""

    async def read(self, name: str, *, most: int) -> bytes | None:
        """At most so many bytes of it; None when it is not there."""
        ...

    async def exists(self, name: str) -> bool: ...

    async def names(self, folder: str) -> list[str]:
        """What lies in a folder below; nothing when it is not there. Empty: our own folder."""
        ...

    async def begin(self, name: str) -> None:
        """Leaves an unfinished file that shows that the name has not been given yet."""
        ...

    async def create(self, name: str, content: bytes, *, counts: bool = False) -> bytes:
        """Writes an unfinished file, checks it, gives it its name. Returns what lies under the name: ours, or what lay
        there before. `counts`: the name makes it real, so a line cut then is an UnknownOutcome."""
        ...


async def hand_over(shelf: Shelf, job: PrintJob) -> str:
    """One letter by itself. Returns the manifest's name. Raises Refused, and what the shelf raises."""
    manifest.check(job)
    name = f"{job.job_id}.json"
    there = await _manifest(shelf, name)
    if there is None:
        await _put_pdf(shelf, job)
        there = manifest.read(await shelf.create(name, manifest.job_manifest(job), counts=True)) or {}
    if not manifest.is_letter(there, job):
        raise Refused("letter: another job lies under the same name")
    return name


async def hand_over_batch(shelf: Shelf, jobs: Sequence[PrintJob]) -> BatchHandOver:
    """See ports.PrintHouse. `jobs`: at most MOST_IN_BATCH."""
    if not 0 < len(jobs) <= MOST_IN_BATCH or len({job.batch_id for job in jobs}) != 1 or not jobs[0].batch_id:
        raise ValueError(f"a batch is 1 to {MOST_IN_BATCH} letters with one batch id")
    name, refused = f"{jobs[0].batch_id}.json", dict[str, Refused]()
    there = await _manifest(shelf, name)
    if there is None:
        await shelf.begin(name)
        going: list[PrintJob] = []
        for job in jobs:
            try:
                manifest.check(job)
                await _put_pdf(shelf, job)
            except Refused as error:
                refused[job.job_id] = error
            else:
                going.append(job)
        if not going:
            return BatchHandOver(name, refused, frozenset())
        there = manifest.read(await shelf.create(name, manifest.batch_manifest(going), counts=True)) or {}
    if there.get("schema") != manifest.BATCH_SCHEMA:
        raise Refused("letter: another batch lies under the same name")
    went_without: set[str] = set()
    for job in jobs:
        entry = manifest.entry_of(there, job)
        if entry is None and job.job_id not in refused:
            went_without.add(job.job_id)
        elif entry is not None and not manifest.is_letter(entry, job):
            refused[job.job_id] = Refused("letter: another letter is in the batch under the same name")
        elif entry is not None:
            refused.pop(job.job_id, None)  # another worker has put it in
    return BatchHandOver(name, refused, frozenset(went_without))


def sure(found: bool | None) -> bool:
    """Raises UnknownOutcome for None."""
    if found is None:
        raise UnknownOutcome("letter: nothing of it lies there; it never came, or was taken without a trace")
    return found


async def was_handed_over(shelf: Shelf, job: PrintJob) -> bool | None:
    """See ports.PrintHouse; None when nothing shows either."""
    manifest.check(job)
    own = await _manifest(shelf, f"{job.job_id}.json")
    if own is not None:
        return manifest.is_letter(own, job)
    async for batch in _batches(shelf, job):
        entry = manifest.entry_of(batch, job)
        if entry is not None:
            return manifest.is_letter(entry, job)
    # By the agreement: no PDF is taken without its manifest, and no manifest is lost where `fetched/` is kept.
    pieces = [f"{job.job_id}.pdf", f"{job.job_id}.pdf.part", f"{job.job_id}.json.part"]
    if job.batch_id:
        pieces.append(f"{job.batch_id}.json.part")
    for proof in (*pieces, FETCHED):
        if await shelf.exists(proof):
            return False
    return None


async def _batches(shelf: Shelf, job: PrintJob) -> AsyncIterator[Manifest | None]:
    """The batch it should be in, then every other one of the client: a database put back from a backup has forgotten
    which it was."""
    if job.batch_id:
        yield await _manifest(shelf, f"{job.batch_id}.json")
    ours = re.compile(re.escape(job.client) + r"-batch-[0-9a-f]{12}\.json")
    for folder in ("", FETCHED):
        for name in await shelf.names(folder):
            if ours.fullmatch(name) and name != f"{job.batch_id}.json":
                content = await shelf.read(f"{folder}/{name}" if folder else name, most=MAX_MANIFEST)
                yield manifest.read(content or b"")


async def _put_pdf(shelf: Shelf, job: PrintJob) -> None:
    if await shelf.create(f"{job.job_id}.pdf", job.pdf) != job.pdf:
        raise Refused("letter: another PDF lies under the same name")


async def _manifest(shelf: Shelf, name: str) -> Manifest | None:
    """The manifest, waiting or fetched; an empty one for what is none of ours. None: not there."""
    for path in (name, f"{FETCHED}/{name}"):
        content = await shelf.read(path, most=MAX_MANIFEST)
        if content is not None:
            return manifest.read(content) or {}
    return None
