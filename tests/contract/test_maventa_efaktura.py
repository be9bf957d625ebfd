"""eFaktura by way of Maventa: who is looked up and how, what goes to the bank, what comes back."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import respx

from tests.support.maventa import (
    COMPANY,
    KEY,
    PDF,
    SELLER,
    URL,
    Naps,
    Served,
    efaktura,
    one_http,
    parts,
    person,
    scripted,
    served,
    told,
)
from worker.adapters.maventa import MaventaConsumerChannel
from worker.model.channel import Reach
from worker.model.outcomes import Refused, UnknownOutcome
from worker.ports import ConsumerInvoice, SubmissionState
from worker.sandbox.magic import ConsumerMagic
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

QUEUED, SUBMITTED, DELIVERED, REFUSED = SubmissionState


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[HttpClient]:
    async with one_http() as client:
        yield client


@pytest.fixture
def net() -> Any:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        router.post("/oauth2/token").respond(200, json={"access_token": "t-0815", "expires_in": 3600})
        yield router


@pytest.fixture
def channel(net: Any, http: HttpClient) -> MaventaConsumerChannel:
    return MaventaConsumerChannel(scripted(Naps(), http))


# --- sending ----------------------------------------------------------------------------------------


async def test_payment_data_and_pdf_go_in_one_archive(channel: MaventaConsumerChannel, net: Any) -> None:
    route = net.post("/v1/invoices").respond(201, json=told())
    invoice = efaktura("9578-4000-1", key=KEY)
    submission = await channel.send(invoice=invoice)
    assert (submission.state, submission.known_word) == (QUEUED, True)
    fields = parts(route.calls[0].request)
    ((name, content),) = fields.pop("file")
    assert name == f"{KEY}.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {"invoice.xml": invoice.xml, "invoice.pdf": PDF}
    assert {name: [value.decode() for _, value in values] for name, values in fields.items()} == {
        "format": ["PEPPOLBIS30"],
        "uuid": [KEY],
        "recipient_type": ["consumer"],
        "route_order[]": ["netbank"],
        "recipient_efaktura_id": ["9578-4000-1"],
        "b2cno_document_type": ["INVOICE"],
        "disabled_routes[]": ["print", "email"],
    }


@pytest.mark.parametrize("reference", ["", "17054026641", "a\r\nb", "x" * 65])
async def test_it_goes_to_an_identifier_only(channel: MaventaConsumerChannel, net: Any, reference: str) -> None:
    """17054026641 is a national identity number: neither kept nor sent."""
    with pytest.raises(Refused, match="identifier") as caught:
        await channel.send(invoice=efaktura(reference))
    assert len(net.calls) == 0
    assert not reference or reference not in f"{caught.value.message}{caught.value.answer}"


async def test_a_no_after_the_bank_had_it_is_a_refusal(channel: MaventaConsumerChannel, net: Any) -> None:
    """For EHF it would be the receiver's word: there the document has arrived. Here nobody sees it."""
    actions = [("SENT", "EINVOICE", ""), ("DELIVERED", "EINVOICE", ""), ("ERROR", "EINVOICE", "Blocked by receiver")]
    net.get(f"/v1/invoices/{KEY}").respond(200, json=told("FAILED", *actions))
    found = await channel.status(tenant=COMPANY, key=KEY)
    assert found is not None
    assert (found.state, found.response, found.answer) == (REFUSED, None, "status FAILED: Blocked by receiver")


# --- looking up -------------------------------------------------------------------------------------


BY_MAIL, BY_PHONE = {"email": "kari@privat.example"}, {"phone_number": "+4792233444"}
NAME = {"first_name": "Kari Anne", "last_name": "Østby"}


@pytest.mark.parametrize(
    ("card", "asked"),
    [
        ({}, {**BY_MAIL, **BY_PHONE, **NAME}),
        ({"name": "Østby,  Kari Anne", "phone": ""}, {**BY_MAIL, **NAME}),
        ({"email": "", "phone": "+46 70 123 45 67"}, {"phone_number": "+46701234567", **NAME}),
        ({"phone": "0047 92233444", "name": "Østby"}, {**BY_MAIL, **BY_PHONE, "last_name": "Østby"}),
        ({"phone": "12"}, {**BY_MAIL, **NAME}),
    ],
)
async def test_a_person_is_looked_up_by_what_the_card_says(
    channel: MaventaConsumerChannel, net: Any, card: dict[str, str], asked: dict[str, str]
) -> None:
    route = net.get(path="/v1/lookup/consumers").mock(return_value=registry("RECEIVING", "9578-4000-1"))
    answer = await channel.lookup(tenant=COMPANY, issuer=SELLER, consumer=person(**card))
    assert (answer.reach, answer.reference) == (Reach.YES, "9578-4000-1")
    query = parse_qs(urlsplit(str(route.calls[0].request.url)).query)
    place = {"postal_code": "0487", "city": "OSLO", "routes[]": "yes2all"}
    assert {name: values[0] for name, values in query.items()} == {**asked, **place}
    for words in ("kari", "Østby", "92233444", "0487", "9578"):  # the evidence is kept and logged
        assert words not in answer.evidence
    assert "email" in answer.evidence or "phone" in answer.evidence


