"""`/Voucher/...` and `/Reporting/...`: vouchers posted back, and what they do to open invoices and balances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from starlette.responses import Response

from worker.sandbox.erp import ErpRefusal
from worker.sandbox.ledger import MatchRefused, SubLedger
from worker.sandbox.posting import carry_out
from worker.sandbox.poweroffice.door import Call, Handler, answer, listed
from worker.sandbox.poweroffice.odata import Row
from worker.sandbox.poweroffice.rows import (
    BALANCE_FIELDS,
    ENTRY_FIELDS,
    SUPPLIER_ENTRY_FIELDS,
    VOUCHER_FIELDS,
    balance_row,
    entry_row,
    supplier_entry_row,
    voucher_row,
    wire,
)
from worker.sandbox.records import LedgerEntry, Voucher, VoucherDraft, VoucherLine, VoucherService
from worker.sandbox.transactions import gl_balances

_VOUCHER_CAP = 10_000
_LEDGER_CAP = 20_000


def post_voucher(service: VoucherService) -> Handler:
    """Save and post."""

    async def handle(call: Call) -> Response:
        draft = _draft(service, await call.body())
        return await _carry_out(call, lambda: call.client.post_voucher(draft))

    return handle


def list_vouchers(service: VoucherService) -> Handler:
    """Vouchers of this service that came over the API, as the replica knows."""

    async def handle(call: Call) -> Response:
        seen = [v for v in call.client.vouchers.all_seen_at(call.seen_at) if v.service == service]
        return listed(call, [voucher_row(voucher) for voucher in seen], VOUCHER_FIELDS, cap=_VOUCHER_CAP)

    return handle


def get_voucher(service: VoucherService) -> Handler:
    """One of them."""

    async def handle(call: Call) -> Response:
        voucher = call.client.vouchers.seen_at(str(call.request.path_params["voucher_id"]), call.seen_at)
        if voucher is None or voucher.service != service:
            raise ErpRefusal("The voucher was not found.", kind="NotFound")
        return answer(wire(voucher_row(voucher)))

    return handle


def reverse_voucher(service: VoucherService) -> Handler:
    """Post its opposite; answers with the reversal."""

    async def handle(call: Call) -> Response:
        voucher_id = str(call.request.path_params["voucher_id"])
        original = call.client.vouchers.get(voucher_id)
        if original is None or original.service != service:
            raise ErpRefusal("The voucher was not found.", kind="NotFound")
        return await _carry_out(call, lambda: call.client.reverse_voucher(voucher_id))

    return handle


async def customer_ledger(call: Call) -> Response:
    """`toDate`: open items up to it. `fromDate` and `toDate`: every entry between them. OData on top, if wanted."""
    return listed(call, _rows(call, _asked_for(call, call.client.ledger)), ENTRY_FIELDS, cap=_LEDGER_CAP)


async def supplier_ledger(call: Call) -> Response:
    """As the customer ledger, for suppliers."""
    rows = [supplier_entry_row(entry) for entry in _asked_for(call, call.client.supplier_ledger)]
    return listed(call, rows, SUPPLIER_ENTRY_FIELDS, cap=_LEDGER_CAP)


async def trial_balance(call: Call) -> Response:
    """The GL accounts' balances at the end of `date`; without it, of today. Accounts never posted on are left out."""
    on = _query_date(call.request.query_params.get("date")) or call.world.now().date()
    rows = [
        balance_row(call.client.accounts[code], total)
        for code, total in sorted(gl_balances(call.client, on=on, seen_at=call.seen_at).items())
        if code in call.client.accounts
    ]
    return listed(call, rows, BALANCE_FIELDS, cap=_LEDGER_CAP)


async def entries_of_match(call: Call) -> Response:
    """The entries a match id joins."""
    text = str(call.request.path_params["match_id"])
    seen = call.client.ledger.entries.all_seen_at(call.seen_at)
    rows = _rows(call, [entry for entry in seen if str(entry.match_id) == text])
    return answer([wire(row) for row in rows], count=len(rows))


async def match_entries(call: Call) -> Response:
    """Let open entries settle each other."""
    ids = _entry_ids(await call.body())
    try:
        call.client.ledger.match(ids)
    except MatchRefused as reason:
        raise ErpRefusal(str(reason)) from None
    return answer()


async def unmatch_entries(call: Call) -> Response:
    """Open them again."""
    ids = _entry_ids(await call.body())
    try:
        call.client.ledger.unmatch(ids)
    except MatchRefused as reason:
        raise ErpRefusal(str(reason)) from None
    return answer()


