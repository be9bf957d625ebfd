"""`retry`: from every parked reason back to work, and only where a person has said what must be known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.store.stocked import MINUTE, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.store import deliveries, holding, invoices, successors
from worker.store import tables as t
from worker.store.database import Database
from worker.store.retrying import CannotRetry, retry

V, R = DeliveryEvent, ParkedReason


def again(stock: Stock, invoice_id: int, *, arrived: bool | None = None) -> JourneyState:
    number = len(stock.deliveries(invoice_id)) + 1
    key = f"{stock.client}-{invoice_id}-{number}"
    return retry(stock.db, invoice_id, arrived=arrived, new_key=key, now=stock.now)


def parked_on_the_way(stock: Stock, reason: ParkedReason, claimed: Any, event: DeliveryEvent | None) -> None:
    stock.record(claimed, event, park=(reason, "why"), due_at=stock.now)


@pytest.mark.parametrize("reason", [reason for reason in ParkedReason if reason is not ParkedReason.HELD])
@pytest.mark.parametrize("stood", ["fetched", "registered"])
def test_before_any_delivery_every_reason_leads_back_to_where_it_stood(
    stock: Stock, reason: ParkedReason, stood: str
) -> None:
    invoice_id = stock.fetched() if stood == "fetched" else stock.registered()
    invoices.park(stock.db, invoice_id, reason, "why", now=stock.now)
    assert again(stock, invoice_id) == stood
    row = stock.invoice(invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == (stood, None, None)
    assert stock.rows(t.events, invoice_id=invoice_id)[-1]["detail"] == f"retry: {reason}"
    assert stock.deliveries(invoice_id) == []


def test_what_is_not_parked_is_not_retried(stock: Stock) -> None:
    delivered = stock.sent().invoice_id
    withdrawn = stock.registered()
    invoices.park(stock.db, withdrawn, R.OTHER_PAYEE, "x", now=stock.now)
    invoices.move(stock.db, withdrawn, JourneyEvent.WITHDRAWN, now=stock.now)
    before = stock.seen()
    with pytest.raises(CannotRetry, match="delivered, not parked"):
        again(stock, delivered)
    with pytest.raises(CannotRetry, match="withdrawn, not parked"):
        again(stock, withdrawn)
    with pytest.raises(LookupError):
        again(stock, 2**40)
    assert stock.seen() == before


@pytest.mark.parametrize("channel", [Channel.EMAIL_LINK, Channel.LETTER])
def test_an_unknown_outcome_needs_a_persons_word(stock: Stock, channel: Channel) -> None:
    claimed = stock.sending(channel)
    parked_on_the_way(stock, R.SENT_UNKNOWN, claimed, V.UNKNOWN)
    before = stock.seen()
    with pytest.raises(CannotRetry, match="--arrived or --never-arrived"):
        again(stock, claimed.invoice_id)
    assert stock.seen() == before


def test_it_arrived(stock: Stock) -> None:
    claimed = stock.sending()
    parked_on_the_way(stock, R.SENT_UNKNOWN, claimed, V.UNKNOWN)
    stock.turn(MINUTE)
    assert again(stock, claimed.invoice_id, arrived=True) == "delivered"
    row = stock.delivery(claimed)
    assert (row.state, row.handed_over_at) == ("handed_over", stock.now)
    assert stock.postback().delivery_id == row.id
    assert stock.try_claim() is None


def test_it_never_arrived(stock: Stock) -> None:
    claimed = stock.sending()
    parked_on_the_way(stock, R.SENT_UNKNOWN, claimed, V.UNKNOWN)
    assert again(stock, claimed.invoice_id, arrived=False) == "delivering"
    resent = stock.claim()
    assert (resent.id, resent.key, resent.fence) == (claimed.id, claimed.key, claimed.fence + 1)
    assert stock.try_postback() is None


@pytest.mark.parametrize("arrived", [True, False])
def test_a_word_about_arrival_only_where_the_outcome_is_unknown(stock: Stock, *, arrived: bool) -> None:
    claimed = stock.sending()
    parked_on_the_way(stock, R.ATTEMPTS_EXHAUSTED, claimed, V.TRY_LATER)
    with pytest.raises(CannotRetry, match="outcome is unknown"):
        again(stock, claimed.invoice_id, arrived=arrived)
    unrouted = stock.registered()
    invoices.park(stock.db, unrouted, R.REACH_UNKNOWN, "x", now=stock.now)
    with pytest.raises(CannotRetry, match="outcome is unknown"):
        again(stock, unrouted, arrived=arrived)


def test_settled_meanwhile_needs_no_word(stock: Stock) -> None:
    """The reason says unknown, but the delivery has come back on its own: `retry` must not be a dead end."""
    claimed = stock.sending()
    stock.record(claimed, V.REFUSED)
    invoices.park(stock.db, claimed.invoice_id, R.SENT_UNKNOWN, "x", now=stock.now)
    assert again(stock, claimed.invoice_id) == "delivering"


@pytest.mark.parametrize("reason", [R.ATTEMPTS_EXHAUSTED, R.DOCUMENT_LOST, R.UNEXPECTED])
def test_a_delivery_that_waits_is_tried_afresh(stock: Stock, reason: ParkedReason) -> None:
    claimed = stock.sending(Channel.LETTER)
    parked_on_the_way(stock, reason, claimed, V.TRY_LATER)
    stock.turn(100 * MINUTE)
    assert again(stock, claimed.invoice_id) == "delivering"
    resent = stock.claim()
    assert (resent.id, resent.attempts, resent.created_at) == (claimed.id, 1, stock.now)  # patience starts anew
    assert len(stock.rows(t.attempts, subject="delivery", subject_id=claimed.id)) == 1  # what was, stays written


def test_an_unknown_one_whose_counterparty_was_silent_is_asked_about_again(stock: Stock) -> None:
    claimed = stock.sending(Channel.LETTER)
    stock.record(claimed, V.UNKNOWN)
    asking = stock.try_ask()
    assert asking is not None
    parked_on_the_way(stock, R.ATTEMPTS_EXHAUSTED, asking, None)
    stock.turn(MINUTE)
    assert again(stock, claimed.invoice_id) == "delivering"
    assert stock.try_claim() is None  # asked, never sent blindly
    once_more = stock.try_ask()
    assert once_more is not None and once_more.id == claimed.id


def test_no_channel_left_gets_another_try_on_the_last_one(stock: Stock) -> None:
    refused = stock.sent(V.REFUSED, Channel.LETTER)
    invoices.park(stock.db, refused.invoice_id, R.NO_CHANNEL_LEFT, "refused", now=stock.now)
    assert again(stock, refused.invoice_id) == "delivering"
    first, second = stock.deliveries(refused.invoice_id)
    assert (first.state, second.state, second.number, second.channel) == ("refused", "ready", 2, "letter")
    assert (second.address, second.key != first.key) == (first.address, True)
    assert "another try after: 250 OK" in second.reason
    assert stock.claim().id == second.id
    assert successors.refused_without_successor(stock.db, client=stock.client) == []


def test_no_other_letter_to_a_debtor_who_has_opened_the_link_meanwhile(stock: Stock) -> None:
    link = stock.told()
    stock.next_channel(link, expire=True)
    stock.record(stock.claim(), V.REFUSED, park=(R.NO_CHANNEL_LEFT, "refused"))
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, link.id, now=stock.now)
    assert again(stock, link.invoice_id) == "posted_back"
    assert [(row.channel, row.state) for row in stock.deliveries(link.invoice_id)] == [
        ("email_link", "opened"), ("letter", "refused"),
    ]  # fmt: skip


def test_a_refused_delivery_parked_for_something_else_is_left_to_the_fallback(stock: Stock) -> None:
    refused = stock.sent(V.REFUSED)
    invoices.park(stock.db, refused.invoice_id, R.UNEXPECTED, "x", now=stock.now)
    assert again(stock, refused.invoice_id) == "delivering"
    assert len(stock.deliveries(refused.invoice_id)) == 1
    [(found, _)] = successors.refused_without_successor(stock.db, client=stock.client)
    assert found.id == refused.id


def test_a_refused_report_is_told_again(stock: Stock) -> None:
    delivery = stock.sent()
    owed = stock.postback()
    stock.tell(owed, "refused", text="Sendt", park="Fakturaen er låst")
    stock.turn(MINUTE)
    assert again(stock, delivery.invoice_id) == "delivered"
    once_more = stock.postback()
    assert (once_more.id, once_more.state, once_more.text) == (owed.id, "sending", "Sendt")
    stock.tell(once_more, "done")
    assert stock.state(delivery.invoice_id) == "posted_back"


def test_a_delivery_in_the_air_is_left_to_its_worker(stock: Stock) -> None:
    claimed = stock.sending()
    invoices.park(stock.db, claimed.invoice_id, R.UNEXPECTED, "x", now=stock.now)
    assert again(stock, claimed.invoice_id) == "delivering"
    assert stock.delivery(claimed) == claimed
    stock.record(claimed, V.ACCEPTED)
    assert stock.state(claimed.invoice_id) == "delivered"


def test_what_arrived_while_parked_is_told(stock: Stock) -> None:
    claimed = stock.sending()
    invoices.park(stock.db, claimed.invoice_id, R.UNEXPECTED, "x", now=stock.now)
    stock.record(claimed, V.ACCEPTED)
    assert stock.state(claimed.invoice_id) == "parked"
    assert again(stock, claimed.invoice_id) == "delivered"
    assert stock.postback().delivery_id == claimed.id


def test_two_people_at_once_one_is_heard(stock: Stock, other_db: Database) -> None:
    for _ in range(8):
        claimed = stock.sending()
        parked_on_the_way(stock, R.SENT_UNKNOWN, claimed, V.UNKNOWN)

        def say(db: Database, wanted: int, *, arrived: bool) -> bool:
            try:
                retry(db, wanted, arrived=arrived, new_key="unused", now=stock.now)
            except CannotRetry:
                return False
            return True

        got = at_once(
            lambda i=claimed.invoice_id: say(stock.db, i, arrived=True),
            lambda i=claimed.invoice_id: say(other_db, i, arrived=False),
        )
        assert sorted(got) == [False, True]
        assert stock.delivery(claimed).state == ("handed_over" if got[0] else "ready")


def test_what_a_person_holds_is_not_let_go_by_retry(stock: Stock) -> None:
    invoice_id = stock.registered()
    holding.hold(stock.db, invoice_id, note="strid om kravet", by="Åse", now=stock.now)
    with pytest.raises(CannotRetry, match="release"):
        again(stock, invoice_id)
    assert holding.release(stock.db, invoice_id, note="avklart", by="Åse", now=stock.now) == "registered"
