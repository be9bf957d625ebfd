"""Several worker processes on one PostgreSQL, and the sandbox's ERP 100 ms away: a part of tests.bench.store.

What is measured is the report of a delivery: claimed, told to the ERP in one request with its PDF, recorded. Requests
are counted where they reach the ERP, behind a line that holds every answer back, as the road to a real one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from bisect import bisect_left
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import insert

from tests.support.databases import Servers
from tests.support.flow import ClientPlan, number, write_settings
from worker.clients import load_all_clients
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.settings import load_worker
from worker.store.database import Database, migrate
from worker.store.story import begin_story
from worker.store.tables import deliveries, invoices, postbacks
from worker.support import log
from worker.support.clock import SystemClock
from worker.wiring import House, build_erp, build_house, steps_of

BUDGET = 50  # requests a second, PowerOffice Go's limit for the integration key
AWAY = 0.1  # seconds an answer is on its way
LONG_AGO = datetime(2026, 1, 5, 7, 0, tzinfo=UTC)
CLIENTS = [f"klient{letter}" for letter in "abcdefgh"]
_numbers = count(5001)


@dataclass
class Line:
    """The road to the ERP. `arrived`: when each request reached it."""

    host: str
    port: int
    arrived: list[float] = field(default_factory=list[float])
    turned_away: int = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(self.host, self.port)
        await asyncio.gather(self._there(reader, ours), self._back(theirs, writer))

    async def _there(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if piece.startswith((b"GET ", b"POST ")):
                    self.arrived.append(time.monotonic())
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _back(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if piece.startswith(b"HTTP/1.1 "):
                    self.turned_away += piece.startswith(b"HTTP/1.1 429")
                    await asyncio.sleep(AWAY)
                writer.write(piece)
                await writer.drain()
        writer.close()

    def taken(self) -> tuple[float, float, int]:
        """(requests a second, tokens among them; the same without the first and the last second, in which not every
        client has work; most in any second), and begins anew."""
        seen, self.arrived = sorted(self.arrived), []
        most = max(bisect_left(seen, at + 1.0) - place for place, at in enumerate(seen))
        first, last = seen[0], seen[-1]
        inner = [at for at in seen if first + 1 <= at < last - 1]
        return len(seen) / (last - first), len(inner) / (last - first - 2), most


@asynccontextmanager
async def road(url: str) -> AsyncGenerator[tuple[Line, str]]:
    """A line to the address, and the address that leads over it."""
    parts = urlsplit(url)
    line = Line(parts.hostname or "", parts.port or 80)
    server = await asyncio.start_server(line.carry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield line, parts._replace(netloc=f"127.0.0.1:{port}").geturl()
    finally:
        server.close()


@dataclass(frozen=True, slots=True)
class Ground:
    """The outside world, and a house with these clients that works on the database."""

    world: World
    sandbox: Sandbox
    house: House
    settings: Path
    keys: dict[str, str]


@asynccontextmanager
async def ground(folder: Path, url: str, plans: Sequence[ClientPlan]) -> AsyncGenerator[Ground]:
    """An empty ERP for each client, settings that lead to it, and nothing fetched yet."""
    world = World(now=lambda: LONG_AGO)
    for plan in plans:
        world.add_client(client_key=plan.key, name=plan.title, organisation_number=plan.organisation_number)
    (folder / "outside").mkdir(parents=True)
    # A token lasts twenty minutes at the vendor; in twenty seconds a run would spend its budget on new ones.
    async with Sandbox(world, folder=folder / "outside", replica_lag=0.05, token_lifetime=1200.0) as sandbox:
        path = write_settings(folder, sandbox, plans, {"DATABASE_URL": url})
        house = build_house(load_worker(path, environ={}), SystemClock())
        try:
            yield Ground(world, sandbox, house, path, {plan.name: plan.key for plan in plans})
        finally:
            await house.aclose()


def owe(here: Ground, client: str, reports: int) -> None:
    """So many delivered invoices of which the ERP is to be told."""
    erp = here.world.clients[here.keys[client]]
    sha256 = here.house.documents.put(content=b"%PDF-1.7\n" + b"x" * 30_000)
    if 10001 not in erp.customers:
        erp.add_customer(10001, name="Kari Østby", is_person=True)
    common = {"client": client, "erp": "poweroffice_go", "kind": "invoice", "debtor_code": "10001", "erp_row": {},
              "state": "delivered", "pdf_sha256": sha256, "kid": "123456785", "is_credit": False,
              "fetched_at": LONG_AGO, "updated_at": LONG_AGO}  # fmt: skip
    with here.house.db.begin() as tx:
        for _ in range(reports):
            n = next(_numbers)
            erp_id = erp.add_invoice(n, 10001, b"<Invoice/>", Decimal(100), date(2026, 1, 5))
            new_id = tx.execute(
                insert(invoices).values(**common, erp_id=erp_id, number=str(n)).returning(invoices.c.id)
            ).scalar_one()
            begin_story(tx, new_id, client=client, erp="poweroffice_go", erp_id=erp_id)
            sent = tx.execute(
                insert(deliveries)
                .values(invoice_id=new_id, number=1, channel="letter", state="handed_over", address="x", reason="x",
                        key=f"bench-{new_id}", due_at=datetime.now(UTC) + timedelta(days=9), handed_over_at=LONG_AGO,
                        created_at=LONG_AGO)
                .returning(deliveries.c.id)
            ).scalar_one()  # fmt: skip
            tx.execute(
                insert(postbacks).values(invoice_id=new_id, delivery_id=sent, kind="delivered", state="ready",
                                         due_at=LONG_AGO, created_at=LONG_AGO)
            )  # fmt: skip


async def work(settings: Path, clients: Sequence[str]) -> None:
    """A worker process: says when it is ready, waits for the word, tells the ERP; prints how long each client took."""
    log.configure(style="json", level="critical")
    os.nice(5)  # the ERP is no part of what is measured, and in life no guest on the workers' machine
    loaded = load_worker(settings, environ={})
    house = build_house(loaded, SystemClock())
    chosen = [one for one in load_all_clients(loaded)[0] if one.name in clients]
    erps = [build_erp(house, one) for one in chosen]
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    begun = time.monotonic()

    async def one(place: int) -> str:
        summary = await steps_of(house, chosen[place], erps[place])["postback"]()
        return f"{chosen[place].name} {time.monotonic() - begun:.2f} {summary['told_delivered']}"

    for line in await asyncio.gather(*(one(place) for place in range(len(chosen)))):
        say(line)
    for erp in erps:
        await erp.aclose()
    await house.aclose()


async def _together(settings: Path, workers: int, clients: Sequence[str]) -> list[tuple[str, float, int]]:
    """So many processes set off at once. (client, seconds, reports told) of each worker and client."""
    words = [sys.executable, "-m", "tests.bench.workers", str(settings), ",".join(clients)]
    started = [
        await asyncio.create_subprocess_exec(*words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        for _ in range(workers)
    ]
    for one in started:
        assert one.stdout is not None and await one.stdout.readline() == b"ready\n"
    said = [
        line
        for out, _ in await asyncio.gather(*(one.communicate(b"\n") for one in started))
        for line in out.split(b"\n")
    ]
    return [(name, float(took), int(told)) for name, took, told in (line.decode().split() for line in said if line)]


async def compare(servers: Servers, folder: Path) -> None:
    """Prints both tables."""
    url = servers.new_url("postgresql")
    db = Database(url)
    migrate(db)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = on")  # the tests' server does without
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    db.close()
    plans = [
        ClientPlan(name, f"{name} AS", number(39910000 + 100 * place), {"KID_LAYOUT": "invoice:12"})
        for place, name in enumerate(CLIENTS)
    ]
    async with ground(folder, url, plans) as here, road(here.sandbox.poweroffice_url) as (line, address):
        env = here.settings.read_text(encoding="utf-8")
        here.settings.write_text(env.replace(here.sandbox.poweroffice_url, address), encoding="utf-8")
        say(f"\nReports to an ERP {AWAY * 1000:g} ms away that takes {BUDGET} requests a second; PostgreSQL, fsync on")
        say(
            f"{'workers':>8}{'clients':>9}{'requests/s':>12}{'to one':>8}{'with work':>11}{'of budget':>11}"
            f"{'worst second':>14}{'429':>5}"
        )
        for clients, each in ((CLIENTS[:1], 90), (CLIENTS, 90)):
            alone = 0.0
            for workers in (1, 2, 3):
                for name in clients:
                    owe(here, name, each)
                line.turned_away = 0
                told = sum(one[2] for one in await _together(here.settings, workers, clients))
                if told != each * len(clients):
                    raise SystemExit(f"{told} of {each * len(clients)} reports were told")
                rate, steady, most = line.taken()
                alone = alone or rate
                ratios = f"{rate / alone:8.2f}{steady:11.1f}{steady / BUDGET:11.1%}"
                say(f"{workers:8}{len(clients):9}{rate:12.1f}{ratios}{most:14}{line.turned_away:5}")
        await _fair(here)


async def _fair(here: Ground) -> None:
    few, many = CLIENTS[:2]
    owe(here, few, 5)
    ((_, alone, _),) = await _together(here.settings, 1, [few])
    owe(here, few, 5)
    for name in CLIENTS[1:]:
        owe(here, name, 60)
    found = {name: took for name, took, _ in await _together(here.settings, 1, CLIENTS)}
    beside = f"{found[few]:.1f} s beside 7 clients with 60 each, who take {found[many]:.1f} s"
    say(f"\nA client with 5 reports: {alone:.1f} s alone, {beside}")


def say(line: str) -> None:
    """Prints at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2].split(",")))
