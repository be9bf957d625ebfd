"""Playing it: the real jobs at their real times on a turned clock, while debtors and operations do their part."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from worker.demo import money, report, scenes
from worker.demo.calendar import FIRST_DAY, at
from worker.demo.folder import from_folder
from worker.demo.scenes import Scene
from worker.demo.stage import DemoError, clear, free_port, read_settings, write_settings
from worker.model.journey import JourneyState
from worker.rounds import tick
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.serving import portal_server
from worker.settings import ClientFile
from worker.store.database import migrate
from worker.support import log
from worker.support.clock import OSLO, TurnedClock
from worker.support.summary import Summary
from worker.wiring import House, build_house

__all__ = ["DemoError", "play"]

OWNER = "demo"


@dataclass(frozen=True, slots=True)
class Play:
    """What every scene may use."""

    world: World
    sandbox: Sandbox
    house: House
    clients: list[ClientFile]
    clock: TurnedClock
    before: dict[str, Decimal] = field(default_factory=dict)  # the client's books before the settlement


async def play(*, out: Path, invoices: Path | None) -> int:
    """Plays the demo into `out`. Returns the exit code: 0 when every invoice ended told to the ERP or parked with a
    reason that was to be expected. Raises DemoError when it cannot be played."""
    clock = TurnedClock(at(FIRST_DAY, 7))
    world = World(now=clock.now)
    plot = from_folder(world, invoices) if invoices is not None else scenes.own_plot(world)
    clear(out)
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=150)
    console.print(plot.opening)
    with (out / "worker.log.jsonl").open("w", encoding="utf-8") as lines:
        log.configure(style="json", level="info", stream=lines)
        async with AsyncExitStack() as stack:
            sandbox = await stack.enter_async_context(Sandbox(world, folder=out, replica_lag=1.0, hold_seconds=2.5))
            port = free_port()
            path = write_settings(out, sandbox, plot.clients, portal_port=port)
            settings, clients = read_settings(path)
            house = build_house(settings, clock)
            stack.push_async_callback(house.aclose)
            migrate(house.db)
            await _portal(house, port, stack)
            the_play = Play(world, sandbox, house, clients, clock)
            troubled = await _run_scenes(the_play, plot.scenes, console)
            report.write_folder(out, world)
            stories = report.stories(house.db)
    report.print_table(console, stories)
    if the_play.before:
        console.print(money.table(the_play.before, money.standing(world)))
    console.print(
        f"Look into [bold]{out}[/]: ehf, efaktura, mail, letters, registered, pdf, reports (each day, to clients "
        f"and factor), erp.json, worker.log.jsonl.\nAsk the worker itself: factoring-worker status --settings {path}"
    )
    ended = all(story.invoice.state in (JourneyState.POSTED_BACK, JourneyState.PARKED) for story in stories)
    unforeseen = any(story.invoice.parked_reason in ("unexpected", "stamping_not_proven") for story in stories)
    listed = sum(len(client.invoices) for client in world.clients.values())
    if troubled or unforeseen or not ended or listed != len(stories):
        console.print("[red]Something went otherwise than it should: read worker.log.jsonl.[/]")
        return 1
    return 0


async def _portal(house: House, port: int, stack: AsyncExitStack) -> None:
    server = portal_server(house, host="127.0.0.1", port=port)
    serving = asyncio.create_task(server.serve())

    async def stop() -> None:
        server.should_exit = True
        await serving

    stack.push_async_callback(stop)
    while not server.started:
        if serving.done():
            raise DemoError("the portal could not be started")
        await asyncio.sleep(0.01)


async def _run_scenes(the_play: Play, all_scenes: list[Scene], console: Console) -> bool:
    """Plays the scenes in order. True when a step failed."""
    failed = False
    with Progress(
        TextColumn("{task.description}"), BarColumn(bar_width=30), MofNCompleteColumn(), TimeElapsedColumn(),
        console=console, transient=True,
    ) as progress:  # fmt: skip
        task = progress.add_task("", total=len(all_scenes))
        for scene in all_scenes:
            progress.update(task, description=f"{_when(scene.at)}  {scene.title}")
            the_play.clock.turn(scene.at)
            said = await scene.act(the_play) if scene.act is not None else ""
            if scene.jobs:
                summaries = await tick(the_play.house, the_play.clients, owner=OWNER)
                failed |= any(summary["failed_steps"] for summary in summaries)
                said = _told(summaries)
            progress.console.print(f"[bold]{_when(scene.at)}[/]  {scene.title}" + (f": {said}" if said else ""))
            progress.advance(task)
    return failed


_SHOWN = {
    "fetched": "fetched", "stamped": "stamped", "registered": "registered", "parked": "parked", "resumed": "mended",
    "confirmed": "confirmed by the receiver's access point", "accepted": "handed over", "refused": "refused",
    "try_later": "to be tried later", "unknown": "outcome unknown", "ask_confirmed": "found delivered by asking",
    "ask_refused": "given up by the access point", "next_letter": "to go as letters",
    "next_email_link": "to go by e-mail", "told_delivered": "told to the ERP", "told_status": "told as a new status",
    "postback_refused": "refused by the ERP", "receipt_noted": "receipts from the print house",
    "items_taken": "payments and events read", "items_matched": "matched",
    "items_waiting": "waiting for a bookkeeper", "voucher_posted": "vouchers posted",
}  # fmt: skip


def _told(summaries: list[Summary]) -> str:
    total = sum(summaries, Summary())
    return ", ".join(f"{total[word]} {text}" for word, text in _SHOWN.items() if total[word]) or "nothing to do"


def _when(instant: datetime) -> str:
    local = instant.astimezone(OSLO)
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[local.weekday()]} {local:%d.%m. %H:%M}"
