"""Commands for the client's books: balance, accounts, daily statement, the notice of a direct payment."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from worker import tables
from worker.clients import load_all_clients
from worker.commands.common import (
    DEFAULT,
    Client,
    Settings,
    choose,
    fail,
    open_database,
    run_async,
    the_clock,
    worker_settings,
)
from worker.commands.settlement import Item, settlement_app
from worker.model.outcomes import OutsideError
from worker.model.settlement import EventKind
from worker.model.voucher import VoucherAccount
from worker.settings import ClientFile, WorkerSettings
from worker.settlement.accounts import REMEDY, AccountCheck, AccountsState
from worker.settlement.balance import Balance, compare
from worker.settlement.daily import make
from worker.settlement.notices import direct_payment, notice
from worker.settlement.statement import Statement
from worker.settlement.statement_csv import as_csv
from worker.settlement.statement_pdf import as_pdf
from worker.store import settlement, statements
from worker.support import files, log
from worker.support.clock import oslo_date
from worker.wiring import build_house, build_vouchers, check_client_accounts, statement_config

__all__ = ["settlement_app"]

ClientName = Annotated[str, typer.Argument(metavar="CLIENT", help="The client (the name of its env file).")]
On = Annotated[datetime | None, typer.Option("--on", help="Which day; today otherwise.", formats=["%Y-%m-%d"])]


@settlement_app.command("balance")
def balance_command(client: ClientName, on: On = None, settings: Settings = DEFAULT) -> None:
    """What the clearing account should show by our vouchers, against what the ERP's ledger says."""
    loaded = worker_settings(settings)
    chosen = choose(load_all_clients(loaded)[0], client)[0]
    account = chosen.settings.accounts["clearing"]
    if account is None:
        fail("ACCOUNT_CLEARING is not named in the client's file", 2)
    open_database(loaded).close()
    try:
        found = run_async(_balance(loaded, chosen, account, _day(on)))
    except OutsideError as error:
        fail(f"the ERP did not answer: {error.message}", 1)
    typer.echo(f"{account.kind} account {account.number} on {found.on:%d.%m.%Y}")
    sums = {"by our vouchers": found.ours, "in the ERP": found.theirs, "difference": found.difference}
    for what, amount in sums.items():
        typer.echo(f"  {what:<16} {tables.money(amount)}")
    for row, effect in found.not_posted:
        typer.echo(f"  voucher {row.id} ({row.reference}) is {row.state}: {tables.money(effect)}")
    if found.difference.minor:
        raise typer.Exit(1)


async def _balance(settings: WorkerSettings, client: ClientFile, account: VoucherAccount, on: date) -> Balance:
    house = build_house(settings, the_clock())
    book = build_vouchers(house, client)
    try:
        return await compare(client=client.name, account=account, on=on, db=house.db, book=book)
    finally:
        await book.aclose()
        await house.aclose()


@settlement_app.command("accounts")
def accounts_command(client: Client = None, settings: Settings = DEFAULT) -> None:
    """Whether the accounts the clients' files name are there and active in their ERPs; vouchers wait until they are."""
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    chosen = choose(load_all_clients(loaded)[0], client)
    open_database(loaded).close()
    all_sound = True
    for name, check in run_async(_accounts(loaded, chosen)):
        if check is None:
            typer.echo(f"{name}: return data is off")
            continue
        told = {AccountsState.SOUND: "sound", AccountsState.UNKNOWN: f"the ERP did not answer: {check.message}"}
        typer.echo(f"{name}: {told.get(check.state, f'no vouchers are posted; {REMEDY}')}")
        for finding in check.findings:
            typer.echo(f"  {finding}")
        all_sound = all_sound and check.state is AccountsState.SOUND
    if not all_sound:
        raise typer.Exit(1)


async def _accounts(settings: WorkerSettings, clients: list[ClientFile]) -> list[tuple[str, AccountCheck | None]]:
    house = build_house(settings, the_clock())
    try:
        return [(client.name, await check_client_accounts(house, client)) for client in clients]
    finally:
        await house.aclose()


@settlement_app.command("statement")
def statement_command(
    client: ClientName,
    out: Annotated[Path | None, typer.Option("--out", help="The CSV file to write.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="The PDF file to write.")] = None,
    on: On = None,
    settings: Settings = DEFAULT,
) -> None:
    """A client's day: invoices taken and delivered, payments, fees, payouts and the balance, with sums that foot."""
    if out is None and pdf is None:
        fail("say where: --out FILE.csv, --pdf FILE.pdf, or both", 2)
    for path, suffix in ((out, ".csv"), (pdf, ".pdf")):
        if path is not None and path.suffix != suffix:
            fail(f"{path.name} must end in {suffix}", 2)
    loaded = worker_settings(settings)
    log.beside_answers(style=loaded.log_format, level=loaded.log_level)
    chosen = choose(load_all_clients(loaded)[0], client)[0]
    open_database(loaded).close()
    made = run_async(_statement(loaded, chosen, _day(on)))
    for path, content in ((out, as_csv), (pdf, as_pdf)):
        if path is not None:
            files.replace(path, content(made))
            typer.echo(f"{path}: {len(made.lines)} lines")


async def _statement(settings: WorkerSettings, client: ClientFile, day: date) -> Statement:
    house, config = build_house(settings, the_clock()), statement_config(settings, client)
    book = build_vouchers(house, client) if config.clearing is not None else None
    try:
        now = house.clock.now()
        return await make(now=now, client=client.name, day=day, config=config, db=house.db, book=book)
    finally:
        if book is not None:
            await book.aclose()
        await house.aclose()


@settlement_app.command("notice")
def notice_command(item: Item, settings: Settings = DEFAULT) -> None:
    """The text, in Norwegian, that tells a client of a debtor's payment to it instead of to the factor."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    try:
        row = settlement.item(db, item)
        invoice = statements.invoice_told_of(db, row)
    except LookupError as error:
        fail(str(error), 1)
    finally:
        db.close()
    if row.kind != EventKind.DIRECT_PAYMENT or row.client is None:
        fail(f"item {item} is a {row.kind}, not a direct payment to the client", 1)
    own = choose(load_all_clients(loaded)[0], row.client)[0].settings
    paid = direct_payment(row, factor_account=own.factor_account or loaded.factor_account, invoice=invoice)
    typer.echo(
        notice(paid, client_name=own.client_name, factor_name=loaded.factor_name, contact=loaded.factor_contact),
        nl=False,
    )


def _day(on: datetime | None) -> date:
    return on.date() if on is not None else oslo_date(the_clock().now())
