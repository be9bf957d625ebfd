"""Commands for what the print house has said and nobody can tell what it is about."""

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
from worker.delivery import returned_text
from worker.model.letter import RECEIPT_WAITS
from worker.store import print_receipts
from worker.store.rows import ReceiptRow

receipts_app = typer.Typer(
    help="What the print house has said of letters and waits for a person.", no_args_is_help=True, rich_markup_mode=None
)

Receipt = Annotated[int, typer.Argument(help="Its id, as `receipts list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="Why, for whoever looks at it later.")]


@receipts_app.command("list")
def list_command(json: Json = False, settings: Settings = DEFAULT) -> None:
    """The print house's receipts that wait for a person, and its files that nobody can read."""
    db = open_database(worker_settings(settings))
    rows = print_receipts.waiting(db)
    db.close()
    if json:
        typer.echo(tables.as_json(rows))
    else:
        tables.terminal().print(_table(rows))


@receipts_app.command("match")
def match_command(
    receipt: Receipt,
    invoice: Invoice,
    note: Note = "",
    settings: Settings = DEFAULT,
) -> None:
    """Say that it is about this invoice's newest letter: what it says follows."""
    _settle(receipt, invoice, note, settings)


@receipts_app.command("ignore")
def ignore_command(receipt: Receipt, note: Note = "", settings: Settings = DEFAULT) -> None:
    """Take it off the list; nothing follows."""
    _settle(receipt, "", note, settings)


def _settle(receipt: int, reference: str, note: str, settings: Settings) -> None:
    db = open_database(worker_settings(settings))
    try:
        row = one_invoice(db, reference) if reference else None
        letter, invoice = print_receipts.settle(
            db,
            receipt,
            invoice_id=row.id if row else None,
            returned_text=returned_text,
            note=note,
            now=the_clock().now(),
        )
    except print_receipts.NotWaiting as error:
        fail(str(error), 1)
    finally:
        db.close()
    if row is None:
        typer.echo(f"receipt {receipt} is off the list")
    else:
        typer.echo(f"receipt {receipt} is about {row.client}/{row.number}: its letter is {letter}, it is {invoice}")


def _table(rows: list[ReceiptRow]) -> RenderableType:
    if not rows:
        return Text("Nothing waits.")
    table = tables.Listing(f"{len(rows)} waiting", "id", "said", "job", "it says", "in the file", "why it waits")
    for row in rows:
        table.add_row(
            str(row.id), tables.when(row.said_at or row.noted_at), Text(row.job), Text(f"{row.status} {row.detail}"),
            Text(row.file), f"{row.reason}: {RECEIPT_WAITS.get(row.reason, '')}",
        )  # fmt: skip
    return table
