"""PowerOffice Go's routes. Paths are taken without regard to case and trailing slash, as the vendor's host does."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.sandbox.erp import ErpRefusal
from worker.sandbox.pace import Hold, Pace
from worker.sandbox.poweroffice import books, factoring
from worker.sandbox.poweroffice.door import PRIVILEGES, Call, Door, answer, listed
from worker.sandbox.poweroffice.rows import (
    ACCOUNT_FIELDS,
    CUSTOMER_FIELDS,
    SUPPLIER_FIELDS,
    account_row,
    client_id,
    client_row,
    customer_row,
    supplier_row,
    wire,
)
from worker.sandbox.records import VoucherService
from worker.sandbox.world import World

_CUSTOMER_CAP = 50_000


async def customers(call: Call) -> Response:
    rows = [customer_row(card) for card in call.client.customers.all_seen_at(call.seen_at)]
    return listed(call, rows, CUSTOMER_FIELDS, cap=_CUSTOMER_CAP)


async def customer(call: Call) -> Response:
    wanted = str(call.request.path_params["customer_id"])
    for card in call.client.customers.all_seen_at(call.seen_at):
        if str(card.id) == wanted:
            return answer(wire(customer_row(card)))
    raise ErpRefusal("The customer was not found.", kind="NotFound")


async def suppliers(call: Call) -> Response:
    rows = [supplier_row(card) for card in call.client.suppliers.all_seen_at(call.seen_at)]
    return listed(call, rows, SUPPLIER_FIELDS, cap=_CUSTOMER_CAP)


async def accounts(call: Call) -> Response:
    rows = [account_row(account) for account in call.client.accounts.values()]
    return listed(call, rows, ACCOUNT_FIELDS, cap=_CUSTOMER_CAP)


async def client(call: Call) -> Response:
    return answer(wire(client_row(call.client)))


async def integration(call: Call) -> Response:
    """ClientIntegrationInformation: what the key may do for this client."""
    invalid = call.client.invalid_privileges
    return answer(
        {
            "activeClientSubscriptions": ["PowerOffice Go", "Factoring"],
            "clientId": client_id(call.client),
            "clientName": call.client.name,
            "userId": 900_001,
            "validPrivileges": [name for name in PRIVILEGES if name not in invalid],
            "invalidPrivileges": sorted(invalid),
        }
    )


def poweroffice_app(*, world: World, pace: Pace, hold: Hold) -> ASGIApp:
    """The whole service."""
    door = Door(world=world, pace=pace, hold=hold)
    guard = door.guard
    factoring_privilege = "Factoring_Full"
    routes = [
        Route("/oauth/token", door.token, methods=["POST"]),
        Route(
            "/factoring/availableinvoices",
            guard(factoring_privilege, factoring.available_invoices, is_list=True),
        ),
        Route(
            "/factoring/invoicesdelivered",
            guard(factoring_privilege, factoring.invoices_delivered, is_list=True),
        ),
        Route("/factoring/invoiceehf/{invoice_id}", guard(factoring_privilege, factoring.invoice_ehf)),
        Route("/factoring/delivered", guard(factoring_privilege, factoring.delivered), methods=["POST"]),
        Route(
            "/factoring/updatefactoringinvoicestatus",
            guard(factoring_privilege, factoring.update_status),
            methods=["POST"],
        ),
        Route("/customer", guard("Customer", customers, is_list=True)),
        Route("/customer/{customer_id}", guard("Customer", customer)),
        Route("/supplier", guard("Supplier", suppliers, is_list=True)),
        Route("/client", guard("Client", client)),
        Route("/clientintegrationinformation", guard("", integration)),
        Route("/generalledgeraccount", guard("GeneralLedgerAccount", accounts, is_list=True)),
        Route("/reporting/customerledger", guard("CustomerLedger", books.customer_ledger, is_list=True)),
        Route("/reporting/customerledger/matchentries", guard("CustomerLedger", books.match_entries), methods=["POST"]),
        Route(
            "/reporting/customerledger/unmatchentries", guard("CustomerLedger", books.unmatch_entries), methods=["POST"]
        ),
        Route("/reporting/customerledger/{match_id}", guard("CustomerLedger", books.entries_of_match)),
        Route("/reporting/supplierledger", guard("SupplierLedger", books.supplier_ledger, is_list=True)),
        Route("/reporting/trialbalance", guard("TrialBalance", books.trial_balance, is_list=True)),
    ]
    services: tuple[VoucherService, ...] = ("BankJournalVoucher", "ManualJournalVoucher")
    for service in services:
        path, privilege = f"/voucher/{service.lower()}", f"{service}_Full"
        routes += [
            Route(path, guard(privilege, books.post_voucher(service)), methods=["POST"]),
            Route(path, guard(privilege, books.list_vouchers(service), is_list=True), methods=["GET"]),
            Route(f"{path}/reverse/{{voucher_id}}", guard(privilege, books.reverse_voucher(service)), methods=["POST"]),
            Route(f"{path}/{{voucher_id}}", guard(privilege, books.get_voucher(service))),
        ]
    app = Starlette(routes=routes)

    async def plain_paths(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": scope["path"].lower().rstrip("/") or "/"}
        await app(scope, receive, send)

    return plain_paths
