"""The receipt's words and the file system's errors into ours. Pure."""

from __future__ import annotations

import errno
from typing import Final

from worker.adapters.access_point.folder.wire import Receipt
from worker.model.outcomes import OutsideError, TryLater, UnknownOutcome
from worker.ports import Submission, SubmissionState

RECEIPT_WORDS: Final[dict[str, SubmissionState]] = {
    "queued": SubmissionState.QUEUED,
    "delivered": SubmissionState.DELIVERED,
    "refused": SubmissionState.REFUSED,
}


def from_receipt(receipt: Receipt, *, key: str) -> Submission:
    """A word not in the table is QUEUED and told as unknown."""
    state = RECEIPT_WORDS.get(receipt.state.lower())
    said = f"{receipt.state}: {receipt.message}" if receipt.message else receipt.state
    return Submission(state or SubmissionState.QUEUED, receipt.reference or key, f"receipt {said}", state is not None)


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
