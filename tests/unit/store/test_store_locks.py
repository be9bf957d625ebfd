"""PostgreSQL's row locks, in one order everywhere: who needs an invoice waits before holding anything of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import text

from tests.unit.store.stocked import Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.model.parked import ParkedReason
from worker.store import invoices, links, moves, retrying, successors
from worker.store.database import Database
from worker.store.links import StoreLinkBook

# SQLite has one lock for everybody: nothing here can happen to it.
pytestmark = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)


@pytest.fixture
def other(stock: Stock, other_db: Database) -> Stock:
    """The same client, seen by another worker."""
    return Stock(other_db, stock.client, stock.now)


def test_who_looks_for_work_passes_over_what_is_held(stock: Stock, other: Stock) -> None:
    unknown = stock.sent(DeliveryEvent.UNKNOWN, Channel.LETTER)
    held, free = stock.routed(), stock.routed()
    with stock.db.begin() as tx:
        moves.invoice_row(tx, held)
        moves.invoice_row(tx, unknown.invoice_id)
        claimed = other.claim()  # at once, although the oldest is held
        assert claimed.invoice_id == free
        assert other.try_ask() is None
        assert other.recover() == 0
        other.fetched()  # new rows wait for nobody
    assert other.claim().invoice_id == held


def test_a_line_of_the_story_waits_for_nobody(stock: Stock, other: Stock) -> None:
    """A row that only refers to an invoice is written while somebody holds the invoice."""
    invoice_id = stock.registered()
    noting = threading.Thread(
        target=lambda: invoices.note_decision(other.db, invoice_id, reason="x", considered=[], now=other.now)
    )
    with stock.db.begin() as tx:
        moves.invoice_row(tx, invoice_id)
        noting.start()
        noting.join(10)
        waited = noting.is_alive()
    noting.join(10)
    assert not waited


def waiting(db: Database) -> bool:
    with db.begin() as tx:
        return bool(tx.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def recording(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    claimed = stock.sending()
    return claimed.invoice_id, claimed.id, lambda: stock.record(claimed, DeliveryEvent.ACCEPTED)


def opening(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    sent = stock.sent()
    link_id = stock.link(sent.id)
    book = StoreLinkBook(stock.db)
    return (
        sent.invoice_id,
        sent.id,
        lambda: book.try_code(link_id=link_id, code_mac="mac-right", caller="c", now=stock.now),
    )


def noting(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    claimed = stock.sending()
    StoreLinkBook(stock.db).try_code(link_id=stock.link(claimed.id), code_mac="mac-right", caller="c", now=stock.now)
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    return claimed.invoice_id, claimed.id, lambda: links.note_openings(stock.db, client=stock.client, now=stock.now)


def falling_back(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    sent = stock.sent()
    return sent.invoice_id, sent.id, lambda: stock.next_channel(sent, expire=True)


def refusing(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    [ready] = stock.deliveries(stock.routed(Channel.EHF))
    return ready.invoice_id, ready.id, lambda: successors.refuse_ready(stock.db, ready, reason="x", now=stock.now)


def retry(stock: Stock) -> tuple[int, int, Callable[[], object]]:
    unknown = stock.sent(DeliveryEvent.UNKNOWN)
    invoices.park(stock.db, unknown.invoice_id, ParkedReason.SENT_UNKNOWN, "x", now=stock.now)
    return (
        unknown.invoice_id,
        unknown.id,
        lambda: retrying.retry(stock.db, unknown.invoice_id, arrived=True, new_key="unused", now=stock.now),
    )


@pytest.mark.parametrize("scene", [recording, opening, noting, falling_back, refusing, retry])
def test_nobody_holds_a_delivery_while_waiting_for_its_invoice(
    stock: Stock, other: Stock, scene: Callable[[Stock], tuple[int, int, Callable[[], object]]]
) -> None:
    invoice_id, delivery_id, work = scene(other)
    trouble: list[BaseException] = []

    def do() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - told to the test below
            trouble.append(error)

    thread = threading.Thread(target=do)
    with stock.db.begin() as tx:
        moves.invoice_row(tx, invoice_id)
        thread.start()
        deadline = time.monotonic() + 10
        while thread.is_alive() and not waiting(stock.db) and time.monotonic() < deadline:
            time.sleep(0.01)
        moves.delivery_row(tx, delivery_id)  # a deadlock here if the other one had taken it first
    thread.join(10)
    assert not thread.is_alive() and trouble == []
