"""The commands operations people use, against a day that has gone partly wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from typer.testing import CliRunner, Result

from tests.support.flow import Flow, client_plan, flow, person
from worker.cli import app

pytestmark = pytest.mark.anyio

BERIT = person(10001, "Berit Brudd", "berit+drop-unkept@privat.example")


def command(house: Flow, *words: str) -> Result:
    return house.command(*words)


def answer(house: Flow, *words: str) -> Any:
    result = command(house, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
async def morning(tmp_path: Path) -> Any:
    """Eight o'clock: 1 delivered, 2 perhaps mailed, 3 without an address."""
    async with flow(tmp_path) as house:
        house.invoice(5001, person(10002, "Kari Østby"))
        house.invoice(5002, BERIT)
        house.invoice(5003, person(10003, "Ingen Gate"))
        house.erp().mend_customer(10003, address1="")
        await house.at(8)
        yield house


async def test_status_says_where_everything_is(morning: Flow) -> None:
    shown = command(morning, "status")
    assert shown.exit_code == 0
    for words in ("nordlys", "1 delivered, 2 parked", "1 missing_postal_address, 1 sent_unknown", "last intake"):
        assert words in shown.stdout
    told = answer(morning, "status")
    (client,) = told["clients"]
    assert client["states"] == {"delivered": 1, "parked": 2}
    assert client["parked"] == {"missing_postal_address": 1, "sent_unknown": 1}
    assert {run["job"]: run["state"] for run in told["runs"]["nordlys"]} == {"intake": "done", "fallback": "done"}
    assert told["broken_settings"] == []


async def test_parked_is_the_worklist(morning: Flow) -> None:
    shown = command(morning, "parked")
    assert shown.exit_code == 0
    for words in ("5002", "sent_unknown", "5003", "missing_postal_address", "itself"):
        assert words in shown.stdout
    rows = answer(morning, "parked")
    assert [(row["number"], row["parked_reason"]) for row in rows] == [
        ("5002", "sent_unknown"), ("5003", "missing_postal_address"),
    ]  # fmt: skip


COMMANDS_ABOUT_A_CLIENT = (("status",), ("parked",), ("settlement", "list"), ("audit", "verify"), ("completeness",))


async def test_a_client_that_is_not_there_is_told_and_one_whose_file_is_gone_is_not_forgotten(morning: Flow) -> None:
    for words in COMMANDS_ABOUT_A_CLIENT:
        wrong = command(morning, *words, "--client", "nobody")
        assert wrong.exit_code == 2, words
        assert wrong.stderr.strip() == "no such client; usable clients: nordlys", words
        assert wrong.stdout == ""
    (morning.folder / "config" / "clients" / "nordlys.env").unlink()
    for words in COMMANDS_ABOUT_A_CLIENT[:-1]:
        assert command(morning, *words, "--client", "nordlys").exit_code == 0, words
    assert [row["number"] for row in answer(morning, "parked", "--client", "nordlys")] == ["5002", "5003"]


