"""The daily statement for a client: what was taken, delivered, paid, charged and paid out, and the balance it leaves.

Signs are the client's: what raises what the factor owes the client is positive. The balance is that of the clearing
account by the posting rules, so every line's effect on it is added up: opening + the day = closing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from worker.model.money import Money
from worker.model.settlement import EventKind
from worker.settlement.notices import direct_payment
from worker.settlement.rules import RULES, Role
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.statements import Day
from worker.support.clock import OSLO


class Section(StrEnum):
    """The statement's parts, in order, as they are headed."""

    TAKEN = "Mottatte fakturaer og kreditnotaer"
    DELIVERED = "Levert til debitor"
    PAYMENTS = "Innbetalinger"
    FEES = "Gebyrer"
    PAYOUTS = "Forskudd og utbetalinger"
    OTHER = "Andre hendelser"
    DIRECT = "Betalt direkte til dere"


_KINDS: dict[EventKind, tuple[Section, str]] = {
    EventKind.PAYMENT: (Section.PAYMENTS, "Innbetaling"),
    EventKind.INTEREST_PAID: (Section.PAYMENTS, "Renter innbetalt"),
    EventKind.ADMINISTRATIVE_FEE: (Section.FEES, "Administrativt gebyr"),
    EventKind.FINANCIAL_FEE: (Section.FEES, "Finansielt gebyr"),
    EventKind.ADVANCE: (Section.PAYOUTS, "Forskudd"),
    EventKind.PAYOUT: (Section.PAYOUTS, "Utbetaling"),
    EventKind.INTEREST_CHARGED: (Section.OTHER, "Renter fakturert"),
    EventKind.BALANCE_CHANGE: (Section.OTHER, "Endring i balanse"),
    EventKind.CREDIT_OFFSET: (Section.OTHER, "Motregnet kreditnota"),
    EventKind.WRITE_OFF: (Section.OTHER, "Avskrevet"),
    EventKind.RECOURSE: (Section.OTHER, "Tilbakeført"),
    EventKind.DISPUTE: (Section.OTHER, "Innsigelse"),
    EventKind.COMPLETED: (Section.OTHER, "Avsluttet"),
    EventKind.DUE_DATE_CHANGE: (Section.OTHER, "Ny forfallsdato"),
    EventKind.DIRECT_PAYMENT: (Section.DIRECT, "Betalt direkte"),
}


@dataclass(frozen=True, slots=True)
class StatementLine:
    """`effect`: on the balance, in øre of NOK. `when`: Norwegian date, and time of day where there is one. `amount`
    None: there is none, or the document it stands in has not been read."""

    section: Section
    what: str
    reference: str
    debtor: str
    when: str
    amount: Money | None
    effect: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class BookBalance:
    """The clearing account in the client's ERP. `theirs` None: it did not answer. `not_posted`: øre of vouchers that
    are made and not in it yet."""

    account: str
    theirs: Money | None
    not_posted: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """`opening` in øre of NOK. `books` None: return data is off. `made_at`: when the day's events were read."""

    client: str
    client_name: str
    factor_name: str
    factor_organisation_number: str
    day: date
    made_at: datetime
    lines: tuple[StatementLine, ...]
    opening: int
    books: BookBalance | None = None

    @property
    def sums(self) -> list[tuple[Section, str, Money, int]]:
        """(section, what, amount, effect) for each kind of line and currency, in the order of the lines: they foot."""
        found: dict[tuple[Section, str, str], tuple[int, int]] = {}
        for line in self.lines:
            if line.amount is None:  # what has no amount moves no balance
                continue
            key = (line.section, line.what, line.amount.currency)
            minor, effect = found.get(key, (0, 0))
            found[key] = (minor + line.amount.minor, effect + line.effect)
        return [(section, what, Money(minor, currency), effect)
                for (section, what, currency), (minor, effect) in found.items()]  # fmt: skip

    @property
    def movement(self) -> int:
        return sum(line.effect for line in self.lines)

    @property
    def closing(self) -> int:
        return self.opening + self.movement

    @property
    def is_provisional(self) -> bool:
        """Made before the day was over: what comes later is in the copy written at the next settlement."""
        return self.made_at.astimezone(OSLO).date() <= self.day


