"""Storecove's words into ours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from worker.adapters.storecove import wire
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.model.receiver import Response, Source, response
from worker.ports import Checked, Notice, Submission, SubmissionState
from worker.support.http import HttpResponse, HttpTrouble, NotSent

_S = SubmissionState

# How the sending went. `no_action_taken`: no way to the receiver. `cleared`: by a tax authority, not yet sent.
SENDING_WORDS: Final[dict[str, SubmissionState]] = {
    "succeeded": _S.DELIVERED,
    "failed": _S.REFUSED,
    "no_action_taken": _S.REFUSED,
    "cleared": _S.SUBMITTED,
}

# The debtor's Invoice Response, in Storecove's words.
RESPONSE_WORDS: Final[dict[str, str]] = {
    "acknowledged": "AB",
    "in_process": "IP",
    "under_query": "UQ",
    "conditionally_accepted": "CA",
    "rejected": "RE",
    "accepted": "AP",
    "paid": "PD",
}

_CONFIGURATION: Final[dict[int, str]] = {
    401: "Storecove did not accept our key",
    403: "Storecove does not let the key do this: check the key and the legal entity",
}


def submitted(answer: HttpResponse, *, key: str) -> Submission:
    """What the answer to a submission means; raises the outcome when it is not a state.

    422 is both "not accepted" and "this idempotencyGuid has been used"; only the reasons tell them apart. One without
    readable reasons may be either, so it is asked about.
    """
    code = answer.status
    if 200 <= code < 300:
        try:
            guid = wire.read_guid(answer.content)
        except wire.Unreadable:
            raise UnknownOutcome(f"submit: HTTP {code} without a guid", answer=answer.described()) from None
        return Submission(_S.SUBMITTED, guid, f"HTTP {code}")
    if code == 429:
        raise SlowDown("submit: too many requests", answer=answer.described(), retry_after=answer.retry_after)
    if code == 404:
        raise AccessDenied("submit: no such path: check STORECOVE_URL", answer=answer.described())
    if code in _CONFIGURATION:
        raise AccessDenied(f"submit: {_CONFIGURATION[code]}", answer=answer.described())
    if code == 422:
        return _not_processed(answer, key=key)
    if code in (400, 413):
        raise Refused(f"submit: the document was not accepted (HTTP {code})", answer=answer.described())
    raise UnknownOutcome(f"submit: HTTP {code}", answer=answer.described())


def _not_processed(answer: HttpResponse, *, key: str) -> Submission:
    try:
        faults = wire.read_faults(answer.content)
    except wire.Unreadable:
        raise UnknownOutcome("submit: HTTP 422 without reasons", answer=answer.described()) from None
    said = "; ".join(str(fault) for fault in faults)[:1000]
    flat = [f"{fault.source} {fault.details}".lower().replace("_", "").replace(" ", "") for fault in faults]
    if any("idempotency" in fault for fault in flat):
        return Submission(_S.SUBMITTED, "", f"taken before under {key}")
    if any("legalentit" in fault.source.lower().replace("_", "") for fault in faults):
        raise AccessDenied("submit: not the legal entity's: check ACCESS_POINT_TENANT", answer=said)
    raise Refused("submit: the document was not accepted", answer=said)


def legal_entity(answer: HttpResponse, *, sender: str) -> Checked:
    """Whether the legal entity is the seller (`0192:<nine digits>`); raises the outcome when it is not."""
    if answer.status == 404:
        raise AccessDenied("Storecove has no legal entity of this number: check ACCESS_POINT_TENANT")
    if not 200 <= answer.status < 300:
        raise not_told(answer, what="legal entity")
    try:
        identifiers = wire.read_identifiers(answer.content)
    except wire.Unreadable:
        raise TryLater("legal entity: not one in the answer", answer=answer.described()) from None
    scheme, _, number = sender.partition(":")
    if (wire.SCHEMES.get(scheme, ""), number) in identifiers:
        return Checked("the key is taken, and the legal entity is the client's")
    if not identifiers:
        return Checked("the key is taken, and there is such a legal entity", unproven="whether it is the client's")
    raise AccessDenied("the legal entity is another company's: check ACCESS_POINT_TENANT")


def from_notices(notices: Sequence[Notice]) -> Submission | None:
    """What the kept notices about a document say, oldest first; None when there are none.

    They may come in any order: a debtor who has answered has received it, whatever else was told.
    """
    if not notices:
        return None
    state: SubmissionState | None = None
    answered: Response | None = None
    for notice in notices:
        word = notice.word.lower()
        if word in SENDING_WORDS:
            state = SENDING_WORDS[word]
        elif word in RESPONSE_WORDS:
            answered = response(Source.INVOICE_RESPONSE, RESPONSE_WORDS[word], _said(notice))
    newest = notices[-1]
    return Submission(
        state=_S.DELIVERED if answered is not None else state or _S.QUEUED,
        vendor_reference=next((notice.reference for notice in reversed(notices) if notice.reference), ""),
        answer=_said(newest),
        known_word=newest.word.lower() in SENDING_WORDS or newest.word.lower() in RESPONSE_WORDS,
        response=answered,
    )


def evidence(answer: HttpResponse, *, reference: str) -> Submission:
    """What the answer to a question for evidence means: there is none until the document was sent."""
    if answer.status == 404:
        return Submission(_S.SUBMITTED, reference, "not sent yet")
    if not 200 <= answer.status < 300:
        raise not_told(answer, what="evidence")
    try:
        found = wire.read_evidence(answer.content)
    except wire.Unreadable:
        raise TryLater("evidence: not an evidence in the answer", answer=answer.described()) from None
    said = " ".join(part for part in (found.message_id, found.receiving_access_point) if part)
    return Submission(_S.DELIVERED, reference, f"sent {said}".strip())


def not_told(answer: HttpResponse, *, what: str) -> TryLater:
    """A question that was not answered."""
    if answer.status == 429:
        return SlowDown(f"{what}: too many requests", answer=answer.described(), retry_after=answer.retry_after)
    if answer.status in _CONFIGURATION:
        return AccessDenied(f"{what}: {_CONFIGURATION[answer.status]}", answer=answer.described())
    words = "no such path: check STORECOVE_URL" if answer.status == 404 else f"HTTP {answer.status}"
    return TryLater(f"{what}: {words}", answer=answer.described(), retry_after=answer.retry_after)


def trouble(error: HttpTrouble, *, what: str, changes: bool) -> OutsideError:
    """The outcome when no answer came."""
    if isinstance(error, NotSent):
        return TryLater(f"{what}: no connection to Storecove ({error.reason})")
    if changes:
        return UnknownOutcome(f"{what}: no answer from Storecove ({error.reason})")
    return TryLater(f"{what}: no answer from Storecove ({error.reason})")


def _said(notice: Notice) -> str:
    details = wire.details_of(notice)
    return f"{notice.word}: {details}" if details else notice.word
