"""The running service as its container sees it: a process that is started, asked how it is, and told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.flow import DAY, Debtor, Flow, client_plan, flow, person
from tests.support.serving import listening, serving
from worker.demo.stage import free_port
from worker.sandbox import magic
from worker.store import slots
from worker.store.rows import SlotRow
from worker.support.clock import oslo

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

# What `factoring-worker run` does, on a clock that stands where we put it: the command itself has no such switch.
_ON_A_TURNED_CLOCK = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
from worker.service import run_service
from worker.settings import load_worker
from worker.support import log
from worker.support.clock import TurnedClock
settings = load_worker(Path(sys.argv[1]))
log.configure(style=settings.log_format, level=settings.log_level)
sys.exit(asyncio.run(run_service(settings, TurnedClock(datetime.fromisoformat(sys.argv[2])))))
"""


@dataclass
class Child:
    """A worker process. `lines`: its log so far. `reading`: of its pipes, how many are still open."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    errors: str = ""
    reading: int = 2

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]

    async def says(self, name: str, count: int = 1) -> dict[str, Any]:
        """Waits for the event. Fails when the process ends without it."""
        await until(lambda: len(self.events(name)) >= count or self.process.returncode is not None)
        assert len(self.events(name)) >= count, (name, self.lines, self.errors)
        return self.events(name)[count - 1]

    async def ended(self) -> int:
        code = await asyncio.wait_for(self.process.wait(), 60)
        await until(lambda: not self.reading)  # the pipes may lag behind the exit
        return code


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started(house: Flow, at: datetime | None = None) -> AsyncGenerator[Child]:
    """A worker of its own process: the command on the machine's clock, or the service on a clock standing `at`."""
    path = str(house.settings_path)
    arguments = ["-m", "worker", "run", "--settings", path]
    if at is not None:
        arguments = ["-c", _ON_A_TURNED_CLOCK, path, at.isoformat()]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=kept, cwd=Path(__file__).parents[2],
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    child = Child(process)

    async def read_log() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            child.lines.append(json.loads(line))
        child.reading -= 1

    async def read_errors() -> None:
        assert process.stderr is not None
        child.errors = (await process.stderr.read()).decode()
        child.reading -= 1

    readers = [asyncio.create_task(read_log()), asyncio.create_task(read_errors())]
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await asyncio.gather(*readers)


async def healthy(house: Flow) -> str:
    async with httpx.AsyncClient(base_url=house.house.settings.portal_url) as client:
        for _ in range(200):
            with suppress(httpx.TransportError):
                answer = await client.get("/healthz")
                return f"{answer.status_code} {answer.text}"
            await asyncio.sleep(0.05)
    return "no answer"


def slot(house: Flow, job: str, hour: int, *, day: date = DAY) -> SlotRow | None:
    at = oslo(day, time(hour))
    rows = slots.latest(house.house.db, client="nordlys", limit=100)
    return next((row for row in rows if (row.job, row.slot) == (job, at)), None)


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return oslo(day, time(hour, minute))


async def test_the_command_comes_up_and_ends_in_good_order(house: Flow) -> None:
    house.invoice(4001, person())
    async with started(house) as child:
        up = await child.says("worker.started")
        assert (up["environment"], up["port"]) == ("demo", house.house.settings.portal_port)
        assert (await healthy(house)).startswith("200")
        # Whatever time it is where this runs: work that is due, or the reason why there is none.
        reasons = ("run.started", "slot.missed", "day.closed", "day.nothing_due")
        await until(lambda: any(child.events(name) for name in reasons))
        assert house.command("status").stdout.startswith("worker: alive, last heard of 25.11.2026")
        begun = asyncio.get_running_loop().time()
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert house.command("status").stdout.startswith("worker: NO SIGN of one since 25.11.2026")
        assert asyncio.get_running_loop().time() - begun < 30
        assert [line["event"] for line in child.lines if line["event"] in ("worker.stopping", "worker.stopped")] == [
            "worker.stopping", "worker.stopped",
        ]  # fmt: skip
        assert child.lines[-1]["event"] == "worker.stopped"
        assert child.errors == ""
    socket.create_server(("127.0.0.1", house.house.settings.portal_port)).close()  # the port is free again


