"""From files to the client's books: payments and events become vouchers, each once, or wait for a person."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from typer.testing import Result

from tests.support.flow import DAY, RETURN_DATA, Flow, client_plan, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction, feed
from worker.sandbox.records import Account
from worker.store import settlement, vouchers
from worker.store.rows import ItemRow
from worker.wiring import check_all_accounts

pytestmark = pytest.mark.anyio

WAITING = ["waiting"]
CLEARING = 1510


@asynccontextmanager
async def books(folder: Path, *, version: str = "v1", worker: dict[str, str] | None = None, **changes: str
                ) -> AsyncGenerator[Flow]:  # fmt: skip
    """A client with return data whose invoices 5001 and 5002, 1250 kroner each, have gone out and been told."""
    plan = client_plan(**{**RETURN_DATA, "VOUCHERS": version, **changes})
    async with flow(folder, plan, settings=worker) as house:
        for code in (CLEARING, 6970, 6975, 2990, 8050):
            house.erp().accounts[code] = Account(code=code, name=f"Konto {code}")
        house.invoice(5001, person())
        house.invoice(5002, person())
        await house.at(8)
        await house.job("postback")
        yield house


def lay(house: Flow, name: str, content: bytes) -> None:
    folder = house.folder / "inbox"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)


def kid(house: Flow, number: int) -> str:
    return house.story(number).invoice.kid or ""


def ocr(*payments: tuple[int, str], number: int = 777) -> bytes:
    """(øre, KID)"""
    transactions = [OcrTransaction(minor, text, reference=100 + place) for place, (minor, text) in enumerate(payments)]
    return OcrFile([OcrAssignment(transactions)], number=number).render()


def event(number: int, kind: str, amount: str = "", **more: Any) -> dict[str, object]:
    money = {"amount": amount, "currency": "NOK"} if amount else {}
    return {"event_id": str(number), "client": "nordlys", "kind": kind, "date": "2026-11-20", **money, **more}


async def settle(house: Flow, *, day: date = DAY) -> None:
    house.turn(15, 30, day=day)
    await house.job("settlement")


def waiting(house: Flow) -> list[tuple[str, str | None]]:
    return [(row.kind, row.reason) for row in items(house, "waiting")]


def items(house: Flow, *states: str) -> list[ItemRow]:
    return settlement.items(house.house.db, states=states)


def states(house: Flow) -> list[str]:
    return [row.state for row in vouchers.of_client(house.house.db, client="nordlys")]


def still_owed(house: Flow, code: int = 10001) -> dict[str | None, Decimal]:
    """What is open on the debtor's ledger in the ERP, by document."""
    found = house.erp().ledger.entries.values()
    return {entry.document_no: entry.balance for entry in found if entry.customer_code == code and entry.balance}


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_payment_closes_the_debtors_invoice_and_the_erp_is_told(tmp_path: Path, version: str) -> None:
    async with books(tmp_path, version=version) as house:
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        assert states(house) == ["posted"]
        assert house.erp().balance(CLEARING) == Decimal("1250.00")
        assert still_owed(house) == {"5002": Decimal(1250)}
        assert [(call.call, call.status) for call in house.told(5001)][-1] == ("status", 4)
        assert (house.folder / "inbox" / "taken" / "ocr.txt").exists()


@pytest.mark.parametrize("by_day", ["false", "true"])
async def test_the_factors_events_become_balanced_vouchers(tmp_path: Path, by_day: str) -> None:
    async with books(tmp_path, worker={"PAYMENTS_FROM": "feed"}, VOUCHERS_BY_DAY=by_day) as house:
        lay(house, "feed.jsonl", feed([
            event(1, "payment", "1250.00", invoice_number="5001"),
            event(2, "administrative_fee", "50.00"),
            event(3, "financial_fee", "30.00"),
            event(4, "advance", "600.00"),
            event(5, "payout", "200.00"),
            event(6, "interest_paid", "12.50", invoice_number="5001"),
            event(7, "balance_change", "-40.00"),
            event(8, "write_off", "250.00", invoice_number="5002"),
            event(9, "recourse", "1000.00", invoice_number="5002"),
        ]))  # fmt: skip
        await settle(house)
        erp = house.erp()
        assert set(states(house)) == {"posted"}
        assert len(states(house)) == (2 if by_day == "true" else 9)
        assert erp.balance(CLEARING) == Decimal("1250.00") - 50 - 30 - 600 - 200 + Decimal("12.50") - 40 + 1000
        assert (erp.balance(6970), erp.balance(6975), erp.balance(7830)) == (50, 30, 250)
        assert (erp.balance(8050), erp.balance(2990)) == (Decimal("-12.50"), 40)
        assert erp.balance(1920) == 600 + 200 - 1000
        assert all(sum(line.amount for line in voucher.lines) == 0 for voucher in erp.vouchers.values())


