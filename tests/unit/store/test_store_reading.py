"""Questions people ask: true counts, whole stories, and references that are only ever data."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from tests.unit.store.stocked import LEASE_OVER, MINUTE, NOW, Stock, count
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.store import invoices, reading
from worker.store import tables as t
from worker.store.database import Database

_kids = itertools.count(1)


def test_an_empty_client(db: Database, stock: Stock) -> None:
    status = reading.client_status(db, client=stock.client)
    assert (status.states, status.channels, status.parked, status.warnings) == ({}, {}, {}, {})
    assert status.oldest_undelivered is None
    assert stock.client not in reading.clients_known(db)
    assert reading.parked(db, client=stock.client) == []


def test_counts_are_the_clients_own(stock: Stock) -> None:
    other = Stock(stock.db, stock.client + "-2", NOW - LEASE_OVER)
    other.told()
    stock.told()
    stock.turn(MINUTE)
    for _ in range(2):
        stock.routed(Channel.LETTER)
    for reason in (ParkedReason.KID_TAKEN, ParkedReason.KID_TAKEN, ParkedReason.WRONG_SELLER):
        invoices.park(stock.db, stock.fetched(), reason, "x", now=stock.now)
    noted = stock.fetched()
    found = {InvoiceWarning.MISSING_PHONE: "", InvoiceWarning.MISSING_EMAIL: ""}
    invoices.set_warnings(stock.db, noted, found, among=found, now=stock.now)
    status = reading.client_status(stock.db, client=stock.client)
    assert status.states == {"fetched": 1, "parked": 3, "posted_back": 1, "routed": 2}
    assert status.channels == {"email_link": 1, "letter": 2}
    assert status.parked == {"kid_taken": 2, "wrong_seller": 1}
    assert status.warnings == {"missing_email": 1, "missing_phone": 1}
    assert status.oldest_undelivered == stock.now  # what was delivered before does not count
    assert {stock.client, other.client} <= set(reading.clients_known(stock.db))


def test_the_worklist_oldest_first(stock: Stock) -> None:
    ids = [stock.fetched() for _ in range(3)]
    for invoice_id in reversed(ids):
        invoices.park(stock.db, invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)
    assert [row.id for row in reading.parked(stock.db, client=stock.client)] == ids
    assert set(ids) <= {row.id for row in reading.parked(stock.db)}
    unexpected = invoices.parked_for(stock.db, client=stock.client, reasons=[ParkedReason.UNEXPECTED])
    assert [row.id for row in unexpected] == ids
    assert invoices.parked_for(stock.db, client=stock.client, reasons=[ParkedReason.KID_TAKEN]) == []
    assert set(ids) <= {row.id for row in reading.all_invoices(stock.db)}


def found(stock: Stock, reference: str) -> list[int]:
    return [row.id for row in reading.find(stock.db, reference)]


def test_found_by_id_number_client_number_kid_and_erp_id(stock: Stock) -> None:
    number, erp_id = f"N-{stock.client}", f"E-{stock.client}"
    invoice_id = stock.fetched(number=number, erp_id=erp_id)
    kid = f"9{next(_kids):012d}"
    invoices.keep(stock.db, invoice_id, now=stock.now, kid=kid)
    for reference in (str(invoice_id), number, f"{stock.client}/{number}", kid, erp_id):
        assert found(stock, reference) == [invoice_id]
    for reference in (
        "",
        "0",
        "-1",
        f"nobody/{number}",
        f"{stock.client}/",
        "/",
        "9" * 18,
        "9" * 40,
        f" {invoice_id}",
        "id:",
        "id:0",
        f"id:{number}",
        f"id: {invoice_id}",
    ):
        assert found(stock, reference) == []


def test_two_clients_with_the_same_number(stock: Stock) -> None:
    other = Stock(stock.db, stock.client + "-2")
    number = f"77-{stock.client}"
    ids = [stock.fetched(number=number), other.fetched(number=number)]
    assert found(stock, number) == ids
    assert found(stock, f"{other.client}/{number}") == [ids[1]]


def test_a_number_may_hold_a_slash(stock: Stock) -> None:
    number = f"2026/{stock.client}/7"
    invoice_id = stock.fetched(number=number)
    assert found(stock, number) == [invoice_id]
    assert found(stock, f"{stock.client}/{number}") == [invoice_id]


def test_our_own_id_may_be_anothers_number_and_is_no_kid_with_leading_zeros(stock: Stock) -> None:
    first = stock.fetched()
    second = stock.fetched(number=str(first))
    third = stock.fetched(erp_id=str(first))
    assert found(stock, str(first)) == [first, second, third], "nobody knows which one was meant"
    assert found(stock, f"id:{first}") == [first]
    assert found(stock, f"{stock.client}/{first}") == [second]
    padded = f"{first:025d}"
    invoices.keep(stock.db, second, now=stock.now, kid=padded)
    assert found(stock, padded) == [second]
    long_kid = f"{first}{'0' * (25 - len(str(first)))}"[:25]
    invoices.keep(stock.db, second, now=stock.now, kid=long_kid)
    assert found(stock, long_kid) == [second]


@pytest.mark.parametrize(
    "reference",
    [
        "1 OR 1=1", "' OR '1'='1", "'; DROP TABLE invoices; --", 'x" OR "1"="1', "nordlys/' OR 1=1 --", "%", "_", "*",
        "%(client)s", ":number", "\x00", "1\x00", "\ud800", "²", "١٢٣", "1e3", "0x1f", "\\", "é" * 5000,
    ],
)  # fmt: skip
def test_hostile_references_find_nothing_and_do_nothing(stock: Stock, reference: str) -> None:
    stock.told()
    before = stock.seen()
    assert found(stock, reference) == []
    assert reading.parked(stock.db, client=reference) == []
    assert reading.client_status(stock.db, client=reference).states == {}
    assert stock.seen() == before


def test_the_story_is_whole_and_in_order(stock: Stock) -> None:
    link = stock.sent()
    stock.sent()  # somebody else's story
    found = {InvoiceWarning.MISSING_PHONE: "mobil"}
    invoices.set_warnings(stock.db, link.invoice_id, found, among=found, now=stock.now)
    stock.tell(stock.postback(), "done", text="Lenke sendt")
    letter_id = stock.next_channel(link, expire=True)
    letter = stock.claim(Channel.LETTER)
    stock.record(letter, DeliveryEvent.TRY_LATER, due_at=stock.now, answer="disk full")
    stock.record(stock.claim(Channel.LETTER), DeliveryEvent.ACCEPTED)
    other_first = stock.postback()  # the other invoice's
    stock.tell(other_first, "done")
    stock.tell(stock.postback(), "done", text="Brev sendt")
    story = reading.story(stock.db, link.invoice_id)
    assert story.invoice == stock.invoice(link.invoice_id)
    assert story.warnings == [("missing_phone", "mobil")]
    assert [d.channel for d in story.decisions] == ["email_link", "letter"]
    assert [d.id for d in story.deliveries] == [link.id, letter_id]
    assert [(a.subject, a.outcome) for a in story.attempts] == [
        ("delivery", "accepted"), ("postback", "done"), ("delivery", "try_later"), ("delivery", "accepted"),
        ("postback", "done"),
    ]  # fmt: skip
    assert [(p.kind, p.text) for p in story.postbacks] == [("delivered", "Lenke sendt"), ("status", "Brev sendt")]
    assert [e.event for e in story.events] == [
        "fetched", "check_passed", "stamping_done", "registration_done", "route_chosen", "delivery_claimed",
        "delivery_started", "delivery_accepted", "handed_over", "erp_told", "delivery_expired", "delivery_claimed",
        "delivery_try_later", "delivery_claimed", "delivery_accepted", "erp_status_told",
    ]  # fmt: skip
    with pytest.raises(LookupError):
        reading.story(stock.db, 2**40)


def test_a_subjects_attempts_are_not_mixed_up(stock: Stock) -> None:
    """Deliveries and postbacks number their rows alike."""
    link = stock.told()
    with stock.db.begin() as tx:
        tx.execute(
            insert(t.attempts).values(
                subject="postback", subject_id=link.id + 10**6, fence=1, act="send", started_at=NOW, ended_at=NOW,
                outcome="somebody's",
            )
        )  # fmt: skip
    assert "somebody's" not in {a.outcome for a in reading.story(stock.db, link.invoice_id).attempts}


def test_reading_waits_for_no_writer(stock: Stock, other_db: Database) -> None:
    link = stock.told()
    with stock.db.begin() as tx:
        tx.execute(t.invoices.update().where(t.invoices.c.id == link.invoice_id).values(number="unwritten"))
        assert reading.story(other_db, link.invoice_id).invoice.number != "unwritten"
        assert reading.client_status(other_db, client=stock.client).states == {"posted_back": 1}


# SQLite has no transaction that refuses writing; its readers take no lock.
@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_who_only_reads_cannot_write(stock: Stock) -> None:
    before = count(stock.db, t.slots)
    with pytest.raises(DBAPIError, match="read-only"), stock.db.read() as tx:
        tx.execute(t.portal_guards.insert().values(prefix="x", window_start=NOW))
    assert count(stock.db, t.slots) == before
    stock.told()  # the connection went back able to write
