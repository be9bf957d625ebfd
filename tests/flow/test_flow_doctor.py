"""`doctor` before a house that is sound, and before houses that are broken in every way there is a check for."""

from __future__ import annotations

import hashlib
import json
import re
from asyncio import to_thread
from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from typer.testing import CliRunner, Result

from tests.support.flow import RETURN_DATA, Flow, client_plan, flow, person
from worker.cli import app
from worker.sandbox.records import Account
from worker.sandbox.storecove import legal_entity_id
from worker.support.clock import SystemClock, oslo_date

pytestmark = pytest.mark.anyio

REPORTS = {"REPORT_TO": "regnskap@client.example, kontor@client.example"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[Flow]:
    """Two clients, one of them with return data, all as it should be; the world's clock goes with the machine's."""
    plans = (client_plan(**REPORTS), client_plan("fjordvik", **RETURN_DATA, **REPORTS))
    patient = {"ACCESS_POINT_TIMEOUT_SECONDS": "10"}  # the machine of the tests may be busy
    async with flow(tmp_path, *plans, start=SystemClock().now(), settings=patient) as built:
        built.world.register_peppol("0192:986252932")
        for code in (1510, 6970, 6975, 2990, 8050, 7830):
            built.erp("fjordvik").accounts[code] = Account(code=code, name=f"Konto {code}")
        built.invoice(1, person())
        for path in (built.settings_path, *built.settings_path.parent.glob("clients/*.env")):
            path.chmod(0o600)
        async with built.portal():
            yield built


def change(path: Path, **values: str) -> None:
    """A line further down wins."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{key}='{value}'\n" for key, value in values.items())


def client_file(house: Flow, name: str = "nordlys") -> Path:
    return house.settings_path.parent / "clients" / f"{name}.env"


async def asked(house: Flow, *words: str) -> Result:
    words = ("doctor", *words, "--settings", str(house.settings_path))
    return await to_thread(partial(CliRunner().invoke, app, words, env={"COLUMNS": "250"}))


async def told(house: Flow, *words: str, code: int = 1) -> dict[tuple[str, str | None], list[tuple[str, str]]]:
    """(check, client) to what is not well: (verdict, what)."""
    result = await asked(house, *words, "--json")
    assert result.exit_code == code, result.output
    answer = json.loads(result.stdout)
    for check in answer["checks"]:
        for finding in check["findings"]:
            assert (finding["remedy"] == "") == (finding["verdict"] == "ok"), finding
    return {
        (one["check"], one["client"]): bad
        for one in answer["checks"]
        if (bad := [(f["verdict"], f["what"]) for f in one["findings"] if f["verdict"] != "ok"])
    }


def lying(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("worker.db")
    }


async def test_a_sound_house_has_no_fault_and_is_left_as_it_was(house: Flow) -> None:
    before = lying(house.folder)
    result = await asked(house)
    assert (result.exit_code, result.exception) == (0, None), result.output
    assert "0 faults, 0 warnings" in result.stdout
    for words in ("for all clients", "nordlys", "fjordvik", "8 of 8 privileges", "1 invoice waiting", "no lock date",
                  "the daily report goes to 2 addresses",
                  "KIDs look like 1001000123460: 13 digits, MOD10", "answers at its public address"):  # fmt: skip
        assert words in result.stdout
    assert lying(house.folder) == before
    assert (house.world.mails, house.world.ehf_submissions, house.told(1)) == ([], [], [])
    keys = (house.sandbox.application_key, house.sandbox.access_point_token, house.plans["nordlys"].key)
    assert not [key for key in (*keys, "Østby", "flow-test-portal-key") if key in result.output]
    one = await asked(house, "--client", "nordlys")
    assert ("fjordvik" in one.stdout, "mail_server" in one.stdout) == (False, True)
    assert (await asked(house, "--client", "nobody")).exit_code == 2


async def test_wrong_keys_and_missing_privileges(house: Flow) -> None:
    change(client_file(house), ORGANISATION_NUMBER="986252932")
    house.erp("fjordvik").invalid_privileges = {"Customer", "BankJournalVoucher_Full"}
    found = await told(house)
    assert found[("erp", "nordlys")] == [
        ("fault", f"the key is another company's ({house.plans['nordlys'].organisation_number})")
    ]
    assert [what.split(" (")[0] for _, what in found[("erp", "fjordvik")]] == [
        "privilege Customer", "privilege BankJournalVoucher_Full",
        "customers: a privilege or the client's Go module is missing",
    ]  # fmt: skip
    change(client_file(house), POWEROFFICE_CLIENT_KEY="wrong")
    (fault,) = (await told(house))[("erp", "nordlys")]
    assert "refused the keys" in fault[1]


async def test_counterparties_that_do_not_let_us_in(house: Flow) -> None:
    strange = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    change(
        house.settings_path, ACCESS_POINT_TOKEN="wrong", SFTP_HOST_KEY=strange, SMTP_PORT="9", IMAP_HOST="127.0.0.1",
        IMAP_PORT="9", IMAP_SECURITY="none", IMAP_USER="u", IMAP_PASSWORD="p", PEPPOL_ZONE="elsewhere.test",
        INBOX="sftp", INBOX_SFTP_HOST="127.0.0.1", INBOX_SFTP_PORT="9", INBOX_SFTP_USER="u",
        INBOX_SFTP_KEY_PATH=str(house.sandbox.sftp_client_key_path), INBOX_SFTP_HOST_KEY=strange,
    )  # fmt: skip
    found = await told(house)
    assert set(found) == {
        ("mail_server", None), ("bounce_mailbox", None), ("print_house", None), ("bank_files", None), ("peppol", None),
        ("access_point", "nordlys"), ("access_point", "fjordvik"),
    }  # fmt: skip
    outside = dict(line.split("=", 1) for line in house.sandbox.addresses().splitlines() if "=" in line)
    keys = (outside["SFTP_HOST_KEY"].strip("'"), strange)
    offered, wanted = (asyncssh.import_public_key(key).get_fingerprint() for key in keys)
    assert f"(offered: {offered}, agreed: {wanted})" in found[("print_house", None)][0][1]
    assert offered.startswith("SHA256:")
    rsa = asyncssh.generate_private_key("ssh-rsa").export_public_key().decode().strip()
    change(house.settings_path, SFTP_HOST_KEY=rsa, SMTP_PORT=outside["SFTP_PORT"])
    found = await told(house)
    assert f"(offered: {offered}, " in found[("print_house", None)][0][1], "a key of another kind is told of, too"
    assert found[("mail_server", None)] == [("fault", "mail server: no SMTP server answers there")]
    assert all(verdict == "fault" for bad in found.values() for verdict, _ in bad)


async def test_accounts_kids_notices_and_files_that_do_not_fit(house: Flow) -> None:
    erp = house.erp("fjordvik")
    erp.mend_account(6975, active=False)
    del erp.accounts[2990]
    erp.lock_date = oslo_date(SystemClock().now()) + timedelta(days=1)
    for name in ("nordlys", "fjordvik"):
        change(client_file(house, name), KID_LAYOUT="invoice:8")
    change(client_file(house), NOTICE_NB="Betal til {factor}.", REPORT_TO="")
    broken = client_file(house, "odelagt")
    broken.write_text("CLIENT_NAME='Ødelagt AS'\nKID_LAYUOT='invoice:8'\n", encoding="utf-8")
    broken.chmod(0o604)
    found = await told(house)
    assert [what for _, what in found[("accounts", "fjordvik")]] == [
        "ACCOUNT_FINANCIAL_FEES: general account 6975 is closed",
        "ACCOUNT_BALANCE: general account 2990 does not exist",
        f"the books are locked until {erp.lock_date:%d.%m.%Y}",
    ]
    assert "same as fjordvik's" in found[("kid", "nordlys")][0][1]
    assert "same as nordlys's" in found[("kid", "fjordvik")][0][1]
    assert found[("notice", "nordlys")] == [("warning", "the text (nb) does not name the account")]
    assert found[("report", "nordlys")] == [
        ("warning", "REPORT_TO is blank: nobody at the client hears what it must mend")
    ]
    settings = [what for _, what in found[("settings", None)]]
    assert "odelagt.env: KID_LAYUOT is not a key of this file: misspelt?" in settings
    assert "odelagt.env may be read by everybody on this machine" in settings


async def test_an_erp_that_is_away_is_not_taken_for_missing_privileges(house: Flow) -> None:
    change(house.settings_path, POWEROFFICE_URL="http://127.0.0.1:9")
    answer = json.loads((await asked(house, "--client", "fjordvik", "--json")).stdout)
    checks = {one["check"]: one["findings"] for one in answer["checks"]}
    assert len(checks["accounts"]) == 1, "once, though accounts and lock date meet the same"
    assert [one["remedy"] for one in (*checks["erp"], *checks["accounts"])] == [
        "see whether the ERP is up; mend POWEROFFICE_URL"
    ] * 2


async def test_a_paused_client_and_a_folder_that_is_missing(house: Flow) -> None:
    assert house.command("client", "pause", "nordlys", "--note", "ferie", "--by", "ola").exit_code == 0
    today = f"{oslo_date(house.clock.now()):%d.%m.%Y}"
    assert (await told(house, code=0))[("pause", "nordlys")] == [("warning", f"paused since {today} by ola: ferie")]
    house.settings_path.parent.joinpath("clients").rename(house.folder / "elsewhere")
    result = await asked(house)
    (fault,) = [line for line in result.stdout.splitlines() if "FAULT" in line]
    assert "the clients folder" in fault
    assert "-> `factoring-worker client new NAME` makes it" in result.stdout
    assert "1 fault, 0 warnings" in result.stdout
    settings = house.command("settings")
    assert (settings.exit_code, "`factoring-worker client new NAME` makes it" in settings.stdout) == (2, True)


async def test_a_long_line_goes_on_below_itself_and_every_finding_names_its_check(house: Flow) -> None:
    house.erp("fjordvik").invalid_privileges = {"Customer", "BankJournalVoucher_Full"}
    lines = (await asked(house, "--client", "fjordvik")).stdout.splitlines()
    erp = [line for line in lines if line[8:23].strip() == "erp"]
    assert [line[:8].strip() for line in erp] == ["FAULT", "FAULT", "", "ok", "FAULT", ""]
    body = [line for line in lines if line.startswith("  ")]
    assert max(map(len, body)) <= 160
    assert all(line[22] == " " and line[23:24].strip() for line in body), "text begins where it begins above"


async def test_a_machine_that_is_not_ready(house: Flow) -> None:
    house.clock.turn(house.clock.now() + timedelta(hours=1))
    blocked = house.folder / "blocked"
    blocked.write_text("a file where a folder should be")
    change(
        house.settings_path, DATABASE_URL=f"sqlite:///{house.folder / 'empty.db'}", DOCUMENT_STORE=str(blocked),
        LEDGER_FOLDER=str(blocked), RULES_FOLDER=str(house.folder / "nowhere"),
        PORTAL_URL=house.sandbox.access_point_url,
    )  # fmt: skip
    found = await told(house)
    assert set(found) == {(name, None) for name in ("clock", "database", "documents", "folders", "rules", "portal")}
    (clock,) = found[("clock", None)]
    assert re.match(r"the clock is (359\d|3600) s behind", clock[1])  # less what the asking took
    assert found[("database", None)][0][1].startswith("there is no database yet at ")
    shown = " ".join((await asked(house)).stdout.split())
    assert "database -> at the very first start run `factoring-worker migrate`; otherwise start from the" in shown
    assert found[("portal", None)] == [("fault", "something else answers at PORTAL_URL (HTTP 404)")]


async def test_settings_that_cannot_be_read_are_all_there_is(house: Flow) -> None:
    change(house.settings_path, PORTAL_KEY="short", SMTP_PORT="many")
    found = await told(house, code=2)
    assert [what.split(" ")[1] for _, what in found[("settings", None)]] == ["SMTP_PORT:", "PORTAL_KEY"]


async def test_how_providers_know_the_client(tmp_path: Path) -> None:
    plan = client_plan()
    async with flow(tmp_path, plan, start=SystemClock().now(), settings={"ACCESS_POINT": "storecove"}) as house:
        other = client_plan("fjordvik")
        house.world.add_client(client_key=other.key, name=other.title, organisation_number=other.organisation_number)

        async def known_as(tenant: str, **worker: str) -> Any:
            change(client_file(house), ACCESS_POINT_TENANT=tenant)
            change(house.settings_path, **worker)
            answer = json.loads((await asked(house, "--json")).stdout)
            return {one["check"]: one["findings"][0]["what"] for one in answer["checks"] if one["client"]}

        right = await known_as(str(legal_entity_id(plan.organisation_number)))
        assert right["access_point"] == "the key is taken, and the legal entity is the client's"
        wrong = await known_as(str(legal_entity_id(other.organisation_number)))
        assert "another company's" in wrong["access_point"]
        assert "no legal entity of this number" in (await known_as("77"))["access_point"]
        assert not [news for news in house.world.storecove_news if news.deleted]

        company = house.world.maventa.open_company(plan.organisation_number)
        change(client_file(house), EFAKTURA="on")
        by_maventa = await known_as(company, ACCESS_POINT="maventa", EFAKTURA_CHANNEL="maventa")
        assert by_maventa["access_point"].startswith("the keys open the client's company")
        assert "bank" in by_maventa["efaktura"]
        nobody = await known_as("00000000-0000-4000-8000-000000000000")
        assert nobody["access_point"] == nobody["efaktura"] != by_maventa["efaktura"]
