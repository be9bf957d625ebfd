"""The first page's upper part: letterhead, address window, key facts, parties, the pledge notice.

The window and what may stand beside it: C5, x 20-100 mm, y 45-65 mm; nothing else with x < 120 mm between y 30 and
80 mm but the return address (derivation in the project's facts on print and mail; Posten: 10 pt, no empty lines).
"""

from __future__ import annotations

from reportlab.lib.utils import ImageReader

from worker.model.document import Document, DocumentParty, Kind
from worker.model.party import PostalAddress, digits
from worker.stamping.pdf.config import PaperConfig, PdfError
from worker.stamping.pdf.countries import country_name
from worker.stamping.pdf.texts import NBSP, Label, Texts, account
from worker.support.pdf import lettering
from worker.support.pdf.lettering import POINT, Style
from worker.support.pdf.sheet import (
    BODY,
    BODY_BOLD,
    BOTTOM,
    LABEL,
    LEFT,
    RIGHT,
    SMALL,
    WIDTH,
    Row,
    Sheet,
)
from worker.support.pdf.window import DoesNotFit, draw_window

FACTS_LEFT = 124.0
BELOW_WINDOW = 81.0
_LEADING = 3.75


def letterhead(sheet: Sheet, document: Document, logo: ImageReader | None) -> None:
    """The client's logo, or its name, above the window (y 12-28 mm)."""
    if logo is not None:
        sheet.image(LEFT, 12, 80, 16, logo)
        return
    name = lettering.one_line(document.seller.display_name)
    for size in (17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.5):
        style = Style(size, bold=True)
        lines = lettering.wrap(name, style, 96)
        leading = size * 1.2 * POINT
        if len(lines) * leading <= 16.5:
            for number, line in enumerate(lines):
                sheet.text(LEFT, 12 + leading * (number + 0.8), line, style, colour=sheet.palette.accent)
            return
    raise PdfError("the seller's name is too long for the letterhead")


def address_window(sheet: Sheet, config: PaperConfig) -> None:
    """The recipient inside the window, and the return address above it."""
    try:
        draw_window(sheet, recipient=config.recipient_lines, return_address=config.return_address)
    except DoesNotFit as error:
        raise PdfError(str(error)) from None


