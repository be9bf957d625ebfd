"""A provider's news, each kept once; the receiver's word, each noted once, and what it parks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.store.stocked import MINUTE, Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, IllegalTransition, JourneyEvent
from worker.model.parked import ParkedReason
from worker.model.receiver import Response, Source
from worker.store import invoices, notices, responses
from worker.store import tables as t
from worker.store.notices import NoticeRow
from worker.store.rows import DeliveryRow

SETTLED, PATIENCE = 10 * MINUTE, timedelta(days=7)
REJECTED = Response(Source.INVOICE_RESPONSE, "RE", "feil pris")
ACCEPTED = Response(Source.INVOICE_RESPONSE, "AP")


def turn_to_listen(stock: Stock, *skip: int) -> DeliveryRow | None:
    return responses.claim_to_listen(
        stock.db, client=stock.client, now=stock.now, settled=SETTLED, patience=PATIENCE, skip=set(skip)
    )


def heard(stock: Stock, delivery: DeliveryRow, word: Response | None) -> tuple[bool, bool]:
    return responses.listened(stock.db, delivery, word, now=stock.now, due_at=stock.now + 30 * MINUTE)


def confirmed(stock: Stock) -> DeliveryRow:
    delivery = stock.sent(DeliveryEvent.CONFIRMED, Channel.EHF)
    stock.turn(SETTLED)
    return delivery


def test_a_notice_is_kept_once(stock: Stock) -> None:
    key = stock.client  # a key nobody else's test has
    first = NoticeRow(f"{key}-n1", key, f"{key}-s1", "succeeded", '{"a": 1}')
    assert notices.keep(stock.db, first, provider="storecove", now=stock.now)
    assert not notices.keep(stock.db, first, provider="storecove", now=stock.now)
    later = NoticeRow(f"{key}-n2", "", f"{key}-s1", "accepted", "{}")
    assert notices.keep(stock.db, later, provider="storecove", now=stock.now)
    assert notices.keep(stock.db, first, provider="another", now=stock.now)

    def about(key: str, reference: str) -> list[NoticeRow]:
        return notices.about(stock.db, provider="storecove", key=key, reference=reference)

    assert about(key, "") == [first]
    assert about(key, f"{key}-s1") == [first, later]
    assert about("other", "") == []


def test_when_it_is_somebodys_turn(stock: Stock) -> None:
    letter = stock.sent(DeliveryEvent.CONFIRMED, Channel.LETTER)
    waiting = stock.sent(DeliveryEvent.ACCEPTED, Channel.EHF)
    ehf = stock.sent(DeliveryEvent.CONFIRMED, Channel.EHF)
    assert turn_to_listen(stock) is None, "the receipt is too fresh"
    stock.turn(SETTLED)
    claimed = turn_to_listen(stock)
    assert claimed is not None
    assert claimed.id == ehf.id not in (letter.id, waiting.id)
    assert turn_to_listen(stock) is None, "somebody is at it"
    assert heard(stock, claimed, None) == (False, False)
    assert turn_to_listen(stock) is None, "not due yet"
    stock.turn(30 * MINUTE)
    again = turn_to_listen(stock)
    assert again is not None
    assert turn_to_listen(stock, again.id) is None
    heard(stock, again, None)
    stock.turn(PATIENCE)
    assert turn_to_listen(stock) is None, "silence says nothing for ever"


def test_a_word_is_noted_once_and_a_no_parks(stock: Stock) -> None:
    delivery = confirmed(stock)
    claimed = turn_to_listen(stock)
    assert claimed is not None
    assert heard(stock, claimed, REJECTED) == (True, True)
    invoice = stock.invoice(delivery.invoice_id)
    assert (invoice.state, invoice.parked_reason) == ("parked", ParkedReason.RECEIVER_TURNED_DOWN)
    assert "feil pris" in (invoice.parked_detail or "")
    assert stock.delivery(delivery).state == "confirmed", "it has arrived, whatever they say of it"

    invoices.move(stock.db, invoice.id, JourneyEvent.RESUMED, now=stock.now)
    stock.turn(30 * MINUTE)
    claimed = turn_to_listen(stock)
    assert claimed is not None
    assert heard(stock, claimed, REJECTED) == (False, False), "a person has settled that"
    assert stock.invoice(delivery.invoice_id).state == "delivered"
    stock.turn(30 * MINUTE)
    claimed = turn_to_listen(stock)
    assert claimed is not None
    assert heard(stock, claimed, ACCEPTED) == (True, False)
    rows = stock.rows(t.ehf_responses, delivery_id=delivery.id)
    assert [(row["source"], row["code"], row["answer"]) for row in rows] == [
        ("invoice_response", "RE", "feil pris"), ("invoice_response", "AP", ""),
    ]  # fmt: skip
    told = [row["detail"] for row in stock.rows(t.events, event="receiver_invoice_response", delivery_id=delivery.id)]
    assert told == ["RE, the debtor rejects the invoice: feil pris", "AP, the debtor has accepted it"]


def test_an_invoice_parked_already_keeps_its_reason(stock: Stock) -> None:
    delivery = confirmed(stock)
    invoices.park(stock.db, delivery.invoice_id, ParkedReason.POSTBACK_REFUSED, "their words", now=stock.now)
    claimed = turn_to_listen(stock)
    assert claimed is not None
    assert heard(stock, claimed, REJECTED) == (True, False)
    assert stock.invoice(delivery.invoice_id).parked_reason == ParkedReason.POSTBACK_REFUSED


def test_who_lost_the_lease_writes_nothing(stock: Stock) -> None:
    delivery = confirmed(stock)
    slow = turn_to_listen(stock)
    assert slow is not None
    stock.turn(timedelta(hours=1))
    quick = turn_to_listen(stock)
    assert quick is not None
    with pytest.raises(IllegalTransition):
        heard(stock, slow, REJECTED)
    assert stock.rows(t.ehf_responses, delivery_id=delivery.id) == []
    assert heard(stock, quick, REJECTED) == (True, True)
