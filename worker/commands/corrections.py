"""`settlement correct`: a posted voucher is reversed in the ERP, and what it booked is booked anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from worker.clients import load_all_clients
from worker.commands.books import settlement_app
from worker.commands.common import (
    DEFAULT,
    Settings,
    choose,
    fail,
    open_database,
    run_async,
    the_clock,
    worker_settings,
)
from worker.commands.settlement import Note, check_parts, named_part
from worker.settings import ClientFile, WorkerSettings
from worker.settlement.reversing import reverse_now
from worker.store import corrections
from worker.store.corrections import AGAIN, WAIT, CannotCorrect, Place
from worker.store.database import Database
from worker.store.rows import ItemRow, VoucherRow
from worker.support import log
from worker.wiring import build_house, build_vouchers

__all__ = ["settlement_app"]


@settlement_app.command("correct")
def correct_command(
    voucher: Annotated[int, typer.Argument(help="The voucher's id, as the log and `settlement list` name it.")],
    note: Note,
    item: Annotated[int | None, typer.Option("--item", help="Which of the items it books is wrong.")] = None,
    to: Annotated[
        list[str] | None, typer.Option("--to", help="What the item belongs to: INVOICE, or INVOICE=AMOUNT for each.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Book everything anew as it was, by today's accounts.")
    ] = False,
    settings: Settings = DEFAULT,
) -> None:
    """Reverse a posted voucher and book its items anew, where they belong. Said twice, it is done once."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    db = open_database(loaded)
    try:
        original = corrections.by_id(db, voucher)
        rows = corrections.booked_items(db, voucher)
        client = choose(load_all_clients(loaded)[0], original.client)[0]
        places = _places(db, rows, item=item, to=to or [], again=again)
        reversal, _ = corrections.begin(db, voucher, places=places, note=note, now=the_clock().now())
    except (LookupError, CannotCorrect) as error:
        fail(str(error), 1)
    finally:
        db.close()
    if reversal.state != "posted":
        reversal = run_async(_reverse(loaded, client, reversal.id))
    if reversal.state == "refused":
        fail(f"the ERP did not reverse it: {reversal.answer}; mend it, then `settlement retry {reversal.id}`", 1)
    if reversal.state != "posted":
        typer.echo(f"voucher {voucher} is not seen as reversed yet ({reversal.answer}); it goes on by itself")
        return
    waits = WAIT in reversal.content["correction"]["places"].values()
    rest = "the rest is booked anew at the next settlement"
    typer.echo(f"voucher {voucher} is reversed; " + (f"its item waits in `settlement list`, {rest}" if waits else rest))


def _places(db: Database, rows: list[ItemRow], *, item: int | None, to: list[str], again: bool) -> dict[int, Place]:
    """What becomes of each item. Ends with code 2 when that is not said clearly."""
    places: dict[int, Place] = {row.id: AGAIN for row in rows}
    if again:
        if to or item is not None:
            fail("--again books everything as it was: it goes with neither --item nor --to", 2)
        return places
    if item is None and len(rows) > 1:
        listed = ", ".join(str(row.id) for row in rows)
        fail(f"the voucher books several items ({listed}): say which is wrong with --item, or --again", 2)
    wrong = next((row for row in rows if item in (None, row.id)), None)
    if wrong is None:
        fail(f"the voucher does not book item {item}", 2)
    if not to:
        return {**places, wrong.id: WAIT}
    parts = [named_part(db, text) for text in to]
    # A bank's payment is its match's client's; that match is what was wrong.
    check_parts(wrong if corrections.is_feed_event(wrong) else replace(wrong, client=None), parts)
    return {**places, wrong.id: [(one.id, minor or wrong.amount_minor or 0) for one, minor in parts]}


async def _reverse(settings: WorkerSettings, client: ClientFile, reversal_id: int) -> VoucherRow:
    house = build_house(settings, the_clock())
    book = build_vouchers(house, client)
    try:
        return await reverse_now(clock=house.clock, db=house.db, book=book, reversal_id=reversal_id)
    finally:
        await book.aclose()
        await house.aclose()
