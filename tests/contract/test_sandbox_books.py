"""Vouchers and the customer ledger of the sandbox's PowerOffice Go, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
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

BANK, MANUAL = "/Voucher/BankJournalVoucher", "/Voucher/ManualJournalVoucher"
LEDGER = "/Reporting/CustomerLedger"
OPEN = f"{LEDGER}?toDate=2026-12-31"
ALL = f"{LEDGER}?fromDate=2026-01-01&toDate=2026-12-31"
DEBTOR, CLEARING, INTEREST, CLOSED, FACTOR = 10018, 20100, 8150, 7999, 20200


@dataclass
class Books:
    client: SandboxClient
    http: httpx.AsyncClient

    async def get(self, path: str) -> dict[str, Any]:
        return (await self.http.get(path)).json()

    async def post(self, path: str, body: object = None) -> dict[str, Any]:
        response = await self.http.post(path, json=body)
        assert response.status_code == 200
        return response.json()

    async def open_items(self) -> dict[str, float]:
        """Open balances by document number; an entry without one by its reference."""
        rows = (await self.get(OPEN))["data"]
        return {row.get("documentNo") or row.get("externalImportReference"): row["balance"] for row in rows}


@asynccontextmanager
async def keeping(folder: Path, *, replica_lag: float = 0.0) -> AsyncGenerator[Books]:
    world = World(now=lambda: datetime(2026, 3, 16, 15, 30, tzinfo=UTC))
    client = world.add_client(
        client_key="key",
        name="Nordlys Snekkeri AS",
        organisation_number="999888777",
        accounts=[
            Account(code=1920, name="Bank"),
            Account(code=CLEARING, name="Mellomværende"),
            Account(code=INTEREST, name="Renter"),
            Account(code=CLOSED, name="Nedlagt", active=False),
        ],
        lock_date=date(2026, 1, 31),
    )
    client.add_customer(DEBTOR, "Fjellheim Bygg AS", is_person=False)
    client.add_invoice(10045, DEBTOR, ehf=b"<Invoice/>", total=Decimal("12500"), invoice_date=date(2026, 3, 2))
    client.add_invoice(
        10046, DEBTOR, ehf=b"<CreditNote/>", total=Decimal("500"), invoice_date=date(2026, 3, 3), original_no=10045
    )
    async with (
        Sandbox(world, folder=folder, replica_lag=replica_lag) as sandbox,
        httpx.AsyncClient(base_url=sandbox.poweroffice_url) as http,
    ):
        keys = (sandbox.application_key, "key")
        token = await http.post("/OAuth/Token", auth=keys, data={"grant_type": "client_credentials"})
        http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        yield Books(client, http)


@pytest.fixture
async def books(tmp_path: Path) -> AsyncGenerator[Books]:
    async with keeping(tmp_path) as kept:
        yield kept


def voucher(
    *lines: tuple[int, float], reference: str | None = "FC-PAY-1", on: str = "2026-03-16", **debtor_line: Any
) -> dict[str, Any]:
    """A voucher of (account, amount) lines; `debtor_line` goes on the lines of the debtor."""
    return {
        "voucherDate": on,
        "currencyCode": "NOK",
        "description": "Innbetaling",
        "externalImportReference": reference,
        "lines": [
            {"accountCode": code, "amount": amount, "date": on, **(debtor_line if code == DEBTOR else {})}
            for code, amount in lines
        ],
    }


def payment(amount: float, reference: str = "FC-PAY-1", **more: Any) -> dict[str, Any]:
    return voucher((DEBTOR, -amount), (CLEARING, amount), reference=reference, invoiceNo="10045", **more)


async def test_an_invoice_and_a_credit_note_are_open_items(books: Books) -> None:
    assert await books.open_items() == {"10045": 12500.0, "10046": -500.0}
    first = (await books.get(OPEN))["data"][0]
    assert (first["voucherType"], first["factoringInvoiceStatus"]) == (4, 1)
    assert (first["isCreatedByCurrentIntegration"], first["customerCode"]) == (False, DEBTOR)


async def test_a_bank_line_with_the_invoice_number_closes_the_invoice(books: Books) -> None:
    told = await books.post(BANK, payment(12500, cID="0001004500187"))
    assert told["success"] is True
    assert told["data"]["lines"][0]["cID"] == "0001004500187"
    assert told["data"]["createdDate"] == "2026-03-16T15:30:00 +00:00"
    assert await books.open_items() == {"10046": -500.0}
    assert books.client.balance(CLEARING) == Decimal(12500)
    paid, payment_entry = [row for row in (await books.get(ALL))["data"] if row.get("matchId")]
    assert paid["matchId"] == payment_entry["matchId"]
    joined = (await books.get(f"{LEDGER}/{paid['matchId']}"))["data"]
    assert {row["id"] for row in joined} == {paid["id"], payment_entry["id"]}


async def test_part_payments_and_an_overpayment(books: Books) -> None:
    await books.post(BANK, payment(2500))
    assert (await books.open_items())["10045"] == 10000.0
    await books.post(BANK, payment(10100, "FC-PAY-2"))
    entries = (await books.get(f"{OPEN}&$filter=(ExternalImportReference eq 'FC-PAY-2')"))["data"]
    assert [row["balance"] for row in entries] == [-100.0]


async def test_an_unknown_invoice_number_leaves_the_payment_open(books: Books) -> None:
    body = voucher((DEBTOR, -70.0), (CLEARING, 70.0), invoiceNo="99999")
    assert (await books.post(BANK, body))["success"] is True
    assert await books.open_items() == {"10045": 12500.0, "10046": -500.0, "99999": -70.0}


async def test_a_manual_journal_knows_no_invoice_number(books: Books) -> None:
    told = await books.post(MANUAL, payment(12500))
    assert "invoiceNo" not in told["data"]["lines"][0]
    assert (await books.open_items())["10045"] == 12500.0


async def test_equal_matching_references_of_opposite_amounts_match(books: Books) -> None:
    await books.post(BANK, voucher((DEBTOR, 300), (CLEARING, -300), reference="A", customMatchingReference="M1"))
    await books.post(MANUAL, voucher((DEBTOR, -200), (CLEARING, 200), reference="B", customMatchingReference="M1"))
    assert {"A", "B"} <= set(await books.open_items())
    await books.post(MANUAL, voucher((DEBTOR, -300), (CLEARING, 300), reference="C", customMatchingReference="M1"))
    assert not {"A", "C"} & set(await books.open_items())


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (voucher((CLEARING, 100), (INTEREST, -99.99)), "balance"),
        (voucher((CLEARING, 100), (4711, -100)), "4711 does not exist"),
        (voucher((CLEARING, 100), (CLOSED, -100)), "7999 is not active"),
        (voucher((CLEARING, 100), (INTEREST, -100), on="2026-01-31"), "locked"),
        (voucher((CLEARING, 100), (INTEREST, -100), on="31.03.2026"), "not a valid date"),
        (voucher((CLEARING, 100), (INTEREST, -100), reference="x" * 51), "50 characters"),
        (voucher(), "no lines"),
        ({**voucher((CLEARING, 1), (INTEREST, -1)), "currencyCode": None}, "CurrencyCode"),
        ({**voucher((CLEARING, 1), (INTEREST, -1)), "lines": [{"accountCode": "1920"}]}, "AccountCode"),
        ({**voucher((CLEARING, 1), (INTEREST, -1)), "lines": [{"accountCode": 1920}]}, "Amount"),
        ({**voucher((CLEARING, 1), (INTEREST, -1)), "saftBatchId": "x" * 36}, "35 characters"),
    ],
)
async def test_a_wrong_voucher_is_refused_and_not_posted(books: Books, body: dict[str, Any], words: str) -> None:
    told = await books.post(MANUAL, body)
    assert told["success"] is False
    assert words in told["validation"]["summary"]
    assert len(books.client.vouchers) == 0


async def test_a_date_after_the_lock_date_is_open(books: Books) -> None:
    body = voucher((CLEARING, 100), (INTEREST, -100), on="2026-02-01")
    assert (await books.post(MANUAL, body))["success"] is True


async def test_doubles_that_do_not_add_up_exactly_are_in_balance(books: Books) -> None:
    body = voucher((CLEARING, 0.1), (CLEARING, 0.2), (INTEREST, -0.30000000000000004))
    assert (await books.post(MANUAL, body))["success"] is True


@pytest.mark.parametrize("service", [BANK, MANUAL])
async def test_a_reference_is_used_once_whatever_the_service(books: Books, service: str) -> None:
    await books.post(BANK, payment(100))
    told = await books.post(service, payment(100))
    assert told["validation"]["exception"] == "ApiUniqueConstraint"
    assert len(books.client.vouchers) == 1


async def test_vouchers_are_found_by_reference_and_by_id(books: Books) -> None:
    posted = (await books.post(BANK, payment(100)))["data"]
    await books.post(BANK, payment(100, "FC-PAY-2"))
    found = await books.get(f"{BANK}?$filter=(ExternalImportReference eq 'FC-PAY-1')")
    assert (found["data"], found["count"]) == ([posted], 1)
    assert (await books.get(f"{BANK}/{posted['id']}"))["data"] == posted
    assert (await books.get(f"{MANUAL}/{posted['id']}"))["validation"]["exception"] == "NotFound"
    assert (await books.get(MANUAL))["data"] == []
    assert (await books.get(f"{BANK}?$top=1"))["validation"]["exception"] == "OData"


async def test_a_voucher_is_seen_when_the_replica_has_caught_up(tmp_path: Path) -> None:
    async with keeping(tmp_path, replica_lag=0.2) as books:
        posted = (await books.post(BANK, payment(12500)))["data"]
        assert (await books.get(BANK))["data"] == []
        assert (await books.get(f"{BANK}/{posted['id']}"))["success"] is False
        assert (await books.open_items())["10045"] == 12500.0
        await asyncio.sleep(0.25)
        assert (await books.get(f"{BANK}/{posted['id']}"))["success"] is True
        assert "10045" not in await books.open_items()


async def test_a_reversal_opens_the_invoice_again(books: Books) -> None:
    posted = (await books.post(BANK, payment(12500)))["data"]
    reversal = (await books.post(f"{BANK}/Reverse/{posted['id']}"))["data"]
    assert [line["amount"] for line in reversal["lines"]] == [12500.0, -12500.0]
    assert await books.open_items() == {"10045": 12500.0, "10046": -500.0}
    assert books.client.balance(CLEARING) == 0
    assert (await books.get(f"{BANK}/{posted['id']}"))["data"]["isReversed"] is True
    assert (await books.post(f"{BANK}/Reverse/{posted['id']}"))["success"] is False
    assert (await books.post(BANK, payment(12500)))["validation"]["exception"] == "ApiUniqueConstraint"


async def test_reversing_what_is_not_there_is_refused(books: Books) -> None:
    posted = (await books.post(BANK, payment(1)))["data"]
    for path in (f"{MANUAL}/Reverse/{posted['id']}", f"{BANK}/Reverse/{'0' * 8}-0000-0000-0000-{'0' * 12}"):
        assert (await books.post(path))["validation"]["exception"] == "NotFound"


async def test_entries_are_matched_and_unmatched(books: Books) -> None:
    invoice, credit = [row["id"] for row in (await books.get(OPEN))["data"]]
    body = {"matchDate": "2026-03-16", "entryIds": [invoice, credit]}
    assert await books.post(f"{LEDGER}/MatchEntries", body) == {"success": True}
    assert await books.open_items() == {"10045": 12000.0}
    assert await books.post(f"{LEDGER}/UnmatchEntries", body) == {"success": True}
    assert await books.open_items() == {"10045": 12500.0, "10046": -500.0}
    assert (await books.post(f"{LEDGER}/UnmatchEntries", body))["success"] is False


@pytest.mark.parametrize("ids", [[], [1], ["x"], None])
async def test_entries_that_cannot_be_matched_are_refused(books: Books, ids: object) -> None:
    body = {"matchDate": "2026-03-16", "entryIds": ids}
    assert (await books.post(f"{LEDGER}/MatchEntries", body))["success"] is False


async def test_one_sided_entries_cannot_be_matched(books: Books) -> None:
    invoice = (await books.get(OPEN))["data"][0]["id"]
    body = {"matchDate": "2026-03-16", "entryIds": [invoice]}
    assert (await books.post(f"{LEDGER}/MatchEntries", body))["success"] is False


async def test_the_statement_is_cut_by_dates(books: Books) -> None:
    told = await books.get(f"{LEDGER}?fromDate=2026-03-03&toDate=2026-03-31")
    assert [row["documentNo"] for row in told["data"]] == ["10046"]
    assert (await books.get(f"{LEDGER}?toDate=2026-03-02"))["count"] == 1
    assert (await books.get(LEDGER))["success"] is False
    assert (await books.get(f"{LEDGER}?toDate=tomorrow"))["success"] is False


# --- a supplier as clearing account, and the trial balance ----------------------------------------


def through_the_supplier(amount: float, reference: str, on: str = "2026-03-16") -> dict[str, Any]:
    return voucher((DEBTOR, -amount), (FACTOR, amount), reference=reference, on=on, invoiceNo="10045")


async def test_a_supplier_is_found_by_its_number(books: Books) -> None:
    books.client.add_supplier(FACTOR, "Nordisk Factoring AS", "986252932")
    books.client.add_supplier(20300, "Strøm AS")
    told = await books.get(f"/Supplier?$filter=(Code eq {FACTOR})&$orderby=Code asc&$top=10")
    assert [(row["code"], row["name"], row["vatNumber"], row["isActive"]) for row in told["data"]] == [
        (FACTOR, "Nordisk Factoring AS", "986252932", True)
    ]
    books.client.mend_supplier(FACTOR, active=False)
    assert (await books.post(BANK, through_the_supplier(1, "A")))["success"] is False
    with pytest.raises(ValueError, match="taken"):
        books.client.add_customer(FACTOR)


async def test_what_is_posted_on_a_supplier_is_on_its_ledger(books: Books) -> None:
    books.client.add_supplier(FACTOR, "Nordisk Factoring AS")
    posted = await books.post(BANK, through_the_supplier(2500, "A"))
    await books.post(BANK, through_the_supplier(500, "B", on="2026-03-17"))
    statement = "/Reporting/SupplierLedger?fromDate=2026-01-01&toDate=2026-03-16"
    rows = (await books.get(statement))["data"]
    assert [(row["supplierCode"], row["amount"], row["externalImportReference"]) for row in rows] == [
        (FACTOR, 2500.0, "A")
    ]
    await books.post(f"{BANK}/Reverse/{posted['data']['id']}")
    assert sum(row["amount"] for row in (await books.get(statement))["data"]) == 0
    open_rows = (await books.get("/Reporting/SupplierLedger?toDate=2026-12-31"))["data"]
    assert [row["balance"] for row in open_rows] == [500.0]
    assert (await books.open_items())["10045"] == 12000.0
    assert (await books.get("/Reporting/SupplierLedger"))["success"] is False


async def test_the_trial_balance_of_a_day(books: Books) -> None:
    books.client.add_supplier(FACTOR, "Nordisk Factoring AS")
    books.client.accounts[1500] = Account(code=1500, name="Kundefordringer")
    books.client.accounts[2400] = Account(code=2400, name="Leverandørgjeld")
    await books.post(BANK, through_the_supplier(2500, "A"))
    await books.post(MANUAL, voucher((CLEARING, 80.5), (INTEREST, -80.5), reference="B", on="2026-03-17"))
    day = {
        row["accountCode"]: row["balance"]
        for row in (await books.get("/Reporting/TrialBalance?date=2026-03-16"))["data"]
    }
    assert day == {1500: 9500.0, 2400: 2500.0}
    one = f"/Reporting/TrialBalance?date=2026-03-17&$filter=(AccountCode eq {CLEARING})"
    assert [(row["accountName"], row["balance"]) for row in (await books.get(one))["data"]] == [("Mellomværende", 80.5)]


async def test_suppliers_and_their_ledger_are_saved(books: Books, tmp_path: Path) -> None:
    books.client.add_supplier(FACTOR, "Nordisk Factoring AS")
    await books.post(BANK, through_the_supplier(2500, "A"))
    world = World(now=lambda: datetime(2026, 3, 16, 15, 30, tzinfo=UTC))
    world.clients["key"] = books.client
    world.subscription_key = "another-subscription"
    world.save(tmp_path / "saved")
    again = World.load(tmp_path / "saved", now=world.now)
    assert again.subscription_key == "another-subscription"
    client = again.clients["key"]
    assert client.suppliers[FACTOR] == books.client.suppliers[FACTOR]
    assert dict(client.supplier_ledger.entries) == dict(books.client.supplier_ledger.entries)


@pytest.mark.parametrize(
    ("trouble", "status", "posted"),
    [
        ("voucher_500_next", 500, 0),
        ("voucher_500_after_accept_next", 500, 1),
        ("voucher_empty_after_accept_next", 200, 1),
    ],
)
async def test_postings_that_go_wrong(books: Books, trouble: str, status: int, posted: int) -> None:
    setattr(books.client.trouble, trouble, 1)
    response = await books.http.post(BANK, json=payment(100))
    assert (response.status_code, len(books.client.vouchers)) == (status, posted)
    assert response.content in (b"", b"Internal Server Error")
    assert getattr(books.client.trouble, trouble) == 0
