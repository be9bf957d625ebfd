"""The database is put back from a backup: what was sent since is asked about, never sent again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.flow import Flow, business, flow, person

pytestmark = pytest.mark.anyio

KARI, ADA = person(10001), person(10002, "Ada Ås", email="")
EHF = business(20001)


@pytest.fixture
async def morning(tmp_path: Path) -> AsyncGenerator[Flow]:
    """Three invoices wait, and the backup was taken before any of them was fetched."""
    async with flow(tmp_path) as house:
        house.invoice(5001, KARI)
        house.invoice(5002, ADA)
        house.invoice(5003, EHF, reachable=True)
        yield house


def back_up(house: Flow) -> Path:
    copy = house.folder / "backup.db"
    with sqlite3.connect(house.folder / "worker.db") as source, sqlite3.connect(copy) as target:
        source.backup(target)
    source.close()
    target.close()
    return copy


def restore(house: Flow, copy: Path) -> None:
    house.house.db.close()
    for suffix in ("", "-wal", "-shm"):
        (house.folder / f"worker.db{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, house.folder / "worker.db")


async def test_what_was_sent_since_the_backup_is_asked_about_and_nothing_goes_twice(morning: Flow) -> None:
    house = morning
    backup = back_up(house)
    await house.at(8)
    assert [house.state(number) for number in (5001, 5002, 5003)] == ["delivered"] * 3
    sent = (len(house.mails()), len(house.letters()), len(house.world.ehf_submissions))

    restore(house, backup)
    await house.at(10, 30)
    await house.at(10, 40)
    assert (len(house.mails()), len(house.letters()), len(house.world.ehf_submissions)) == sent
    # Access point and print house could be asked; a mail server cannot.
    assert house.state(5001) == "parked: sent_unknown"
    assert "does not remember" in (house.story(5001).invoice.parked_detail or "")
    assert [house.state(number) for number in (5002, 5003)] == ["delivered"] * 2
    assert {line["channel"] for line in house.events("delivery.sent_before")} == {"email_link", "letter", "ehf"}
    # Claims are recognised too, and the ERP hears of what is delivered.
    assert len(house.registered()) == 3
    await house.at(15, 30)
    assert [len(house.told(number)) for number in (5001, 5002, 5003)] == [0, 1, 1]


async def test_a_backup_from_after_the_delivery_asks_nothing(morning: Flow) -> None:
    house = morning
    await house.at(8)
    backup = back_up(house)
    await house.at(10, 30)
    restore(house, backup)
    await house.at(15, 30)
    assert house.events("delivery.sent_before") == []
    assert [house.state(number) for number in (5001, 5002, 5003)] == ["posted_back"] * 3
    assert [len(house.told(number)) for number in (5001, 5002, 5003)] == [1, 1, 1]


async def test_a_report_the_database_has_forgotten_is_not_given_twice(morning: Flow) -> None:
    house = morning
    await house.at(8)
    backup = back_up(house)
    await house.at(15, 30)
    told = [len(house.told(number)) for number in (5001, 5002, 5003)]
    restore(house, backup)
    await house.at(15, 45)
    assert [len(house.told(number)) for number in (5001, 5002, 5003)] == told
    assert [house.state(number) for number in (5001, 5002, 5003)] == ["posted_back"] * 3


async def test_what_is_stamped_otherwise_after_the_restore_does_not_get_past_the_ledger(morning: Flow) -> None:
    house = morning
    backup = back_up(house)
    await house.at(8)
    restore(house, backup)
    (client,) = house.clients
    changed = client.settings.model_copy(update={"notice_version": "2"})
    house.clients[:] = [replace(client, settings=changed)]
    await house.at(10, 30)
    assert {house.state(number) for number in (5001, 5002, 5003)} == {"parked: registration_refused"}
    assert (len(house.mails()), len(house.letters()), len(house.world.ehf_submissions)) == (1, 1, 1)


async def test_another_document_under_a_known_mark_is_a_persons_case(morning: Flow) -> None:
    """The ledger's system has taken its files away, and the notice has changed: nothing but the mark knows."""
    house = morning
    backup = back_up(house)
    await house.at(8)
    restore(house, backup)
    shutil.rmtree(house.folder / "registered")
    (client,) = house.clients
    changed = client.settings.model_copy(update={"notice_nb": "Kravet er overdratt til {factor}."})
    house.clients[:] = [replace(client, settings=changed)]
    await house.at(10, 30)
    assert (len(house.mails()), len(house.letters()), len(house.world.ehf_submissions)) == (1, 1, 1)
    assert {house.state(number) for number in (5001, 5002, 5003)} == {"parked: sent_unknown"}
    assert "as another document" in (house.story(5002).invoice.parked_detail or "")
