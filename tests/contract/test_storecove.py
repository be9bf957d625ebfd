"""What is Storecove's own: the body on the wire, its 422, and its queue. The rest: test_access_points.py."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
import respx

from tests.contract.access_points import REACHABLE, SELLER, Shelf, at_once, ubl
from worker.adapters.storecove import Storecove
from worker.adapters.storecove.client import NOTICES_AT_ONCE
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater, UnknownOutcome
from worker.ports import OutboundDocument, SubmissionState
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

KEY = "550e8400-e29b-41d4-a716-446655440000"
QUEUE, SUBMIT = "/webhook_instances/", "/document_submissions"


def document(receiver: str = f"0192:{REACHABLE}", tenant: str = "123", kind: Kind = Kind.INVOICE) -> OutboundDocument:
    return OutboundDocument(
        key=KEY, kind=kind, sender=f"0192:{SELLER}", receiver=receiver, document_type_id=DOCUMENT_TYPE_IDS[kind],
        process_id=PROCESS_ID, country="NO", xml=ubl(REACHABLE, kind=kind), tenant=tenant,
    )  # fmt: skip


def notice(word: str, number: int = 1, **changes: Any) -> httpx.Response:
    told = {"event_type": "document_submission", "event": word, "guid": "s-1", "idempotencyGuid": KEY, **changes}
    return httpx.Response(200, json={"guid": f"n-{number}", "body": json.dumps(told)})


@pytest.fixture
def net() -> Any:
    with respx.mock(base_url="https://storecove.test/api/v2", assert_all_called=False) as router:
        yield router


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


@pytest.fixture
def storecove(http: HttpClient, net: Any, shelf: Shelf) -> Storecove:
    base = "https://storecove.test/api/v2/"
    return Storecove(http=http, base_url=base, api_key="key-0815", shelf=shelf, sleep=at_once)


@pytest.mark.parametrize("kind", list(Kind))
async def test_the_body_on_the_wire(storecove: Storecove, net: Any, kind: Kind) -> None:
    route = net.post(SUBMIT).respond(200, json={"guid": "s-1"})
    sent = document(kind=kind)
    submission = await storecove.submit(document=sent)
    assert (submission.state, submission.vendor_reference) == (SubmissionState.SUBMITTED, "s-1")
    request = route.calls[0].request
    assert request.headers["authorization"] == "Bearer key-0815"
    body = orjson.loads(request.content)
    assert base64.b64decode(body["document"]["rawDocumentData"].pop("document")) == sent.xml
    assert body == {
        "legalEntityId": 123,
        "idempotencyGuid": KEY,
        "routing": {"eIdentifiers": [{"scheme": "NO:ORG", "id": REACHABLE}]},  # no e-mail address to fall back to
        "document": {"documentType": "invoice", "rawDocumentData": {"parse": True, "parseStrategy": "ubl"}},
    }


def fault(source: str, details: str) -> httpx.Response:
    return httpx.Response(422, json=[{"source": source, "details": details}])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (fault("idempotencyGuid", "has already been used"), None),
        (fault("", "A submission with this idempotency_guid exists"), None),
        (fault("document.invoice.invoiceLines", "can't be blank"), Refused),
        (fault("legalEntityId", "not found"), AccessDenied),
        (httpx.Response(422, json={"source": "document", "details": "bad"}), Refused),
        (httpx.Response(422, json=[]), UnknownOutcome),
        (httpx.Response(422, html="<p>nginx</p>"), UnknownOutcome),
        (httpx.Response(400), Refused), (httpx.Response(413), Refused),
        (httpx.Response(403), AccessDenied), (httpx.Response(404), AccessDenied),
        (httpx.Response(200, json={}), UnknownOutcome), (httpx.Response(201, json={"guid": "s-1"}), None),
        (httpx.ConnectError("x"), TryLater), (httpx.ReadTimeout("x"), UnknownOutcome),
    ],
)  # fmt: skip
async def test_a_submission_is_told_truly(
    storecove: Storecove, net: Any, answer: Any, expected: type[OutsideError] | None
) -> None:
    route = net.post(SUBMIT).mock(side_effect=[answer])
    net.get(QUEUE).respond(204)
    if expected is None:
        assert (await storecove.submit(document=document())).state is SubmissionState.SUBMITTED
    else:
        with pytest.raises(OutsideError) as caught:
            await storecove.submit(document=document())
        assert type(caught.value) is expected
    assert route.call_count == 1


async def test_a_refusal_is_not_believed_of_what_was_taken_before(storecove: Storecove, net: Any) -> None:
    """The vendor's words for a used key may not be those we know: its own news about the key are."""
    net.post(SUBMIT).mock(side_effect=[fault("base", "has been taken"), fault("base", "has been taken")])
    net.get(QUEUE).mock(side_effect=[notice("succeeded"), httpx.Response(204), *[httpx.Response(500)] * 3])
    net.delete(f"{QUEUE}n-1").respond(204)
    again = await storecove.submit(document=document())
    assert (again.state, again.vendor_reference) == (SubmissionState.DELIVERED, "s-1")
    with pytest.raises(UnknownOutcome):
        await storecove.submit(document=document())


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"tenant": ""}, AccessDenied), ({"tenant": "abc"}, AccessDenied), ({"receiver": "0002:552100554"}, Refused)],
)
async def test_what_cannot_be_addressed_is_never_sent(
    storecove: Storecove, net: Any, given: dict[str, Any], expected: type[OutsideError]
) -> None:
    with pytest.raises(expected):
        await storecove.submit(document=document(**given))
    assert not net.calls


