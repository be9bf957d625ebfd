"""Letters through the house: a slot's as one batch, receipts read back, mail that comes back, and a person's part."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from tests.support.flow import DAY, Flow, flow, person
from worker.model.channel import Channel
from worker.model.party import PostalAddress
from worker.routing import resend_address
from worker.store import resending
from worker.wiring import routing_rules

pytestmark = pytest.mark.anyio

NEXT = DAY + timedelta(days=1)
STREETS = {5001: "Bjørkeveien 7", 5002: "Avvistveien 7", 5003: "Returveien 7", 5004: "Tausveien 7"}


def letters_for(house: Flow, *numbers: int) -> None:
    for number in numbers:
        street = PostalAddress(STREETS[number], "", "0487", "OSLO")
        debtor = person(number, "Per Åsen", "")
        house.invoice(number, type(debtor)(debtor.code, debtor.name, address=street))


def batches(house: Flow) -> list[list[str]]:
    """The invoices of each batch, waiting or fetched."""
    paths = [*house.sandbox.print_folder.glob("*.json"), *house.sandbox.print_folder.glob("fetched/*.json")]
    found: list[dict[str, Any]] = [json.loads(path.read_bytes()) for path in sorted(paths)]
    return sorted([job["invoice_number"] for job in document["jobs"]] for document in found)


def resend(house: Flow, number: int, address: str) -> None:
    (client,) = house.clients
    row = house.story(number).invoice
    today = house.clock.now().date()
    to = resend_address(Channel.LETTER, row, routing_rules(client), given=address, earlier=[], today=today)
    resending.resend(
        house.house.db, row.id, channel=Channel.LETTER, address=to, reason="ny adresse", by="kari",
        now=house.clock.now(),
    )  # fmt: skip


def command(house: Flow, *words: str) -> str:
    done = house.command(*words)
    assert done.exit_code == 0, done.output
    return done.output


async def test_a_slots_letters_from_the_batch_to_the_receipts(tmp_path: Path) -> None:
    async with flow(tmp_path, settings={"LETTER_BATCH": "slot", "LETTER_POST_CLASS": "a"}) as house:
        letters_for(house, *STREETS)
        await house.at(8)
        assert batches(house) == [["5001", "5002", "5003", "5004"]]
        assert {state for number in STREETS for _, state in house.deliveries(number)} == {"handed_over"}
        assert house.events("delivery.batch_handed_over")[0]["count"] == 4
        shop = house.sandbox.print_shop
        assert len(shop.work()) == 2
        shop.say("other", [shop.receipt("nordlys-999-1-5f0c1f0e", "returned", reason="flyttet")])
        (house.sandbox.print_folder / "receipts/broken.json").write_bytes(b"\x00<html>")

        await house.at(8, 10)
        assert {number: house.deliveries(number)[-1][1] for number in STREETS} == {
            5001: "confirmed", 5002: "refused", 5003: "confirmed", 5004: "handed_over"
        }  # fmt: skip
        assert house.state(5002) == "parked: no_channel_left"
        assert "utenfor vinduet" in (house.story(5002).invoice.parked_detail or "")
        told = [event.event for event in house.story(5001).events if event.event.startswith("letter_")]
        assert told == ["letter_received", "letter_printed", "letter_posted"]
        (alarm,) = house.events("receipts.file_refused")
        assert (alarm["level"], alarm["fault"]) == ("error", ["line 1: not JSON"])
        assert house.events("receipts.read", outcome="waiting")[0]["reason"] == "unknown_job"
        lying = {path.name: path for path in (house.sandbox.print_folder / "receipts").rglob("*") if path.is_file()}
        assert {path.parent.name for path in lying.values()} == {"done", "refused"}
        assert "broken.json.reason.txt" in lying

        await house.at(15, 30)
        assert (house.told(5001)[-1].comment or "").endswith("Levert til Posten.")
        shop.work()
        await house.at(8, day=NEXT)
        assert house.state(5003) == "parked: letter_returned"
        assert house.story(5003).invoice.parked_detail == "adressaten er ukjent på adressen"
        await house.at(15, 30, day=NEXT)
        erp = house.erp()
        text = next(row.status_text for row in erp.invoices.values() if str(row.number) == "5003")
        assert text == "Brevet kom i retur 25.11.2026: adressaten er ukjent på adressen."
        assert house.state(5003) == "parked: letter_returned", "it waits for a person all the same"

        assert "unknown_job" in command(house, "receipts", "list")
        assert "kvitteringer fra trykkeriet som ingen kan plassere (`receipts list`)" in house.command("report").stdout
        rows = json.loads(command(house, "receipts", "list", "--json"))
        stranger, broken = (
            next(row["id"] for row in rows if row["reason"] == why) for why in ("unknown_job", "unreadable")
        )
        assert "confirmed" in command(house, "receipts", "match", str(stranger), "nordlys/5004", "--note", "ringt")
        assert house.state(5004) == "parked: letter_returned"
        command(house, "receipts", "ignore", str(broken))
        assert "Nothing waits" in command(house, "receipts", "list")
        resend(house, 5003, "Per Åsen; Nyveien 2 ;0155 OSLO")
        await house.at(15, 40, day=NEXT)
        assert house.deliveries(5003) == [("letter", "confirmed"), ("letter", "handed_over")]
        assert batches(house) == [["5001", "5002", "5003", "5004"], ["5003"]]
        (path,) = house.sandbox.print_folder.glob("*.json")
        (job,) = json.loads(path.read_bytes())["jobs"]
        assert job["address_lines"] == ["Per Åsen", "Nyveien 2", "0155 OSLO"]
        pages = PdfReader(house.sandbox.print_folder / job["file"]).pages
        assert len(pages) == job["pages"] == (house.story(5003).invoice.pdf_pages or 0) + 1
        assert "Nyveien 2" in pages[0].extract_text()
        assert "Vedlagt: Faktura 5003 fra Nordlys Bakeri AS" in pages[0].extract_text()
        assert "Returveien 7" in pages[1].extract_text(), "the invoice behind it is as it was"
        assert all("veien" not in str(line) for line in house.log()), "no address in the log"


async def test_a_batch_cut_anywhere_goes_once(tmp_path: Path) -> None:
    async with flow(tmp_path, settings={"LETTER_BATCH": "slot"}) as house:
        letters_for(house, 5001, 5003)
        house.world.print_house.cut_after_rename_next = 3  # the line is cut at each PDF, then at the manifest
        await house.at(8)
        for minute in (10, 20, 30):
            await house.at(8, minute)
        assert [house.deliveries(number) for number in (5001, 5003)] == [[("letter", "handed_over")]] * 2
        assert batches(house) == [["5001", "5003"]]
        acts = [(row.act, row.outcome) for row in house.story(5001).attempts]
        assert acts[-2:] == [("send", "unknown"), ("ask", "accepted")]


async def test_a_letter_the_print_house_never_speaks_of_is_not_forgotten(tmp_path: Path) -> None:
    async with flow(tmp_path) as house:
        letters_for(house, 5001, 5004)
        await house.at(8)
        house.sandbox.print_shop.work()
        await house.at(15, 30)
        assert [house.deliveries(number)[-1][1] for number in (5001, 5004)] == ["confirmed", "handed_over"]
        for days, listed in ((5, []), (6, [house.id_of(5004)])):
            house.turn(16, day=DAY + timedelta(days=days))  # Monday is the third bank day, Tuesday the fourth
            await house.job("report")
            told = house.events("completeness.unexplained", reason="letter_not_confirmed")
            assert [line["invoice"] for line in told] == listed
