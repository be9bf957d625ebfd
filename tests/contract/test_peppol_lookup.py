"""PeppolLookup against a real name server on UDP and an SMP, scripted or over the sandbox's sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dns.rcode
import httpx
import pytest
import respx

from tests.support.name_server import GROUP, NAME, REACHABLE, SMP, WHO, ZONE, Zone, looking_up
from worker.adapters.peppol import PeppolLookup
from worker.model.channel import Reach
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS
from worker.ports import ReachLookup
from worker.sandbox import magic
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.support.http import HttpClient, Timeouts

pytestmark = pytest.mark.anyio

INVOICE = DOCUMENT_TYPE_IDS[Kind.INVOICE]


@pytest.fixture
def net() -> Any:
    with respx.mock(assert_all_called=False) as router:
        yield router


async def test_yes_by_the_whole_road(net: Any) -> None:
    smp = net.get(host="193.69.12.1").respond(200, content=GROUP)
    async with looking_up(REACHABLE) as (peppol, server):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
        other = await peppol.lookup(participant=WHO, kind=Kind.CREDIT_NOTE)
    assert (answer.reach, answer.participant, answer.document_type) == (Reach.YES, WHO, INVOICE)
    assert other.reach is Reach.NO
    assert answer.evidence == "SMP smp.example; SMP: the document type is one of 1 registered"
    assert (answer.name, answer.smp, answer.repeats_for) == (NAME, "smp.example", 0)
    assert server.asked[0] == f"NAPTR {NAME}"
    request = smp.calls[0].request
    assert request.url.raw_path == b"/iso6523-actorid-upis%3A%3A0192%3A986252932"
    assert request.headers["host"] == "smp.example"
    assert request.headers["accept"] == "text/xml"
    assert request.extensions["sni_hostname"] == "smp.example"  # the certificate must be the name's, not the address's


async def test_the_override_keeps_the_path_and_asks_for_no_address(net: Any) -> None:
    smp = net.get("http://127.0.0.1:9/deep/iso6523-actorid-upis%3A%3A0192%3A986252932").respond(404)
    zone: Zone = {(NAME, "NAPTR"): [SMP.replace("smp.example/", "smp.example/deep/")]}
    async with looking_up(zone, override="http://127.0.0.1:9") as (peppol, server):
        assert (await peppol.lookup(participant=WHO, kind=Kind.INVOICE)).reach is Reach.NO
    assert smp.call_count == 1
    assert server.asked == [f"NAPTR {NAME}"]


@pytest.mark.parametrize(
    ("zone", "rcode", "reach", "words"),
    [
        ({}, None, Reach.NO, "NXDOMAIN"),
        ({(NAME, "TXT"): ['"x"']}, None, Reach.UNKNOWN, "without NAPTR"),
        ({(NAME, "NAPTR"): [SMP.replace("Meta:SMP", "Meta:CERT")]}, None, Reach.UNKNOWN, "no NAPTR record for"),
        ({(NAME, "NAPTR"): [SMP.replace("https", "http")]}, None, Reach.UNKNOWN, "https"),
        ({(NAME, "NAPTR"): [SMP.replace("smp.example", "127.0.0.1")]}, None, Reach.UNKNOWN, "host name"),
        ({(NAME, "NAPTR"): [SMP]}, None, Reach.UNKNOWN, "no address"),
        (REACHABLE | {("smp.example.", "A"): ["10.0.0.5"]}, None, Reach.UNKNOWN, "not public"),
        (REACHABLE | {("smp.example.", "A"): ["193.69.12.1", "127.0.0.1"]}, None, Reach.UNKNOWN, "not public"),
        (REACHABLE | {("smp.example.", "AAAA"): ["::1"]}, None, Reach.UNKNOWN, "not public"),
        ({}, dns.rcode.SERVFAIL, Reach.UNKNOWN, "DNS"),
        ({}, dns.rcode.REFUSED, Reach.UNKNOWN, "DNS"),
    ],
)
async def test_what_the_dns_says(net: Any, zone: Zone, rcode: dns.rcode.Rcode | None, reach: Reach, words: str) -> None:
    anything = net.route().respond(200, content=GROUP)
    async with looking_up(zone, rcode=rcode) as (peppol, _):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is reach
    assert words in answer.evidence
    assert not anything.called


async def test_how_long_a_no_may_be_repeated_is_told() -> None:
    """The lesser of the SOA's own time and its last number (RFC 2308 § 5)."""
    zone: Zone = {(f"{ZONE}.", "SOA"): [f"ns.{ZONE}. mail.{ZONE}. 1 3600 600 86400 900"]}
    async with looking_up(zone) as (peppol, _):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert (answer.reach, answer.repeats_for) == (Reach.NO, 900)