async def test_news_are_kept_before_they_are_taken_off_the_queue(storecove: Storecove, net: Any, shelf: Shelf) -> None:
    """The deletion fails: it is told again, and kept once."""
    net.get(QUEUE).mock(side_effect=[notice("succeeded"), notice("succeeded"), httpx.Response(204)])
    gone = net.delete(f"{QUEUE}n-1").mock(side_effect=[httpx.Response(500), httpx.Response(404)])
    told = await storecove.status(key=KEY)
    assert told is not None
    assert (told.state, told.vendor_reference) == (SubmissionState.DELIVERED, "s-1")
    assert gone.call_count == 2
    assert list(shelf.kept) == ["n-1"]


async def test_what_is_about_something_else_is_kept_and_does_not_block_the_queue(
    storecove: Storecove, net: Any, shelf: Shelf
) -> None:
    strange = [
        notice("received", 1, event_type="received_document"),
        httpx.Response(200, json={"guid": "n-2", "body": "<html>"}),
        httpx.Response(200, json={"guid": "n-3", "body": None}),
        notice("failed", 4, idempotencyGuid=KEY.upper(), details="no such receiver"),
        notice("succeeded", 5, idempotencyGuid="another", guid="s-2"),
    ]
    net.get(QUEUE).mock(side_effect=[*strange, httpx.Response(204)])
    net.delete(path__regex=r".*/webhook_instances/n-\d").respond(204)
    told = await storecove.status(key=KEY)
    assert told is not None
    assert (told.state, told.answer) == (SubmissionState.REFUSED, "failed: no such receiver")
    assert len(shelf.kept) == 5


async def test_a_queue_without_end_is_left(storecove: Storecove, net: Any) -> None:
    net.get(QUEUE).mock(side_effect=lambda _: notice("succeeded", net.calls.call_count, idempotencyGuid="another"))
    net.delete(path__regex=r".*/webhook_instances/n-\d+").respond(204)
    assert await storecove.status(key=KEY) is None
    assert net.calls.call_count == 2 * NOTICES_AT_ONCE


@pytest.mark.parametrize(
    ("words", "state", "code", "known"),
    [
        (["succeeded", "accepted"], SubmissionState.DELIVERED, "AP", True),
        (["acknowledged", "succeeded"], SubmissionState.DELIVERED, "AB", True),  # they may come in any order
        (["in_process"], SubmissionState.DELIVERED, "IP", True),
        (["failed", "rejected"], SubmissionState.DELIVERED, "RE", True),  # who answers has received it
        (["cleared"], SubmissionState.SUBMITTED, None, True),
        (["cleared", "no_action_taken"], SubmissionState.REFUSED, None, True),
        (["teleported"], SubmissionState.QUEUED, None, False),
        (["teleported", "SUCCEEDED"], SubmissionState.DELIVERED, None, True),
        (["succeeded", "teleported"], SubmissionState.DELIVERED, None, False),
    ],
)
async def test_the_kept_news_together(
    storecove: Storecove, net: Any, words: list[str], state: SubmissionState, code: str | None, known: bool
) -> None:
    net.get(QUEUE).mock(side_effect=[*(notice(word, n) for n, word in enumerate(words)), httpx.Response(204)])
    net.delete(path__regex=r".*/webhook_instances/n-\d").respond(204)
    told = await storecove.status(key=KEY)
    assert told is not None
    assert (told.state, told.response and told.response.code, told.known_word) == (state, code, known)


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (httpx.Response(404), SubmissionState.SUBMITTED),
        (httpx.Response(200, json={"evidence": {"message_id": "m@ap"}}), SubmissionState.DELIVERED),
    ],
)
async def test_without_news_the_evidence_tells(
    storecove: Storecove, net: Any, answer: httpx.Response, state: SubmissionState
) -> None:
    net.get(QUEUE).respond(204)
    net.get(f"{SUBMIT}/s-1/evidence/sending").mock(return_value=answer)
    told = await storecove.status(key=KEY, reference="s-1")
    assert told is not None
    assert (told.state, told.vendor_reference) == (state, "s-1")