async def test_a_dispute_and_an_end_are_told_and_book_nothing(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        lay(house, "feed.jsonl", feed([event(1, "dispute", invoice_number="5001"),
                                       event(2, "completed", invoice_number="5002")]))  # fmt: skip
        await settle(house)
        assert states(house) == []
        assert (house.told(5001)[-1].status, house.told(5002)[-1].status) == (3, 4)
        await settle(house)
        assert len(house.told(5001)) == 2, "told once"


async def test_what_does_not_fit_waits_with_its_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        right = kid(house, 5001)
        wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
        lay(house, "1.txt", ocr((50000, right), (100000, right), (125000, right), (1000, wrong), (1000, "123456785"),
                                (-1000, kid(house, 5002))))  # fmt: skip
        lay(house, "2.jsonl", feed([
            event(1, "write_off", "10.00", invoice_number="999999"),
            event(2, "direct_payment", "10.00", invoice_number="5002"),
            {**event(3, "advance", "10.00"), "currency": "EUR"},
            {**event(4, "advance", "10.00"), "client": "ukjent"},
        ]))  # fmt: skip
        await settle(house)
        assert [reason for _, reason in waiting(house)] == [
            "already_paid", "wrong_check_digit", "unknown_kid", "reversal", "unknown_invoice", "direct_payment",
            "foreign_currency", "unknown_client",
        ]  # fmt: skip
        assert states(house) == ["posted", "posted"], "part payment and over-payment are taken as they are"
        assert [row.note for row in items(house, "booked")] == ["", "overpaid by 250.00"]
        assert house.erp().balance(CLEARING) == Decimal("1500.00")


async def test_the_same_money_in_another_file_counts_once_and_a_broken_file_not_at_all(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        good = ocr((125000, kid(house, 5001)))
        lay(house, "a.txt", good)
        lay(house, "b.txt", good)
        lay(house, "broken.txt", good.replace(b"NY000089", b"NY000088"))
        lay(house, "half.txt.part", b"still being written")
        await settle(house)
        lay(house, "again.txt", ocr((125000, kid(house, 5001)), number=778))
        await settle(house)
        assert house.erp().balance(CLEARING) == Decimal("1250.00")
        quarantine = house.folder / "inbox" / "quarantine"
        assert sorted(path.name for path in quarantine.iterdir()) == ["broken.txt", "broken.txt.reason.txt"]
        assert (house.folder / "inbox" / "half.txt.part").exists()


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_an_answer_lost_after_posting_is_asked_about_and_nothing_is_posted_twice(
    tmp_path: Path, version: str
) -> None:
    async with books(tmp_path, version=version) as house:
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        house.erp().trouble.voucher_500_after_accept_next = 1
        await settle(house)
        house.turn(16)
        await house.job("follow_up")
        assert states(house) == ["posted"]
        assert len(house.erp().vouchers) == 1
        assert house.erp().balance(CLEARING) == Decimal("1250.00")


async def test_a_locked_day_moves_to_the_first_open_one_and_says_so(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        house.erp().lock_date = date(2026, 11, 30)
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        (voucher,) = house.erp().vouchers.values()
        assert voucher.on == date(2026, 12, 1)
        assert "gjelder 20.11.2026" in (voucher.description or "")
        (row,) = vouchers.of_client(house.house.db, client="nordlys")
        assert (row.state, row.date) == ("posted", date(2026, 12, 1))


async def test_an_account_closed_overnight_holds_everything_back_until_it_is_opened(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        await check_all_accounts(house.house, house.clients)
        house.erp().mend_account(CLEARING, active=False)
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        assert (states(house), len(house.erp().vouchers)) == (["ready"], 0)
        [line] = house.events("voucher.account_closed")
        assert line["fault"] == ["general 1510 is closed"]
        assert "1510 is closed" in said(house, "list")
        assert json.loads(said(house, "list", "--client", "nordlys", "--json"))["held_vouchers"][0]["vouchers"] == 1
        assert "nordlys: 1 bilag holdes igjen: general 1510 is closed" in house.command("report").stdout
        house.erp().mend_account(CLEARING, active=True)
        house.turn(8, 10, day=DAY + timedelta(days=1))
        await house.job("follow_up")
        assert states(house) == ["posted"]
        assert "No voucher is held back" in said(house, "list")


async def test_without_return_data_nothing_is_posted_and_the_status_still_follows(tmp_path: Path) -> None:
    async with books(tmp_path, RETURN_DATA="off") as house:
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        assert (states(house), len(house.erp().vouchers)) == ([], 0)
        assert [row.state for row in items(house, "told")] == ["told"]
        assert house.told(5001)[-1].status == 4


# --- commands -------------------------------------------------------------------------------------


def command(house: Flow, *words: str) -> Result:
    return house.command("settlement", *words)


def said(house: Flow, *words: str) -> Any:
    result = command(house, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_what_waits_is_listed_matched_and_booked(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        lay(house, "ocr.txt", ocr((125000, "123456785"), (200000, "123456785"), (100, "123456785")))
        await settle(house)
        one, two, three = [row["id"] for row in json.loads(said(house, "list", "--json"))["waiting"]]
        assert said(house, "list").count("unknown_kid") == 3
        said(house, "match", str(one), "nordlys/5001", "--note", "ringte betaleren")
        said(house, "ignore", str(three), "--note", "betalt tilbake")
        unbalanced = command(house, "match", str(two), "5001=1250", "5002=700,00", "--note", "x")
        assert (unbalanced.exit_code, "do not sum" in unbalanced.output) == (1, True)
        assert command(house, "match", str(two), "5001", "5002", "--note", "x").exit_code == 2
        said(house, "match", str(two), "5001=750", "5002=1250,00", "--note", "delt etter avtale")
        assert command(house, "match", str(two), "5001", "--note", "x").exit_code == 1, "decided already"
        assert command(house, "ignore", "99999", "--note", "x").exit_code == 1
        await settle(house)
        assert states(house) == ["posted"] * 3
        assert house.erp().balance(CLEARING) == Decimal("3250.00")
        assert "Nothing waits" in said(house, "list")


async def test_what_may_never_be_booked_by_hand_is_not(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        lay(house, "feed.jsonl", feed([event(1, "direct_payment", "10.00", invoice_number="5002"),
                                       {**event(2, "advance", "10.00"), "client": "ukjent"}]))  # fmt: skip
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001)), (-1000, kid(house, 5002))))
        await settle(house)
        rows = items(house, "waiting")
        assert len(rows) == 3
        for row in rows:
            result = command(house, "match", str(row.id), "5001", "--note", "x")
            assert result.exit_code == 1, result.output
        assert [row.state for row in items(house, "waiting")] == WAITING * 3


async def test_a_refused_voucher_goes_again_when_the_debtors_card_is_open(tmp_path: Path) -> None:
    async with books(tmp_path) as house:
        house.erp().mend_customer(10001, active=False)
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        assert states(house) == ["refused"]
        [voucher] = json.loads(said(house, "list", "--json"))["refused_vouchers"]
        assert "not active" in voucher["answer"]
        assert "not active" in said(house, "list")
        assert "nordlys: 1 bilag er avvist av regnskapssystemet" in house.command("report").stdout
        house.erp().mend_customer(10001, active=True)
        said(house, "retry", str(voucher["id"]))
        assert command(house, "retry", str(voucher["id"])).exit_code == 1
        house.turn(16)
        await house.job("follow_up")
        assert states(house) == ["posted"]


async def test_the_balance_is_compared_to_the_ore_and_the_statement_foots(tmp_path: Path) -> None:
    async with books(tmp_path, ACCOUNT_CLEARING="supplier:20200") as house:
        house.erp().accounts[2400] = Account(code=2400, name="Leverandørgjeld")
        house.erp().add_supplier(20200, "Eksempel Factoring AS")
        lay(house, "feed.jsonl", feed([event(1, "administrative_fee", "50.10"), event(2, "payout", "200.00")]))
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        on = ("--on", "2026-11-26")
        shown = await anyio.to_thread.run_sync(lambda: command(house, "balance", "nordlys", *on))
        assert (shown.exit_code, shown.output.count("999,90")) == (0, 2), shown.output
        (voucher, *_) = house.erp().vouchers.values()
        house.erp().reverse_voucher(voucher.id)
        shown = await anyio.to_thread.run_sync(lambda: command(house, "balance", "nordlys", *on))
        assert shown.exit_code == 1, shown.output
        out, pdf = tmp_path / "day.csv", tmp_path / "day.pdf"
        words = ("statement", "nordlys", "--on", "2026-11-25", "--out", str(out), "--pdf", str(pdf))
        await anyio.to_thread.run_sync(lambda: said(house, *words))
        lines = [line.split(";") for line in out.read_text(encoding="utf-8-sig").splitlines()]
        sums = {line[1]: line[3] for line in lines if line[1].startswith("Sum ")}
        assert sums["Sum Innbetaling"] == "1250,00"
        assert (sums["Sum Utbetaling"], sums["Sum Administrativt gebyr"]) == ("-200,00", "-50,10")
        assert sums["Sum Faktura"] == sums["Sum Levert"] == "2500,00"
        balance = {line[1]: line[3] for line in lines[-6:]}
        assert (balance["Inngående saldo"], balance["Endring"]) == ("0,00", "999,90")
        assert balance["Utgående saldo"] == "999,90"
        assert Decimal(balance["Differanse"].replace(",", ".")) != 0, "somebody has reversed a voucher"
        assert pdf.read_bytes().startswith(b"%PDF")
        written = house.folder / "statements" / "nordlys" / "2026-11-25"
        at_settlement = written.with_suffix(".csv").read_text(encoding="utf-8-sig")
        assert "Saldo i regnskapet;;999,90" in at_settlement
        assert written.with_suffix(".pdf").exists()
        assert command(house, "statement", "nordlys", "--out", "day.doc").exit_code == 2
        assert command(house, "statement", "nordlys").exit_code == 2


async def test_a_payment_on_the_wrong_invoice_is_reversed_and_booked_on_the_right_one(tmp_path: Path) -> None:
    async with books(tmp_path, version="v2") as house:
        lay(house, "ocr.txt", ocr((125000, kid(house, 5001))))
        await settle(house)
        [voucher] = vouchers.of_client(house.house.db, client="nordlys")
        words = ("correct", str(voucher.id), "--to", "5002", "--note", "betaleren mente 5002")
        assert (
            await threaded(house, "correct", str(voucher.id), "--again", "--to", "5002", "--note", "x")
        ).exit_code == 2
        for _ in range(2):
            result = await threaded(house, *words)
            assert (result.exit_code, "is reversed" in result.output) == (0, True), result.output
        assert still_owed(house) == {"5001": Decimal(1250), "5002": Decimal(1250)}
        await settle(house, day=DAY + timedelta(days=1))
        assert states(house) == ["reversed", "posted", "posted"]
        assert still_owed(house) == {"5001": Decimal(1250)}
        assert house.erp().balance(CLEARING) == Decimal("1250.00")
        assert sum(voucher.is_reversed for voucher in house.erp().vouchers.values()) == 1
        assert [(call.status, call.comment) for call in house.told(5001)][-2:] == [
            (4, "Betalt i sin helhet."), (5, "Rettet: fakturaen er ikke gjort opp."),
        ]  # fmt: skip
        assert house.told(5002)[-1].status == 4


async def threaded(house: Flow, *words: str) -> Result:
    return await house.threaded("settlement", *words)


async def test_from_the_banks_server_with_accounts_that_must_first_be_opened_and_a_payment_gone_astray(
    tmp_path: Path,
) -> None:
    async with flow(tmp_path / "keys") as bank:
        told = bank.sandbox
        key = {"HOST": told.sftp_address[0], "PORT": str(told.sftp_address[1]), "USER": told.sftp_user,
               "KEY_PATH": str(told.sftp_client_key_path), "HOST_KEY": told.sftp_host_key}  # fmt: skip
        (told.print_folder / "bank").mkdir()
        worker = {f"INBOX_SFTP_{name}": value for name, value in key.items()}
        worker |= {"INBOX": "sftp", "INBOX_SFTP_FOLDER": "bank", "INBOX_SFTP_QUIET_SECONDS": "0"}
        async with books(tmp_path / "house", worker=worker) as house:
            house.erp().mend_account(6975, active=False)
            (told.print_folder / "bank" / "ocr.txt").write_bytes(ocr((125000, kid(house, 5001))))
            gone = event(1, "direct_payment", "1250.00", invoice_number="5002")
            (told.print_folder / "bank" / "feed.jsonl").write_bytes(feed([gone]))
            shown = await threaded(house, "accounts")
            assert (shown.exit_code, "ACCOUNT_FINANCIAL_FEES: general account 6975 is closed" in shown.output) == (
                1,
                True,
            )
            await settle(house)
            assert (states(house), house.events("accounts.faulty")[-1]["level"]) == (["ready"], "error")
            seen = house.command("status", columns=300)
            assert "NO VOUCHERS ARE POSTED: ACCOUNT_FINANCIAL_FEES" in seen.output
            house.erp().mend_account(6975, active=True)
            house.turn(16)
            await house.job("follow_up")
            assert states(house) == ["posted"]
            assert (await threaded(house, "accounts")).exit_code == 0
            assert sorted(path.name for path in (told.print_folder / "bank").iterdir()) == ["feed.jsonl", "ocr.txt"]
            [waits] = settlement.waiting(house.house.db)
            notice = said(house, "notice", str(waits.id))
            own = kid(house, 5002)
            for words in (
                "faktura 5002",
                "1\u00a0250,00\u00a0kr",
                "20. november 2026",
                "8601.11.17947",
                own,
                "Nordlys",
            ):
                assert words in notice, (words, notice)
            written = house.folder / "statements" / "nordlys" / "2026-11-25.csv"
            assert f"Overføres til konto 8601.11.17947, KID {own}" in written.read_text(encoding="utf-8-sig")
