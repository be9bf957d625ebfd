"""Codes in mails of their own: asked for within bounds, sent once, valid from when they may have arrived."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.store.stocked import LEASE_OVER, MINUTE, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState
from worker.model.link import CodeRequest, CodeVerdict
from worker.store import codes
from worker.store import tables as t
from worker.store.codes import CodeErrand
from worker.store.database import Database
from worker.store.links import ASKED_LIMIT, CODES_A_DAY, CODES_A_LINK, StoreLinkBook

PAUSE = timedelta(minutes=3)


def linked(stock: Stock, code: str = "mac-old", days: int = 90) -> int:
    """A link whose mail was handed over."""
    claimed = stock.sending()
    link = stock.link(claimed.id, code=code, days=days)
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    return link


def ask(stock: Stock, link: int, caller: str = "") -> CodeRequest:
    return StoreLinkBook(stock.db).request_code(link_id=link, caller=caller or stock.client, now=stock.now)


def verdict(stock: Stock, link: int, mac: str) -> CodeVerdict:
    return StoreLinkBook(stock.db).try_code(link_id=link, code_mac=mac, caller=stock.client, now=stock.now).verdict


def claim(stock: Stock) -> CodeErrand:
    errand = codes.claim(stock.db, client=stock.client, now=stock.now)
    assert errand is not None
    return errand


def send(stock: Stock, state: str, mac: str = "mac-new") -> CodeErrand:
    errand = claim(stock)
    assert codes.write_down(stock.db, errand, code_mac=mac)
    assert codes.record(
        stock.db, errand, state=state, started_at=stock.now, now=stock.now, outcome=state, answer="250",
        due_at=stock.now + MINUTE if state == "ready" else None,
    )  # fmt: skip
    return errand


def test_asked_for_sent_and_the_old_code_is_over(stock: Stock) -> None:
    link = linked(stock)
    assert stock.client not in codes.clients_waiting(stock.db, now=stock.now)
    assert ask(stock, link) is CodeRequest.TAKEN
    assert stock.client in codes.clients_waiting(stock.db, now=stock.now)
    errand = send(stock, "sent")
    assert (errand.kind, errand.address) == ("asked", "kari@debtor.example")
    assert stock.client not in codes.clients_waiting(stock.db, now=stock.now)
    assert verdict(stock, link, "mac-old") is CodeVerdict.WRONG
    assert verdict(stock, link, "mac-new") is CodeVerdict.RIGHT


@pytest.mark.parametrize(("state", "works"), [("unknown", "mac-new"), ("refused", "mac-old"), ("ready", "mac-old")])
def test_the_new_code_counts_from_when_it_may_have_arrived(stock: Stock, state: str, works: str) -> None:
    link = linked(stock)
    ask(stock, link)
    send(stock, state)
    assert verdict(stock, link, works) is CodeVerdict.RIGHT


def test_a_new_code_unlocks(stock: Stock) -> None:
    link = linked(stock)
    for _ in range(5):
        verdict(stock, link, "mac-guess")
    assert verdict(stock, link, "mac-old") is CodeVerdict.LOCKED
    assert ask(stock, link) is CodeRequest.TAKEN
    send(stock, "sent")
    assert verdict(stock, link, "mac-new") is CodeVerdict.RIGHT


def test_bounds_for_a_link(stock: Stock) -> None:
    link, taken_by_day = linked(stock), list[int]()
    for day in range(5):
        taken_by_day.append(0)
        while ask(stock, link, f"caller {day}") is CodeRequest.TAKEN:
            assert ask(stock, link, f"caller {day}") is CodeRequest.ON_ITS_WAY, "one at a time"
            send(stock, "sent")
            assert ask(stock, link, f"caller {day}") is CodeRequest.ON_ITS_WAY, "and not at once again"
            stock.turn(PAUSE)
            taken_by_day[-1] += 1
        assert ask(stock, link, f"caller {day}") is CodeRequest.TOO_MANY
        stock.turn(timedelta(days=1))
    assert taken_by_day == [CODES_A_DAY, CODES_A_DAY, CODES_A_DAY, CODES_A_LINK - 3 * CODES_A_DAY, 0]


def test_bounds_for_where_the_asker_comes_from(stock: Stock) -> None:
    links = [linked(stock) for _ in range(3)]
    answers = [ask(stock, links[n % 3]) for n in range(ASKED_LIMIT + 5)]
    assert answers[ASKED_LIMIT:] == [CodeRequest.TOO_MANY] * 5
    assert verdict(stock, links[0], "mac-old") is CodeVerdict.RIGHT, "asking is not guessing"


def test_a_link_that_is_over_gets_no_code(stock: Stock) -> None:
    link = linked(stock, days=1)
    ask(stock, link)
    stock.turn(timedelta(days=2))
    assert ask(stock, link) is CodeRequest.GONE
    assert codes.claim(stock.db, client=stock.client, now=stock.now) is None, "nor one asked for in time"
    assert stock.rows(t.code_requests, link_id=link)[0]["state"] == "refused"
    with pytest.raises(LookupError):
        ask(stock, 10**9)


def test_two_ask_and_two_send_at_once(stock: Stock, other_db: Database) -> None:
    link = linked(stock)
    books = [StoreLinkBook(door) for door in (stock.db, other_db)]
    answers = at_once(
        *(lambda book=book: book.request_code(link_id=link, caller=stock.client, now=stock.now) for book in books)
    )
    assert sorted(answers) == [CodeRequest.ON_ITS_WAY, CodeRequest.TAKEN]
    claims = at_once(
        *(lambda db=db: codes.claim(db, client=stock.client, now=stock.now) for db in (stock.db, other_db))
    )
    assert len([one for one in claims if one is not None]) == 1


def test_a_worker_that_died_has_sent_it_or_not_and_nobody_sends_it_again(stock: Stock) -> None:
    link = linked(stock)
    ask(stock, link)
    errand = claim(stock)
    codes.write_down(stock.db, errand, code_mac="mac-new")
    assert codes.claim(stock.db, client=stock.client, now=stock.now) is None
    stock.turn(LEASE_OVER)
    assert codes.claim(stock.db, client=stock.client, now=stock.now) is None
    assert stock.rows(t.code_requests, link_id=link)[0]["state"] == "unknown"
    assert verdict(stock, link, "mac-new") is CodeVerdict.RIGHT
    late = codes.record(
        stock.db, errand, state="sent", started_at=stock.now, now=stock.now, outcome="accepted", answer=""
    )
    assert not late, "its record comes too late"


def test_the_first_code_is_owed_when_the_link_is_handed_over(stock: Stock) -> None:
    claimed = stock.sending()
    earlier = stock.link(claimed.id, code="")
    newest = stock.link(claimed.id, code="")
    assert codes.claim(stock.db, client=stock.client, now=stock.now) is None, "not before"
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    errand = send(stock, "sent")
    assert (errand.kind, errand.link_id) == ("first", newest)
    assert stock.rows(t.code_requests, link_id=earlier) == []
    assert verdict(stock, newest, "") is not CodeVerdict.RIGHT
    assert verdict(stock, earlier, "") is CodeVerdict.WRONG, "no code opens a link that has none"
    assert verdict(stock, newest, "mac-new") is CodeVerdict.RIGHT


def test_a_first_code_that_is_refused_refuses_the_delivery(stock: Stock) -> None:
    linked(stock, code="")
    errand = send(stock, "refused")
    (delivery,) = stock.deliveries(errand.invoice_id)
    assert delivery.state == DeliveryState.REFUSED
    assert "code" in (delivery.ended_reason or "")


def test_other_channels_owe_no_code(stock: Stock) -> None:
    stock.sent(channel=Channel.EMAIL_PDF)
    assert codes.claim(stock.db, client=stock.client, now=stock.now) is None
