"""What access points say, in our words, as tables."""

from __future__ import annotations

import errno
from typing import Any
from urllib.parse import unquote

import orjson
import pytest

from worker.adapters.access_point.folder import translate as folder
from worker.adapters.access_point.folder import wire as folder_wire
from worker.adapters.access_point.phoss_ap import translate, wire
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import OutsideError, Refused, TryLater, UnknownOutcome
from worker.ports import OutboundDocument, SubmissionState
from worker.support.http import AnswerLost, AnswerTooLarge, HttpResponse, NotSent

KEY = "550e8400-e29b-41d4-a716-446655440000"
QUEUED, DELIVERED, REFUSED = SubmissionState.QUEUED, SubmissionState.DELIVERED, SubmissionState.REFUSED


def answer(status: int, body: Any) -> HttpResponse:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return HttpResponse(status, {"content-type": "application/json"}, content)


def report(**values: Any) -> dict[str, Any]:
    return {"sbdhInstanceIdentifier": KEY, "sendingResult": "success", "overallSuccess": True, **values}


def test_the_submission_path_carries_whole_identifiers() -> None:
    path = wire.submit_path(OutboundDocument(
        key=KEY, kind=Kind.INVOICE, sender="0192:999999999", receiver="0192:986252932",
        document_type_id=DOCUMENT_TYPE_IDS[Kind.INVOICE], process_id=PROCESS_ID, country="NO", xml=b"<x/>",
    ))  # fmt: skip
    parts, _, query = path.partition("?")
    assert query == f"sbdhInstanceID={KEY}"
    assert "#" not in parts
    assert [unquote(part) for part in parts.split("/")] == [
        "", "api", "outbound", "submit", "iso6523-actorid-upis::0192:999999999", "iso6523-actorid-upis::0192:986252932",
        DOCUMENT_TYPE_IDS[Kind.INVOICE], PROCESS_ID, "NO",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "state", "known"),
    [
        (200, report(as4MessageId="m-1@ap"), DELIVERED, True),
        (200, {"sendingResult": "success", "sendingSuccess": True}, DELIVERED, True),
        (200, report(overallSuccess=False), QUEUED, True),
        (200, report(sendingResult="beamed"), DELIVERED, False),
        (422, report(overallSuccess=False, sendingResult="transport-error", sendingError="refused"), QUEUED, True),
        (422, report(overallSuccess=True), QUEUED, True),
        (422, report(overallSuccess=False, sendingResult="eaten-by-goat"), QUEUED, False),
    ],
)
def test_a_submission_taken(status: int, body: Any, state: SubmissionState, known: bool) -> None:
    submission = translate.submitted(answer(status, body), key=KEY)
    assert (submission.state, submission.known_word) == (state, known)
    assert submission.vendor_reference == body.get("as4MessageId", KEY)
    assert submission.answer.startswith(f"HTTP {status}")


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize("body", [b"", b"<html>", '"Failed to submit outbound transaction"', b"{}", b"[]", {"a": 1}])
def test_an_answer_without_a_report_is_unknown(status: int, body: Any) -> None:
    with pytest.raises(UnknownOutcome):
        translate.submitted(answer(status, body), key=KEY)


def test_a_bad_request_is_told_in_the_access_points_words() -> None:
    with pytest.raises(Refused) as caught:
        translate.submitted(answer(400, "Failed to parse the receiving participant ID 'x'"), key=KEY)
    assert "receiving participant" in caught.value.answer


@pytest.mark.parametrize(
    ("word", "state", "known"),
    [
        ("pending", QUEUED, True), ("sending", QUEUED, True), ("failed", QUEUED, True), ("sent", DELIVERED, True),
        ("rejected", REFUSED, True), ("permanently_failed", REFUSED, True), ("SENT", DELIVERED, True),
        ("teleported", QUEUED, False), ("", QUEUED, False),
    ],
)  # fmt: skip
def test_status_words(word: str, state: SubmissionState, known: bool) -> None:
    body = {"id": "tx-7", "sbdhInstanceID": KEY, "status": word, "errorDetails": "timeout"}
    submission = translate.status(answer(200, body), key=KEY)
    assert submission is not None
    assert (submission.state, submission.known_word, submission.vendor_reference) == (state, known, "tx-7")
    assert submission.answer.endswith("timeout")


@pytest.mark.parametrize(
    ("body", "never_seen"),
    [
        (b"", True), (b"  \n", True), (b'"not found"', True), (b'{"error":"Not Found"}', True),
        (b"<html>404</html>", False),
        (b'{"timestamp":"2026-01-01","status":404,"error":"Not Found","path":"/wrong"}', False),
    ],
)  # fmt: skip
def test_only_phoss_aps_own_404_means_never_seen(body: bytes, never_seen: bool) -> None:
    if never_seen:
        assert translate.status(answer(404, body), key=KEY) is None
    else:
        with pytest.raises(TryLater):
            translate.status(answer(404, body), key=KEY)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", {"status": None}, {"status": "sent", "sbdhInstanceID": "other"}]
)
def test_a_status_that_says_nothing_of_ours(body: Any) -> None:
    with pytest.raises(TryLater):
        translate.status(answer(200, body), key=KEY)


@pytest.mark.parametrize(
    ("trouble", "changing"),
    [(NotSent("x"), TryLater), (AnswerLost("x"), UnknownOutcome), (AnswerTooLarge("x"), UnknownOutcome)],
)
def test_no_answer(trouble: Any, changing: type[OutsideError]) -> None:
    assert type(translate.trouble(trouble, what="submit", changes=True)) is changing
    assert type(translate.trouble(trouble, what="status", changes=False)) is TryLater


# --- the folder -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected", "known"),
    [("delivered", DELIVERED, True), ("Delivered", DELIVERED, True), ("queued", QUEUED, True),
     ("refused", REFUSED, True), ("exploded", QUEUED, False)],
)  # fmt: skip
def test_receipt_words(state: str, expected: SubmissionState, known: bool) -> None:
    receipt = folder_wire.read_receipt(orjson.dumps({"state": state, "reference": "r-1", "message": "hei"}))
    submission = folder.from_receipt(receipt, key=KEY)
    assert (submission.state, submission.known_word, submission.vendor_reference) == (expected, known, "r-1")
    assert "hei" in submission.answer


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"state": 1}'])
def test_receipts_that_are_none(content: bytes) -> None:
    with pytest.raises(folder_wire.Unreadable):
        folder_wire.read_receipt(content)


@pytest.mark.parametrize(
    ("number", "visible", "expected", "words"),
    [
        (errno.ENOSPC, False, TryLater, "disk full"), (errno.EDQUOT, False, TryLater, "disk full"),
        (errno.EROFS, False, TryLater, "Read-only"), (errno.ENOSPC, True, UnknownOutcome, "disk full"),
    ],
)  # fmt: skip
def test_file_trouble(number: int, visible: bool, expected: type[OutsideError], words: str) -> None:
    error = folder.trouble(OSError(number, "Read-only file system", "/secret/path"), visible=visible)
    assert type(error) is expected
    assert words in error.message
    assert "secret" not in error.message
