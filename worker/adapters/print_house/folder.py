"""A print house that fetches from a folder (a share, a mounted volume, or a folder another program carries on)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from worker.adapters.print_house.manifest import FETCHED, LetterTerms, check, manifest, same_job
from worker.model.outcomes import Refused, TryLater
from worker.ports import PrintJob
from worker.support import files

_TERMS = LetterTerms()


class FolderPrintHouse:
    """Implements ports.PrintHouse. `folder` is made when missing."""

    def __init__(self, folder: Path, *, terms: LetterTerms = _TERMS) -> None:
        self._folder = Path(folder)
        self._terms = terms

    async def hand_over(self, *, job: PrintJob) -> str:
        """Writes PDF, then manifest; returns the manifest's name. Doing it twice is harmless.

        Raises Refused when the job cannot be posted or other bytes lie under its name, TryLater when the disk will not.
        """
        check(job)
        try:
            await asyncio.to_thread(self._hand_over, job)
        except OSError as error:
            raise _trouble("write to", error) from error
        return f"{job.job_id}.json"

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Whether the whole job lies in the folder or among the fetched. Raises TryLater when it cannot be read."""
        check(job)
        try:
            there = await asyncio.to_thread(self._manifest_there, job)
        except OSError as error:
            raise _trouble("read", error) from error
        return there is not None and same_job(there, manifest(job, self._terms))

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _hand_over(self, job: PrintJob) -> None:
        ours = manifest(job, self._terms)
        there = self._manifest_there(job)
        if there is None:
            files.make_folder(self._folder)
            self._create(f"{job.job_id}.pdf", job.pdf)
            there = self._create(f"{job.job_id}.json", ours)
        if not same_job(there, ours):
            raise Refused("letter: another job lies under the same name")

    def _create(self, name: str, content: bytes) -> bytes:
        """The bytes under `name`: ours, or those that were there before us."""
        path = self._folder / name
        try:
            files.create(path, content, part=self._folder / f"{name}.part")
        except FileExistsError:
            there = path.read_bytes()
            if name.endswith(".pdf") and there != content:
                raise Refused("letter: another PDF lies under the same name") from None
            return there
        return content

    def _manifest_there(self, job: PrintJob) -> bytes | None:
        """The job's manifest, waiting or fetched. A PDF without one is a job that was cut short."""
        name = f"{job.job_id}.json"
        for path in (self._folder / name, self._folder / FETCHED / name):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                continue
        return None


def _trouble(doing: str, error: OSError) -> TryLater:
    return TryLater(f"print house folder: cannot {doing} it: {error.strerror or type(error).__name__}")
