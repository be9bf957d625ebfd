"""Commands that answer for the whole: is every invoice accounted for, and what did the day bring."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated

import typer

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
from worker.model.completeness import Completeness
from worker.settings import ClientFile, WorkerSettings
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
    """Hold ERP, ledger folder and store against each other; exit code 1 when something cannot be explained."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock = clock_of(now, loaded)
    open_database(loaded).close()
    chosen = choose(load_all_clients(loaded)[0], client)
    found = run_async(_check(loaded, clock, chosen, days))
    if json:
        typer.echo(tables.as_json({name: asdict(one) for name, one in found.items()}))
    else:
        for name, one in found.items():
            tables.terminal().print(tables.completeness_view(name, one, now=clock.now()))
    if any(not one.finished or one.unexplained for one in found.values()):
        raise typer.Exit(1)


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
    chosen = choose(load_all_clients(loaded)[0], client)
    db = open_database(loaded)
    try:
        if not send:
            typer.echo(reporting.as_text(_made(db, loaded, clock, chosen, client, day)), nl=False)
            return
    finally:
        db.close()
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
