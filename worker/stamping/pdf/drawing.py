"""The invoice as PDF, drawn from what the stamped XML says: `draw`.

One layout for e-mail, portal, postback and letter. What it must hold: bokføringsforskriften § 5-1-1 ff.
"""

from __future__ import annotations

import re
from decimal import localcontext
from io import BytesIO

from reportlab.lib.utils import ImageReader

from worker.model.document import Document, Kind
from worker.model.party import digits
from worker.stamping.pdf import head
from worker.stamping.pdf.closing import closing
from worker.stamping.pdf.config import DrawnPdf, PaperConfig, PdfError, PdfMismatch
from worker.stamping.pdf.table import LineTable
from worker.stamping.pdf.texts import Label, Texts
from worker.support.pdf import lettering
from worker.support.pdf.sheet import FOOTER, LEFT, RIGHT, SMALL, Palette, Sheet

_LANGUAGE_TAG = {"nb": "nb-NO", "en": "en"}
_LOGO_BYTES, _LOGO_PIXELS = 5_000_000, 16_000_000
_LOGO_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def draw(document: Document, config: PaperConfig) -> DrawnPdf:
    """The document as an A4 PDF. Deterministic: the same arguments give the same bytes.

    Raises PdfMismatch when the result would be wrong (the document asks for payment elsewhere than the factor's
    account, a payable invoice has no pledge notice), PdfError when it cannot be drawn (the address does not fit its
    window, the logo is no image).
    """
    # Sums are exact whatever the length of the document's numbers.
    with localcontext(prec=60):
        return _draw(document, config)


def _draw(document: Document, config: PaperConfig) -> DrawnPdf:
    lettering.load()
    _check(document, config)
    logo = _logo(config.logo) if config.logo is not None else None
    texts = Texts(config.language)
    sheet = _laid_out(document, config, texts, logo)

    def foot(page: int, pages: int) -> None:
        palette = sheet.palette
        who = " · ".join([document.seller.display_name, *head.registrations(document.seller, texts)])
        sheet.rule(FOOTER - 4)
        sheet.fitted(LEFT, FOOTER, lettering.one_line(who), SMALL, 140, colour=palette.grey)
        place = texts(Label.PAGE, str(page), str(pages))
        sheet.text(RIGHT, FOOTER, place, SMALL, align="right", colour=palette.grey)

    kind = texts(Label.CREDIT_NOTE if document.kind is Kind.CREDIT_NOTE else Label.INVOICE)
    pages = len(sheet.pages)
    content = sheet.render(
        title=f"{kind} {lettering.one_line(document.number)}",
        author=lettering.one_line(document.seller.display_name),
        language=_LANGUAGE_TAG[config.language],
        foot=foot,
    )
    return DrawnPdf(content, pages)


def _laid_out(document: Document, config: PaperConfig, texts: Texts, logo: ImageReader | None) -> Sheet:
    """The pages. A document that runs a little over its page is set with less air; failing that, the payment block
    takes the sums with it rather than stand alone on a last page."""

    def laid_out(*, airiness: float = 1.0, together: bool = False) -> tuple[Sheet, bool]:
        sheet = Sheet(Palette.of(config.accent), airiness=airiness)
        sheet.at_new_page = lambda: head.continuation_head(sheet, document, texts)
        head.letterhead(sheet, document, logo)
        head.address_window(sheet, config)
        head.facts(sheet, document, config, texts)
        head.parties(sheet, document, texts)
        if config.notice.strip():
            head.notice(sheet, document, config, texts)
        LineTable(sheet, document, texts).draw()
        return sheet, closing(sheet, document, config, texts, together=together)

    usual, alone = laid_out()
    if len(usual.pages) == 2:
        for airiness in (0.7, 0.4):
            tighter, _ = laid_out(airiness=airiness)
            if len(tighter.pages) == 1:
                return tighter
    return laid_out(together=True)[0] if alone else usual


def _check(document: Document, config: PaperConfig) -> None:
    if not re.fullmatch(r"\d{11}", config.factor_account):
        raise PdfMismatch("the factor's account is not eleven digits")
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", config.accent):
        raise PdfError("the accent colour is not #rrggbb")
    if not config.factor_name.strip():
        raise PdfMismatch("the factor has no name")
    if not document.is_credit and not config.notice.strip():
        raise PdfMismatch("the pledge notice is empty")
    ours = {config.factor_account, _bare(config.factor_iban)}
    for target in document.payment:
        if target.account and _bare(target.account) not in ours:
            raise PdfMismatch("the document asks for payment to another account than the factor's")
        if target.kid and target.kid != config.kid and not document.is_credit:
            raise PdfMismatch("the document's KID is not the one to be drawn")


def _bare(number: str) -> str:
    """An account or IBAN without the blanks and dots people write in it."""
    bare = re.sub(r"[\s.]", "", number).upper()
    return bare if re.match(r"[A-Z]", bare) else digits(bare)


def _logo(content: bytes) -> ImageReader:
    """The picture, decoded once to be sure of it. Raises PdfError for anything but a sound PNG or JPEG."""
    if not content.startswith(_LOGO_MAGIC):
        raise PdfError("the logo is not a PNG or JPEG image")
    if len(content) > _LOGO_BYTES:
        raise PdfError("the logo is larger than 5 MB")
    try:
        image = ImageReader(BytesIO(content))
        wide, high = image.getSize()
        if wide * high > _LOGO_PIXELS:
            raise PdfError("the logo has more than 16 million pixels")
        image.getRGBData()
    except PdfError:
        raise
    except Exception as error:  # the decoder meets hostile bytes with many kinds of exception
        raise PdfError("the logo cannot be read as an image") from error
    return image
