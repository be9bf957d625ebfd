"""The print house."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from worker.model.letter import PostClass, ReceiptFile, ReturnHandling
from worker.model.outcomes import Refused
from worker.model.remote_file import RemoteFile


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One letter. `job_id` is ours, the same on every try, and safe in a file name. `batch_id` likewise: the batch it
    is handed over in; empty when it goes by itself."""

    job_id: str
    client: str
    invoice_number: str
    pdf: bytes
    pages: int
    address_lines: tuple[str, ...]
    return_address: str
    colour: bool
    duplex: bool
    created_at: datetime
    post_class: PostClass = PostClass.B
    return_handling: ReturnHandling = ReturnHandling.RETURN
    batch_id: str = ""


@dataclass(frozen=True, slots=True)
class BatchHandOver:
    """What came of a batch whose manifest lies at the print house. By job id: `refused` is not in it and why;
    `went_without` is not in it because the batch was closed before, so these go in another one; all others are in it.
    `reference`: the manifest's name."""

    reference: str
    refused: Mapping[str, Refused]
    went_without: frozenset[str]


class ReceiptsFiled(StrEnum):
    """Where a receipt file that has been read is put."""

    DONE = "done"
    REFUSED = "refused"  # something in it nobody can read: for a person to look at


class PrintHouse(Protocol):
    """Where letters are printed and posted."""

    async def hand_over(self, *, job: PrintJob) -> str:
        """Hands over PDF and manifest, manifest last; returns the print house's reference. Twice is harmless."""
        ...

    async def hand_over_batch(self, *, jobs: Sequence[PrintJob]) -> BatchHandOver:
        """Hands over the PDFs of jobs with one `batch_id`, then their one manifest, which makes the batch real. Twice
        is harmless: once the manifest lies there, the batch is what it says. Raises for all of them alike; Refused:
        another batch lies under the name."""
        ...

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Whether the letter is in a manifest there, by itself or in a batch, waiting or fetched. False only when the
        agreement proves that it is not. Raises UnknownOutcome when nothing shows either."""
        ...

    async def receipt_files(self) -> list[RemoteFile]:
        """The receipt files that wait, by name; none when the print house gives none."""
        ...

    async def read_receipts(self, *, file: RemoteFile) -> ReceiptFile | None:
        """The file, read without changing it; None when it is no longer as listed: gone, or written to. A file that
        cannot be read or is too large has no receipts and a fault."""
        ...

    async def put_receipts_away(self, *, file: RemoteFile, where: ReceiptsFiled, reason: str = "") -> None:
        """Moves it out of the way, with `reason` beside it when there is one. Gone already is done. Refused: it cannot
        be moved, or is no longer as listed; then it stays."""
        ...

    async def aclose(self) -> None: ...
