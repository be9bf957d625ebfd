"""What the client's clearing account should show by our vouchers, against what the ERP's ledger says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from worker.model.money import Money
from worker.model.voucher import VoucherAccount
from worker.ports import VoucherBook
from worker.store import vouchers
from worker.store.database import Database
from worker.store.rows import VoucherRow


@dataclass(frozen=True, slots=True)
class Balance:
    """`ours`: the sum of our posted vouchers on the clearing account up to and including the day; `theirs`: the ERP's.

    `not_posted`: vouchers made and not in the ERP, which explain a difference by themselves.
    """

    on: date
    account: VoucherAccount
    ours: Money
    theirs: Money
    not_posted: tuple[tuple[VoucherRow, Money], ...]

    @property
    def difference(self) -> Money:
        """What the ERP has beyond our posted vouchers: opening balance, entries by hand, or a fault."""
        return self.theirs + -self.ours


async def compare(*, client: str, account: VoucherAccount, on: date, db: Database, book: VoucherBook) -> Balance:
    """Raises the outcomes of worker.model.outcomes."""
    # A reversed voucher and its reversal have the same date, and are neither counted.
    everything = vouchers.each(db, client=client, states=["posted"], until=on)
    posted = (row for row in everything if row.reversal_of is None)
    pending = vouchers.each(db, client=client, states=["ready", "sending", "unknown", "refused"], until=on)
    return Balance(
        on=on,
        account=account,
        ours=_sum(_on_account(row, account) for row in posted),
        theirs=await book.balance(account=account, on=on),
        not_posted=tuple((row, effect) for row in pending if (effect := _on_account(row, account)).minor != 0),
    )


def _on_account(row: VoucherRow, account: VoucherAccount) -> Money:
    return _sum(line.amount for line in vouchers.voucher_of(row).lines if line.account == account)


def _sum(amounts: Iterable[Money]) -> Money:
    return sum(amounts, Money(0))
