"""Slots: one run each, taken over from the dead, given back by who is told to stop, reported when missed."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.store.stocked import LEASE_OVER, MINUTE, NOW, Stock, at_once
from worker.store import slots
from worker.store.database import Database
from worker.store.slots import SlotKey

_days = itertools.count()


@pytest.fixture
def key(stock: Stock) -> SlotKey:
    return SlotKey(stock.client, "intake", NOW + timedelta(days=next(_days)))


def row(db: Database, key: SlotKey) -> slots.SlotRow:
    [found] = [r for r in slots.latest(db, client=key.client) if (r.job, r.slot) == (key.job, key.slot)]
    return found


def test_begun_once_and_ended(db: Database, key: SlotKey) -> None:
    assert slots.start(db, key, owner="a", now=NOW)
    assert not slots.start(db, key, owner="b", now=NOW) and not slots.start(db, key, owner="a", now=NOW)
    assert (row(db, key).state, row(db, key).owner, row(db, key).started_at) == ("running", "a", NOW)
    slots.finish(db, key, owner="a", state="done", summary={"fetched": 3}, now=NOW + MINUTE)
    ended = row(db, key)
    assert (ended.state, ended.summary, ended.ended_at) == ("done", {"fetched": 3}, NOW + MINUTE)
    assert not slots.start(db, key, owner="b", now=NOW + timedelta(days=1))
    assert not slots.missed(db, key, owner="b", now=NOW + timedelta(days=1))


def test_a_failed_run_is_tried_again_at_the_next_tick(db: Database, other_db: Database, key: SlotKey) -> None:
    assert slots.start(db, key, owner="a", now=NOW)
    slots.finish(db, key, owner="a", state="failed", summary={"failed_steps": 1}, now=NOW + MINUTE)
    assert not slots.start(db, key, owner="a", now=NOW + 5 * MINUTE)
    later = NOW + 10 * MINUTE
    assert sorted(at_once(*(lambda d=d: slots.start(d, key, owner="b", now=later) for d in (db, other_db)))) == [
        False,
        True,
    ]
    assert (row(db, key).state, row(db, key).owner, row(db, key).ended_at) == ("running", "b", None)
    slots.finish(db, key, owner="b", state="done", summary={}, now=later)
    assert not slots.start(db, key, owner="c", now=later + timedelta(hours=1))


def test_a_dead_run_between_the_slots_is_over_when_the_next_begins(db: Database, key: SlotKey) -> None:
    dead = SlotKey(key.client, "follow_up", key.slot)
    alive = SlotKey(key.client, "follow_up", key.slot + 10 * MINUTE)
    reported = SlotKey(key.client, "postback", key.slot)
    for one, begun in ((dead, NOW), (reported, NOW), (alive, NOW + 10 * MINUTE)):
        assert slots.start(db, one, owner="a", now=begun)
    now = NOW + LEASE_OVER
    for job in ("intake", "follow_up"):
        later = SlotKey(key.client, job, key.slot + 20 * MINUTE)
        assert slots.start(db, later, owner="b", now=now, ends_dead=job == "follow_up")
    assert (row(db, dead).state, row(db, dead).ended_at) == ("failed", now)
    assert row(db, alive).state == row(db, reported).state == "running", "its lease runs; another job's is not ours"


def test_other_clients_jobs_and_times_are_other_slots(db: Database, key: SlotKey) -> None:
    others = [
        SlotKey(key.client + "-2", key.job, key.slot),
        SlotKey(key.client, "postback", key.slot),
        SlotKey(key.client, key.job, key.slot + MINUTE),
    ]
    assert all(slots.start(db, other, owner="a", now=NOW) for other in (key, *others))
    slots.finish(db, key, owner="a", state="done", summary={}, now=NOW)
    assert [row(db, other).state for other in others] == ["running"] * 3


def test_a_slot_is_an_instant_whatever_zone_it_is_told_in(db: Database, stock: Stock) -> None:
    from worker.support.clock import OSLO

    at = datetime(2026, 10, 25, 7, 0, tzinfo=UTC)
    assert slots.start(db, SlotKey(stock.client, "intake", at), owner="a", now=NOW)
    assert not slots.start(db, SlotKey(stock.client, "intake", at.astimezone(OSLO)), owner="b", now=NOW)


def test_of_many_starters_one_wins(db: Database, other_db: Database, key: SlotKey) -> None:
    got = at_once(*(lambda n=n: slots.start((db, other_db)[n % 2], key, owner=f"w{n}", now=NOW) for n in range(6)))
    assert sorted(got) == [False] * 5 + [True]
    assert row(db, key).owner == f"w{got.index(True)}"


def test_heartbeat_keeps_it_and_a_dead_run_is_taken_over_by_one(db: Database, other_db: Database, key: SlotKey) -> None:
    slots.start(db, key, owner="a", now=NOW)
    beat = NOW + 9 * MINUTE
    assert slots.heartbeat(db, key, owner="a", now=beat)
    assert not slots.heartbeat(db, key, owner="b", now=beat)
    assert not slots.start(db, key, owner="b", now=NOW + slots.LEASE)
    over = beat + slots.LEASE
    got = at_once(*(lambda n=n: slots.start((db, other_db)[n % 2], key, owner=f"w{n}", now=over) for n in range(4)))
    assert sorted(got) == [False] * 3 + [True]
    winner = f"w{got.index(True)}"
    assert (row(db, key).owner, row(db, key).started_at) == (winner, over)
    assert not slots.heartbeat(db, key, owner="a", now=over)
    slots.finish(db, key, owner="a", state="failed", summary={}, now=over)  # the dead one wakes up
    assert row(db, key).state == "running"
    slots.finish(db, key, owner=winner, state="done", summary={}, now=over)
    assert row(db, key).state == "done"
    assert not slots.heartbeat(db, key, owner=winner, now=over)


def test_given_back_is_taken_at_once(db: Database, key: SlotKey) -> None:
    slots.start(db, key, owner="a", now=NOW)
    slots.give_back(db, key, owner="b", now=NOW)
    assert not slots.start(db, key, owner="b", now=NOW)
    slots.give_back(db, key, owner="a", now=NOW)
    assert slots.start(db, key, owner="b", now=NOW)
    slots.finish(db, key, owner="b", state="done", summary={}, now=NOW)
    slots.give_back(db, key, owner="b", now=NOW)  # what is done stays done
    assert not slots.start(db, key, owner="a", now=NOW + LEASE_OVER)


def test_missed_is_reported_by_one(db: Database, other_db: Database, key: SlotKey) -> None:
    got = at_once(*(lambda n=n: slots.missed((db, other_db)[n % 2], key, owner=f"w{n}", now=NOW) for n in range(4)))
    assert sorted(got) == [False] * 3 + [True]
    assert (row(db, key).state, row(db, key).ended_at) == ("missed", NOW)
    assert not slots.start(db, key, owner="a", now=NOW + LEASE_OVER)


def test_a_run_that_died_and_nobody_took_over_is_missed_too(db: Database, key: SlotKey) -> None:
    slots.start(db, key, owner="a", now=NOW)
    assert not slots.missed(db, key, owner="b", now=NOW + MINUTE)  # still running
    assert slots.missed(db, key, owner="b", now=NOW + LEASE_OVER)
    assert not slots.missed(db, key, owner="b", now=NOW + LEASE_OVER)
    slots.finish(db, key, owner="a", state="done", summary={}, now=NOW + LEASE_OVER)
    assert row(db, key).state == "missed"


def test_planned_runs_that_nobody_ran_or_that_died(db: Database, stock: Stock) -> None:
    def itself(one: tuple[str, datetime]) -> tuple[str, datetime]:
        return one

    planned = [("intake", NOW + timedelta(days=day)) for day in range(6)] + [("postback", NOW)]

    def unrun(now: datetime, client: str = stock.client) -> list[tuple[str, datetime]]:
        return slots.without_row(db, client=client, among=planned, key=itself, now=now)

    late = NOW + timedelta(days=7)
    assert unrun(late) == []  # nothing was ever run for this client: it was not ours
    keys = [SlotKey(stock.client, job, slot) for job, slot in planned]
    for key, state in ((keys[1], "done"), (keys[3], "failed")):
        slots.start(db, key, owner="a", now=key.slot)
        slots.finish(db, key, owner="a", state=state, summary={}, now=key.slot)
    slots.start(db, keys[4], owner="a", now=keys[4].slot)
    assert unrun(keys[4].slot + MINUTE) == [planned[2], planned[5]]
    assert unrun(late) == [planned[2], planned[4], planned[5]]  # begun, and its worker died
    assert unrun(late, stock.client + "-2") == []
    for key in (keys[2], keys[4], keys[5]):
        assert slots.missed(db, key, owner="b", now=late)
    assert unrun(late) == []
    assert slots.without_row(db, client=stock.client, among=[], key=itself, now=late) == []


def test_latest_first_and_no_more_than_asked(db: Database, stock: Stock) -> None:
    keys = [SlotKey(stock.client, "follow_up", NOW + n * MINUTE) for n in range(5)]
    for key in keys:
        slots.start(db, key, owner="a", now=NOW)
    assert [r.slot for r in slots.latest(db, client=stock.client, limit=3)] == [k.slot for k in reversed(keys[2:])]
