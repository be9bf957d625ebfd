"""Reversing a voucher: never twice. The ERP is asked before the first try, and after each, whether it is reversed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.model.outcomes import OutsideError, Refused, TryLater, UnknownOutcome
from worker.model.voucher import VoucherKind
from worker.ports import VoucherBook
from worker.settlement.rules import REOPENED
from worker.store import corrections, vouchers
from worker.store.corrections import Reopened
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.support.backoff import wait_after, worn_out
from worker.support.clock import Clock
from worker.support.log import bound, get_logger


async def reverse(*, clock: Clock, db: Database, book: VoucherBook, row: VoucherRow) -> str:
    """One claimed reversal from claim to record. Returns the outcome as a word for the summary."""
    original = corrections.by_id(db, row.reversal_of or 0)
    return await _Reversal(clock, db, book, row, original).run()


async def reverse_now(*, clock: Clock, db: Database, book: VoucherBook, reversal_id: int) -> VoucherRow:
    """Tries one at once, when it is due and nobody else is at it. Returns it as it then stands."""
    row = corrections.claim(db, reversal_id, now=clock.now())
    if row is not None:
        with bound(client=row.client, voucher=row.id, attempt=row.attempts):
            await reverse(clock=clock, db=db, book=book, row=row)
    return corrections.by_id(db, reversal_id)


@dataclass(frozen=True, slots=True)
class _Reversal:
    clock: Clock
    db: Database
    book: VoucherBook
    row: VoucherRow
    original: VoucherRow

    async def run(self) -> str:
        started = self.clock.now()
        unsure = "unknown" if self.row.state == "unknown" else "ready"
        try:
            if await self._is_reversed():
                return self._done("ask", started, "already_reversed")
        except Refused as error:
            return self._write("refused", "ask", started, error.kind, error.message)
        except OutsideError as error:
            return self._write(unsure, "ask", started, error.kind, error.message, again=error)
        try:
            await self.book.reverse(kind=VoucherKind(self.original.kind), erp_id=self.original.erp_id or "")
        except Refused as error:
            return await self._after(started, "refused", error, await self._why(error))
        except TryLater as error:
            return self._write("ready", "send", started, error.kind, error.message, again=error)
        except UnknownOutcome as error:
            return await self._after(started, "ready", error, error.message)
        return await self._after(started, "unknown", None, "accepted, and not seen as reversed yet")

    async def _after(self, started: datetime, state: str, error: OutsideError | None, words: str) -> str:
        """Sent: done when the ERP shows it as reversed, else `state`. Not able to ask, it is unknown."""
        why = error or UnknownOutcome(words)
        try:
            if await self._is_reversed():
                return self._done("ask" if error else "send", started, "already_reversed" if error else "reversed")
        except OutsideError as silent:
            return self._write("unknown", "send", started, silent.kind, f"{words}; {silent.message}", again=silent)
        outcome = {"refused": "refused", "ready": "never_arrived"}.get(state, "unknown")
        return self._write(state, "send", started, outcome, words, again=why if state != "refused" else None)

    async def _is_reversed(self) -> bool:
        """Raises Refused when another voucher stands there, or none: then only a person can tell."""
        sent = vouchers.voucher_of(self.original)
        found = await self.book.find(kind=sent.kind, reference=sent.reference, date=sent.date)
        if found is None or found.erp_id != self.original.erp_id:
            raise Refused("the ERP does not show the voucher under its reference; look whether it is reversed there")
        return found.is_reversed

    async def _why(self, error: Refused) -> str:
        """The ERP's words, and the lock date where that explains them."""
        words = f"{error.message}: {error.answer}" if error.answer else error.message
        try:
            lock_date = await self.book.lock_date()
        except OutsideError:
            return words
        if lock_date is None or self.original.date > lock_date:
            return words
        return f"{words} (the books are locked to {lock_date:%d.%m.%Y}: open the period in the ERP, or correct by hand)"

    def _done(self, act: str, started: datetime, outcome: str) -> str:
        corrections.finish(
            self.db,
            self.row,
            reopened=Reopened(*REOPENED),
            act=act,
            started_at=started,
            now=self.clock.now(),
            outcome=outcome,
        )
        get_logger().info("voucher.attempted", kind=self.row.kind, outcome=outcome)
        return f"voucher_{outcome}"

    def _write(
        self,
        state: str,
        act: str,
        started: datetime,
        outcome: str,
        answer: str,
        *,
        again: OutsideError | None = None,
    ) -> str:
        now = self.clock.now()
        due_at = now + wait_after(again, tries=self.row.attempts, key=f"voucher:{self.row.id}") if again else None
        if again is not None and state == "ready" and worn_out(again, tries=self.row.attempts):
            state, answer = "refused", f"given up after {self.row.attempts} attempts: {answer}"
        vouchers.record(
            self.db,
            self.row,
            state=state,
            act=act,
            started_at=started,
            now=now,
            outcome=outcome,
            answer=answer,
            due_at=due_at,
        )
        get_logger().warning("voucher.attempted", kind=self.row.kind, outcome=outcome)
        return f"voucher_{outcome}"
