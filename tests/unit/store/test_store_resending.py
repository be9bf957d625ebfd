"""`resend`: what a person may have sent once more, what becomes of what was on its way, and what follows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.store.stocked import LEASE_OVER, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.routing import RoutingRules, run_fallback
from worker.store import invoices, postbacks
from worker.store.deliveries import mark_opened
from worker.store.resending import CannotResend, resend
from worker.store.rows import DeliveryRow
from worker.store.tables import decisions, events

pytestmark = pytest.mark.anyio

RULES = RoutingRules(Channel.EMAIL_LINK, "printonly@factoringfinans.no", 4)


def again(stock: Stock, invoice_id: int, channel: Channel = Channel.EMAIL_LINK) -> DeliveryRow:
    return resend(
        stock.db, invoice_id, channel=channel, address="ny@debtor.example", reason="the debtor has moved", by="siri",
        now=stock.now,
    )  # fmt: skip


def states(stock: Stock, invoice_id: int) -> list[tuple[str, str]]:
    return [(row.channel, row.state) for row in stock.deliveries(invoice_id)]


def test_the_same_channel_twice_with_who_and_why(stock: Stock) -> None:
    first = stock.told()
    new = again(stock, first.invoice_id)
    assert (new.number, new.state, new.address, new.asked_by) == (2, DeliveryState.READY, "ny@debtor.example", "siri")
    assert new.reason == "siri asked for it: the debtor has moved"
    assert new.key == stock.key(first.invoice_id, 2) != first.key
    assert stock.rows(decisions, invoice_id=first.invoice_id)[-1]["reason"] == new.reason
    assert stock.rows(events, invoice_id=first.invoice_id)[-1]["event"] == "resend_asked"
    assert stock.state(first.invoice_id) == JourneyState.POSTED_BACK
    # It goes out like any other, and the ERP is owed a word of its own about it.
    claimed = stock.claim()
    assert claimed.id == new.id
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    owed = stock.postback()
    assert (owed.kind, owed.delivery_id) == ("status", new.id)
    assert len(postbacks.reached_deliveries(stock.db, first.invoice_id)) == 2


def test_what_still_waited_is_stopped(stock: Stock) -> None:
    invoice_id = stock.routed(Channel.EMAIL_LINK)
    again(stock, invoice_id, Channel.LETTER)
    assert states(stock, invoice_id) == [("email_link", "stopped"), ("letter", "ready")]
    again(stock, invoice_id, Channel.LETTER)
    assert states(stock, invoice_id)[1:] == [("letter", "stopped"), ("letter", "ready")]
    assert stock.claim().number == 3
    assert stock.try_claim() is None


def test_not_while_it_is_being_sent_or_nobody_knows(stock: Stock) -> None:
    sending = stock.sending(Channel.EFAKTURA)
    with pytest.raises(CannotResend, match="being sent as eFaktura"):
        again(stock, sending.invoice_id)
    stock.turn(LEASE_OVER)
    assert stock.recover() == 1
    with pytest.raises(CannotResend, match="nobody knows whether it arrived as eFaktura"):
        again(stock, sending.invoice_id)
    assert states(stock, sending.invoice_id) == [("efaktura", "unknown")]


def test_not_before_the_first_way_out_nor_after_the_last_word(stock: Stock) -> None:
    early = stock.registered()
    with pytest.raises(CannotResend, match="not been given a first way out"):
        again(stock, early)
    gone = stock.told().invoice_id
    invoices.park(stock.db, gone, ParkedReason.OTHER_PAYEE, "x", now=stock.now)
    with pytest.raises(CannotResend, match="other_payee"):
        again(stock, gone)
    invoices.move(stock.db, gone, JourneyEvent.WITHDRAWN, now=stock.now)
    with pytest.raises(CannotResend, match="withdrawn"):
        again(stock, gone)


@pytest.mark.parametrize(("part", "refused"), [(1250050, True), (1250049, False)])
def test_not_what_is_credited_in_full(stock: Stock, part: int, *, refused: bool) -> None:
    invoice = stock.invoice(stock.told().invoice_id)
    note = stock.fetched(kind="credit_note")
    invoices.keep(stock.db, note, now=stock.now, credited_number=invoice.number, payable_minor=part)
    if not refused:
        assert again(stock, invoice.id).number == 2
        return
    with pytest.raises(CannotResend, match=f"credited in full by {stock.invoice(note).number}"):
        again(stock, invoice.id)
    with pytest.raises(CannotResend, match="first way out"):
        again(stock, note)


@pytest.mark.parametrize("reason", [ParkedReason.NO_CHANNEL_LEFT, ParkedReason.ATTEMPTS_EXHAUSTED])
def test_it_mends_an_invoice_that_no_channel_took(stock: Stock, reason: ParkedReason) -> None:
    invoice_id = stock.sent(DeliveryEvent.REFUSED, Channel.LETTER).invoice_id
    invoices.park(stock.db, invoice_id, reason, "the letter came back", now=stock.now)
    again(stock, invoice_id)
    assert stock.state(invoice_id) == JourneyState.DELIVERING
    stock.record(stock.claim(), DeliveryEvent.ACCEPTED)
    assert stock.state(invoice_id) == JourneyState.DELIVERED


def test_a_report_the_erp_refused_does_not_stop_it(stock: Stock) -> None:
    invoice_id = stock.told().invoice_id
    invoices.park(stock.db, invoice_id, ParkedReason.POSTBACK_REFUSED, "no", now=stock.now)
    again(stock, invoice_id)
    assert stock.invoice(invoice_id).parked_reason == ParkedReason.POSTBACK_REFUSED
    assert stock.claim().invoice_id == invoice_id


async def test_what_a_person_asked_for_is_not_stopped_by_an_opening_nor_followed_by_a_letter_too_many(
    stock: Stock,
) -> None:
    first = stock.told()
    again(stock, first.invoice_id, Channel.LETTER)
    with stock.db.begin() as tx:
        assert mark_opened(tx, first.id, now=stock.now)
    assert states(stock, first.invoice_id) == [("email_link", "opened"), ("letter", "ready")]

    other = stock.told()
    again(stock, other.invoice_id, Channel.EMAIL_PDF)
    stock.record(stock.claim(Channel.EMAIL_PDF), DeliveryEvent.ACCEPTED)
    stock.turn(timedelta(days=9))
    await run_fallback(now=stock.now, client=stock.client, rules=RULES, db=stock.db)
    assert len(states(stock, other.invoice_id)) == 2, "the first link is unopened, and a person has chosen what is next"


def test_two_people_at_once(stock: Stock) -> None:
    """The second one's stops the first one's: nothing goes out twice by accident."""
    invoice_id = stock.told().invoice_id
    at_once(lambda: again(stock, invoice_id), lambda: again(stock, invoice_id))
    assert states(stock, invoice_id) == [
        ("email_link", "handed_over"), ("email_link", "stopped"), ("email_link", "ready"),
    ]  # fmt: skip
