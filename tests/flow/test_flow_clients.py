"""Clients come by a command that asks, pause and go on, and their files are read again when the worker is told to."""

from __future__ import annotations

import json
import os
import signal
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from tests.flow.test_flow_service import at, started
from tests.support.flow import CLIENT_ACCOUNT, DAY, Flow, number, person
from worker.service import reread
from worker.settings import WorkerSettings, load_client, load_worker
from worker.store import pauses

pytestmark = pytest.mark.anyio

NEW = number(39910300)
TYPED = "hemmelig-client-key"


def command(house: Flow, *words: str, typed: str = "") -> Result:
    return house.command(*words, typed=typed)


def path_of(house: Flow, name: str) -> Path:
    return house.settings_path.parent / "clients" / f"{name}.env"


# --- new ------------------------------------------------------------------------------------------


async def test_a_client_by_asking_each_answer_looked_at(house: Flow) -> None:
    taken = house.plans["nordlys"].organisation_number
    answers = [
        "Blåbær & Sønn's AS", "123", taken, NEW, TYPED, "12345678901", CLIENT_ACCOUNT, "client:9x",
        "client:4 invoice:21", "client:4 invoice:6", "", "10O1", "1003", "n", "", "", "1003", "y",
        "pledged", "", "ikke en adresse", "", "off",
        "ikke en adresse", "regnskap@blabaer.example",
    ]  # fmt: skip
    said = command(house, "client", "new", "blabaer", typed="\n".join(answers) + "\n")
    assert said.exit_code == 0, said.output
    for words in ("right check digit", "ORGANISATION_NUMBER is nordlys's", "account number with a right check digit",
                  "a KID layout is", "make it 4–25", "must be one e-mail address",
                  "FACTOR_ACCOUNT [the factor's: 8601.11.17947]:", "REPLY_TO [SMTP_FROM: faktura@factoring.example]:",
                  "REPORT_TO [nobody]:",
                  "KIDs look like 10030123466", "doctor --client blabaer"):  # fmt: skip
        assert words in said.output, words
    assert TYPED not in said.output
    path = path_of(house, "blabaer")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    own = load_client(path).settings
    assert (own.client_name, own.organisation_number, own.factor_account) == ("Blåbær & Sønn's AS", NEW, CLIENT_ACCOUNT)
    assert (own.kid_layout, own.kid_client_number, own.notice_family) == ("client:4 invoice:6", "1003", "pledged")
    assert (own.poweroffice_client_key.get_secret_value(), own.report_to) == (TYPED, "regnskap@blabaer.example")
    assert "nobody gets the client's daily report" not in said.output
    text = path.read_text(encoding="utf-8")
    assert "#EMAIL_CHANNEL=link" in text
    assert "# How the KID is made, as agreed with the bank" in text
    again = command(house, "client", "new", "blabaer", typed="\n".join(answers))
    assert (again.exit_code, path.read_text(encoding="utf-8")) == (1, text)


GIVEN = {
    "CLIENT_NAME": "Ny AS",
    "ORGANISATION_NUMBER": NEW,
    "KID_LAYOUT": "client:4 invoice:8",
    "KID_CLIENT_NUMBER": "1003",
}


