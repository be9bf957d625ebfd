"""The sandbox's Peppol network over real sockets: name server, SMP, access point, and every reserved participant."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import httpx
import pytest

from worker.model.document import Kind
from worker.model.ehf import etree
from worker.model.party import PostalAddress, organisation_number
from worker.sandbox import magic
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World, peppol_label

pytestmark = pytest.mark.anyio

SELLER, BUYER = "986252932", "974760673"
INVOICE_TYPE = (
    "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice"
    "##urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0::2.1"
)
CREDIT_TYPE = INVOICE_TYPE.replace("Invoice-2::Invoice", "CreditNote-2::CreditNote")
PROCESS = "cenbii-procid-ubl::urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"
SMP_NS = "{http://busdox.org/serviceMetadata/publishing/1.0/}"


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncGenerator[Sandbox]:
    world = World(now=lambda: datetime(2026, 3, 2, 10, 30, tzinfo=UTC))
    world.register_peppol(f"0192:{BUYER}")
    async with Sandbox(world, folder=tmp_path, hold_seconds=5.0) as running:
        yield running


def document(buyer: str = BUYER, kind: Kind = Kind.INVOICE) -> bytes:
    return build_ehf(
        kind=kind,
        number="10045",
        issue_date=date(2026, 3, 2),
        due_date=date(2026, 3, 16),
        seller=BuilderParty("Nordlys Snekkeri AS", SELLER, PostalAddress("Storgata 1", "", "0155", "Oslo", "NO")),
        buyer=BuilderParty("Fjellheim Bygg AS", buyer, PostalAddress("Nygata 2", "", "5003", "Bergen", "NO")),
        lines=[BuilderLine("Kjøkkenbenk", price=Decimal(1000))],
        credited_number="10044" if kind is Kind.CREDIT_NOTE else "",
    )


# --- the name server -----------------------------------------------------------------------------


async def ask(sandbox: Sandbox, number: str, record: str = "NAPTR", patience: float = 2.0) -> dns.message.Message:
    host, port = sandbox.dns_address
    name = f"{peppol_label(f'0192:{number}')}.iso6523-actorid-upis.{sandbox.dns_zone}"
    return await dns.asyncquery.udp(dns.message.make_query(name, record), host, timeout=patience, port=port)


def test_the_label_is_the_documented_one() -> None:
    assert peppol_label("9915:test") == "eh5boavaktmbgzyh2a63dz4qov33fvp5nsdvqklucfraayoodw6a"
    assert peppol_label("0192:986252932") == "jgpa45e5tp5qnma3c3xuxv6v4ze4lhdyw6al2hzyu3nrlufx3d3a"


async def test_a_registered_participant_has_a_naptr_record(sandbox: Sandbox) -> None:
    reply = await ask(sandbox, BUYER)
    assert (reply.rcode(), bool(reply.flags & dns.flags.AA)) == (dns.rcode.NOERROR, True)
    record = next(iter(reply.answer[0]))
    assert record.to_text() == '100 10 "U" "Meta:SMP" "!.*!https://smp.sandbox.test/!" .'


async def test_nobody_else_has_one(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, "923609016")).rcode() == dns.rcode.NXDOMAIN
    sandbox.world.unregister_peppol(f"0192:{BUYER}")
    assert (await ask(sandbox, BUYER)).rcode() == dns.rcode.NXDOMAIN


async def test_other_zones_are_refused_and_other_records_are_empty(sandbox: Sandbox) -> None:
    host, port = sandbox.dns_address
    query = dns.message.make_query("participant.sml.prod.tech.peppol.org", "NAPTR")
    assert (await dns.asyncquery.udp(query, host, timeout=2, port=port)).rcode() == dns.rcode.REFUSED
    reply = await ask(sandbox, BUYER, "A")
    assert (reply.rcode(), reply.answer) == (dns.rcode.NOERROR, [])


async def test_noise_is_not_answered_and_does_no_harm(sandbox: Sandbox) -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=sandbox.dns_address)
    transport.sendto(b"not a query")
    transport.close()
    assert (await ask(sandbox, BUYER)).rcode() == dns.rcode.NOERROR


async def test_reserved_participants_of_the_name_server(sandbox: Sandbox) -> None:
    assert (await ask(sandbox, magic.DNS_SERVFAIL)).rcode() == dns.rcode.SERVFAIL
    empty = await ask(sandbox, magic.DNS_EMPTY)
    assert (empty.rcode(), empty.answer) == (dns.rcode.NOERROR, [])
    other = next(iter((await ask(sandbox, magic.DNS_OTHER_SERVICE)).answer[0]))
    assert '"Meta:SMP"' not in other.to_text()
    with pytest.raises(dns.exception.Timeout):
        await ask(sandbox, magic.DNS_TIMEOUT, patience=0.2)


def test_reserved_organisation_numbers_are_valid_and_real_to_nobody() -> None:
    reserved = magic.SMP_MAGIC | magic.ACCESS_POINT_MAGIC
    assert len(reserved) == len(magic.SMP_MAGIC) + len(magic.ACCESS_POINT_MAGIC) == 22
    assert all(organisation_number(number) == number and number.startswith("399000") for number in reserved)


# --- the SMP -------------------------------------------------------------------------------------


async def smp(sandbox: Sandbox, number: str, rest: str = "", accept: str = "text/xml") -> httpx.Response:
    async with httpx.AsyncClient(base_url=sandbox.smp_url) as http:
        return await http.get(f"/iso6523-actorid-upis%3A%3A0192%3A{number}{rest}", headers={"Accept": accept})


async def document_types(sandbox: Sandbox, number: str) -> set[str]:
    group = etree.fromstring((await smp(sandbox, number)).content)
    links = [str(link.get("href")) for link in group.iter(f"{SMP_NS}ServiceMetadataReference")]
    return {unquote(link.rpartition("/services/")[2]) for link in links}


async def test_a_service_group_lists_what_the_participant_receives(sandbox: Sandbox) -> None:
    response = await smp(sandbox, BUYER)
    assert response.headers["content-type"].startswith("text/xml")
    types = await document_types(sandbox, BUYER)
    assert {INVOICE_TYPE, CREDIT_TYPE} < types
    assert any("Order-2" in name for name in types)


async def test_kinds_are_registered_apart(sandbox: Sandbox) -> None:
    assert (await document_types(sandbox, magic.SMP_INVOICE_ONLY)) & {INVOICE_TYPE, CREDIT_TYPE} == {INVOICE_TYPE}
    assert not (await document_types(sandbox, magic.SMP_ORDERS_ONLY)) & {INVOICE_TYPE, CREDIT_TYPE}


async def test_service_metadata_names_process_and_endpoint(sandbox: Sandbox) -> None:
    told = await smp(sandbox, BUYER, f"/services/{quote(INVOICE_TYPE, safe='')}")
    metadata = etree.fromstring(told.content)
    assert metadata.tag == f"{SMP_NS}SignedServiceMetadata"
    assert metadata.find(f".//{SMP_NS}Endpoint").get("transportProfile") == "peppol-transport-as4-v2_0"
    missing = await smp(sandbox, magic.SMP_INVOICE_ONLY, f"/services/{quote(CREDIT_TYPE, safe='')}")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("accept", "status"),
    [("application/xml", 406), ("text/xml", 200), ("*/*", 200), ("application/xml, */*;q=0.1", 200)],
)
async def test_elmas_way_with_accept(sandbox: Sandbox, accept: str, status: int) -> None:
    assert (await smp(sandbox, BUYER, accept=accept)).status_code == status


async def test_reserved_and_unknown_participants_of_the_smp(sandbox: Sandbox) -> None:
    assert (await smp(sandbox, "923609016")).status_code == 404
    assert (await smp(sandbox, magic.SMP_404)).status_code == 404
    assert (await smp(sandbox, magic.SMP_500)).status_code == 500
    page = await smp(sandbox, magic.SMP_HTML)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (await smp(sandbox, BUYER, "//services")).status_code == 400
    async with httpx.AsyncClient(base_url=sandbox.smp_url, timeout=0.2) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.get(f"/iso6523-actorid-upis%3A%3A0192%3A{magic.SMP_TIMEOUT}")


# --- the access point ----------------------------------------------------------------------------


async def submit(
    sandbox: Sandbox,
    content: bytes,
    *,
    key: str = "6f0c2c0e-0d3a-4b3f-9a57-2f5d8f0a1b11",
    receiver: str = BUYER,
    sender: str = SELLER,
    document_type: str = INVOICE_TYPE,
    token: str | None = None,
    patience: float = 3.0,
) -> httpx.Response:
    ids = (f"iso6523-actorid-upis::0192:{sender}", f"iso6523-actorid-upis::0192:{receiver}", document_type, PROCESS)
    path = "/".join(quote(part, safe="") for part in ids)
    async with httpx.AsyncClient(base_url=sandbox.access_point_url, timeout=patience) as http:
        return await http.post(
            f"/api/outbound/submit/{path}/NO?sbdhInstanceID={key}&custom1=inv-1",
            content=content,
            headers={"X-Token": sandbox.access_point_token if token is None else token},
        )


async def status(
    sandbox: Sandbox, key: str = "6f0c2c0e-0d3a-4b3f-9a57-2f5d8f0a1b11", archive: bool = True, token: str | None = None
) -> httpx.Response:
    async with httpx.AsyncClient(base_url=sandbox.access_point_url) as http:
        query = "?includeArchive=true" if archive else ""
        headers = {"X-Token": sandbox.access_point_token if token is None else token}
        return await http.get(f"/api/outbound/status/{key}{query}", headers=headers)


async def words(sandbox: Sandbox, polls: int) -> list[str]:
    return [(await status(sandbox)).json()["status"] for _ in range(polls)]


async def test_a_document_is_sent_and_kept_byte_for_byte(sandbox: Sandbox) -> None:
    content = document()
    report = (await submit(sandbox, content)).json()
    assert (report["sendingResult"], report["overallSuccess"]) == ("success", True)
    row = sandbox.world.accepted_ehf[0]
    assert (row.sender, row.receiver) == (f"0192:{SELLER}", f"0192:{BUYER}")
    assert row.sha256 == hashlib.sha256(content).hexdigest()
    assert (sandbox.folder / row.file).read_bytes() == content
    assert row.file == f"ehf/{row.key}.xml"
    told = (await status(sandbox)).json()
    assert (told["status"], told["custom1"], told["sbdhInstanceID"]) == ("sent", "inv-1", row.key)


async def test_ids_go_with_or_without_scheme(sandbox: Sandbox) -> None:
    bare = INVOICE_TYPE.removeprefix("busdox-docid-qns::")
    assert (await submit(sandbox, document(), document_type=bare)).status_code == 200


async def test_a_credit_note_has_its_own_type(sandbox: Sandbox) -> None:
    note = document(kind=Kind.CREDIT_NOTE)
    assert (await submit(sandbox, note)).status_code == 400
    assert (await submit(sandbox, note, document_type=CREDIT_TYPE)).status_code == 200


async def test_what_does_not_fit_the_document_is_refused(sandbox: Sandbox) -> None:
    content = document()
    answers = [
        await submit(sandbox, content, sender="974760673"),
        await submit(sandbox, content, receiver="923609016"),
        await submit(sandbox, content, key="no/../way"),
        await submit(sandbox, b"<html>"),
        await submit(sandbox, b""),
        await submit(sandbox, b"<Invoice/>"),
        await submit(sandbox, content.replace(b"?>", b"?><!DOCTYPE Invoice>", 1)),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    assert sandbox.world.ehf_submissions == []
    assert list(sandbox.ehf_folder.iterdir()) == []


async def test_a_wrong_token_opens_nothing(sandbox: Sandbox) -> None:
    assert (await submit(sandbox, document(), token="wrong")).status_code == 401
    assert (await status(sandbox, token="wrong")).status_code == 401
    assert sandbox.world.ehf_submissions == []


async def test_status_of_an_unknown_key_and_of_the_archive(sandbox: Sandbox) -> None:
    assert (await status(sandbox)).status_code == 404
    await submit(sandbox, document())
    assert (await status(sandbox, archive=False)).status_code == 404
    assert (await status(sandbox)).status_code == 200


async def test_the_same_key_twice_is_sent_twice(sandbox: Sandbox) -> None:
    for _ in range(2):
        await submit(sandbox, document())
    assert len(sandbox.world.accepted_ehf) == 2
    assert len(list(sandbox.ehf_folder.iterdir())) == 2


@pytest.mark.parametrize(
    ("receiver", "told", "accepted"),
    [
        (magic.AP_422_FAILS_FOR_GOOD, ["failed", "permanently_failed", "permanently_failed"], 0),
        (magic.AP_422_THEN_SENT, ["failed", "sent", "sent"], 1),
        (magic.AP_422_BUT_SENT, ["sent", "sent"], 1),
        (magic.AP_REJECTED, ["rejected"], 0),
        (magic.AP_UNKNOWN_WORD, ["teleported", "sent", "sent"], 1),
    ],
)
async def test_receivers_whose_documents_take_another_course(
    sandbox: Sandbox, receiver: str, told: list[str], accepted: int
) -> None:
    response = await submit(sandbox, document(receiver), receiver=receiver)
    assert response.status_code == 422
    assert response.json()["overallSuccess"] is False
    assert await words(sandbox, len(told)) == told
    assert (len(sandbox.world.accepted_ehf), len(sandbox.world.ehf_submissions)) == (accepted, 1)


@pytest.mark.parametrize(
    ("receiver", "code"), [(magic.AP_500_ONCE, 500), (magic.AP_401_ONCE, 401), (magic.AP_503_ONCE, 503)]
)
async def test_receivers_that_fail_once_with_nothing_taken(sandbox: Sandbox, receiver: str, code: int) -> None:
    assert (await submit(sandbox, document(receiver), receiver=receiver)).status_code == code
    assert (await status(sandbox)).status_code == 404
    assert (await submit(sandbox, document(receiver), receiver=receiver)).status_code == 200


async def test_a_receiver_that_is_always_refused(sandbox: Sandbox) -> None:
    for _ in range(2):
        response = await submit(sandbox, document(magic.AP_400), receiver=magic.AP_400)
        assert response.status_code == 400
    assert sandbox.world.ehf_submissions == []


@pytest.mark.parametrize(
    ("receiver", "taken"), [(magic.AP_TIMEOUT_AFTER_ACCEPT, 1), (magic.AP_TIMEOUT_BEFORE_ACCEPT, 0)]
)
async def test_receivers_that_are_not_answered_for(sandbox: Sandbox, receiver: str, taken: int) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await submit(sandbox, document(receiver), receiver=receiver, patience=0.2)
    assert (await status(sandbox)).status_code == (200 if taken else 404)
    assert len(sandbox.world.accepted_ehf) == taken
    assert (await submit(sandbox, document(receiver), receiver=receiver)).status_code == 200


async def test_a_status_that_fails_once(sandbox: Sandbox) -> None:
    await submit(sandbox, document(magic.AP_STATUS_500_ONCE), receiver=magic.AP_STATUS_500_ONCE)
    assert [(await status(sandbox)).status_code for _ in range(2)] == [500, 200]


async def test_a_held_request_ends_by_itself(tmp_path: Path) -> None:
    options: dict[str, Any] = {"folder": tmp_path, "hold_seconds": 0.1}
    async with Sandbox(World(now=lambda: datetime(2026, 3, 2, tzinfo=UTC)), **options) as sandbox:
        started = time.monotonic()
        receiver = magic.AP_TIMEOUT_AFTER_ACCEPT
        assert (await submit(sandbox, document(receiver), receiver=receiver)).status_code == 504
        assert time.monotonic() - started < 1.5
