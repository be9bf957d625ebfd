"""The log of a whole day tells nothing about anybody, and every line is JSON with a constant event."""

from __future__ import annotations

import asyncio
import re
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import privacy
from tests.support.flow import DAY, Debtor, Flow, business, client_plan, flow, person
from worker.demo.debtors import open_invoice
from worker.sandbox import magic
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
CAST = {
    5001: (business(20001, "Ålesund Øyriker AS", email="post@oyriker.example"), None),
    5002: (person(10001, "Kari Østby", "kari.ostby@privat.example"), None),
    5003: (person(10002, "Ola Nordmann", "ola+refused@privat.example"), None),
    5004: (person(10003, "Berit Brudd", "berit+drop@privat.example"), None),
    5005: (person(10004, "Grete Grå", "grete+greylisted@privat.example"), None),
    5006: (Debtor(20002, "Avvist Drift AS", magic.AP_422_FAILS_FOR_GOOD, "post@avvist.example"), None),
    5007: (Debtor(20003, "Ukjent Word AS", magic.AP_UNKNOWN_WORD, "post@word.example"), None),
    5008: (Debtor(20004, "Dårlig Id AS", magic.AP_400, "post@darlig.example"), None),
    5009: (Debtor(20005, "Ukjent Oppslag AS", magic.DNS_SERVFAIL, "post@oppslag.example"), None),
    5010: (person(10005, "Hanne Html", "hanne@privat.example"), "ehf_html"),
    5011: (person(10006, "Nils Nei", "nils@privat.example"), "delivered_refused"),
    5012: (person(10007, "Tuva Tapt", "tuva@privat.example"), "delivered_500_after_accept"),
    5013: (person(10008, "Per Brev", ""), None),
}


async def test_a_whole_day_and_the_letter_after_it(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik", EMAIL_CHANNEL="pdf")) as house:
        for number, (debtor, trouble) in CAST.items():
            house.invoice(number, debtor, reachable=number == 5001, trouble=trouble)
        house.invoice(8101, person(10009, "Solveig Hjelle", "solveig@privat.example"), client="fjordvik")
        house.erp("fjordvik").trouble.unauthorized_mid_run = 2
        house.world.print_house.disk_full_next = 1
        async with house.portal():
            await house.at(8)
            for minute in (10, 20, 40):
                await house.at(8, minute)
            wrong = await _guess(house)
            await open_invoice(house.world, house.sandbox.folder, "5005")
            house.erp().trouble.list_refused_next = 1
            await house.at(10, 30)
            await house.at(15, 30)
            house.erp("fjordvik").trouble.token_refused = True
            for day in (DAY + timedelta(days=1), date(2026, 11, 30)):
                await house.at(8, day=day)
                await house.at(15, 30, day=day)
        found = house.searched(privacy.Thing("code", wrong))
        assert found.hits == []
        print(f"0 hits over {found.lines} lines, {found.things} things looked for")  # noqa: T201 - for whoever runs it with -s
        assert found.lines > 200
        assert set(found.kinds) >= {
            "name", "part of a name", "address", "address of a delivery", "e-mail", "phone", "KID", "account",
            "organisation number", "token", "code", "key", "mail header",
        }, "everything was looked for"  # fmt: skip
        for line in house.log():
            assert EVENT.fullmatch(line["event"]), line
            assert line["level"] in ("info", "warning", "error")
            assert "dropped" not in line, "a field nobody has judged harmless was written"
        said = {line["event"] for line in house.log()}
        assert said >= {
            "run.started", "run.done", "invoice.fetched", "invoice.checked", "invoice.stamped", "invoice.registered",
            "invoice.routed", "invoice.parked", "invoice.warning", "delivery.attempted", "delivery.next_channel",
            "delivery.unopened", "delivery.unknown_vendor_word", "postback.attempted", "portal.code_tried",
            "erp.list_failed",
        }, "the day was full enough to prove anything"  # fmt: skip


async def _guess(house: Flow) -> str:
    """A wrong code, addresses that are none, and requests that are no HTTP. Returns the code."""
    link, code = house.link_and_code("5002")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": link.partition("/i/")[0]}
    async with HttpClient() as http:
        await http.request("POST", link, headers=form, content=f"code={wrong}".encode())
        await http.request("GET", link.replace("/i/", "/nowhere/"))
        await http.request("POST", f"{link}/kode", headers=form, content=b"")
    address = urlsplit(link)
    for line in (f"GET {address.path} HTTP/7.1", f"GET {address.path} and more HTTP/1.1", f"POST {address.path}"):
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(f"{line}\r\nHost: x\r\nContent-Length: {link}\r\n\r\n".encode())
        assert b" 400 " in await asyncio.wait_for(reader.read(100), 5)
        writer.close()
        await writer.wait_closed()
    return wrong
