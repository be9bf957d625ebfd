"""What the ERP is owed: in order, each once, nothing told that was not, nothing untold that should be."""

from __future__ import annotations

import pytest

from tests.unit.store.stocked import LEASE_OVER, MINUTE, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, IllegalTransition, JourneyEvent
from worker.model.parked import ParkedReason
from worker.store import invoices, postbacks
from worker.store import tables as t
from worker.store.database import Database
from worker.store.rows import DeliveryRow


def with_letter(stock: Stock, first: DeliveryRow) -> DeliveryRow:
    """A letter after the unopened link, handed over now."""
    stock.next_channel(first, expire=True)
    letter = stock.claim(Channel.LETTER)
    stock.record(letter, DeliveryEvent.ACCEPTED)
    return letter


def states(stock: Stock, invoice_id: int) -> list[tuple[str, str]]:
    return [(row["kind"], row["state"]) for row in stock.rows(t.postbacks, invoice_id=invoice_id)]


def test_told_once_and_the_invoice_is_posted_back(stock: Stock) -> None:
    delivery = stock.sent()
    owed = stock.postback()
    assert (owed.delivery_id, owed.state, owed.fence, owed.attempts) == (delivery.id, "sending", 1, 1)
    assert owed.lease_until is not None and stock.try_postback() is None
    stock.tell(owed, "done", text="Sendt på e-post")
    assert stock.state(delivery.invoice_id) == "posted_back"
    [row] = stock.rows(t.postbacks, invoice_id=delivery.invoice_id)
    assert (row["state"], row["text"]) == ("done", "Sendt på e-post")
    assert (row["done_at"], row["lease_until"]) == (stock.now, None)
    assert stock.rows(t.events, invoice_id=delivery.invoice_id)[-1]["event"] == "erp_told"
    stock.turn(LEASE_OVER)
    assert stock.try_postback() is None


def test_a_later_letter_waits_for_the_first_report_and_is_then_told_as_a_status(stock: Stock) -> None:
    link = stock.sent()
    owed = stock.postback()
    stock.turn(MINUTE)
    letter = with_letter(stock, link)
    assert stock.try_postback() is None  # the first report is in the air
    stock.tell(owed, "done", started_at=stock.now - MINUTE, text="Lenke sendt")
    assert states(stock, link.invoice_id) == [("delivered", "done"), ("status", "ready")]
    second = stock.postback()
    assert (second.kind, second.delivery_id) == ("status", letter.id)
    stock.tell(second, "done", text="Brev sendt")
    assert stock.rows(t.events, invoice_id=link.invoice_id)[-1]["event"] == "erp_status_told"
    assert stock.state(link.invoice_id) == "posted_back"


def test_what_the_first_report_already_says_is_folded_in(stock: Stock) -> None:
    link = stock.sent()
    with_letter(stock, link)
    stock.turn(MINUTE)
    stock.tell(stock.postback(), "done", text="Lenke og brev sendt")
    assert states(stock, link.invoice_id) == [("delivered", "done"), ("status", "folded")]
    stock.turn(LEASE_OVER)
    assert stock.try_postback() is None


@pytest.mark.parametrize(
    ("first_end", "act", "text", "folded"),
    [
        ("unknown", "ask", "Lenke sendt", False),  # it got through at 15:30, so it spoke of the link alone
        (None, "ask", "Lenke og brev sendt", False),  # a dead worker's: nobody knows its words
        ("ready", "send", "Lenke sendt", False),  # repeated with its old words
        ("ready", "send", "Lenke og brev sendt", True),  # repeated with new ones
        ("unknown", "send", "Lenke og brev sendt", True),
    ],
)
def test_a_repeat_folds_in_only_what_was_told(
    stock: Stock, *, first_end: str | None, act: str, text: str, folded: bool
) -> None:
    """Tried at 15:30 and not known to be through; the letter goes at 15:40; settled at 15:50."""
    link = stock.sent()
    stock.turn(MINUTE)
    first = stock.postback()
    if first_end is not None:
        stock.tell(first, first_end, text="Lenke sendt", due_at=stock.now + 15 * MINUTE)
    stock.turn(10 * MINUTE)
    with_letter(stock, link)
    stock.turn(10 * MINUTE)
    again = stock.postback()
    assert (again.text, again.attempts) == ("Lenke sendt" if first_end else None, 2)
    stock.tell(again, "done", act=act, text=text)
    assert states(stock, link.invoice_id) == [("delivered", "done"), ("status", "folded" if folded else "ready")]