@pytest.mark.parametrize("card", [{"email": "", "phone": ""}, {"name": ""}, {"email": "no address", "phone": "x"}])
async def test_a_card_that_points_at_nobody_is_a_no(
    channel: MaventaConsumerChannel, net: Any, card: dict[str, str]
) -> None:
    answer = await channel.lookup(tenant=COMPANY, issuer=SELLER, consumer=person(**card))
    assert answer.reach is Reach.NO
    assert len(net.calls) == 0


def registry(status: str, identifier: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"routes": {"yes2all": {"status": status, "efaktura_identifier": identifier}}})


@pytest.mark.parametrize(
    ("answer", "reach"),
    [
        (registry("NOT_RECEIVING"), Reach.NO),
        (registry("NOT_AVAILABLE"), Reach.NO),
        (registry("TEMPORARY_UNAVAILABLE"), Reach.UNKNOWN),
        (registry("PERHAPS", "1-2-3"), Reach.UNKNOWN),
        (registry("RECEIVING"), Reach.UNKNOWN),
        (registry("RECEIVING", "17054026641"), Reach.UNKNOWN),
        (httpx.Response(200, json={"routes": {"vipps": {"status": "RECEIVING"}}}), Reach.UNKNOWN),
        (httpx.Response(200, json=[{}, {}]), Reach.UNKNOWN),
        (httpx.Response(200, html="<p>hi</p>"), Reach.UNKNOWN),
        (httpx.Response(404, json={"code": "not_found", "message": "none"}), Reach.NO),
        (httpx.Response(404, html="<p>nginx</p>"), Reach.UNKNOWN),
        (httpx.Response(422, json={"code": "multiple_matches", "message": "x"}), Reach.NO),
        (httpx.Response(400, json={"code": "invalid_parameters", "message": "x"}), Reach.UNKNOWN),
        (httpx.Response(401), Reach.UNKNOWN),
        (httpx.Response(429), Reach.UNKNOWN),
        (httpx.Response(500), Reach.UNKNOWN),
        (httpx.ReadTimeout("x"), Reach.UNKNOWN),
    ],
)
async def test_only_one_clear_word_about_one_person_counts(
    channel: MaventaConsumerChannel, net: Any, answer: Any, reach: Reach
) -> None:
    net.get(path="/v1/lookup/consumers").mock(side_effect=[answer] * 3)
    found = await channel.lookup(tenant=COMPANY, issuer=SELLER, consumer=person())
    assert (found.reach, found.reference) == (reach, "")
    assert "17054026641" not in repr(found)


# --- the sandbox --------------------------------------------------------------------------------------


@pytest.fixture
async def there(tmp_path: Path, http: HttpClient) -> AsyncIterator[Served]:
    async with served(tmp_path, http) as running:
        yield running


async def test_looking_people_up(there: Served) -> None:
    channel = MaventaConsumerChannel(there.line)
    expected = {
        ConsumerMagic.RECEIVES: Reach.YES,
        ConsumerMagic.NOT_RECEIVING: Reach.NO,
        ConsumerMagic.SEVERAL: Reach.NO,
        ConsumerMagic.UNAVAILABLE: Reach.UNKNOWN,
        ConsumerMagic.STRANGE: Reach.UNKNOWN,
        ConsumerMagic.BROKEN: Reach.UNKNOWN,
        ConsumerMagic.NATIONAL: Reach.UNKNOWN,
        "nobody": Reach.NO,
    }
    found: dict[str, Reach] = {}
    for word in expected:
        card = person(f"kari+{word}@privat.example")
        answer = await channel.lookup(tenant=there.tenant, issuer=SELLER, consumer=card)
        assert bool(answer.reference) is (answer.reach is Reach.YES)
        found[word] = answer.reach
    assert found == expected


async def test_an_efaktura_reaches_the_bank_and_may_come_back(there: Served) -> None:
    """All the ways of one: arrived, known by its key, turned down at once and later, answer lost."""
    taken = there.world.maventa.efaktura
    channel = MaventaConsumerChannel(there.line)

    async def for_person(word: ConsumerMagic) -> ConsumerInvoice:
        card = person(f"kari+{word}@privat.example")
        answer = await channel.lookup(tenant=there.tenant, issuer=SELLER, consumer=card)
        return efaktura(answer.reference, tenant=there.tenant)

    async def looks(key: str) -> list[SubmissionState | None]:
        found = [await channel.status(tenant=there.tenant, key=key) for _ in range(3)]
        return [one and one.state for one in found]

    fine = await for_person(ConsumerMagic.RECEIVES)
    assert (await channel.send(invoice=fine)).state is QUEUED
    assert await looks(fine.key) == [DELIVERED] * 3
    assert (await channel.send(invoice=fine)).state is DELIVERED  # known by its key: shown once
    (row,) = taken
    assert (row.amount, row.due_date, (there.folder / row.file).read_bytes()) == ("312.50", "2026-12-09", PDF)

    late = await for_person(ConsumerMagic.REJECTED_LATER)
    await channel.send(invoice=late)
    assert await looks(late.key) == [SUBMITTED, SUBMITTED, REFUSED]

    never = await for_person(ConsumerMagic.REFUSED)
    with pytest.raises(Refused):
        await channel.send(invoice=never)
    assert await looks(never.key) == [None] * 3

    silent = await for_person(ConsumerMagic.TIMEOUT_AFTER_ACCEPT)
    with pytest.raises(UnknownOutcome):
        await channel.send(invoice=silent)
    assert await looks(silent.key) == [DELIVERED] * 3
    assert [row.key for row in taken] == [fine.key, late.key, silent.key]
