"""Below the lines: VAT per rate, sums, terms and messages, and the payment block or the words that nothing is to be paid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from worker.model.document import Document, Kind
from worker.stamping.pdf import lettering
from worker.stamping.pdf.config import PaperConfig
from worker.stamping.pdf.head import closing_sum
from worker.stamping.pdf.lettering import Style
from worker.stamping.pdf.sheet import (
    BODY,
    BODY_BOLD,
    BOTTOM,
    LABEL,
    LEADING,
    LEFT,
    RIGHT,
    SMALL,
    SMALL_LEADING,
    TOP,
    WIDTH,
    Row,
    Sheet,
)
from worker.stamping.pdf.table import allowance_name
from worker.stamping.pdf.texts import Label, Texts, account, iban

_VAT_WIDE = 84.0
_SUMS_LEFT = 114.0
_SUM_ROW = 4.8
_GAP = 5.0


def closing(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> None:
    """Everything after the lines. Sums and payment block stay on one page when one page can hold them."""
    sheet.y += 3
    left, right = _vat_rows(sheet, document, texts), _sum_rows(sheet, document, texts)
    below = _text_rows(sheet, document, config, texts)
    block = _payment_height(document, config)
    sums = max(sum(row.height for row in left), sum(row.height for row in right))
    together = sums + sum(row.height for row in below) + _GAP + block
    sheet.keep(together if together <= BOTTOM - TOP else sums)
    sheet.columns([left, right])
    sheet.rows(below)
    sheet.y += _GAP
    sheet.keep(block)
    if document.is_credit:
        _nothing_to_pay(sheet, document, texts)
    else:
        _payment(sheet, document, config, texts)


# --- VAT -------------------------------------------------------------------------------------------


def _vat_rows(sheet: Sheet, document: Document, texts: Texts) -> list[Row]:
    """§ 5-1-1 nr 6 and 5-1-5: basis and VAT per rate, what is free of VAT by itself and why, VAT in NOK."""
    palette = sheet.palette
    basis_edge, vat_edge = LEFT + 58, LEFT + _VAT_WIDE

    def title(y: float) -> None:
        heading = texts(Label.VAT_SPECIFICATION)
        sheet.text(LEFT, y + 3.4, heading, LABEL, colour=palette.accent)
        sheet.text(basis_edge, y + 3.4, texts(Label.VAT_BASIS), SMALL, align="right", colour=palette.grey)
        sheet.text(vat_edge, y + 3.4, texts(Label.VAT_AMOUNT), SMALL, align="right", colour=palette.grey)
        sheet.rule(y + 5, x0=LEFT, x1=vat_edge, colour=palette.accent, line=0.3)

    def figures(name: str, basis: Decimal | None, tax: Decimal, currency: str, style: Style) -> Row:
        def draw(y: float) -> None:
            sheet.fitted(LEFT, y + 3.4, name, style, 36 if basis is not None else 56)
            if basis is not None:
                sheet.fitted(basis_edge, y + 3.4, texts.amount(basis, currency), style, 24, align="right")
            sheet.fitted(vat_edge, y + 3.4, texts.amount(tax, currency), style, 24, align="right")

        return Row(_SUM_ROW, draw)

    rows = [Row(6.0, title)]
    for part in document.vat:
        name = lettering.one_line(texts.vat_name(part.category, part.percent))
        rows.append(figures(name, part.taxable, part.tax, document.currency, BODY))
        reasons = [texts.reverse_charge] if part.category == "AE" else []
        if part.exemption_reason.strip() and part.exemption_reason.strip() not in reasons:
            reasons.append(part.exemption_reason)
        for reason in reasons:
            rows += sheet.text_rows(LEFT, reason, SMALL, _VAT_WIDE, leading=SMALL_LEADING, colour=palette.grey)
    if len(document.vat) != 1:
        taxable = sum((part.taxable for part in document.vat), Decimal(0))
        basis = taxable if document.vat else None
        rows.append(figures(texts(Label.VAT_SUM), basis, document.tax_total, document.currency, BODY_BOLD))
    if document.tax_total_in_tax_currency is not None and document.tax_currency != document.currency:
        currency = document.tax_currency
        label = texts(Label.VAT_IN, lettering.one_line(currency))
        rows.append(figures(label, None, document.tax_total_in_tax_currency, currency, BODY_BOLD))
    note = texts(Label.CURRENCY_NOTE, lettering.one_line(document.currency))
    return rows + sheet.text_rows(LEFT, note, SMALL, _VAT_WIDE, leading=SMALL_LEADING + 0.8, colour=palette.grey)


# --- sums ------------------------------------------------------------------------------------------


def _sum_rows(sheet: Sheet, document: Document, texts: Texts) -> list[Row]:
    """From the sum of lines to the amount due. Zero sums that say nothing are left out."""
    entries: list[tuple[str, Decimal]] = [(texts(Label.LINE_TOTAL), document.line_total)]
    entries += [
        (allowance_name(entry, texts), entry.amount if entry.charge else -entry.amount)
        for entry in document.allowances
    ]
    if len(entries) == 1:  # totals without the entries behind them
        if document.allowance_total:
            entries.append((texts(Label.ALLOWANCE), -document.allowance_total))
        if document.charge_total:
            entries.append((texts(Label.CHARGE), document.charge_total))
    entries.append((texts(Label.NET_TOTAL), document.tax_exclusive))
    entries.append((texts(Label.VAT_TOTAL), document.tax_total))
    if document.prepaid or document.rounding:
        entries.append((texts(Label.GROSS_TOTAL), document.tax_inclusive))
    if document.prepaid:
        entries.append((texts(Label.PREPAID), -document.prepaid))
    if document.rounding:
        entries.append((texts(Label.ROUNDING), document.rounding))
    rows: list[Row] = []
    for name, amount in entries:
        rows += _sum_row(sheet, name, texts.amount(amount, document.currency))
    rows.append(_last_sum(sheet, *closing_sum(document, texts)))
    return rows


def _sum_row(sheet: Sheet, name: str, amount: str) -> list[Row]:
    lines = lettering.wrap(name, BODY, 46)

    def first(y: float) -> None:
        sheet.text(_SUMS_LEFT, y + 3.4, lines[0] if lines else "", BODY)
        sheet.fitted(RIGHT - 1.5, y + 3.4, amount, BODY, 27, align="right")

    return [
        Row(_SUM_ROW, first),
        *(Row(LEADING, lambda y, line=line: sheet.text(_SUMS_LEFT, y + 2.6, line, BODY)) for line in lines[1:]),
    ]


def _last_sum(sheet: Sheet, label: str, amount: str) -> Row:
    def draw(y: float) -> None:
        palette = sheet.palette
        sheet.box(_SUMS_LEFT - 3, y + 1.2, RIGHT - _SUMS_LEFT + 3, 8.6, fill=palette.accent)
        sheet.fitted(_SUMS_LEFT, y + 6.7, label, Style(9.5, bold=True), 28, colour=palette.white)
        sheet.fitted(RIGHT - 1.5, y + 6.9, amount, Style(12, bold=True), 42, align="right", colour=palette.white)

    return Row(11.0, draw)


# --- texts -----------------------------------------------------------------------------------------


def without_notice(note: str, notice: str) -> str:
    """A stamped note without the pledge notice, which has its own box. Blanks and line breaks may differ."""
    words = notice.split()
    if not words:
        return note.strip()
    return re.sub(r"\s+".join(re.escape(word) for word in words), "", note, count=1).strip()


def _text_rows(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> list[Row]:
    notes = [without_notice(note, config.notice) for note in document.notes]
    rows: list[Row] = []
    for label, parts in ((Label.TERMS, [document.payment_terms.strip()]), (Label.MESSAGE, notes)):
        text = "\n".join(part for part in parts if part)
        if text:
            rows.append(Row(2.5, lambda _y: None))
            rows += sheet.text_rows(LEFT, texts(label), LABEL, WIDTH, leading=LEADING, colour=sheet.palette.accent)
            rows += sheet.text_rows(LEFT, text, BODY, WIDTH, leading=LEADING)
    return rows


# --- payment ---------------------------------------------------------------------------------------

_BAND = 7.0
_FIELD = 10.4


def _fields(document: Document, config: PaperConfig, texts: Texts) -> tuple[list[_Field], list[_Field]]:
    """The payment block's two columns: to whom, and what."""
    number = account(config.factor_account)
    whom = [
        (texts(Label.PAY_TO), config.factor_name, texts.company(config.factor_organisation_number)),
        (texts(Label.ACCOUNT), number, texts(Label.NO_DOTS, config.factor_account)),
    ]
    if pays_from_abroad(document, config) and config.factor_iban:
        bic = f"{texts(Label.BIC)} {config.factor_bic}" if config.factor_bic else ""
        whom.append((texts(Label.IBAN), iban(config.factor_iban), bic))
    what = [
        (texts(Label.KID), config.kid, "")
        if config.kid
        else (texts(Label.MARK_PAYMENT), f"{texts(Label.INVOICE)} {document.number}", ""),
        (texts(Label.AMOUNT), closing_sum(document, texts)[1], ""),
    ]
    if document.due_date:
        what.append((texts(Label.DUE_DATE), texts.day(document.due_date), ""))
    return whom, what


