"""Commands for what came back and nobody could tell what it is about."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from worker import tables
from worker.commands.common import (
    DEFAULT,
    Invoice,
    Json,
    Settings,
    fail,
    one_invoice,
    open_database,
    the_clock,
    worker_settings,
)
from worker.model.bounce import WAITS
from worker.store import bounces
from worker.store.rows import BounceRow

bounces_app = typer.Typer(
    help="What came back by e-mail and waits for a person.", no_args_is_help=True, rich_markup_mode=None
)

Bounce = Annotated[int, typer.Argument(help="Its id, as `bounces list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="Why, for whoever looks at it later.")]


@bounces_app.command("list")
def list_command(json: Json = False, settings: Settings = DEFAULT) -> None:
    """The messages of the bounce mailbox that wait for a person; they lie in its folder for unmatched ones."""
    db = open_database(worker_settings(settings))
    rows = bounces.waiting(db)
    db.close()
    if json:
        typer.echo(tables.as_json(rows))
    else:
        tables.terminal().print(_table(rows))


@bounces_app.command("match")
def match_command(
    bounce: Bounce,
    invoice: Invoice,
    note: Note = "",
    settings: Settings = DEFAULT,
) -> None:
    """Say that it is about this invoice's e-mail, which never arrived: the next channel takes over."""
    db = open_database(worker_settings(settings))
    try:
        row = one_invoice(db, invoice)
        state = bounces.settle(db, bounce, invoice_id=row.id, note=note, now=the_clock().now())
    except bounces.NotWaiting as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"bounce {bounce} is about {row.client}/{row.number}: its e-mail is {state}")


@bounces_app.command("ignore")
def ignore_command(bounce: Bounce, note: Note = "", settings: Settings = DEFAULT) -> None:
    """Take it off the list; nothing follows."""
    db = open_database(worker_settings(settings))
    try:
        bounces.settle(db, bounce, invoice_id=None, note=note, now=the_clock().now())
    except bounces.NotWaiting as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"bounce {bounce} is off the list")


def _table(rows: list[BounceRow]) -> RenderableType:
    if not rows:
        return Text("Nothing waits.")
    table = tables.Listing(f"{len(rows)} waiting", "id", "arrived", "UID", "it is", "it says", "why it waits")
    for row in rows:
        table.add_row(
            str(row.id), tables.when(row.arrived_at or row.noted_at), row.mailbox_uid, row.kind, Text(row.detail),
            f"{row.reason}: {WAITS.get(row.reason, '')}",
        )  # fmt: skip
    return table
