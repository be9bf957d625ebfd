"""Keeping under a counterparty's request limit.

`Pacer` is the seam: `EvenPacer` serves one process; a budget shared through the database can stand in its place.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol


class Pacer(Protocol):
    async def turn(self) -> None:
        """Returns when the caller may send its next request."""
        ...


class EvenPacer:
    """At most `per_second` turns in any second, evenly spaced, for everyone who shares the object.

    Even spacing, because a bucket lets a burst plus the refill through: nearly twice the limit in its first second.
    One waits at a time and the gap is counted from when it really went, so that a stalled process does not catch up.
    """

    def __init__(
        self,
        per_second: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        # 10 % slower than allowed: timers and the road there are not exact.
        self._spacing = 1.1 / per_second
        self._next = 0.0
        self._queue = asyncio.Lock()
        self._monotonic = monotonic
        self._sleep = sleep

    async def turn(self) -> None:
        async with self._queue:
            wait = self._next - self._monotonic()
            if wait > 0:
                await self._sleep(wait)
            self._next = self._monotonic() + self._spacing
