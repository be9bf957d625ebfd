"""Turns under a limit: evenly spaced, fair, never made up for in a burst."""

from __future__ import annotations

import asyncio
import heapq
import random
import time
from bisect import bisect_left
from collections.abc import Callable
from itertools import count

import pytest

from worker.support.pace import LONGEST_HOLD, SLOWER, FairPacer, OwnBudget

pytestmark = pytest.mark.anyio


class Naps:
    def __init__(self) -> None:
        self.taken: list[float] = []
        self.now = 100.0

    async def __call__(self, seconds: float) -> None:
        if seconds:
            self.taken.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


async def test_an_even_pacer_never_lets_a_burst_through() -> None:
    naps = Naps()
    pacer = FairPacer(50, monotonic=lambda: naps.now, sleep=naps)
    moments: list[float] = []
    for _ in range(120):
        await pacer.turn()
        moments.append(naps.now)
    assert _busiest(moments) <= 50


async def test_a_stalled_pacer_does_not_catch_up() -> None:
    naps = Naps()

    async def overslept(seconds: float) -> None:
        await naps(seconds + 0.5)

    pacer = FairPacer(50, monotonic=lambda: naps.now, sleep=overslept)
    await pacer.turn()
    for _ in range(3):
        before = naps.now
        await pacer.turn()
        assert naps.now - before >= 0.5


async def test_a_pacer_does_not_hold_back_after_a_pause() -> None:
    naps = Naps()
    pacer = FairPacer(50, monotonic=lambda: naps.now, sleep=naps)
    await pacer.turn()
    naps.now += 10
    await pacer.turn()
    assert naps.taken == []


async def test_a_client_with_five_thousand_waits_its_turn_beside_one_with_five() -> None:
    naps, order = Naps(), list[str]()
    pacer = FairPacer(50, block=5, monotonic=lambda: naps.now, sleep=naps)

    async def work(who: str, wanted: int) -> None:
        line = pacer.line(who)
        for _ in range(wanted):
            await line.turn()
            order.append(who)

    many = [asyncio.create_task(work("large", 100)) for _ in range(10)]
    await asyncio.sleep(0)
    await asyncio.gather(work("small", 5), work("smaller", 3))
    assert len(order) <= 2 * 5 + 3 + 5  # the two small ones were done within a few rounds
    for task in many:
        task.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_at_least_nineteen_turns_of_twenty_are_used() -> None:
    naps = Naps()
    pacer = FairPacer(50, block=5, monotonic=lambda: naps.now, sleep=naps)
    start = naps.now
    await asyncio.gather(*(pacer.turn(str(place % 7)) for place in range(500)))
    assert 0.95 <= 500 / (naps.now - start) / 50 <= 1.0
    assert SLOWER <= 1.05


async def test_a_pause_holds_everybody_and_is_never_long() -> None:
    naps = Naps()
    pacer = FairPacer(50, monotonic=lambda: naps.now, sleep=naps)
    await pacer.line("one").hold(7)
    await pacer.line("another").turn()
    assert naps.now == pytest.approx(107)
    await pacer.hold(86400)
    await pacer.turn()
    assert naps.now == pytest.approx(107 + LONGEST_HOLD)


async def test_who_gave_up_waiting_takes_nobodys_turn() -> None:
    naps = Naps()
    pacer = FairPacer(50, monotonic=lambda: naps.now, sleep=naps)
    gone = asyncio.create_task(pacer.turn("a"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    await pacer.turn("b")
    await pacer.turn("a")


class Slow(OwnBudget):
    """Its answer takes so long to come."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def reserve(self, turns: int, *, spacing: float, lead: float) -> float:
        first = super().reserve(turns, spacing=spacing, lead=lead)
        time.sleep(self._seconds)
        return first


@pytest.mark.parametrize("seconds", [0.012, 0.05, 0.4])
async def test_a_caller_whose_reservations_come_late_gets_somewhere(seconds: float) -> None:
    """Alone, as a client's intake often is: nobody else's turns keep the pacer going."""
    pacer = FairPacer(50, Slow(seconds), block=5)
    async with asyncio.timeout(20):
        for _ in range(4):
            await pacer.turn("nordlys")


async def test_a_pause_asked_for_while_a_turn_is_slept_for_holds_that_turn() -> None:
    pacer = FairPacer(2)
    await pacer.turn()
    waiting = asyncio.create_task(pacer.turn())
    await asyncio.sleep(0.05)
    begun = time.monotonic()
    await pacer.hold(1.0)
    await waiting
    assert time.monotonic() - begun >= 1.0


async def test_a_budget_that_cannot_answer_is_an_error_for_all_who_wait_and_works_again_later() -> None:
    class Sometimes:
        broken = True

        def reserve(self, turns: int, *, spacing: float, lead: float) -> float:
            if self.broken:
                raise OSError("no database")
            return time.monotonic()

        def hold(self, seconds: float) -> None: ...

    budget = Sometimes()
    pacer = FairPacer(500, budget)
    failed = await asyncio.gather(*(pacer.turn(name) for name in "abc"), return_exceptions=True)
    assert [type(error) for error in failed] == [OSError] * 3
    budget.broken = False
    await pacer.turn("a")


class Stage:
    """Time that passes when everybody sleeps. `oversleeps` says how much longer than asked each sleep lasts."""

    def __init__(self, oversleeps: Callable[[], float]) -> None:
        self.now = 100.0
        self._oversleeps = oversleeps
        self._asleep: list[tuple[float, int, asyncio.Event]] = []
        self._numbers = count()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        heapq.heappush(self._asleep, (self.now + seconds + self._oversleeps(), next(self._numbers), woken))
        await woken.wait()

    async def run(self, until: float) -> None:
        while self.now < until:
            await asyncio.sleep(0.0005)  # reservations come from a thread
            if self._asleep:
                at, _, woken = heapq.heappop(self._asleep)
                self.now = max(self.now, at)
                woken.set()


def _busiest(moments: list[float]) -> int:
    seen = sorted(moments)
    return max(bisect_left(seen, at + 1.0) - place for place, at in enumerate(seen))


async def three_workers(oversleeps: Callable[[], float], seconds: float) -> list[float]:
    """When three workers, each with clients enough, sent their requests to a counterparty that takes 50 a second."""
    stage, sent = Stage(oversleeps), list[float]()
    budget = OwnBudget(monotonic=lambda: stage.now)

    async def client(pacer: FairPacer, who: str) -> None:
        while True:
            await pacer.turn(who)
            sent.append(stage.now)

    tasks = [
        asyncio.create_task(client(pacer, str(place)))
        for pacer in (FairPacer(50, budget, block=5, monotonic=lambda: stage.now, sleep=stage.sleep) for _ in range(3))
        for place in range(8)
    ]
    await stage.run(100.0 + seconds)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return sent


async def test_workers_that_share_a_budget_use_it_and_no_second_sees_too_many() -> None:
    late = random.Random(7)  # noqa: S311 - how late, not a secret
    sent = await three_workers(lambda: late.uniform(0, 0.012), 6)
    steady = [at for at in sent if 101 <= at < 105]
    assert _busiest(sent) <= 50
    assert len(steady) / 4 / 50 >= 0.95


async def test_workers_that_stand_still_now_and_then_give_their_turns_up_rather_than_crowd() -> None:
    late = random.Random(8)  # noqa: S311 - as above
    sent = await three_workers(lambda: 0.2 if late.random() < 0.05 else late.uniform(0, 0.015), 6)
    # One turn of each reservation is used, however late: a worker that is always late gets somewhere, too.
    assert _busiest(sent) <= 50 + 3
