"""How fast the outside world is: settings of one sandbox, in real seconds, and the waiting that goes with them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request


@dataclass(slots=True, kw_only=True)
class Pace:
    """`replica_lag`: how old a read is. `token_lifetime`: a bearer token's. `rate_limit`: requests a second for each
    application key, then 429; `subscription_rate_limit`: for each subscription key of PowerOffice Go v2.
    `hold_seconds`: how long a request that is never answered is held open."""

    replica_lag: float = 1.0
    token_lifetime: float = 20.0
    rate_limit: int = 50
    subscription_rate_limit: int = 10
    hold_seconds: float = 30.0


class Hold:
    """Holds requests that are never to be answered; lets go of all of them at shutdown."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def until_given_up(self, request: Request) -> None:
        """Returns when the caller has hung up, `hold_seconds` have passed, or the sandbox closes."""
        gone = asyncio.create_task(_disconnected(request))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait({gone, closing}, timeout=self._pace.hold_seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, closing):
                task.cancel()
            await asyncio.gather(gone, closing, return_exceptions=True)


class RateLimit:
    """At most `limit()` requests in any second, for each key."""

    def __init__(self, *, moment: Callable[[], float], limit: Callable[[], int]) -> None:
        self._moment = moment
        self._limit = limit
        self._requests: dict[str, deque[float]] = {}

    def passes(self, key: str) -> bool:
        """Counts a request; False when it is one too many. A refused request does not count."""
        now = self._moment()
        recent = self._requests.setdefault(key, deque())
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if len(recent) >= self._limit():
            return False
        recent.append(now)
        return True


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
