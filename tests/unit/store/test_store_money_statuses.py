"""Statuses that money brings about: told after the first report in their own words, not undone by a late letter."""

from __future__ import annotations

from tests.unit.store.stocked import MINUTE, Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.store import postbacks, vouchers
from worker.store import tables as t


def test_a_status_waits_for_the_first_report_and_is_not_swallowed_by_it(stock: Stock) -> None:
    delivery = stock.sent()
    vouchers.add_status(stock.db, invoice_id=delivery.invoice_id, status="completed", text="Betalt.", now=stock.now)
    first = stock.postback()
    assert first.kind == "delivered" and stock.try_postback() is None
    stock.turn(MINUTE)
    stock.tell(first, "done", text="Sendt på e-post")
    status = stock.postback()
    assert (status.kind, status.status, status.text, status.delivery_id) == ("status", "completed", "Betalt.", None)
    stock.tell(status, "done", text="Betalt.")
    rows = stock.rows(t.postbacks, invoice_id=delivery.invoice_id)
    assert [(row["kind"], row["state"]) for row in rows] == [("delivered", "done"), ("status", "done")]
    assert stock.state(delivery.invoice_id) == "posted_back"


def test_a_letter_after_the_money_keeps_the_status_that_money_gave(stock: Stock) -> None:
    link = stock.sent()
    stock.tell(stock.postback(), "done", text="Lenke sendt")
    vouchers.add_status(stock.db, invoice_id=link.invoice_id, status="completed", text="Betalt.", now=stock.now)
    stock.tell(stock.postback(), "done", text="Betalt.")
    stock.turn(MINUTE)
    stock.next_channel(link, expire=True)
    stock.record(stock.claim(Channel.LETTER), DeliveryEvent.ACCEPTED)
    letter = stock.postback()
    assert letter.delivery_id is not None
    assert postbacks.status_before(stock.db, letter) == "completed"


def test_before_any_money_there_is_no_status_to_keep(stock: Stock) -> None:
    stock.sent()
    assert postbacks.status_before(stock.db, stock.postback()) is None
