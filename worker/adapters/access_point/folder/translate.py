"""The receipt's words and the file system's errors into ours. Pure."""

from __future__ import annotations

import errno
from typing import Final

from worker.adapters.access_point.folder.wire import Receipt
from worker.model.outcomes import OutsideError, TryLater, UnknownOutcome
from worker.model.receiver import Source, response
from worker.ports import Submission, SubmissionState

RECEIPT_WORDS: Final[dict[str, SubmissionState]] = {
    "queued": SubmissionState.QUEUED,
    "delivered": SubmissionState.DELIVERED,
    "refused": SubmissionState.REFUSED,
}


def from_receipt(receipt: Receipt, *, key: str) -> Submission:
    """A word not in the table is QUEUED and told as unknown. The debtor's own word comes before the access point's."""
    state = RECEIPT_WORDS.get(receipt.state.lower())
    said = f"{receipt.state}: {receipt.message}" if receipt.message else receipt.state
    words = ((Source.INVOICE_RESPONSE, receipt.invoice_response), (Source.MLS, receipt.mls))
    answered = [response(source, word, receipt.message) for source, word in words if word]
    return Submission(
        state=state or SubmissionState.QUEUED,
        vendor_reference=receipt.reference or key,
        answer=f"receipt {said}",
        known_word=state is not None and None not in answered,
        response=next((word for word in answered if word is not None), None),
    )


def unreadable_receipt(reason: str, *, key: str) -> Submission:
    """A receipt that cannot be read proves nothing."""
    return Submission(SubmissionState.QUEUED, key, f"receipt unreadable: {reason}", known_word=False)


def waiting(key: str) -> Submission:
    return Submission(SubmissionState.QUEUED, key, "in the folder or fetched, no receipt yet")


def trouble(error: OSError, *, visible: bool) -> OutsideError:
    """`visible`: the JSON may already lie there, so the document may have been fetched."""
    words = "disk full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or type(error).__name__)
    if visible:
        return UnknownOutcome(f"access point folder: {words} after the document became visible")
    return TryLater(f"access point folder: {words}")
