"""PowerOffice Go v2's routes, spelt as the specification spells them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from worker.sandbox.client_books import ErpRefusal
from worker.sandbox.ledger import SubLedger
from worker.sandbox.pace import Hold, Pace
from worker.sandbox.posting import carry_out
from worker.sandbox.poweroffice_v2 import dtos
from worker.sandbox.poweroffice_v2.door import Call, Door, Handler, listed
from worker.sandbox.poweroffice_v2.posting import draft
from worker.sandbox.records import LedgerEntry, Voucher, VoucherService
from worker.sandbox.transactions import transactions
from worker.sandbox.world import World

_SERVICES: dict[str, tuple[VoucherService, str]] = {
    "BankJournals": ("BankJournalVoucher", "BankVoucher_Full"),
    "ManualJournals": ("ManualJournalVoucher", "ManualVoucher_Full"),
}


def post_voucher(service: VoucherService) -> Handler:
    """Save and post. The number may come a moment later, see `voucher_number_later_next`."""

    async def handle(call: Call) -> Response:
        made = draft(service, await call.body(), codes=dtos.codes_by_id(call.client))

        def created(voucher: Voucher) -> Response:
            number, trouble = voucher.number, call.client.trouble
            if trouble.voucher_number_later_next > 0:
                trouble.voucher_number_later_next -= 1
                number = 0
            return JSONResponse(dtos.voucher_dto(call.client, voucher, number=number), status_code=201)

        return await _carry_out(call, lambda: call.client.post_voucher(made), created)

    return handle


def get_voucher(service: VoucherService) -> Handler:
    """One of the vouchers that came over the API."""

    async def handle(call: Call) -> Response:
        voucher = call.client.vouchers.seen_at(str(call.request.path_params["voucher_id"]), call.seen_at)
        if voucher is None or voucher.service != service:
            raise ErpRefusal("The voucher was not found.", kind="NotFound")
        return JSONResponse(dtos.voucher_dto(call.client, voucher, number=voucher.number))

    return handle


async def reverse_voucher(call: Call) -> Response:
    """Post the opposite, whatever the journal, and free the reference; the answer is a status alone."""
    voucher_id = str(call.request.path_params["voucher_id"])
    return await _carry_out(
        call,
        lambda: call.client.reverse_voucher(voucher_id, free_reference=True),
        lambda voucher: Response(status_code=202),
    )


async def accounts(call: Call) -> Response:
    wanted = call.numbers("accountNos")
    return listed(call, [dtos.account_dto(row) for row in call.client.accounts.values() if wanted(row.code)])


async def customers(call: Call) -> Response:
    wanted = call.numbers("customerNos")
    cards = call.client.customers.all_seen_at(call.seen_at)
    return listed(call, [dtos.customer_dto(card) for card in cards if wanted(card.code)])


async def suppliers(call: Call) -> Response:
    wanted = call.numbers("supplierNos")
    cards = call.client.suppliers.all_seen_at(call.seen_at)
    return listed(call, [dtos.supplier_dto(card) for card in cards if wanted(card.code)])


async def vat_codes(call: Call) -> Response:
    expired = call.request.query_params.get("isActive") != "true"
    return listed(call, dtos.vat_dtos(expired=expired))


async def lock_date(call: Call) -> Response:
    """204 when the client has none."""
    locked = call.client.lock_date
    return JSONResponse({"LockDate": locked.isoformat()}) if locked else Response(status_code=204)


async def account_transactions(call: Call) -> Response:
    """Postings between two posting dates, by GL account number and voucher type."""
    first, last = call.day("fromDate"), call.day("toDate")
    account, kind = call.numbers("accountNos"), call.words("voucherTypes")
    rows = [
        dtos.transaction_dto(call.client, row)
        for row in transactions(call.client, seen_at=call.seen_at)
        if first <= row.line.on <= last and account(row.account) and kind(dtos.voucher_type(row.voucher))
    ]
    return listed(call, rows)


async def open_items(call: Call) -> Response:
    wanted, invoice = call.numbers("customerNos"), call.words("invoiceNos")
    rows = _entries(call, call.client.ledger, last=call.day("date"))
    rows = [row for row in rows if row.balance != 0 and wanted(row.customer_code) and invoice(row.document_no)]
    return listed(call, [dtos.entry_dto(row, party="Customer") for row in rows])


async def customer_statement(call: Call) -> Response:
    wanted = call.numbers("customerNos")
    rows = _entries(call, call.client.ledger, first=call.day("fromDate"), last=call.day("toDate"))
    return listed(call, [dtos.entry_dto(row, party="Customer") for row in rows if wanted(row.customer_code)])


async def supplier_statement(call: Call) -> Response:
    wanted = call.numbers("supplierNos")
    rows = _entries(call, call.client.supplier_ledger, first=call.day("fromDate"), last=call.day("toDate"))
    return listed(call, [dtos.entry_dto(row, party="Supplier") for row in rows if wanted(row.customer_code)])


async def customer_balances(call: Call) -> Response:
    entries = _entries(call, call.client.ledger, last=call.day("date"))
    rows: list[dict[str, Any]] = []
    for card in call.client.customers.all_seen_at(call.seen_at):
        own = [entry.amount for entry in entries if entry.customer_code == card.code]
        if own:
            rows.append(dtos.balance_dto(card, sum(own, Decimal(0))))
    return listed(call, rows)


async def integration(call: Call) -> Response:
    """ClientIntegrationInformation: what the key may do for this client."""
    invalid = call.client.invalid_privileges
    return JSONResponse(
        {
            "ActiveClientSubscriptions": ["PowerOffice Go"],
            "ClientName": call.client.name,
            "ValidPrivileges": [name for name in PRIVILEGES if name not in invalid],
            "InvalidPrivileges": sorted(invalid),
        }
    )


_READS: tuple[tuple[str, str, Handler], ...] = (
    ("/GeneralLedgerAccounts", "GeneralLedgerAccount", accounts),
    ("/Customers", "Customer", customers),
    ("/Suppliers", "Supplier", suppliers),
    ("/VatCodes", "CommonServices", vat_codes),
    ("/AccountTransactions", "AccountTransaction", account_transactions),
    ("/Customerledger/OpenItems", "CustomerLedger", open_items),
    ("/Customerledger/Statement", "CustomerLedger", customer_statement),
    ("/Customerledger/CustomerBalances", "CustomerLedger", customer_balances),
    ("/Supplierledger/Statement", "SupplierLedger", supplier_statement),
)
_REVERSE_PRIVILEGE = "YearEndVoucher_Full"  # so the specification says, for every journal
PRIVILEGES = tuple(
    sorted({privilege for _, privilege, _ in _READS} | {p for _, p in _SERVICES.values()} | {_REVERSE_PRIVILEGE})
)


def poweroffice_v2_app(*, world: World, pace: Pace, hold: Hold) -> ASGIApp:
    """The whole service: `/OAuth/Token`, and the API under `/v2`."""
    door = Door(world=world, pace=pace, hold=hold)
    guard = door.guard
    routes = [Route("/OAuth/Token", door.token, methods=["POST"])]
    routes += [Route(f"/v2{path}", guard(privilege, handler, is_list=True)) for path, privilege, handler in _READS]
    routes += [
        Route("/v2/LockDateSettings", guard("CommonServices", lock_date)),
        Route("/v2/ClientIntegrationInformation", guard("", integration)),
        Route("/v2/Vouchers/Reverse/{voucher_id}", guard(_REVERSE_PRIVILEGE, reverse_voucher), methods=["POST"]),
    ]
    for name, (service, privilege) in _SERVICES.items():
        routes += [
            Route(f"/v2/Vouchers/{name}", guard(privilege, post_voucher(service)), methods=["POST"]),
            Route(f"/v2/Vouchers/{name}/{{voucher_id}}", guard(privilege, get_voucher(service))),
        ]
    return Starlette(routes=routes)


async def _carry_out(call: Call, do: Callable[[], Voucher], answer: Callable[[Voucher], Response]) -> Response:
    return await carry_out(do, answer, trouble=call.client.trouble, request=call.request, hold=call.hold)


def _entries(call: Call, ledger: SubLedger, *, last: date, first: date = date.min) -> list[LedgerEntry]:
    return [entry for entry in ledger.entries.all_seen_at(call.seen_at) if first <= entry.on <= last]
