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

# Turns come this much slower than allowed, and one that cannot be used within LATE spacings of its moment is given up:
# so when a second must have passed it has, whatever the number of workers, and 30 ms on the road are allowed for.
SLOWER = 1.04
LATE = 0.5
GIVEN_UP = 3  # in a row; the next is used however late, so that nobody waits for ever
LONGEST_LEAD = 0.25  # seconds; reservations that come late are made for so much later at most
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

    def reserve(self, turns: int, *, spacing: float, lead: float) -> float:
        """Takes the next `turns`, `spacing` seconds apart, the first no sooner than in `lead` seconds. Returns the
        moment of the first, by `time.monotonic()`."""
        ...

    def hold(self, seconds: float) -> None:
        """No turn is free before that many seconds from now."""
        ...


class OwnBudget:
    """One process has the counterparty to itself."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._free_at = 0.0

    def reserve(self, turns: int, *, spacing: float, lead: float) -> float:
        first = max(self._monotonic() + lead, self._free_at)
        self._free_at = first + turns * spacing
        return first

    def hold(self, seconds: float) -> None:
        self._free_at = max(self._free_at, self._monotonic() + seconds)


class FairPacer:
    """At most `per_second` turns in any second for everybody who draws on the budget; clients take turns about.

    Even spacing, because a bucket lets a burst plus the refill through: nearly twice the limit in its first second.
    Turns are reserved as callers come and while earlier ones are still waited for, at most `block` at once. `name`: the
    budget's, in the metrics.
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
        self._turns = deque[float]()  # the moments that are reserved and not used yet
        self._not_before = 0.0
        self._given_up = 0  # turns, since one was used
        self._lead = 0.0  # how late reservations have come of late
        self._reserving: asyncio.Task[None] | None = None
        self._giving: asyncio.Task[None] | None = None

    def line(self, who: str) -> Pacer:
        """A client's own line; the lines are served one after the other, one turn each."""
        return _Line(self, who)

    async def turn(self, who: str = "") -> None:
        """Returns when it is the turn of `who`. Raises what the budget raised."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        self._waiting.setdefault(who, deque()).append(mine)
        self._see_to_turns()
        try:
            await mine
        except asyncio.CancelledError:
            mine.cancel()
            raise
        metrics.waited_for_budget(self._name, time.monotonic() - began)

    async def hold(self, seconds: float) -> None:
        held = min(max(seconds, 0.0), LONGEST_HOLD)
        self._not_before = max(self._not_before, self._monotonic() + held)  # what is reserved already waits, too
        if self._in_thread:
            await asyncio.to_thread(self._budget.hold, held)
        else:
            self._budget.hold(held)

    def _see_to_turns(self) -> None:
        """A turn is reserved for whoever waits and has none."""
        if self._reserving is None or self._reserving.done():
            self._reserving = asyncio.create_task(self._reserve())

    async def _reserve(self) -> None:
        try:
            while (lacking := self._callers() - len(self._turns)) > 0:
                turns = min(self._block, lacking)
                first = await self._ask(turns)
                self._turns.extend(first + turn * self._spacing for turn in range(turns))
                if self._giving is None or self._giving.done():
                    self._giving = asyncio.create_task(self._give())
        except Exception as error:  # noqa: BLE001 - whoever waits gets it, and nobody waits for ever
            for line in self._waiting.values():
                for one in line:
                    if not one.done():
                        one.set_exception(error)
            self._waiting.clear()

    async def _ask(self, turns: int) -> float:
        if self._in_thread:
            return await asyncio.to_thread(self._budget.reserve, turns, spacing=self._spacing, lead=self._lead)
        return self._budget.reserve(turns, spacing=self._spacing, lead=self._lead)

    async def _give(self) -> None:
        while self._turns:
            planned = self._turns.popleft()
            late = self._monotonic() - planned
            self._lead = min(max(late, self._lead * 0.9), LONGEST_LEAD)
            over = late > self._spacing * LATE or planned < self._not_before
            if over and self._given_up < GIVEN_UP:
                self._given_up += 1  # used now, it would crowd another worker's
            else:
                await self._sleep(max(-late, 0.0))
                while (held := self._not_before - self._monotonic()) > 0:  # also a pause that was asked for meanwhile
                    await self._sleep(held)
                self._given_up = 0
                self._serve_one()
            self._see_to_turns()

    def _callers(self) -> int:
        return sum(not one.done() for line in self._waiting.values() for one in line)

    def _serve_one(self) -> None:
        """The turn goes to the line served longest ago."""
        while self._waiting:
            who = next(iter(self._waiting))
            line = self._waiting.pop(who)
            while line:
                one = line.popleft()
                if not one.done():
                    one.set_result(None)
                    if line:
                        self._waiting[who] = line  # to the end
                    return


class _Line:
    def __init__(self, pacer: FairPacer, who: str) -> None:
        self._pacer = pacer
        self._who = who

    async def turn(self) -> None:
        await self._pacer.turn(self._who)

    async def hold(self, seconds: float) -> None:
        await self._pacer.hold(seconds)
