"""How fast the portal answers: `python -m tests.bench.portal [--seconds N] [--clients N]`.

One run, one table. The portal and a bare Starlette app that answers a ready page of the code page's size stand in a
process each, served as the worker serves the portal; the same clients ask them in turns over kept-alive connections,
each waiting for its answer before it asks again, so what slows one slows the other. A ratio is to the bare page of the
same run. Memory is the peak of the process that served. Clients and servers share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import socket
import statistics
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.support.portal import CODE, KEY, NOW, PortalHouse
from worker.adapters.document_store import FolderDocumentStore
from worker.portal.access import new_session
from worker.store.database import Database, migrate
from worker.support import log
from worker.support.clock import TurnedClock
from worker.support.secrets import hash_token

LINKS = 400  # more than the portal remembers the sellers of
PDF = b"%PDF-1.7\n" + os.urandom(60_000)
PUBLIC = "http://127.0.0.1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What one kind of request was answered with: how many a second, and how long each took (ms)."""

    per_second: float
    median: float
    p99: float


def _house(folder: Path) -> PortalHouse:
    return PortalHouse(
        Database(f"sqlite:///{folder / 'worker.db'}"),
        FolderDocumentStore(folder / "documents"),
        folder / "documents",
        TurnedClock(NOW),
    )


def _serve(app: ASGIApp, door: socket.socket) -> None:
    log.configure(style="json", level="error")
    uvicorn.Server(
        uvicorn.Config(app, access_log=False, log_config=None, server_header=False, lifespan="off", ws="none")
    ).run(sockets=[door])


def serve_portal(folder: Path, door: socket.socket) -> None:
    """The portal over SQLite and a local folder, until it is told to stop."""
    _serve(_house(folder).app(public_url=PUBLIC), door)


def serve_bare(size: int, door: socket.socket) -> None:
    """A page of so many bytes and nothing else."""
    page = "x" * size

    async def answer(_: Request) -> Response:
        return HTMLResponse(page)

    _serve(Starlette(routes=[Route("/", answer)]), door)


@contextmanager
def served(target: object, *args: object) -> Generator[tuple[int, int]]:
    """A server in a process of its own: its port and process id."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as door:
        start = multiprocessing.get_context("fork").Process(target=target, args=(*args, door), daemon=True)  # pyright: ignore[reportArgumentType]
        start.start()
        assert start.pid is not None
        yield door.getsockname()[1], start.pid
        start.terminate()
        start.join()


def peak_mb(pid: int) -> float:
    """The most memory the process has held, MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise LookupError(pid)


async def _client(port: int, requests: Sequence[bytes], offset: int, until: float, expected: bytes) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took: list[float] = []
    for request in cycle([*requests[offset:], *requests[:offset]]):
        begun = time.perf_counter()
        if begun >= until:
            break
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if expected not in head[:16]:
            raise SystemExit(f"answered {head[:40]!r}")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        took.append((time.perf_counter() - begun) * 1000)
    writer.close()
    return took


async def ask(port: int, requests: Sequence[bytes], *, clients: int, seconds: float, expected: bytes) -> Asked:
    """Every client asks as fast as it is answered, each beginning at another request."""
    until = time.perf_counter() + seconds
    offsets = [number * len(requests) // clients for number in range(clients)]
    took = await asyncio.gather(*(_client(port, requests, at, until, expected) for at in offsets))
    every = sorted(one for of_client in took for one in of_client)
    return Asked(len(every) / seconds, statistics.median(every), every[int(len(every) * 0.99)])


def _get(path: str, *lines: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", "")).encode()


def _post(path: str, body: str) -> bytes:
    lines = ("Host: 127.0.0.1", "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}")
    return "\r\n".join((f"POST {path} HTTP/1.1", *lines, "", body)).encode()


def main() -> None:
    """Measures and prints."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--seconds", type=float, default=3.0, help="for each measurement of a round")
    given.add_argument("--clients", type=int, default=50)
    given.add_argument("--rounds", type=int, default=3)
    options = given.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        house = _house(folder)
        migrate(house.db)
        sent = [house.send(number=str(number), pdf=PDF) for number in range(10_000, 10_000 + LINKS)]
        house.db.close()
        cookies = [
            f"Cookie: invoice-{one.page.rpartition('/')[2]}="
            + new_session(KEY, token_hash=hash_token(one.token), now=NOW)
            for one in sent
        ]
        inside = list(zip(sent, cookies, strict=True))
        works: dict[str, tuple[list[bytes], bytes]] = {
            "code page": ([_get(one.door) for one in sent], b"200"),
            "unknown link": ([_get(one.door[::-1].replace("/", "_")[:22].join(("/i/", ""))) for one in sent], b"404"),
            "right code (writes)": ([_post(one.door, f"code={CODE}") for one in sent], b"303"),
            "invoice page": ([_get(one.page, cookie) for one, cookie in inside], b"200"),
            f"PDF, {len(PDF) // 1000} kB": (
                [_get(f"{one.page}/faktura.pdf", cookie) for one, cookie in inside],
                b"200",
            ),
        }
        with served(serve_portal, folder) as (portal, pid), served(serve_bare, 2500) as (bare, bare_pid):
            for port, path in ((portal, sent[0].door), (bare, "/")):
                asyncio.run(ask(port, [_get(path)], clients=options.clients, seconds=1.0, expected=b"200"))
            at_rest = peak_mb(pid)
            rounds: dict[str, list[Asked]] = {}
            for _ in range(options.rounds):
                for work, (port, requests, expected) in {
                    "bare page": (bare, [_get("/")], b"200"),
                    **{what: (portal, *asked) for what, asked in works.items()},
                }.items():
                    measured = ask(port, requests, clients=options.clients, seconds=options.seconds, expected=expected)
                    rounds.setdefault(work, []).append(asyncio.run(measured))
            peaks = peak_mb(pid), peak_mb(bare_pid)
    print(f"{options.clients} clients, {LINKS} links, {options.rounds} rounds of {options.seconds:g} s each; medians")  # noqa: T201
    print(f"{'':22}{'requests/s':>11}{'median ms':>11}{'p99 ms':>9}{'of bare':>9}")  # noqa: T201
    speed = {name: statistics.median(one.per_second for one in found) for name, found in rounds.items()}
    for name, found in rounds.items():
        median, p99 = (statistics.median(values) for values in ([f.median for f in found], [f.p99 for f in found]))
        of_bare = speed[name] / speed["bare page"]
        print(f"{name:22}{speed[name]:11,.0f}{median:11.1f}{p99:9.1f}{of_bare:9.2f}")  # noqa: T201
    print(f"memory, peak: portal {peaks[0]:.0f} MB ({at_rest:.0f} MB after a second of use), bare {peaks[1]:.0f} MB")  # noqa: T201


if __name__ == "__main__":
    main()
