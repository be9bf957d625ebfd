"""The access token of one client key: fetched once for everybody, renewed before it expires."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from worker.adapters.poweroffice_go import translate, wire
from worker.model.outcomes import TryLater
from worker.support.http import HttpResponse
from worker.support.retry import Sleep, with_retry

_LONGEST_MARGIN = 60.0  # seconds before expiry at which a token is renewed; never more than a quarter of its life
_DEFAULT_LIFE = 600.0  # the shorter of the two lives the vendor has documented, when the answer does not say


@dataclass(frozen=True, slots=True)
class _Token:
    value: str
    renew_at: float


class TokenSource:
    """OAuth client credentials with `application key:client key` as Basic credentials.

    `post` sends the token request and turns trouble into outcomes.
    """

    def __init__(
        self,
        *,
        post: Callable[[dict[str, str], bytes], Awaitable[HttpResponse]],
        application_key: str,
        client_key: str,
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._post = post
        self._basic = base64.b64encode(f"{application_key}:{client_key}".encode()).decode("ascii")
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = asyncio.Lock()
        self._token: _Token | None = None

    async def get(self, *, rejected: str | None = None) -> str:
        """A token with life left in it, other than `rejected` (the one a 401 came back on).

        Raises Refused when the keys are not accepted, TryLater and SlowDown when the service cannot answer.
        """
        async with self._lock:
            held = self._token
            if held is None or held.value == rejected or self._monotonic() >= held.renew_at:
                self._token = None
                self._token = held = await with_retry(self._fetch, sleep=self._sleep)
            return held.value

    async def _fetch(self) -> _Token:
        asked_at = self._monotonic()
        response = await self._post(
            {
                "Authorization": f"Basic {self._basic}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            b"grant_type=client_credentials",
        )
        if not 200 <= response.status < 300:
            raise translate.token_refused(response)
        try:
            row = wire.read_envelope(response.content).row()
        except wire.Unreadable:
            raise translate.token_refused(response) from None
        value = wire.text(row.get("access_token"))
        if not value or not value.isascii() or not value.isprintable():
            raise TryLater("token: no token in the answer", answer=response.described())
        life = wire.whole(row.get("expires_in"))
        seconds = _DEFAULT_LIFE if life is None or life <= 0 else float(life)
        return _Token(value, asked_at + seconds - min(_LONGEST_MARGIN, seconds / 4))
