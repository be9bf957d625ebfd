"""Posting into the client's books."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from worker.model.money import Money
from worker.model.voucher import Voucher, VoucherAccount, VoucherKind


@dataclass(frozen=True, slots=True)
class PostedVoucher:
    """A voucher as the ERP holds it. `lines`: (account number, amount) as posted, debit positive."""

    erp_id: str
    number: str
    reference: str
    date: date
    lines: tuple[tuple[str, Money], ...]
    is_reversed: bool = False


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """An account of the client's chart, or a sub-ledger."""

    account: VoucherAccount
    name: str
    active: bool


@dataclass(frozen=True, slots=True)
class OpenItem:
    """An unsettled entry on a debtor's sub-ledger. `balance`: what is left, debit positive."""

    entry_id: str
    customer_code: str
    document_number: str
    balance: Money


class VoucherBook(Protocol):
    """Posting into one client's books."""

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        """Posts it. Refused also when the reference is taken: then `find` and compare."""
        ...

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        """The voucher we posted under `reference`; waits out the ERP's replica lag. `date`: its posting date."""
        ...

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        """Posts the reversal of a voucher of ours."""
        ...

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        """Those that exist, active or not; one that does not exist is absent."""
        ...

    async def lock_date(self) -> date | None:
        """Nothing may be posted on or before it."""
        ...

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        """What is unsettled on a debtor's sub-ledger now."""
        ...

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        """Settles entries against each other. Refused where the ERP has no such call."""
        ...

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        """The account's balance at the end of a day, debit positive, in NOK."""
        ...

    async def aclose(self) -> None: ...
