"""A report, whatever it is drawn as: a heading, sections of tables and lines, and rows for a spreadsheet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """`table`: rows of cells under `head`, the first cell a label; the rows in `sums` are sums. `lines`: one each.
    `words` stand above both. `urgent`: the reader has to do something."""

    title: str
    words: str = ""
    head: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    sums: frozenset[int] = frozenset()
    lines: tuple[str, ...] = ()
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`client`: the name of its env file; empty for the factor's own. `period`: what it tells of, in words. `closing`:
    the last lines. `rows`: of the CSV, under ROW_HEAD."""

    client: str
    day: date
    subject: str
    heading: str
    period: str
    sections: tuple[Section, ...]
    closing: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def csv_name(self) -> str:
        return "-".join(("dagsrapport", self.client or "alle-klienter", self.day.isoformat())) + ".csv"


ROW_HEAD = (
    "Dato",
    "Klient",
    "Del",
    "Faktura",
    "Type",
    "Kundenr.",
    "Hva",
    "Antall",
    "Beløp",
    "Valuta",
    "Når",
    "Merknad",
)