async def _carry_out(call: Call, do: Callable[[], Voucher]) -> Response:
    return await carry_out(
        do,
        lambda voucher: answer(wire(voucher_row(voucher))),
        trouble=call.client.trouble,
        request=call.request,
        hold=call.hold,
    )


def _asked_for(call: Call, ledger: SubLedger) -> list[LedgerEntry]:
    query = call.request.query_params
    to_date = _query_date(query.get("toDate"))
    if to_date is None:
        raise ErpRefusal("ToDate is required.")
    from_date = _query_date(query.get("fromDate"))
    entries = [entry for entry in ledger.entries.all_seen_at(call.seen_at) if entry.on <= to_date]
    return [entry for entry in entries if (entry.balance != 0 if from_date is None else entry.on >= from_date)]


def _rows(call: Call, entries: list[LedgerEntry]) -> list[Row]:
    statuses = {str(i.number): i.status for i in call.client.invoices.all_seen_at(call.seen_at)}
    return [
        entry_row(entry, statuses.get(entry.document_no or "") if entry.voucher_type in (4, 5) else None)
        for entry in entries
    ]


def _draft(service: VoucherService, body: dict[str, Any]) -> VoucherDraft:
    currency = _text(body, "currencycode")
    if not currency:
        raise ErpRefusal("CurrencyCode is required.")
    lines = body.get("lines")
    if not isinstance(lines, list):
        raise ErpRefusal("The voucher has no lines.")
    posted = cast("list[Any]", lines)
    imported = body.get("importedvoucherno")
    if imported is not None and not isinstance(imported, int):
        raise ErpRefusal("ImportedVoucherNo must be a number.")
    return VoucherDraft(
        service=service,
        on=_date(body, "voucherdate"),
        currency_code=currency,
        lines=tuple(_line(service, line) for line in posted),
        description=_text(body, "description"),
        reference=_text(body, "externalimportreference"),
        imported_voucher_no=imported,
        saft_source_id=_text(body, "saftsourceid", longest=35),
        saft_batch_id=_text(body, "saftbatchid", longest=35),
    )


def _line(service: VoucherService, posted: Any) -> VoucherLine:
    if not isinstance(posted, dict):
        raise ErpRefusal("A line is not valid.")
    line = cast("dict[str, Any]", posted)
    code, amount = line.get("accountcode"), line.get("amount")
    if not isinstance(code, int) or isinstance(code, bool):
        raise ErpRefusal("AccountCode is required.")
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        raise ErpRefusal("Amount is required.")
    return VoucherLine(
        account_code=code,
        amount=_amount(amount),
        on=_date(line, "date"),
        # A manual journal line has no such field, and an unknown field is passed over in silence.
        invoice_no=_text(line, "invoiceno") if service == "BankJournalVoucher" else None,
        cid=_text(line, "cid"),
        custom_matching_reference=_text(line, "custommatchingreference"),
        vat_code=_text(line, "vatcode") or "0",
        currency_code=_text(line, "currencycode"),
        description=_text(line, "description"),
        external_import_line_reference=_text(line, "externalimportlinereference", longest=50),
    )


def _amount(number: float) -> Decimal:
    """A double as the vendor books it: two decimals."""
    try:
        return Decimal(str(number)).quantize(Decimal("0.01"))
    except InvalidOperation:
        raise ErpRefusal("Amount is not valid.") from None


def _text(body: dict[str, Any], name: str, *, longest: int | None = None) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ErpRefusal(f"{name} must be a text.")
    if longest is not None and len(value) > longest:
        raise ErpRefusal(f"{name} can not be longer than {longest} characters.")
    return value


def _date(body: dict[str, Any], name: str) -> date:
    """`yyyy-MM-dd`; a time part is tolerated and dropped."""
    value = body.get(name)
    try:
        return datetime.fromisoformat(str(value)).date()
    except ValueError:
        raise ErpRefusal(f"{name} is not a valid date.") from None


def _query_date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        raise ErpRefusal("The date is not valid.") from None


def _entry_ids(body: dict[str, Any]) -> list[int]:
    _date(body, "matchdate")
    posted = body.get("entryids")
    ids = cast("list[Any]", posted) if isinstance(posted, list) else []
    if not ids or not all(isinstance(entry_id, int) for entry_id in ids):
        raise ErpRefusal("EntryIds must be a list of numbers.")
    return ids
