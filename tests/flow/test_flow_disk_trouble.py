"""Our own shelves in trouble: the document store and the factor's ledger cannot be written, or have been tampered with.

A disk that refuses is played by a file lying where a folder has to be made: every write below it fails with an OSError,
as on a full or read-only disk, also for root.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.support.flow import Flow, person

pytestmark = pytest.mark.anyio


def _obstruct(folder: Path, *, but: str = "") -> None:
    """No new document whose hash begins otherwise than `but` can be kept."""
    folder.mkdir(exist_ok=True)
    for prefix in (f"{value:02x}" for value in range(256)):
        if prefix != but[:2] and not (folder / prefix).exists():
            (folder / prefix).write_bytes(b"")


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()


async def test_no_room_for_the_erps_document(house: Flow) -> None:
    house.invoice(5001, person())
    store = house.folder / "documents"
    _obstruct(store)
    await house.at(8)
    assert house.state(5001) == "fetched"
    (line,) = house.events("document_store.failed")
    assert (line["step"], line["level"], line["invoice"]) == ("intake", "error", house.id_of(5001))
    assert house.events("run.done", job="intake")[0]["level"] == "warning"
    _clear(store)
    await house.at(10, 30)
    assert house.state(5001) == "delivered"


async def test_no_room_for_the_stamped_document_keeps_the_kid_for_the_next_try(house: Flow) -> None:
    erp_id = house.invoice(5001, person())
    ehf = house.erp().document(house.erp().invoices[erp_id].ehf_sha256)
    store = house.folder / "documents"
    _obstruct(store, but=hashlib.sha256(ehf).hexdigest())
    await house.at(8)
    assert house.state(5001) == "checked"
    (line,) = house.events("document_store.failed")
    assert line["step"] == "stamping"
    assert house.mails() == []
    _clear(store)
    await house.at(10, 30)
    assert house.state(5001) == "delivered"
    assert house.story(5001).invoice.kid == "1001000050010"


async def test_no_room_in_the_ledger(house: Flow) -> None:
    house.invoice(5001, person())
    ledger = house.folder / "registered"
    ledger.write_bytes(b"")
    await house.at(8)
    assert house.state(5001) == "stamped"
    assert house.mails() == [], "what is not registered is not sent"
    (line,) = house.events("ledger.failed")
    assert (line["step"], line["level"]) == ("registration", "error")
    ledger.unlink()
    await house.at(10, 30)
    assert house.state(5001) == "delivered"
    assert set(house.registered()) == {"5001"}


async def test_another_claim_under_the_name_is_a_persons_case(house: Flow) -> None:
    erp_id = house.invoice(5001, person())
    house.invoice(5002, person(10002, "Per Åsen", "per.asen@privat.example"))
    folder = house.folder / "registered" / "nordlys"
    folder.mkdir(parents=True)
    stranger = folder / f"5001-{erp_id}.json"
    stranger.write_text(json.dumps({"number": "5001", "total": {"minor_units": 1}}))
    await house.at(8)
    assert house.state(5001) == "parked: registration_refused"
    assert house.state(5002) == "delivered"
    (line,) = house.events("invoice.parked")
    assert (line["reason"], line["owner_of_remedy"]) == ("registration_refused", "factor")
    assert json.loads(stranger.read_bytes())["total"] == {"minor_units": 1}, "what lies there is left as it is"
    assert not house.events("invoice.unexpected")
    await house.at(10, 30)
    assert house.state(5001) == "parked: registration_refused", "it waits for a person"


async def test_a_document_that_has_rotted_is_never_sent(house: Flow) -> None:
    house.invoice(5001, person(10002, "Per Åsen", ""))
    house.invoice(5002, person())
    house.world.print_house.disk_full_next = 1  # so that there is something left to send
    await house.at(8)
    sha256 = house.story(5001).invoice.pdf_sha256 or ""
    (path,) = (house.folder / "documents").rglob(sha256)
    path.write_bytes(b"%PDF-1.4 something else")
    await house.at(8, 10)
    assert house.state(5001) == "parked: document_lost"
    assert not list(house.sandbox.print_folder.glob("*.json"))
    assert house.state(5002) == "delivered"
    assert house.events("invoice.parked", reason="document_lost")


async def test_a_rotted_pdf_is_not_told_to_the_erp(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    sha256 = house.story(5001).invoice.pdf_sha256 or ""
    (path,) = (house.folder / "documents").rglob(sha256)
    good = path.read_bytes()
    path.write_bytes(b"%PDF-1.4 something else")
    await house.at(15, 30)
    assert house.told(5001) == []
    assert house.state(5001) == "parked: document_lost"
    path.write_bytes(good)


def _room(house: Flow, pages: int) -> None:
    """So many pages of database and no more, as on a full disk."""
    with house.house.db.engine.connect() as connection:
        connection.execute(text(f"PRAGMA max_page_count={pages}"))


async def test_a_disk_that_fills_up_under_the_database_stops_the_run_and_no_invoice(house: Flow) -> None:
    numbers = range(5001, 5007)
    for at in numbers:
        house.invoice(at, person())
    _room(house, 1)
    await house.at(8)
    told = house.events("store.trouble")
    assert told and {line["message"] for line in told} == {
        "the database cannot be used: its disk is full: make room; the worker goes on by itself, and nothing is lost"
    }
    assert told[-1]["level"] == "error"
    assert len(house.mails()) < len(numbers)
    assert not house.events("invoice.unexpected") and not house.events("step.failed")
    _room(house, 1_000_000)
    await house.at(8, 10)  # the slot's lease is over: nobody has to do anything
    await house.at(8, 20)
    assert {house.state(at) for at in numbers} == {"delivered"}
    assert len(house.mails()) == len(numbers), "each once"
    assert house.events("slot.missed") == []


async def test_commands_say_what_is_wrong_with_the_database_and_what_to_do(house: Flow) -> None:
    def says(*words: str) -> str:
        result = house.command(*words)
        assert result.exit_code == 1
        assert "Traceback" not in result.output
        return " ".join(result.output.split())

    path = house.folder / "worker.db"
    sound = path.read_bytes()
    with house.house.db.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for command in (("status",), ("parked",), ("job", "intake"), ("run",), ("migrate",)):
        assert "run that version, or restore the backup taken before the upgrade" in says(*command)
    house.house.db.close()
    for lying in path.parent.glob("worker.db-*"):
        lying.unlink()
    path.write_bytes(b"a letter to the bank, not a database. " * 200)
    for command in (("status",), ("run",)):
        told = says(*command)
        assert "the file is damaged" in told and ": stop every worker and restore the last backup" in told
    path.write_bytes(sound[:4096] + b"\xff" * (len(sound) - 4096))
    for command in (("status",), ("invoice", "show", "5001"), ("job", "intake")):
        told = says(*command)
        assert "the file is damaged" in told and ": stop every worker and restore the last backup" in told
    path.write_bytes(sound)
