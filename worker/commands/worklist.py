"""Commands for an invoice a person takes out of the worker's hands, and gives back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from worker.commands.common import (
    DEFAULT,
    By,
    Invoice,
    Now,
    Settings,
    clock_of,
    fail,
    one_invoice,
    open_database,
    who_asks,
    worker_settings,
)
from worker.store import holding
from worker.store.database import Database
from worker.store.rows import InvoiceRow
from worker.support import log
from worker.support.log import bound, get_logger
from worker.telling import named

Note = Annotated[str, typer.Option("--note", help="Why, for whoever looks at it later.")]


def hold(invoice: Invoice, note: Note, by: By = "", now: Now = None, settings: Settings = DEFAULT) -> None:
    """Stop an invoice where it stands, until `release`: nothing is sent or reported meanwhile."""
    with _asked(invoice, note, by, now, settings) as wish:
        holding.hold(wish.db, wish.invoice.id, note=wish.note, by=wish.by, now=wish.now)
        get_logger().info("invoice.held", by=wish.by)
    again = f"factoring-worker release id:{wish.invoice.id} --note WHY"
    typer.echo(f"{named(wish.invoice)} is held; `{again}` lets it go on")


def release(invoice: Invoice, note: Note, by: By = "", now: Now = None, settings: Settings = DEFAULT) -> None:
    """Let an invoice go on that was stopped by `hold`."""
    with _asked(invoice, note, by, now, settings) as wish:
        state = holding.release(wish.db, wish.invoice.id, note=wish.note, by=wish.by, now=wish.now)
        get_logger().info("invoice.released", by=wish.by)
    typer.echo(f"{named(wish.invoice)} goes on as {state}; the next job takes it up")


def withdraw(invoice: Invoice, note: Note, by: By = "", now: Now = None, settings: Settings = DEFAULT) -> None:
    """Handle an invoice by hand from now on: nothing more is sent, links are closed, the ERP is told nothing more."""
    with _asked(invoice, note, by, now, settings) as wish:
        stopped = holding.withdraw(wish.db, wish.invoice.id, note=wish.note, by=wish.by, now=wish.now)
        get_logger().info("invoice.withdrawn", by=wish.by)
    waiting = f", {stopped} waiting deliveries stopped" if stopped else ""
    typer.echo(f"{named(wish.invoice)} is withdrawn{waiting}. Tell ERP and debtor by hand.")


@dataclass(frozen=True, slots=True)
class _Wish:
    db: Database
    invoice: InvoiceRow
    note: str
    by: str
    now: datetime


@contextmanager
def _asked(invoice: str, note: str, by: str, now: str | None, settings: Path) -> Generator[_Wish]:
    """Who wants it and why; ends with code 2 when that is not told, with code 1 when it cannot be done."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    clock, who, why = clock_of(now, loaded), who_asks(by), " ".join(note.split())
    if not why:
        fail("--note must say why", 2)
    db = open_database(loaded)
    try:
        row = one_invoice(db, invoice)
        with bound(client=row.client, invoice=row.id):
            yield _Wish(db, row, why, who, clock.now())
    except holding.CannotHold as error:
        fail(str(error), 1)
    finally:
        db.close()
