"""Every way a delivery can fail to be enough, and what follows: design §6 as a table, over both databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from tests.unit.store.stocked import Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState
from worker.model.parked import ParkedReason
from worker.routing import RoutingRules, run_fallback
from worker.store import invoices, links, postbacks
from worker.store.deliveries import mark_opened
from worker.store.rows import DeliveryRow
from worker.store.tables import decisions
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio

PRINT_ONLY = "printonly@factoringfinans.no"
EMAIL, LETTER = "kari@debtor.example", "Kari Østby\nStorgata 1\n0155 OSLO"
LINK_RULES = RoutingRules(Channel.EMAIL_LINK, PRINT_ONLY, 4)
PDF_RULES = RoutingRules(Channel.EMAIL_PDF, PRINT_ONLY, 4)
C, E = Channel, DeliveryEvent
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Case:
    """`happens` to the first delivery, on `first`, days apart from the fallback by `days`; then `then` is next."""

    name: str
    first: Channel
    happens: tuple[DeliveryEvent, ...]
    then: Channel | None
    ended: DeliveryState
    why: str = ""
    email: str = EMAIL
    rules: RoutingRules = LINK_RULES
    days: int = 0


CASES = [
    Case("EHF refused", C.EHF, (E.REFUSED,), C.EMAIL_LINK, DeliveryState.REFUSED, "EHF ended: no such"),
    Case("EHF refused later", C.EHF, (E.ACCEPTED, E.REFUSED), C.EMAIL_LINK, DeliveryState.REFUSED, "EHF ended"),
    Case("EHF refused, PDF chosen", C.EHF, (E.REFUSED,), C.EMAIL_PDF, DeliveryState.REFUSED, rules=PDF_RULES),
    Case("EHF refused, no e-mail", C.EHF, (E.REFUSED,), C.LETTER, DeliveryState.REFUSED, email=""),
    Case("EHF refused, print-only", C.EHF, (E.REFUSED,), C.LETTER, DeliveryState.REFUSED, email=PRINT_ONLY),
    Case("EHF without receipt", C.EHF, (E.ACCEPTED,), None, DeliveryState.HANDED_OVER, days=9),
    Case("eFaktura refused", C.EFAKTURA, (E.REFUSED,), C.EMAIL_LINK, DeliveryState.REFUSED, "eFaktura ended: no such"),
    Case("eFaktura turned down by bank or person", C.EFAKTURA, (E.ACCEPTED, E.REFUSED), C.EMAIL_LINK,
         DeliveryState.REFUSED, "eFaktura ended: no such"),
    Case("eFaktura turned down after not knowing", C.EFAKTURA, (E.UNKNOWN, E.REFUSED), C.EMAIL_LINK,
         DeliveryState.REFUSED),
    Case("eFaktura refused, no e-mail", C.EFAKTURA, (E.REFUSED,), C.LETTER, DeliveryState.REFUSED, email=""),
    Case("eFaktura unknown", C.EFAKTURA, (E.UNKNOWN,), None, DeliveryState.UNKNOWN, days=9),
    Case("eFaktura shown", C.EFAKTURA, (E.CONFIRMED,), None, DeliveryState.CONFIRMED, days=9),
    Case("link refused", C.EMAIL_LINK, (E.REFUSED,), C.LETTER, DeliveryState.REFUSED, "e-mail with link ended"),
    Case("link bounced", C.EMAIL_LINK, (E.ACCEPTED, E.REFUSED), C.LETTER, DeliveryState.REFUSED),
    Case("link unopened, third day", C.EMAIL_LINK, (E.ACCEPTED,), None, DeliveryState.HANDED_OVER, days=3),
    Case("link unopened, fourth day", C.EMAIL_LINK, (E.ACCEPTED,), C.LETTER, DeliveryState.EXPIRED,
         "e-mail with link ended: not opened within 4 days", days=4),
    Case("link opened", C.EMAIL_LINK, (E.ACCEPTED, E.OPENED), None, DeliveryState.OPENED, days=9),
    Case("PDF bounced", C.EMAIL_PDF, (E.ACCEPTED, E.REFUSED), C.LETTER, DeliveryState.REFUSED, rules=PDF_RULES),
    Case("PDF has no opening", C.EMAIL_PDF, (E.ACCEPTED,), None, DeliveryState.HANDED_OVER, rules=PDF_RULES, days=30),
    Case("letter handed over", C.LETTER, (E.ACCEPTED,), None, DeliveryState.HANDED_OVER, days=30),
]  # fmt: skip


def routed(stock: Stock, channel: Channel, email: str = EMAIL) -> int:
    new_id = stock.routed(channel)
    debtor: dict[str, Any] = {
        "is_person": True,
        "recipient_lines": LETTER.split("\n"),
        "email_to_use": email,
        "address": {"line1": "Storgata 1", "postal_code": "0155", "city": "OSLO"},
    }
    invoices.keep(stock.db, new_id, now=stock.now, debtor=debtor)
    return new_id


def happen(stock: Stock, invoice_id: int, *events: DeliveryEvent) -> DeliveryRow:
    """What comes of the invoice's newest delivery."""
    row = stock.claim()
    assert row.invoice_id == invoice_id
    for event in events:
        if event is E.OPENED:
            link = stock.link(row.id)
            book = links.StoreLinkBook(stock.db)
            assert book.try_code(link_id=link, code_mac="mac-right", caller="c", now=stock.now).first_opening
        else:
            stock.record(stock.delivery(row), event, answer="no such receiver" if event is E.REFUSED else "250 OK")
    return stock.delivery(row)


