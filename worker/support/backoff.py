"""How long to wait before what failed is tried again: longer each time, by kind of failure, and not all at once.

What failed together does not come back together: each piece of work takes its own share of up to SPREAD off its wait.
The share follows from the work's key, so the same failure always waits the same time, also in a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from worker.model.outcomes import AccessDenied, OutsideError, SlowDown, TryLater, Unavailable, UnknownOutcome

SPREAD = 0.2
LONGEST_ASKED = timedelta(hours=1)  # a counterparty that asks for more is asked again by then
# After so many a report or voucher that is still turned away is a person's case: about four bank days.
MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Wait:
    """The first wait, doubled with each further failure up to the longest."""

    first: timedelta
    longest: timedelta


def _minutes(first: int, longest: int) -> Wait:
    return Wait(timedelta(minutes=first), timedelta(minutes=longest))


WAITS: dict[str, Wait] = {
    SlowDown.kind: _minutes(2, 30),  # they are well, and only busy
    TryLater.kind: _minutes(5, 120),
    UnknownOutcome.kind: _minutes(10, 120),  # a question, not another try
    Unavailable.kind: _minutes(5, 60),  # one look a run is enough to see that they are back
    AccessDenied.kind: _minutes(10, 60),  # a person mends it
}


def wait_after(error: OutsideError, *, tries: int, key: str) -> timedelta:
    """The wait after the failure number `tries` (from 1) of the work named `key`; a kind of failure that is not in
    WAITS waits as `try_later` does.

    Never earlier than the counterparty asked for (Retry-After), up to LONGEST_ASKED. One that says "slow down" and for
    how long is taken at its word though the usual wait be longer.
    """
    asked = error.retry_after if isinstance(error, TryLater) else None
    wait = WAITS.get(error.kind, WAITS[TryLater.kind])
    share = _share(f"{key}:{tries}")
    usual = min(wait.first * 2 ** min(max(tries, 1) - 1, 16), wait.longest) * (1 - SPREAD * share)
    if asked is None:
        return usual
    theirs = min(max(timedelta(seconds=asked), timedelta(seconds=1)), LONGEST_ASKED) * (1 + SPREAD * share)
    return theirs if isinstance(error, SlowDown) else max(usual, theirs)


def worn_out(error: OutsideError, *, tries: int) -> bool:
    """Whether it has been tried often enough. A counterparty that serves nobody is everybody's trouble, and never held
    against one piece of work."""
    return tries >= MOST_ATTEMPTS and not isinstance(error, Unavailable)


def _share(text: str) -> float:
    """From 0 up to 1, evenly over all texts."""
    return int.from_bytes(sha256(text.encode()).digest()[:4]) / 2**32
