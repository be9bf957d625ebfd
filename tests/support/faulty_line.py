"""A line between an HTTP adapter and a sandbox on which something goes wrong when told to.

Requests are passed on byte for byte, each on a connection of its own. A POST that is no token request is a *send*,
everything else a *question*.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What happens to a request."""

    CUT_BEFORE = "cut before it arrived"
    CUT_AFTER = "cut after it was carried out"
    ERROR_BEFORE = "503 and nothing done"
    ERROR_AFTER = "500 after it was carried out"
    THROTTLED = "429 with Retry-After: 7"
    DENIED = "401"
    HTML = "200 with an HTML page"
    HUGE = "200 with an answer that never ends"
    NONSENSE = "200 with JSON of another shape"
    REDIRECT = "302 to another host"
    ECHO = "400 that quotes the request's headers"


_PASSED_ON_FIRST = frozenset({Fault.CUT_AFTER, Fault.ERROR_AFTER})
_LEFT_OPEN = frozenset({Fault.CUT_AFTER, Fault.CUT_BEFORE})


class FaultyLine:
    """`url` leads by way of the line to the upstream address."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._path = parts.path
        self._faults: dict[str, Fault | None] = {"send": None, "question": None}
        self.sends = 0
        self.credentials: set[str] = set()  # tokens and keys that went over the line in a header
        self.url = ""

    @contextmanager
    def on(self, kind: str, fault: Fault) -> Generator[None]:
        """While it lasts, every request of the kind (`send`, `question`) meets the fault."""
        self._faults[kind] = fault
        try:
            yield
        finally:
            self._faults[kind] = None

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head, body = await _read_request(reader)
            method, path = head.split(b" ", 2)[:2]
            kind = "send" if method == b"POST" and not path.endswith(b"/token") else "question"
            self.sends += kind == "send"
            self.credentials |= _credentials(head)
            fault = self._faults[kind] if not path.endswith(b"/token") else None
            answer = b""
            if fault is None or fault in _PASSED_ON_FIRST:
                answer = await self._pass_on(head, body)
            if fault not in _LEFT_OPEN:
                writer.write(answer if fault is None else _told(fault, head))
                while fault is Fault.HUGE:
                    writer.write(b" " * 65536)
                    await writer.drain()
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _pass_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(*self._upstream)
        writer.write(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return answer

    def listening_at(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}{self._path}"


@asynccontextmanager
async def faulty_line(upstream: str) -> AsyncGenerator[FaultyLine]:
    """A line to this address, listening until the context ends."""
    line = FaultyLine(upstream)
    server = await asyncio.start_server(line.answer, "127.0.0.1", 0)
    line.listening_at(server.sockets[0].getsockname()[1])
    async with server:
        yield line


async def _read_request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    kept = [line for line in lines[:-2] if not line.lower().startswith(b"connection:")]
    length = next((int(line[15:]) for line in kept if line.lower().startswith(b"content-length:")), 0)
    return b"\r\n".join(kept) + b"\r\n\r\n", await reader.readexactly(length)


def _credentials(head: bytes) -> set[str]:
    names = (b"authorization:", b"x-token:")
    lines = [line for line in head.split(b"\r\n") if line.lower().startswith(names)]
    return {line.rpartition(b" ")[2].decode() for line in lines}


def _told(fault: Fault, head: bytes) -> bytes:
    credentials = " ".join(_credentials(head))
    quoted = json.dumps({"error": {"message": credentials}, "message": credentials}).encode()
    status, headers, body = {
        Fault.ERROR_BEFORE: ("503 Service Unavailable", "Content-Type: text/plain", b"try again"),
        Fault.ERROR_AFTER: ("500 Internal Server Error", "Content-Type: text/plain", b"oops"),
        Fault.THROTTLED: ("429 Too Many Requests", "Retry-After: 7", b""),
        Fault.DENIED: ("401 Unauthorized", "Content-Type: text/plain", b""),
        Fault.HTML: ("200 OK", "Content-Type: text/html", b"<!doctype html><title>nginx</title>"),
        Fault.NONSENSE: ("200 OK", "Content-Type: application/json", b'[null, {"status": []}]'),
        Fault.REDIRECT: ("302 Found", "Location: https://elsewhere.test/", b""),
        Fault.ECHO: ("400 Bad Request", "Content-Type: application/json", quoted),
        Fault.HUGE: ("200 OK", "Content-Type: application/json", b""),
    }[fault]
    size = "" if fault is Fault.HUGE else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\n{headers}\r\n{size}Connection: close\r\n\r\n".encode() + body
