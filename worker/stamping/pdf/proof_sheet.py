"""The proof sheet: a letter with the envelope's window and the machines' zones drawn over it, for a print house.

Zones of a C5 envelope with A4 folded once (facts on print and mail): the window as the envelope has it, what of the
sheet always shows in it however the sheet slides, the fold, the margins, and the edge kept free for machine codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Any, Literal, cast

from pypdf import PdfReader, PdfWriter
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from worker.model.document import Document, DocumentLine, DocumentParty, Kind, PaymentTarget, VatSubtotal
from worker.model.ehf import CUSTOMIZATION_ID, PROFILE_ID
from worker.model.party import PostalAddress
from worker.stamping.pdf.config import DrawnPdf, PaperConfig
from worker.stamping.pdf.drawing import draw
from worker.support.pdf import lettering
from worker.support.pdf.lettering import POINT, Style
from worker.support.pdf.sheet import PAGE_HEIGHT, PAGE_WIDTH

FOLD = 148.5  # mm from the top: A4 folded once
MARGIN = 10.0
_LEGEND = Style(5.5)


@dataclass(frozen=True, slots=True)
class Zone:
    """A rectangle in mm from the page's top left corner, and what it is called."""

    x: float
    y: float
    width: float
    height: float
    name: str
    colour: Color
    dashed: bool = False
    first_page_only: bool = True
    legend: Literal["above", "within", "below"] = "above"


_RED, _GREEN, _BLUE, _ORANGE = (
    Color(0.80, 0.10, 0.10), Color(0.00, 0.50, 0.15), Color(0.10, 0.25, 0.75), Color(0.85, 0.45, 0.00),
)  # fmt: skip
WINDOW = Zone(15, 44, 105, 35, "Konvoluttens vindu C5 · envelope window: 105 × 35, x 15, y 44", _BLUE, legend="within")
ALWAYS_VISIBLE = Zone(
    20, 45, 80, 20, "Alltid synlig · always visible: x 20–100, y 45–65", _GREEN, dashed=True, legend="below"
)
KEPT_FREE = Zone(
    0, 95, 15, 80, "Maskinkoder, skal være tom · machine codes, kept free: x 0–15, y 95–175", _RED,
    first_page_only=False,
)  # fmt: skip
MARGINS = Zone(
    MARGIN, MARGIN, PAGE_WIDTH - 2 * MARGIN, PAGE_HEIGHT - 2 * MARGIN, "Marg · margin: 10", _ORANGE, dashed=True,
    first_page_only=False,
)  # fmt: skip
ZONES = (MARGINS, KEPT_FREE, WINDOW, ALWAYS_VISIBLE)


def proof_sheet(letter: bytes) -> bytes:
    """The letter with the zones drawn over every page. The same letter gives the same bytes.

    `letter`: a PDF drawn by `draw`; pypdf's errors come through for anything else.
    """
    lettering.load()
    reader = PdfReader(BytesIO(letter))
    overlays = PdfReader(BytesIO(_overlay(len(reader.pages))))
    writer = PdfWriter()
    for page, overlay in zip(reader.pages, overlays.pages, strict=True):
        writer.add_page(page).merge_page(overlay)
    title = str(reader.metadata.title or "") if reader.metadata else ""
    writer.add_metadata({"/Title": f"Prøvetrykk · proof sheet: {title}", "/Producer": "factoring-worker"})
    buffer = BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def _overlay(pages: int) -> bytes:
    with lettering.LOCK:
        buffer = BytesIO()
        canvas = Canvas(
            buffer, pagesize=(PAGE_WIDTH / POINT, PAGE_HEIGHT / POINT), pageCompression=1, invariant=1,
            initialFontName=cast(Any, lettering.REGULAR),
        )  # fmt: skip
        for number in range(pages):
            for zone in ZONES:
                if number == 0 or not zone.first_page_only:
                    _zone(canvas, zone)
            if number == 0:
                _fold(canvas)
            canvas.showPage()
        canvas.save()
        return buffer.getvalue()


