"""Maventa's line and its EHF: tokens by company, the form, the vendor's own words. What every access point must do
is asked in test_access_points.py, eFaktura in test_maventa_efaktura.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import httpx
import pytest
import respx

from tests.support.maventa import (
    BUYER,
    COMPANY,
    KEY,
    OTHER,
    URL,
    Naps,
    Served,
    document,
    one_http,
    parts,
    scripted,
    served,
    told,
)
from worker.adapters.maventa import MaventaAccessPoint
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.model.receiver import Source
from worker.ports import SubmissionState
from worker.sandbox import magic
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

QUEUED, SUBMITTED, DELIVERED, REFUSED = SubmissionState
NOT_FOUND = {"code": "not_found", "message": "none"}


# --- scripted ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[HttpClient]:
    async with one_http() as client:
        yield client


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
def net() -> Any:
    with respx.mock(base_url=URL, assert_all_called=False) as router:
        token = {"access_token": "t-0815", "token_type": "bearer", "expires_in": 3600}
        router.post("/oauth2/token", name="token").respond(200, json=token)
        yield router


@pytest.fixture
def access_point(net: Any, naps: Naps, http: HttpClient) -> MaventaAccessPoint:
    return MaventaAccessPoint(scripted(naps, http))


async def test_the_company_is_the_client_of_the_token(access_point: MaventaAccessPoint, net: Any) -> None:
    net.get(path__startswith="/v1/invoices/").respond(404, json=NOT_FOUND)
    for tenant in (COMPANY, COMPANY, str(uuid4())):
        assert await access_point.status(key=KEY, tenant=tenant) is None
    asked = [dict(parse_qsl(call.request.content.decode())) for call in net["token"].calls]
    assert [form.pop("client_id") == COMPANY for form in asked] == [True, False]  # one a company, used again
    assert asked[0] == {
        "client_secret": "user-secret-4711",
        "vendor_api_key": "vendor-secret-4712",
        "grant_type": "client_credentials",
        "scope": "lookup invoice:send",
    }


async def test_a_token_that_is_turned_down_is_renewed_once(access_point: MaventaAccessPoint, net: Any) -> None:
    route = net.post("/v1/invoices").mock(side_effect=[httpx.Response(401), httpx.Response(201, json=told())])
    submission = await access_point.submit(document=document(key=KEY))
    assert (submission.state, submission.known_word, submission.vendor_reference) == (QUEUED, True, KEY)
    assert net["token"].call_count == 2
    assert route.calls[0].request.content == route.calls[1].request.content


async def test_a_token_is_renewed_before_it_runs_out(access_point: MaventaAccessPoint, net: Any, naps: Naps) -> None:
    net.get(path__startswith="/v1/invoices/").respond(404, json=NOT_FOUND)
    for seconds, tokens in ((0, 1), (3500, 1), (50, 2)):
        naps.now += seconds
        await access_point.status(key=KEY, tenant=COMPANY)
        assert net["token"].call_count == tokens


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(401, json={"code": "invalid_client", "message": "user-secret-4711"}), AccessDenied),
        (httpx.Response(404, html="<p>nginx</p>"), AccessDenied),
        (httpx.Response(429, headers={"Retry-After": "120"}), SlowDown),
        (httpx.Response(500), TryLater),
        (httpx.Response(200, json={"expires_in": 1}), TryLater),
        (httpx.ReadTimeout("x"), TryLater),
    ],
)
async def test_without_a_token_nothing_is_sent(
    access_point: MaventaAccessPoint, net: Any, answer: Any, expected: type[OutsideError]
) -> None:
    net["token"].mock(side_effect=[answer] * 5)
    upload = net.post("/v1/invoices")
    with pytest.raises(OutsideError) as caught:
        await access_point.submit(document=document())
    assert type(caught.value) is expected
    assert upload.call_count == 0
    assert "secret" not in f"{caught.value.message}{caught.value.answer}"


async def test_a_client_without_a_company_sends_nothing(access_point: MaventaAccessPoint, net: Any) -> None:
    with pytest.raises(AccessDenied, match="no company"):
        await access_point.submit(document=document(tenant=""))
    assert len(net.calls) == 0


async def test_an_ehf_goes_byte_for_byte_and_by_no_other_route(access_point: MaventaAccessPoint, net: Any) -> None:
    route = net.post("/v1/invoices").respond(201, json=told())
    sent = document(key=KEY)
    await access_point.submit(document=sent)
    fields = parts(route.calls[0].request)
    assert fields.pop("file") == [(f"{KEY}.xml", sent.xml)]
    assert {name: [value.decode() for _, value in values] for name, values in fields.items()} == {
        "format": ["PEPPOLBIS30"],
        "uuid": [KEY],
        "recipient_type": ["b2b"],
        "recipient_eia": [f"0192:{BUYER}"],
        "disabled_routes[]": ["print", "email"],
    }
    assert route.calls[0].request.headers["authorization"] == "Bearer t-0815"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(400, json={"code": "invalid_parameters", "message": "eia does not exist"}), Refused),
        (httpx.Response(422, html="<p>no</p>"), Refused),
        (httpx.Response(422, json={"code": "x", "message": "uuid has already been taken"}), UnknownOutcome),
        (httpx.Response(409, json={"code": "conflict", "message": "no"}), UnknownOutcome),
        (httpx.Response(403), AccessDenied),
        (httpx.Response(404), AccessDenied),
        (httpx.Response(408), UnknownOutcome),
        (httpx.Response(200, json={"id": KEY}), UnknownOutcome),
        (httpx.ConnectError("x"), TryLater),
    ],
)
async def test_an_upload_is_sent_once_and_told_truly(
    access_point: MaventaAccessPoint, net: Any, answer: Any, expected: type[OutsideError]
) -> None:
    """Whatever is refused is asked for first; here Maventa does not know the UUID."""
    route = net.post("/v1/invoices").mock(side_effect=[answer])
    net.get(f"/v1/invoices/{KEY}").respond(404, json=NOT_FOUND)
    with pytest.raises(OutsideError) as caught:
        await access_point.submit(document=document(key=KEY))
    assert type(caught.value) is expected
    assert route.call_count == 1


async def test_a_refused_upload_that_is_there_is_what_it_has_become(access_point: MaventaAccessPoint, net: Any) -> None:
    net.post("/v1/invoices").respond(400, json={"code": "e17", "message": "in Finnish"})
    net.get(f"/v1/invoices/{KEY}").mock(
        side_effect=[httpx.Response(200, json=told("DELIVERED")), *[httpx.Response(500)] * 3]
    )
    assert (await access_point.submit(document=document(key=KEY))).state is DELIVERED
    with pytest.raises(UnknownOutcome, match="cannot be asked"):
        await access_point.submit(document=document(key=KEY))


async def test_while_maventa_asks_for_quiet_nobody_sends(
    access_point: MaventaAccessPoint, net: Any, naps: Naps
) -> None:
    def throttled(seconds: int) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": str(seconds)})

    net.post("/v1/invoices").mock(side_effect=[throttled(20), httpx.Response(201, json=told()), throttled(900)])
    with pytest.raises(SlowDown) as caught:
        await access_point.submit(document=document(key=KEY))
    assert caught.value.retry_after == 20
    await access_point.submit(document=document(key=KEY))
    assert naps.slept == [20]
    with pytest.raises(SlowDown):
        await access_point.submit(document=document())
    calls = len(net.calls)
    with pytest.raises(SlowDown, match="pause"):  # longer than one waits here: not even asked
        await access_point.submit(document=document())
    assert len(net.calls) == calls


SENT, THERE = ("SENT", "EINVOICE", ""), ("DELIVERED", "EINVOICE", "")
WRONG = ("ERROR", "EINVOICE", "No such participant; ask ola@x.example")


@pytest.mark.parametrize(
    ("row", "state", "known"),
    [
        (told("PENDING"), QUEUED, True),
        (told("pending"), QUEUED, True),
        (told("SENT", SENT), SUBMITTED, True),
        (told("SENT", SENT, THERE), DELIVERED, True),
        (told("DELIVERED", SENT, THERE), DELIVERED, True),
        (told("FAILED", SENT, WRONG), REFUSED, True),
        (told("ERROR", WRONG), REFUSED, True),
        (told("TELEPORTED"), QUEUED, False),
        (told("DELIVERED", ("SENT", "PRINT", "")), DELIVERED, False),  # by a route that was switched off
        (told("SENT", ("SENT", "EMAIL", "")), SUBMITTED, False),
    ],
)
async def test_their_words_and_an_alarm_for_what_should_not_be(
    access_point: MaventaAccessPoint, net: Any, row: dict[str, Any], state: SubmissionState, *, known: bool
) -> None:
    net.get(f"/v1/invoices/{KEY}").respond(200, json=row)
    found = await access_point.status(key=KEY, tenant=COMPANY)
    assert found is not None
    assert (found.state, found.known_word, found.response) == (state, known, None)
    assert "ola@" not in found.answer
    assert ("No such participant" in found.answer) is (state is REFUSED)


@pytest.mark.parametrize(
    ("row", "source", "code"),
    [
        (told("FAILED", SENT, THERE, WRONG), Source.MLS, "RE"),
        (told("DECLINED", SENT), Source.INVOICE_RESPONSE, "RE"),
        (told("ACCEPTED", SENT), Source.INVOICE_RESPONSE, "AP"),
        (told("DISPUTED", SENT), Source.INVOICE_RESPONSE, "UQ"),
        (told("PAID", SENT), Source.INVOICE_RESPONSE, "PD"),
    ],
)
async def test_what_comes_after_the_receipt_is_the_receivers_word(
    access_point: MaventaAccessPoint, net: Any, row: dict[str, Any], source: Source, code: str
) -> None:
    net.get(f"/v1/invoices/{KEY}").respond(200, json=row)
    found = await access_point.status(key=KEY, tenant=COMPANY)
    assert found is not None
    assert found.response is not None
    assert (found.state, found.response.source, found.response.code) == (DELIVERED, source, code)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, html="<p>nginx</p>"),
        httpx.Response(404, json={"message": "Not Found"}),
        httpx.Response(200, json={}),
        httpx.Response(200, json=told(key=COMPANY)),
    ],
)
async def test_a_status_that_cannot_be_had_is_no_answer(
    access_point: MaventaAccessPoint, net: Any, answer: httpx.Response
) -> None:
    net.get(f"/v1/invoices/{KEY}").mock(return_value=answer)
    with pytest.raises(TryLater):
        await access_point.status(key=KEY, tenant=COMPANY)


async def test_what_had_a_reference_and_is_gone_is_not_sent_again(access_point: MaventaAccessPoint, net: Any) -> None:
    net.get(path__startswith="/v1/invoices/").respond(404, json=NOT_FOUND)
    with pytest.raises(UnknownOutcome, match="before"):
        await access_point.status(key=KEY, reference=KEY, tenant=COMPANY)


async def test_another_id_than_ours_is_an_alarm_and_asked_for_by_theirs(
    access_point: MaventaAccessPoint, net: Any
) -> None:
    net.post("/v1/invoices").respond(201, json=told(key="their-own-1"))
    submission = await access_point.submit(document=document(key=KEY))
    assert (submission.state, submission.known_word, submission.vendor_reference) == (QUEUED, False, "their-own-1")
    net.get("/v1/invoices/their-own-1").respond(200, json=told("DELIVERED", key="their-own-1"))
    found = await access_point.status(key=KEY, reference="their-own-1", tenant=COMPANY)
    assert found is not None
    assert found.state is DELIVERED


# --- the sandbox --------------------------------------------------------------------------------------


@pytest.fixture
async def there(tmp_path: Path, http: HttpClient) -> AsyncIterator[Served]:
    async with served(tmp_path, http) as running:
        yield running


async def test_a_company_sends_as_itself_and_sees_its_own(there: Served) -> None:
    theirs = there.world.maventa.open_company(OTHER)
    access_point = MaventaAccessPoint(there.line)
    sent = document(tenant=there.tenant)
    await access_point.submit(document=sent)
    assert await access_point.status(key=sent.key, tenant=theirs) is None
    found = await access_point.status(key=sent.key, tenant=there.tenant)
    assert found is not None
    assert found.state is DELIVERED
    again = await access_point.submit(document=sent)  # known by its UUID: answered, and not sent twice
    assert (again.state, len(there.world.ehf_submissions)) == (DELIVERED, 1)
    with pytest.raises(Refused, match="400"):
        await access_point.submit(document=document(tenant=theirs))
    with pytest.raises(AccessDenied, match="keys"):
        await access_point.submit(document=document(tenant=str(uuid4())))


async def test_who_is_not_in_the_network_gets_nothing_by_another_route(there: Served) -> None:
    sent = document("399103007", tenant=there.tenant)
    access_point = MaventaAccessPoint(there.line)
    await access_point.submit(document=sent)
    found = await access_point.status(key=sent.key, tenant=there.tenant)
    assert found is not None
    assert (found.state, found.known_word, there.world.accepted_ehf) == (REFUSED, True, [])


Q, S, D, R, N = (QUEUED, True), (SUBMITTED, True), (DELIVERED, True), (REFUSED, True), None


@pytest.mark.parametrize(
    ("number", "first", "looks"),
    [
        (magic.HOSTED_RECEIPT_LATER, Q, [Q, S, D]),
        (magic.HOSTED_REFUSED_LATER, Q, [S, R, R]),
        (magic.AP_REJECTED, Q, [R, R, R]),
        (magic.AP_422_FAILS_FOR_GOOD, Q, [Q, R, R]),
        (magic.AP_401_ONCE, Q, [D, D, D]),
        (magic.AP_STATUS_500_ONCE, Q, [D, D, D]),
        (magic.HOSTED_429_ONCE, SlowDown, [N, N, N]),
        (magic.AP_503_ONCE, UnknownOutcome, [N, N, N]),
        (magic.AP_500_ONCE, UnknownOutcome, [N, N, N]),
        (magic.AP_TIMEOUT_AFTER_ACCEPT, UnknownOutcome, [D, D, D]),
        (magic.AP_TIMEOUT_BEFORE_ACCEPT, UnknownOutcome, [N, N, N]),
    ],
)
async def test_trouble_in_the_sandbox(there: Served, number: str, first: Any, looks: list[Any]) -> None:
    access_point = MaventaAccessPoint(there.line)
    sent = document(number, tenant=there.tenant)
    if isinstance(first, type):
        with pytest.raises(first):
            await access_point.submit(document=sent)
    else:
        submission = await access_point.submit(document=sent)
        assert (submission.state, submission.known_word) == first
    found = [await access_point.status(key=sent.key, tenant=there.tenant) for _ in range(3)]
    assert [one and (one.state, one.known_word) for one in found] == looks
    if looks[0] is None:  # never seen: sending it again is right
        assert (await access_point.submit(document=sent)).state is QUEUED
    assert len(there.world.ehf_submissions) == 1


async def test_an_access_that_is_taken_away_is_told_as_such(there: Served) -> None:
    there.world.maventa.unauthorized_next = 2
    with pytest.raises(AccessDenied, match="company is verified"):
        await MaventaAccessPoint(there.line).status(key=KEY, tenant=there.tenant)
