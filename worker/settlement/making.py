"""From matched events to vouchers: lines that sum to zero by construction, one reference an event or a day."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from worker.model.money import Money
from worker.model.settlement import EventKind
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.settlement.rules import RULES, Role, Rule
from worker.store.rows import InvoiceRow, ItemRow

SOURCE = "FACTORING"


@dataclass(frozen=True, slots=True)
class BookingPlan:
    """One client's choices. `by_day`: all events of a settlement file, a date and a journal in one voucher."""

    accounts: Mapping[Role, VoucherAccount]
    prefix: str
    by_day: bool


@dataclass(frozen=True, slots=True)
class Booking:
    """An event to be booked, with the invoice it is about."""

    item: ItemRow
    invoice: InvoiceRow | None


def make(bookings: Sequence[Booking], plan: BookingPlan) -> list[tuple[Voucher, list[int]]]:
    """The vouchers, each with the items it books. Events of zero make no lines and must be left out by the caller.

    A reference is made from what the events are, so the same events give the same voucher, whenever it is made.
    """
    made: list[tuple[Voucher, list[int]]] = []
    ordered = sorted(bookings, key=lambda b: (_rule(b).kind, b.item.event_date, b.item.file_id, b.item.id))
    # By file: after a backup was put back, what was taken on two days comes at once and must make the same vouchers.
    for (kind, day, _), group in groupby(
        ordered, key=lambda b: (_rule(b).kind, b.item.event_date, b.item.file_id if plan.by_day else b.item.id)
    ):
        events = list(group)
        reference = _reference(plan.prefix, [event.item for event in events])
        lines: list[VoucherLine] = []
        for event in events:
            lines += _lines(event, plan, reference, first=len(lines) + 1)
        voucher = Voucher(
            kind=VoucherKind(kind),
            date=day,
            description=_text(events[0]) if len(events) == 1 else f"Factoring {day:%d.%m.%Y}: {len(events)} hendelser",
            reference=reference,
            saft_source=SOURCE,
            saft_batch=reference[:35],
            lines=tuple(lines),
        )
        made.append((voucher, [event.item.id for event in events]))
    return made


def _rule(booking: Booking) -> Rule:
    return RULES[EventKind(booking.item.kind)]


def _text(booking: Booking) -> str:
    number = booking.invoice.number if booking.invoice is not None else ""
    text = _rule(booking).text.format(number=number)
    own = str(booking.item.facts.get("text") or "").strip()
    # A bank payment's own text is the payer's and may be anything; a feed event's is the factor's.
    return f"{text}: {own}"[:200] if own and "event_id" in booking.item.facts else text


def _lines(booking: Booking, plan: BookingPlan, reference: str, *, first: int) -> list[VoucherLine]:
    amount = booking.item.amount
    if amount is None:
        raise ValueError(f"a {booking.item.kind} without an amount cannot be booked")
    sides = [side for debit, credit in _rule(booking).pairs for side in ((debit, amount), (credit, -amount))]
    return [
        _line(role, signed, booking, plan, f"{reference}-{first + place}"[:50])
        for place, (role, signed) in enumerate(sides)
    ]


def _line(role: Role, amount: Money, booking: Booking, plan: BookingPlan, reference: str) -> VoucherLine:
    text, invoice = _text(booking), booking.invoice
    if role is not Role.DEBTOR:
        return VoucherLine(account=plan.accounts[role], amount=amount, description=text, reference=reference)
    if invoice is None:
        raise ValueError(f"a {booking.item.kind} without an invoice has no debtor")
    return VoucherLine(
        account=VoucherAccount(AccountKind.CUSTOMER, invoice.debtor_code),
        amount=amount,
        description=text,
        reference=reference,
        invoice_number=invoice.number,
        kid=invoice.kid or "",
    )


def _reference(prefix: str, items: Sequence[ItemRow]) -> str:
    """Not made from row numbers: a database restored from backup must not give an old reference a new meaning."""
    digest = hashlib.sha256("\n".join(item.source_key for item in items).encode()).hexdigest()
    return f"{prefix}-{items[0].event_date:%Y%m%d}-{digest[:20]}"


def on_open_date(day: date, description: str, lock_date: date | None, first_open: date) -> tuple[date, str]:
    """Posting date and text: the voucher's own, or the first open day, said in the text, when its day is locked."""
    if lock_date is None or day > lock_date:
        return day, description
    return first_open, f"{description} (gjelder {day:%d.%m.%Y}, perioden er låst)"
