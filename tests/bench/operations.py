"""What watching costs, and the worker when nothing happens: `python -m tests.bench.operations [--invoices N]`.

One run, one table: reading the figures of a store with N invoices (20 clients, three years of slots), fetching
`/metrics` whole, lines of log a second beside the bare standard library's, and a worker's start and idle memory.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import insert

from tests.support.flow import FACTOR, client_plan
from worker.day import JOBS, last_due
from worker.demo.stage import free_port
from worker.model.channel import Channel
from worker.model.journey import JourneyState
from worker.ops import Clients, StoreFigures
from worker.store import figures
from worker.store.database import Database, migrate
from worker.store.tables import invoices, slots
from worker.support import log
from worker.support.clock import TurnedClock

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
CLIENTS = [f"client{number}" for number in range(20)]


def fill(db: Database, count: int) -> None:
    """Rows as wide as real ones: nearly all delivered and told, some on their way, some parked."""
    migrate(db)
    random = Random(7)  # noqa: S311 - the same table each time
    raw = "x" * 1500
    for start in range(0, count, 5000):
        rows = [
            {
                "client": random.choice(CLIENTS), "erp": "poweroffice_go", "erp_id": str(number), "kind": "invoice",
                "number": str(number), "debtor_code": "1",
                "state": random.choices(list(JourneyState), (1, 1, 1, 1, 1, 1, 10, 960, 20, 4))[0],
                "parked_reason": random.choice([None, "kid_taken", "missing_postal_address"]),
                "route": random.choice(list(Channel)), "erp_row": {"raw": raw}, "debtor": {"raw": raw},
                "fetched_at": NOW - timedelta(minutes=number), "updated_at": NOW,
            }
            for number in range(start, min(start + 5000, count))
        ]  # fmt: skip
        with db.begin() as tx:
            tx.execute(insert(invoices), rows)
    for client in CLIENTS:
        rows = [
            {
                "client": client, "job": job, "slot": NOW - timedelta(days=day, minutes=10 * turn), "state": "done",
                "owner": "a", "lease_until": NOW, "started_at": NOW, "ended_at": NOW,
            }
            for job in JOBS for day in range(750) for turn in range(50 if job == "follow_up" else 2)
        ]  # fmt: skip
        with db.begin() as tx:
            tx.execute(insert(slots), rows)


def timed(work: Callable[[], object], *, rounds: int = 10) -> str:
    took: list[float] = []
    spent: list[float] = []
    for _ in range(rounds):
        began, used = time.perf_counter(), time.process_time()
        work()
        spent.append((time.process_time() - used) * 1000)
        took.append((time.perf_counter() - began) * 1000)
    return f"median {statistics.median(took):.0f} ms ({statistics.median(spent):.0f} of processor) of {rounds}"


def store(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/worker.db")
        fill(db, count)
        size = (Path(folder) / "worker.db").stat().st_size / 2**20
        say(f"figures of {count} invoices and {20 * 750 * 58} slots ({size:.0f} MB)",
            timed(lambda: figures.read(db, clients=CLIENTS, jobs=list(JOBS), now=NOW)))  # fmt: skip

        def whole() -> None:
            registry = CollectorRegistry(auto_describe=False)
            registry.register(
                StoreFigures(
                    db=db,
                    clock=TurnedClock(NOW),
                    environment="test",
                    clients=lambda: Clients(CLIENTS, [], []),
                    last_due=last_due,
                    disks={},
                )
            )
            generate_latest(registry)

        say("the same as text, nothing remembered", timed(whole))
        db.close()


def lines(count: int = 50_000) -> None:
    stream = io.StringIO()
    log.configure(style="json", stream=stream)
    began = time.process_time()
    with log.bound(client="nordlys", job="intake", slot=NOW.isoformat(), invoice=17):
        for number in range(count):
            log.get_logger().info("delivery.attempted", delivery=number, act="send", outcome="accepted", attempt=1)
    ours = count / (time.process_time() - began)
    bare = logging.getLogger("bare")
    bare.propagate = False
    handler = logging.StreamHandler(io.StringIO())
    bare.handlers[:] = [handler]
    bare.setLevel(logging.INFO)
    began = time.process_time()
    for number in range(count):
        bare.info(json.dumps({"event": "delivery.attempted", "client": "nordlys", "job": "intake", "delivery": number}))
    theirs = count / (time.process_time() - began)
    say("lines of log", f"{ours:,.0f} a second of processor; logging + json.dumps, nothing checked: {theirs:,.0f}")


def worker() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, port = Path(folder), free_port()
        plan = client_plan()
        clients = home / "config" / "clients"
        clients.mkdir(parents=True)
        own = FACTOR | {
            "DATABASE_URL": f"sqlite:///{home}/worker.db", "DOCUMENT_STORE": f"{home}/documents",
            "PORTAL_URL": f"http://127.0.0.1:{port}", "PORTAL_PORT": str(port), "SMTP_HOST": "127.0.0.1",
            "POWEROFFICE_URL": "http://127.0.0.1:9", "POWEROFFICE_APPLICATION_KEY": "none", "ACCESS_POINT": "folder",
            "PEPPOL_DNS_SERVER": "127.0.0.1:9", "PEPPOL_SMP_OVERRIDE": "http://127.0.0.1:9",
        }  # fmt: skip
        (home / "config/worker.env").write_text("".join(f"{k}='{v}'\n" for k, v in own.items()))
        client = {"CLIENT_NAME": plan.title, "ORGANISATION_NUMBER": plan.organisation_number,
                  "POWEROFFICE_CLIENT_KEY": plan.key, **plan.settings}  # fmt: skip
        (clients / "nordlys.env").write_text("".join(f"{k}='{v}'\n" for k, v in client.items()))
        command = [sys.executable, "-m", "worker"]
        env = {**os.environ, "WORKER_SETTINGS": f"{home}/config/worker.env"}
        subprocess.run([*command, "migrate"], env=env, check=True, capture_output=True)  # noqa: S603
        starts: list[float] = []
        used: list[float] = []
        memory = 0.0
        for _ in range(3):
            began = time.perf_counter()
            process = subprocess.Popen([*command, "run"], env=env, stdout=subprocess.DEVNULL)  # noqa: S603
            while not _answers(port):
                time.sleep(0.01)
            starts.append(time.perf_counter() - began)
            ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
            used.append(sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))
            time.sleep(1)
            status = Path(f"/proc/{process.pid}/status").read_text()
            memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
            process.send_signal(signal.SIGTERM)
            process.wait()
        say(
            "from the command to /healthz",
            f"{min(starts):.1f}–{max(starts):.1f} s ({min(used):.1f} of processor) of {len(starts)}",
        )
        say("memory when idle", f"{memory:.0f} MB")
        began = time.perf_counter()
        subprocess.run([*command, "health"], env=env, check=False, capture_output=True)  # noqa: S603
        say("factoring-worker health", f"{time.perf_counter() - began:.2f} s")


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


def say(what: str, figure: str) -> None:
    print(f"{what:<60} {figure}", flush=True)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--invoices", type=int, default=100_000)
    asked = parser.parse_args()
    store(asked.invoices)
    lines()
    worker()
