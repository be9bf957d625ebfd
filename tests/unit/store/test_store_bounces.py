"""Bounces in the store: what follows from each, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.store.stocked import MINUTE, Stock, at_once, sha256
from worker.model.bounce import MailReport, RecipientReport, ReportKind, Waits
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyState
from worker.model.parked import ParkedReason
from worker.store import bounces, codes, deliveries, invoices, successors
from worker.store import tables as t
from worker.store.bounces import NotWaiting, SentMail
from worker.store.database import Database
from worker.store.rows import DeliveryRow

KARI, OLA = "kari@debtor.example", "ola@debtor.example"


def report(name: str, kind: ReportKind = ReportKind.FAILED, status: str = "5.1.1") -> MailReport:
    recipients = (RecipientReport(addresses=(KARI,), kind=kind, status=status, words="user unknown"),)
    return MailReport(uid="7/1", fingerprint=sha256(name), kind=kind, recipients=recipients)


def mail_of(stock: Stock, delivery: DeliveryRow) -> SentMail:
    found = bounces.find_mail(stock.db, key=delivery.key)
    assert found is not None
    return found


def fail(stock: Stock, delivery: DeliveryRow, positions: Sequence[int] = (0,), **given: Any) -> str | None:
    said = report(f"{stock.client}{given}", **given)
    return bounces.fail(stock.db, said, mail_of(stock, delivery), positions, now=stock.now)


def to_two(stock: Stock) -> DeliveryRow:
    """Handed over, to two recipients."""
    new_id = stock.registered()
    invoices.route(
        stock.db, new_id, channel=Channel.EMAIL_PDF, address=f"{KARI}; {OLA}", key=stock.key(new_id, 1),
        reason="they have e-mail", considered=[], now=stock.now,
    )  # fmt: skip
    claimed = stock.claim(Channel.EMAIL_PDF)
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    return stock.delivery(claimed)


def test_a_bounce_refuses_the_delivery_and_the_next_channel_is_due(stock: Stock) -> None:
    delivery = stock.told()
    stock.turn(MINUTE)
    assert fail(stock, delivery) == "refused"
    now = stock.delivery(delivery)
    assert (now.state, now.ended_reason) == (DeliveryState.REFUSED, "bounced: 5.1.1 user unknown")
    waiting = successors.refused_without_successor(stock.db, client=stock.client)
    assert [row.id for row, _ in waiting] == [delivery.id]
    assert stock.state(delivery.invoice_id) == JourneyState.POSTED_BACK


def test_the_same_message_again_changes_nothing(stock: Stock) -> None:
    delivery = stock.sent()
    assert fail(stock, delivery) == "refused"
    before = stock.seen()
    assert bounces.known(stock.db, fingerprint=report(f"{stock.client}{{}}").fingerprint) == "refused"
    assert fail(stock, delivery) in ("refused", "noted")
    assert stock.seen() == before


def test_two_workers_with_the_same_message(stock: Stock, other_db: Database) -> None:
    delivery = stock.sent()
    mail, said = mail_of(stock, delivery), report(stock.client)
    at_once(*(lambda db=db: bounces.fail(db, said, mail, (0,), now=stock.now) for db in (stock.db, other_db)))
    assert stock.delivery(delivery).state == DeliveryState.REFUSED
    assert len(stock.rows(t.bounces, delivery_id=delivery.id)) == 1
    assert len([e for e in stock.rows(t.events, delivery_id=delivery.id) if e["event"] == "delivery_refused"]) == 1


def test_one_bounced_of_two_is_noted_until_the_other_has_failed_too(stock: Stock) -> None:
    delivery = to_two(stock)
    assert fail(stock, delivery, (0,)) == "noted"
    assert fail(stock, delivery, (0,), status="5.2.1") == "noted", "the same recipient again"
    assert stock.delivery(delivery).state == DeliveryState.HANDED_OVER
    assert fail(stock, delivery, (1,), status="5.4.4") == "refused"


def test_turned_down_at_the_door_and_the_other_bounced(stock: Stock) -> None:
    delivery = to_two(stock)
    bounces.turned_down_at_door(stock.db, delivery.id, [(1, "550 5.1.1 no such user")], now=stock.now)
    (row,) = stock.rows(t.failed_recipients, delivery_id=delivery.id)
    assert (row["position"], row["how"], row["status"]) == (1, "door", "550")
    assert fail(stock, delivery, (0,)) == "refused"


def test_opened_stays_opened(stock: Stock) -> None:
    delivery = stock.sent()
    with stock.db.begin() as tx:
        deliveries.mark_opened(tx, delivery.id, now=stock.now)
    assert fail(stock, delivery) == "noted"
    assert stock.delivery(delivery).state == DeliveryState.OPENED
    assert successors.refused_without_successor(stock.db, client=stock.client) == []


def test_a_bounce_settles_what_nobody_could_tell(stock: Stock) -> None:
    """The answer after DATA was lost, and a person was asked: the bounce is the answer."""
    claimed = stock.sending()
    stock.record(claimed, DeliveryEvent.UNKNOWN, park=(ParkedReason.SENT_UNKNOWN, "no answer"))
    assert stock.state(claimed.invoice_id) == JourneyState.PARKED
    assert fail(stock, claimed) == "refused"
    assert stock.state(claimed.invoice_id) == JourneyState.DELIVERING
    assert len(successors.refused_without_successor(stock.db, client=stock.client)) == 1


def test_while_it_is_sent_again_the_message_is_left_for_later(stock: Stock) -> None:
    claimed = stock.sending()
    assert fail(stock, claimed) is None
    assert stock.rows(t.bounces, delivery_id=claimed.id) == []


@pytest.mark.parametrize("kind", [ReportKind.DELAYED, ReportKind.DELIVERED])
def test_evidence_stands_in_the_story(stock: Stock, kind: ReportKind) -> None:
    delivery = stock.sent()
    bounces.note(stock.db, report(stock.client, kind, "4.4.1"), mail_of(stock, delivery), now=stock.now)
    assert stock.delivery(delivery).state == DeliveryState.HANDED_OVER
    (line,) = [e for e in stock.rows(t.events, delivery_id=delivery.id) if e["event"] == f"bounce_{kind}"]
    assert line["detail"] == "4.4.1 user unknown"


def test_a_key_of_another_channel_is_no_mail(stock: Stock) -> None:
    assert bounces.find_mail(stock.db, key=stock.sent(channel=Channel.EHF).key) is None
    assert bounces.find_mail(stock.db, key="0b5c2f4e-8a7d-5a51-9f0e-3d2f5e6a7b8c") is None


def test_what_waits_is_settled_by_a_person_once(stock: Stock) -> None:
    delivery = stock.sent()
    for number in (1, 2):
        said = report(f"{stock.client}{number}", ReportKind.OTHER)
        bounces.keep_for_person(stock.db, said, Waits.NOT_A_REPORT, now=stock.now)
    about, spam = [row.id for row in bounces.waiting(stock.db) if row.fingerprint in
                   {sha256(f"{stock.client}{number}") for number in (1, 2)}]  # fmt: skip
    state = bounces.settle(stock.db, about, invoice_id=delivery.invoice_id, note="they rang", now=stock.now)
    assert state == DeliveryState.REFUSED == stock.delivery(delivery).state
    assert bounces.settle(stock.db, spam, invoice_id=None, note="", now=stock.now) == ""
    with pytest.raises(NotWaiting):
        bounces.settle(stock.db, spam, invoice_id=None, note="", now=stock.now)
    again = report(f"{stock.client}3", ReportKind.OTHER)
    bounces.keep_for_person(stock.db, again, Waits.NOT_A_REPORT, now=stock.now)
    (third,) = [row.id for row in bounces.waiting(stock.db) if row.fingerprint == again.fingerprint]
    with pytest.raises(NotWaiting, match="is refused"):
        bounces.settle(stock.db, third, invoice_id=delivery.invoice_id, note="", now=stock.now)
    assert third in [row.id for row in bounces.waiting(stock.db)], "nothing was settled by that"


def test_the_mail_with_the_first_code_bounced_and_one_asked_for(stock: Stock) -> None:
    for kind, outcome in (("asked", "noted"), ("first", "refused")):
        delivery = stock.sent()
        link = stock.link(delivery.id)
        with stock.db.begin() as tx:
            codes.add(tx, link_id=link, kind=kind, now=stock.now)
        errand = codes.claim(stock.db, client=stock.client, now=stock.now)
        assert errand is not None
        codes.record(stock.db, errand, state="sent", started_at=stock.now, now=stock.now, outcome="accepted", answer="")
        mail = bounces.find_mail(stock.db, key=errand.key)
        assert mail is not None
        assert bounces.fail(stock.db, report(f"{stock.client}{kind}"), mail, (0,), now=stock.now) == outcome
