"""Keeping under a counterparty's request limit: evenly spaced turns, fair between clients.

When the next turn is free is a `Budget`'s word: one kept in the process (`OwnBudget`), or one that every worker shares
through the database (store.budgets).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

from worker.support import metrics

# Turns come this much slower than allowed: a little for the road, on which requests do not keep their distance.
SLOWER = 1.05
LONGEST_HOLD = 60.0  # seconds; who is to be left alone for longer is left alone by due_at, not by waiting here


class Pacer(Protocol):
    async def turn(self) -> None:
        """Returns when the caller may send its next request."""
        ...

    async def hold(self, seconds: float) -> None:
        """The counterparty asked for a pause: nobody's turn comes before that (at most LONGEST_HOLD)."""
        ...


class Budget(Protocol):
    """Says when turns are free. Called in a thread."""

    def reserve(self, turns: int, *, spacing: float) -> float:
        """Takes the next `turns`, `spacing` seconds apart. Returns in how many seconds the first of them is."""
        ...

    def hold(self, seconds: float) -> None:
        """No turn is free before that many seconds from now."""
        ...


class OwnBudget:
    """One process has the counterparty to itself."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._free_at = 0.0

    def reserve(self, turns: int, *, spacing: float) -> float:
        now = self._monotonic()
        first = max(now, self._free_at)
        self._free_at = first + turns * spacing
        return first - now

    def hold(self, seconds: float) -> None:
        self._free_at = max(self._free_at, self._monotonic() + seconds)


class FairPacer:
    """At most `per_second` turns in any second for everybody who draws on the budget; clients take turns about.

    Even spacing, because a bucket lets a burst plus the refill through: nearly twice the limit in its first second.
    `block`: how many turns are reserved at once; more make fewer reservations, and waste more when work ends. `name`:
    the budget's, in the metrics.
    """

    def __init__(
        self,
        per_second: float,
        budget: Budget | None = None,
        *,
        block: int = 1,
        name: str = "own",
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._name = name
        self._spacing = SLOWER / per_second
        self._block = block
        self._budget = budget or OwnBudget(monotonic=monotonic)
        self._in_thread = budget is not None
        self._monotonic = monotonic
        self._sleep = sleep
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._not_before = 0.0
        self._giving: asyncio.Task[None] | None = None

    def line(self, who: str) -> Pacer:
        """A client's own line; the lines are served one after the other, one turn each."""
        return _Line(self, who)

    async def turn(self, who: str = "") -> None:
        """Returns when it is the turn of `who`. Raises what the budget raised."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        self._waiting.setdefault(who, deque()).append(mine)
        if self._giving is None or self._giving.done():
            self._giving = asyncio.create_task(self._give())
        try:
            await mine
        except asyncio.CancelledError:
            mine.cancel()
            raise
        metrics.waited_for_budget(self._name, time.monotonic() - began)

    async def hold(self, seconds: float) -> None:
        held = min(max(seconds, 0.0), LONGEST_HOLD)
        if self._in_thread:
            await asyncio.to_thread(self._budget.hold, held)
        else:
            self._budget.hold(held)

    async def _give(self) -> None:
        """Serves the lines until nobody waits."""
        try:
            while wanted := sum(len(line) for line in self._waiting.values()):
                turns = min(self._block, wanted)
                planned = max(self._monotonic() + await self._reserve(turns), self._not_before)
                for _ in range(turns):
                    late = self._monotonic() - planned
                    if late > self._spacing * (self._block + 1):
                        break  # stood still: the rest of the block is others' time by now
                    await self._sleep(max(-late, 0.0))  # also for nothing: who was served may stand in line again
                    # From when it really went, so that what was late is not made up for in a burst.
                    planned = self._not_before = max(planned, self._monotonic()) + self._spacing
                    if not self._serve_one():
                        break
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, and nobody waits for ever
            for line in self._waiting.values():
                for one in line:
                    if not one.done():
                        one.set_exception(error)
            self._waiting.clear()

    async def _reserve(self, turns: int) -> float:
        if self._in_thread:
            return await asyncio.to_thread(self._budget.reserve, turns, spacing=self._spacing)
        return self._budget.reserve(turns, spacing=self._spacing)

    def _serve_one(self) -> bool:
        """The turn goes to the line served longest ago; False when nobody waits any more."""
        while self._waiting:
            who = next(iter(self._waiting))
            line = self._waiting.pop(who)
            while line:
                one = line.popleft()
                if not one.done():
                    one.set_result(None)
                    if line:
                        self._waiting[who] = line  # to the end
                    return True
        return False


class _Line:
    def __init__(self, pacer: FairPacer, who: str) -> None:
        self._pacer = pacer
        self._who = who

    async def turn(self) -> None:
        await self._pacer.turn(self._who)

    async def hold(self, seconds: float) -> None:
        await self._pacer.hold(seconds)
