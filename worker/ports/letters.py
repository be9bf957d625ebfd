"""The print house."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One letter. `job_id` is ours, the same on every try, and safe in a file name."""

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


class PrintHouse(Protocol):
    """Where letters are printed and posted."""

    async def hand_over(self, *, job: PrintJob) -> str:
        """Hands over PDF and manifest, manifest last; returns the print house's reference. Twice is harmless."""
        ...

    async def was_handed_over(self, *, job: PrintJob) -> bool:
        """Whether the whole job (same name, same bytes) lies there or has been fetched."""
        ...

    async def aclose(self) -> None: ...
