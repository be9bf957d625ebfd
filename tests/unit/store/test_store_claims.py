"""Claim, commit, call, record: who holds a delivery, until when, and what a late record may do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.unit.store.stocked import LEASE_OVER, MINUTE, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DELIVERY_FINAL, DeliveryEvent, DeliveryState, IllegalTransition, JourneyEvent
from worker.model.parked import ParkedReason
from worker.store import deliveries, invoices, successors
from worker.store import tables as t
from worker.store.database import Database
from worker.store.rows import DeliveryRow

V = DeliveryEvent


def test_a_claim_is_written_down_before_the_call(stock: Stock) -> None:
    invoice_id = stock.routed()
    claimed = stock.claim()
    assert (claimed.invoice_id, claimed.state, claimed.fence, claimed.attempts) == (invoice_id, "sending", 1, 1)
    assert claimed.lease_until == stock.now + deliveries.LEASE
    assert stock.state(invoice_id) == "delivering"
    assert [e["event"] for e in stock.rows(t.events, invoice_id=invoice_id)][-2:] == [
        "delivery_claimed", "delivery_started",
    ]  # fmt: skip
    assert stock.try_claim() is None


def test_oldest_first_and_only_what_is_due_on_the_channels_asked_for(stock: Stock) -> None:
    letter, mail, later = stock.routed(Channel.LETTER), stock.routed(), stock.routed()
    assert stock.claim(Channel.EMAIL_LINK, Channel.EMAIL_PDF).invoice_id == mail
    claimed = stock.claim(Channel.EMAIL_LINK)
    assert claimed.invoice_id == later
    stock.record(claimed, V.TRY_LATER, due_at=stock.now + MINUTE)
    assert stock.try_claim(Channel.EMAIL_LINK, Channel.EHF) is None
    assert stock.claim().invoice_id == letter
    stock.turn(MINUTE)
    again = stock.claim()
    assert (again.invoice_id, again.attempts, again.fence) == (later, 2, 2)


def test_another_clients_deliveries_are_never_claimed(stock: Stock) -> None:
    stock.routed()
    assert deliveries.claim_ready(stock.db, client="nobody", channels=list(Channel), now=stock.now) is None
    assert deliveries.recover(stock.db, client="nobody", now=stock.now + 10 * LEASE_OVER) == 0


def test_two_workers_never_get_the_same_delivery(stock: Stock, other_db: Database) -> None:
    wanted = {stock.routed() for _ in range(40)}

    def drain(db: Database) -> Callable[[], list[DeliveryRow]]:
        def work() -> list[DeliveryRow]:
            mine: list[DeliveryRow] = []
            empty = 0
            while empty < 3:  # a row locked by the other at this moment is passed over
                claimed = deliveries.claim_ready(db, client=stock.client, channels=list(Channel), now=stock.now)
                if claimed is None:
                    empty += 1
                else:
                    mine.append(claimed)
            return mine

        return work

    first, second = at_once(drain(stock.db), drain(other_db))
    claimed = [row.invoice_id for row in (*first, *second)]
    assert len(claimed) == len(set(claimed)) == 40 and set(claimed) == wanted
    assert {row.fence for row in (*first, *second)} == {1}


@pytest.mark.parametrize("withdrawn", [False, True])
def test_parked_and_withdrawn_invoices_are_neither_sent_nor_asked_about(stock: Stock, *, withdrawn: bool) -> None:
    unknown = stock.sent(V.UNKNOWN)
    ready = stock.routed()
    for invoice_id in (unknown.invoice_id, ready):
        invoices.park(stock.db, invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)
        if withdrawn:
            invoices.move(stock.db, invoice_id, JourneyEvent.WITHDRAWN, now=stock.now)
    stock.turn(LEASE_OVER)
    assert (stock.try_claim(), stock.try_ask()) == (None, None)


def test_what_the_erp_will_not_hear_of_is_delivered_all_the_same(stock: Stock) -> None:
    link = stock.sent()
    stock.tell(stock.postback(), "refused", park="Fakturaen er låst")
    [(found, _)] = successors.unopened_since(stock.db, client=stock.client, handed_over_before=stock.now + MINUTE)
    stock.next_channel(found, expire=True)
    letter = stock.claim(Channel.LETTER)
    stock.record(letter, V.ACCEPTED)
    row = stock.invoice(link.invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "postback_refused", "delivered")
    assert [p["state"] for p in stock.rows(t.postbacks, invoice_id=row.id)] == ["refused", "ready"]


def test_lease_over_means_unknown_and_the_late_record_is_refused(stock: Stock) -> None:
    dead = stock.sending(Channel.LETTER)
    stock.turn(deliveries.LEASE - MINUTE)
    assert stock.recover() == 0  # still theirs
    stock.turn(MINUTE)
    assert stock.recover() == 1
    assert (stock.delivery(dead).state, stock.delivery(dead).lease_until) == ("unknown", None)
    assert stock.recover() == 0
    before = stock.seen()
    with pytest.raises(IllegalTransition):
        stock.record(dead, V.ACCEPTED)
    assert stock.seen() == before
    asking = stock.try_ask()
    assert asking is not None and (asking.id, asking.state, asking.fence) == (dead.id, "unknown", dead.fence + 1)


def test_recovery_also_looks_at_what_was_parked_meanwhile(stock: Stock) -> None:
    dead = stock.sending()
    invoices.park(stock.db, dead.invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)
    stock.turn(LEASE_OVER)
    assert stock.recover() == 1
    assert stock.delivery(dead).state == "unknown"


@pytest.mark.parametrize("event", [V.ACCEPTED, V.CONFIRMED, V.REFUSED, V.NEVER_ARRIVED, None])
def test_an_outdated_fence_records_nothing_at_all(stock: Stock, event: DeliveryEvent | None) -> None:
    """Two workers asked; the first one's lease ran out before it had the answer."""
    stock.sent(V.UNKNOWN, Channel.LETTER)
    slow = stock.try_ask()
    assert slow is not None
    stock.turn(LEASE_OVER)
    quick = stock.try_ask()
    assert quick is not None and quick.id == slow.id and quick.fence == slow.fence + 1
    before = stock.seen()
    park = (ParkedReason.ATTEMPTS_EXHAUSTED, "x")
    with pytest.raises(IllegalTransition):
        stock.record(slow, event, act="ask", due_at=stock.now + MINUTE, park=park)
    assert stock.seen() == before
    stock.record(quick, V.CONFIRMED, act="ask")
    assert stock.delivery(quick).state == "confirmed"


