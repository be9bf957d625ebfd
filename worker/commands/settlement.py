"""Commands for the money that waits: what it belongs to, and vouchers that go again."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from worker import tables
from worker.commands.common import (
    DEFAULT,
    Client,
    Json,
    Settings,
    fail,
    known_client,
    one_invoice,
    open_database,
    the_clock,
    worker_settings,
)
from worker.model.money import Money
from worker.model.settlement import EventKind
from worker.model.waiting import WAITING, WaitReason
from worker.settlement.matching import ABOUT_AN_INVOICE, Matched
from worker.settlement.step import take_match
from worker.store import settlement, settlement_files, vouchers
from worker.store.database import Database
from worker.store.rows import FileRow, InvoiceRow, ItemRow, VoucherRow

settlement_app = typer.Typer(
    help="Payments, events and vouchers: what waits, and how it goes on.", no_args_is_help=True, rich_markup_mode=None
)

Item = Annotated[int, typer.Argument(help="The item's id, as `settlement list` shows it.")]
Note = Annotated[str, typer.Option("--note", help="Why, for whoever looks at it later.")]


@settlement_app.command("list")
def list_command(client: Client = None, json: Json = False, settings: Settings = DEFAULT) -> None:
    """The worklist: payments and events that wait, vouchers the ERP refused or that are held back, why, and what to do.

    With --client also what belongs to no client yet: it may be that one's.
    """
    loaded = worker_settings(settings)
    db = open_database(loaded)
    items = settlement.waiting(db, client=known_client(db, loaded, client))
    refused = vouchers.refused(db, client=client)
    held = vouchers.held(db, client=client)
    db.close()
    if json:
        named = [{"client": name, "why": why, "vouchers": count} for name, why, count in held]
        typer.echo(tables.as_json({"waiting": items, "refused_vouchers": refused, "held_vouchers": named}))
    else:
        tables.terminal().print(Group(_items(items), _refused(refused), _held(held)))


@settlement_app.command("files")
def files_command(
    last: Annotated[int, typer.Option("--last", help="How many.", min=1)] = 20,
    json: Json = False,
    settings: Settings = DEFAULT,
) -> None:
    """The settlement files that came last: what each brought, what was known, and what it holds that is not for us."""
    db = open_database(worker_settings(settings))
    found = settlement_files.latest_files(db, limit=last)
    db.close()
    if json:
        typer.echo(tables.as_json(found))
    else:
        tables.terminal().print(_files(found))


@settlement_app.command("match")
def match_command(
    item: Item,
    invoice: Annotated[list[str], typer.Argument(help="INVOICE, or INVOICE=AMOUNT for each when it pays several.")],
    note: Note,
    settings: Settings = DEFAULT,
) -> None:
    """Say which invoice, or invoices, a waiting payment or event belongs to; the next settlement books it."""
    db = open_database(worker_settings(settings))
    try:
        row = _waiting(db, item)
        parts = [named_part(db, text) for text in invoice]
        check_parts(row, parts)
        amounts = [(found, amount) for found, amount in parts if amount is not None]
        several = tuple(amounts) if len(parts) > 1 else ()
        found = Matched(None if several else parts[0][0], several, note)
        take_match(db, row, found, now=the_clock().now())
    except settlement.NotWaiting as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"item {item} belongs to {', '.join(f'{one.client}/{one.number}' for one, _ in parts)}")


@settlement_app.command("ignore")
def ignore_command(item: Item, note: Note, settings: Settings = DEFAULT) -> None:
    """Take a waiting payment or event off the worklist: it is settled elsewhere, and nothing is booked."""
    db = open_database(worker_settings(settings))
    try:
        _waiting(db, item)
        settlement.decide(db, item, state="ignored", note=note, now=the_clock().now())
    except settlement.NotWaiting as error:
        fail(str(error), 1)
    finally:
        db.close()
    typer.echo(f"item {item} is ignored")


@settlement_app.command("retry")
def retry_command(
    voucher: Annotated[int, typer.Argument(help="The voucher's id, as `settlement list` shows it.")],
    settings: Settings = DEFAULT,
) -> None:
    """Let a voucher the ERP refused go again; the next settlement or follow-up posts it."""
    db = open_database(worker_settings(settings))
    again = vouchers.ready_again(db, voucher, now=the_clock().now())
    db.close()
    if not again:
        fail(f"voucher {voucher} is not a refused one", 1)
    typer.echo(f"voucher {voucher} goes again")


def _waiting(db: Database, item_id: int) -> ItemRow:
    try:
        row = settlement.item(db, item_id)
    except LookupError as error:
        fail(str(error), 1)
    if row.state != "waiting":
        fail(f"item {item_id} is not waiting: it is {row.state}", 1)
    return row


def named_part(db: Database, text: str) -> tuple[InvoiceRow, int | None]:
    """`INVOICE` or `INVOICE=AMOUNT`, the amount in kroner."""
    name, given, amount = text.rpartition("=")
    if not given:
        return one_invoice(db, text), None
    try:
        minor = Decimal(amount.replace(",", ".")) * 100
        if not minor.is_finite() or minor <= 0 or minor != minor.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        fail(f"{amount} is not an amount in kroner above zero", 2)
    return one_invoice(db, name), int(minor)


def check_parts(row: ItemRow, parts: list[tuple[InvoiceRow, int | None]]) -> None:
    """What may not be booked however sure a person is; those items are ignored with a note instead."""
    kind = EventKind(row.kind)
    if kind not in ABOUT_AN_INVOICE or kind is EventKind.DIRECT_PAYMENT:
        fail(f"a {row.kind} is never matched to an invoice", 1)
    if (
        row.reason == WaitReason.REVERSAL
        or row.facts.get("reversal")
        or (row.amount_minor is not None and row.amount_minor <= 0)
    ):
        fail("a reversal is not matched: reverse the payment's voucher in the ERP, then ignore it with a note", 1)
    if row.currency not in (None, "NOK"):
        fail("another currency than NOK is not matched: settle it in the factor's ledger", 1)
    for invoice, _ in parts:
        if row.client not in (None, invoice.client):
            fail(f"the item is {row.client}'s, the invoice {invoice.client}'s", 1)
        if invoice.kind != "invoice" or invoice.is_credit:
            fail(f"{invoice.number} is a credit", 1)
        if row.currency is not None and invoice.currency != row.currency:
            fail(f"invoice {invoice.number} is in another currency", 1)
    if len({invoice.id for invoice, _ in parts}) != len(parts):
        fail("an invoice is named twice", 2)
    amounts = [amount for _, amount in parts if amount is not None]
    if len(parts) > 1 and len(amounts) != len(parts):
        fail("give an amount for each invoice: INVOICE=AMOUNT", 2)
    if amounts and sum(amounts) != row.amount_minor:
        fail(f"the amounts do not sum to {tables.money(row.amount)}", 1)


def _items(rows: list[ItemRow]) -> RenderableType:
    if not rows:
        return Text("Nothing waits.")
    table = tables.Listing(f"{len(rows)} waiting", "item", "client", "date", "what", "amount", "reason", "what to do")
    for row in rows:
        facts = WAITING[WaitReason(row.reason or WaitReason.NO_REFERENCE)]
        said = str(row.facts.get("payer_name") or row.facts.get("text") or "")
        table.add_row(
            str(row.id), row.client or "no client yet", f"{row.event_date:%d.%m.%Y}",
            Text(f"{row.kind} {said}".strip()),
            tables.money(row.amount), Text.assemble((f"{row.reason}", "bold"), f"\n{row.note or facts.meaning}"),
            Text(facts.remedy),
        )  # fmt: skip
    return table


def _refused(rows: list[VoucherRow]) -> RenderableType:
    if not rows:
        return Text("No voucher is refused.")
    table = tables.Listing(f"{len(rows)} vouchers refused", "voucher", "client", "date", "text", "the ERP's words")
    for row in rows:
        table.add_row(str(row.id), row.client, f"{row.date:%d.%m.%Y}", Text(str(row.content["description"])),
                      Text(row.answer))  # fmt: skip
    return table


def _held(found: list[tuple[str, str, int]]) -> RenderableType:
    if not found:
        return Text("No voucher is held back.")
    table = tables.Listing("Vouchers held back", "client", "vouchers", "why", "what to do")
    for name, why, count in found:
        table.add_row(name, str(count), Text(why), Text("open the account in the ERP; they go by themselves at the next"
                      " follow-up (every ten minutes of the day)"))  # fmt: skip
    return table


def _files(rows: list[FileRow]) -> RenderableType:
    if not rows:
        return Text("No file has come.")
    table = tables.Listing(
        f"{len(rows)} files, the last first",
        "received",
        "name",
        "format",
        "state",
        "new",
        "known",
        "beside, not for us",
    )
    for row in rows:
        beside = [
            f"{part['transactions']} of {part['what']}: {tables.money(Money(part['minor'], part['currency']))}"
            for part in row.skipped or []
        ]
        table.add_row(
            tables.when(row.received_at), Text(row.name), row.format or "",
            Text(": ".join(text for text in (row.state, row.reason, row.line) if text)),
            str(row.items), str(row.known_items), Text("\n".join(beside)),
        )  # fmt: skip
    return table
