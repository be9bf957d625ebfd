"""One client's line to PowerOffice Go v2: tokens, the subscription key, pacing, paging, the wait for the replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeVar

from worker.adapters.poweroffice_go_v2 import translate, wire
from worker.adapters.poweroffice_go_v2.token import TokenSource
from worker.support.http import HttpClient, HttpResponse, HttpTrouble
from worker.support.loose_json import Row
from worker.support.pace import FairPacer, Pacer
from worker.support.retry import Sleep, with_retry

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

REQUESTS_PER_SECOND = 10  # per subscription key, whatever the number of clients


class Judge(Protocol[T_co]):
    """What an answer means: a value, or an outcome raised."""

    def __call__(self, response: HttpResponse, /, *, what: str) -> T_co: ...


class Connection:
    """Owns `http` and closes it.

    `base_url` is what stands before `/OAuth/Token` and `/v2` (`https://goapi.poweroffice.net`, with `/Demo` for demo).
    `pacer` is shared by all clients of one subscription key. `replica_lag_seconds`: as for v1, whose readers may be
    that much behind; v2's documents do not say.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        application_key: str,
        client_key: str,
        subscription_key: str,
        page_size: int,
        replica_lag_seconds: float = 2.0,
        pacer: Pacer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._subscription = {"Ocp-Apim-Subscription-Key": subscription_key}
        self._page_size = page_size
        self._lag = replica_lag_seconds
        self._pacer = pacer or FairPacer(REQUESTS_PER_SECOND)
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = TokenSource(
            post=self._post_for_token,
            application_key=application_key,
            client_key=client_key,
            monotonic=monotonic,
            sleep=sleep,
        )
        # A process that starts after a crash does not know when the one before it wrote: it waits as if just now.
        self._last_write = monotonic()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def catch_up(self) -> None:
        """Waits until a read shows our last write."""
        wait = self._last_write + self._lag - self._monotonic()
        if wait > 0:
            await self._sleep(wait)

    async def rows(self, what: str, path: str, **parts: str | int | bool | None) -> AsyncIterator[Row]:
        """Every row of a list, page by page: there is no total, so a short page or an empty one (204) is the last.

        Also ends when a page repeats the one before (a host that knows no paging).
        """
        number, last = 1, None
        while True:
            asked = wire.query(path, **parts, PageNumber=number, PageSize=self._page_size)
            page = await self.read(what, asked, translate.listed)
            if page == last:
                return
            for row in page:
                yield row
            if len(page) < self._page_size:
                return
            number, last = number + 1, page

    async def read(self, what: str, path: str, judge: Judge[T]) -> T:
        """A GET as `judge` reads its answer, repeated while the other side says 429, 5xx or nothing of use."""

        async def once() -> T:
            return judge(await self._call("GET", what, path, None), what=what)

        return await with_retry(once, sleep=self._sleep)

    async def write(self, what: str, path: str, body: bytes | None, judge: Judge[T]) -> T:
        """A POST, sent once (twice when the first came back 401: then nothing was done)."""
        try:
            response = await self._call("POST", what, path, body)
        finally:
            self._last_write = self._monotonic()
        return judge(response, what=what)

    async def _call(self, method: str, what: str, path: str, body: bytes | None) -> HttpResponse:
        token = await self._tokens.get()
        response = await self._send(method, what, path, body, token)
        if response.status == 401:
            token = await self._tokens.get(rejected=token)
            response = await self._send(method, what, path, body, token)
        return response

    async def _post_for_token(self, headers: dict[str, str], body: bytes) -> HttpResponse:
        try:
            response = await self._http.request(
                "POST",
                f"{self._base_url}/OAuth/Token",
                content=body,
                headers={**headers, **self._subscription},
                turn=self._pacer.turn,
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what="token", changes=False) from None
        return await self._heeded(response)

    async def _send(self, method: str, what: str, path: str, body: bytes | None, token: str) -> HttpResponse:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token}", **self._subscription}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = await self._http.request(
                method, f"{self._base_url}/v2{path}", headers=headers, content=body, turn=self._pacer.turn
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what=what, changes=method != "GET") from None
        return await self._heeded(response)

    async def _heeded(self, response: HttpResponse) -> HttpResponse:
        """Too many requests concerns everybody who uses the key, not only who heard it."""
        if response.status == 429:
            await self._pacer.hold(response.retry_after or 1.0)
        return response