def test_a_send_always_comes_to_something(stock: Stock) -> None:
    claimed = stock.sending()
    with pytest.raises(IllegalTransition):
        stock.record(claimed, None)
    stock.turn(LEASE_OVER)
    assert stock.recover() == 1  # still found


def test_no_verdict_about_what_the_debtor_has_opened_meanwhile(stock: Stock) -> None:
    delivery = stock.sent(V.UNKNOWN)
    asking = stock.try_ask()
    assert asking is not None
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, delivery.id, now=stock.now)
    with pytest.raises(IllegalTransition):
        stock.record(asking, None, act="ask", park=(ParkedReason.SENT_UNKNOWN, "never came"))
    assert stock.state(delivery.invoice_id) == "delivered"


def test_asking_takes_turns_and_skips_what_this_run_has_asked(stock: Stock) -> None:
    unknown, receipt = stock.sent(V.UNKNOWN), stock.sent(channel=Channel.EHF)
    stock.sent()  # an e-mail handed over has nobody to ask
    first = stock.try_ask()
    assert first is not None and first.id == unknown.id
    second = stock.try_ask()  # the first is under lease
    assert second is not None and second.id == receipt.id
    assert stock.try_ask() is None
    stock.record(first, None, act="ask", due_at=stock.now)
    assert stock.try_ask(first.id) is None
    again = stock.try_ask()
    assert again is not None and again.id == first.id
    stock.record(again, None, act="ask", due_at=stock.now + 10 * MINUTE)
    stock.record(second, V.CONFIRMED, act="ask")
    assert stock.try_ask() is None
    stock.turn(10 * MINUTE)
    due = stock.try_ask()
    assert due is not None and due.id == unknown.id
    attempts = stock.rows(t.attempts, subject="delivery", subject_id=unknown.id)
    assert [attempt["act"] for attempt in attempts] == ["send", "ask", "ask"]


def test_two_workers_never_ask_about_the_same(stock: Stock, other_db: Database) -> None:
    for _ in range(15):
        stock.sent(V.UNKNOWN, Channel.LETTER)

    def drain(db: Database) -> list[int]:
        mine: list[int] = []
        for _ in range(20):
            row = deliveries.claim_to_ask(db, client=stock.client, now=stock.now, skip=set(mine))
            if row is not None:
                mine.append(row.id)
        return mine

    first, second = at_once(lambda: drain(stock.db), lambda: drain(other_db))
    assert len(first) + len(second) == len({*first, *second}) == 15


