"""Every command, thin: read settings, call one function, show the answer."""

from __future__ import annotations

import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from worker import __version__, tables, telling
from worker.clients import load_all_clients, log_broken
from worker.commands.audit import audit_app
from worker.commands.backup import backup
from worker.commands.bounces import bounces_app
from worker.commands.client import client_app, without_paused
from worker.commands.common import (
    DEFAULT,
    Client,
    Commands,
    Invoice,
    Json,
    Now,
    Settings,
    choose,
    clock_of,
    fail,
    known_client,
    one_invoice,
    open_database,
    run_async,
    worker_settings,
)
from worker.commands.corrections import settlement_app
from worker.commands.doctor import doctor
from worker.commands.documents import documents_app
from worker.commands.evidence import evidence
from worker.commands.health import health
from worker.commands.purge import purge_command
from worker.commands.receipts import receipts_app
from worker.commands.reporting import completeness, report
from worker.commands.resend import resend
from worker.commands.status import status
from worker.commands.worklist import hold, release, withdraw
from worker.day import JOBS
from worker.ports import DocumentLost, RulesUnavailable
from worker.runs import run_now
from worker.service import run_service
from worker.settings import ClientFile, WorkerSettings, load_worker
from worker.stamping.making import paper_of
from worker.stamping.pdf.proof_sheet import proof_sheet, sample_letter
from worker.store import reading, retrying
from worker.store.database import Database, SchemaError, migrate
from worker.store.keys import delivery_key
from worker.store.one_host import OneHost
from worker.support import log
from worker.support.clock import Clock, SystemClock
from worker.wiring import (
    build_documents,
    build_house,
    check_rules_folder,
    compile_rules,
    stamping_config,
    write_rules_manifest,
)

