"""Whether the accounts a client's env file names are there and active in its ERP: asked before return data may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from worker.model.outcomes import OutsideError
from worker.model.voucher import VoucherAccount
from worker.ports import VoucherBook
from worker.settlement.rules import Role


class AccountsState(StrEnum):
    """What a check came to. Nothing is posted for a client whose accounts are FAULTY."""

    SOUND = "sound"
    FAULTY = "faulty"
    UNKNOWN = "unknown"  # the ERP did not say


@dataclass(frozen=True, slots=True)
class Finding:
    """An account that cannot be posted on. `fault`: `does not exist` or `is closed`."""

    role: Role
    account: VoucherAccount
    fault: str

    def __str__(self) -> str:
        return f"ACCOUNT_{self.role.upper()}: {self.account.kind} account {self.account.number} {self.fault}"


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """`findings` in the order of the roles; `trouble`: why the ERP did not say."""

    state: AccountsState
    findings: tuple[Finding, ...] = ()
    trouble: OutsideError | None = None

    @property
    def message(self) -> str:
        return self.trouble.message if self.trouble is not None else ""


REMEDY = "create or open it in the ERP, or name another in the client's file; vouchers wait until then"


async def check_accounts(*, accounts: Mapping[Role, VoucherAccount], book: VoucherBook) -> AccountCheck:
    """Asks the ERP afresh about each account. An ERP that does not answer makes the check UNKNOWN; it never raises."""
    named = sorted(accounts.items(), key=lambda pair: list(Role).index(pair[0]))
    try:
        found = await book.accounts(wanted=list(dict.fromkeys(account for _, account in named)))
    except OutsideError as error:
        return AccountCheck(AccountsState.UNKNOWN, trouble=error)
    findings = tuple(
        Finding(role, account, "is closed" if account in found else "does not exist")
        for role, account in named
        if account not in found or not found[account].active
    )
    return AccountCheck(AccountsState.FAULTY if findings else AccountsState.SOUND, findings)
