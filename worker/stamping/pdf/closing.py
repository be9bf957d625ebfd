"""Below the lines: VAT per rate, sums, terms and messages, the payment block or that nothing is to be paid."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from worker.model.document import Document, Kind
from worker.stamping.pdf.config import PaperConfig
from worker.stamping.pdf.head import closing_sum
from worker.stamping.pdf.table import allowance_name
from worker.stamping.pdf.texts import Label, Texts, account, iban
from worker.support.pdf import lettering
from worker.support.pdf.lettering import Style
from worker.support.pdf.sheet import (
    BODY,
    BODY_BOLD,
    BOTTOM,
    LABEL,
    LEADING,
    LEFT,
    RIGHT,
    SMALL,
    SMALL_LEADING,
    WIDTH,
    Row,
    Sheet,
)

_VAT_WIDE = 84.0
_SUMS_LEFT = 114.0
_SUM_ROW = 4.8
_GAP = 5.0


def closing(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts, *, together: bool = False) -> bool:
    """Everything after the lines. The sums stay together; the payment block is never split.

    `together`: the sums go overleaf with the payment block rather than leave it alone there. Returns whether it stands
    alone on its page.
    """
    sheet.y += sheet.air(3)
    left, right = _vat_rows(sheet, document, texts), _sum_rows(sheet, document, texts)
    narrow = _text_rows(sheet, document, config, texts, _VAT_WIDE)
    below = _text_rows(sheet, document, config, texts, WIDTH)
    # Texts stand below the VAT table, beside the sums, where that is shorter than below both.
    if _total(left) + _total(narrow) <= max(_total(left), _total(right)) + _total(below):
        left, below = left + narrow, []
    last = _last_block_height(document, config, texts)
    if together:
        sheet.keep(max(_total(left), _total(right)) + _total(below) + sheet.air(_GAP) + last)
    sheet.columns([left, right])
    sheet.rows(below)
    sheet.y += sheet.air(_GAP)
    pages = len(sheet.pages)
    sheet.keep(last)
    if document.is_credit:
        _nothing_to_pay(sheet, document, texts)
    else:
        _payment(sheet, document, config, texts)
    return len(sheet.pages) > pages


def _total(rows: list[Row]) -> float:
    return sum(row.height for row in rows)


# --- VAT -------------------------------------------------------------------------------------------


def _vat_rows(sheet: Sheet, document: Document, texts: Texts) -> list[Row]:
    """§ 5-1-1 nr 6 and 5-1-5: basis and VAT per rate, what is free of VAT by itself and why, VAT in NOK."""
    palette = sheet.palette
    basis_edge, vat_edge = LEFT + 58, LEFT + _VAT_WIDE

    def title(y: float) -> None:
        heading = texts(Label.VAT_SPECIFICATION, lettering.one_line(document.currency))
        sheet.fitted(LEFT, y + 3.4, heading, LABEL, 40, colour=palette.accent)
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
    return rows


# --- sums ------------------------------------------------------------------------------------------


def _sum_rows(sheet: Sheet, document: Document, texts: Texts) -> list[Row]:
    """From the sum of lines to the amount due. Zero sums that say nothing are left out."""
    entries: list[tuple[str, Decimal]] = []
    for entry in document.allowances:
        name = allowance_name(entry, texts)
        if entry.vat_percent is not None and len(document.vat) > 1:  # else there is no doubt which rate it belongs to
            name = f"{name} ({texts(Label.VAT_WITHIN)} {texts.percent(entry.vat_percent)})"
        entries.append((name, entry.amount if entry.charge else -entry.amount))
    if not entries:  # totals may stand without the entries behind them
        totals = ((Label.ALLOWANCE, -document.allowance_total), (Label.CHARGE, document.charge_total))
        entries = [(texts(label), amount) for label, amount in totals if amount]
    if entries or document.line_total != document.tax_exclusive:
        entries.insert(0, (texts(Label.LINE_TOTAL), document.line_total))
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


def _text_rows(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts, wide: float) -> list[Row]:
    notes = [without_notice(note, config.notice) for note in document.notes]
    rows: list[Row] = []
    for label, parts in ((Label.TERMS, [document.payment_terms.strip()]), (Label.MESSAGE, notes)):
        text = "\n".join(part for part in parts if part)
        lines = sheet.text_rows(LEFT, text, BODY, wide, leading=sheet.leading)
        if lines:
            rows += [_titled(sheet, texts(label), lines[0]), *lines[1:]]
    return rows


def _titled(sheet: Sheet, title: str, first: Row) -> Row:
    """A heading that stays with its first line."""
    gap = sheet.air(2.5)
    above = gap + sheet.leading

    def draw(y: float) -> None:
        sheet.text(LEFT, y + gap + sheet.leading * 0.76, title, LABEL, colour=sheet.palette.accent)
        first.draw(y + above)

    return Row(above + first.height, draw)


# --- payment ---------------------------------------------------------------------------------------

_BAND = 6.6
_CELL = WIDTH / 3
_CELL_TEXT = _CELL - 6.0
_VALUE = Style(10.5, bold=True)
_VALUE_LEADING = 4.6


@dataclass(frozen=True, slots=True)
class _Field:
    """A value with its label above and, in small letters, a hint below."""

    label: str
    value: str
    hint: str = ""

    @property
    def lines(self) -> list[str]:
        return lettering.wrap(self.value, _VALUE, _CELL_TEXT)

    @property
    def height(self) -> float:
        return 5.2 + _VALUE_LEADING * len(self.lines) + (3.4 if self.hint else 0)


def _fields(document: Document, config: PaperConfig, texts: Texts) -> list[list[_Field]]:
    """The payment block: three fields a row."""
    number = account(config.factor_account)
    kid = (
        _Field(texts(Label.KID), config.kid)
        if config.kid
        else _Field(texts(Label.MARK_PAYMENT), f"{texts(Label.INVOICE)} {document.number}")
    )
    rows = [
        [
            _Field(texts(Label.PAY_TO), config.factor_name, texts.company(config.factor_organisation_number)),
            _Field(texts(Label.ACCOUNT), number, texts(Label.NO_DOTS, config.factor_account)),
            kid,
        ],
        [_Field(texts(Label.AMOUNT), closing_sum(document, texts)[1])],
    ]
    if document.due_date:
        rows[1].append(_Field(texts(Label.DUE_DATE), texts.day(document.due_date)))
    if pays_from_abroad(document, config) and config.factor_iban:
        bic = f"{texts(Label.BIC)} {config.factor_bic}" if config.factor_bic else ""
        rows[1].append(_Field(texts(Label.IBAN), iban(config.factor_iban), bic))
    return rows


def pays_from_abroad(document: Document, config: PaperConfig) -> bool:
    """Whether the payer needs IBAN and BIC: a document that states them, a buyer abroad, a foreign
    currency, or an English invoice."""
    at_home = document.buyer.address.country.upper() in ("", "NO")
    by_iban = any(target.account[:1].isalpha() for target in document.payment)
    return by_iban or not at_home or document.currency != "NOK" or config.language == "en"


def _row_height(row: list[_Field]) -> float:
    return max(field.height for field in row)


def _last_block_height(document: Document, config: PaperConfig, texts: Texts) -> float:
    if document.is_credit:
        return 15.0
    return _BAND + sum(map(_row_height, _fields(document, config, texts))) + 3.0


def _payment(sheet: Sheet, document: Document, config: PaperConfig, texts: Texts) -> None:
    """The payment block: at the foot of the page where people look for it, or below the sums on a page of its own."""
    palette = sheet.palette
    rows = _fields(document, config, texts)
    height = _last_block_height(document, config, texts)
    top = BOTTOM - height if len(sheet.pages) == 1 or sheet.y > 130 else sheet.y
    sheet.box(LEFT, top, WIDTH, height, fill=palette.tint, stroke=palette.accent, line=0.35)
    sheet.box(LEFT, top, WIDTH, _BAND, fill=palette.accent)
    sheet.text(LEFT + 4, top + 4.6, texts(Label.PAYMENT), Style(9.5, bold=True), colour=palette.white)
    y = top + _BAND + 1.2
    for row in rows:
        for number, field in enumerate(row):
            _field(sheet, LEFT + 4 + number * _CELL, y, field)
        y += _row_height(row)
    sheet.y = top + height


def _field(sheet: Sheet, x: float, y: float, field: _Field) -> None:
    grey = sheet.palette.grey
    sheet.text(x, y + 3.2, field.label, SMALL, colour=grey)
    base = y + 7.6
    for line in field.lines:
        sheet.text(x, base, line, _VALUE)
        base += _VALUE_LEADING
    if field.hint:
        sheet.fitted(x, base - 0.9, lettering.one_line(field.hint), SMALL, _CELL_TEXT, colour=grey)


def _nothing_to_pay(sheet: Sheet, document: Document, texts: Texts) -> None:
    palette = sheet.palette
    if document.kind is Kind.CREDIT_NOTE:
        label = Label.NOT_TO_PAY_CREDIT
    else:
        label = Label.NOT_TO_PAY_NEGATIVE if document.payable < 0 else Label.NOT_TO_PAY_ZERO
    sheet.box(LEFT, sheet.y, WIDTH, 15, fill=palette.tint, stroke=palette.accent, line=0.35)
    sheet.box(LEFT, sheet.y, 1.6, 15, fill=palette.accent)
    sheet.text(LEFT + 6, sheet.y + 6.2, texts(Label.NOT_TO_PAY), Style(11, bold=True), colour=palette.accent)
    sheet.fitted(LEFT + 6, sheet.y + 11.4, texts(label), BODY, WIDTH - 10)
    sheet.y += 15