def test_an_accepted_delivery_makes_the_invoice_delivered_and_owes_the_erp_a_word(stock: Stock) -> None:
    claimed = stock.sending()
    stock.turn(MINUTE)
    stock.record(claimed, V.ACCEPTED, vendor_reference="<id@factoring.example>", answer="250 queued")
    row = stock.delivery(claimed)
    assert (row.state, row.handed_over_at, row.lease_until) == ("handed_over", stock.now, None)
    assert row.vendor_reference == "<id@factoring.example>"
    assert stock.state(row.invoice_id) == "delivered"
    [owed] = stock.rows(t.postbacks, invoice_id=row.invoice_id)
    assert (owed["delivery_id"], owed["kind"], owed["state"]) == (row.id, "delivered", "ready")
    [attempt] = stock.rows(t.attempts, subject="delivery", subject_id=row.id)
    assert (attempt["fence"], attempt["outcome"], attempt["answer"]) == (1, "accepted", "250 queued")


def test_a_receipt_later_owes_the_erp_nothing_more(stock: Stock) -> None:
    row = stock.sent(channel=Channel.EHF)
    handed_over = row.handed_over_at
    stock.turn(MINUTE)
    asking = stock.try_ask()
    assert asking is not None
    stock.record(asking, V.CONFIRMED, act="ask")
    assert (stock.delivery(row).state, stock.delivery(row).handed_over_at) == ("confirmed", handed_over)
    assert len(stock.rows(t.postbacks, invoice_id=row.invoice_id)) == 1


def test_a_refused_delivery_has_its_reason_and_wants_a_successor(stock: Stock) -> None:
    row = stock.sent(V.REFUSED)
    assert (row.state, row.ended_reason) == ("refused", "250 OK")
    [(found, invoice)] = successors.refused_without_successor(stock.db, client=stock.client)
    assert (found.id, invoice.id) == (row.id, row.invoice_id)
    letter = stock.next_channel(row, expire=False)
    assert successors.refused_without_successor(stock.db, client=stock.client) == []
    last = deliveries.of_invoice(stock.db, row.invoice_id)[-1]
    assert (last.id, last.number, last.channel, last.state) == (letter, 2, "letter", "ready")


def test_the_next_channel_is_taken_once(stock: Stock, other_db: Database) -> None:
    """Two workers in the fallback at once: one letter, and nobody falls over it."""
    row = stock.sent(V.REFUSED)

    def take(db: Database) -> bool:
        try:
            Stock(db, stock.client, stock.now).next_channel(row, expire=False)
        except IllegalTransition:
            return False
        return True

    assert sorted(at_once(lambda: take(stock.db), lambda: take(other_db))) == [False, True]
    assert len(stock.deliveries(row.invoice_id)) == 2
    assert len(stock.rows(t.decisions, invoice_id=row.invoice_id)) == 2
    with pytest.raises(IllegalTransition):
        stock.next_channel(row, expire=False)


def test_no_next_channel_for_what_has_not_ended(stock: Stock) -> None:
    row = stock.sent()
    with pytest.raises(IllegalTransition):
        stock.next_channel(row, expire=False)
    assert len(stock.deliveries(row.invoice_id)) == 1


def test_an_unopened_link_becomes_a_letter_and_a_late_opening_stops_it(stock: Stock) -> None:
    row = stock.sent()
    stock.sent(channel=Channel.EMAIL_PDF)  # has no opening, so no such fallback
    stock.turn(timedelta(days=4))
    [(found, _)] = successors.unopened_since(stock.db, client=stock.client, handed_over_before=stock.now)
    assert found.id == row.id
    assert row.handed_over_at is not None
    assert successors.unopened_since(stock.db, client=stock.client, handed_over_before=row.handed_over_at) == []
    letter = stock.next_channel(row, expire=True)
    assert stock.delivery(row).state == "expired"
    with pytest.raises(IllegalTransition):
        stock.next_channel(row, expire=True)
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, row.id, now=stock.now)
        assert not deliveries.mark_opened(tx, row.id, now=stock.now)
    states = {r.id: r.state for r in stock.deliveries(row.invoice_id)}
    assert states == {row.id: "opened", letter: "stopped"}
    assert stock.try_claim() is None


