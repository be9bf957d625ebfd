"""What every access point adapter must do, whoever the vendor is. `python -m tests.contract.table` shows the table.

A case an adapter cannot meet is named with its reason, not skipped: see `but`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.contract.access_points import NAMES, Way, ways
from tests.support.faulty_line import Fault
from worker.model.document import Kind
from worker.model.outcomes import AccessDenied, Refused, SlowDown, TryLater, UnknownOutcome
from worker.model.receiver import Weight
from worker.ports import OutboundDocument, Submission, SubmissionState

pytestmark = pytest.mark.anyio

QUEUED, SUBMITTED, DELIVERED, REFUSED = SubmissionState
TAKEN = {QUEUED, SUBMITTED, DELIVERED}
NO_LINE = "there is no line: what a crash leaves is told in test_access_point_folder.py"
LOOKS = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the table. `but`: who is not asked, and why."""

    title: str
    but: Mapping[str, str]


CASES: dict[str, Case] = {}


def case(title: str, **but: str) -> Callable[[Callable[..., Any]], Any]:
    """Asks it of every adapter but those named (`phoss_ap="reason"`)."""

    def mark(test: Callable[..., Any]) -> Any:
        CASES[test.__name__] = Case(title, {name.replace("_", "-"): reason for name, reason in but.items()})
        return pytest.mark.parametrize("way", [n for n in NAMES if n not in CASES[test.__name__].but], indirect=True)(
            test
        )

    return mark


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def all_ways(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[dict[str, Way]]:
    async with ways(tmp_path_factory.mktemp("access-points")) as found:
        yield found


@pytest.fixture
def way(all_ways: dict[str, Way], request: pytest.FixtureRequest) -> Way:
    return all_ways[request.param]


async def looks(way: Way, document: OutboundDocument, sent: Submission) -> list[Submission]:
    """The first answer and what is said after it, look by look, until it is final."""
    seen = [sent]
    while len(seen) < LOOKS and seen[-1].state is not REFUSED:
        told = await way.adapter.status(key=document.key, reference=seen[-1].vendor_reference, tenant=way.tenant)
        assert told is not None
        seen.append(told)
    return seen


async def submit(way: Way, document: OutboundDocument) -> Submission:
    return await way.adapter.submit(document=document)


async def ask(way: Way, document: OutboundDocument, reference: str = "") -> Submission | None:
    return await way.adapter.status(key=document.key, reference=reference, tenant=way.tenant)


async def safe_to_send(way: Way, document: OutboundDocument) -> None:
    """Never seen, so sending again is right; it then arrives once."""
    assert await ask(way, document) is None
    assert way.held(document) == []
    assert (await submit(way, document)).state in TAKEN
    assert way.held(document) == [document.xml]


@case("never seen before it is sent")
async def test_never_seen(way: Way) -> None:
    assert await ask(way, way.document()) is None


@case("accepted: held once, byte for byte")
@pytest.mark.parametrize("kind", list(Kind))
async def test_accepted(way: Way, kind: Kind) -> None:
    document = way.document(kind=kind)
    sent = await submit(way, document)
    assert sent.state in TAKEN
    assert sent.known_word
    assert way.held(document) == [document.xml]


@case("receipt of the receiver's access point")
async def test_receipt(way: Way) -> None:
    document = way.document("arrives later")
    sent = await submit(way, document)
    assert sent.state in {QUEUED, SUBMITTED}, "not delivered before the receipt"
    way.receipt(document, state="delivered", reference="as4-1")
    seen = await looks(way, document, sent)
    assert seen[-1].state is DELIVERED
    assert seen[-1].vendor_reference


@case("refused at once", folder="a folder refuses nothing; whoever empties it answers by receipt")
async def test_refused_at_once(way: Way) -> None:
    document = way.document("is refused at once")
    assert type(await way.error(submit(way, document))) is Refused
    assert way.held(document) == []


@case("refused later")
async def test_refused_later(way: Way) -> None:
    document = way.document("is refused later")
    sent = await submit(way, document)
    assert sent.state in {QUEUED, SUBMITTED}
    way.receipt(document, state="refused", message="ukjent mottaker")
    seen = await looks(way, document, sent)
    assert (seen[-1].state, seen[-1].known_word) == (REFUSED, True)


@case("line cut after it was taken: one question, no further send", folder=NO_LINE)
async def test_line_cut_after_accept(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    before = way.line.sends
    with way.line.on("send", Fault.CUT_AFTER):
        assert type(await way.error(submit(way, document))) is UnknownOutcome
    told = await ask(way, document)
    assert told is not None
    assert told.state in TAKEN
    assert way.line.sends == before + 1
    assert way.held(document) == [document.xml]


@case("line cut before it arrived: never seen, safe to send", folder=NO_LINE)
async def test_never_arrived(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", Fault.CUT_BEFORE):
        assert type(await way.error(submit(way, document))) is UnknownOutcome
    await safe_to_send(way, document)


@case("asked before it is sent again: has it already")
async def test_asked_first(way: Way) -> None:
    document = way.document()
    sent = await submit(way, document)
    for reference in ("", sent.vendor_reference):
        told = await ask(way, document, reference)
        assert told is not None
        assert told.state in TAKEN


@case("sent twice all the same: has it already, which is done", phoss_ap="makes a message of every send: asked first")
async def test_duplicate(way: Way) -> None:
    document = way.document()
    await submit(way, document)
    again = await submit(way, document)
    assert again.state in TAKEN
    assert again.known_word
    assert way.held(document) == [document.xml]


@case("429: slow down for as long as they say, nothing done", folder=NO_LINE)
async def test_throttled(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", Fault.THROTTLED):
        error = await way.error(submit(way, document))
    assert isinstance(error, SlowDown)
    assert error.retry_after == 7.0
    with way.line.on("question", Fault.THROTTLED):
        assert isinstance(await way.error(ask(way, document)), SlowDown)
    await safe_to_send(way, document)


@case("5xx before it was taken", folder=NO_LINE)
async def test_error_before(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", Fault.ERROR_BEFORE):
        assert type(await way.error(submit(way, document))) is UnknownOutcome
    await safe_to_send(way, document)


@case("5xx after it was taken", folder=NO_LINE)
async def test_error_after(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    before = way.line.sends
    with way.line.on("send", Fault.ERROR_AFTER):
        assert type(await way.error(submit(way, document))) is UnknownOutcome
    told = await ask(way, document)
    assert told is not None
    assert told.state in TAKEN
    assert way.line.sends == before + 1
    assert way.held(document) == [document.xml]


@case("a status nobody has heard of: waiting, with an alarm")
async def test_invented_status(way: Way) -> None:
    document = way.document("gets an invented status")
    sent = await submit(way, document)
    way.receipt(document, state="teleported")
    seen = await looks(way, document, sent)
    strange = [told.state for told in seen if not told.known_word]
    assert strange
    assert set(strange) == {QUEUED}


@case(
    "our keys refused: nobody is served, nothing done",
    folder="has no keys; without rights: test_access_point_folder.py",
)
async def test_access_denied(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", Fault.DENIED):
        assert type(await way.error(submit(way, document))) is AccessDenied
    with way.line.on("question", Fault.DENIED):
        assert isinstance(await way.error(ask(way, document)), TryLater)
    await safe_to_send(way, document)


@case("hostile answers prove nothing: HTML, endless, another shape, another host", folder=NO_LINE)
@pytest.mark.parametrize("fault", [Fault.HTML, Fault.HUGE, Fault.NONSENSE, Fault.REDIRECT])
async def test_hostile_answers(way: Way, fault: Fault) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", fault):
        assert type(await way.error(submit(way, document))) is UnknownOutcome
    with way.line.on("question", fault):
        assert isinstance(await way.error(ask(way, document)), TryLater)
    await safe_to_send(way, document)


@case("no secret in any error, also when the answer quotes it", folder="has no secret")
async def test_no_secret_in_errors(way: Way) -> None:
    document = way.document()
    assert way.line is not None
    with way.line.on("send", Fault.ECHO), way.line.on("question", Fault.ECHO):
        await way.error(submit(way, document))
        await way.error(ask(way, document))
    assert not [secret for secret in way.secrets if secret in repr(way.adapter)]


@case("the receiver turns it down after the receipt: delivered, and told")
async def test_turned_down(way: Way) -> None:
    document = way.document("is turned down")
    sent = await submit(way, document)
    way.receipt(document, state="delivered", mls="RE", message="no such endpoint")
    told = (await looks(way, document, sent))[-1]
    assert told.state is DELIVERED
    assert told.response is not None
    assert (told.response.code, told.response.weight) == ("RE", Weight.REOPENS)


@case("the receiver passes it on or accepts it: delivered, and told")
async def test_passed_on(way: Way) -> None:
    document = way.document("is passed on")
    sent = await submit(way, document)
    way.receipt(document, state="delivered", invoice_response="ap")
    told = (await looks(way, document, sent))[-1]
    assert told.state is DELIVERED
    assert told.response is not None
    assert (told.response.code, told.response.weight) == ("AP", Weight.GOOD)
