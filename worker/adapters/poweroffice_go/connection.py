"""One client's line to PowerOffice Go v1: tokens, pacing, paging, and the wait for the replica."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol, TypeVar

from worker.adapters.poweroffice_go import translate, wire
from worker.adapters.poweroffice_go.token import TokenSource
from worker.adapters.poweroffice_go.wire import Envelope
from worker.support.http import HttpClient, HttpResponse, HttpTrouble
from worker.support.pace import FairPacer, Pacer
from worker.support.retry import Sleep, with_retry

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

REQUESTS_PER_SECOND = 50  # per application key, whatever the number of clients
CODES_PER_REQUEST = 40  # 40 nineteen-digit codes make a query of about 1 600 characters


class Judge(Protocol[T_co]):
    """What an answer means: a value, or an outcome raised."""

    def __call__(self, response: HttpResponse, /, *, what: str) -> T_co: ...


class Connection:
    """Owns `http` and closes it.

    `pacer` is shared by all clients of one application key, which is what the vendor counts. `replica_lag_seconds` is
    how long after a write a read may still show the old state (documented: normally below one second).
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        application_key: str,
        client_key: str,
        page_size: int,
        replica_lag_seconds: float = 2.0,
        pacer: Pacer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._http = http
        self._base_url = base_url.rstrip("/")
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

    async def pages(self, what: str, path: str, *, order_by: str, filter_: str = "") -> AsyncIterator[Envelope]:
        """Pages until `count` is reached, a page is empty, or a page repeats the one before (a host without $skip).

        `path` may carry a query of its own.
        """
        skip, last = 0, None
        while True:
            query = wire.list_query(filter_=filter_, order_by=order_by, top=self._page_size, skip=skip)
            page = await self.read(what, f"{path}{'&' if '?' in path else '?'}{query}", translate.listed)
            size = len(page.rows())
            if size == 0 or page.data == last:
                return
            yield page
            skip, last = skip + size, page.data
            if page.count is not None and skip >= page.count:
                return

    async def read(self, what: str, path: str, judge: Judge[T], *, accept: str = "application/json") -> T:
        """A GET as `judge` reads its answer, repeated while the other side says 429, 5xx or nothing of use."""

        async def once() -> T:
            return judge(await self._call("GET", what, path, {"Accept": accept}, None), what=what)

        return await with_retry(once, sleep=self._sleep)

    async def write(self, what: str, path: str, body: bytes | None, judge: Judge[T]) -> T:
        """A POST, sent once (twice when the first came back 401: then nothing was done)."""
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            response = await self._call("POST", what, path, headers, body)
        finally:
            self._last_write = self._monotonic()
        return judge(response, what=what)

    async def _call(
        self, method: str, what: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> HttpResponse:
        token = await self._tokens.get()
        response = await self._send(method, what, path, {**headers, "Authorization": f"Bearer {token}"}, body)
        if response.status == 401:
            token = await self._tokens.get(rejected=token)
            response = await self._send(method, what, path, {**headers, "Authorization": f"Bearer {token}"}, body)
        return response

    async def _post_for_token(self, headers: dict[str, str], body: bytes) -> HttpResponse:
        try:
            response = await self._http.request(
                "POST", f"{self._base_url}/OAuth/Token", headers=headers, content=body, turn=self._pacer.turn
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what="token", changes=False) from None
        return await self._heeded(response)

    async def _send(
        self, method: str, what: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> HttpResponse:
        try:
            response = await self._http.request(
                method, f"{self._base_url}{path}", headers=headers, content=body, turn=self._pacer.turn
            )
        except HttpTrouble as error:
            raise translate.trouble(error, what=what, changes=method != "GET") from None
        return await self._heeded(response)

    async def _heeded(self, response: HttpResponse) -> HttpResponse:
        """Too many requests concerns everybody who uses the key, not only who heard it."""
        if response.status == 429:
            await self._pacer.hold(response.retry_after or 1.0)
        return response
