"""Who runs a slot, and what becomes of one that nobody ran."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from tests.support.flow import DAY, OWNER, Flow, business, person
from worker.day import JOBS, Due
from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.rounds import tick
from worker.runs import run_now, run_slot
from worker.store import slots
from worker.store.database import Database
from worker.store.slots import SlotKey
from worker.wiring import build_house

pytestmark = pytest.mark.anyio

EIGHT = "2026-11-25T08:00:00+01:00"
HALF_PAST_TEN = "2026-11-25T10:30:00+01:00"


def _started(house: Flow) -> list[tuple[str, str]]:
    return [(line["job"], line["slot"]) for line in house.events("run.started")]


async def test_two_workers_run_a_slot_once(house: Flow) -> None:
    for number in range(5001, 5005):
        house.invoice(number, person())
    house.turn(8)
    twin = build_house(house.house.settings, house.clock)
    try:
        both = await asyncio.gather(
            tick(house.house, house.clients, owner="one"), tick(twin, house.clients, owner="other")
        )
    finally:
        await twin.aclose()
    assert sorted(_started(house)) == [("fallback", EIGHT), ("intake", EIGHT)]
    assert len(both[0]) + len(both[1]) == 2
    assert {house.state(n) for n in range(5001, 5005)} == {"delivered"}
    assert len(house.mails()) == 4


async def test_a_worker_started_late_runs_the_slot_it_missed(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8, 20)
    assert ("intake", EIGHT) in _started(house)
    assert house.state(5001) == "delivered"
    await house.at(8, 30)
    assert [slot for slot in _started(house) if slot[0] == "intake"] == [("intake", EIGHT)]


async def test_the_later_slot_does_the_work_of_both(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(11)
    assert [slot for slot in _started(house) if slot[0] == "intake"] == [("intake", HALF_PAST_TEN)]
    assert house.state(5001) == "delivered"
    missed = [(line["job"], line["slot"]) for line in house.events("slot.missed")]
    assert missed == [("intake", EIGHT), ("fallback", EIGHT)]


async def test_too_late_is_reported_once_and_not_run(house: Flow) -> None:
    house.invoice(5001, person())
    for minute in (0, 10, 20):
        await house.at(14, minute)
    missed = [(line["job"], line["slot"], line["level"]) for line in house.events("slot.missed")]
    assert missed == [
        (job, slot, "error") for job in ("intake", "fallback") for slot in (EIGHT, HALF_PAST_TEN)
    ]  # fmt: skip
    assert not [job for job, _ in _started(house) if job == "intake"]
    await house.at(8, day=DAY + timedelta(days=1))
    assert house.state(5001) == "delivered", "the next morning takes it up"


@pytest.mark.parametrize(
    "day",
    [date(2026, 12, 24), date(2027, 5, 17), date(2026, 11, 28), date(2027, 3, 28), date(2026, 10, 25)],
    ids=["24 December", "17 May", "a Saturday", "the short night", "the long night"],
)
async def test_on_a_closed_day_nothing_runs_and_nothing_is_missed(house: Flow, day: date) -> None:
    house.turn(7, day=day)
    house.invoice(5001, person())
    for hour in (8, 11, 16, 20):
        assert await house.at(hour, day=day) == []
    assert house.log() == []


async def test_a_slot_begun_by_a_worker_that_died_is_taken_over_within_its_window(house: Flow) -> None:
    house.invoice(5001, person())
    house.turn(8)
    eight = house.clock.now()
    assert slots.start(house.house.db, SlotKey("nordlys", "intake", eight), owner="dead", now=eight)
    await house.at(8, 5)
    assert ("intake", EIGHT) not in _started(house), "it may still be alive"
    await house.at(8, 11)
    assert ("intake", EIGHT) in _started(house)
    assert house.state(5001) == "delivered"


async def test_a_worker_told_to_stop_leaves_its_slot_to_the_next_one(house: Flow) -> None:
    house.invoice(5001, person())
    house.turn(8)
    stopping = build_house(house.house.settings, house.clock)
    due = Due(JOBS["intake"], house.clock.now(), True)
    try:
        running = asyncio.create_task(run_slot(stopping, house.clients[0], due, owner="stopping"))
        await asyncio.sleep(0)  # it has begun; now it is told to stop
        stopping.halt.call()
        summary = await running
        assert summary is not None
        assert summary["halted"] == 1
        assert await run_slot(stopping, house.clients[0], due, owner="stopping") is None, "nothing new is begun"
    finally:
        await stopping.aclose()
    assert house.state(5001) != "delivered"
    await house.at(8, 1)  # the new version is up a minute later
    assert house.state(5001) == "delivered"
    assert len(house.mails()) == 1


async def test_a_whole_day_with_nobody_at_work_is_told_the_next_morning(house: Flow) -> None:
    house.invoice(5001, person())
    for hour, minute in ((8, 0), (10, 30), (15, 30)):
        await house.at(hour, minute)
    assert house.events("slot.missed") == []
    # Thursday passes with the worker down; Friday's first look tells of it, once, and Saturday is no loss.
    await house.at(8, day=DAY + timedelta(days=2))
    missed = [(line["job"], line["slot"][:16]) for line in house.events("slot.missed")]
    assert ("postback", "2026-11-26T15:30") in missed
    assert {slot[:10] for _, slot in missed} == {"2026-11-26"}
    told = len(missed)
    await house.at(10, 30, day=DAY + timedelta(days=2))
    assert len(house.events("slot.missed")) == told


class _Flickering(Database):
    """A database that cannot be written while `down`."""

    down = False

    @contextmanager
    def begin(self) -> Generator[Connection]:
        if self.down:
            raise OperationalError("update", {}, Exception("server closed the connection"))
        with super().begin() as tx:
            yield tx


class _LookupWhileDown:
    """The database is away while the network is asked."""

    def __init__(self, db: _Flickering) -> None:
        self._db = db

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        self._db.down = True
        await asyncio.sleep(0.1)
        self._db.down = False
        return ReachAnswer(Reach.YES, participant, kind, "registered")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_a_heartbeat_that_fails_once_neither_stops_nor_spoils_the_run(house: Flow) -> None:
    house.invoice(5001, business(), reachable=True)
    house.turn(8)
    db = _Flickering(house.house.settings.database_url)
    shaky = replace(house.house, db=db, lookup=_LookupWhileDown(db))
    due = Due(JOBS["intake"], house.clock.now(), True)
    try:
        summary = await run_slot(shaky, house.clients[0], due, owner=OWNER, beat_seconds=0.02)
    finally:
        db.close()
    assert summary is not None
    assert summary["confirmed"] == 1
    (run,) = slots.latest(house.house.db, client="nordlys")
    assert (run.job, run.state) == ("intake", "done")
    assert house.events("lease.renewal_failed")


class _SlowLookup:
    """No answer in time; meanwhile another worker has done the whole job."""

    def __init__(self, house: Flow) -> None:
        self._house = house

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        await self._house.job("intake")
        return ReachAnswer(Reach.UNKNOWN, participant, kind, "no answer")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_a_late_verdict_does_not_park_what_another_worker_has_delivered(house: Flow) -> None:
    house.invoice(5001, business(), reachable=True)
    house.turn(8)
    client, slow = house.clients[0], replace(house.house, lookup=_SlowLookup(house))
    summary = await run_now(slow, client, "intake")
    assert summary["overtaken"] == 1
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert house.state(5001) == "delivered"


def intake_states(house: Flow) -> list[str]:
    rows = slots.latest(house.house.db, client="nordlys", limit=100)
    return [row.state for row in rows if row.job == "intake"]


async def test_an_erp_that_refuses_the_list_is_no_success_and_is_asked_again_at_the_next_look(house: Flow) -> None:
    """Nobody must learn at half past ten that the eight o'clock run fetched nothing."""
    house.invoice(5001, person())
    house.erp().trouble.list_refused_next = 1
    await house.at(8)
    assert (intake_states(house), house.mails()) == (["troubled"], [])
    assert "troubled" in house.command("status").stdout
    await house.at(8, 10)
    assert intake_states(house) == ["done"]
    assert house.state(5001) == "delivered"
    assert len(house.events("run.started", job="intake")) == 2
