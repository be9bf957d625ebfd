"""Commands that answer for the whole: is every invoice accounted for, and what did the day bring."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.panel import Panel
from rich.text import Text

from worker import reporting, tables
from worker.clients import load_all_clients
from worker.commands.common import (
    DEFAULT,
    Client,
    Json,
    Now,
    Settings,
    choose,
    clock_of,
    fail,
    open_database,
    run_async,
    worker_settings,
)
from worker.model.completeness import Completeness, NotChecked, WhyUnchecked
from worker.settings import ClientFile, WorkerSettings, client_files
from worker.store import reports
from worker.store.database import Database
from worker.store.reports import FACTOR, ReportRow
from worker.support import log
from worker.support.clock import Clock, oslo_date
from worker.support.wording import minute
from worker.wiring import (
    build_house,
    check_completeness,
    factor_report_config,
    report_config,
    send_factor_report,
    send_report,
)


def completeness(
    client: Client = None,
    days: Annotated[
        int | None, typer.Option("--days", help="How far back the ERP's delivered invoices are read.", min=1, max=4000)
    ] = None,
    json: Json = False,
    now: Now = None,
    settings: Settings = DEFAULT,
) -> None:
    """Hold ERP, ledger folder and store against each other; exit code 1 when something is unexplained or unchecked."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock = clock_of(now, loaded)
    usable = load_all_clients(loaded)[0]
    left_out = [one for one in _not_checked(loaded, usable) if client in (None, one.client)]
    chosen = [one for one in usable if client in (None, one.name)] if left_out else choose(usable, client)
    found = run_async(_check(loaded, clock, chosen, days))
    if json:
        told = {name: {**asdict(one), "not_checked": None} for name, one in found.items()}
        typer.echo(tables.as_json(told | {one.client: _without_check(one) for one in left_out}))
    else:
        for name, one in found.items():
            tables.terminal().print(tables.completeness_view(name, one, now=clock.now()))
        for one in left_out:
            tables.terminal().print(_not_checked_view(one))
    if left_out or any(not one.finished or one.unexplained for one in found.values()):
        raise typer.Exit(1)


def _not_checked(settings: WorkerSettings, usable: list[ClientFile]) -> tuple[NotChecked, ...]:
    names = [client.name for client in usable]
    with contextlib.closing(open_database(settings)) as db:
        return reporting.not_checked(db, usable=names, files=client_files(settings.clients_folder))


def _without_check(one: NotChecked) -> dict[str, Any]:
    """As a check that has found nothing out, and why."""
    nothing = Completeness(finished=False, compared=0, findings=())
    return {**asdict(nothing), "not_checked": {"why": one.why, "not_done": one.not_done}}


def _not_checked_view(one: NotChecked) -> RenderableType:
    why = {
        WhyUnchecked.FILE_UNUSABLE: ("its file cannot be used", "`factoring-worker settings` says what to mend"),
        WhyUnchecked.FILE_GONE: ("its file is gone", "put it back, or `withdraw` what is handled by hand"),
    }
    what, remedy = why[one.why]
    left = f"{one.not_done} invoice{'' if one.not_done == 1 else 's'} not done"
    return Panel(Text(f"not checked: {what}, {left}; {remedy}", "red"), title=one.client, title_align="left")


async def _check(
    settings: WorkerSettings, clock: Clock, clients: list[ClientFile], days: int | None
) -> dict[str, Completeness]:
    house = build_house(settings, clock)
    try:
        return {client.name: await check_completeness(house, client, days=days) for client in clients}
    finally:
        await house.aclose()


def report(
    client: Annotated[
        str | None, typer.Argument(metavar="CLIENT", help="The client (the name of its env file); none: all, together.")
    ] = None,
    on: Annotated[
        datetime | None, typer.Option("--on", help="Which day; today otherwise.", formats=["%Y-%m-%d"])
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Send it to REPORT_TO, unless that has been done.")] = False,
    now: Now = None,
    settings: Settings = DEFAULT,
) -> None:
    """Print a client's daily report, or that of all clients; with --send, send it, once a day."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock = clock_of(now, loaded)
    day = on.date() if on is not None else oslo_date(clock.now())
    if day > oslo_date(clock.now()):
        fail("that day has not come yet", 2)
    usable = load_all_clients(loaded)[0]
    chosen = choose(usable, client) if client is not None else usable
    with contextlib.closing(open_database(loaded)) as db:
        if not send:
            typer.echo(reporting.as_text(_made(db, loaded, clock, chosen, client, day)), nl=False)
            return
    to = chosen[0].settings.report_to if client is not None else loaded.report_to
    if not to:
        fail("REPORT_TO names nobody", 2)
    row = run_async(_sent(loaded, clock, chosen, client, day))
    if row is None or row.state != "sent":
        told = f"it is {row.state}: {row.answer}" if row is not None else "it was not begun"
        fail(f"the report of {day:%d.%m.%Y} is not sent; {told}", 1)
    typer.echo(f"the report of {day:%d.%m.%Y} was sent at {minute(row.sent_at) if row.sent_at else '-'}")


def _made(
    db: Database, settings: WorkerSettings, clock: Clock, clients: list[ClientFile], client: str | None, day: date
) -> reporting.Report:
    since, until = reporting.period(db, client=client or FACTOR, day=day, now=clock.now())
    if client is None:
        config = factor_report_config(settings, clients)
        return reporting.factor_report_of(db, config=config, day=day, since=since, until=until)
    names = report_config(settings, clients[0]).names
    return reporting.client_report_of(db, client=client, names=names, day=day, since=since, until=until)


async def _sent(
    settings: WorkerSettings, clock: Clock, clients: list[ClientFile], client: str | None, day: date
) -> ReportRow | None:
    house = build_house(settings, clock)
    try:
        if client is None:
            await send_factor_report(house, clients, day=day)
        else:
            await send_report(house, clients[0], day=day)
        return reports.of_day(house.db, client=client or FACTOR, day=day)
    finally:
        await house.aclose()
