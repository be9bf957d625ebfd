"""What is known of who can receive EHF, and when a new answer is believed. Pure.

The network's "no" is often wrong and right minutes later (Oxalis #494, #497), and from 2027 paper to a business that
receives EHF breaks the law. So a "no" from somebody who has said "yes" counts for nothing until it is seen again, and
when many say so at once, nobody's "no" counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from worker.model.channel import Reach, ReachAnswer

# How long an answer serves for choosing the channel. An unknown is never kept.
YES_LASTS = timedelta(hours=24)
NO_LASTS = timedelta(hours=1)
# Before sending only an answer as new as this serves: the invoices of one run to the same debtor share it.
JUST_NOW = timedelta(minutes=5)

# A "no" after a "yes" is seen again no sooner than this, and not while a resolver may be repeating the first one from
# its cache. Nobody keeps a "no" longer than three hours (RFC 2308 §5); whoever says he does is not waited for.
SEEN_AGAIN_AFTER = timedelta(minutes=10)
LONGEST_REPEAT = timedelta(hours=3)

# The breaker looks at the debtors known to receive EHF that were looked up since an hour before the latest of them
# flipped, whichever worker or client asked: at most fifty, so that a recovery shows soon. Debtors leave Peppol at a
# rate of one in some hundreds a year. Three in ten, or five in fifty, is no chance; one or two alone tell nothing.
BREAKER_SAMPLE = 50
BREAKER_WINDOW = timedelta(hours=1)
BREAKER_FLIPS = 3
BREAKER_SHARE = 0.1
# No outage of the network has lasted so long, and somebody has been alarmed all the while: then the "no" is the truth.
BREAKER_FORGETS = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class ReachMemory:
    """The last answer about a participant and kind of document. Times are aware.

    `yes_at`: the last yes. `no_since`: the first no after it, and `confirm_from` when a further one confirms it.
    `believed`: False for a no after a yes that is not confirmed.
    """

    answer: Reach
    believed: bool
    looked_up_at: datetime
    yes_at: datetime | None = None
    no_since: datetime | None = None
    confirm_from: datetime | None = None
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])

    def serves(self, now: datetime, *, yes: timedelta = YES_LASTS, no: timedelta = NO_LASTS) -> bool:
        """Whether it can be acted on now without a new look-up."""
        lasts = yes if self.answer is Reach.YES else no
        return self.believed and timedelta(0) <= now - self.looked_up_at < lasts


@dataclass(frozen=True, slots=True)
class ReachDoubt:
    """How the debtors looked up last did: `flipped` of `sample` that have received EHF now say no."""

    sample: int = 0
    flipped: int = 0

    @classmethod
    def of(cls, latest: Sequence[ReachMemory], now: datetime) -> ReachDoubt:
        """From the latest memories with a yes in them, newest first.

        A flip that nobody has looked at again is still one, however old the window: it must not be confirmed first
        only because the others have not had their turn.
        """
        sample = latest[:BREAKER_SAMPLE]
        flips = [(m, m.no_since) for m in sample if m.no_since is not None and now - m.no_since < BREAKER_FORGETS]
        if not flips:
            return cls()
        start = max(since for _, since in flips) - BREAKER_WINDOW
        flipped = sum(not m.believed or m.looked_up_at >= start for m, _ in flips)
        return cls(flipped + sum(m.answer is Reach.YES and m.looked_up_at >= start for m in sample), flipped)

    @property
    def no_is_believed(self) -> bool:
        """False while the breaker is open."""
        return self.flipped < BREAKER_FLIPS or self.flipped < BREAKER_SHARE * self.sample


def learned(
    memory: ReachMemory | None, found: ReachAnswer, *, now: datetime, earlier_yes: datetime | None = None
) -> ReachMemory:
    """The memory after a look-up, before the breaker is asked.

    `earlier_yes`: when the debtor was chosen for EHF, which is a yes even if nothing is remembered of it. Raises
    ValueError for an unknown, which teaches nothing.
    """
    if found.reach is Reach.UNKNOWN:
        raise ValueError("an unknown is not remembered")
    evidence = found.as_evidence()
    if found.reach is Reach.YES:
        return ReachMemory(Reach.YES, True, now, yes_at=now, evidence=evidence)
    yes_at = (memory.yes_at if memory else None) or earlier_yes
    if yes_at is None:
        return ReachMemory(Reach.NO, True, now, evidence=evidence)
    if memory is None or memory.no_since is None or memory.confirm_from is None:
        wait = max(SEEN_AGAIN_AFTER, min(timedelta(seconds=found.repeats_for), LONGEST_REPEAT))
        return ReachMemory(Reach.NO, False, now, yes_at, no_since=now, confirm_from=now + wait, evidence=evidence)
    return replace(
        memory,
        answer=Reach.NO,
        believed=memory.believed or now >= memory.confirm_from,
        looked_up_at=now,
        yes_at=yes_at,
        evidence=evidence,
    )
