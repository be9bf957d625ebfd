"""PowerOffice Go v1 as ports.VoucherBook."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date

from worker.adapters.poweroffice_go import ledger, translate, wire
from worker.adapters.poweroffice_go.connection import CODES_PER_REQUEST, Connection
from worker.adapters.poweroffice_go.wire import Row
from worker.model.money import Money
from worker.model.outcomes import Refused, TryLater
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.support.http import HttpClient
from worker.support.pace import Pacer
from worker.support.retry import Sleep

# The reports want dates; these stand for "since the books began" and "whatever is open now".
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2099, 12, 31)
_SAFE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_LEDGERS = {
    AccountKind.CUSTOMER: ("/Reporting/CustomerLedger", "CustomerCode"),
    AccountKind.SUPPLIER: ("/Reporting/SupplierLedger", "SupplierCode"),
}


class PowerOfficeGoVouchers:
    """One client's books, by its client key. Owns `http` and closes it; see Connection for the arguments."""

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        application_key: str,
        client_key: str,
        page_size: int = 1000,
        replica_lag_seconds: float = 2.0,
        pacer: Pacer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._line = Connection(
            http=http,
            base_url=base_url,
            application_key=application_key,
            client_key=client_key,
            page_size=page_size,
            replica_lag_seconds=replica_lag_seconds,
            pacer=pacer,
            monotonic=monotonic,
            sleep=sleep,
        )

    async def aclose(self) -> None:
        await self._line.aclose()

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        """`POST Voucher/<journal>`: saves and posts. AlreadyPosted when the reference is taken."""
        ledger.fit_to_send(voucher)
        path = f"/Voucher/{ledger.SERVICES[voucher.kind]}"
        return await self._line.write("voucher", path, wire.voucher_body(voucher), ledger.posted)

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        """By reference among the vouchers of this integration; `date` is not needed here.

        Of several (a reversal may carry its original's reference) the one that still stands.
        """
        del date
        await self._line.catch_up()
        quoted = reference.replace("'", "''")
        found: list[PostedVoucher] = []
        async for row in self._rows(
            "vouchers by reference",
            f"/Voucher/{ledger.SERVICES[kind]}",
            filter_=f"ExternalImportReference eq '{quoted}'",
            order_by="VoucherNo asc",
        ):
            voucher = ledger.posted_voucher(row)
            if voucher is None:
                raise TryLater("vouchers by reference: a voucher in the answer cannot be read")
            if voucher.reference == reference:
                found.append(voucher)
        standing = [voucher for voucher in found if not voucher.is_reversed]
        return next(iter(standing or found), None)

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        """`POST Voucher/<journal>/Reverse/{id}`. Refused when it is reversed already or not ours."""
        if not _SAFE_ID.fullmatch(erp_id):
            raise Refused("reversal: the id is not one of PowerOffice Go's")
        await self._line.write("reversal", f"/Voucher/{ledger.SERVICES[kind]}/Reverse/{erp_id}", None, ledger.done)

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        """GL accounts and cards by code, in batches. A number that is not digits cannot exist in Go."""
        found: dict[VoucherAccount, LedgerAccount] = {}
        for kind in AccountKind:
            asked: dict[int, list[VoucherAccount]] = {}
            for account in dict.fromkeys(wanted):
                code = translate.code_number(account.number) if account.kind is kind else None
                if code is not None:
                    asked.setdefault(code, []).append(account)
            codes = sorted(asked)
            for start in range(0, len(codes), CODES_PER_REQUEST):
                batch = wire.code_filter(codes[start : start + CODES_PER_REQUEST])
                async for row in self._rows(f"{kind} accounts", ledger.CARDS[kind], filter_=batch, order_by="Code asc"):
                    for account in asked.get(wire.whole(row.get("code")) or -1, ()):
                        found.setdefault(account, ledger.ledger_account(account, row))
        return found

    async def lock_date(self) -> date | None:
        """`lockDate` of `GET Client`."""
        return wire.day((await self._line.read("client", "/Client", translate.single)).get("lockdate"))

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        """`Reporting/CustomerLedger` without a from date, read after the replica's lag."""
        code = translate.code_number(customer_code)
        if code is None:
            return []
        await self._line.catch_up()
        path = f"/Reporting/CustomerLedger?toDate={_LAST_DAY}"
        rows = self._rows("open items", path, filter_=f"CustomerCode eq {code}", order_by="Id asc")
        items = [ledger.open_item(row) async for row in rows]
        return [item for item in items if item.balance.minor]

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        """`POST Reporting/CustomerLedger/MatchEntries`."""
        ids = [wire.whole(entry_id) for entry_id in entry_ids]
        numbers = [number for number in ids if number is not None]
        if len(numbers) != len(ids):
            raise Refused("match: an entry id is not one of PowerOffice Go's")
        body = wire.match_body(entry_ids=numbers, on=on)
        await self._line.write("match", "/Reporting/CustomerLedger/MatchEntries", body, ledger.done)

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        """A GL account's from the trial balance of the day; a sub-ledger's as the sum of its statement.

        The sub-ledgers' own balance reports are passed by: they list active parties only, and the sign of what is owed
        to a supplier is not documented. An entry's `Amount` is what was posted. An account without a row has nothing.
        """
        code = translate.code_number(account.number)
        if code is None:
            raise Refused(f"balance: account {account.number!r} is not a number")
        await self._line.catch_up()
        what = "balance"
        if account.kind is AccountKind.GENERAL:
            rows, field = (
                self._rows(
                    what,
                    f"/Reporting/TrialBalance?date={on}",
                    filter_=f"AccountCode eq {code}",
                    order_by="AccountCode asc",
                ),
                "balance",
            )
        else:
            path, party = _LEDGERS[account.kind]
            rows, field = (
                self._rows(
                    what, f"{path}?fromDate={_FIRST_DAY}&toDate={on}", filter_=f"{party} eq {code}", order_by="Id asc"
                ),
                "amount",
            )
        total = Money(0)
        async for row in rows:
            total += ledger.amount(row, field, what=what)
        return total

    async def _rows(self, what: str, path: str, *, filter_: str, order_by: str) -> AsyncIterator[Row]:
        async for page in self._line.pages(what, path, filter_=filter_, order_by=order_by):
            for row in wire.rows_of(page.rows()):
                yield row
