"""What the PDF needs besides the document: the factor, the address block, the look. And what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from worker.model.parked import ParkedReason


class PdfError(ValueError):
    """The PDF cannot be drawn rightly from this document and configuration. Holds no personal data.

    `reason` is what the invoice is parked under.
    """

    reason = ParkedReason.PDF_NOT_DRAWABLE


class PdfMismatch(PdfError):
    """What is to be drawn contradicts the stamped document: a fault of this program."""

    reason = ParkedReason.STAMPING_NOT_PROVEN


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """How one document is drawn.

    `factor_account`: eleven digits. `kid` None: the payment carries the invoice number instead.
    `recipient_lines`: the postal address as it stands in the window, name first. `return_address`: one line.
    `accent`: `#rrggbb`; made darker where it would be hard to read. `logo`: PNG or JPEG, the seller's name stands
    there without one.
    """

    factor_name: str
    factor_organisation_number: str
    factor_account: str
    factor_iban: str = ""
    factor_bic: str = ""
    kid: str | None = None
    notice: str = ""
    language: Literal["nb", "en"] = "nb"
    recipient_lines: tuple[str, ...] = ()
    return_address: str = ""
    accent: str = "#1f4e5f"
    logo: bytes | None = None


@dataclass(frozen=True, slots=True)
class DrawnPdf:
    """The PDF's bytes and its number of pages. The same document and configuration give the same bytes."""

    content: bytes
    pages: int
