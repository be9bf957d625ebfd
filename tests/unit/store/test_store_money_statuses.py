"""Statuses that money brings about: told after the first report in their own words, not undone by a late letter."""

from __future__ import annotations

from tests.unit.store.stocked import MINUTE, Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.store import postbacks, vouchers
from worker.store import tables as t


def owe(stock: Stock, invoice_id: int) -> None:
    """The ERP is to be told that the invoice is paid."""
    with stock.db.begin() as tx:
        vouchers.add_statuses(tx, [(invoice_id, "completed", "Betalt.")], now=stock.now)


def test_a_status_waits_for_the_first_report_and_is_not_swallowed_by_it(stock: Stock) -> None:
    delivery = stock.sent()
    owe(stock, delivery.invoice_id)
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
    owe(stock, link.invoice_id)
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


def test_a_status_from_before_the_delivery_is_kept_and_told_after_the_first_report(stock: Stock) -> None:
    delivery = stock.sending()
    owe(stock, delivery.invoice_id)
    assert stock.try_postback() is None, "the ERP does not know the invoice as delivered yet"
    stock.record(delivery, DeliveryEvent.ACCEPTED)
    first = stock.postback()
    assert (first.kind, first.delivery_id) == ("delivered", delivery.id)
    assert stock.try_postback() is None
    stock.tell(first, "done", text="Sendt")
    assert stock.state(delivery.invoice_id) == "posted_back"
    status = stock.postback()
    assert (status.status, status.text) == ("completed", "Betalt.")
    stock.tell(status, "done", text="Betalt.")
    assert stock.try_postback() is None
