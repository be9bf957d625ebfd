"""Checking a client's accounts against its ERP: at start, when they change, and until they are sound."""

from __future__ import annotations

from collections.abc import Sequence

from worker.ports import VoucherBook
from worker.settings import ClientFile
from worker.settlement.accounts import REMEDY, AccountCheck, AccountsState, check_accounts
from worker.settlement.rules import Role
from worker.store import account_checks
from worker.store.database import Database
from worker.support.log import bound, get_logger
from worker.wiring.erp import booking_plan, build_vouchers
from worker.wiring.house import House


async def check_client_accounts(house: House, client: ClientFile) -> AccountCheck | None:
    """Asks, writes down and logs what came of it; None when the client has no return data. Never raises for the ERP."""
    if booking_plan(house.settings, client) is None:
        return None
    book = build_vouchers(house, client)
    try:
        return await _check(house, client, book, tell=True)
    finally:
        await book.aclose()


async def check_all_accounts(house: House, clients: Sequence[ClientFile]) -> None:
    """One client after another; told to stop, it stops."""
    for client in clients:
        if house.halt.called:
            return
        with bound(client=client.name):
            try:
                await check_client_accounts(house, client)
            except Exception as error:  # noqa: BLE001 - a start never fails because of one client's ERP
                get_logger().error("accounts.check_failed", exc_info=error)


async def why_not_post(house: House, client: ClientFile, book: VoucherBook, *, tell: bool) -> str:
    """What is wrong with the client's accounts; empty when nothing is known to be.

    Sound ones are not asked about again: posting itself holds back what needs an account that was closed later.
    `tell`: log it though nothing has changed since the last check.
    """
    last = account_checks.last(house.db, client=client.name)
    if last is not None and last.state == AccountsState.SOUND and last.accounts == _named(client):
        return ""
    return ", ".join(str(finding) for finding in (await _check(house, client, book, tell=tell)).findings)


def account_notes(db: Database, clients: Sequence[ClientFile]) -> list[str]:
    """A line for each client with return data whose accounts are not known to be sound, by the last check."""
    notes: list[str] = []
    for client in clients:
        last = account_checks.last(db, client=client.name) if client.settings.return_data == "on" else None
        if last is None or last.state == AccountsState.SOUND:
            continue
        if last.state == AccountsState.UNKNOWN:
            notes.append(f"{client.name}: the ERP did not say whether the accounts are sound; asked again at posting")
        else:
            notes.append(f"{client.name}: NO VOUCHERS ARE POSTED: {', '.join(last.findings)}; {REMEDY}")
    return notes


async def _check(house: House, client: ClientFile, book: VoucherBook, *, tell: bool) -> AccountCheck:
    accounts = {Role(role): account for role, account in client.settings.accounts.items() if account is not None}
    check = await check_accounts(accounts=accounts, book=book)
    findings = [str(finding) for finding in check.findings]
    last, log = account_checks.last(house.db, client=client.name), get_logger()
    account_checks.keep(
        house.db,
        client=client.name,
        accounts=_named(client),
        state=check.state,
        findings=findings,
        now=house.clock.now(),
    )
    if not tell and last is not None and (last.state, last.findings) == (check.state, findings):
        return check
    if check.state is AccountsState.FAULTY:
        log.error("accounts.faulty", fault=findings, message=REMEDY)
    elif check.state is AccountsState.UNKNOWN:
        log.warning("accounts.unknown", message=check.message)
    else:
        log.info("accounts.sound", count=len(accounts))
    return check


def _named(client: ClientFile) -> dict[str, str]:
    named = client.settings.accounts.items()
    return {role: f"{account.kind}:{account.number}" for role, account in named if account is not None}
