"""CSV for a Norwegian spreadsheet: semicolons, decimal commas, UTF-8 with byte order mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from worker.model.money import Money, norwegian


def as_csv(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The rows under their headings. No cell can be taken for a formula, whoever wrote it."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return "\ufeff".encode() + out.getvalue().encode(errors="replace")


def amount_cell(money: Money) -> str:
    """`12500,00`: without blanks, so that it is read as a number."""
    return norwegian(money.amount).replace("\u00a0", "")


def _safe(text: str) -> str:
    """A spreadsheet takes what begins with these for a formula; a negative amount is left alone."""
    bare = text.replace(",", "").removeprefix("-")
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) and not bare.isdecimal() else text
