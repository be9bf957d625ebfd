"""The statement on paper: A4, the balance first, then the day part by part, each with its sums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from worker.model.money import Money, norwegian
from worker.model.party import digits
from worker.settlement.statement import Section, Statement, StatementLine
from worker.support.clock import OSLO
from worker.support.pdf import lettering
from worker.support.pdf.lettering import Style
from worker.support.pdf.sheet import (
    BODY,
    BODY_BOLD,
    FOOTER,
    LABEL,
    LEFT,
    RIGHT,
    SMALL,
    SMALL_LEADING,
    TOP,
    WIDTH,
    Palette,
    Sheet,
)
from worker.support.wording import day as in_words

LONGEST = 2000  # lines a part; of a longer one the sums are drawn, and the lines stand in the CSV
_TITLE, _SUBTITLE, _HEADING = Style(17, bold=True), Style(10.5), Style(10.5, bold=True)
_ROW, _ACCENT = 4.6, "#1f4e5f"


@dataclass(frozen=True, slots=True)
class _Column:
    """`x`: left edge, or the right one of amounts. `width` in mm: a longer text is wrapped."""

    title: str
    x: float
    width: float
    text: Callable[[StatementLine], str]
    is_amount: bool = False


def _amount(line: StatementLine) -> str:
    if line.amount is None or (line.amount.minor == 0 and line.section is Section.OTHER):
        return ""
    return _money(line.amount)


def _money(money: Money) -> str:
    shown = norwegian(money.amount)
    return shown if money.currency == "NOK" else f"{money.currency} {shown}"


_REFERENCE = _Column("Faktura", LEFT, 24, lambda line: line.reference)
_DEBTOR = _Column("Kundenr.", LEFT + 26, 20, lambda line: line.debtor)
_AMOUNT = _Column("Beløp", RIGHT, 30, _amount, is_amount=True)
_EVENTS = (
    _Column("Dato", LEFT, 18, lambda line: line.when),
    _Column("Hva", LEFT + 19, 36, lambda line: line.what),
    _Column("Faktura", LEFT + 57, 20, lambda line: line.reference),
    _Column("Merknad", LEFT + 79, 38, lambda line: line.detail),
    _Column("Beløp", RIGHT - 27, 26, _amount, is_amount=True),
    _Column("Virkning på saldo", RIGHT, 26, lambda line: norwegian(Money(line.effect).amount), is_amount=True),
)
_COLUMNS: dict[Section, tuple[_Column, ...]] = {
    Section.TAKEN: (
        _REFERENCE,
        _DEBTOR,
        _Column("Type", LEFT + 50, 30, lambda line: line.what),
        _Column("Forfall", LEFT + 85, 30, lambda line: line.when),
        _AMOUNT,
    ),
    Section.DELIVERED: (
        _REFERENCE,
        _DEBTOR,
        _Column("Kanal", LEFT + 50, 34, lambda line: line.detail),
        _Column("Tidspunkt", LEFT + 85, 30, lambda line: line.when),
        _AMOUNT,
    ),
    Section.DIRECT: (
        _Column("Betalt", LEFT, 18, lambda line: line.when),
        _Column("Faktura", LEFT + 19, 22, lambda line: line.reference),
        _Column("Kundenr.", LEFT + 43, 18, lambda line: line.debtor),
        _Column("Hva dere gjør", LEFT + 63, 78, lambda line: line.detail),
        _AMOUNT,
    ),
}


def as_pdf(made: Statement) -> bytes:
    """The same statement gives the same bytes."""
    lettering.load()
    sheet = Sheet(Palette.of(_ACCENT))
    _head(sheet, made)
    sheet.at_new_page = lambda: _head_again(sheet, made)
    _balance(sheet, made)
    for section in Section:
        lines = [line for line in made.lines if line.section is section]
        if lines:
            _part(sheet, made, section, lines)
    if not made.lines:
        sheet.y += 4
        sheet.text(LEFT, sheet.y, "Ingen hendelser denne dagen.", BODY, colour=sheet.palette.grey)

    def foot(page: int, pages: int) -> None:
        number = digits(made.factor_organisation_number)
        who = f"{made.factor_name} · Org.nr. {number[:3]} {number[3:6]} {number[6:]}"
        sheet.rule(FOOTER - 4)
        sheet.fitted(LEFT, FOOTER, lettering.one_line(who), SMALL, 130, colour=sheet.palette.grey)
        sheet.text(RIGHT, FOOTER, f"Side {page} av {pages}", SMALL, align="right", colour=sheet.palette.grey)

    return sheet.render(
        title=f"Avregning {made.day:%d.%m.%Y} {lettering.one_line(made.client_name)}",
        author=lettering.one_line(made.factor_name),
        language="nb-NO",
        foot=foot,
    )


def _head(sheet: Sheet, made: Statement) -> None:
    accent, grey = sheet.palette.accent, sheet.palette.grey
    sheet.fitted(LEFT, 17, lettering.one_line(made.factor_name), BODY_BOLD, WIDTH, colour=grey)
    sheet.text(LEFT, 28, "Avregning", _TITLE, colour=accent)
    sheet.text(RIGHT, 28, in_words(made.day, "nb"), _SUBTITLE, align="right")
    sheet.fitted(LEFT, 35, lettering.one_line(made.client_name), _SUBTITLE, WIDTH)
    at = made.made_at.astimezone(OSLO)
    told = f"Hendelser til og med {at:%d.%m.%Y kl. %H.%M}. Det som skjer senere på dagen, kommer med i neste utgave."
    if not made.is_provisional:
        told = f"Hele dagen. Laget {at:%d.%m.%Y kl. %H.%M}."
    sheet.text(LEFT, 40.5, told, SMALL, colour=grey)
    sheet.y = 47


def _head_again(sheet: Sheet, made: Statement) -> None:
    who = f"Avregning {made.day:%d.%m.%Y} · {lettering.one_line(made.client_name)}"
    sheet.fitted(LEFT, 17, who, SMALL, WIDTH, colour=sheet.palette.grey)
    sheet.rule(19.5)
    sheet.y = TOP - 1


def _balance(sheet: Sheet, made: Statement) -> None:
    """What the factor owes the client, from the day's beginning to its end, and what the client's books say."""
    rows = [("Inngående saldo", made.opening, False)]
    rows += [(what, effect, False) for _, what, _, effect in made.sums if effect]
    rows.append(("Utgående saldo etter hendelsene", made.closing, True))
    books, notes = made.books, list[str]()
    if books is None:
        notes.append("Returdata er ikke aktivert: ingenting er ført i regnskapet deres.")
    elif books.theirs is None:
        notes.append(f"Regnskapet svarte ikke. Saldoen på konto {books.account} er ikke kontrollert.")
    else:
        rows.append((f"Saldo på konto {books.account} i regnskapet deres", books.theirs.minor, False))
        if books.not_posted:
            rows.append(("Laget, men ikke bokført ennå", books.not_posted, False))
        difference = books.theirs.minor - made.closing
        rows.append(("Differanse mellom regnskapet og hendelsene", difference, True))
        if difference and difference != -books.not_posted:
            notes.append("En differanse er en inngående balanse, en manuell føring eller en feil. Spør oss ved tvil.")
    height = 9 + _ROW * len(rows) + 5 * len(notes)
    sheet.box(LEFT - 3, sheet.y, WIDTH + 6, height, fill=sheet.palette.tint)
    y = sheet.y + 6
    sheet.text(LEFT, y, "Saldo mellom oss", _HEADING, colour=sheet.palette.accent)
    sheet.text(RIGHT, y, "kroner, til gode hos oss er positivt", SMALL, align="right", colour=sheet.palette.grey)
    for what, minor, is_sum in rows:
        y += _ROW
        style = BODY_BOLD if is_sum else BODY
        if is_sum:
            sheet.rule(y - 3.4, colour=sheet.palette.accent)
        sheet.text(LEFT, y, what, style)
        sheet.text(RIGHT, y, norwegian(Money(minor).amount), style, align="right")
    for note in notes:
        y += 5
        sheet.fitted(LEFT, y, note, SMALL, WIDTH, colour=sheet.palette.grey)
    sheet.y += height + 4


def _part(sheet: Sheet, made: Statement, section: Section, lines: Sequence[StatementLine]) -> None:
    columns = _COLUMNS.get(section, _EVENTS)
    sheet.keep(20)
    sheet.y += 7
    sheet.text(LEFT, sheet.y, section, _HEADING, colour=sheet.palette.accent)
    sheet.y += 2
    _titles(sheet, columns)
    if len(lines) > LONGEST:
        sheet.y += _ROW
        note = f"{len(lines)} linjer: hver av dem står i CSV-filen."
        sheet.text(LEFT, sheet.y, note, BODY, colour=sheet.palette.grey)
    else:
        for line in lines:
            _line(sheet, columns, line)
    sums = [(what, total, effect) for found, what, total, effect in made.sums if found is section]
    if len(sums) > 1 and len({total.currency for _, total, _ in sums}) == 1 and section is not Section.OTHER:
        total = sum((total.minor for _, total, _ in sums))
        sums.append(("", Money(total, sums[0][1].currency), sum(effect for *_, effect in sums)))
    sums = [one for one in sums if one[1].minor or one[2]]  # some events have no amount
    if section is not Section.DIRECT and sums:
        _sums(sheet, columns, sums)
    sheet.y += 2


def _titles(sheet: Sheet, columns: Sequence[_Column]) -> None:
    sheet.y += 4
    for column in columns:
        align = "right" if column.is_amount else "left"
        sheet.text(column.x, sheet.y, column.title, LABEL, align=align, colour=sheet.palette.grey)
    sheet.rule(sheet.y + 1.4)
    sheet.y += 1.6


def _line(sheet: Sheet, columns: Sequence[_Column], line: StatementLine) -> None:
    wrapped = [[] if column.is_amount else lettering.wrap(column.text(line), BODY, column.width) for column in columns]
    height = _ROW + SMALL_LEADING * (max(len(lines) for lines in wrapped) - 1 if any(wrapped) else 0)
    if height > sheet.room:
        sheet.new_page()
        _titles(sheet, columns)
    sheet.y += _ROW
    for column, texts in zip(columns, wrapped, strict=True):
        if column.is_amount:
            sheet.fitted(column.x, sheet.y, column.text(line), BODY, column.width, align="right")
        for number, text in enumerate(texts):
            sheet.text(column.x, sheet.y + number * SMALL_LEADING, text, BODY)
    sheet.y += height - _ROW


def _sums(sheet: Sheet, columns: Sequence[_Column], sums: Sequence[tuple[str, Money, int]]) -> None:
    amounts = [column for column in columns if column.is_amount]
    if _ROW * len(sums) + 2 > sheet.room:
        sheet.new_page()
    sheet.rule(sheet.y + 1.6)
    sheet.y += 1.2
    for what, total, effect in sums:
        sheet.y += _ROW
        sheet.text(LEFT, sheet.y, f"Sum {what[:1].lower()}{what[1:]}".strip(), BODY_BOLD)
        for column, shown in zip(amounts, (_money(total), norwegian(Money(effect).amount)), strict=False):
            sheet.text(column.x, sheet.y, shown, BODY_BOLD, align="right")
