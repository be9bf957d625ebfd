"""An access token that expires: fetched once for everybody, renewed before it runs out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from worker.support.retry import Sleep, with_retry

_LONGEST_MARGIN = 60.0  # seconds before expiry at which a token is renewed; never more than a quarter of its life


@dataclass(frozen=True, slots=True)
class Token:
    """`lives`: seconds from when it was asked for."""

    value: str
    lives: float


class TokenHolder:
    """`fetch` asks for a new token and turns trouble into outcomes."""

    def __init__(self, *, fetch: Callable[[], Awaitable[Token]], monotonic: Callable[[], float], sleep: Sleep) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._token: tuple[str, float] | None = None

    async def get(self, *, rejected: str | None = None) -> str:
        """A token with life left in it, other than `rejected` (the one a 401 came back on).

        Raises what `fetch` raises.
        """
        async with self._lock:
            held = self._token
            if held is None or held[0] == rejected or self._monotonic() >= held[1]:
                self._token = None
                self._token = held = await with_retry(self._renew, sleep=self._sleep)
            return held[0]

    async def _renew(self) -> tuple[str, float]:
        asked_at = self._monotonic()
        token = await self._fetch()
        return token.value, asked_at + token.lives - min(_LONGEST_MARGIN, token.lives / 4)