async def test_a_client_whose_file_is_broken_is_there(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik", KID_LAYOUT="nonsense")) as house:
        told = answer(house, "status", "--client", "fjordvik")
        assert told["clients"] == [] and "fjordvik.env" in told["broken_settings"][0]
        assert answer(house, "parked", "--client", "fjordvik") == []


@pytest.mark.parametrize("by", ["id", "client/number", "number", "kid", "erp id"])
async def test_an_invoice_is_shown_by_any_name_it_has(morning: Flow, by: str) -> None:
    row = morning.story(5001).invoice
    name = {
        "id": str(row.id), "client/number": "nordlys/5001", "number": "5001", "kid": row.kid or "", "erp id": row.erp_id
    }[by]  # fmt: skip
    shown = command(morning, "invoice", "show", name)
    assert shown.exit_code == 0
    for words in ("Kari Østby", row.kid or "-", "e-mail with link", "accepted", "stamping_done", "EHF"):
        assert words in shown.stdout
    story = answer(morning, "invoice", "show", name)
    assert story["invoice"]["id"] == row.id
    assert story["invoice"]["payable_minor"] == 125_000
    assert [delivery["state"] for delivery in story["deliveries"]] == ["handed_over"]
    assert story["decisions"][0]["considered"][0] == ["ehf", "a private person"]


async def test_on_a_narrow_terminal_a_list_is_a_block_a_row_and_no_line_is_too_long(morning: Flow) -> None:
    wide, narrow = morning.command("parked", columns=160).stdout, morning.command("parked", columns=80).stdout
    assert "what to do" in wide.splitlines()[2] and "┃" in wide
    assert "┃" not in narrow
    lines = [line.rstrip() for line in narrow.splitlines()]
    assert "number:     5002" in lines and "reason:     sent_unknown" in lines
    assert "            then: retry id:2 --arrived | --never-arrived" in lines
    for words in (("status",), ("parked",), ("invoice", "show", "5002"), ("client", "list"), ("settlement", "list")):
        shown = morning.command(*words, columns=80).stdout
        assert max(map(len, shown.splitlines())) <= 80, words
        assert not shown.startswith("\n"), words
    for words in (("audit", "verify"), ("documents", "check")):
        said = command(morning, *words)
        assert said.stderr == "" and not said.stdout.startswith("\n"), words


async def test_what_is_not_there_is_said_so(morning: Flow) -> None:
    missing = command(morning, "invoice", "show", "9999999")
    assert (missing.exit_code, "no invoice 9999999" in missing.stderr) == (1, True)
    assert command(morning, "retry", "9999999").exit_code == 1
    fine = command(morning, "retry", "5001")
    assert (fine.exit_code, "not parked" in fine.stderr) == (1, True)


async def test_a_mail_nobody_knows_about_must_be_settled_in_words(morning: Flow) -> None:
    asked = command(morning, "retry", "5002")
    assert asked.exit_code == 1
    assert "--arrived" in asked.stderr
    assert morning.state(5002) == "parked: sent_unknown"


async def test_retry_never_arrived_sends_again(morning: Flow) -> None:
    said = command(morning, "retry", "5002", "--never-arrived")
    assert (said.exit_code, "(id 2, debtor 10001, Berit Brudd) goes on as delivering" in said.stdout) == (0, True)
    await morning.at(8, 10)
    assert morning.deliveries(5002) == [("email_link", "handed_over")]
    assert len(morning.mails("5002")) == 1
    await morning.at(15, 30)
    assert morning.state(5002) == "posted_back"


async def test_retry_arrived_counts_it_as_handed_over(morning: Flow) -> None:
    said = command(morning, "retry", "5002", "--arrived")
    assert (said.exit_code, "delivered" in said.stdout) == (0, True)
    assert morning.deliveries(5002) == [("email_link", "handed_over")]
    assert command(morning, "retry", "5002", "--arrived").exit_code == 1
    await morning.at(8, 10)
    assert morning.mails("5002") == []


async def test_jobs_by_hand(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik", KID_LAYOUT="nonsense")) as house:
        house.invoice(5001, person())

        async def job(*words: str) -> Result:
            return await anyio.to_thread.run_sync(lambda: command(house, "job", *words))

        one = await job("intake", "--client", "nordlys", "--now", "2026-11-25T08:00")
        assert one.exit_code == 0, one.output
        assert house.state(5001) == "delivered"
        every = await job("postback", "--now", "2026-11-25T15:30:00+01:00")
        assert every.exit_code == 1, "a client that cannot be run is a fault, though the others were"
        assert "fjordvik.env" in every.output
        assert house.state(5001) == "posted_back"
        assert "16:30" not in (house.told(5001)[0].comment or ""), "--now without zone is Norwegian time"
        assert "kl. 08:00" in (house.told(5001)[0].comment or "")

        assert (await job("intake", "--client", "nobody")).exit_code == 2
        assert (await job("intake", "--now", "tomorrow")).exit_code == 2
        assert (await job("intake", "--client", "fjordvik")).exit_code == 2
        house.erp().trouble.token_refused = True
        assert (await job("intake", "--client", "nordlys", "--now", "2026-11-25T10:30")).exit_code == 1


async def test_settings_names_every_fault_and_no_value(tmp_path: Path) -> None:
    broken = client_plan("fjordvik", KID_LAYOUT="nonsense", EMAIL_CHANNEL="pigeon")
    async with flow(tmp_path, client_plan(), broken) as house:
        shown = command(house, "settings")
        assert shown.exit_code == 2
        assert "nordlys.env: good" in shown.stdout
        assert "fjordvik.env: KID_LAYOUT" in shown.stdout
        assert "fjordvik.env: EMAIL_CHANNEL" in shown.stdout
        assert "pigeon" not in shown.output
        assert broken.key not in shown.output
        assert answer(house, "status")["broken_settings"]


def test_no_settings_file_says_where_to_begin(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status", "--settings", str(tmp_path / "worker.env")])
    assert result.exit_code == 2
    assert "config/worker.env.example" in result.stderr
