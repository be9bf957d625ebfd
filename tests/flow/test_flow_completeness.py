"""ERP, ledger folder and store after a day, and after somebody has put a hand into each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.support.flow import DAY, Flow, client_plan, flow, person

pytestmark = pytest.mark.anyio


async def command(house: Flow, *words: str) -> Result:
    return await house.threaded("completeness", *words)


async def report(house: Flow) -> Result:
    return await house.threaded("report")


async def found(house: Flow, *words: str) -> tuple[int, dict[str, tuple[str, bool]]]:
    """Exit code, and what is said of each number."""
    result = await command(house, "--json", *words)
    told: dict[str, Any] = json.loads(result.stdout)["nordlys"]
    return result.exit_code, {one["number"]: (one["lack"], one["explained"]) for one in told["findings"]}


def claim(house: Flow, number: int) -> Path:
    (path,) = (house.folder / "registered" / "nordlys").glob(f"{number}-*.json")
    return path


async def test_whatever_is_not_in_all_three_alike_is_listed(house: Flow, tmp_path: Path) -> None:
    ids = {number: house.invoice(number, person()) for number in (5001, 5002, 5003, 5005, 5006)}
    house.invoice(5007, person(10009, "Ingen Gate"))
    house.erp().mend_customer(10009, address1="")
    await house.at(8)
    house.turn(11)
    late = house.invoice(5008, person())
    await house.at(15, 30)
    house.turn(15, 40)
    assert await found(house) == (
        0,
        {"5004": ("missing_number", True), "5007": ("parked", True), "5008": ("not_fetched", True)},
    )

    erp = house.erp()
    settled = erp.invoices[ids[5001]]
    erp.invoices.settle(ids[5001], replace(settled, delivered=False, status=1))
    erp.invoices.settle(ids[5002], replace(erp.invoices[ids[5002]], total=Decimal("1250.01")))
    erp.deliver(house.invoice(5009, person()), kid=None, comment="by another worker", file_name=None, content=None)
    text = claim(house, 5003).read_text(encoding="utf-8")
    claim(house, 5003).write_text(text.replace(house.story(5003).invoice.kid or "?", "0000"), encoding="utf-8")
    claim(house, 5005).rename(tmp_path / "taken-by-the-factors-system.json")
    claim(house, 5006).write_text("{", encoding="utf-8")
    stray = text.replace("5003", "4711")
    (house.folder / "registered" / "nordlys" / "4711-x.json").write_text(stray, encoding="utf-8")
    # Two bank days later nobody has fetched what was made after that intake.
    house.turn(16, day=DAY + timedelta(days=2))
    code, said = await found(house, "--client", "nordlys")
    assert code == 1
    said.pop("4711")
    assert said == {
        "5001": ("erp_says_undelivered", False),
        "5002": ("erp_differs", False),
        "5003": ("claim_differs", False),
        "5006": ("claim_unreadable", False),
        "5007": ("parked", True),
        "5008": ("not_fetched", False),
        "5009": ("delivered_without_us", False),
        "5004": ("missing_number", True),
    }
    shown = await command(house)
    assert shown.exit_code == 1
    for words in ("7 unexplained", "claim_without_invoice", "parked: missing_postal_address", "than we have (KID in"):
        assert words in shown.stdout, shown.stdout
    assert "(a hint): " in shown.stdout
    kid = house.story(5003).invoice.kid or "?"
    assert kid not in shown.stdout

    await house.job("report")
    told = {line["reason"]: line.get("invoice") for line in house.events("completeness.unexplained")}
    assert told["claim_differs"] == house.id_of(5003)
    assert told["not_fetched"] is None
    assert [line["erp_id"] for line in house.events("completeness.unexplained", reason="not_fetched")] == [late]


async def test_clients_that_cannot_be_checked_are_named_and_leave_something_unexplained(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik")) as house:
        for client in house.plans:
            house.invoice(5001, person(), client=client)
        await house.at(8)
        assert (await command(house)).exit_code == 0
        files = {name: house.settings_path.parent / "clients" / f"{name}.env" for name in house.plans}
        files["fjordvik"].write_text("CLIENT_NAME='Fjordvik'\n", encoding="utf-8")
        shown = await command(house)
        assert (shown.exit_code, "0 unexplained" in shown.stdout) == (1, True), "the other one is checked"
        assert "not checked: its file cannot be used, 1 invoice not done; `factoring-worker settings`" in shown.stdout
        assert (await command(house, "--client", "nordlys")).exit_code == 0
        only = await command(house, "--client", "fjordvik", "--json")
        (told,) = json.loads(only.stdout).values()
        assert (only.exit_code, told["finished"], told["findings"]) == (1, False, [])
        assert told["not_checked"] == {"why": "file_unusable", "not_done": 1}
        assert "fjordvik: ikke kontrollert. Filen kan ikke brukes, og 1 faktura" in (await report(house)).stdout

        for file in files.values():
            file.unlink()
        shown = await command(house)
        assert shown.exit_code == 1
        assert shown.stdout.count("not checked: its file is gone, 1 invoice not done; put it back") == 2
        assert "nordlys: ikke kontrollert. Filen er borte, og 1 faktura" in (await report(house)).stdout
        assert (await command(house, "--client", "nobody")).exit_code == 2
        for client in house.plans:
            assert house.command("withdraw", f"{client}/5001", "--note", "for hånd", "--by", "ola").exit_code == 0
        assert (await command(house)).exit_code == 2, "an ended client with nothing left is no client"


async def test_an_erp_that_does_not_answer_explains_nothing(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    house.sandbox.world.clients[house.plans["nordlys"].key].trouble.list_refused_next = 2
    summary = await house.job("report")
    assert summary["trouble"] == 1
    (line,) = house.events("completeness.not_finished", level="error")
    assert line["outcome"] == "refused"
    assert house.events("completeness.checked", level="warning")
    assert not house.events("completeness.unexplained"), "what could not be read proves nothing"
