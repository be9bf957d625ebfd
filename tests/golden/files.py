"""Small files as other programs make them, to embed in documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from pypdf import PdfReader, PdfWriter
from reportlab.pdfgen.canvas import Canvas

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def pdf(*lines: str) -> bytes:
    """A PDF of one page as programs write them: compressed, so that its bytes do not show its text."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pageCompression=1, invariant=1)
    for number, line in enumerate(lines):
        canvas.drawString(72, 700 - 20 * number, line)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def locked_pdf(*lines: str) -> bytes:
    """The same behind a password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(*lines))))
    writer.encrypt("hemmelig", algorithm="RC4-128")
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def xlsx(shared: str) -> bytes:
    """A workbook whose shared strings are `shared` (XML)."""
    return zipped({"xl/workbook.xml": f"<workbook xmlns='{MAIN}'/>", "xl/sharedStrings.xml": f"<sst>{shared}</sst>"})