_Field = tuple[str, str, str]


def pays_from_abroad(document: Document, config: PaperConfig) -> bool:
    """Whether the payer needs IBAN and BIC: a buyer abroad, a foreign currency, or an English invoice."""
    return document.buyer.address.country.upper() not in ("", "NO") or document.currency != "NOK" or config.language == "en"


def _payment_height(document: Document, config: PaperConfig) -> float:
    if document.is_credit:
        return 15.0
    columns = _fields(document, config, Texts(config.language))
    return _BAND + max(_column_height(fields) for fields in columns) + 3.0


def _column_height(fields: Sequence[_Field]) -> float:
    return sum(_field_height(field) for field in fields)


def _value_lines(value: str, wide: float) -> list[str]:
    return lettering.wrap(value, Style(11, bold=True), wide)


def _field_height(field: _Field) -> float:
    extra = max(0, len(_value_lines(field[1], _FIELD_WIDE)) - 1) * 4.8
    return _FIELD + extra + (3.2 if field[2] else 0)


_FIELD_WIDE = WIDTH / 2 - 10


def _payment(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> None:
    """The payment block, at the foot of the last page where people look for it."""
    palette = sheet.palette
    whom, what = _fields(document, config, texts)
    height = _payment_height(document, config)
    top = BOTTOM - height if len(sheet.pages) == 1 or sheet.y > 140 else sheet.y
    top = max(top, sheet.y)
    sheet.box(LEFT, top, WIDTH, height, fill=palette.tint, stroke=palette.accent, line=0.35)
    sheet.box(LEFT, top, WIDTH, _BAND, fill=palette.accent)
    sheet.text(LEFT + 4, top + 4.9, texts(Label.PAYMENT), Style(9.5, bold=True), colour=palette.white)
    for left, fields in ((LEFT + 4, whom), (LEFT + WIDTH / 2 + 2, what)):
        y = top + _BAND + 1.5
        for label, value, hint in fields:
            sheet.text(left, y + 3.2, label, SMALL, colour=palette.grey)
            base = y + 7.9
            for line in _value_lines(value, _FIELD_WIDE):
                sheet.text(left, base, line, Style(11, bold=True))
                base += 4.8
            if hint:
                sheet.fitted(left, base - 1.2, lettering.one_line(hint), SMALL, _FIELD_WIDE, colour=palette.grey)
            y += _field_height((label, value, hint))
    sheet.y = top + height


def _nothing_to_pay(sheet: Sheet, document: Document, texts: Texts) -> None:
    palette = sheet.palette
    if document.kind is Kind.CREDIT_NOTE:
        label = Label.NOT_TO_PAY_CREDIT
    else:
        label = Label.NOT_TO_PAY_NEGATIVE if document.payable < 0 else Label.NOT_TO_PAY_ZERO
    sheet.box(LEFT, sheet.y, WIDTH, 15, fill=palette.tint, stroke=palette.accent, line=0.35)
    sheet.text(LEFT + 4, sheet.y + 6.2, texts(Label.NOT_TO_PAY), Style(11, bold=True), colour=palette.accent)
    sheet.fitted(LEFT + 4, sheet.y + 11.4, texts(label), BODY, WIDTH - 8)
    sheet.y += 15
