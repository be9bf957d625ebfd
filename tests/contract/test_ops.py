"""What whoever watches gets: alive, ready, numbers; and the alarms and the dashboard that are made of those numbers."""

from __future__ import annotations

import asyncio
import io
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from typer.testing import CliRunner

from tests.architecture.source import ROOT, table
from tests.support.database import prepared
from tests.support.flow import logging_to
from tests.support.serving import listening, serving
from tests.unit.store.stocked import NOW, Stock
from worker.adapters.document_store import FolderDocumentStore
from worker.cli import app as commands
from worker.day import last_due
from worker.model.channel import Channel
from worker.model.parked import ParkedReason
from worker.ops import Clients, Pings, Readiness, StoreFigures, Vitals, create_ops_app
from worker.ops.pings import build_pings
from worker.store import invoices, slots
from worker.store.database import Database
from worker.store.slots import SlotKey
from worker.support.clock import TurnedClock
from worker.support.http import HttpClient, NotSent

pytestmark = pytest.mark.anyio


@dataclass
class House:
    """A worker's operations' door, with a database and a folder of documents."""

    folder: Path
    db: Database
    clients: Clients = field(default_factory=lambda: Clients(["nordlys"], [], []))
    stopping: bool = False
    vitals: Vitals = field(default_factory=Vitals)

    def __post_init__(self) -> None:
        self.documents = FolderDocumentStore(self.folder / "documents")

    def readiness(self) -> Readiness:
        return Readiness(
            db=self.db,
            documents=self.documents,
            usable_clients=lambda: len(self.clients.running),
            stopping=lambda: self.stopping,
            who="me",
        )

    def app(self) -> Starlette:
        figures = StoreFigures(
            db=self.db,
            clock=TurnedClock(NOW),
            environment="test",
            clients=lambda: self.clients,
            last_due=last_due,
            disks={"database": self.folder, "documents": self.folder / "not there yet"},
        )
        return create_ops_app(vitals=self.vitals, readiness=self.readiness(), figures=figures)

    async def get(self, path: str) -> tuple[int, str]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app()), base_url="http://ops") as client:
            answer = await client.get(path)
            return answer.status_code, answer.text

    async def numbers(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Each sample's name → label values in the order of the labels' names → number."""
        status, text = await self.get("/metrics")
        assert status == 200
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            found.setdefault(family.name, {})
            for sample in family.samples:
                key = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name, {})[key] = sample.value
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[House]:
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    yield House(tmp_path, db)
    db.close()


# --- alive and ready ------------------------------------------------------------------------------


async def test_alive_until_a_task_has_ended(house: House) -> None:
    over = asyncio.Event()
    task = asyncio.create_task(_wait(over))
    house.vitals.watch({"timetable": task})
    assert await house.get("/healthz") == (200, "ok")
    over.set()
    await task
    assert await house.get("/healthz") == (503, "timetable has ended")


async def _wait(over: asyncio.Event) -> None:
    await over.wait()


async def test_ready_leaves_nothing_behind(house: House) -> None:
    assert await house.get("/readyz") == (200, "ok")
    assert list(house.documents.documents()) == []


async def test_not_ready_says_what_is_missing(house: House) -> None:
    house.clients = Clients([], [], ["nordlys"])
    assert await house.get("/readyz") == (503, "clients")
    (house.folder / "documents").rename(house.folder / "away")
    (house.folder / "documents").write_text("a file where the folder was")
    assert await house.get("/readyz") == (503, "document_store\nclients")
    with house.db.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert (await house.get("/readyz"))[1].startswith("database\n")
    house.stopping = True
    assert await house.get("/readyz") == (503, "stopping")


async def test_a_database_nobody_may_write_is_not_ready(house: House) -> None:
    house.db.close()
    read_only = Database(f"sqlite:///file:{house.folder / 'worker.db'}?mode=ro&uri=true")
    house.db = read_only
    assert await house.get("/readyz") == (503, "database")


async def test_the_log_hears_of_it_once_and_many_askers_are_one(house: House) -> None:
    house.clients = Clients([], [], [])
    readiness, lines = house.readiness(), io.StringIO()
    with logging_to(lines):
        answers = await asyncio.gather(*(readiness.faults() for _ in range(20)))
    assert answers == [["clients"]] * 20
    [line] = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert (line["event"], line["fault"]) == ("worker.not_ready", ["clients"])


# --- numbers --------------------------------------------------------------------------------------


async def test_the_store_in_numbers(house: House) -> None:
    stock = Stock(house.db, "nordlys")
    stock.fetched()
    stock.turn(timedelta(hours=1))
    stock.routed(Channel.EHF)
    parked = stock.registered()
    invoices.park(house.db, parked, reason=ParkedReason.KID_TAKEN, detail="", now=stock.now)
    key = SlotKey("nordlys", "intake", NOW)
    assert slots.start(house.db, key, owner="a", now=NOW)
    slots.finish(house.db, key, owner="a", state="done", summary={}, now=NOW)
    house.clients = Clients(["nordlys"], ["fjordvik"], [])
    told = await house.numbers()
    at = NOW.timestamp()
    assert told["factoring_invoices"] == {
        ("", "nordlys", "fetched"): 1,
        ("ehf", "nordlys", "routed"): 1,
        ("", "nordlys", "parked"): 1,
    }
    assert told["factoring_parked"] == {("nordlys", "kid_taken"): 1}
    assert told["factoring_oldest_undelivered_timestamp_seconds"] == {("nordlys",): at}
    assert told["factoring_oldest_parked_timestamp_seconds"] == {("nordlys",): at + 3600}
    assert told["factoring_job_last_success_timestamp_seconds"] == {("nordlys", "intake"): at}
    assert told["factoring_job_last_due_timestamp_seconds"][("intake",)] == at, "Wednesday, eight o'clock in Norway"
    assert told["factoring_deliveries_pending"] == {("ehf", "ready"): 1}
    assert told["factoring_clients"] == {("running",): 1, ("paused",): 1, ("broken",): 0}
    assert told["factoring_store_readable"] == {(): 1}
    assert set(told["factoring_disk_free_bytes"]) == {("database",)}
    assert told["process_resident_memory_bytes"][()] > 0


async def test_without_a_store_the_rest_is_told(house: House) -> None:
    house.db.close()
    (house.folder / "worker.db").write_bytes(b"this is no database at all" * 100)
    (house.folder / "worker.db-wal").unlink(missing_ok=True)
    with logging_to(io.StringIO()):
        told = await house.numbers()
    assert told["factoring_store_readable"] == {(): 0}
    assert "factoring_build_info" in told
    assert "factoring_call_seconds" in told
    assert not told.get("factoring_invoices")


async def test_a_call_is_measured_by_what_came_of_it(house: House) -> None:
    def count(told: dict[str, dict[tuple[str, ...], float]], outcome: str) -> float:
        return told["factoring_call_seconds_count"].get(("ops test", outcome), 0)

    with listening() as (door, address), serving(Starlette(), door):
        async with HttpClient(who="ops test") as http:
            await http.request("GET", f"{address}/nothing/here")
            with pytest.raises(NotSent):
                await http.request("GET", "http://127.0.0.1:9/")
    told = await house.numbers()
    assert (count(told, "4xx"), count(told, "not_sent")) == (1, 1)


async def test_labels_are_closed_words_and_clients(house: House) -> None:
    _, text = await house.get("/metrics")
    names = {name for family in text_string_to_metric_families(text) for s in family.samples for name in s.labels}
    assert names <= {
        "client", "state", "channel", "reason", "job", "subject", "act", "outcome", "counterparty", "budget", "level",
        "place", "version", "python", "revision", "environment", "le",
    }  # fmt: skip


# --- alarms and dashboard -------------------------------------------------------------------------

METRIC = re.compile(r"\b(?:factoring|process)_[a-z_]+\b")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")


def _alerts() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((ROOT / "docs/ops/alerts.yml").read_text(encoding="utf-8"))
    [group] = loaded["groups"]
    return group["rules"]


def _expressions() -> Iterator[tuple[str, str]]:
    for rule in _alerts():
        yield rule["alert"], rule["expr"]
    board = json.loads((ROOT / "docs/ops/dashboard.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]["query"]


async def test_alarms_and_dashboard_ask_for_numbers_there_are(house: House) -> None:
    """Names and labels; and the other way round, each of our numbers is looked at somewhere."""
    told = set(await house.numbers())
    for endings in ("_bucket", "_count", "_sum"):  # of what nobody has counted yet only the family is there
        told |= {f"{name}{endings}" for name in told if name.endswith("_seconds")}
    asked: set[str] = set()
    for where, expression in _expressions():
        used = set(METRIC.findall(expression))
        assert used, where
        assert used <= told | {f"{name}_total" for name in told}, where
        asked |= used
        assert expression.count("(") == expression.count(")"), where
        assert set(LABELS.findall(expression)) <= {"client", "state", "channel", "reason", "job", "outcome", "level"}
    ours = {name for name in told if name.startswith("factoring_")}
    families = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in ours}
    assert families - {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in asked} == set()
    explained = set(table("docs/watching.md", "The numbers")) - {"process_..."}
    assert {name.removesuffix("_total") for name in explained} == families


def test_every_alarm_says_how_bad_it_is_and_what_to_do() -> None:
    for rule in _alerts():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"] and rule["annotations"]["action"]
        for said in re.findall(r"\$labels\.(\w+)", str(rule["annotations"])):
            assert said in rule["expr"], (rule["alert"], said)
    assert len({rule["alert"] for rule in _alerts()}) == len(_alerts())


# --- the dead man's switch ------------------------------------------------------------------------


class Switch:
    """Somebody who keeps dead man's switches. `trouble`: answers 500 that many times first."""

    def __init__(self) -> None:
        self.signs: list[str] = []
        self.trouble = 0
        self.app = Starlette(routes=[Route("/{rest:path}", self.answer, methods=["POST"])])

    async def answer(self, request: Request) -> Response:
        if self.trouble:
            self.trouble -= 1
            return PlainTextResponse("not now", status_code=500)
        self.signs.append(request.url.path)
        return PlainTextResponse("OK")


@pytest.fixture
def switch() -> Iterator[tuple[Switch, str]]:
    kept = Switch()
    with listening() as (door, address), serving(kept.app, door):
        yield kept, f"{address}/key-1/{{job}}"


def _pings(url: str) -> Pings:
    return Pings(url=url, http=HttpClient(who="ping"), pause_seconds=0.0)


def _ended(db: Database, client: str, state: str) -> None:
    key = SlotKey(client, "intake", NOW)
    assert slots.start(db, key, owner="a", now=NOW)
    if state != "running":
        slots.finish(db, key, owner="a", state=state, summary={}, now=NOW)


@pytest.mark.parametrize(
    ("states", "broken", "signs"),
    [
        (["done", "done"], False, ["/key-1/intake"]),
        (["done", "failed"], False, ["/key-1/intake/fail"]),
        (["done", "done"], True, ["/key-1/intake/fail"]),
        (["done", "running"], False, []),
        (["done"], False, []),  # the second client's has not begun
    ],
)
async def test_a_sign_when_a_job_is_through_for_all_clients(
    house: House, switch: tuple[Switch, str], states: list[str], broken: bool, signs: list[str]
) -> None:
    clients = ["nordlys", "fjordvik"]
    for client, state in zip(clients, states, strict=False):
        _ended(house.db, client, state)
    kept, url = switch
    pings = _pings(url)
    for _ in range(3):  # every tick looks again
        pings.look(house.db, due=[("intake", NOW)], clients=clients, broken=broken)
    await pings.aclose()
    assert kept.signs == signs


async def test_a_sign_is_repeated_until_it_gets_through(switch: tuple[Switch, str]) -> None:
    kept, url = switch
    kept.trouble = 2
    pings = _pings(url)
    pings.tell("postback", NOW, well=True)
    await pings.aclose()
    assert kept.signs == ["/key-1/postback"]


async def test_on_a_closed_day_the_sign_comes_all_the_same(switch: tuple[Switch, str]) -> None:
    kept, url = switch
    pings = _pings(url)
    pings.rest({"intake": NOW})
    pings.rest({"intake": NOW})
    await pings.aclose()
    assert kept.signs == ["/key-1/intake"]


async def test_trouble_with_the_switch_is_told_without_its_address(switch: tuple[Switch, str]) -> None:
    kept, url = switch
    kept.trouble = 99
    lines = io.StringIO()
    with logging_to(lines):
        for address in (url, "http://127.0.0.1:9/key-1/{job}", "http://[broken/{job}"):
            pings = _pings(address)
            pings.tell("intake", NOW, well=False)
            await pings.aclose()
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in told] == ["ping.failed"] * 3
    assert "key-1" not in lines.getvalue()
    assert build_pings("") is None


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "options"), [("/healthz", []), ("/readyz", ["--ready"])])
def test_health_asks_the_running_worker(path: str, options: list[str]) -> None:
    app = Starlette(routes=[Route(path, lambda _: PlainTextResponse("ok"))])
    with listening() as (door, address), serving(app, door):
        env = {"PORTAL_HOST": "0.0.0.0", "PORTAL_PORT": address.rpartition(":")[2]}  # noqa: S104
        assert CliRunner().invoke(commands, ["health", *options], env=env).exit_code == 0
        other = ["--ready"] if not options else []
        assert CliRunner().invoke(commands, ["health", *other], env=env).exit_code == 1
    done = CliRunner().invoke(commands, ["health"], env=env)
    assert (done.exit_code, done.stderr) == (1, "no answer (ConnectionRefusedError)\n")


def test_the_quick_way_to_health_says_its_own_name() -> None:
    command = [sys.executable, "-m", "worker", "health", "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    assert said.stdout.startswith("Usage: factoring-worker health [OPTIONS]\n")
