"""Whether a debtor can receive EHF, as it may be acted on: the look-up with a memory and with doubts (model.reach)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.reach import JUST_NOW, ReachDoubt, ReachMemory
from worker.ports import ReachLookup
from worker.store import reach as store
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.log import get_logger
from worker.support.wording import minute

LOOKUPS_AT_ONCE = 8  # SMPs are few and shared by everybody; the HTTP module lets no more through either

Asked = tuple[str, Kind]


class RememberedReach:
    """Fulfils ports.DebtorReach for one run of a job: unknowns are remembered that long and no longer."""

    def __init__(self, *, lookup: ReachLookup, db: Database, clock: Clock) -> None:
        self._lookup = lookup
        self._db = db
        self._clock = clock
        self._this_run: dict[Asked, tuple[datetime, ReachAnswer]] = {}
        self._turns: defaultdict[Asked, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._alarmed = False

    async def prepare(self, *, wanted: Iterable[Asked]) -> None:
        """Looks up what is not remembered, several at a time, so that the whole run's answers are in before the first
        is acted on: one "no" may be true, thirty at once are not."""
        waiting = list(dict.fromkeys(wanted))

        async def line() -> None:
            while waiting:
                participant, kind = waiting.pop(0)
                await self.to_route(participant=participant, kind=kind)

        done = await asyncio.gather(*(line() for _ in range(LOOKUPS_AT_ONCE)), return_exceptions=True)
        for error in done:  # none goes on looking up when the step is over
            if isinstance(error, BaseException):
                raise error

    async def to_route(self, *, participant: str, kind: Kind) -> ReachAnswer:
        """See ports.DebtorReach."""
        async with self._turns[participant, kind]:
            memory = store.remembered(self._db, participant=participant, kind=kind)
            if memory is not None and memory.serves(self._clock.now()):
                return self._from_memory((participant, kind), memory)
            return await self._anew((participant, kind), None)

    async def to_send(self, *, participant: str, kind: Kind, routed_at: datetime) -> ReachAnswer:
        """See ports.DebtorReach."""
        async with self._turns[participant, kind]:
            memory = store.remembered(self._db, participant=participant, kind=kind)
            # A no to somebody not known to have said yes was no second look; that this one was chosen for EHF is a yes.
            seen_twice = memory is not None and (memory.answer is Reach.YES or memory.yes_at is not None)
            if memory is not None and seen_twice and memory.serves(self._clock.now(), yes=JUST_NOW, no=JUST_NOW):
                return self._from_memory((participant, kind), memory)
            return await self._anew((participant, kind), routed_at)

    def _from_memory(self, asked: Asked, memory: ReachMemory) -> ReachAnswer:
        kept = memory.evidence
        answer = ReachAnswer(
            memory.answer, asked[0], str(kept.get("document_type", "")), str(kept.get("words", "")),
            name=str(kept.get("name", "")), smp=str(kept.get("smp", "")), looked_up_at=memory.looked_up_at,
            cached=asked not in self._this_run,
        )  # fmt: skip
        if memory.answer is Reach.NO:
            return self._doubted(answer, store.doubt(self._db, now=self._clock.now()))
        return answer

    async def _anew(self, asked: Asked, routed_at: datetime | None) -> ReachAnswer:
        """A look-up, unless this run has made it in vain: choosing takes that for the run's answer, sending only for as
        long as any answer serves there."""
        if asked in self._this_run:
            at, answer = self._this_run[asked]
            lasts = routed_at is None or self._clock.now() - at < JUST_NOW
            if answer.reach is Reach.UNKNOWN and lasts:
                return answer
        found = await self._lookup.lookup(participant=asked[0], kind=asked[1])
        now = self._clock.now()
        answer = self._believed(replace(found, looked_up_at=now), asked[1], now, routed_at)
        self._this_run[asked] = (now, answer)
        return answer

    def _believed(self, found: ReachAnswer, kind: Kind, now: datetime, routed_at: datetime | None) -> ReachAnswer:
        if found.reach is Reach.UNKNOWN:
            return found
        memory, doubt = store.learn(self._db, found, kind=kind, now=now, earlier_yes=routed_at)
        if found.reach is Reach.YES:
            return found
        if memory.no_since is not None and memory.confirm_from is not None and not memory.believed:
            get_logger().warning("reach.no_after_yes", due_at=memory.confirm_from)
            why = f"it has received EHF before: a no counts when it is seen again from {minute(memory.confirm_from)}"
            found = replace(found, reach=Reach.UNKNOWN, found=Reach.NO, evidence=f"{found.evidence}; {why}")
        elif memory.no_since is not None and memory.believed:
            get_logger().info("reach.no_confirmed")
            why = f"no since {minute(memory.no_since)}, seen again {minute(now)}"
            found = replace(found, evidence=f"{found.evidence}; {why}")
        return self._doubted(found, doubt)

    def _doubted(self, answer: ReachAnswer, doubt: ReachDoubt) -> ReachAnswer:
        """A no while the breaker is open is an unknown."""
        if doubt.no_is_believed:
            return answer
        if not self._alarmed:
            self._alarmed = True
            counts = {"flipped": doubt.flipped, "sample": doubt.sample}
            get_logger().error("reach.no_not_believed", counts=counts)
        why = f"{doubt.flipped} of {doubt.sample} who received EHF now say no, so none is believed"
        return replace(answer, reach=Reach.UNKNOWN, found=Reach.NO, evidence=f"{answer.evidence}; {why}")
