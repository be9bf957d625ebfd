"""Figures: what the store counts for whoever watches, on both databases."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.store.stocked import MINUTE, NOW, Stock
from worker.model.channel import Channel
from worker.model.parked import ParkedReason
from worker.store import figures, invoices, slots
from worker.store.database import Database
from worker.store.slots import SlotKey

HOUR = timedelta(hours=1)
JOBS = ("intake", "postback")


def read(stock: Stock) -> figures.Figures:
    return figures.read(stock.db, clients=[stock.client], jobs=JOBS, now=stock.now)


def test_invoices_are_counted_by_state_channel_and_reason_with_the_oldest(stock: Stock) -> None:
    stock.fetched()
    stock.turn(HOUR)
    stock.fetched()
    stock.routed(Channel.EHF)
    parked = stock.registered()
    invoices.park(stock.db, parked, reason=ParkedReason.KID_TAKEN, detail="", now=stock.now)
    resumed = stock.routed(Channel.LETTER)
    invoices.park(stock.db, resumed, reason=ParkedReason.REACH_UNKNOWN, detail="", now=stock.now)
    invoices.resume(stock.db, resumed, detail="", now=stock.now)
    told = [row for row in read(stock).invoices if row.client == stock.client]
    assert {(row.state, row.channel, row.reason): (row.count, row.oldest) for row in told} == {
        ("fetched", "", ""): (2, NOW),
        ("routed", "ehf", ""): (1, NOW + HOUR),
        ("routed", "letter", ""): (1, NOW + HOUR),
        ("parked", "", "kid_taken"): (1, NOW + HOUR),
    }


def test_what_is_on_its_way_is_counted(stock: Stock) -> None:
    before = read(stock)
    stock.routed(Channel.EFAKTURA)
    stock.sending(Channel.EFAKTURA)
    stock.sent(channel=Channel.EFAKTURA)
    after = read(stock)
    for state in ("ready", "sending"):
        assert _of(after.deliveries, "efaktura", state) - _of(before.deliveries, "efaktura", state) in (0, 1)
    assert sum(n for *_, n in after.deliveries) - sum(n for *_, n in before.deliveries) == 2
    assert sum(n for _, n in after.postbacks) - sum(n for _, n in before.postbacks) == 1


def _of(counts: list[tuple[str, str, int]], first: str, second: str) -> int:
    return sum(count for one, other, count in counts if (one, other) == (first, second))


def test_a_jobs_last_success_and_what_was_missed_lately(db: Database, stock: Stock) -> None:
    def slot(job: str, hours: int) -> SlotKey:
        return SlotKey(stock.client, job, NOW + hours * HOUR)

    for hours, state in ((0, "done"), (1, "done"), (2, "failed")):
        assert slots.start(db, slot("intake", hours), owner="a", now=NOW + hours * HOUR)
        slots.finish(db, slot("intake", hours), owner="a", state=state, summary={}, now=NOW + hours * HOUR + MINUTE)
    assert slots.missed(db, slot("postback", 3), owner="a", now=NOW + 5 * HOUR)
    stock.turn(6 * HOUR)
    told = {row.job: (row.last_success, row.missed) for row in read(stock).jobs}
    assert told == {"intake": (NOW + HOUR + MINUTE, 0), "postback": (None, 1)}
    stock.turn(timedelta(days=1))
    assert {row.job: row.missed for row in read(stock).jobs} == {"intake": 0, "postback": 0}


def test_without_clients_there_is_nothing_to_say_of_jobs(stock: Stock) -> None:
    assert figures.read(stock.db, clients=[], jobs=JOBS, now=NOW).jobs == []


def test_a_slot_is_told_by_client(db: Database, stock: Stock) -> None:
    key = SlotKey(stock.client, "intake", NOW + timedelta(days=400))
    assert slots.start(db, key, owner="a", now=NOW)
    assert slots.states(db, job="intake", slot=key.slot, clients=[stock.client, "nobody"]) == {stock.client: "running"}
