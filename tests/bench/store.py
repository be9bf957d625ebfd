"""The store under load, one run and three tables: `python -m tests.bench.store [--open N] [--only PART]`.

- `transitions` a second on SQLite (a file, synchronous FULL) and PostgreSQL (fsync on), by one thread and by four,
  beside bare inserts of one row each committed by itself through the driver: the ratio is to those of the same run;
- `workers`: one, two and three processes on one PostgreSQL: reports a second until the ERP's budget is the limit, how
  much of it is used, the busiest second at the ERP's door, and how long a small client waits beside large ones;
- `open`: with very many open invoices, seconds and peak memory of `status`, `parked` and of jobs with nothing to do.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import insert

from tests.bench import workers
from tests.bench.workers import say
from tests.support.databases import Servers
from tests.support.flow import client_plan
from tests.unit.store.stocked import Stock
from worker.model.channel import Channel
from worker.store.database import Database, migrate
from worker.store.tables import deliveries, invoices

INVOICES = 200
MOVES = 6  # transactions that bring one to a delivery that is being sent
KINDS = ("sqlite", "postgresql")
_MEASURED = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
took = time.perf_counter() - begun
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(json.dumps([done.returncode, took, peak, done.stderr[-500:]]))
"""


# --- transitions -------------------------------------------------------------------------------------


def _bare(url: str, count: int) -> float:
    """Rows a second, each committed by itself through the driver, as durably as the store's."""
    begun = 0.0
    if url.startswith("sqlite"):
        door: Any = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        door.execute("PRAGMA synchronous=FULL")
        mark = "?"
    else:
        door = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        mark = "%s"
    door.execute("CREATE TABLE IF NOT EXISTS bare (id integer, word text)")
    begun = time.perf_counter()
    for number in range(count):
        door.execute(f"INSERT INTO bare VALUES ({mark}, {mark})", (number, "x" * 200))  # noqa: S608 - our own words
    rate = count / (time.perf_counter() - begun)
    door.close()
    return rate


def _moved(db: Database, threads: int) -> float:
    """Transitions a second of so many threads, each with invoices of its own."""

    def some(name: str) -> None:
        stock = Stock(db, name)
        for _ in range(INVOICES // threads):
            stock.routed(Channel.EMAIL_LINK)
            stock.claim(Channel.EMAIL_LINK)

    crowd = [threading.Thread(target=some, args=(f"{threads}-{number}",)) for number in range(threads)]
    begun = time.perf_counter()
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    return INVOICES // threads * threads * MOVES / (time.perf_counter() - begun)


def transitions(servers: Servers) -> None:
    say(f"{'':26}{'transitions/s':>14}{'of bare inserts':>17}")
    for kind in KINDS:
        url = servers.new_url(kind)
        db = Database(url)
        migrate(db)
        if kind == "postgresql":
            _durable(db)
        bare = _bare(url, INVOICES * 2)
        say(f"{kind + ', bare inserts':26}{bare:14,.0f}{1:17.2f}")
        for threads in (1, 4):
            rate = _moved(db, threads)
            say(f"{f'{kind}, {threads} thread(s)':26}{rate:14,.0f}{rate / bare:17.2f}")
        db.close()


def _durable(db: Database) -> None:
    """The tests' server does without fsync; a measurement must not."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = on")
        connection.exec_driver_sql("SELECT pg_reload_conf()")


# --- very many open invoices -------------------------------------------------------------------------


def _open(db: Database, count: int) -> None:
    """Invoices mailed yesterday and not opened; of a hundred one is parked."""
    raw = {f"Field{place}": "as long as the ERP's own rows are, more or less" for place in range(25)}
    now = datetime.now(UTC)
    common: dict[str, Any] = {
        "client": "nordlys", "erp": "poweroffice_go", "kind": "invoice", "debtor_code": "10001", "currency": "NOK",
        "payable_minor": 125_000, "is_credit": False, "route": "email_link", "fetched_at": now, "updated_at": now,
    }  # fmt: skip

    def rows(start: int) -> Iterator[dict[str, Any]]:
        for n in range(start, min(start + 5_000, count)):
            stuck = n % 100 == 0
            yield {**common, "id": n + 1, "erp_id": f"i{n}", "number": str(n), "kid": str(10**9 + n),
                   "state": "parked" if stuck else "posted_back", "return_state": "checked" if stuck else None,
                   "parked_reason": "missing_postal_address" if stuck else None,
                   "parked_detail": "no postal code" if stuck else None, "erp_row": {"raw": raw}}  # fmt: skip

    for start in range(0, count, 5_000):
        some = list(rows(start))
        with db.begin() as tx:
            tx.execute(insert(invoices), some)
            tx.execute(insert(deliveries), [
                {"invoice_id": one["id"], "number": 1, "channel": "email_link", "state": "handed_over",
                 "address": "kari@debtor.example", "reason": "x", "key": f"k{one['id']}", "due_at": now,
                 "created_at": now, "handed_over_at": now}
                for one in some if one["state"] != "parked"
            ])  # fmt: skip
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if db.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE")


def _measured(settings: Path, *words: str) -> tuple[float, float]:
    """(seconds, peak MB) of a command in a process of its own."""
    command = [sys.executable, "-c", _MEASURED, sys.executable, "-m", "worker", *words, "--settings", str(settings)]
    out = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})  # noqa: S603
    code, seconds, peak, errors = json.loads(out.stdout)
    if code not in (0, 1):
        raise SystemExit(f"{words}: {errors}")
    return seconds, peak


async def many_open(servers: Servers, folder: Path, count: int) -> None:
    commands: tuple[tuple[str, ...], ...] = (
        ("settings",), ("status",), ("parked",), ("invoice", "show", "nordlys/77"),
        ("job", "fallback"), ("job", "follow_up"),
    )  # fmt: skip
    for kind in KINDS:
        url = servers.new_url(kind)
        db = Database(url)
        migrate(db)
        await asyncio.to_thread(_open, db, count)
        db.close()
        say(f"\n{count:,} open invoices, {count // 100:,} parked, {kind}")
        say(f"{'':26}{'seconds':>9}{'peak MB':>9}")
        async with workers.ground(folder / kind, url, [client_plan()]) as here:
            for words in commands:
                seconds, peak = await asyncio.to_thread(_measured, here.settings, *words)
                say(f"{' '.join(words):26}{seconds:9.1f}{peak:9.0f}")


def main() -> None:
    """Measures and prints."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--open", type=int, default=100_000)
    given.add_argument("--only", choices=("transitions", "workers", "open"))
    options = given.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        servers = Servers(folder / "databases")
        (folder / "databases").mkdir()
        parts: dict[str, Callable[[], None]] = {
            "transitions": lambda: transitions(servers),
            "workers": lambda: asyncio.run(workers.compare(servers, folder / "workers")),
            "open": lambda: asyncio.run(many_open(servers, folder / "open", options.open)),
        }
        try:
            for part, measure in parts.items():
                if options.only in (None, part):
                    measure()
        finally:
            servers.close()


if __name__ == "__main__":
    main()
