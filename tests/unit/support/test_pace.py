"""Turns under a limit: evenly spaced, fair, never made up for in a burst."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from worker.support.pace import LONGEST_HOLD, SLOWER, FairPacer

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
    busiest = max(sum(1 for m in moments if start <= m < start + 1.0) for start in moments)
    assert busiest <= 50


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


async def test_a_budget_that_cannot_answer_is_an_error_for_all_who_wait_and_works_again_later() -> None:
    class Sometimes:
        broken = True

        def reserve(self, turns: int, *, spacing: float) -> float:
            if self.broken:
                raise OSError("no database")
            return 0.0

        def hold(self, seconds: float) -> None: ...

    budget = Sometimes()
    pacer = FairPacer(500, budget)
    failed = await asyncio.gather(*(pacer.turn(name) for name in "abc"), return_exceptions=True)
    assert [type(error) for error in failed] == [OSError] * 3
    budget.broken = False
    await pacer.turn("a")


async def test_in_real_time_the_gaps_are_kept() -> None:
    pacer, moments = FairPacer(100, block=5), list[float]()
    for _ in range(20):
        await pacer.turn()
        moments.append(time.monotonic())
    assert min(later - earlier for earlier, later in pairwise(moments)) >= 0.009
