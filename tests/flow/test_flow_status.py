"""`status` at five to eight and later: is a worker alive, what was due and not run, what waits for a person."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import Flow, client_plan, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction

pytestmark = pytest.mark.anyio

MISSING_ADDRESS: dict[str, Any] = {"address1": "", "zip": "", "city": ""}


def top(house: Flow, *words: str) -> list[str]:
    result = house.command("status", *words)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[:3]


def told(house: Flow, *words: str) -> Any:
    return json.loads(house.command("status", "--json", *words).stdout)


async def test_the_first_three_lines_through_a_day(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik")) as house:
        house.turn(7, 55)
        assert top(house) == [
            "worker: NO SIGN of one yet",
            "today: nothing has been due yet",
            "waits for a person: parked 0, payments and events 0, refused vouchers 0, bounces 0, receipts 0",
        ]
        assert told(house)["worker"] == {"alive": False, "seen_at": None, "expected": True}

        house.turn(8, 20)
        assert top(house)[1] == (
            "today: NOT RUN: intake 08:00 for fjordvik, nordlys (still in time);"
            " fallback 08:00 for fjordvik, nordlys (still in time)"
        )
        assert top(house, "--client", "nordlys")[1].count("nordlys") == 2
        assert "fjordvik" not in top(house, "--client", "nordlys")[1]
        first = told(house)["today"]["not_run"][0]
        assert (first["client"], first["job"], first["in_time"]) == ("fjordvik", "intake", True)

        assert house.command("client", "pause", "fjordvik", "--note", "flytter", "--by", "siri").exit_code == 0
        assert "fjordvik" not in top(house)[1], "a paused client's slots are not waited for"

        house.card(person(10002, "Ingen Gateadresse"), **MISSING_ADDRESS)
        house.invoice(5002, person(10002, "Ingen Gateadresse"), card=False)
        await house.at(8, 20)
        inbox = house.folder / "inbox"
        inbox.mkdir()
        (inbox / "ocr.txt").write_bytes(OcrFile([OcrAssignment([OcrTransaction(1000, "123456785")])]).render())
        await house.job("settlement")
        assert top(house) == [
            "worker: alive, last heard of 25.11.2026 08:20",
            "today: everything that was due has been run",
            "waits for a person: parked 1, payments and events 1, refused vouchers 0, bounces 0, receipts 0",
        ]
        assert told(house)["waiting"]["parked"] == 1
        assert told(house, "--client", "fjordvik")["waiting"] == {
            "parked": 0, "payments_and_events": 1, "refused_vouchers": 0, "bounces": 0, "receipts": 0,
        }, "a payment that is nobody's yet may be its"  # fmt: skip

        house.turn(17, 30)
        assert top(house)[0] == "worker: NO SIGN of one since 25.11.2026 08:20"
        left = [(one["job"], one["slot"][11:16], one["in_time"]) for one in told(house)["today"]["not_run"]]
        assert ("intake", "10:30", False) in left and ("postback", "15:30", True) in left


async def test_on_a_closed_day_nothing_is_due_and_a_silent_worker_may_be_alive(house: Flow) -> None:
    await house.at(17, 0)
    house.turn(9, day=date(2026, 12, 24))
    assert top(house)[1] == "today: not a bank day, nothing is due"
    assert told(house)["today"] == {"bank_day": False, "not_run": []}
    house.turn(7, 55, day=date(2026, 11, 26))
    assert top(house)[0].startswith("worker: no sign of one since 25.11.2026 17:00, and nothing was due since")
    house.turn(9, day=date(2026, 11, 26))
    assert top(house)[0] == "worker: NO SIGN of one since 25.11.2026 17:00"


async def test_the_oldest_undelivered_leaves_out_what_is_parked(house: Flow) -> None:
    house.card(person(10002, "Ingen Gateadresse"), **MISSING_ADDRESS)
    house.invoice(5002, person(10002, "Ingen Gateadresse"), card=False)
    await house.at(8)
    assert told(house)["clients"][0]["oldest_undelivered"] is None
    house.invoice(5003, person(10003, "Treg Postkasse", "treg+greylisted@privat.example"))
    await house.at(10, 30)
    assert told(house)["clients"][0]["oldest_undelivered"].startswith("2026-11-25T09:30")