def effect_of(kind: EventKind, minor: int) -> int:
    """What an event of this amount does to the clearing account, by the posting rules."""
    rule = RULES.get(kind)
    pairs = rule.pairs if rule is not None else ()
    return minor * sum((debit is Role.CLEARING) - (credit is Role.CLEARING) for debit, credit in pairs)


def opening_of(before: Mapping[str, int]) -> int:
    """The balance by all events before the day, of their sums per kind."""
    return sum(effect_of(EventKind(kind), minor) for kind, minor in before.items())


def lines_of(day: Day, channels: Mapping[str, str], *, factor_account: str) -> tuple[StatementLine, ...]:
    """The day's lines. `channels`: their names in Norwegian. `factor_account`: where direct payments are to be paid."""
    lines = [_taken(row) for row in day.taken]
    lines += [
        StatementLine(Section.DELIVERED, "Levert", row.number, row.debtor_code, _time(at), _signed(row), 0,
                      channels.get(channel, channel))
        for row, channel, at in day.delivered
    ]  # fmt: skip
    lines += [_event(item, invoice) for item, invoice in day.items]
    lines += [_taken_back(item, invoice) for item, invoice in day.taken_back]
    lines += [_direct(item, invoice, factor_account) for item, invoice in day.direct]
    order = list(Section)
    return tuple(sorted(lines, key=lambda line: order.index(line.section)))


def _taken(row: InvoiceRow) -> StatementLine:
    what = "Kreditnota" if row.kind == "credit_note" else "Faktura"
    due = f"{row.due_date:%d.%m.%Y}" if row.due_date else ""
    unread = "" if row.total is not None else "Beløpet er ikke lest ennå"
    return StatementLine(Section.TAKEN, what, row.number, row.debtor_code, due, _signed(row), 0, unread)


def _signed(row: InvoiceRow) -> Money | None:
    return -row.total if row.total is not None and row.kind == "credit_note" else row.total


def _event(item: ItemRow, invoice: InvoiceRow | None) -> StatementLine:
    kind = EventKind(item.kind)
    section, what = _KINDS[kind]
    amount = item.amount
    effect = effect_of(kind, amount.minor) if amount is not None else 0
    # Where the event moves the balance, its amount has the balance's sign.
    shown = Money(effect, amount.currency) if effect and amount is not None else amount
    return StatementLine(section, what, invoice.number if invoice is not None else "",
                         invoice.debtor_code if invoice is not None else "", _day(item.event_date), shown, effect,
                         _own_text(item))  # fmt: skip


def _own_text(item: ItemRow) -> str:
    """The factor's own words of a feed event; a payer's may be anything, and notes on items are not for the client."""
    return str(item.facts.get("text") or "").strip()[:200] if "event_id" in item.facts else ""


def _taken_back(item: ItemRow, invoice: InvoiceRow | None) -> StatementLine:
    line = _event(item, invoice)
    amount = -line.amount if line.amount is not None else None
    return StatementLine(line.section, f"Korrigert: {line.what.lower()}", line.reference, line.debtor, line.when,
                         amount, -line.effect, "Bilaget er reversert")  # fmt: skip


def _direct(item: ItemRow, invoice: InvoiceRow | None, factor_account: str) -> StatementLine:
    told = direct_payment(item, factor_account=factor_account, invoice=invoice)
    code = invoice.debtor_code if invoice is not None else ""
    return StatementLine(Section.DIRECT, "Betalt direkte", told.invoice_number, code, _day(item.event_date),
                         told.amount, 0, told.line)  # fmt: skip


def _day(value: date) -> str:
    return f"{value:%d.%m.%Y}"


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(OSLO):%d.%m.%Y %H:%M}"