def test_lease_over_comes_back_as_unknown_and_the_late_record_is_refused(stock: Stock) -> None:
    stock.sent()
    slow = stock.postback()
    stock.turn(LEASE_OVER)
    quick = stock.postback()
    assert (quick.id, quick.state, quick.fence) == (slow.id, "unknown", 2)
    before = stock.seen()
    with pytest.raises(IllegalTransition):
        stock.tell(slow, "done")
    assert stock.seen() == before
    stock.tell(quick, "done", act="ask")
    with pytest.raises(IllegalTransition):
        stock.tell(slow, "ready")
    assert states(stock, slow.invoice_id) == [("delivered", "done")]


def test_unknown_is_asked_about_before_anything_newer_of_the_invoice(stock: Stock) -> None:
    link = stock.sent()
    stock.tell(stock.postback(), "unknown", due_at=stock.now + 15 * MINUTE)
    with_letter(stock, link)
    assert stock.try_postback() is None
    stock.turn(15 * MINUTE)
    asking = stock.postback()
    assert (asking.state, asking.kind) == ("unknown", "delivered")


def test_between_the_slots_only_what_was_tried_before(stock: Stock) -> None:
    stock.sent()
    assert stock.try_postback(repeats_only=True) is None
    owed = stock.postback()
    stock.tell(owed, "ready", due_at=stock.now + 15 * MINUTE)
    assert stock.try_postback(repeats_only=True) is None
    stock.turn(15 * MINUTE)
    again = stock.try_postback(repeats_only=True)
    assert again is not None and again.id == owed.id


def test_a_run_does_not_meet_the_same_twice(stock: Stock) -> None:
    first, second = stock.sent(), stock.sent()
    owed = stock.postback()
    assert owed.invoice_id == first.invoice_id
    stock.tell(owed, "ready")
    next_one = stock.try_postback(owed.id)
    assert next_one is not None and next_one.invoice_id == second.invoice_id
    assert stock.try_postback(owed.id) is None


def test_many_skipped_ids_are_no_trouble(stock: Stock) -> None:
    stock.sent()
    assert stock.try_postback(*range(10**9, 10**9 + 5000)) is not None


def test_two_workers_never_tell_the_same(stock: Stock, other_db: Database) -> None:
    wanted = {stock.sent().invoice_id for _ in range(20)}

    def drain(db: Database) -> list[int]:
        rows = (postbacks.claim(db, client=stock.client, now=stock.now, skip=set()) for _ in range(25))
        return [row.invoice_id for row in rows if row is not None]

    first, second = at_once(lambda: drain(stock.db), lambda: drain(other_db))
    assert len(first) + len(second) == 20 and {*first, *second} == wanted


@pytest.mark.parametrize("withdrawn", [False, True])
def test_parked_and_withdrawn_invoices_are_not_told_about(stock: Stock, *, withdrawn: bool) -> None:
    delivery = stock.sent()
    invoices.park(stock.db, delivery.invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)
    if withdrawn:
        invoices.move(stock.db, delivery.invoice_id, JourneyEvent.WITHDRAWN, now=stock.now)
    assert stock.try_postback() is None


def test_a_refused_report_parks_the_invoice_and_holds_the_ones_behind(stock: Stock) -> None:
    link = stock.sent()
    owed = stock.postback()
    stock.tell(owed, "refused", park="Fakturaen er låst", started_at=stock.now)
    row = stock.invoice(link.invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "postback_refused", "delivered")
    invoices.resume(stock.db, link.invoice_id, now=stock.now, detail="")
    assert stock.try_postback() is None  # only `retry` makes a refused report ready again


def test_told_while_parked_meanwhile_is_told_and_the_reason_stays_true(stock: Stock) -> None:
    """The letter ran into trouble just when the ERP was told of the link."""
    delivery = stock.sent()
    owed = stock.postback()
    invoices.park(stock.db, delivery.invoice_id, ParkedReason.NO_CHANNEL_LEFT, "refused", now=stock.now)
    stock.tell(owed, "done")
    row = stock.invoice(delivery.invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "no_channel_left", "posted_back")
    assert states(stock, delivery.invoice_id) == [("delivered", "done")]
    assert invoices.resume(stock.db, delivery.invoice_id, now=stock.now, detail="") == "posted_back"


def test_what_reached_the_debtor_whatever_became_of_it(stock: Stock) -> None:
    refused = stock.sent(DeliveryEvent.REFUSED)
    assert postbacks.reached_deliveries(stock.db, refused.invoice_id) == []
    stock.next_channel(refused, expire=False)
    letter = stock.claim(Channel.LETTER)
    stock.record(letter, DeliveryEvent.ACCEPTED)
    assert [row.id for row in postbacks.reached_deliveries(stock.db, refused.invoice_id)] == [letter.id]
