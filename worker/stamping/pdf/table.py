"""The lines: one entry each, header row repeated on every page, sums carried forward."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from worker.model.document import AllowanceOrCharge, Document, DocumentLine
from worker.stamping.pdf.texts import Label, Texts
from worker.stamping.pdf.units import unit
from worker.support.pdf import lettering
from worker.support.pdf.lettering import Style
from worker.support.pdf.sheet import (
    BODY,
    BOTTOM,
    LABEL,
    LEADING,
    LEFT,
    SMALL,
    SMALL_LEADING,
    TOP,
    WIDTH,
    Align,
    Row,
    Sheet,
)

_HEAD_HEIGHT = 6.4
_CARRY_HEIGHT = 6.0
_AIR = 1.1


@dataclass(frozen=True, slots=True)
class _Cell:
    """A column: where it begins, how wide it is (mm), which side its text keeps to."""

    left: float
    wide: float
    align: Align

    @property
    def edge(self) -> float:
        return self.left if self.align == "left" else self.left + self.wide


@dataclass(frozen=True, slots=True)
class _Grid:
    """The columns. `item` is None when no line has an item number; the description takes its place."""

    item: _Cell | None
    description: _Cell
    quantity: _Cell
    unit: _Cell
    price: _Cell
    vat: _Cell
    amount: _Cell

    @classmethod
    def of(cls, document: Document) -> _Grid:
        item_wide = 20.0 if any(line.seller_item_id.strip() for line in document.lines) else 0.0
        return cls(
            item=_Cell(LEFT + 1.5, item_wide - 2, "left") if item_wide else None,
            description=_Cell(LEFT + 1.5 + item_wide, 76.5 - item_wide, "left"),
            quantity=_Cell(99, 13.5, "right"),
            unit=_Cell(114, 15, "left"),
            price=_Cell(130, 20.5, "right"),
            vat=_Cell(152, 11.5, "right"),
            amount=_Cell(165, 23.5, "right"),
        )


class LineTable:
    """Draws a document's lines down a sheet."""

    def __init__(self, sheet: Sheet, document: Document, texts: Texts) -> None:
        self.sheet, self.document, self.texts = sheet, document, texts
        self.grid = _Grid.of(document)
        self.pad = sheet.air(_AIR)
        self.sum = Decimal(0)  # of the amounts printed so far

    def draw(self) -> None:
        """From the cursor on. Afterwards the cursor stands below the last line."""
        sheet = self.sheet
        sheet.keep(_HEAD_HEIGHT + 20)
        self._head()
        if not self.document.lines:
            words = self.texts(Label.NO_LINES)
            sheet.text(self.grid.description.left, sheet.y + self.pad + 3, words, BODY, colour=sheet.palette.grey)
            sheet.y += LEADING + 2 * self.pad
        for number, line in enumerate(self.document.lines):
            self._entry(line, last=number == len(self.document.lines) - 1)
        sheet.rule(sheet.y, colour=sheet.palette.accent, line=0.3)

    def _head(self) -> None:
        sheet, grid, texts, palette = self.sheet, self.grid, self.texts, self.sheet.palette
        sheet.box(LEFT, sheet.y, WIDTH, _HEAD_HEIGHT, fill=palette.accent)
        titles = (
            (grid.item, Label.ITEM), (grid.description, Label.DESCRIPTION), (grid.quantity, Label.QUANTITY),
            (grid.unit, Label.UNIT), (grid.price, Label.PRICE), (grid.vat, Label.VAT),
            (grid.amount, Label.AMOUNT_WITHOUT_VAT),
        )  # fmt: skip
        for cell, label in titles:
            if cell is not None:
                sheet.fitted(
                    cell.edge, sheet.y + 4.3, texts(label), LABEL, cell.wide, align=cell.align, colour=palette.white
                )
        sheet.y += _HEAD_HEIGHT

    def _carry(self, label: Label) -> None:
        sheet, text = self.sheet, self.texts.amount(self.sum, self.document.currency)
        sheet.text(self.grid.description.left, sheet.y + 4.2, self.texts(label), SMALL, colour=sheet.palette.grey)
        cell = self.grid.amount
        sheet.fitted(cell.edge, sheet.y + 4.2, text, LABEL, cell.wide, align="right")
        sheet.y += _CARRY_HEIGHT

    def _overleaf(self) -> None:
        sheet = self.sheet
        sheet.rule(sheet.y, colour=sheet.palette.accent, line=0.3)
        self._carry(Label.CARRIED_FORWARD)
        sheet.new_page()
        self._head()
        self._carry(Label.BROUGHT_FORWARD)
        sheet.rule(sheet.y)

    def _entry(self, line: DocumentLine, *, last: bool) -> None:
        sheet = self.sheet
        rows = self._rows(line)
        height = sum(row.height for row in rows) + 2 * self.pad
        # The carried sum must have its place below, and an entry that fits a page is not split.
        whole_page = BOTTOM - TOP - _HEAD_HEIGHT - 2 * _CARRY_HEIGHT
        if height > sheet.room - _CARRY_HEIGHT and height < whole_page / 2:
            self._overleaf()
        sheet.y += self.pad
        for number, row in enumerate(rows):
            if row.height > sheet.room - _CARRY_HEIGHT:
                self._overleaf()
                sheet.y += self.pad
            row.draw(sheet.y)
            sheet.y += row.height
            if number == 0:
                self.sum += line.net
        sheet.y += self.pad
        if not last:
            sheet.rule(sheet.y)

    def _rows(self, line: DocumentLine) -> list[Row]:
        """The entry as text rows; the figures stand in the first."""
        sheet, grid = self.sheet, self.grid
        wide = grid.description.wide
        texts: list[tuple[str, Style]] = [(part, BODY) for part in lettering.wrap(line.name, BODY, wide)]
        for extra in self._extras(line):
            texts += [(part, SMALL) for part in lettering.wrap(extra, SMALL, wide)]
        item = lettering.wrap(line.seller_item_id, BODY, grid.item.wide) if grid.item else []
        words = unit(line.unit_code, line.quantity, self.texts.language)
        units = lettering.wrap(words, BODY, grid.unit.wide)
        rows: list[Row] = []
        for number in range(max(len(texts), len(item), len(units), 1)):
            text, style = texts[number] if number < len(texts) else ("", SMALL)
            small = style is SMALL and number >= max(len(item), len(units))
            height = SMALL_LEADING if small else sheet.leading
            part = item[number] if number < len(item) else ""
            word = units[number] if number < len(units) else ""

            def draw(
                y: float, number: int = number, text: str = text, style: Style = style, part: str = part,
                word: str = word, height: float = height,
            ) -> None:  # fmt: skip
                base = y + height * 0.76
                colour = sheet.palette.ink if style is BODY else sheet.palette.grey
                if grid.item:
                    sheet.text(grid.item.left, base, part, BODY)
                sheet.text(grid.description.left, base, text, style, colour=colour)
                if number == 0:
                    self._figure(grid.quantity, self.texts.number(line.quantity), base)
                sheet.text(grid.unit.left, base, word, BODY)
                if number == 0:
                    self._figures(line, base)

            rows.append(Row(height, draw))
        return rows

    def _figures(self, line: DocumentLine, base: float) -> None:
        texts, currency, grid = self.texts, self.document.currency, self.grid
        price = "" if line.unit_price is None else texts.amount(line.unit_price, currency)
        figures = (
            (grid.price, price),
            (grid.vat, texts.percent(line.vat_percent)),
            (grid.amount, texts.amount(line.net, currency)),
        )
        for cell, text in figures:
            self._figure(cell, text, base)

    def _figure(self, cell: _Cell, text: str, base: float) -> None:
        self.sheet.fitted(cell.edge, base, text, BODY, cell.wide, align=cell.align)

    def _extras(self, line: DocumentLine) -> list[str]:
        """Description, note, period, price basis, allowances: what stands in small letters below the name."""
        texts = self.texts
        extras = [line.description] if line.description.strip() != line.name.strip() else []
        extras.append(line.note)
        period = texts.period(line.period_start, line.period_end)
        if period:
            extras.append(f"{texts(Label.PERIOD)}: {period}")
        base = line.price_base_quantity
        if base is not None and base != 1 and line.unit_price is not None:
            words = unit(line.unit_code, base, texts.language)
            extras.append(texts(Label.PER, f"{texts.number(base)} {words}".strip()))
        extras += [allowance_text(entry, texts, self.document.currency) for entry in line.allowances]
        return [extra for extra in extras if extra.strip()]


def allowance_name(entry: AllowanceOrCharge, texts: Texts) -> str:
    """`Rabatt: Skade`, or the bare word when no reason is given or the reason is the word itself."""
    label = texts(Label.CHARGE if entry.charge else Label.ALLOWANCE)
    reason = lettering.one_line(entry.reason)
    return label if reason.casefold() in ("", label.casefold()) else f"{label}: {reason}"


def allowance_text(entry: AllowanceOrCharge, texts: Texts, currency: str) -> str:
    """An allowance or charge on a line, with its amount and sign; it is already part of the line's amount."""
    amount = entry.amount if entry.charge else -entry.amount
    return f"{allowance_name(entry, texts)} {texts.amount(amount, currency)}"
