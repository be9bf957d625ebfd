"""How fast it is known who receives EHF: `python -m tests.bench.reach [--debtors N] [--rounds N]`.

The sandbox's name server and SMP run in a process of their own. What is compared takes turns, so that a busy machine
slows all; a number is the median over the rounds. Beside ours stand a bare dnspython that asks for the NAPTR record and
no more, and the same with one bare httpx GET to the SMP: what the protocol itself costs here. Eight at a time, all of
them. Memory is the peak of the measuring process, the libraries of the bench included.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import quote

import dns.asyncresolver
import httpx

from tests.bench.documents import peak_mb
from worker.adapters.peppol import TIMEOUTS, PeppolLookup, wire
from worker.model.channel import Reach
from worker.model.document import Kind
from worker.routing import RememberedReach
from worker.routing.reach import LOOKUPS_AT_ONCE
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.store.database import Database, migrate
from worker.support.clock import TurnedClock
from worker.support.http import HttpClient

BEGIN = datetime(2027, 1, 4, 7, tzinfo=UTC)
One = Callable[[str], Awaitable[None]]


def serve(debtors: list[str], folder: str, pipe: Connection) -> None:
    """The outside world, until the pipe says stop."""

    async def serving() -> None:
        world = World(now=lambda: BEGIN)
        for debtor in debtors:
            world.register_peppol(debtor)
        async with Sandbox(world, folder=Path(folder)) as sandbox:
            pipe.send((sandbox.dns_zone, sandbox.dns_address, sandbox.smp_url))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(serving())


async def each(debtors: Sequence[str], one: One) -> float:
    """Seconds for all of them, LOOKUPS_AT_ONCE at a time."""
    waiting = list(debtors)

    async def line() -> None:
        while waiting:
            await one(waiting.pop())

    begun = time.perf_counter()
    await asyncio.gather(*(line() for _ in range(LOOKUPS_AT_ONCE)))
    return time.perf_counter() - begun


async def measure(
    debtors: list[str], rounds: int, zone: str, dns: tuple[str, int], smp: str, folder: Path
) -> dict[str, float]:
    """Look-ups a second, by what was looked up how."""
    db = Database(f"sqlite:///{folder / 'worker.db'}")
    migrate(db)
    clock = TurnedClock(BEGIN)
    lookup = PeppolLookup(http=HttpClient(timeouts=TIMEOUTS), zone=zone, dns_server=dns, smp_override=smp)
    resolver = dns_resolver(dns)
    took: dict[str, list[float]] = {}

    async def naptr(debtor: str) -> None:
        await resolver.resolve(wire.sml_name(debtor, zone), "NAPTR", search=False)

    async def ours(debtor: str) -> None:
        answer = await lookup.lookup(participant=debtor, kind=Kind.INVOICE)
        if answer.reach is not Reach.YES:
            raise SystemExit(f"the look-up says {answer.reach}: {answer.evidence}")

    try:
        async with httpx.AsyncClient(trust_env=False) as http:

            async def bare(debtor: str) -> None:
                await naptr(debtor)
                address = f"{smp}/{quote(f'iso6523-actorid-upis::{debtor}', safe='')}"
                (await http.get(address, headers={"Accept": "text/xml"})).raise_for_status()

            for _ in range(rounds):
                clock.turn(clock.now() + timedelta(days=2))  # nothing that is remembered serves any more
                run = RememberedReach(lookup=lookup, db=db, clock=clock)
                for name, one in (("bare dnspython", naptr), ("bare dnspython + GET", bare), ("look-up", ours)):
                    took.setdefault(name, []).append(await each(debtors, one))
                begun = time.perf_counter()
                await run.prepare(wanted=[(debtor, Kind.INVOICE) for debtor in debtors])
                took.setdefault("cold cache", []).append(time.perf_counter() - begun)
                warm = RememberedReach(lookup=lookup, db=db, clock=clock)

                async def kept(debtor: str, warm: RememberedReach = warm) -> None:
                    if not (await warm.to_route(participant=debtor, kind=Kind.INVOICE)).cached:
                        raise SystemExit("the cache was not warm")

                took.setdefault("warm cache", []).append(await each(debtors, kept))
    finally:
        await lookup.aclose()
        db.close()
    return {name: len(debtors) / statistics.median(times) for name, times in took.items()}


def dns_resolver(server: tuple[str, int]) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [server[0]], server[1]
    return resolver


async def offered_a_gigabyte(zone: str, dns: tuple[str, int]) -> None:
    """One look-up at an SMP that sends a gigabyte."""

    gone = asyncio.Event()

    async def pours(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
            for _ in range(2**14):
                writer.write(bytes(2**16))
                await writer.drain()
        writer.close()
        gone.set()

    server = await asyncio.start_server(pours, "127.0.0.1", 0)
    async with server:
        origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        peppol = PeppolLookup(http=HttpClient(), zone=zone, dns_server=dns, smp_override=origin, attempts=1)
        answer = await peppol.lookup(participant="0192:398000000", kind=Kind.INVOICE)
        await peppol.aclose()
        await gone.wait()
    if answer.reach is not Reach.UNKNOWN:
        raise SystemExit("a gigabyte was an answer")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.reach", description=__doc__)
    parser.add_argument("--debtors", type=int, default=300, help="looked up in each round")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args(arguments)
    debtors = [f"0192:{398000000 + number}" for number in range(chosen.debtors)]
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "world").mkdir()
        world = context.Process(target=serve, args=(debtors, str(folder / "world"), theirs))
        world.start()
        zone, dns_address, smp = ours.recv()
        before = peak_mb()
        try:
            speeds = asyncio.run(measure(debtors, chosen.rounds, zone, dns_address, smp, folder))
            peak = peak_mb()
            asyncio.run(offered_a_gigabyte(zone, dns_address))
        finally:
            ours.send("stop")
            world.join()
    beside = speeds["bare dnspython + GET"]
    for name, speed in speeds.items():
        sys.stdout.write(f"{name:22} {speed:9,.0f}/s  {speed / beside:6.2f} of bare dnspython + GET\n")
    sys.stdout.write(f"memory {before:.0f} MB before, {peak:.0f} MB after, {peak_mb():.0f} MB after 1 GB was offered\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
