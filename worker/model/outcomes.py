"""The four outcomes of a call to the outside that did not simply succeed (design §5.3).

Every adapter maps what it meets onto these in one place; the runner turns them into states.

    OutsideError
    ├── Refused          their verdict, final for this request
    │   └── AlreadyPosted  the voucher's reference is taken: fetch what stands there and compare
    ├── TryLater         they could not now; nothing was done
    │   ├── SlowDown     429: nothing was done, wait `retry_after` seconds
    │   └── Unavailable  nobody is served there now: leave them alone for this run
    │       └── AccessDenied our keys or privileges: a person mends them, nothing is wrong with the request
    └── UnknownOutcome   we cannot know whether it was done: ask, never repeat blindly
"""

from __future__ import annotations


class OutsideError(Exception):
    """`answer` is the other side's raw words (shortened, no secrets), kept for the attempt row."""

    kind = "error"

    def __init__(self, message: str, *, answer: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.answer = answer[:2000]


class Refused(OutsideError):
    """The other side said no, for good. Repeating the same request is pointless."""

    kind = "refused"


class AlreadyPosted(Refused):
    """The reference of a voucher is taken, most likely by the same voucher: find it and compare, never post anew."""


class TryLater(OutsideError):
    """Nothing was done; the same request may work later. `retry_after`: seconds they asked for, if they did.
    `waited_out`: it has been repeated for as long as is worth waiting."""

    kind = "try_later"

    def __init__(self, message: str, *, answer: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, answer=answer)
        self.retry_after = retry_after
        self.waited_out = False


class SlowDown(TryLater):
    """429 or its like."""

    kind = "slow_down"


class Unavailable(TryLater):
    """Nobody answers there, or nobody is served: every request would meet the same now, so no more are sent in this
    run. Never held against a debtor."""

    kind = "unavailable"


class AccessDenied(Unavailable):
    """They do not let us in: keys, tokens or privileges. Nothing was done, no request is at fault, and asking again at
    once is pointless: a person mends our access, and the same request works then."""

    kind = "access_denied"


class UnknownOutcome(OutsideError):
    """The request may have been carried out (a time-out after sending, a 5xx, an empty answer)."""

    kind = "unknown"
