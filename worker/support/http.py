"""HTTP to the outside, and the only module that knows httpx.

httpx 0.28 is kept on a short lead, because its pool can lose connections for good when a request is cancelled
(encode/httpcore#1093): at most `MAX_CALLS` requests at a time in a pool of `MAX_CONNECTIONS`, its own time limits on
every phase, and a pool in which anything was cancelled or that ran dry is never used again. Redirects are never
followed, nothing is read from the process environment, and an answer is read only up to a size.

A request that fails raises one of two errors, and the difference is the point: `NotSent` (nothing can have happened)
or `AnswerLost` (it may have been carried out). Neither carries the address, a header or a byte of the body.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType

import httpx

from worker.support import crashing, metrics

MAX_CONNECTIONS = 20
MAX_CALLS = 8
_PLAIN_ENCODINGS = ("", "identity", "gzip", "deflate")
_CREDENTIALS = ("Authorization", "Cookie", "X-Token", "X-Api-Key", "Ocp-Apim-Subscription-Key")
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.ProxyError,
)

# They write whole addresses, with whatever secret stands in them, at INFO.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class HttpTrouble(Exception):
    """There is no answer to work with. `reason` is short and safe to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(HttpTrouble):
    """The request never left: repeating it is harmless."""


class AnswerLost(HttpTrouble):
    """The request, or some of it, was sent and no whole answer came: it may have been carried out."""


class AnswerTooLarge(AnswerLost):
    """The answer is larger than we are willing to read."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase, and `total` for the request as a whole (a server may drip bytes for ever)."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 30.0
    pool: float = 10.0
    total: float = 120.0


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    content: bytes = b""

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case; empty when not given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds the server asks us to wait (Retry-After, RFC 9110 §10.2.3), or None.

        A date is taken against the answer's own Date header, so neither our clock nor the difference to theirs counts.
        """
        text = self.headers.get("retry-after", "").strip()
        if text.isascii() and text.isdigit():
            return float(text[:9])
        until, sent = _http_date(text), _http_date(self.headers.get("date", ""))
        return None if until is None or sent is None else max(0.0, until - sent)

    def described(self) -> str:
        """Status, type and size: what may be logged of an answer whose content may hold anything."""
        return f"HTTP {self.status}, {self.media_type or 'no content type'}, {len(self.content)} bytes"


@dataclass(frozen=True, slots=True)
class _Question:
    method: str
    url: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    connect_to: str | None
    max_bytes: int

    def as_request(self, client: httpx.AsyncClient) -> httpx.Request:
        target = httpx.URL(self.url)
        if self.connect_to is None:
            return client.build_request(self.method, target, headers=self.headers, content=self.content)
        return client.build_request(
            self.method,
            target.copy_with(host=self.connect_to),
            # Closed after use: the pool knows connections by address, and would give one whose certificate was checked
            # for this host to another host at the same address.
            headers={**self.headers, "Host": target.netloc.decode("ascii"), "Connection": "close"},
            content=self.content,
            extensions={"sni_hostname": target.raw_host.decode("ascii")},
        )


@dataclass(slots=True)
class _Pool:
    client: httpx.AsyncClient
    calls: int = 0


