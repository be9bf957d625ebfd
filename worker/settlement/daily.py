"""The step that writes each client's statement: today's, and once more those of the days since the last bank day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from worker.model.channel import FACTS
from worker.model.money import Money
from worker.model.outcomes import OutsideError
from worker.model.voucher import VoucherAccount
from worker.ports import VoucherBook
from worker.settlement.balance import compare
from worker.settlement.statement import BookBalance, Statement, lines_of, opening_of
from worker.settlement.statement_csv import as_csv
from worker.settlement.statement_pdf import as_pdf
from worker.store import statements
from worker.store.database import Database
from worker.store.statements import Day
from worker.support import files
from worker.support.clock import is_bank_day, oslo, oslo_date
from worker.support.log import get_logger
from worker.support.summary import Summary

_CHANNELS = {str(channel): facts.norwegian for channel, facts in FACTS.items()}


@dataclass(frozen=True, slots=True)
class StatementConfig:
    """`folder`: every client's statements, each in a folder of the client's name. `clearing` None: return data is off.
    `factor_account`: the client's, eleven digits, to which direct payments are to be paid over."""

    folder: Path
    client_name: str
    factor_name: str
    factor_organisation_number: str
    factor_account: str
    clearing: VoucherAccount | None


async def run(
    *, now: datetime, client: str, config: StatementConfig, db: Database, open_book: Callable[[], VoucherBook]
) -> Summary:
    """Writes PDF and CSV of today, over what was written earlier today.

    What happens after the settlement is in nobody's statement of that day, so the last bank day's, and those of the
    closed days since, are written once more; one of these that is empty is not written at all.
    """
    log, summary, today = get_logger(), Summary(), oslo_date(now)
    book = open_book() if config.clearing is not None else None
    try:
        for day in _days(today):
            found = await _read(client, day, db)
            path = config.folder / client / f"{day.isoformat()}.pdf"
            if day != today and found.is_empty and not path.exists():
                continue
            made = await _made(found, now=now, client=client, day=day, config=config, db=db, book=book)
            try:
                await asyncio.to_thread(_write, made, path)
            except OSError as error:
                log.error("statement.failed", error_type=type(error).__name__, message=error.strerror or "")
                summary.count("trouble")
                break
            log.info("statement.written", count=len(made.lines))
            summary.count("statements")
    finally:
        if book is not None:
            await book.aclose()
    return summary


async def make(
    *, now: datetime, client: str, day: date, config: StatementConfig, db: Database, book: VoucherBook | None
) -> Statement:
    """One day's statement. `book` None: what the ERP's ledger says is left out. An ERP that is silent stops nothing."""
    found = await _read(client, day, db)
    return await _made(found, now=now, client=client, day=day, config=config, db=db, book=book)


async def _read(client: str, day: date, db: Database) -> Day:
    start, end = oslo(day, time(0)), oslo(day + timedelta(days=1), time(0))
    return await asyncio.to_thread(statements.of_client, db, client=client, start=start, end=end)


async def _made(
    found: Day,
    *,
    now: datetime,
    client: str,
    day: date,
    config: StatementConfig,
    db: Database,
    book: VoucherBook | None,
) -> Statement:
    return Statement(
        client=client,
        client_name=config.client_name,
        factor_name=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        day=day,
        made_at=now,
        lines=lines_of(found, _CHANNELS, factor_account=config.factor_account),
        opening=opening_of(found.before),
        books=await _books(client, config.clearing, day, db, book),
    )


async def _books(
    client: str, account: VoucherAccount | None, day: date, db: Database, book: VoucherBook | None
) -> BookBalance | None:
    if account is None:
        return None
    if book is None:
        return BookBalance(account.number, None)
    try:
        balance = await compare(client=client, account=account, on=day, db=db, book=book)
    except OutsideError as error:
        get_logger().warning("statement.balance_unknown", outcome=error.kind, message=error.message)
        return BookBalance(account.number, None)
    not_posted = sum((effect for _, effect in balance.not_posted), Money(0))
    return BookBalance(account.number, balance.theirs, not_posted.minor)


def _days(today: date) -> list[date]:
    """From the last bank day before today, through today."""
    days = [today]
    while len(days) == 1 or not is_bank_day(days[0]):
        days.insert(0, days[0] - timedelta(days=1))
    return days


def _write(made: Statement, path: Path) -> None:
    files.make_folder(path.parent)
    files.replace(path.with_suffix(".csv"), as_csv(made))
    files.replace(path, as_pdf(made))
