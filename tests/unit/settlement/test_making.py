"""Whatever happens, vouchers sum to zero and the clearing account moves by what the events say."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from worker.model.settlement import EventKind
from worker.model.voucher import AccountKind, VoucherAccount
from worker.settlement.making import Booking, BookingPlan, make
from worker.settlement.rules import RULES, Role, roles_needed
from worker.store.rows import InvoiceRow, ItemRow

NOW = datetime(2026, 11, 25, 14, 30, tzinfo=UTC)
ACCOUNTS = {
    role: VoucherAccount(AccountKind.GENERAL, str(1000 + place)) for place, role in enumerate(sorted(roles_needed()))
}
# What an event does to what the factor owes the client, told apart from the rules: the factor's own list.
EFFECT = {
    EventKind.PAYMENT: 1,
    EventKind.ADMINISTRATIVE_FEE: -1,
    EventKind.FINANCIAL_FEE: -1,
    EventKind.ADVANCE: -1,
    EventKind.PAYOUT: -1,
    EventKind.BALANCE_CHANGE: 1,
    EventKind.INTEREST_PAID: 1,
    EventKind.WRITE_OFF: 0,
    EventKind.RECOURSE: 1,
}


def invoice(number: int) -> InvoiceRow:
    row: dict[str, Any] = dict.fromkeys(InvoiceRow.__dataclass_fields__)
    row |= {"id": number, "number": str(5000 + number), "debtor_code": str(10000 + number % 3)}
    row |= {"kid": "", "client": "nordlys", "kind": "invoice", "currency": "NOK"}
    return InvoiceRow(**row)


def item(place: int, kind: EventKind, minor: int, day: int) -> ItemRow:
    return ItemRow(
        id=place, file_id=1, source_key=f"feed:{place}", position="", part_of=None, kind=kind, client="nordlys",
        invoice_id=None, event_date=date(2026, 11, 1) + timedelta(days=day), amount_minor=minor, currency="NOK",
        facts={}, state="matched", reason=None, note="", decided_at=NOW, created_at=NOW,
    )  # fmt: skip


EVENTS = st.lists(
    st.tuples(st.sampled_from(sorted(RULES)), st.integers(-(10**9), 10**9).filter(bool), st.integers(0, 3)), max_size=25
)


@given(EVENTS, st.booleans())
def test_vouchers_sum_to_zero_and_clearing_moves_by_the_events(
    events: list[tuple[EventKind, int, int]], by_day: bool
) -> None:
    bookings = [Booking(item(place, *event), invoice(place)) for place, event in enumerate(events)]
    made = make(bookings, BookingPlan(ACCOUNTS, "FACT", by_day))
    assert Counter(one for _, ids in made for one in ids) == Counter(range(len(events))), "each event once"
    assert all(sum(line.amount.minor for line in voucher.lines) == 0 for voucher, _ in made)
    assert len({voucher.reference for voucher, _ in made}) == len(made)
    moved = sum(
        line.amount.minor for voucher, _ in made for line in voucher.lines if line.account == ACCOUNTS[Role.CLEARING]
    )
    assert moved == sum(EFFECT[kind] * minor for kind, minor, _ in events)
    again = make(list(reversed(bookings)), BookingPlan(ACCOUNTS, "FACT", by_day))
    assert {voucher.reference: voucher for voucher, _ in again} == {voucher.reference: voucher for voucher, _ in made}


def test_every_rule_has_its_effect_stated() -> None:
    assert set(EFFECT) == set(RULES)