def _zone(canvas: Canvas, zone: Zone) -> None:
    canvas.saveState()
    canvas.setStrokeColor(zone.colour)
    canvas.setFillColor(zone.colour)
    canvas.setLineWidth(0.6)
    if zone.dashed:
        canvas.setDash(3, 2)
    x, top, bottom = zone.x / POINT, (PAGE_HEIGHT - zone.y) / POINT, (PAGE_HEIGHT - zone.y - zone.height) / POINT
    canvas.rect(x, bottom, zone.width / POINT, zone.height / POINT, stroke=1, fill=0)
    if zone is KEPT_FREE:
        canvas.setFillAlpha(0.12)
        canvas.rect(x, bottom, zone.width / POINT, zone.height / POINT, stroke=0, fill=1)
        canvas.setFillAlpha(1)
        canvas.translate(x + 2.6 / POINT, bottom + 2 / POINT)
        canvas.rotate(90)
        _text(canvas, 0, 0, zone.name)
    else:
        above, within, below = top + 2, bottom + 2, bottom - 6
        _text(canvas, x + 1.5, {"above": above, "within": within, "below": below}[zone.legend], zone.name)
    canvas.restoreState()


def _fold(canvas: Canvas) -> None:
    y = (PAGE_HEIGHT - FOLD) / POINT
    canvas.saveState()
    canvas.setStrokeColor(_RED)
    canvas.setFillColor(_RED)
    canvas.setDash(6, 3)
    canvas.setLineWidth(0.5)
    canvas.line(0, y, PAGE_WIDTH / POINT, y)
    _text(canvas, 191 / POINT, y + 2, "Fals · fold: 148,5")
    canvas.restoreState()


def _text(canvas: Canvas, x: float, y: float, text: str) -> None:
    for font, piece, wide in lettering.runs(lettering.clean(text), _LEGEND):
        canvas.setFont(font, _LEGEND.size)
        canvas.drawString(x, y, piece)
        x += wide / POINT


def sample_letter(config: PaperConfig) -> DrawnPdf:
    """A letter with invented contents in the client's own look, to be approved before the first invoice exists.

    Of `config` the factor, the look and the return address are used; recipient, KID and notice are the sample's own.
    """
    sample = PaperConfig(
        factor_name=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        factor_account=config.factor_account,
        factor_iban=config.factor_iban,
        factor_bic=config.factor_bic,
        kid="123456782",
        notice="PRØVE. " + "Her står overdragelsesteksten, som forteller skyldneren hvem det skal betales til. " * 3,
        language=config.language,
        recipient_lines=(
            "Prøvemottakeren med et ganske langt navn AS", "c/o Åse Østensjø", "Prøvegata 12 B", "Postboks 345 Sentrum",
            "0184 OSLO",
        ),
        return_address=config.return_address,
        accent=config.accent,
        logo=config.logo,
    )  # fmt: skip
    lines = tuple(
        DocumentLine(
            str(number), f"Prøvelinje {number}", quantity=Decimal(number), unit_code="HUR", unit_price=Decimal(100),
            net=Decimal(number) * 100, vat_category="S", vat_percent=Decimal(25),
        )
        for number in range(1, 9)
    )  # fmt: skip
    net = sum((line.net for line in lines), Decimal(0))
    tax = net / 4
    return draw(
        Document(
            kind=Kind.INVOICE,
            customization_id=CUSTOMIZATION_ID,
            profile_id=PROFILE_ID,
            number="PRØVE-1",
            type_code="380",
            issue_date=date(2026, 1, 2),
            due_date=date(2026, 1, 16),
            currency="NOK",
            seller=DocumentParty(
                "Prøveselger AS", vat_number="NO999999999MVA", tax_registrations=("Foretaksregisteret",),
                address=PostalAddress("Prøveveien 1", "", "0155", "Oslo", "NO"),
            ),
            buyer=DocumentParty(
                "Prøvemottakeren med et ganske langt navn AS",
                address=PostalAddress("Prøvegata 12 B", "", "0184", "Oslo", "NO"),
            ),
            payment=(PaymentTarget("30", config.factor_account, "123456782"),),
            payment_terms="Prøvetrykk: ikke en faktura.",
            line_total=net,
            tax_exclusive=net,
            tax_inclusive=net + tax,
            tax_total=tax,
            payable=net + tax,
            vat=(VatSubtotal("S", Decimal(25), net, tax),),
            lines=lines,
        ),
        sample,
    )  # fmt: skip
