"""PowerOffice Go v2 as ports.VoucherBook."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date

from worker.adapters.poweroffice_go_v2 import translate, wire
from worker.adapters.poweroffice_go_v2.connection import Connection
from worker.adapters.poweroffice_go_v2.directory import Directory
from worker.adapters.poweroffice_go_v2.translate import Rejected
from worker.model.money import Money
from worker.model.outcomes import AlreadyPosted, OutsideError, Refused
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.support.http import HttpClient
from worker.support.pace import Pacer
from worker.support.retry import Sleep

# The reports want dates; these stand for "since the books began" and "whatever is open now".
_FIRST_DAY, _LAST_DAY = "1900-01-01", "2099-12-31"
_SAFE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_LEDGERS = {
    AccountKind.GENERAL: ("/AccountTransactions", "accountNos"),
    AccountKind.CUSTOMER: ("/Customerledger/Statement", "customerNos"),
    AccountKind.SUPPLIER: ("/Supplierledger/Statement", "supplierNos"),
}


class PowerOfficeGoV2Vouchers:
    """One client's books, by its client key. Owns `http` and closes it; see Connection for the arguments.

    Ids of accounts are looked up once and kept; when Go refuses a voucher they are looked up again.
    """

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        application_key: str,
        client_key: str,
        subscription_key: str,
        page_size: int = 5000,
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
            subscription_key=subscription_key,
            page_size=page_size,
            replica_lag_seconds=replica_lag_seconds,
            pacer=pacer,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._directory = Directory(self._line)

    async def aclose(self) -> None:
        await self._line.aclose()

    # --- vouchers ---------------------------------------------------------------------------------

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        """`POST Vouchers/<journal>`. AlreadyPosted when the reference is taken.

        How v2 words that is not documented, so a refusal is looked into: 409 means it, and for any other the reference
        is searched for. A refusal proves that nothing was done, so with other ids the voucher may be sent again.
        """
        translate.fit_to_send(voucher)
        accounts = {line.account for line in voucher.lines}
        ids = await self._ids(accounts, on=voucher.date)
        try:
            return await self._send(voucher, *ids)
        except Rejected as no:
            refusal = no
        if refusal.status in (400, 404):
            self._directory.forget(accounts)
            renewed = await self._ids(accounts, on=voucher.date)
            if renewed != ids:
                try:
                    return await self._send(voucher, *renewed)
                except Rejected as no:
                    refusal = no
        if refusal.status == 409 or (
            refusal.status in (400, 422) and await self._stands(voucher.kind, voucher.reference, voucher.date)
        ):
            raise AlreadyPosted("voucher: the reference is already in use", answer=refusal.answer)
        raise refusal

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        """Among the account transactions of its posting date: v2 cannot search by reference.

        Of several (a reversal frees the reference) the one that still stands.
        """
        await self._line.catch_up()
        rows = [
            row
            async for row in self._line.rows(
                "account transactions",
                "/AccountTransactions",
                fromDate=date.isoformat(),
                toDate=date.isoformat(),
                voucherTypes=translate.VOUCHER_TYPES[kind],
            )
        ]
        found = translate.vouchers_of(rows, reference=reference)
        standing = [voucher for voucher in found if not voucher.is_reversed]
        return next(iter(standing or found), None)

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        """`POST Vouchers/Reverse/{id}`, the same for every journal. May answer 202: accepted, done a moment later."""
        del kind
        if not _SAFE_ID.fullmatch(erp_id):
            raise Refused("reversal: the id is not one of PowerOffice Go's")
        await self._line.write("reversal", f"/Vouchers/Reverse/{erp_id}", None, translate.taken)

    # --- accounts ---------------------------------------------------------------------------------

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        """Asked afresh, whatever ids are kept."""
        self._directory.forget(wanted)
        return await self._directory.look_up(wanted)

    async def lock_date(self) -> date | None:
        """`GET LockDateSettings`."""
        settings = await self._line.read("lock date", "/LockDateSettings", translate.single)
        return translate.day(settings.get("lockdate"))

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        """`Customerledger/OpenItems`, read after the replica's lag."""
        code = translate.code_number(customer_code)
        if code is None:
            return []
        await self._line.catch_up()
        items = [
            translate.open_item(row)
            async for row in self._line.rows(
                "open items", "/Customerledger/OpenItems", date=_LAST_DAY, customerNos=str(code)
            )
        ]
        return [item for item in items if item.balance.minor]

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        """Always Refused: v2 has no such call."""
        del entry_ids, on
        raise Refused("match: PowerOffice Go v2 has no call that matches entries; it must be done by hand in Go")

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        """The sum of everything posted on the account through the day.

        The sub-ledgers' own balance reports are passed by: the sign of what is owed to a supplier is not documented.
        An entry's `Amount` is what was posted.
        """
        code = translate.code_number(account.number)
        if code is None:
            raise Refused(f"balance: account {account.number!r} is not a number")
        await self._line.catch_up()
        path, name = _LEDGERS[account.kind]
        parts = {"fromDate": _FIRST_DAY, "toDate": on.isoformat(), name: str(code)}
        return translate.total([row async for row in self._line.rows("balance", path, **parts)], what="balance")

    # --- underneath -------------------------------------------------------------------------------

    async def _ids(self, accounts: set[VoucherAccount], *, on: date) -> tuple[dict[VoucherAccount, int], int]:
        return await self._directory.ids(accounts), await self._directory.vat_id(on=on)

    async def _send(self, voucher: Voucher, ids: dict[VoucherAccount, int], vat_id: int) -> PostedVoucher:
        path = f"/Vouchers/{translate.JOURNALS[voucher.kind]}"
        row = await self._line.write(
            "voucher", path, wire.voucher_body(voucher, ids=ids, vat_id=vat_id), translate.created
        )
        numbers = {account_id: account.number for account, account_id in ids.items()}
        posted = translate.posted(row, numbers=numbers, what="voucher")
        if not posted.number:
            # It is posted: whatever goes wrong with asking for its number must not say otherwise.
            with suppress(OutsideError):
                await self._line.catch_up()
                again = await self._line.read("voucher number", f"{path}/{posted.erp_id}", translate.single)
                return replace(posted, number=translate.voucher_number(again))
        return posted

    async def _stands(self, kind: VoucherKind, reference: str, on: date) -> bool:
        found = await self.find(kind=kind, reference=reference, date=on)
        return found is not None and not found.is_reversed
