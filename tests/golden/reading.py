"""A PDF as text with positions: what stands where, so that a moved or cut text shows as a difference."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pypdf import PdfReader
from reportlab.pdfbase import pdfmetrics

POINT = 25.4 / 72


@dataclass(frozen=True)
class Placed:
    """One drawn text. Millimetres from the page's top left corner to the left end of its baseline; size in points."""

    page: int
    x: float
    y: float
    size: float
    font: str
    text: str

    @property
    def right(self) -> float:
        return self.x + pdfmetrics.stringWidth(self.text, self.font, self.size) * POINT

    @property
    def top(self) -> float:
        """Of a capital letter."""
        return self.y - 0.7 * self.size * POINT


def placed_texts(content: bytes) -> list[Placed]:
    """Every text of the PDF in the order it was drawn."""
    found: list[Placed] = []
    for number, page in enumerate(PdfReader(BytesIO(content)).pages, start=1):

        def visit(text: str, _cm: Any, tm: Any, font: Any, size: float, number: int = number) -> None:
            text = text.strip("\n")
            if text:
                name = str(font["/BaseFont"]).partition("+")[2]
                found.append(Placed(number, tm[4] * POINT, 297 - tm[5] * POINT, size, name, text))

        page.extract_text(visitor_text=visit)
    return found


def described(content: bytes) -> str:
    """One line a text: x, y (mm), size (pt), `b` when bold, the text. A golden file's content."""
    lines: list[str] = []
    page = 0
    for text in placed_texts(content):
        if text.page != page:
            page = text.page
            lines.append(f"--- page {page}")
        weight = "b" if text.font.endswith("Bold") else " "
        lines.append(f"{text.x:6.1f} {text.y:6.1f} {text.size:5.1f}{weight} {text.text}")
    return "\n".join(lines) + "\n"
