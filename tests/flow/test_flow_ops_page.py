"""The operations page over a day in the house: who may look, what it says, and that it changes nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from tests.support.flow import Flow, client_plan, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction
from worker.ops import Vitals
from worker.service import clients_of
from worker.serving import ops_server, readiness_of
from worker.store import pauses, reading

pytestmark = pytest.mark.anyio

TOKEN = "a-token-for-the-operations-page-0123456789"
HOSTILE = "<script>alert('Ø')</script> & <b>Sønn</b>"
PAGES = ("/", "/parked", "/waiting")


@asynccontextmanager
async def looked_at(folder: Path) -> AsyncGenerator[tuple[Flow, httpx.AsyncClient]]:
    """Two clients, one paused; 5001 delivered, 5002 parked with a hostile name, 5003 put off, money that waits."""
    plans = (client_plan(), client_plan("fjordvik"))
    async with flow(folder, *plans, settings={"OPS_TOKEN": TOKEN}) as house:
        house.invoice(5001, person())
        house.card(person(10002, HOSTILE), address1="", zip="", city="")
        house.invoice(5002, person(10002, HOSTILE), card=False)
        house.invoice(5003, person(10003, "Treg Port", "treg+greylisted@privat.example"))
        pauses.pause(house.house.db, client="fjordvik", by="Åse", note="<i>flytter</i> ERP", now=house.clock.now())
        await house.at(8)
        inbox = house.folder / "inbox"
        inbox.mkdir()
        (inbox / "ocr.txt").write_bytes(OcrFile([OcrAssignment([OcrTransaction(1000, "123456785")])]).render())
        await house.job("settlement")
        inside = house.house
        readiness = readiness_of(inside, clients=lambda: clients_of(inside), owner="me")
        server = ops_server(inside, vitals=Vitals(), readiness=readiness, clients=lambda: clients_of(inside))
        door = httpx.ASGITransport(server.config.app)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=door, base_url="http://127.0.0.1:9000") as browser:
            yield house, browser


def text_of(page: httpx.Response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def enter(browser: httpx.AsyncClient, token: str = TOKEN) -> httpx.Response:
    return await browser.post("/enter", data={"token": token})


async def test_nobody_looks_without_the_token_and_guessing_is_slowed(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (house, browser):
        number = house.id_of(5001)
        for path in (*PAGES, f"/invoice/{number}"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, "/enter")
            assert "5001" not in answer.text and "nordlys" not in answer.text
        assert (await browser.post("/find", data={"reference": "5001"})).headers["location"] == "/enter"
        assert (await browser.get("/", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 200
        assert (await browser.get("/", headers={"Authorization": f"Bearer {TOKEN}x"})).status_code == 401
        for forged in ("", "99999999999.", f"{int(house.clock.now().timestamp()) + 999}.{'0' * 64}"):
            assert (await browser.get("/", headers={"Cookie": f"factoring-ops={forged}"})).status_code == 303

        entered = await enter(browser)
        cookie = entered.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie and TOKEN not in cookie
        assert (await browser.get("/")).status_code == 200
        house.clock.turn(house.clock.now() + timedelta(hours=10, minutes=1))
        assert (await browser.get("/")).status_code == 303, "a session is over after a working day"

        tried = [(await enter(browser, f"wrong{at}")).status_code for at in range(11)]
        assert tried == [403] * 10 + [429], "one wrong header has been forgotten by the right token"
        assert (await enter(browser)).status_code == 429, "the right one waits, too"
        house.clock.turn(house.clock.now() + timedelta(minutes=16))
        assert (await enter(browser)).status_code == 303
        assert len(house.events("ops.refused")) == 11
        await browser.post("/leave")
        assert (await browser.get("/")).status_code == 303


async def test_the_pages_tell_the_day_escape_what_is_hostile_and_change_nothing(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (house, browser):
        before = [reading.story(house.house.db, row.id) for row in reading.all_invoices(house.house.db)]
        await enter(browser)
        today = await browser.get("/")
        told = text_of(today)
        assert "1 parked" in told and "1 payments and events wait" in told and "missing_postal_address" in told
        assert re.search(r"ready 1 0 25\.11\.2026 08:\d\d", told), "put off: one waits, none is due yet"
        assert re.search(r"08:00 intake done .*3 fetched", told)
        assert "paused since" in told and "&lt;i&gt;flytter" in today.text

        listed = await browser.get("/parked")
        assert "nordlys/5002" in listed.text and "for client" in listed.text and "postadresse" in listed.text
        assert "nordlys/5002" not in (await browser.get("/parked?reason=held")).text
        assert "unknown_kid" in (await browser.get("/waiting")).text

        found = await browser.post("/find", data={"reference": house.story(5001).invoice.kid or ""})
        story = await browser.get(found.headers["location"])
        assert found.headers["location"] == f"/invoice/{house.id_of(5001)}"
        assert "1\u00a0250,00\u00a0kr" in story.text
        for word in ("Kari Østby", "Channels considered", "handed_over", "our key", "check_passed"):
            assert word in story.text, word
        assert "Treg Port" in (await browser.get(f"/invoice/{house.id_of(5003)}")).text
        hostile = await browser.get(f"/invoice/{house.id_of(5002)}")
        for page in (today, listed, hostile):
            assert "<script" not in page.text and "<b>" not in page.text
        assert "&lt;script&gt;" in listed.text and "&lt;script&gt;" in hostile.text

        for strange in ("0", "99999999", "1;drop", "' or 1=1", "9" * 30, "-1", "%C3%B8"):
            assert (await browser.get(f"/invoice/{strange}")).status_code == 404, strange
        assert (await browser.post("/find", data={"reference": "' or '1'='1"})).status_code == 404
        assert (await browser.post("/find", content=b"x" * 5000)).status_code == 413
        for method in ("POST", "PUT", "DELETE"):
            assert (await browser.request(method, "/parked")).status_code == 405
        assert before == [reading.story(house.house.db, row.id) for row in reading.all_invoices(house.house.db)]

        assert "http-equiv" not in today.text
        assert 'http-equiv="refresh" content="60"' in (await browser.get("/?refresh=60")).text
        assert "http-equiv" not in (await browser.get("/?refresh=1")).text
        for page in (today, hostile, await browser.get("/nowhere"), await browser.get("/enter")):
            head = page.headers
            assert head["content-security-policy"].startswith("default-src 'none'; style-src 'self'; form-action")
            assert (head["cache-control"], head["referrer-policy"]) == ("no-store", "no-referrer")
            assert "noindex" in head["x-robots-tag"] and head["x-frame-options"] == "DENY"
        assert (await browser.get("/healthz")).text == "ok"
        style = re.search(r'href="(/ops\.css[^"]*)"', today.text)
        assert style and (await browser.get(style.group(1))).headers["content-type"].startswith("text/css")

        with house.house.db.begin() as tx:
            tx.exec_driver_sql("ALTER TABLE bounces RENAME TO lost")
        broken = await browser.get("/")
        assert broken.status_code == 503 and "Something broke on our side" in broken.text
        assert house.events("ops.failed")[0]["error_type"] == "OperationalError"


async def test_a_closed_day_is_said_to_be_one_and_a_parked_delivery_is_due_for_nobody(tmp_path: Path) -> None:
    async with looked_at(tmp_path) as (house, browser):
        await enter(browser)
        house.invoice(5004, person(10004, "Berit Brudd", "berit+drop-unkept@privat.example"))
        await house.at(10, 30)
        assert house.state(5004) == "parked: sent_unknown"
        told = text_of(await browser.get("/"))
        assert "e-mail with link unknown 1 0 – 1" in told
        number = house.id_of(5004)
        for path in ("/parked", f"/invoice/{number}"):
            assert f"then: retry id:{number} --arrived | --never-arrived" in text_of(await browser.get(path))
        story = text_of(await browser.get(f"/invoice/{house.id_of(5001)}"))
        assert "first choice e-mail with link" in story and "to kari.ostby@privat.example" in story
        assert "no payment is matched to it" in story
        house.clock.turn(house.clock.now() + timedelta(days=3))  # Saturday
        await enter(browser)
        assert text_of(await browser.get("/")).count("Nothing has been run today (not a bank day).") == 2


async def test_without_a_token_there_is_no_page(tmp_path: Path) -> None:
    async with flow(tmp_path) as house:
        inside = house.house
        readiness = readiness_of(inside, clients=lambda: clients_of(inside), owner="me")
        server = ops_server(inside, vitals=Vitals(), readiness=readiness, clients=lambda: clients_of(inside))
        door = httpx.ASGITransport(server.config.app)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=door, base_url="http://ops") as browser:
            assert [(await browser.get(path)).status_code for path in (*PAGES, "/enter")] == [404] * 4