async def test_no_name_server_at_all_is_unknown() -> None:
    peppol = PeppolLookup(http=HttpClient(), zone=ZONE, dns_server=("127.0.0.1", 1), dns_seconds=0.3)
    answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    await peppol.aclose()
    assert answer.reach is Reach.UNKNOWN


@pytest.mark.parametrize(
    "participant", ["", "986252932", "0192:", "0192:1/../x", "iso6523-actorid-upis::0192:986252932"]
)
async def test_what_is_no_participant_is_not_asked_about(participant: str) -> None:
    async with looking_up({}) as (peppol, server):
        assert (await peppol.lookup(participant=participant, kind=Kind.INVOICE)).reach is Reach.UNKNOWN
    assert server.asked == []


@pytest.mark.parametrize(
    ("answers", "reach", "calls"),
    [
        ([httpx.Response(200, content=GROUP)], Reach.YES, 1),
        ([httpx.Response(404)], Reach.NO, 1),
        ([httpx.Response(503), httpx.Response(200, content=GROUP)], Reach.YES, 2),
        ([httpx.ReadTimeout("x"), httpx.Response(200, content=GROUP)], Reach.YES, 2),
        ([httpx.Response(500), httpx.Response(500)], Reach.UNKNOWN, 2),
        ([httpx.ConnectError("x"), httpx.ConnectError("x")], Reach.UNKNOWN, 2),
        ([httpx.Response(302, headers={"Location": "https://evil.example/"})], Reach.UNKNOWN, 1),
        ([httpx.Response(406)], Reach.UNKNOWN, 1),
        ([httpx.Response(200, content=b"<html/>")], Reach.UNKNOWN, 1),
        ([httpx.Response(200, content=b"<ServiceGroup>" + b" " * 2**20)] * 2, Reach.UNKNOWN, 2),
    ],
)
async def test_what_the_smp_says(net: Any, answers: list[Any], reach: Reach, calls: int) -> None:
    smp = net.get(host="193.69.12.1").mock(side_effect=answers)
    async with looking_up(REACHABLE) as (peppol, _):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is reach
    assert smp.call_count == calls


async def test_the_next_address_is_tried_when_one_does_not_answer_the_door(net: Any) -> None:
    net.get(host="193.69.12.1").mock(side_effect=httpx.ConnectError("x"))
    second = net.get(host="193.69.12.2").respond(200, content=GROUP)
    zone: Zone = REACHABLE | {("smp.example.", "A"): ["193.69.12.1", "193.69.12.2"]}
    async with looking_up(zone) as (peppol, _):
        assert (await peppol.lookup(participant=WHO, kind=Kind.INVOICE)).reach is Reach.YES
    assert second.called


# --- over the sandbox's sockets -----------------------------------------------------------------------


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    world = World(now=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC))
    world.register_peppol(WHO)
    async with Sandbox(world, folder=tmp_path) as running:
        yield running


@pytest.fixture
async def peppol(sandbox: Sandbox) -> AsyncIterator[PeppolLookup]:
    lookup = PeppolLookup(
        http=HttpClient(timeouts=Timeouts(read=0.3)), zone=sandbox.dns_zone, dns_server=sandbox.dns_address,
        smp_override=sandbox.smp_url, dns_seconds=0.5, attempts=1,
    )  # fmt: skip
    yield lookup
    await lookup.aclose()


Y, N, U = Reach.YES, Reach.NO, Reach.UNKNOWN


@pytest.mark.parametrize(
    ("number", "invoice", "credit_note"),
    [
        ("986252932", Y, Y), ("999999999", N, N), (magic.DNS_SERVFAIL, U, U), (magic.DNS_TIMEOUT, U, U),
        (magic.DNS_EMPTY, U, U), (magic.DNS_OTHER_SERVICE, U, U), (magic.SMP_500, U, U), (magic.SMP_HTML, U, U),
        (magic.SMP_404, N, N), (magic.SMP_TIMEOUT, U, U), (magic.SMP_INVOICE_ONLY, Y, N), (magic.SMP_ORDERS_ONLY, N, N),
    ],
)  # fmt: skip
async def test_against_the_sandbox(peppol: PeppolLookup, number: str, invoice: Reach, credit_note: Reach) -> None:
    port: ReachLookup = peppol
    answers = await asyncio.gather(*(port.lookup(participant=f"0192:{number}", kind=kind) for kind in Kind))
    assert [answer.reach for answer in answers] == [invoice, credit_note]
