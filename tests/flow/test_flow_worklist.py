"""A person takes an invoice out of the worker's hands, gives it back, and asks for everything about it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from tests.support.flow import Flow, person

pytestmark = pytest.mark.anyio

NOTE = ("--note", "ringt oss, bestrider kravet", "--by", "Åse ved pulten")


def command(house: Flow, *words: str) -> Result:
    return house.command(*words)


async def test_what_fits_several_invoices_is_refused_with_the_list(house: Flow) -> None:
    house.invoice(3, person(email=""))
    house.invoice(5002, person(10002, "Ingeborg Rødseth", ""))
    house.invoice(5003, person(10003, "Torfinn Hauglie", ""))
    await house.at(8)
    numbered, meant = house.id_of(3), house.id_of(5003)
    assert (numbered, meant) == (1, 3), "the id of one is another's number"
    guessed = command(house, "withdraw", "3", *NOTE)
    assert guessed.exit_code == 1
    for line in ("id:1  invoice 3 of nordlys", "id:3  invoice 5003 of nordlys", "CLIENT/NUMBER"):
        assert line in guessed.stderr, line
    assert (house.state(3), house.state(5003)) == ("delivered", "delivered")
    for reference in ("id:3", "nordlys/5003", "5003"):
        assert f'"id": {meant},' in command(house, "invoice", "show", reference, "--json").stdout
    assert command(house, "withdraw", "nordlys/3", *NOTE).exit_code == 0
    assert (house.state(3), house.state(5003)) == ("withdrawn", "delivered")
    assert command(house, "withdraw", "id:99", *NOTE).exit_code == 1


async def test_held_nothing_goes_and_released_it_goes_on(house: Flow) -> None:
    house.invoice(5001, person(email=""))
    house.turn(8)
    await house.job("intake")
    assert house.state(5001) == "delivered"
    held = command(house, "hold", "nordlys/5001", *NOTE)
    assert held.exit_code == 0
    assert held.stdout.startswith("invoice 5001 of nordlys (id 1, debtor 10001, Kari Østby) is held")
    assert "`factoring-worker release id:1 --note WHY`" in held.stdout
    assert house.state(5001) == "parked: held"
    assert "Åse ved pulten: ringt oss" in (house.story(5001).invoice.parked_detail or "")
    await house.at(15, 30)
    assert house.told(5001) == []

    again, wrong = command(house, "hold", "nordlys/5001", *NOTE), command(house, "retry", "nordlys/5001")
    assert (again.exit_code, wrong.exit_code) == (1, 1)
    assert "parked already (held)" in again.stderr and "`release` lets it go on" in wrong.stderr
    assert command(house, "hold", "nordlys/5001", "--note", "  ").exit_code == 2

    released = command(house, "release", "nordlys/5001", *NOTE)
    assert released.exit_code == 0 and "(id 1, debtor 10001, Kari Østby) goes on as delivered" in released.stdout
    await house.job("postback")
    assert len(house.told(5001)) == 1
    assert command(house, "release", "nordlys/5001", *NOTE).exit_code == 1


async def test_withdrawn_its_link_is_closed_and_no_letter_follows(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    link, _ = house.link_and_code("5001")
    done = command(house, "withdraw", "nordlys/5001", *NOTE)
    assert done.exit_code == 0
    assert "invoice 5001 of nordlys (id 1, debtor 10001, Kari Østby) is withdrawn. Tell ERP and debtor" in done.stdout
    assert house.state(5001) == "withdrawn"
    async with house.portal(), httpx.AsyncClient() as debtor:
        page = await debtor.get(link)
        assert "5001" not in page.text
    await house.at(15, 30)
    await house.at(8, day=date(2026, 11, 30))  # a link that was not withdrawn becomes a letter now
    assert house.letters() == [] and house.told(5001) == []
    assert command(house, "withdraw", "nordlys/5001", *NOTE).exit_code == 1
    assert command(house, "hold", "nordlys/5001", *NOTE).exit_code == 1


async def test_withdrawn_before_it_is_sent_the_waiting_delivery_is_stopped(house: Flow) -> None:
    house.invoice(5001, person(10001, "Treg Port", "treg+greylisted@privat.example"))
    await house.at(8)
    assert house.deliveries(5001) == [("email_link", "ready")]
    done = command(house, "withdraw", "nordlys/5001", *NOTE)
    assert "1 waiting deliveries stopped" in done.stdout
    assert house.deliveries(5001) == [("email_link", "stopped")]
    house.clock.turn(house.clock.now() + timedelta(minutes=30))
    await house.job("follow_up")
    assert house.mails("5001") == []


async def test_evidence_holds_everything_and_can_be_checked_without_the_program(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person())
    await house.at(8)
    link, code = house.link_and_code("5001")
    async with house.portal(), httpx.AsyncClient(follow_redirects=True) as debtor:
        await debtor.get(link)
        await debtor.post(link, data={"code": code})
    await house.at(15, 30)
    out = tmp_path / "bevis.zip"
    told = command(house, "evidence", "nordlys/5001", "--out", str(out))
    assert told.exit_code == 0, told.output
    files = contents(out.read_bytes())
    assert sorted(files) == [
        "README.txt", "SHA256SUMS", "delivered/faktura-5001.pdf", "opened.json", "original.xml", "receipts.json",
        "settlement.json", "stamped.xml", "story.json",
    ]  # fmt: skip
    for line in files["SHA256SUMS"].decode().splitlines():
        sha256, _, name = line.partition("  ")
        assert hashlib.sha256(files[name]).hexdigest() == sha256
    story = json.loads(files["story.json"])
    assert story["chain"] == "every line is as it was written"
    assert recomputed(story) == story["events"][-1]["hash"]
    assert json.loads(files["opened.json"])[0]["opened_at"]
    for secret in (code, link.rpartition("/")[2]):
        assert not any(secret.encode() in content for content in files.values())
    assert out.stat().st_mode & 0o077 == 0
    assert command(house, "evidence", "nordlys/4711").exit_code == 1


async def test_evidence_of_what_has_hardly_begun_says_what_is_missing(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person())
    house.card(person(10002))
    house.erp().mend_customer(10001, address1="")
    await house.at(8)
    out = tmp_path / "bevis.zip"
    told = command(house, "evidence", "nordlys/5001", "--out", str(out))
    assert told.exit_code == 0
    files = contents(out.read_bytes())
    assert "original.xml" in files and "stamped.xml" not in files
    assert b"the document as stamped: the invoice has not come so far" in files["README.txt"]


def contents(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def recomputed(story: dict[str, Any]) -> str:
    """The last hash, by what README.txt in the zip says and nothing of the program's."""

    def sha256(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    invoice = story["invoice"]
    last = sha256([invoice["client"], invoice["erp"], invoice["erp_id"]])
    for line in story["events"]:
        at = datetime.fromisoformat(line["at"]).isoformat(timespec="microseconds")
        assert re.fullmatch(r".*\+00:00", at)
        fields = [last, line["sequence"], at, line["event"], line["delivery_id"], line["from_state"], line["to_state"]]
        last = sha256([*fields, sha256(line["detail"])])
    return last
