"""What is phoss-ap's own: its answers one by one, and its 422. The rest: test_access_points.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import respx

from tests.contract.access_points import SELLER, at_once, ubl
from worker.adapters.access_point.phoss_ap import PhossAp
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.ports import AccessPoint, OutboundDocument, SubmissionState
from worker.sandbox import magic
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.support.http import HttpClient, Timeouts

pytestmark = pytest.mark.anyio

QUEUED, DELIVERED, REFUSED = SubmissionState.QUEUED, SubmissionState.DELIVERED, SubmissionState.REFUSED


def document(receiver: str = "986252932") -> OutboundDocument:
    return OutboundDocument(
        key=str(uuid4()), kind=Kind.INVOICE, sender=f"0192:{SELLER}", receiver=f"0192:{receiver}",
        document_type_id=DOCUMENT_TYPE_IDS[Kind.INVOICE], process_id=PROCESS_ID, country="NO", xml=ubl(receiver),
    )  # fmt: skip


# --- scripted ---------------------------------------------------------------------------------------


@pytest.fixture
def net() -> Any:
    with respx.mock(base_url="https://ap.test", assert_all_called=False) as router:
        yield router


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
def scripted(http: HttpClient, net: Any) -> PhossAp:
    return PhossAp(http=http, base_url="https://ap.test/", token="x-token-0815", sleep=at_once)


async def test_the_document_goes_byte_for_byte_under_our_key(scripted: PhossAp, net: Any) -> None:
    route = net.post(path__startswith="/api/outbound/submit/").respond(
        200, json={"overallSuccess": True, "sendingResult": "success", "as4MessageId": "m@ap"}
    )
    sent = document()
    submission = await scripted.submit(document=sent)
    assert (submission.state, submission.vendor_reference) == (DELIVERED, "m@ap")
    request = route.calls[0].request
    assert request.content == sent.xml
    assert request.headers["x-token"] == "x-token-0815"
    path, _, query = request.url.raw_path.decode().partition("?")
    assert query == f"sbdhInstanceID={sent.key}"
    assert path.startswith("/api/outbound/submit/iso6523-actorid-upis%3A%3A0192%3A999999999/iso6523-actorid-upis%3A")
    assert path.endswith("/NO")
    assert len(path.split("/")) == 9


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(400), Refused), (httpx.Response(413), Refused),
        (httpx.Response(401), AccessDenied), (httpx.Response(403), AccessDenied), (httpx.Response(404), AccessDenied),
        (httpx.Response(429, headers={"Retry-After": "9"}), SlowDown),
        (httpx.Response(500), UnknownOutcome), (httpx.Response(502), UnknownOutcome),
        (httpx.Response(503), UnknownOutcome), (httpx.Response(302), UnknownOutcome),
        (httpx.Response(200, content=b""), UnknownOutcome), (httpx.Response(422, json="Failed"), UnknownOutcome),
        (httpx.ConnectError("x"), TryLater), (httpx.ConnectTimeout("x"), TryLater),
        (httpx.ReadTimeout("x"), UnknownOutcome), (httpx.WriteTimeout("x"), UnknownOutcome),
        (httpx.ReadError("x"), UnknownOutcome), (httpx.RemoteProtocolError("x"), UnknownOutcome),
    ],
)  # fmt: skip
async def test_a_submission_is_sent_once_and_told_truly(
    scripted: PhossAp, net: Any, answer: Any, expected: type[OutsideError]
) -> None:
    route = net.post(path__startswith="/api/outbound/submit/").mock(side_effect=[answer])
    with pytest.raises(OutsideError) as caught:
        await scripted.submit(document=document())
    assert type(caught.value) is expected
    assert route.call_count == 1
    assert "0815" not in f"{caught.value.message}{caught.value.answer}"


async def test_status_is_asked_again_when_it_cannot_be_answered(scripted: PhossAp, net: Any) -> None:
    route = net.get("/api/outbound/status/k").mock(side_effect=[
        httpx.Response(500), httpx.ReadTimeout("x"),
        httpx.Response(200, json={"status": "sent", "sbdhInstanceID": "k"})])  # fmt: skip
    submission = await scripted.status(key="k")
    assert submission is not None
    assert submission.state is DELIVERED
    assert route.calls[0].request.url.query == b"includeArchive=true"


@pytest.mark.parametrize("answer", [httpx.Response(401), httpx.Response(500), httpx.Response(404, html="<p>nginx</p>")])
async def test_a_status_that_cannot_be_had_is_no_answer(scripted: PhossAp, net: Any, answer: httpx.Response) -> None:
    net.get("/api/outbound/status/k").mock(return_value=answer)
    with pytest.raises(TryLater):
        await scripted.status(key="k")


async def test_never_seen(scripted: PhossAp, net: Any) -> None:
    net.get("/api/outbound/status/k").respond(404)
    assert await scripted.status(key="k") is None


# --- the sandbox --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    folder = tmp_path_factory.mktemp("phoss-ap")
    async with Sandbox(World(now=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC)), folder=folder) as running:
        yield running


@pytest.fixture
async def access_point(sandbox: Sandbox) -> AsyncIterator[PhossAp]:
    adapter = PhossAp(
        http=HttpClient(timeouts=Timeouts(read=0.4)),
        base_url=sandbox.access_point_url,
        token=sandbox.access_point_token,
        sleep=at_once,
    )
    yield adapter
    await adapter.aclose()


async def follow(access_point: AccessPoint, sent: OutboundDocument) -> list[tuple[SubmissionState, bool] | None]:
    """Three looks at what became of it."""
    looks = [await access_point.status(key=sent.key) for _ in range(3)]
    return [None if look is None else (look.state, look.known_word) for look in looks]


S, SENT, GONE = (SubmissionState.QUEUED, True), (DELIVERED, True), (REFUSED, True)


@pytest.mark.parametrize(
    ("number", "first", "looks"),
    [
        (magic.AP_422_FAILS_FOR_GOOD, S, [S, GONE, GONE]),
        (magic.AP_422_THEN_SENT, S, [S, SENT, SENT]),
        (magic.AP_422_BUT_SENT, S, [SENT] * 3),
        (magic.AP_REJECTED, S, [GONE] * 3),
        (magic.AP_UNKNOWN_WORD, S, [(QUEUED, False), SENT, SENT]),
        (magic.AP_STATUS_500_ONCE, SENT, [SENT] * 3),
    ],
)
async def test_its_422_is_never_final(
    access_point: PhossAp, sandbox: Sandbox, number: str, first: Any, looks: list[Any]
) -> None:
    sent = document(number)
    submission = await access_point.submit(document=sent)
    assert (submission.state, submission.known_word) == first
    assert await follow(access_point, sent) == looks
    assert len([row for row in sandbox.world.ehf_submissions if row.key == sent.key]) == 1
