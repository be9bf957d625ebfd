"""A sheet in front of the invoice, for a letter that goes to another address than the one drawn on it.

The invoice's PDF is never changed: it is what was registered, shown to the ERP, and is the debtor's evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter

from worker.support.pdf import lettering
from worker.support.pdf.sheet import LEFT, Palette, Sheet
from worker.support.pdf.window import DoesNotFit, draw_window

__all__ = ["DoesNotFit", "with_cover"]

_TEXTS = {
    "nb": ("Vedlagt: {what} fra {client}", "Faktura {number}", "Kreditnota {number}"),
    "en": ("Enclosed: {what} from {client}", "Invoice {number}", "Credit note {number}"),
}


def with_cover(
    pdf: bytes,
    *,
    recipient: Sequence[str],
    return_address: str,
    language: str,
    client_name: str,
    number: str,
    is_credit: bool,
) -> bytes:
    """One sheet with the address in the window, then the invoice as it is. The same arguments give the same bytes.

    Raises DoesNotFit.
    """
    lettering.load()
    enclosed, invoice, credit = _TEXTS["en" if language == "en" else "nb"]
    title = (credit if is_credit else invoice).format(number=lettering.one_line(number))
    sheet = Sheet(Palette.of("#000000"))
    draw_window(sheet, recipient=recipient, return_address=return_address)
    text = enclosed.format(what=title, client=lettering.one_line(client_name))
    sheet.fitted(LEFT, 100, text, lettering.Style(11), 170)
    cover = sheet.render(title=title, author=client_name, language=language, foot=lambda _page, _pages: None)
    writer = PdfWriter()
    for part in (cover, pdf):
        for page in PdfReader(BytesIO(part)).pages:
            writer.add_page(page)
    writer.add_metadata({"/Title": title, "/Producer": "factoring-worker"})
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()