app = typer.Typer(
    name="factoring-worker",
    cls=Commands,
    help="Takes over a factoring client's invoicing: fetch, stamp, deliver, report back to the ERP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": 140},  # a line a command where the terminal is wide enough
)
invoice_app = typer.Typer(help="One invoice.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(invoice_app, name="invoice")
app.add_typer(settlement_app, name="settlement")
app.add_typer(bounces_app, name="bounces")
app.add_typer(receipts_app, name="receipts")
app.add_typer(client_app, name="client")
app.add_typer(audit_app, name="audit")
app.add_typer(documents_app, name="documents")
rules_app = typer.Typer(help="The official rules for EHF, in a folder.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(rules_app, name="rules")


class JobName(StrEnum):
    """The jobs that can be run by hand."""

    INTAKE = "intake"
    FALLBACK = "fallback"
    POSTBACK = "postback"
    SETTLEMENT = "settlement"
    REPORT = "report"
    FOLLOW_UP = "follow_up"


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


@app.command()
def run(settings: Settings = DEFAULT) -> None:
    """Run the worker: the timetable and the portal, until SIGTERM."""
    loaded = worker_settings(settings)
    log.configure(style=loaded.log_format, level=loaded.log_level)
    log.catch_what_is_left()
    open_database(loaded).close()
    clients, bad = load_all_clients(loaded)
    log_broken(bad)
    if not clients:
        fail("no client can be run: see the faults above", 2)
    raise typer.Exit(run_async(run_service(loaded, again=lambda: load_worker(settings))))


@app.command()
def job(
    name: Annotated[JobName, typer.Argument(help="Which job.")],
    client: Client = None,
    now: Now = None,
    settings: Settings = DEFAULT,
) -> None:
    """Run one job now, whatever the time of day."""
    loaded = worker_settings(settings)
    log.configure(style=loaded.log_format, level=loaded.log_level)
    log.catch_what_is_left()
    clock = clock_of(now, loaded)
    clients, bad = load_all_clients(loaded)
    log_broken(bad)
    chosen = without_paused(loaded, choose(clients, client))
    failed = run_async(_jobs(loaded, clock, chosen, JOBS[name.value].name))
    if failed or (bad and client is None):
        raise typer.Exit(1)


async def _jobs(settings: WorkerSettings, clock: Clock, clients: list[ClientFile], name: str) -> bool:
    house = build_house(settings, clock)
    OneHost(house.db.file).take(SystemClock().now())  # whoever opened the database has just looked
    try:
        summaries = [await run_now(house, client, name) for client in clients]
    finally:
        await house.aclose()
    return any(one.troubled or one["trouble_aside"] or one["failed_steps"] for one in summaries)


@invoice_app.command("show")
def invoice_show(
    invoice: Invoice,
    json: Json = False,
    settings: Settings = DEFAULT,
) -> None:
    """The whole story of one invoice: timeline, channels considered and why, attempts, documents."""
    db = open_database(worker_settings(settings))
    story = reading.story(db, one_invoice(db, invoice).id)
    db.close()
    if json:
        typer.echo(tables.as_json(tables.story_json(story)))
    else:
        tables.terminal().print(tables.story_view(story))


@app.command()
def parked(client: Client = None, json: Json = False, settings: Settings = DEFAULT) -> None:
    """The worklist: what waits for a person or for better data, why, and what to do."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    rows = reading.parked(db, client=known_client(db, loaded, client))
    db.close()
    if json:
        typer.echo(tables.as_json(rows))
    else:
        tables.terminal().print(tables.parked_table(rows))


@app.command()
def retry(
    invoice: Invoice,
    arrived: Annotated[
        bool | None,
        typer.Option("--arrived/--never-arrived", help="What you found out about a delivery whose outcome is unknown."),
    ] = None,
    now: Now = None,
    settings: Settings = DEFAULT,
) -> None:
    """Let a parked invoice go on from where it stood; the next job takes it up."""
    loaded = worker_settings(settings)
    clock = clock_of(now, loaded)
    db = open_database(loaded)
    row = one_invoice(db, invoice)
    number = len(reading.story(db, row.id).deliveries) + 1
    try:
        state = retrying.retry(db, row.id, arrived=arrived, new_key=delivery_key(row, number), now=clock.now())
    except retrying.CannotRetry as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"{telling.named(row)} goes on as {state}; the next job takes it up")


app.command()(status)
app.command()(backup)
app.command()(health)
app.command()(doctor)
app.command()(resend)
app.command()(hold)
app.command()(release)
app.command()(withdraw)
app.command()(evidence)
app.command()(completeness)
app.command()(report)
app.command("purge")(purge_command)


@app.command("migrate")
def migrate_command(settings: Settings = DEFAULT) -> None:
    """Bring the database to the schema this version needs. Harmless when it is there."""
    db = Database(worker_settings(settings).database_url)
    try:
        typer.echo(f"the database is at revision {migrate(db)}")
    except SchemaError as error:
        fail(str(error), 1)
    finally:
        db.close()


@app.command("settings")
def check_settings(settings: Settings = DEFAULT) -> None:
    """Read every env file and say what is wrong with each. Shows keys, never values."""
    loaded = worker_settings(settings)
    clients, bad = load_all_clients(loaded)
    for client in clients:
        typer.echo(f"{client.name}.env: good")
    for error in bad:
        for fault in error.faults:
            typer.echo(f"{error.file}: {fault}")
    if bad or not clients:
        raise typer.Exit(2)


@rules_app.command("check")
def rules_check(folder: Annotated[Path, typer.Argument(help="The rule folder.")]) -> None:
    """Hold every file of a rule folder against its manifest."""
    faults = check_rules_folder(folder)
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)
    typer.echo("every file is there and unchanged")


@rules_app.command("manifest")
def rules_manifest(
    folder: Annotated[Path, typer.Argument(help="The rule folder, filled as docs/rules.md says.")],
    valid_from: Annotated[
        list[str] | None,
        typer.Option("--from", help="SET/VERSION=DATE, a version's first day; repeatable."),
    ] = None,
) -> None:
    """Write the manifest for the rule files that lie in a folder."""
    try:
        days = {name: date.fromisoformat(day) for name, _, day in (one.partition("=") for one in valid_from or [])}
        written = write_rules_manifest(folder, valid_from=days)
    except (RulesUnavailable, ValueError) as error:
        fail(str(error), 1)
    for line in written:
        typer.echo(line)


@rules_app.command("compile")
def rules_compile(
    schematron: Annotated[Path, typer.Argument(help="The .sch file of the release.")],
    compiler: Annotated[Path, typer.Option("--compiler", help="The folder with SchXslt's XSLT 2.0 pipeline.")],
    to: Annotated[Path, typer.Option("--to", help="The .xslt to write.")],
) -> None:
    """Compile Schematron rules, which some releases come as, to the XSLT the program runs."""
    try:
        compile_rules(schematron, compiler=compiler, target=to)
    except RulesUnavailable as error:
        fail(str(error), 1)
    typer.echo(f"{to} written")


@app.command("proof-sheet")
def proof_sheet_command(
    client: Annotated[str, typer.Argument(help="The client whose letter it is (the name of its env file).")],
    out: Annotated[Path, typer.Option("--out", help="The PDF to write.")] = Path("proof-sheet.pdf"),
    invoice: Annotated[str | None, typer.Option("--invoice", help="One of its invoices; a sample otherwise.")] = None,
    settings: Settings = DEFAULT,
) -> None:
    """A letter with window, margins and fold drawn over it, for the print house's approval."""
    loaded = worker_settings(settings)
    chosen = choose(load_all_clients(loaded)[0], client)[0]
    if invoice is None:
        letter = sample_letter(paper_of(stamping_config(loaded, chosen))).content
    else:
        db = open_database(loaded)
        row = one_invoice(db, invoice if "/" in invoice or invoice.startswith("id:") else f"{client}/{invoice}")
        db.close()
        try:
            letter = build_documents(loaded).get(sha256=row.pdf_sha256 or "")
        except DocumentLost as error:
            fail(f"the invoice has no PDF yet: {error}", 1)
    out.write_bytes(proof_sheet(letter))
    typer.echo(f"{out}: print it on A4 without scaling and lay it in a C5 window envelope")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Where to leave what came of it.")] = Path("demo-out"),
    invoices: Annotated[
        Path | None,
        typer.Option("--invoices", help="Play the day with the EHF/BIS documents of this folder.", exists=True),
    ] = None,
) -> None:
    """Play a factoring day, and the days until the letter fallback, on a sandbox on this machine. Needs nothing."""
    from worker.demo import DemoError, play  # noqa: PLC0415 - only the demo may know the sandbox

    try:
        raise typer.Exit(run_async(play(out=out, invoices=invoices)))
    except DemoError as error:
        fail(str(error), 2)


@app.command()
def sandbox(
    folder: Annotated[Path, typer.Option("--folder", help="Where its state and what it receives are kept.")] = Path(
        "var/sandbox"
    ),
    port: Annotated[int, typer.Option("--port", help="First of the ports it takes in a row; 0 takes free ones.")] = 0,
) -> None:
    """Serve the outside world on this machine: ERP, Peppol look-up, access point, mail server, print house."""
    from worker.demo import serve_sandbox  # noqa: PLC0415 - only the demo may know the sandbox

    log.configure(style="auto", level="info")
    try:
        run_async(serve_sandbox(folder=folder, first_port=port))
    except OSError as error:
        fail(f"the sandbox cannot listen ({error.strerror or error}): give other ports with --port, 0 for free ones", 1)


def main() -> None:
    """The command."""
    sys.exit(app())
