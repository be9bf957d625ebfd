"""The proof sheet: the letter as it is, with the envelope's zones over it."""

from __future__ import annotations

import io

import pytest
from pypdf import PdfReader
from pypdf.errors import PdfReadError

from tests.golden.documents import CONFIG, invoice, many_lines
from tests.golden.reading import placed_texts
from worker.stamping.pdf import draw, proof_sheet, sample_letter

POINT = 25.4 / 72


def rectangles(content: bytes) -> list[list[tuple[int, int, int, int]]]:
    """Per page the rectangles drawn: x, y from the top, width, height in mm."""
    found: list[list[tuple[int, int, int, int]]] = []
    for page in PdfReader(io.BytesIO(content)).pages:
        found.append([])

        def visit(operator: bytes, operands: list[float], *_: object) -> None:
            if operator == b"re":
                x, y, wide, high = (float(value) * POINT for value in operands)
                found[-1].append((round(x), round(297 - y - high), round(wide), round(high)))

        page.extract_text(visitor_operand_before=visit)
    return found


def test_the_zones_lie_over_the_letter_and_the_letter_is_all_there() -> None:
    letter = draw(invoice(), CONFIG).content
    sheet = proof_sheet(letter)
    assert proof_sheet(letter) == sheet
    (page,) = rectangles(sheet)
    for zone in ((15, 44, 105, 35), (20, 45, 80, 20), (0, 95, 15, 80), (10, 10, 190, 277)):
        assert zone in page, zone
    before, after = ([text.text for text in placed_texts(content)] for content in (letter, sheet))
    assert after[: len(before)] == before
    assert any(text.startswith("Fals") for text in after)


def test_every_page_shows_what_machines_need_and_only_the_first_the_window() -> None:
    pages = rectangles(proof_sheet(draw(many_lines(60), CONFIG).content))
    assert len(pages) > 1
    assert all((0, 95, 15, 80) in page for page in pages)
    assert [(15, 44, 105, 35) in page for page in pages] == [True] + [False] * (len(pages) - 1)


def test_a_sample_needs_no_invoice_and_fills_the_window() -> None:
    sample = sample_letter(CONFIG)
    texts = placed_texts(sample.content)
    assert sample.pages == 1
    assert {"Prøveselger AS", "PRØVE-1", "0184 OSLO"} <= {text.text for text in texts}
    assert len([text for text in texts if text.x < 100 and text.top >= 45 and text.y <= 65]) == 5
    assert rectangles(proof_sheet(sample.content))


def test_what_is_no_pdf_is_refused() -> None:
    with pytest.raises(PdfReadError):
        proof_sheet(b"%PDF-1.4 not one")
