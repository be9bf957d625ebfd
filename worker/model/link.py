"""A debtor's link as the portal sees it, and what a try with a code gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.model.document import Kind
from worker.model.money import Money


class LinkState(StrEnum):
    """Whether the link still leads to the invoice."""

    OPEN = "open"
    LOCKED = "locked"  # too many wrong codes
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # the invoice was handled by hand
    CREDITED = "credited"  # a credit note has taken the invoice back

    @property
    def is_over(self) -> bool:
        """Whether no code opens it any more, whoever types it."""
        return self in (LinkState.EXPIRED, LinkState.WITHDRAWN, LinkState.CREDITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """The link and its invoice. Documents are named by SHA-256. Nothing about the debtor.

    `rest` is what is still owed by the payments matched so far; nothing or less when the invoice is paid.
    """

    link_id: int
    delivery_id: int
    state: LinkState
    language: str
    kind: Kind
    is_credit: bool
    number: str
    total: Money
    rest: Money
    due_date: date | None
    account: str
    kid: str
    stamped_sha256: str
    pdf_sha256: str


class CodeVerdict(StrEnum):
    """What became of a try."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED = "locked"
    GONE = "gone"  # the link is over; its state says why
    SLOW_DOWN = "slow_down"  # too many wrong codes from the same place; this one was not looked at


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """`tries_left` counts for WRONG; `first_opening`: nobody had opened the invoice by this link before.

    `wrong_everywhere`: wrong codes on all links within the hour, this one included; 0 when this one was not wrong.
    """

    verdict: CodeVerdict
    tries_left: int = 0
    first_opening: bool = False
    wrong_everywhere: int = 0


class CodeRequest(StrEnum):
    """What becomes of a debtor's wish for a new code. It goes to the address on file, never to one the asker names."""

    TAKEN = "taken"  # sent within a minute
    ON_ITS_WAY = "on_its_way"  # one is being sent, or was sent a moment ago: look again
    TOO_MANY = "too_many"  # the link's share is used up, for today or for good, or too many come from the same place
    GONE = "gone"  # the link is over; its state says why