def options(values: dict[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in ("--set", f"{key}={value}")]


async def test_a_client_from_options_for_scripts(house: Flow) -> None:
    secret = house.folder / "ny_key"
    secret.write_text(f"{TYPED}\n")
    keyed = {**GIVEN, "POWEROFFICE_CLIENT_KEY_FILE": str(secret)}
    refused = [
        (GIVEN, 2, "POWEROFFICE_CLIENT_KEY is missing"),
        ({**GIVEN, "POWEROFFICE_CLIENT_KEY": TYPED}, 2, "history"),
        ({**GIVEN, "POWEROFFICE_CLIENT_KEY_FILE": "/nowhere"}, 2, "cannot be read"),
        ({**keyed, "KID_LAYUOT": "x"}, 2, "misspelt"),
        ({**keyed, "RETURN_DATA": "on"}, 2, "RETURN_DATA=on needs ACCOUNT_CLEARING"),
        ({**keyed, "EFAKTURA": "on"}, 2, "EFAKTURA_CHANNEL"),
        ({**keyed, "ORGANISATION_NUMBER": house.plans["nordlys"].organisation_number}, 2, "same as in nordlys.env"),
        ({**keyed, "KID_CLIENT_NUMBER": "1001"}, 2, "same as nordlys's"),
    ]
    for values, code, words in refused:
        said = command(house, "client", "new", "ny", *options(values))
        assert (said.exit_code, words in said.stderr, TYPED in said.output) == (code, True, False), said.output
        assert not path_of(house, "ny").exists()
    assert command(house, "client", "new", "Ny!", *options(keyed)).exit_code == 2
    made = command(house, "client", "new", "ny", *options(keyed))
    assert (made.exit_code, "nobody gets the client's daily report" in made.stdout) == (0, True)
    assert load_client(path_of(house, "ny")).settings.poweroffice_client_key.get_secret_value() == TYPED
    assert TYPED not in path_of(house, "ny").read_text()


async def test_the_name_of_a_client_that_has_invoices_is_not_given_to_another(house: Flow) -> None:
    house.invoice(1, person())
    await house.job("intake")
    path_of(house, "nordlys").unlink()
    said = command(house, "client", "new", "nordlys", *options(GIVEN))
    assert (said.exit_code, "has invoices of a client nordlys" in said.stderr) == (1, True)


# --- pause ----------------------------------------------------------------------------------------


def jobs_run(house: Flow) -> list[str]:
    return [line["job"] for line in house.events("run.started")]


async def test_a_paused_client_gets_nothing_new_and_misses_nothing(house: Flow) -> None:
    house.invoice(1, person())
    await house.at(8)
    assert house.state(1) == "delivered"
    assert pauses.pause(house.house.db, client="nordlys", by="ola", note="avtalen er sagt opp", now=house.clock.now())
    house.invoice(2, person(10002, "Per Ås"))
    before = jobs_run(house)
    for hour, minute in ((8, 10), (10, 30), (15, 30)):
        await house.at(hour, minute)
    assert set(jobs_run(house)[len(before) :]) == {"follow_up"}
    assert house.told(1) == []
    link, code = house.link_and_code("1")
    assert link and code
    for command_line in (("status",), ("client", "list")):
        assert "by ola: avtalen er sagt opp" in command(house, *command_line).stdout
    assert json.loads(command(house, "status", "--json").stdout)["paused"]["nordlys"]["paused_by"] == "ola"

    tomorrow = DAY + timedelta(days=1)
    house.turn(9, day=tomorrow)
    assert pauses.resume(house.house.db, client="nordlys", by="kari", now=house.clock.now())
    await house.at(9, 10, day=tomorrow)
    assert house.state(2) == "delivered", "08:00 is still in its window"
    assert house.events("slot.missed") == []
    await house.at(15, 30, day=tomorrow)
    assert {house.state(1), house.state(2)} == {"posted_back"}


async def test_pause_and_resume_by_command(house: Flow) -> None:
    assert command(house, "client", "pause", "nordlys", "--note", " ").exit_code == 2
    assert command(house, "client", "pause", "nobody", "--note", "x", "--by", "ola").exit_code == 2
    assert command(house, "client", "resume", "nordlys", "--by", "ola").exit_code == 1
    assert command(house, "client", "pause", "nordlys", "--note", "ferie", "--by", "ola").exit_code == 0
    twice = command(house, "client", "pause", "nordlys", "--note", "mer ferie", "--by", "kari")
    assert (twice.exit_code, "by ola: ferie" in twice.stderr) == (1, True)
    job = command(house, "job", "intake", "--client", "nordlys")
    assert (job.exit_code, "by ola: ferie: left out" in job.stderr) == (1, True)
    (row,) = json.loads(command(house, "client", "list", "--json").stdout)
    assert (row["client"], row["broken"], row["paused"]["note"]) == ("nordlys", [], "ferie")
    assert command(house, "client", "resume", "nordlys", "--by", "kari").exit_code == 0
    (row,) = json.loads(command(house, "client", "list", "--json").stdout)
    assert row["paused"] is None


# --- reread ---------------------------------------------------------------------------------------


async def test_told_by_a_signal_the_worker_reads_its_files_again(house: Flow) -> None:
    house.invoice(1, person())
    client = path_of(house, "nordlys")
    right = client.read_text(encoding="utf-8")
    client.write_text(right.replace("KID_LAYOUT", "KID_LAYUOT"), encoding="utf-8")
    async with started(house, at(8)) as child:
        await child.says("client.settings_broken")
        assert child.events("run.started") == []
        client.write_text(right, encoding="utf-8")
        broken = path_of(house, "odelagt")
        broken.write_text("CLIENT_NAME=x\n")
        os.kill(child.process.pid, signal.SIGHUP)
        assert (await child.says("settings.reread"))["count"] == 1
        await child.says("run.done", count=2)
        assert house.state(1) == "delivered", "at once, not at the next slot"
        child.process.send_signal(signal.SIGTERM)
        assert await child.ended() == 0
    assert {line["file"] for line in child.events("client.settings_broken")[1:]} == {"odelagt.env"}


async def test_what_of_the_factors_file_waits_for_a_restart_is_told(house: Flow) -> None:
    def again() -> WorkerSettings:
        return load_worker(house.settings_path, environ={})

    reread(house.house.settings, again)
    with house.settings_path.open("a") as file:
        file.write("LINK_DAYS=30\nCODE_TRIES=3\n")
    reread(house.house.settings, again)
    with house.settings_path.open("a") as file:
        file.write("PORTAL_KEY=short\n")
    reread(house.house.settings, again)
    assert [line["fault"] for line in house.events("settings.restart_needed")] == [["LINK_DAYS", "CODE_TRIES"]]
    (broken,) = house.events("settings.broken")
    assert broken["fault"][0].startswith("PORTAL_KEY must be at least")
    assert len(house.events("settings.reread", count=1)) == 3
