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
    GONE = "gone"  # expired, or the invoice is withdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """The link and its invoice. Documents are named by SHA-256. Nothing about the debtor."""

    link_id: int
    delivery_id: int
    state: LinkState
    language: str
    kind: Kind
    is_credit: bool
    number: str
    total: Money
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
    GONE = "gone"
    SLOW_DOWN = "slow_down"  # too many wrong codes from the same place; this one was not looked at


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """`tries_left` counts for WRONG; `first_opening`: nobody had opened the invoice by this link before."""

    verdict: CodeVerdict
    tries_left: int = 0
    first_opening: bool = False