async def fallback(stock: Stock, rules: RoutingRules = LINK_RULES) -> Summary:
    return await run_fallback(now=stock.now, client=stock.client, rules=rules, db=stock.db)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_follows(stock: Stock, case: Case) -> None:
    invoice_id = routed(stock, case.first, case.email)
    first = happen(stock, invoice_id, *case.happens)
    stock.turn(case.days * DAY)
    for _ in range(2):  # the second time finds nothing to do
        await fallback(stock, case.rules)
    rows = stock.deliveries(invoice_id)
    assert rows[0].state == case.ended
    assert [Channel(row.channel) for row in rows[1:]] == ([case.then] if case.then else [])
    assert stock.invoice(invoice_id).parked_reason is None
    if case.then is None:
        return
    new = rows[1]
    assert (new.state, new.number, new.key) == (DeliveryState.READY, 2, stock.key(invoice_id, 2))
    assert new.key != first.key
    assert new.address == (LETTER if case.then is C.LETTER else EMAIL)
    assert case.why in new.reason and " ended: " in new.reason
    assert stock.rows(decisions, invoice_id=invoice_id)[-1]["reason"] == new.reason


@pytest.mark.parametrize(
    "way",
    [
        (C.EHF, C.EMAIL_LINK, C.LETTER),
        (C.EFAKTURA, C.EMAIL_LINK, C.LETTER),
        (C.EMAIL_LINK, C.LETTER),
        (C.LETTER,),
    ],
    ids=lambda way: way[0],
)
async def test_refusal_after_refusal_ends_with_a_person_and_no_channel_twice(
    stock: Stock, way: tuple[Channel, ...]
) -> None:
    invoice_id = routed(stock, way[0])
    while stock.invoice(invoice_id).parked_reason is None:
        happen(stock, invoice_id, E.REFUSED)
        await fallback(stock)
    assert tuple(row.channel for row in stock.deliveries(invoice_id)) == way
    assert stock.invoice(invoice_id).parked_reason == ParkedReason.NO_CHANNEL_LEFT


@pytest.mark.parametrize("gone", [False, True])
async def test_opened_late_stops_a_letter_that_has_not_gone(stock: Stock, *, gone: bool) -> None:
    invoice_id = routed(stock, C.EMAIL_LINK)
    first = happen(stock, invoice_id, E.ACCEPTED)
    stock.turn(4 * DAY)
    await fallback(stock)
    if gone:
        happen(stock, invoice_id, E.ACCEPTED)
    with stock.db.begin() as tx:
        assert mark_opened(tx, first.id, now=stock.now)
    states = [row.state for row in stock.deliveries(invoice_id)]
    assert states == [DeliveryState.OPENED, DeliveryState.HANDED_OVER if gone else DeliveryState.STOPPED]
    assert stock.try_claim() is None


async def test_the_erp_is_owed_a_word_about_each_that_arrived(stock: Stock) -> None:
    invoice_id = routed(stock, C.EFAKTURA)
    happen(stock, invoice_id, E.ACCEPTED)
    stock.tell(stock.postback(), "done")
    stock.record(stock.deliveries(invoice_id)[0], E.REFUSED, answer="no such receiver")
    await fallback(stock)
    happen(stock, invoice_id, E.ACCEPTED)
    owed = stock.postback()
    assert (owed.kind, owed.delivery_id) == ("status", stock.deliveries(invoice_id)[1].id)
    assert [row.state for row in postbacks.reached_deliveries(stock.db, invoice_id)] == ["refused", "handed_over"]
