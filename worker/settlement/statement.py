"""The daily statement for a client: what was taken, delivered, paid, charged and paid out, with sums that foot. CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from worker.model.money import Money, norwegian
from worker.model.settlement import EventKind
from worker.store.rows import InvoiceRow, ItemRow

_TEXT = {
    EventKind.PAYMENT: "Innbetaling",
    EventKind.ADMINISTRATIVE_FEE: "Administrativt gebyr",
    EventKind.FINANCIAL_FEE: "Finansielt gebyr",
    EventKind.INTEREST_CHARGED: "Renter fakturert",
    EventKind.INTEREST_PAID: "Renter innbetalt",
    EventKind.ADVANCE: "Forskudd",
    EventKind.PAYOUT: "Utbetaling",
    EventKind.BALANCE_CHANGE: "Endring i balanse",
    EventKind.CREDIT_OFFSET: "Motregnet kreditnota",
    EventKind.WRITE_OFF: "Avskrevet",
    EventKind.RECOURSE: "Tilbakeført",
    EventKind.DISPUTE: "Innsigelse",
    EventKind.COMPLETED: "Avsluttet",
    EventKind.DUE_DATE_CHANGE: "Ny forfallsdato",
    EventKind.DIRECT_PAYMENT: "Betalt direkte til klient",
}


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line; `amount` signed as the client sees it: what the client has coming is positive."""

    what: str
    reference: str
    amount: Money
    detail: str


@dataclass(frozen=True, slots=True)
class Statement:
    """`sums`: per kind of line, in the order they appear. They foot: the total of each is the sum of its lines."""

    client: str
    day: date
    lines: tuple[StatementLine, ...]

    @property
    def sums(self) -> list[tuple[str, Money]]:
        found: dict[tuple[str, str], Money] = {}
        for line in self.lines:
            key = (line.what, line.amount.currency)
            found[key] = found.get(key, Money(0, line.amount.currency)) + line.amount
        return [(what, total) for (what, _), total in found.items()]


# What lessens what the client has coming from the factor.
_LESSENS = frozenset(
    {
        EventKind.ADMINISTRATIVE_FEE,
        EventKind.FINANCIAL_FEE,
        EventKind.ADVANCE,
        EventKind.PAYOUT,
        EventKind.RECOURSE,
        EventKind.WRITE_OFF,
    }
)


def statement(
    client: str,
    day: date,
    *,
    taken: Sequence[InvoiceRow],
    delivered: Sequence[tuple[InvoiceRow, str]],
    items: Sequence[tuple[ItemRow, InvoiceRow | None]],
) -> Statement:
    """The lines of one day: invoices taken, deliveries with how, and the day's settlement events."""
    lines: list[StatementLine] = []
    for row in taken:
        credit = row.kind == "credit_note"
        total = row.total or Money(0)
        due = row.due_date.isoformat() if row.due_date else ""
        what = "Kreditnota mottatt" if credit else "Faktura mottatt"
        lines.append(StatementLine(what, row.number, -total if credit else total, due))
    lines += [StatementLine("Levert", row.number, row.total or Money(0), how) for row, how in delivered]
    for item, invoice in items:
        kind = EventKind(item.kind)
        amount = item.amount or Money(0)
        lines.append(
            StatementLine(
                _TEXT[kind],
                invoice.number if invoice is not None else "",
                -amount if kind in _LESSENS else amount,
                item.note,
            )
        )
    return Statement(client, day, tuple(lines))


def as_csv(made: Statement) -> bytes:
    """Semicolons and decimal commas, UTF-8 with byte order mark: what a Norwegian spreadsheet opens as it is."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow(["Dato", "Hva", "Referanse", "Beløp", "Valuta", "Merknad"])
    for line in made.lines:
        writer.writerow([made.day.isoformat(), line.what, line.reference, _amount(line.amount), line.amount.currency,
                         line.detail])  # fmt: skip
    for what, total in made.sums:
        writer.writerow([made.day.isoformat(), f"Sum {what}", "", _amount(total), total.currency, ""])
    return "\ufeff".encode() + out.getvalue().encode()


def _amount(money: Money) -> str:
    return norwegian(money.amount).replace("\u00a0", "")
