"""Reports: counts that meet at both ends of any time, one row a day; what the completeness check reads and keeps."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from tests.unit.store.stocked import LEASE_OVER, MINUTE, NOW, Stock, at_once
from worker.model.channel import Channel
from worker.model.completeness import Completeness, Finding, Lack
from worker.model.journey import DeliveryEvent
from worker.model.parked import ParkedReason
from worker.store import completeness, holding, invoices, report_days, reports
from worker.store.database import Database

DAY = date(2026, 11, 25)


def busy(stock: Stock, chance: random.Random, steps: int) -> None:
    """Things happen to the client's invoices, a minute apart."""
    known: list[int] = []
    for _ in range(steps):
        stock.now += MINUTE
        match chance.choice(("new", "new", "deliver", "deliver", "again", "tell", "withdraw", "park")):
            case "new":
                known.append(stock.routed(chance.choice(list(Channel))))
            case "deliver" if claimed := stock.try_claim():
                stock.record(claimed, chance.choice((DeliveryEvent.ACCEPTED, DeliveryEvent.REFUSED)))
            case "again":
                for invoice_id in known:
                    last = stock.deliveries(invoice_id)[-1]
                    if last.state == "refused" and stock.state(invoice_id) != "withdrawn":
                        stock.next_channel(last, expire=False)
                        break
            case "tell" if claimed := stock.try_postback():
                stock.tell(claimed, "done")
            case "withdraw" if known:
                chosen = chance.choice(known)
                if stock.state(chosen) != "withdrawn":
                    holding.withdraw(stock.db, chosen, note="by hand", by="kari", now=stock.now)
            case "park" if known:
                chosen = chance.choice(known)
                if stock.state(chosen) not in ("withdrawn", "parked"):
                    invoices.park(stock.db, chosen, ParkedReason.NO_CHANNEL_LEFT, "x", now=stock.now)
            case _:
                pass


@pytest.mark.parametrize("seed", [1])
def test_whatever_happens_the_counts_meet(stock: Stock, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's choices
    busy(stock, chance, 40)
    for _ in range(6):
        begin, end = sorted(chance.sample(range(42), 2))
        day = report_days.of_client(stock.db, client=stock.client, since=NOW + begin * MINUTE, until=NOW + end * MINUTE)
        assert day.foots, (begin, end)
    whole = report_days.of_client(stock.db, client=stock.client, since=NOW, until=NOW + timedelta(hours=2))
    assert whole.before == 0
    assert len(whole.taken) > 5
    assert whole.first_time > 1


def test_a_report_is_sent_once_whoever_tries(db: Database, other_db: Database, stock: Stock) -> None:
    began = at_once(
        *(
            lambda db=one: reports.begin(db, client=stock.client, day=DAY, since=NOW, until=NOW + MINUTE, now=NOW)
            for one in (db, other_db)
        )
    )
    assert began[0] == began[1]
    claims = at_once(*(lambda db=one: reports.claim(db, began[0].id, now=NOW) for one in (db, other_db)))
    [taken] = [claim for claim in claims if claim is not None]
    assert reports.record(db, taken, state="sent", answer="250 OK", now=NOW + MINUTE)
    assert reports.claim(db, taken.id, now=NOW + LEASE_OVER) is None
    sent = reports.of_day(db, client=stock.client, day=DAY)
    assert sent is not None
    assert (sent.state, sent.sent_at) == ("sent", NOW + MINUTE)
    assert reports.told_until(db, client=stock.client, day=DAY + timedelta(days=1)) == NOW + MINUTE
    assert reports.told_until(db, client=stock.client, day=DAY) is None


def test_what_a_dead_worker_was_sending_may_have_arrived(db: Database, stock: Stock) -> None:
    row = reports.begin(db, client=stock.client, day=DAY, since=NOW, until=NOW, now=NOW)
    taken = reports.claim(db, row.id, now=NOW)
    assert taken is not None
    assert reports.claim(db, row.id, now=NOW + MINUTE) is None, "its worker may be at it still"
    assert reports.claim(db, row.id, now=NOW + LEASE_OVER) is None
    closed = reports.of_day(db, client=stock.client, day=DAY)
    assert closed is not None
    assert closed.state == "unknown"
    assert not reports.record(db, taken, state="sent", answer="late", now=NOW + LEASE_OVER), "its word comes too late"


def test_what_waited_all_day_is_given_up_once(db: Database, stock: Stock) -> None:
    row = reports.begin(db, client=stock.client, day=DAY, since=NOW, until=NOW + MINUTE, now=NOW)
    assert row not in reports.unsent(db, through=DAY), "not tried yet"
    taken = reports.claim(db, row.id, now=NOW)
    assert taken is not None
    reports.record(db, taken, state="ready", answer="451", now=NOW)
    [waits] = [one for one in reports.unsent(db, through=DAY) if one.client == stock.client]
    assert not [one for one in reports.unsent(db, through=DAY - timedelta(days=1)) if one.client == stock.client]
    assert reports.give_up(db, waits)
    assert not reports.give_up(db, waits)
    assert reports.claim(db, row.id, now=NOW) is None
    assert reports.told_until(db, client=stock.client, day=DAY + timedelta(days=3)) == NOW, "nobody has been told"


def test_what_the_check_compares(stock: Stock) -> None:
    told = stock.told().invoice_id
    waiting = stock.routed()
    since = stock.now + timedelta(days=1)
    rows = completeness.held(stock.db, client=stock.client, since=since)
    assert [row.id for row in rows] == [waiting], "what is done is left out when it is old"
    rows = completeness.held(stock.db, client=stock.client, since=stock.now)
    [done] = [row for row in rows if row.id == told]
    assert (done.told_at, done.telling, done.tries, done.erp_total) == (stock.now, "done", 1, "12500.50")
    assert done.registered_as in completeness.claim_names(stock.db, client=stock.client)
    assert [row.id for row in completeness.held_as(stock.db, client=stock.client, erp_ids=[done.erp_id])] == [told]


@pytest.mark.parametrize("finished", [True, False])
def test_what_the_check_found_is_kept_for_the_day(db: Database, stock: Stock, *, finished: bool) -> None:
    finding = Finding(lack=Lack.NOT_FETCHED, explained=False, owner="factor", number="5001", since=NOW, detail="Blåbær")
    found = Completeness(finished=finished, compared=3, findings=(finding,))
    earlier = Completeness(finished=True, compared=1, findings=())
    for one in (earlier, found):
        completeness.keep(db, client=stock.client, day=DAY, found=one, now=NOW)
    assert completeness.of_day(db, client=stock.client, day=DAY) == found
    assert completeness.of_day(db, client=stock.client, day=DAY + timedelta(days=1)) is None