def test_a_letter_on_its_way_is_not_stopped(stock: Stock) -> None:
    row = stock.sent()
    stock.next_channel(row, expire=True)
    letter = stock.claim(Channel.LETTER)
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, row.id, now=stock.now)
    stock.record(letter, V.ACCEPTED)
    assert [r.state for r in stock.deliveries(row.invoice_id)] == ["opened", "handed_over"]
    assert [p["kind"] for p in stock.rows(t.postbacks, invoice_id=row.invoice_id)] == ["delivered", "status"]


@pytest.mark.parametrize("state", sorted(DELIVERY_FINAL | {DeliveryState.READY, DeliveryState.SENDING}))
def test_nothing_is_opened_out_of_turn(stock: Stock, state: DeliveryState) -> None:
    invoice_id = stock.routed()
    [row] = stock.deliveries(invoice_id)
    with stock.db.begin() as tx:
        tx.execute(t.deliveries.update().where(t.deliveries.c.id == row.id).values(state=state))
    before = stock.seen()
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, row.id, now=stock.now) is False
    assert stock.seen() == before


def test_found_out_before_sending_that_it_cannot_be_received(stock: Stock) -> None:
    [row] = stock.deliveries(stock.routed(Channel.EHF))
    successors.refuse_ready(stock.db, row, reason="no longer registered", now=stock.now)
    assert (stock.delivery(row).state, stock.delivery(row).ended_reason) == ("refused", "no longer registered")
    with pytest.raises(IllegalTransition):
        successors.refuse_ready(stock.db, row, reason="again", now=stock.now)


def test_what_arrived_while_parked_goes_on_as_delivered(stock: Stock) -> None:
    """Something unforeseen parked it between call and record; the debtor has it all the same."""
    delivery = stock.sending()
    stock.link(delivery.id)
    invoices.park(stock.db, delivery.invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)
    stock.turn(LEASE_OVER)
    stock.recover()
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, delivery.id, now=stock.now)
    row = stock.invoice(delivery.invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "unexpected", "delivered")
    invoices.resume(stock.db, delivery.invoice_id, now=stock.now, detail="looked into")
    owed = stock.postback()
    stock.tell(owed, "done")
    assert stock.state(delivery.invoice_id) == "posted_back"


def test_an_unknown_delivery_stays_a_persons_case_when_another_one_arrived(stock: Stock) -> None:
    """The letter's outcome is unknown; the debtor opens the old link: that says nothing about the letter."""
    link = stock.sent()
    stock.next_channel(link, expire=True)
    letter = stock.claim(Channel.LETTER)
    stock.record(letter, V.UNKNOWN, park=(ParkedReason.SENT_UNKNOWN, "the line was cut"))
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, link.id, now=stock.now)
    assert stock.invoice(link.invoice_id).parked_reason == ParkedReason.SENT_UNKNOWN
    assert stock.delivery(letter).state == "unknown"


def test_an_opening_settles_what_nobody_could_tell(stock: Stock) -> None:
    row = stock.sending()
    stock.record(row, V.UNKNOWN, park=(ParkedReason.SENT_UNKNOWN, "no answer"))
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, row.id, now=stock.now)
    assert stock.state(row.invoice_id) == "delivered"
    assert stock.delivery(row).handed_over_at == stock.now


def test_a_refused_report_is_not_forgotten_when_the_delivery_turns_out_to_have_arrived(stock: Stock) -> None:
    ehf = stock.sent(channel=Channel.EHF)
    stock.tell(stock.postback(), "refused", park="the ERP says no")
    asked = stock.try_ask()
    assert asked is not None
    stock.record(asked, V.REFUSED, act="ask")
    stock.next_channel(stock.delivery(ehf), Channel.EMAIL_LINK, expire=False)
    mail = stock.claim()
    stock.record(mail, V.UNKNOWN, park=(ParkedReason.SENT_UNKNOWN, "no answer"))
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, mail.id, now=stock.now)
    row = stock.invoice(ehf.invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "postback_refused", "delivered")


def test_a_refused_letter_needs_no_successor_when_the_link_was_opened(stock: Stock) -> None:
    link = stock.sent()
    stock.next_channel(link, expire=True)
    letter = stock.claim()
    with stock.db.begin() as tx:
        assert deliveries.mark_opened(tx, link.id, now=stock.now)
    stock.record(letter, V.REFUSED)
    assert successors.refused_without_successor(stock.db, client=stock.client) == []
