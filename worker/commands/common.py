"""What every command shares: its common options, settings, store and clock, and how it ends when it cannot go on."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from typer.core import TyperGroup

from worker import telling
from worker.clients import load_all_clients
from worker.settings import ClientFile, WorkerSettings, load_worker
from worker.store import pauses, reading
from worker.store.database import Database, SchemaError, require_head
from worker.store.one_host import OneHost
from worker.store.rows import InvoiceRow
from worker.store.trouble import StoreTrouble
from worker.support.clock import OSLO, Clock, SystemClock, TurnedClock
from worker.support.env_file import SettingsError

T = TypeVar("T")


_clock: ContextVar[Clock] = ContextVar("clock")


class Commands(TyperGroup):
    """Commands that tell trouble with the database in a line, whenever it shows, and end with code 1.

    They go by the machine's clock, or by the one that a program calling them hands in as the context's object."""

    def invoke(self, ctx: Any) -> Any:
        handed_in = _clock.set(ctx.obj or SystemClock())
        try:
            return super().invoke(ctx)
        except StoreTrouble as error:
            fail(str(error), 1)
        finally:
            _clock.reset(handed_in)


Settings = Annotated[
    Path, typer.Option("--settings", envvar="WORKER_SETTINGS", help="The factor's env file.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Invoice = Annotated[
    str, typer.Argument(help="CLIENT/NUMBER, a number, a KID, the ERP's id or ours; id:17 is our id and nothing else.")
]
Client = Annotated[str | None, typer.Option("--client", help="Only this client (the name of its env file).")]
Now = Annotated[str | None, typer.Option("--now", help="Pretend it is this ISO 8601 time (not in production).")]
By = Annotated[str, typer.Option("--by", help="Who asks for it; your user name otherwise.")]
DEFAULT = Path("config/worker.env")


def worker_settings(path: Path) -> WorkerSettings:
    """The factor's settings; ends with code 2, every fault told, when they cannot be used."""
    try:
        return load_worker(path)
    except SettingsError as error:
        for fault in error.faults:
            typer.echo(f"{path}: {fault}", err=True)
        hint = (
            "start from config/worker.env.example"
            if not path.is_file()
            else "every key is explained in docs/settings.md"
        )
        fail(hint, 2)


def open_database(settings: WorkerSettings) -> Database:
    """The store, at this version's schema and not in another machine's hands; ends with code 1 otherwise."""
    db = Database(settings.database_url)
    try:
        OneHost(db.file).check(SystemClock().now())
        require_head(db)
    except SchemaError as error:
        db.close()
        fail(str(error), 1)
    return db


@dataclass(frozen=True, slots=True)
class WorkersMark:
    """How long `ago` a worker last wrote its mark beside a SQLite file; `working`: it did not end by itself since."""

    ago: timedelta
    working: bool


def workers_mark(db: Database) -> WorkersMark | None:
    """None when there is none: another database, or no worker yet. Marks bear the machine's time, whatever clock is
    handed in."""
    found = OneHost(db.file).worker()
    return WorkersMark(SystemClock().now() - found.at, found.working) if found else None


def the_clock() -> Clock:
    """The clock the command in hand goes by."""
    return _clock.get()


def clock_of(now: str | None, settings: WorkerSettings) -> Clock:
    """The clock, turned to `now` when given; ends with code 2 when that is not allowed or no time."""
    if now is None:
        return the_clock()
    if settings.environment == "production":
        fail("--now is not for production: it would write a time that never was", 2)
    try:
        instant = datetime.fromisoformat(now)
    except ValueError:
        fail("--now must be an ISO 8601 time such as 2026-11-25T08:00", 2)
    return TurnedClock(instant if instant.tzinfo else instant.replace(tzinfo=OSLO))


def choose(clients: list[ClientFile], name: str | None) -> list[ClientFile]:
    """Every client, or the one named; ends with code 2 when there is none."""
    return [client for client in clients if name in (None, client.name)] or _no_such_client(clients)


def known_client(db: Database, settings: WorkerSettings, name: str | None) -> str | None:
    """The name as given, for a command that only reads; ends with code 2 when neither a file nor the store has it."""
    if name is None or name in reading.clients_known(db) or name in pauses.paused(db):
        return name
    clients, bad = load_all_clients(settings)
    if name in {client.name for client in clients} or f"{name}.env" in {error.file for error in bad}:
        return name
    db.close()
    return _no_such_client(clients)


def _no_such_client(clients: list[ClientFile]) -> NoReturn:
    known = ", ".join(client.name for client in clients) or "none"
    fail(f"no such client; usable clients: {known}", 2)


def one_invoice(db: Database, reference: str) -> InvoiceRow:
    """The invoice a person named; ends with code 1 when none or several fit: nobody guesses which one was meant."""
    found = reading.find(db, reference)
    if not found:
        fail(f"no invoice {reference}", 1)
    if len(found) > 1:
        for row in found:
            typer.echo(f"  id:{row.id}  {telling.named(row)}", err=True)
        fail(f"several invoices fit {reference}: name one by its id:…, or by CLIENT/NUMBER", 1)
    return found[0]


def who_asks(by: str) -> str:
    """Whose wish it is, for the invoice's story: `by`, or the user's name; ends with code 2 when there is neither."""
    try:
        who = " ".join((by or getpass.getuser()).split())[:100]
    except (KeyError, OSError):  # a container's user may be a number only
        who = ""
    return who or fail("the system has no name for you: say who asks for it with --by", 2)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Runs it to its end; Ctrl-C ends with code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def fail(message: str, code: int) -> NoReturn:
    """Says why, in red on standard error, and ends."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(message, style="red", markup=False)
    raise typer.Exit(code)
