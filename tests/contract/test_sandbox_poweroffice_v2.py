"""The sandbox's PowerOffice Go v2 over real sockets: keys, problems, pages, ids."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from worker.sandbox.erp import SandboxClient
from worker.sandbox.records import Account
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World

pytestmark = pytest.mark.anyio

BANK, MANUAL = "/v2/Vouchers/BankJournals", "/v2/Vouchers/ManualJournals"
GL, DEBTOR_ID, FACTOR_ID, NO_VAT = 411920, 900001, 1200001, 7001


@dataclass
class Service:
    client: SandboxClient
    sandbox: Sandbox
    http: httpx.AsyncClient


@pytest.fixture
async def service(tmp_path: Path) -> AsyncGenerator[Service]:
    world = World(now=lambda: datetime(2026, 3, 16, 15, 30, tzinfo=UTC))
    accounts = [Account(code=1920, name="Bank"), Account(code=7999, name="Nedlagt", active=False)]
    client = world.add_client(
        client_key="key",
        name="Nordlys Snekkeri AS",
        organisation_number="999888777",
        accounts=accounts,
        lock_date=date(2026, 1, 31),
    )
    client.add_customer(10018, "Fjellheim Bygg AS")
    client.add_supplier(20100, "Nordisk Factoring AS")
    client.add_invoice(10045, 10018, ehf=b"<Invoice/>", total=Decimal(12500), invoice_date=date(2026, 3, 2))
    async with (
        Sandbox(world, folder=tmp_path, replica_lag=0.0) as sandbox,
        httpx.AsyncClient(base_url=sandbox.poweroffice_v2_url) as http,
    ):
        http.headers["Ocp-Apim-Subscription-Key"] = sandbox.subscription_key
        told = await http.post(
            "/OAuth/Token", auth=(sandbox.application_key, "key"), data={"grant_type": "client_credentials"}
        )
        http.headers["Authorization"] = f"Bearer {told.json()['access_token']}"
        yield Service(client, sandbox, http)


def voucher(*lines: tuple[int, float], **head: Any) -> dict[str, Any]:
    return {
        "VoucherDate": "2026-03-16", "CurrencyCode": "NOK", "ExternalImportReference": "FC-1",
        "VoucherLines": [{"AccountId": account, "PostingDate": head.get("VoucherDate", "2026-03-16"), "VatId": NO_VAT,
                          "CurrencyAmount": amount, "InvoiceNo": "10045", "Cid": "00018"} for account, amount in lines],
        **head,
    }  # fmt: skip


async def test_the_subscription_key_comes_before_everything(service: Service) -> None:
    for path in ("/OAuth/Token", "/v2/LockDateSettings"):
        method = "POST" if path == "/OAuth/Token" else "GET"
        told = await service.http.request(method, path, headers={"Ocp-Apim-Subscription-Key": "wrong"})
        assert (told.status_code, "subscription" in told.json()["message"]) == (401, True)
    told = await service.http.get("/v2/LockDateSettings", headers={"Authorization": "Bearer wrong"})
    assert told.status_code == 401


@pytest.mark.parametrize(("application_key", "client_key"), [("wrong", "key"), (None, "wrong")])
async def test_keys_that_are_not_known(service: Service, application_key: str | None, client_key: str) -> None:
    keys = (application_key or service.sandbox.application_key, client_key)
    told = await service.http.post("/OAuth/Token", auth=keys, data={"grant_type": "client_credentials"})
    assert (told.status_code, told.json()["error"]) == (400, "invalid_client")


async def test_ten_requests_a_second_and_no_more(service: Service) -> None:
    statuses = [(await service.http.get("/v2/LockDateSettings")).status_code for _ in range(12)]
    assert statuses.count(429) >= 2
    service.client.trouble.throttle_next = 1
    assert (await service.http.get("/v2/LockDateSettings")).headers["retry-after"] == "1"


async def test_ids_of_accounts_and_parties(service: Service) -> None:
    rows = (await service.http.get("/v2/GeneralLedgerAccounts?accountNos=1920,7000-")).json()
    assert [(row["Id"], row["AccountNo"], row["IsActive"]) for row in rows] == [(GL, 1920, True), (417999, 7999, False)]
    (customer,) = (await service.http.get("/v2/Customers?customerNos=10000-10018")).json()
    (supplier,) = (await service.http.get("/v2/Suppliers?supplierNos=20100")).json()
    assert (customer["SubledgerAccountId"], supplier["SubledgerAccountId"]) == (DEBTOR_ID, FACTOR_ID)
    assert customer["Id"] != customer["SubledgerAccountId"]
    empty = await service.http.get("/v2/Customers?customerNos=10019-")
    assert (empty.status_code, empty.content) == (204, b"")
    assert (await service.http.get("/v2/Customers?customerNos=abc")).status_code == 400


async def test_vat_codes_with_and_without_the_expired(service: Service) -> None:
    active = (await service.http.get("/v2/VatCodes?isActive=true")).json()
    assert [(row["Id"], row["Code"]) for row in active] == [(NO_VAT, "0"), (7003, "3")]
    assert len((await service.http.get("/v2/VatCodes")).json()) == 3


async def test_a_posted_voucher_closes_the_invoice_and_is_in_the_transactions(service: Service) -> None:
    told = await service.http.post(BANK, json=voucher((DEBTOR_ID, -12500.0), (FACTOR_ID, 12500.0)))
    assert told.status_code == 201
    made = told.json()
    assert (await service.http.get(f"{BANK}/{made['Id']}")).json() == made
    assert (await service.http.get(f"{MANUAL}/{made['Id']}")).status_code == 404
    assert (await service.http.get("/v2/Customerledger/OpenItems?date=2026-12-31")).status_code == 204
    balances = await service.http.get("/v2/Customerledger/CustomerBalances?date=2026-03-15")
    assert [row["Balance"] for row in balances.json()] == [12500.0]
    day = "fromDate=2026-03-16&toDate=2026-03-16"
    rows = (await service.http.get(f"/v2/AccountTransactions?{day}&accountNos=2400")).json()
    assert [(row["SupplierAccountNo"], row["Amount"], row["VoucherType"]) for row in rows] == [
        (20100, 12500.0, "BankJournal")
    ]
    assert (await service.http.get("/v2/AccountTransactions?fromDate=2026-03-16")).status_code == 400


async def test_a_manual_line_has_no_invoice_number(service: Service) -> None:
    made = (await service.http.post(MANUAL, json=voucher((DEBTOR_ID, -100.0), (GL, 100.0)))).json()
    assert all("InvoiceNo" not in line and "Cid" not in line for line in made["VoucherLines"])
    kept = service.client.vouchers[made["Id"]]
    assert [(line.invoice_no, line.cid) for line in kept.lines] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (voucher((GL, 1.0), (FACTOR_ID, -2.0)), 400, "balance"),
        (voucher((GL, 1.0), (999, -1.0)), 404, "999 was not found"),
        (voucher((GL, 1.0), (417999, -1.0)), 400, "not active"),
        (voucher((GL, 0.0), (FACTOR_ID, -1.0)), 400, "CurrencyAmount"),
        (voucher((GL, 1.0), (FACTOR_ID, -1.0), VoucherDate="2026-01-31"), 400, "locked"),
        (voucher((GL, 1.0), (FACTOR_ID, -1.0), SaftBatchId="x" * 36), 400, "35 characters"),
        ({**voucher(), "VoucherLines": [{"AccountId": GL, "PostingDate": "2026-03-16"}]}, 400, "VatId"),
        ({**voucher(), "VoucherLines": [{"PostingDate": "2026-03-16"}]}, 400, "AccountId"),
        ({**voucher(), "CurrencyCode": ""}, 400, "CurrencyCode"),
        ({**voucher(), "VoucherLines": None}, 400, "no lines"),
    ],
)
async def test_a_wrong_voucher_is_a_problem(service: Service, body: dict[str, Any], status: int, words: str) -> None:
    told = await service.http.post(BANK, json=body)
    said = {name.lower(): value for name, value in told.json().items()}
    assert (told.status_code, said["status"], words in said["detail"]) == (status, status, True)
    assert told.headers["content-type"] == "application/problem+json"
    assert len(service.client.vouchers) == 0


async def test_a_reversal_frees_the_reference(service: Service) -> None:
    body = voucher((GL, 5.0), (FACTOR_ID, -5.0))
    first = (await service.http.post(BANK, json=body)).json()
    assert (await service.http.post(BANK, json=body)).status_code == 400
    told = await service.http.post(f"/v2/Vouchers/Reverse/{first['Id']}")
    assert (told.status_code, told.content) == (202, b"")
    assert (await service.http.post(BANK, json=body)).status_code == 201
    assert (await service.http.post(f"/v2/Vouchers/Reverse/{first['Id']}")).status_code == 400


async def test_pages_end_with_nothing(service: Service) -> None:
    for code in range(10100, 10105):
        service.client.add_customer(code, f"Debitor {code}")
    sizes: list[int] = []
    for number in (1, 2, 3):
        told = await service.http.get(f"/v2/Customers?PageNumber={number}&PageSize=3")
        sizes.append(len(told.json()) if told.status_code == 200 else 0)
    assert sizes == [3, 3, 0]
    for wrong in ("PageSize=0", "PageSize=20001", "PageNumber=0", "PageSize=x"):
        assert (await service.http.get(f"/v2/Customers?{wrong}")).status_code == 400


async def test_what_the_key_may_do(service: Service) -> None:
    service.client.invalid_privileges.add("YearEndVoucher_Full")
    told = (await service.http.get("/v2/ClientIntegrationInformation")).json()
    assert "BankVoucher_Full" in told["ValidPrivileges"]
    assert told["InvalidPrivileges"] == ["YearEndVoucher_Full"]
    assert (await service.http.post("/v2/Vouchers/Reverse/1")).status_code == 403