def facts(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> None:
    """What it is, its number, dates and what is to be paid, to the right of the window."""
    credit_note = document.kind is Kind.CREDIT_NOTE
    heading = texts(Label.CREDIT_NOTE if credit_note else Label.INVOICE).upper()
    sheet.text(FACTS_LEFT, 19.5, heading, Style(21, bold=True), colour=sheet.palette.accent)
    pairs: list[tuple[str, str]] = [
        (texts(Label.CREDIT_NOTE_NUMBER if credit_note else Label.INVOICE_NUMBER), document.number),
        (texts(Label.CREDIT_NOTE_DATE if credit_note else Label.INVOICE_DATE), texts.day(document.issue_date)),
    ]
    if document.credited_invoices:
        label = Label.CREDITS_INVOICE if document.is_credit else Label.REFERS_TO_INVOICE
        pairs.append((texts(label), ", ".join(document.credited_invoices)))
    if not document.is_credit:
        if document.due_date:
            pairs.append((texts(Label.DUE_DATE), texts.day(document.due_date)))
        pairs.append((texts(Label.ACCOUNT), account(config.factor_account)))
        if config.kid:
            pairs.append((texts(Label.KID), config.kid))
    y = 29.0
    value_left = FACTS_LEFT + 30
    for label, value in pairs:
        lines = lettering.wrap(value, BODY_BOLD, RIGHT - value_left)
        sheet.fitted(FACTS_LEFT, y, label, BODY, 29, colour=sheet.palette.grey)
        for line in lines or [""]:
            sheet.text(value_left, y, line, BODY_BOLD)
            y += 4.4
        y += 0.5
    y = _sum_box(sheet, document, texts, y)
    if y > BOTTOM - 40:
        raise PdfError("the document's number or its references to other invoices are too long")
    sheet.y = max(BELOW_WINDOW, y + 6)


def _sum_box(sheet: Sheet, document: Document, texts: Texts, y: float) -> float:
    """The amount in a tinted box; for credits the words that nothing is to be paid. Returns the box's lower edge."""
    palette = sheet.palette
    sheet.box(FACTS_LEFT - 3, y, RIGHT - FACTS_LEFT + 3, 12, fill=palette.tint)
    label, amount = closing_sum(document, texts)
    if document.is_credit and document.payable:
        sheet.fitted(FACTS_LEFT, y + 4.6, label, SMALL, 30, colour=palette.grey)
        sheet.fitted(FACTS_LEFT, y + 9.2, texts(Label.NOT_TO_PAY), BODY_BOLD, 34, colour=palette.accent)
        sheet.fitted(RIGHT - 2, y + 8.4, amount, Style(12, bold=True), 33, align="right")
    elif document.is_credit:
        sheet.fitted(FACTS_LEFT, y + 7.4, texts(Label.NOT_TO_PAY), BODY_BOLD, 34, colour=palette.accent)
        sheet.fitted(RIGHT - 2, y + 7.6, amount, Style(12, bold=True), 33, align="right")
    else:
        sheet.fitted(FACTS_LEFT, y + 7.4, label, BODY_BOLD, 22)
        sheet.fitted(RIGHT - 2, y + 7.8, amount, Style(14, bold=True), 42, align="right", colour=palette.accent)
    return y + 12


def closing_sum(document: Document, texts: Texts) -> tuple[str, str]:
    """The last sum and what it is called. A negative invoice's is in the debtor's favour, shown without sign."""
    if document.kind is Kind.CREDIT_NOTE:
        label, amount = Label.TOTAL_CREDITED, document.payable
    elif document.payable < 0:
        label, amount = Label.IN_FAVOUR, -document.payable
    else:
        label, amount = Label.TO_PAY, document.payable
    return texts(label), f"{texts.amount(amount, document.currency)}{NBSP}{lettering.one_line(document.currency)}"


def parties(sheet: Sheet, document: Document, texts: Texts) -> None:
    """Seller, buyer, delivery and references, in three columns."""
    gap = 6.0
    wide = (WIDTH - 2 * gap) / 3
    columns = [
        _column(sheet, LEFT, wide, texts(Label.SELLER), seller_lines(document.seller, texts)),
        _column(sheet, LEFT + wide + gap, wide, texts(Label.BUYER), _buyer_lines(document.buyer, texts)),
    ]
    delivery, references = _delivery_pairs(document, texts), _reference_pairs(document, texts)
    if delivery or references:
        title = texts(Label.DELIVERY if delivery else Label.REFERENCES)
        columns.append(_pairs_column(sheet, LEFT + 2 * (wide + gap), wide, title, delivery + references))
    sheet.columns(columns)
    sheet.y += sheet.air(4)


def _title_row(sheet: Sheet, x: float, wide: float, title: str) -> Row:
    def draw(y: float) -> None:
        sheet.text(x, y + 3, title, LABEL, colour=sheet.palette.accent)
        sheet.rule(y + 4.4, x0=x, x1=x + wide, colour=sheet.palette.accent, line=0.3)

    return Row(5.6, draw)


def _column(sheet: Sheet, x: float, wide: float, title: str, lines: list[tuple[str, Style]]) -> list[Row]:
    rows = [_title_row(sheet, x, wide, title)]
    for line, style in lines:
        rows.extend(sheet.text_rows(x, line, style, wide, leading=_LEADING))
    return rows


def _pairs_column(sheet: Sheet, x: float, wide: float, title: str, pairs: list[tuple[str, str]]) -> list[Row]:
    rows = [_title_row(sheet, x, wide, title)]
    indent = 16.5
    for label, value in pairs:
        lines = sheet.text_rows(x + indent, value, BODY, wide - indent, leading=_LEADING)
        if lines:
            first = lines[0]

            def draw(y: float, first: Row = first, label: str = label) -> None:
                sheet.fitted(x, y + _LEADING * 0.76, label, BODY, indent - 1.5, colour=sheet.palette.grey)
                first.draw(y)

            rows.append(Row(first.height, draw))
            rows.extend(lines[1:])
    return rows


def seller_lines(seller: DocumentParty, texts: Texts) -> list[tuple[str, Style]]:
    """§ 5-1-1 nr 2 and § 5-1-2: name, address, organisation number with MVA, Foretaksregisteret."""
    lines = _name_and_address(seller, texts)
    lines += [(line, BODY) for line in registrations(seller, texts)]
    return lines + _contact_lines(seller, texts)


def registrations(seller: DocumentParty, texts: Texts) -> list[str]:
    """Organisation number (with MVA when registered) and registers such as Foretaksregisteret."""
    lines: list[str] = []
    company = seller.company.value if seller.company else ""
    if seller.vat_number:
        lines.append(texts.vat_registered(seller.vat_number))
    if company and (not seller.vat_number or not _same_number(company, seller.vat_number)):
        lines.append(texts.company(company))
    lines += [name for name in seller.tax_registrations if name.strip()]
    return lines


def _same_number(company: str, vat_number: str) -> bool:
    return bool(digits(company)) and digits(company) == digits(vat_number)


def _buyer_lines(buyer: DocumentParty, texts: Texts) -> list[tuple[str, Style]]:
    lines = _name_and_address(buyer, texts)
    company = buyer.company.value if buyer.company else ""
    if company:
        lines.append((texts.company(company), BODY))
    if buyer.vat_number and not _same_number(company, buyer.vat_number):  # abroad they differ
        lines.append((texts.vat_registered(buyer.vat_number), BODY))
    if buyer.contact_name.strip():
        lines.append((texts(Label.ATTENTION, buyer.contact_name), BODY))
    return lines


def _name_and_address(party: DocumentParty, texts: Texts) -> list[tuple[str, Style]]:
    lines = [(party.display_name, BODY_BOLD)]
    if party.legal_name.strip() and party.legal_name.strip() != party.display_name.strip():
        lines.append((party.legal_name, BODY))
    return lines + [(line, BODY) for line in address_lines(party.address, texts)]


def _contact_lines(party: DocumentParty, texts: Texts) -> list[tuple[str, Style]]:
    lines: list[tuple[str, Style]] = []
    if party.contact_name.strip():
        lines.append((texts(Label.ATTENTION, party.contact_name), BODY))
    if party.phone.strip():
        lines.append((texts(Label.PHONE, party.phone), BODY))
    if party.email.strip():
        lines.append((party.email, BODY))
    return lines


def address_lines(address: PostalAddress, texts: Texts) -> list[str]:
    """Street, `NNNN POSTSTED`, the country (Norway only for readers abroad); nothing for what is missing."""
    town = " ".join(part for part in (address.postal_code.strip(), address.city.strip()) if part)
    at_home = address.country.strip().upper() in (("", "NO") if texts.language == "nb" else ("",))
    country = "" if at_home else country_name(address.country, texts.language)
    return [line for line in (address.line1.strip(), address.line2.strip(), town, country) if line]


def _delivery_pairs(document: Document, texts: Texts) -> list[tuple[str, str]]:
    """§ 5-1-1 nr 4: time and place of delivery."""
    pairs: list[tuple[str, str]] = []
    if document.delivery_date:
        pairs.append((texts(Label.DELIVERED), texts.day(document.delivery_date)))
    place = [document.delivery_name.strip()] if document.delivery_name.strip() else []
    if document.delivery_address:
        place += address_lines(document.delivery_address, texts)
    if place:
        pairs.append((texts(Label.DELIVERED_TO), "\n".join(place)))
    period = texts.period(document.period_start, document.period_end)
    if period:
        pairs.append((texts(Label.PERIOD), period))
    return pairs


def _reference_pairs(document: Document, texts: Texts) -> list[tuple[str, str]]:
    pairs = (
        (Label.YOUR_REFERENCE, document.buyer_reference),
        (Label.ORDER, document.order_reference),
        (Label.CONTRACT, document.contract_reference),
        (Label.PROJECT, document.project_reference),
        (Label.ACCOUNTING_COST, document.accounting_cost),
    )
    return [(texts(label), value) for label, value in pairs if value.strip()]


def notice(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> None:
    """The pledge notice, in a framed box before the lines: read before anything is paid."""
    palette = sheet.palette
    label = Label.NOTICE_CREDIT if document.is_credit else Label.NOTICE
    style = Style(9)
    lines = lettering.wrap(config.notice, style, WIDTH - 10)
    leading, head, foot = 4.1, 6.6, 1.8
    sheet.keep(head + leading * len(lines) + foot)
    first = True
    while lines:
        top = head if first else 3.0
        count = max(1, int((sheet.room - top - foot) / leading))
        if sheet.room < top + leading + foot:
            sheet.new_page()
            continue
        part, lines = lines[:count], lines[count:]
        height = top + leading * len(part) + foot
        sheet.box(LEFT, sheet.y, WIDTH, height, fill=palette.tint, stroke=palette.accent, line=0.35)
        sheet.box(LEFT, sheet.y, 1.6, height, fill=palette.accent)
        if first:
            sheet.text(LEFT + 6, sheet.y + 4.9, texts(label), Style(9.5, bold=True), colour=palette.accent)
        for number, line in enumerate(part):
            sheet.text(LEFT + 6, sheet.y + top + leading * (number + 0.72), line, style)
        sheet.y += height
        first = False
    sheet.y += sheet.air(4.5)


def continuation_head(sheet: Sheet, document: Document, texts: Texts) -> None:
    """The head of every page after the first: whose invoice, which number."""
    heading = texts(Label.CREDIT_NOTE if document.kind is Kind.CREDIT_NOTE else Label.INVOICE)
    what = f"{heading} {lettering.one_line(document.number)}"
    who = lettering.one_line(document.seller.display_name)
    sheet.fitted(LEFT, 17, who, BODY_BOLD, 100, colour=sheet.palette.accent)
    sheet.fitted(RIGHT, 17, what, BODY_BOLD, 64, align="right")
    sheet.rule(20, colour=sheet.palette.accent, line=0.3)
    sheet.y = 25