async def test_what_came_due_while_down_is_caught_up_once(house: Flow) -> None:
    house.invoice(4001, person())
    house.invoice(4002, person(10002, "Ola Næss", "ola.naess@privat.example"))
    async with started(house, at(8, 20)) as child:
        await child.says("run.done", 3)
        assert {(line["job"], line["slot"][11:16]) for line in child.events("run.started")} == {
            ("intake", "08:00"), ("fallback", "08:00"), ("follow_up", "08:20"),
        }  # fmt: skip
        assert not child.events("slot.missed") and not child.events("day.nothing_due")
        child.process.send_signal(signal.SIGINT)  # Ctrl-C ends it just as well
        assert await child.ended() == 0
    assert len(house.mails()) == 2
    assert (house.state(4001), house.state(4002)) == ("delivered", "delivered")
    ran = slot(house, "intake", 8)
    assert ran is not None and (ran.state, ran.summary is not None and ran.summary["fetched"]) == ("done", 2)

    async with started(house, at(8, 25)) as child:  # a new version, say: nothing is done again
        await child.says("worker.started")
        assert (await healthy(house)).startswith("200")
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert not child.events("run.started")
    assert len(house.mails()) == 2


async def test_before_the_day_begins_it_says_that_nothing_is_due(house: Flow) -> None:
    async with started(house, at(7, 59)) as child:
        assert (await child.says("day.nothing_due"))["now"].startswith("2026-11-25T06:59")
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert not child.events("run.started")


async def test_a_closed_day_and_windows_that_are_over(house: Flow) -> None:
    async with started(house, at(9, day=date(2026, 12, 24))) as child:
        await child.says("day.closed")
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
        assert not child.events("run.started") and not child.events("slot.missed")
    async with started(house, at(14)) as child:
        await child.says("slot.missed", 4)
        await child.says("run.done")
        missed = sorted((line["job"], line["slot"][11:16]) for line in child.events("slot.missed"))
        assert missed == [("fallback", "08:00"), ("fallback", "10:30"), ("intake", "08:00"), ("intake", "10:30")]
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0


async def test_told_to_stop_twice_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """The call in hand is waited for and written down; what is left is taken up by the next worker, sent once."""
    settings = {"ACCESS_POINT_TIMEOUT_SECONDS": "2"}
    async with flow(tmp_path, client_plan(), settings=settings, hold_seconds=10) as house:
        slow = Debtor(20001, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT, "post@treg.example")
        house.invoice(4001, slow)
        house.invoice(4002, person())
        async with started(house, at(8)) as child:
            await until(lambda: len(house.world.ehf_submissions) == 1)
            child.process.send_signal(signal.SIGTERM)
            await child.says("worker.stopping")
            child.process.send_signal(signal.SIGTERM)
            assert await child.ended() == 0
            assert child.lines[-1]["event"] == "worker.stopped"
            assert child.events("run.given_back") and not child.events("worker.drain_timeout")
        assert house.deliveries(4001) == [("ehf", "unknown")]
        assert house.mails() == []  # no new work was begun
        given_back = slot(house, "intake", 8)
        assert given_back is not None and (given_back.state, given_back.lease_until) == ("running", at(8))

        async with started(house, at(8, 10)) as child:
            await child.says("run.done", 3)
            child.process.send_signal(signal.SIGTERM)
            assert await child.ended() == 0
        assert house.deliveries(4001) == [("ehf", "confirmed")]
        assert house.deliveries(4002) == [("email_link", "handed_over")]
        assert (len(house.world.ehf_submissions), len(house.mails())) == (1, 1)


async def test_a_client_whose_round_takes_long_holds_nobody_else_up(tmp_path: Path) -> None:
    """One waits for the access point; another, new, gets its slots at once and again when there is more to do."""
    plans = (client_plan(), client_plan("fjordvik"))
    async with flow(tmp_path, *plans, settings={"ACCESS_POINT_TIMEOUT_SECONDS": "30"}, hold_seconds=30) as house:
        file = house.settings_path.parent / "clients" / "fjordvik.env"
        away = file.rename(file.with_suffix(".away"))
        house.invoice(4001, Debtor(20001, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT, "post@treg.example"))
        async with started(house, at(8)) as child:
            await until(lambda: len(house.world.ehf_submissions) == 1)
            away.rename(file)
            house.invoice(5001, person(), client="fjordvik")
            child.process.send_signal(signal.SIGHUP)
            await child.says("run.done", 2)
            assert {line["client"] for line in child.events("run.done")} == {"fjordvik"}
            assert house.state(5001, "fjordvik") == "delivered"
        assert house.deliveries(4001) == [("ehf", "sending")], "it was still waiting"


