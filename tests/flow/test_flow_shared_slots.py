"""Several workers on one database: each slot once, the work shared, nothing twice; and days that are not as others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from tests.support.databases import Servers
from tests.support.flow import DAY, Flow, business, client_plan, flow, person
from worker.day import JOBS, Due
from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.rounds import tick
from worker.runs import run_slot
from worker.support.clock import oslo, oslo_date
from worker.wiring import House, build_house

pytestmark = pytest.mark.anyio
NUMBERS = (5001, 5002)
EIGHT = Due(JOBS["intake"], oslo(DAY, time(8)), True)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("shared-slots"))
    yield made
    made.close()


@asynccontextmanager
async def workers(house: Flow, count: int) -> AsyncGenerator[list[House]]:
    """So many workers beside each other, each with doors of its own."""
    async with AsyncExitStack() as exits:
        made = [build_house(house.house.settings, house.clock) for _ in range(count)]
        for one in made:
            exits.push_async_callback(one.aclose)
        yield made


async def _tick_together(house: Flow, several: list[House]) -> None:
    await asyncio.gather(*(tick(one, house.clients, owner=f"w{n}") for n, one in enumerate(several)))


def _slots_run(house: Flow) -> Counter[tuple[str, str, str]]:
    return Counter((line["client"], line["job"], line["slot"]) for line in house.events("run.started"))


async def test_a_day_of_three_workers_runs_each_slot_once_and_tells_everybody_once(
    tmp_path: Path, servers: Servers
) -> None:
    """On PostgreSQL; test_flow_slots.py has two on SQLite."""
    settings = {"DATABASE_URL": servers.new_migrated_url("postgresql")}
    async with flow(tmp_path, client_plan(), client_plan("fjordvik"), settings=settings) as house:
        for client in house.plans:
            for at in NUMBERS:
                house.invoice(at, person(), client=client)
        async with workers(house, 3) as several:
            for hour, minute in ((8, 0), (10, 30), (15, 30)):
                house.turn(hour, minute)
                await _tick_together(house, several)
        ran = _slots_run(house)
        assert set(ran.values()) == {1}
        assert {job for _, job, _ in ran} >= {"intake", "fallback", "follow_up", "postback", "settlement"}
        assert len(ran) == 2 * len({(job, slot) for _, job, slot in ran}), "of both clients"
        for client in house.plans:
            assert {house.state(at, client) for at in NUMBERS} == {"posted_back"}
            assert [len(house.told(at, client)) for at in NUMBERS] == [1, 1]
        assert len(house.mails()) == 4
        assert not house.events("invoice.unexpected") and not house.events("step.failed")
        assert not house.events("slot.missed")


class _Gate:
    """A look-up that lasts until it is let go; meanwhile other things happen."""

    def __init__(self) -> None:
        self.asked, self.open = asyncio.Event(), asyncio.Event()

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        self.asked.set()
        await self.open.wait()
        return ReachAnswer(Reach.YES, participant, kind, "registered")

    async def aclose(self) -> None:
        """Nothing is held open."""


async def test_a_slot_still_running_when_the_next_ones_come(house: Flow) -> None:
    """Another worker runs the next job's slot, and the same job's, beside it; the work is done once."""
    house.invoice(5001, business(), reachable=True)
    gate = _Gate()
    slow = replace(house.house, lookup=gate)
    house.turn(8)
    running = asyncio.create_task(run_slot(slow, house.clients[0], EIGHT, owner="slow", beat_seconds=0.01))
    await gate.asked.wait()
    house.invoice(5002, person())
    for hour, minute in ((8, 9), (8, 18), (10, 30)):
        house.turn(hour, minute)
        await asyncio.sleep(0.05)  # its sign of life
        await tick(house.house, house.clients, owner="other")
    assert (house.state(5001), house.state(5002)) == ("delivered", "delivered")
    gate.open.set()
    summary = await running
    assert summary is not None and summary["failed_steps"] == 0
    ran = _slots_run(house)
    assert set(ran.values()) == {1}, "the slow one is alive, so nobody takes its slot over"
    assert {slot[11:16] for _, job, slot in ran if job == "intake"} == {"08:00", "10:30"}
    assert (len(house.world.ehf_submissions), len(house.mails())) == (1, 1)
    assert not house.events("lease.lost") and not house.events("invoice.unexpected")


async def test_a_clock_that_is_set_back_an_hour_runs_nothing_again(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    await house.at(8, 10)
    house.invoice(5002, person(10002, "Per Åsen", "per.asen@privat.example"))
    ran = _slots_run(house)
    for minute in (10, 30, 50):
        await house.at(7, minute)  # it was put right: seven o'clock once more
    await house.at(8)
    await house.at(8, 10)
    assert _slots_run(house) == ran, "neither before nor at the slots' times"
    await house.at(10, 30)
    assert {house.state(5001), house.state(5002)} == {"delivered"}
    assert len(house.mails()) == 2
    assert set(_slots_run(house).values()) == {1}
    assert house.events("slot.missed") == []


async def test_a_clock_that_is_set_back_while_a_slot_runs(house: Flow) -> None:
    house.invoice(5001, business(), reachable=True)
    gate = _Gate()
    slow = replace(house.house, lookup=gate)
    house.turn(8)
    running = asyncio.create_task(run_slot(slow, house.clients[0], EIGHT, owner="slow", beat_seconds=0.01))
    await gate.asked.wait()
    house.turn(7)
    await asyncio.sleep(0.05)  # its lease is now counted from seven
    await tick(house.house, house.clients, owner="other")
    house.turn(8)
    await asyncio.sleep(0.05)
    await tick(house.house, house.clients, owner="other")
    gate.open.set()
    await running
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert Counter(_slots_run(house).values()) == {1: 2}, "intake and fallback"
    assert len(house.world.ehf_submissions) == 1


async def test_over_easter_and_the_short_night_nothing_is_missed_and_nothing_runs(tmp_path: Path) -> None:
    """tests/unit/test_day.py has the other closed days, the long night and the leap day."""
    before, after = date(2027, 3, 24), date(2027, 3, 30)
    async with flow(tmp_path, start=oslo(before, JOBS["intake"].times[0])) as house:
        for hour, minute in ((8, 0), (10, 30), (15, 30), (16, 0), (17, 0)):
            await house.at(hour, minute, day=before)
        on_the_day = set(_slots_run(house))
        day = before + timedelta(days=1)
        while day < after:
            for hour in (2, 8):
                await house.at(hour, 30, day=day)
            day += timedelta(days=1)
        assert set(_slots_run(house)) == on_the_day
        await house.at(8, day=after)
        new = {(job, slot) for _, job, slot in set(_slots_run(house)) - on_the_day}
        assert {job for job, _ in new} == {"intake", "fallback"}
        assert {slot[:16] for _, slot in new} == {f"{after}T08:00"}
        assert house.events("slot.missed") == []
        assert oslo_date(house.clock.now()) == after
