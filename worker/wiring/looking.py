"""One look at what all clients share, in the slot of whichever client comes first."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.support.clock import Clock
from worker.support.summary import Summary

LOOK_AGAIN = timedelta(minutes=4)  # all clients' jobs of a slot share one look; the next slot is ten minutes later


@dataclass(slots=True)
class SharedLook:
    """Whether somebody of this house has looked a moment ago."""

    _looked_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self, clock: Clock, work: Callable[[], Awaitable[Summary]]) -> Summary:
        """Does the work; nothing when it was done a moment ago."""
        async with self._lock:
            now = clock.now()
            if self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOK_AGAIN:
                return Summary()
            self._looked_at = now
            return await work()
