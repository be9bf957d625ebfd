"""What proves that nothing was lost or changed: the stories' chain, and the documents' bytes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import Result

from tests.support.flow import Flow, flow, person
from tests.support.s3 import BUCKET, ObjectServer

pytestmark = pytest.mark.anyio


def command(house: Flow, *words: str) -> Result:
    return house.command(*words)


async def test_a_day_is_proved_and_what_is_changed_afterwards_is_found(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    await house.at(15, 30)
    shown = command(house, "audit", "verify")
    assert shown.exit_code == 0 and "1 stories" in shown.stdout and "all as written" in shown.stdout
    told = json.loads(command(house, "audit", "verify", "--client", "nordlys", "--json").stdout)
    [kept] = house.events("story.digest")
    assert (kept["sha256"], kept["count"]) == (told["digest"], told["stories"])

    with house.house.db.begin() as tx:
        tx.execute(text("UPDATE invoices SET state = 'withdrawn'"))
    found = command(house, "audit", "verify")
    assert found.exit_code == 1
    assert f"invoice {house.id_of(5001)}: it stands as withdrawn, and its story says posted_back" in found.stdout
    assert "1 NOT as written" in found.stdout
    [fault] = json.loads(command(house, "audit", "verify", "--json").stdout)["faults"]
    assert fault["invoice_id"] == house.id_of(5001)


async def test_documents_are_checked_and_orphans_swept(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    assert command(house, "documents", "check").stdout.startswith("3 documents: all there and whole")

    old, young = (house.house.documents.put(content=content) for content in (b"left behind", b"just now"))
    os.utime(house.folder / "documents" / old[:2] / old[2:4] / old, (0, 0))
    listed = command(house, "documents", "sweep")
    assert old in listed.stdout and young not in listed.stdout and "nothing removed" in listed.stdout
    assert house.house.documents.get(sha256=old)
    swept = json.loads(command(house, "documents", "sweep", "--remove", "--json").stdout)
    assert swept == {"orphans": [old], "bytes": 11, "removed": True}
    assert "0 documents without a row" in command(house, "documents", "sweep").stdout
    assert command(house, "documents", "check").exit_code == 0

    pdf = house.story(5001).invoice.pdf_sha256 or ""
    (house.folder / "documents" / pdf[:2] / pdf[2:4] / pdf).write_bytes(b"another")
    found = command(house, "documents", "check")
    assert found.exit_code == 1
    assert f"invoice {house.id_of(5001)}: pdf" in found.stdout and "1 LOST OR CHANGED" in found.stdout


async def test_a_day_on_an_object_store_that_goes_away_before_the_report(tmp_path: Path) -> None:
    with ObjectServer() as server:
        shelves = {
            "DOCUMENT_STORE": f"s3://{BUCKET}/factor",
            "DOCUMENT_STORE_ENDPOINT": server.url,
            "DOCUMENT_STORE_ACCESS_KEY_ID": "worker",
            "DOCUMENT_STORE_SECRET_ACCESS_KEY": "not-to-be-seen-4711",
        }
        async with flow(tmp_path, settings=shelves) as house:
            house.invoice(5001, person())
            await house.at(8)
            pdf = house.story(5001).invoice.pdf_sha256 or ""
            content = server.read(f"factor/{pdf[:2]}/{pdf[2:4]}/{pdf}") or b""
            assert content.startswith(b"%PDF")

            server.hide()
            await house.at(15, 30)
            assert house.state(5001) == "delivered" and house.told(5001) == []
            server.show()
            await house.at(15, 50)
            assert house.state(5001) == "posted_back"
            assert len(house.told(5001)) == 1
            checked = command(house, "documents", "check")
            assert checked.exit_code == 0, checked.output
            assert "not-to-be-seen" not in house.lines.getvalue()
