"""Somebody rings and asks about one invoice: where it went, what is paid, what is left, and what is to be done."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import RETURN_DATA, Flow, client_plan, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction
from worker.ops import Clients
from worker.ops.desk import Desk
from worker.sandbox.records import Account

pytestmark = pytest.mark.anyio

LATER = date(2026, 11, 30)


def shown(house: Flow, reference: str) -> str:
    """`invoice show`, its lines without borders and with single spaces."""
    result = house.command("invoice", "show", reference)
    assert result.exit_code == 0, result.output
    plain = result.stdout.replace("\u00a0", " ").replace("│", " ")
    return "\n".join(" ".join(line.split()) for line in plain.splitlines())


def page(house: Flow, number: int) -> dict[str, Any]:
    """What the operations page is given to say."""
    return Desk(db=house.house.db, clock=house.clock, clients=lambda: Clients([], [], []), jobs=[]).story(
        house.id_of(number)
    )


async def pay(house: Flow, minor: int, number: int) -> None:
    inbox = house.folder / "inbox"
    inbox.mkdir(exist_ok=True)
    paid = OcrTransaction(minor, house.story(number).invoice.kid or "", reference=number, settled=LATER)
    (inbox / f"{number}-{minor}.txt").write_bytes(OcrFile([OcrAssignment([paid])], number=minor % 1000).render())
    await house.job("settlement")


async def test_where_it_went_and_what_is_left_to_pay(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(**RETURN_DATA)) as house:
        for code in (1510, 6970, 6975, 2990, 8050):
            house.erp().accounts[code] = Account(code=code, name=f"Konto {code}")
        house.invoice(5001, person())
        await house.at(8)
        await house.at(15, 30)
        told = shown(house, "5001")
        assert "left to pay 1 250,00 kr (no payment is matched to it)" in told
        assert "on now e-mail with link: handed_over 25.11.2026 08:00, to kari.ostby@privat.example" in told

        await house.at(8, day=LATER)
        await pay(house, 50000, 5001)
        told = shown(house, "5001")
        assert "first choice e-mail with link: no EHF; has an e-mail address, and the client has chosen e-mail" in told
        assert "on now letter: handed_over 30.11.2026 08:00, to Kari Østby, Bjørkeveien 7, 0487 OSLO" in told
        assert "to kari.ostby@privat.example" in told, "each delivery's own address"
        assert "left to pay 750,00 kr\n" in told
        assert "30.11.2026 payment 500,00 kr 750,00 kr" in told
        (payment,) = json.loads(house.command("invoice", "show", "5001", "--json").stdout)["payments"]
        assert (payment["amount_minor"], payment["left_minor"], payment["state"]) == (50000, 75000, "booked")
        assert payment["voucher"].endswith("in the ERP")
        story = page(house, 5001)
        assert dict(story["facts"])["left to pay"].replace("\u00a0", " ") == "750,00 kr"
        assert [one.voucher for one in story["paid"]] == [payment["voucher"]]

        await pay(house, 75000, 5001)
        assert "left to pay nothing: it is paid\n" in shown(house, "5001")
        house.invoice(5002, person(), credits=5001, price="200.00")
        await house.at(10, 30, day=LATER)
        assert "it is paid; credited by credit note 5002 (250,00 kr)" in shown(house, "5001")
        assert "left to pay" not in shown(house, "5002")


async def test_a_parked_one_says_who_mends_it_how_and_what_to_type(tmp_path: Path) -> None:
    async with flow(tmp_path) as house:
        house.invoice(5001, person())
        house.erp().mend_customer(10001, address1="")
        house.invoice(5002, person(10002, "Berit Brudd", "berit+drop-unkept@privat.example"))
        await house.at(8)
        told = shown(house, "5001")
        assert "the client completes the postal address (postadresse) on the customer card" in told
        assert "goes on by itself when mended" in told
        assert told.count("not stamped yet") == 2 and "first choice not chosen yet" in told
        unknown = shown(house, "5002")
        assert "what to do for the factor\nfind out by hand" in unknown
        assert "then: retry id:2 --arrived | --never-arrived\n" in unknown
        for number in (5001, 5002):
            advice = page(house, number)["advice"]
            assert advice["goes_on"] in shown(house, str(number))
        listed = house.command("parked").stdout
        assert "retry id:2 --arrived | --never-arrived" in " ".join(listed.split())
        assert house.command("hold", "5001", "--note", "x", "--by", "y").exit_code == 1
        assert house.command("retry", "id:2", "--never-arrived").exit_code == 0
        assert house.command("hold", "id:2", "--note", "x", "--by", "y").exit_code == 0
        assert "then: release id:2 --note WHY" in shown(house, "5002")
