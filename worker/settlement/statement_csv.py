"""The statement for a Norwegian spreadsheet: semicolons, decimal commas, UTF-8 with byte order mark."""

from __future__ import annotations

import csv
import io

from worker.model.money import Money, norwegian
from worker.settlement.statement import Statement

_HEAD = ["Dato", "Hva", "Referanse", "Beløp", "Valuta", "Virkning på saldo", "Kundenr.", "Når", "Del", "Merknad"]


def as_csv(made: Statement) -> bytes:
    """One row a line, then a sum for each kind of line, then the balance."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    day = made.day.isoformat()

    def row(what: str, amount: Money | None, effect: int | None = None, **more: str) -> None:
        cells = [more.get(key, "") for key in ("debtor", "when", "section", "detail")]
        shown = "" if effect is None else _amount(Money(effect))
        told = ("", "") if amount is None else (_amount(amount), amount.currency)
        writer.writerow([day, _safe(what), _safe(more.get("reference", "")), *told, shown, *map(_safe, cells)])

    writer.writerow(_HEAD)
    for line in made.lines:
        row(line.what, line.amount, line.effect, reference=line.reference, debtor=line.debtor, when=line.when,
            section=line.section, detail=line.detail)  # fmt: skip
    for section, what, total, effect in made.sums:
        row(f"Sum {what}", total, effect, section=section)
    row("Inngående saldo", Money(made.opening))
    row("Endring", Money(made.movement))
    row("Utgående saldo", Money(made.closing))
    if made.books is not None and made.books.theirs is not None:
        account = f"konto {made.books.account}"
        row("Saldo i regnskapet", made.books.theirs, detail=account)
        row("Ikke bokført ennå", Money(made.books.not_posted))
        row("Differanse", made.books.theirs + Money(-made.closing), detail=account)
    return "\ufeff".encode() + out.getvalue().encode(errors="replace")


def _amount(money: Money) -> str:
    return norwegian(money.amount).replace("\u00a0", "")


def _safe(text: str) -> str:
    """A spreadsheet takes what begins with these for a formula; others' texts stand in these cells."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
