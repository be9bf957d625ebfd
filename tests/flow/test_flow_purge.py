"""What has been kept long enough goes; what is not over stays; the proofs hold afterwards."""

from __future__ import annotations

import json
import zipfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from sqlalchemy import select
from typer.testing import Result

from tests.support.flow import RETURN_DATA, Flow, client_plan, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction, feed
from worker.sandbox.records import Account
from worker.store.tables import metadata

pytestmark = pytest.mark.anyio

IN_2031, IN_2032 = "2031-12-31T12:00", "2032-01-02T12:00"


@asynccontextmanager
async def old_house(folder: Path) -> AsyncGenerator[Flow]:
    """In November 2026: 5001 paid, 5002 unpaid, 5003 a paid letter, 5004 parked, 5005 held by a person, 5006 withdrawn;
    and money nobody can place, naming 5003."""
    async with flow(folder, client_plan(**RETURN_DATA)) as house:
        for code in (1510, 6970, 6975, 2990, 8050):
            house.erp().accounts[code] = Account(code=code, name=f"Konto {code}")
        house.invoice(5001, person())
        house.invoice(5002, person(10002, "Nils Ødegård", "nils@privat.example"))
        house.invoice(5003, person(10003, "Åse Bråten", ""))
        house.card(person(10004, "Uten Adresse", ""), address1="", zip="", city="")
        house.invoice(5004, person(10004, "Uten Adresse", ""), card=False)
        house.invoice(5005, person(10005, "Per Tviler", "per@privat.example"))
        house.invoice(5006, person(10006, "Gro Trukket", "gro@privat.example"))
        await house.at(8)
        await house.job("postback")
        for number, word, why in ((5005, "hold", "Per er uenig"), (5006, "withdraw", "Gro ringte")):
            said = ("--note", why, "--by", f"{word} ved pulten", "--now", house.clock.now().isoformat())
            assert cli(house, word, f"nordlys/{number}", *said).exit_code == 0
        inbox = house.folder / "inbox"
        inbox.mkdir()
        kids = [house.story(number).invoice.kid or "" for number in (5001, 5003)]
        paid = [OcrTransaction(125000, kid, reference=100 + at, payer="86011117947") for at, kid in enumerate(kids)]
        (inbox / "ocr-kari.txt").write_bytes(OcrFile([OcrAssignment(paid)]).render())
        event = {"event_id": "1", "client": "nordlys", "kind": "write_off", "date": "2026-11-20", "currency": "NOK"}
        (inbox / "feed.jsonl").write_bytes(feed([
            {**event, "amount": "10.00", "invoice_number": "5001", "text": "Kari Østby ba om det"},
        ]))  # fmt: skip
        house.turn(15, 30)
        await house.job("settlement")
        yield house


def cli(house: Flow, *words: str) -> Result:
    return house.command(*words)


def purge(house: Flow, now: str, *words: str) -> dict[str, Any]:
    done = cli(house, "purge", *words, "--now", now, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def went(told: dict[str, Any]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in told["went"]:
        sums[one["kind"]] = sums.get(one["kind"], 0) + one["count"]
    return sums


def whole_database(house: Flow) -> dict[str, str]:
    """Everything in every column, by table and column."""
    with house.house.db.read() as tx:
        return {
            f"{table.name}.{column.name}": " ".join(
                json.dumps(value, default=str, ensure_ascii=False) for value in tx.execute(select(column)).scalars()
            )
            for table in metadata.sorted_tables
            for column in table.columns
        }


async def test_when_its_time_is_over_it_goes_and_the_proofs_hold(tmp_path: Path) -> None:
    async with old_house(tmp_path) as house:
        early = purge(house, IN_2031, "--yes")
        assert set(went(early)) <= {"links", "words", "callers", "lookups", "runs"}, "the fifth year is not over"
        lying = {path.name for path in (house.folder / "documents").glob("??/??/*")}
        before = whole_database(house)
        looked = purge(house, IN_2032)
        assert not looked["removed"] and whole_database(house) == before, "a dry run changes nothing"
        assert {(one["why"], one["count"]) for one in looked["held"]} == {("parked", 2), ("unpaid", 1)}

        done = purge(house, IN_2032, "--yes")
        assert went(done) == went(looked), "the dry run told the truth"
        assert done["held"] == looked["held"]
        assert went(done)["documents"] == went(done)["personal_data"] == 3

        after = whole_database(house)
        names = ("Kari", "Østby", "Bråten", "Trukket", "kari.ostby", "gro@", "Gro ringte", "withdraw ved")
        assert {column for name in names for column, text in after.items() if name in text} == set()
        for command in (("audit", "verify"), ("documents", "check"), ("settlement", "balance", "nordlys")):
            checked = await anyio.to_thread.run_sync(cli, house, *command)
            assert checked.exit_code == 0, (command, checked.output)
        assert went(purge(house, IN_2032, "--yes")) == {}, "nothing is left to do"
        what_is_gone_is_told_as_gone(house, lying, tmp_path)


def what_is_gone_is_told_as_gone(house: Flow, lying: set[str], folder: Path) -> None:
    documents = house.folder / "documents"
    shared = house.story(5002).invoice.pdf_sha256
    left = {path.name for path in documents.glob("??/??/*")}
    row = house.story(5001).invoice
    assert {row.original_sha256, row.stamped_sha256, row.pdf_sha256} <= lying - left
    assert shared in left
    assert list((documents / "marks").glob("*/*")), "marks stay: they name nobody"
    assert row.number == "5001" and row.payable_minor == 125000 and row.kid and row.debtor is None

    shown = cli(house, "invoice", "show", "nordlys/5001").stdout
    assert "documents_removed" in shown and "(removed)" in shown
    zipped = cli(house, "evidence", "nordlys/5001", "--out", str(folder / "e.zip"))
    assert zipped.exit_code == 0 and "removed when its retention was over" in zipped.output
    with zipfile.ZipFile(folder / "e.zip") as archive:
        told = archive.read("historie.txt").decode()
    assert "Mottaker       (slettet fordi lagringstiden var over)" in told and "Østby" not in told
    again = cli(house, "resend", "nordlys/5001", "--channel", "letter", "--reason", "x", "--by", "y")
    assert again.exit_code == 1 and "retention" in again.output


async def test_a_run_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    async with old_house(tmp_path) as house:
        store = house.folder / "documents"
        shown = cli(house, "purge", "--now", IN_2032).stdout
        assert "documents of invoices" in shown and "nothing removed (use --yes)" in shown
        assert "payments come in here and do not cover it" in shown
        row = house.story(5001).invoice
        first = store / str(row.pdf_sha256)[:2] / str(row.pdf_sha256)[2:4] / str(row.pdf_sha256)
        kept = first.read_bytes()
        first.unlink()
        first.mkdir()  # the disk refuses
        broken = cli(house, "purge", "--yes", "--now", IN_2032)
        assert broken.exit_code == 1 and "What goes" in broken.stdout and "run it again" in broken.output
        assert cli(house, "documents", "check").exit_code == 0, "what is going is missed by nobody"
        first.rmdir()
        first.write_bytes(kept)
        done = purge(house, IN_2032, "--yes")
        assert done["finished"] == 3
        assert not first.exists()
        [line] = house.events("purge.done")
        assert line["counts"] == {"removed": sum(went(done).values()), "held": 3, "finished": 3}
        assert {one["kind"] for one in house.events("purge.removed")} >= {"personal_data", "settlement"}
        assert {house.story(number).invoice.documents_state for number in (5001, 5003, 5006)} == {"gone"}
