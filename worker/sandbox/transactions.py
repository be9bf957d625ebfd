"""A client's accounting entries, one row a posting: what both versions of PowerOffice Go make their reports from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from worker.sandbox.client_books import RECEIVABLES, ClientBooks
from worker.sandbox.records import Voucher, VoucherLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """A posting of a voucher. `account`: the GL account; `party`: the sub-ledger's number when it went there."""

    id: int
    account: int
    party: int | None
    voucher: Voucher
    line: VoucherLine


def transactions(books: ClientBooks, *, seen_at: float) -> list[Transaction]:
    """Every voucher's lines, as the replica knows them at that monotonic second."""
    found: list[Transaction] = []
    for voucher in books.vouchers.all_seen_at(seen_at):
        for position, line in enumerate(voucher.lines):
            account = books.control_account(line.account_code)
            party = None if account == line.account_code else line.account_code
            found.append(
                Transaction(
                    id=voucher.number * 1000 + position, account=account, party=party, voucher=voucher, line=line
                )
            )
    return found


def gl_balances(books: ClientBooks, *, on: date, seen_at: float) -> dict[int, Decimal]:
    """Balances at the end of a day by GL account; receivables with the invoices in them (their income is not kept)."""
    totals: defaultdict[int, Decimal] = defaultdict(Decimal)
    for row in transactions(books, seen_at=seen_at):
        if row.line.on <= on:
            totals[row.account] += row.line.amount
    for entry in books.ledger.entries.all_seen_at(seen_at):
        if entry.voucher_id is None and entry.on <= on:
            totals[RECEIVABLES] += entry.amount
    return dict(totals)
