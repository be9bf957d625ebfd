"""`doctor`: everything is asked whether it works, and for each fault it is said what to do."""

from __future__ import annotations

from collections.abc import Sequence

import typer
from rich.console import Console, Group, RenderableType
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text

from worker import tables
from worker.clients import load_all_clients
from worker.commands.common import DEFAULT, Client, Json, Settings, choose, run_async, the_clock
from worker.doctor.findings import Finding, Result, Verdict, fault
from worker.settings import SettingsError, load_worker
from worker.support.wording import counted
from worker.wiring import run_doctor

_SIGNS = {Verdict.OK: ("ok", "green"), Verdict.WARNING: ("warn", "yellow"), Verdict.FAULT: ("FAULT", "bold red")}


def doctor(client: Client = None, json: Json = False, settings: Settings = DEFAULT) -> None:
    """Ask everything the worker depends on whether it works, read-only. Exit code 1 when there is a fault."""
    try:
        loaded = load_worker(settings)
    except SettingsError as error:
        unusable = [
            fault(f"{error.file}: {one}", "mend it: docs/settings.md explains every key") for one in error.faults
        ]
        _show([Result("settings", "", tuple(unusable), 0)], json=json)
        raise typer.Exit(2) from None
    clients, bad = load_all_clients(loaded)
    broken = {error.file.removesuffix(".env") for error in bad}
    if client is not None and client not in broken:
        choose(clients, client)
    console = Console(stderr=True)
    watching = Progress(
        SpinnerColumn(),
        TextColumn("asking everybody"),
        console=console,
        transient=True,
        disable=json or not console.is_terminal,
    )
    with watching:
        watching.add_task("doctor", total=None)
        results = run_async(run_doctor(loaded, clients, bad, only=client, path=settings, clock=the_clock()))
    _show(results, json=json)
    if any(result.verdict is Verdict.FAULT for result in results):
        raise typer.Exit(1)


def _show(results: Sequence[Result], *, json: bool) -> None:
    if json:
        told = [
            {"check": one.name, "client": one.subject or None, "verdict": one.verdict, "findings": one.findings,
             "duration_ms": one.milliseconds}
            for one in results
        ]  # fmt: skip
        typer.echo(tables.as_json({"checks": told, "faults": _count(results, Verdict.FAULT)}))
    else:
        tables.terminal().print(_view(results))


def _count(results: Sequence[Result], verdict: Verdict) -> int:
    return sum(finding.verdict is verdict for result in results for finding in result.findings)


def _view(results: Sequence[Result]) -> RenderableType:
    """One line a finding, and below what is not well what to do."""
    parts: list[RenderableType] = []
    subject = None
    for result in results:
        if not result.findings:
            continue
        if result.subject != subject:
            parts += [Text("")] if parts else []
            parts.append(Text(result.subject or "for all clients", "bold"))
            subject = result.subject
        for place, finding in enumerate(result.findings):
            following = result.findings[place + 1 : place + 2]
            is_last = finding.remedy not in [one.remedy for one in following]
            parts.append(_lines(result.name, finding, finding.remedy if is_last else ""))
    faults, warnings = _count(results, Verdict.FAULT), _count(results, Verdict.WARNING)
    longest = max((result.milliseconds for result in results), default=0)
    told = (counted(len(results), "check"), counted(faults, "fault"), counted(warnings, "warning"))
    said = f"{', '.join(told)}; the longest took {longest / 1000:.1f} s"
    return Group(*parts, Text(""), Text(said, "bold red" if faults else "bold green"))


def _lines(name: str, finding: Finding, remedy: str) -> RenderableType:
    """What is too long for the terminal goes on below itself, so that a line's beginning says what it is about."""
    sign, style = _SIGNS[finding.verdict]
    table = Table.grid(padding=(0, 1, 0, 0))
    for width in (7, 14):
        table.add_column(width=width, no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(f"  {sign}", style), Text(name, "bold"), Text(finding.what))
    if remedy:
        table.add_row("", Text(name, "dim"), Text(f"-> {remedy}", "cyan"))
    return table
