"""The ids behind a client's account numbers and VAT codes: v2 posts to ids, which only look-ups can tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from worker.adapters.poweroffice_go_v2 import translate, wire
from worker.adapters.poweroffice_go_v2.connection import Connection
from worker.model.outcomes import Refused
from worker.model.voucher import AccountKind, VoucherAccount
from worker.ports import LedgerAccount
from worker.support.loose_json import Row, whole

_NUMBERS_PER_REQUEST = 100
NO_VAT = "0"


@dataclass(frozen=True, slots=True)
class _List:
    """`number` and `id` name the fields. A party's own `Id` is never posted to: it may be customer and supplier."""

    path: str
    filter: str
    number: str
    id: str


_LISTS = {
    AccountKind.GENERAL: _List("/GeneralLedgerAccounts", "accountNos", "accountno", "id"),
    AccountKind.CUSTOMER: _List("/Customers", "customerNos", "number", "subledgeraccountid"),
    AccountKind.SUPPLIER: _List("/Suppliers", "supplierNos", "number", "subledgeraccountid"),
}


class Directory:
    """Ids by account, kept until told to forget: an account that is made anew gets another id."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self._ids: dict[VoucherAccount, int] = {}
        self._vat_codes: list[Row] = []

    async def ids(self, accounts: Iterable[VoucherAccount]) -> dict[VoucherAccount, int]:
        """The id of each. Raises Refused naming the numbers that are not in the client's books."""
        wanted = list(dict.fromkeys(accounts))
        unknown = [account for account in wanted if account not in self._ids]
        if unknown:
            await self.look_up(unknown)
        missing = [account.number for account in wanted if account not in self._ids]
        if missing:
            raise Refused(f"not in the client's books: account {', '.join(missing)}")
        return {account: self._ids[account] for account in wanted}

    async def vat_id(self, *, on: date) -> int:
        """The id of VAT code 0 (no VAT) as valid on the day. Raises Refused when there is none."""
        found = translate.vat_id(self._vat_codes, code=NO_VAT, on=on)
        if found is None:
            self._vat_codes = [row async for row in self._line.rows("VAT codes", "/VatCodes", isActive=True)]
            found = translate.vat_id(self._vat_codes, code=NO_VAT, on=on)
        if found is None:
            raise Refused(f"the client has no active VAT code {NO_VAT}")
        return found

    def forget(self, accounts: Iterable[VoucherAccount]) -> None:
        for account in accounts:
            self._ids.pop(account, None)
        self._vat_codes = []

    async def look_up(self, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        """Those that exist, asked afresh, in batches. A number that is not digits cannot exist in Go."""
        found: dict[VoucherAccount, LedgerAccount] = {}
        for kind, source in _LISTS.items():
            asked: dict[int, list[VoucherAccount]] = {}
            for account in dict.fromkeys(wanted):
                code = translate.code_number(account.number) if account.kind is kind else None
                if code is not None:
                    asked.setdefault(code, []).append(account)
            codes = sorted(asked)
            for start in range(0, len(codes), _NUMBERS_PER_REQUEST):
                numbers = wire.numbers(codes[start : start + _NUMBERS_PER_REQUEST])
                async for row in self._line.rows(f"{kind} accounts", source.path, **{source.filter: numbers}):
                    account_id = whole(row.get(source.id))
                    if account_id is None:
                        continue
                    for account in asked.get(whole(row.get(source.number)) or -1, ()):
                        found[account] = translate.ledger_account(account, row)
                        self._ids[account] = account_id
        return found
