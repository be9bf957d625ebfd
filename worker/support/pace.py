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
        self._monotonic = monotonic
        self._sleep = sleep

    async def turn(self) -> None:
        now = self._monotonic()
        mine = max(now, self._next)
        self._next = mine + self._spacing
        if mine > now:
            await self._sleep(mine - now)
