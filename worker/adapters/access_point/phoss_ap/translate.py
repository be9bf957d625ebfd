"""phoss-ap's words into ours. Pure."""

from __future__ import annotations

from typing import Final

from worker.adapters.access_point.phoss_ap import wire
from worker.model import receiver
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.ports import Checked, Submission, SubmissionState
from worker.support.http import HttpResponse, HttpTrouble, NotSent

_S = SubmissionState

# EOutboundStatus. `failed` means that another try is planned; `rejected` that its own check turned the document down.
STATUS_WORDS: Final[dict[str, SubmissionState]] = {
    "pending": _S.QUEUED,
    "sending": _S.QUEUED,
    "failed": _S.QUEUED,
    "sent": _S.DELIVERED,
    "rejected": _S.REFUSED,
    "permanently_failed": _S.REFUSED,
}

# EMlsReceptionStatus: what the receiver's access point said after its receipt. None: nothing (yet).
MLS_WORDS: Final[dict[str, str | None]] = {
    "": None,
    "pending": None,
    "not_applicable": None,
    "received_ap": "AP",
    "received_ab": "AB",
    "received_re": "RE",
}

# `sendingResult` of phase4's report. Only used to tell an unknown word: the outcome is the transaction's.
SENDING_RESULTS: Final = frozenset(
    {
        "success",
        "invalid-parameters",
        "transport-error",
        "transport-error-no-retry",
        "no-signal-msg-received",
        "as4-error-msg-received",
        "invalid-signal-message-received",
    }
)

_CONFIGURATION: Final[dict[int, str]] = {
    401: "the access point did not accept our token: check it, and that it belongs to this access point",
    403: "the access point does not let us in: check the token and the network rules",
    404: "sending is switched off at the access point, or the base URL is wrong",
}


def submitted(response: HttpResponse, *, key: str) -> Submission:
    """What the answer to a submission means; raises the outcome when it is not a state.

    A 422 is never final: the access point tries again by itself, and may have sent it (a fault in its own reporting
    also answers 422). What became of it is then asked by status.
    """
    code = response.status
    if code not in (200, 422):
        raise _not_taken(response)
    try:
        report = wire.read_report(response.content)
    except wire.Unreadable:
        # A 422 with a bare text: nothing was stored. A 200 without a report: not phoss-ap's answer. Both: ask.
        raise UnknownOutcome(f"submit: HTTP {code} without a sending report", answer=response.described()) from None
    delivered = code == 200 and report.overall is not False
    return Submission(
        state=_S.DELIVERED if delivered else _S.QUEUED,
        vendor_reference=report.message_id or key,
        answer=_answer(f"HTTP {code}", report.result, report.error),
        known_word=report.result in SENDING_RESULTS or not report.result,
    )


def checked(as_nobody: HttpResponse, as_ourselves: HttpResponse) -> Checked:
    """What two looks for a document that was never sent prove: without token, and with ours."""
    if as_nobody.status not in (400, 401, 403):
        said = f"check: no phoss-ap at this address, it lets in anybody (HTTP {as_nobody.status})"
        raise AccessDenied(said, answer=as_nobody.described())
    if as_ourselves.status in (401, 403):
        raise AccessDenied(f"check: {_CONFIGURATION[as_ourselves.status]}", answer=as_ourselves.described())
    if as_ourselves.status != 404:
        raise TryLater(f"check: HTTP {as_ourselves.status}", answer=as_ourselves.described())
    return Checked("it answers and takes our token", unproven="whether it may send as the client")


def status(response: HttpResponse, *, key: str) -> Submission | None:
    """What the answer to a status request means; None when the access point has never seen the key."""
    code = response.status
    if code == 404:
        if wire.says_unknown_key(response.content):
            return None
        raise TryLater("status: 404 from something else than phoss-ap: check the base URL", answer=response.described())
    if code == 429:
        raise SlowDown("status: too many requests", answer=response.described(), retry_after=response.retry_after)
    if code != 200:
        raise TryLater(
            f"status: {_CONFIGURATION.get(code, f'HTTP {code}')}",
            answer=response.described(),
            retry_after=response.retry_after,
        )
    try:
        transaction = wire.read_transaction(response.content)
    except wire.Unreadable:
        raise TryLater("status: not a transaction in the answer", answer=response.described()) from None
    if transaction.instance_id and transaction.instance_id.lower() != key.lower():
        raise TryLater("status: the answer is about another document", answer=response.described())
    state, mls = STATUS_WORDS.get(transaction.status.lower()), transaction.mls.lower()
    code = MLS_WORDS.get(mls)
    return Submission(
        state=state or _S.QUEUED,
        vendor_reference=transaction.identifier or key,
        answer=_answer(f"status {transaction.status}", mls, transaction.error),
        known_word=state is not None and mls in MLS_WORDS,
        response=None if code is None else receiver.response(receiver.Source.MLS, code),
    )


def trouble(error: HttpTrouble, *, what: str, changes: bool) -> OutsideError:
    """The outcome when no answer came."""
    if isinstance(error, NotSent):
        return TryLater(f"{what}: no connection to the access point ({error.reason})")
    if changes:
        return UnknownOutcome(f"{what}: no answer from the access point ({error.reason})")
    return TryLater(f"{what}: no answer from the access point ({error.reason})")


def _not_taken(response: HttpResponse) -> OutsideError:
    code, answer = response.status, response.described()
    if code == 429:
        return SlowDown("submit: too many requests", answer=answer, retry_after=response.retry_after)
    if code in _CONFIGURATION:  # ours to mend, not the document's fault
        return AccessDenied(f"submit: {_CONFIGURATION[code]}", answer=answer)
    if 400 <= code < 500 and code != 408:
        return Refused(f"submit: the access point did not accept the document (HTTP {code})", answer=_said(response))
    return UnknownOutcome(f"submit: HTTP {code}", answer=answer)


def _said(response: HttpResponse) -> str:
    """A 400's text when it is a JSON text (it quotes the identifier it could not read), else its description."""
    content = response.content.strip()
    if response.media_type == "application/json" and len(content) < 1000:
        return _answer(f"HTTP {response.status}", content.decode("utf-8", "replace"))
    return response.described()


def _answer(*parts: str) -> str:
    return ": ".join(part for part in parts if part)
