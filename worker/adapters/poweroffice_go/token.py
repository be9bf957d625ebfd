"""Asking PowerOffice Go v1 for an access token."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

from worker.adapters.poweroffice_go import translate, wire
from worker.model.outcomes import TryLater
from worker.support.bearer import Token, TokenHolder
from worker.support.http import HttpResponse
from worker.support.retry import Sleep

_DEFAULT_LIFE = 600.0  # the shorter of the two lives the vendor has documented, when the answer does not say


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
        self._holder = TokenHolder(fetch=self._fetch, monotonic=monotonic, sleep=sleep)

    async def get(self, *, rejected: str | None = None) -> str:
        """A token with life left in it, other than `rejected` (the one a 401 came back on).

        Raises AccessDenied when the keys are not accepted, TryLater and SlowDown when the service cannot answer.
        """
        return await self._holder.get(rejected=rejected)

    async def _fetch(self) -> Token:
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
        return Token(value, _DEFAULT_LIFE if life is None or life <= 0 else float(life))