async def test_killed_in_the_middle_its_slot_is_taken_over_when_the_lease_is_over(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), settings={"ACCESS_POINT_TIMEOUT_SECONDS": "30"}, hold_seconds=3) as house:
        slow = Debtor(20001, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT, "post@treg.example")
        house.invoice(4001, slow)
        async with started(house, at(8)) as child:
            await until(lambda: len(house.world.ehf_submissions) == 1)
            child.process.kill()
            assert await child.ended() == -signal.SIGKILL
        assert house.deliveries(4001) == [("ehf", "sending")]

        async with started(house, at(8, 5)) as child:  # perhaps it is only slow
            await child.says("run.done")
            child.process.send_signal(signal.SIGTERM)
            assert await child.ended() == 0
            assert {line["job"] for line in child.events("run.started")} == {"fallback"}
        assert house.deliveries(4001) == [("ehf", "sending")]

        async with started(house, at(8) + slots.LEASE + timedelta(minutes=1)) as child:
            await child.says("recovery.deliveries")
            await child.says("run.done", 2)
            child.process.send_signal(signal.SIGTERM)
            assert await child.ended() == 0
            assert {line["job"] for line in child.events("run.started")} == {"intake", "follow_up"}
        assert house.deliveries(4001) == [("ehf", "confirmed")]
        assert len(house.world.ehf_submissions) == 1


async def test_without_a_migrated_database_it_says_what_to_run(house: Flow) -> None:
    empty = house.folder / "other.db"
    lines = house.settings_path.read_text(encoding="utf-8").replace("worker.db", empty.name)
    house.settings_path.write_text(lines, encoding="utf-8")
    async with started(house) as child:
        assert await child.ended() == 1
        assert "run `factoring-worker migrate`" in " ".join(child.errors.split())
        assert "Traceback" not in child.errors
        assert child.lines == []
    assert not empty.exists()


async def test_a_port_in_use_is_said_and_no_work_is_begun(house: Flow) -> None:
    house.invoice(4001, person())
    with socket.create_server(("127.0.0.1", house.house.settings.portal_port)):
        async with started(house, at(8)) as child:
            assert await child.ended() == 1
            [said] = child.lines
            assert (said["event"], said["level"], said["port"]) == (
                "portal.cannot_listen", "error", house.house.settings.portal_port
            )  # fmt: skip
            assert "in use" in said["message"]
            assert "Traceback" not in child.errors
    assert slot(house, "intake", 8) is None


async def test_whoever_watches_sees_the_morning_and_hears_of_each_job(tmp_path: Path) -> None:
    """Two doors and the dead man's switch, as a container host, Prometheus and Healthchecks meet them."""
    signs: list[str] = []

    async def sign(request: Request) -> Response:
        signs.append(request.url.path)
        return Response()

    switch = Starlette(routes=[Route("/{rest:path}", sign, methods=["POST"])])
    port = free_port()
    with listening() as (door, address), serving(switch, door):
        watched = {"OPS_PORT": str(port), "PING_URL": f"{address}/key/{{job}}"}
        async with flow(tmp_path, client_plan(), client_plan("fjordvik"), settings=watched) as house:
            house.invoice(4001, person())
            async with started(house, at(8, 20)) as child:
                await until(lambda: len(signs) == 3)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                    assert (await client.get("/healthz")).text == "ok"
                    assert (await client.get("/readyz")).text == "ok"
                    told = (await client.get("/metrics")).text
                async with httpx.AsyncClient(base_url=house.house.settings.portal_url) as client:
                    assert (await client.get("/readyz")).text == "ok"
                    assert (await client.get("/metrics")).status_code == 404, "never on the public side"
                child.process.send_signal(signal.SIGTERM)
                assert await child.ended() == 0
    assert sorted(signs) == ["/key/fallback", "/key/follow_up", "/key/intake"]
    for line in (
        'factoring_invoices{channel="email_link",client="nordlys",state="delivered"} 1.0',
        'factoring_attempts_total{act="send",outcome="accepted",subject="delivery"} 1.0',
        'factoring_call_seconds_count{counterparty="smtp",outcome="answered"} 1.0',
        'factoring_run_seconds_count{job="intake",outcome="done"} 2.0',
        'factoring_job_last_success_timestamp_seconds{client="fjordvik",job="intake"} 1.7955912e+09',
        'factoring_log_lines_total{level="error"} 0.0',
    ):
        assert line in told, line
    for counted in ("poweroffice_go", "sftp_print_house"):
        assert f'factoring_call_seconds_count{{counterparty="{counted}"' in told
    assert 'factoring_budget_wait_seconds_count{budget="poweroffice_go"}' in told