class HttpClient:
    """Requests to one counterparty, which `who` names in the metrics. `ca_file` adds a private certificate authority to
    the public ones.

    Belongs to the adapter it is given to, which closes it. Bound to the event loop it is first used in.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        max_bytes: int = 32 * 2**20,
        ca_file: Path | None = None,
        who: str = "other",
    ) -> None:
        self._who = who
        self._timeouts = timeouts or Timeouts()
        self._max_bytes = max_bytes
        self._ca_file = ca_file
        self._calls = asyncio.Semaphore(MAX_CALLS)
        self._tls: ssl.SSLContext | None = None
        self._pool: _Pool | None = None
        self._retired: list[_Pool] = []
        self._closed = False

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes every connection. Requests under way end in AnswerLost; later ones in NotSent."""
        self._closed = True
        pools, self._retired, current, self._pool = self._retired, [], self._pool, None
        for pool in [*pools, *([current] if current else [])]:
            await pool.client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        max_bytes: int | None = None,
        connect_to: str | None = None,
        turn: Callable[[], Awaitable[None]] | None = None,
    ) -> HttpResponse:
        """One request, one answer, whatever its status. Raises NotSent or AnswerLost.

        `url` is whole and already percent-encoded. `connect_to` is an IP address to connect to in place of looking the
        host up; the host's name is still the one asked for and the one the certificate must bear. `turn` (a pacer's) is
        awaited when the request is next to go: requests paced before they queue here would leave the queue in a burst.
        """
        question = _Question(
            method, url, dict(headers or {}), content, connect_to, self._max_bytes if max_bytes is None else max_bytes
        )
        async with self._calls:
            if turn is not None:
                await turn()
            crashing.request_point(method, url, "before")
            response = await self._measured(question)
            crashing.request_point(method, url, "after")
            return response

    async def _measured(self, question: _Question) -> HttpResponse:
        with metrics.calling(self._who) as call:
            try:
                response = await self._with_a_connection(question)
            except HttpTrouble as trouble:
                call.outcome = "not_sent" if isinstance(trouble, NotSent) else "answer_lost"
                raise
            call.outcome = f"{response.status // 100}xx"
            return response

    async def _with_a_connection(self, question: _Question) -> HttpResponse:
        try:
            return await self._try(question)
        except httpx.PoolTimeout:
            # Fewer callers than connections, and still no connection: they have leaked. The new pool is empty.
            pass
        try:
            return await self._try(question)
        except httpx.PoolTimeout:
            raise NotSent("no free connection") from None

    async def _try(self, question: _Question) -> HttpResponse:
        await self._close_retired()
        if self._closed:
            raise NotSent("the connection is closed for good")
        pool = self._pool = self._pool or _Pool(self._open())
        try:
            request = question.as_request(pool.client)
        except (httpx.InvalidURL, ValueError, TypeError):
            raise NotSent("the address or a header cannot be put on the wire") from None
        pool.calls += 1
        try:
            async with asyncio.timeout(self._timeouts.total):
                return await self._exchange(pool.client, request, question.max_bytes)
        except TimeoutError:
            self._retire(pool)
            raise AnswerLost("no whole answer in time") from None
        except asyncio.CancelledError:
            self._retire(pool)
            raise
        except httpx.PoolTimeout:
            self._retire(pool)
            raise
        except _NEVER_SENT as error:
            raise NotSent(_reason(error)) from None
        except (httpx.HTTPError, httpx.StreamError, RuntimeError, OSError) as error:
            # RuntimeError: httpx's word for a client that aclose() closed under the request. OSError: whatever slips
            # through its layers. Both are taken for the graver case.
            raise AnswerLost(_reason(error)) from None
        finally:
            pool.calls -= 1

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request, limit: int) -> HttpResponse:
        response = await client.send(request, stream=True)
        try:
            # Layers of compression multiply, and httpx unpacks a whole packet at once: a few kilobytes could become
            # gigabytes before they can be counted. One layer is unpacked here, no further than the limit.
            encoding = str(response.headers.pop("content-encoding", "")).strip().lower()
            if encoding not in _PLAIN_ENCODINGS:
                raise AnswerLost("the answer is encoded in a way that was not asked for")
            unpack = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None
            parts, empty = bytearray(), True
            async for part in response.aiter_bytes():
                empty = empty and not part
                parts += unpack.decompress(part, limit + 1 - len(parts)) if unpack else part
                if len(parts) > limit:
                    raise AnswerTooLarge(f"the answer is larger than {limit} bytes")
            if unpack and not (unpack.eof or empty):
                raise AnswerLost("the answer's end is missing")
            content, secrets = bytes(parts), _credentials(request)
            told = {name.lower(): value for name, value in response.headers.items()}
            for secret in secrets:
                content = content.replace(secret.encode(), b"***")
                told = {name: value.replace(secret, "***") for name, value in told.items()}
            return HttpResponse(response.status_code, told, content)
        except zlib.error:
            raise AnswerLost("the answer cannot be unpacked") from None
        finally:
            await response.aclose()

    def _open(self) -> httpx.AsyncClient:
        self._tls = context = self._tls or self._trust()
        t = self._timeouts
        return httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(connect=t.connect, read=t.read, write=t.write, pool=t.pool),
            limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CALLS),
            headers={"Accept-Encoding": "identity", "User-Agent": "factoring-worker"},
        )

    def _trust(self) -> ssl.SSLContext:
        if self._ca_file is None:
            return public_trust()
        context = _public_authorities()
        context.load_verify_locations(self._ca_file)
        return context

    def _retire(self, pool: _Pool) -> None:
        """No new request uses the pool; it is closed when the last one under way has ended."""
        if self._pool is pool:
            self._pool = None
        if pool not in self._retired and not self._closed:
            self._retired.append(pool)

    async def _close_retired(self) -> None:
        while idle := next((pool for pool in self._retired if pool.calls == 0), None):
            self._retired.remove(idle)
            # Shielded: a client whose closing is cancelled half-way counts as closed and keeps its sockets.
            await asyncio.shield(idle.client.aclose())


@lru_cache(maxsize=1)
def public_trust() -> ssl.SSLContext:
    """Trust in the public authorities, shared by every client of the process that adds none of its own.

    Reading them takes a tenth of a second in which nothing else runs, and each run of each client's job has a client.
    """
    return _public_authorities()


def _public_authorities() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):
        # Slim images may lack system certificates; certifi comes with httpx.
        import certifi  # noqa: PLC0415

        context.load_verify_locations(certifi.where())
    return context


def _credentials(request: httpx.Request) -> list[str]:
    """What we are let in by. An answer may quote it, and an answer's words are kept and shown."""
    values = [request.headers.get(name, "").rpartition(" ")[2] for name in _CREDENTIALS]
    return [value for value in values if len(value) >= 8]


def _reason(error: BaseException) -> str:
    """What went wrong, in the system's words where it has some; never httpx's text, which may quote the request."""
    step: BaseException | None = error
    for _ in range(8):
        if step is None:
            break
        if isinstance(step, ssl.SSLCertVerificationError):
            return f"certificate not accepted: {step.verify_message}"
        if isinstance(step, OSError) and step.strerror:
            return step.strerror
        step = step.__cause__ or step.__context__
    return type(error).__name__


def _http_date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None
