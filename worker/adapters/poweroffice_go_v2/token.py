"""Asking PowerOffice Go v2 for an access token."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

from worker.adapters.poweroffice_go_v2 import translate
from worker.support.bearer import Token, TokenHolder
from worker.support.http import HttpResponse
from worker.support.retry import Sleep


class TokenSource:
    """OAuth client credentials with `application key:client key` as Basic credentials, and the subscription key.

    `post` sends the token request, with the subscription key, and turns trouble into outcomes.
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

        Raises AccessDenied when a key is not accepted, TryLater and SlowDown when the service cannot answer.
        """
        return await self._holder.get(rejected=rejected)

    async def _fetch(self) -> Token:
        headers = {
            "Authorization": f"Basic {self._basic}",
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        return translate.token(await self._post(headers, b"grant_type=client_credentials"))
