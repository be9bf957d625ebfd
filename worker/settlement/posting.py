"""Posting: each voucher once. Unsure whether it got through, ask by its reference before anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from worker.model.outcomes import (
    AccessDenied,
    AlreadyPosted,
    OutsideError,
    Refused,
    TryLater,
    Unavailable,
    UnknownOutcome,
)
from worker.model.voucher import AccountKind, Voucher, VoucherAccount
from worker.ports import PostedVoucher, VoucherBook
from worker.settlement.making import on_open_date
from worker.settlement.reversing import reverse
from worker.store import vouchers
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.support.backoff import wait_after, worn_out
from worker.support.beating import BEAT_SECONDS, kept
from worker.support.clock import Clock, oslo_date
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.summary import Summary

NOBODY_SERVED = tuple(f"voucher_{error.kind}" for error in (Unavailable, AccessDenied))


async def run(
    *,
    clock: Clock,
    client: str,
    db: Database,
    book: VoucherBook,
    halt: Halt,
    repeats_only: bool = False,
    beat_seconds: float = BEAT_SECONDS,
) -> Summary:
    """Posts every voucher that is due. Nothing is posted while an account the vouchers need is missing or closed: they
    are held back, and looked at again between the slots.

    `repeats_only`: only what has been tried before and did not get through, or was held back.
    """
    log, summary = get_logger(), Summary()
    recovered = vouchers.recover(db, client=client, now=clock.now())
    if recovered:
        log.warning("recovery.vouchers", count=recovered)
        summary.count("recovered", recovered)
    due, accounts = vouchers.due(db, client=client, now=clock.now(), repeats_only=repeats_only)
    if not due:
        return summary
    # Debtors are not asked about: a customer number comes from the ERP itself with the invoice.
    wanted = {account for account in accounts if account.kind is not AccountKind.CUSTOMER}
    why, lock_date = "", None
    try:
        closed = await missing_accounts(book, wanted)
        lock_date = await book.lock_date()
    except OutsideError as error:
        log.error("voucher.accounts_unknown", outcome=error.kind, message=error.message)
        summary.count("trouble")
        why = "the ERP did not say which accounts are open"
    else:
        if closed:
            log.error("voucher.account_closed", fault=sorted(closed))
            why = ", ".join(sorted(closed))
            summary.count("trouble_aside")
    if why:
        vouchers.hold(db, client=client, why=why, now=clock.now(), repeats_only=repeats_only)
        return summary
    for voucher_id in due:
        if halt.called:
            break
        row = vouchers.claim(db, voucher_id, now=clock.now())
        if row is None:
            continue  # another worker has it
        with bound(voucher=row.id, attempt=row.attempts):
            async with kept(_renewal(db, row), clock=clock, beat_seconds=beat_seconds):
                if row.reversal_of is not None:
                    outcome = await reverse(clock=clock, db=db, book=book, row=row)
                else:
                    outcome = await _Posting(clock, db, book, row, lock_date).post()
        summary.count(outcome)
        if outcome in NOBODY_SERVED:
            summary.count("trouble")
            break
    return summary


def _renewal(db: Database, row: VoucherRow) -> Callable[[datetime], bool]:
    return lambda now: vouchers.renew(db, row, now=now)


async def missing_accounts(book: VoucherBook, wanted: set[VoucherAccount]) -> set[str]:
    """Numbers of those accounts that do not exist in the ERP or are not active, with what they are."""
    found = await book.accounts(wanted=sorted(wanted, key=lambda account: (account.kind, account.number)))
    return {
        f"{account.kind} {account.number} {'is closed' if account in found else 'does not exist'}"
        for account in wanted
        if account not in found or not found[account].active
    }


@dataclass(frozen=True, slots=True)
class _Posting:
    clock: Clock
    db: Database
    book: VoucherBook
    row: VoucherRow
    lock_date: date | None

    async def post(self) -> str:
        """One voucher from claim to record. Returns the outcome as a word for the summary."""
        started = self.clock.now()
        if self.row.state == "unknown":
            sent = vouchers.voucher_of(self.row)
            try:
                found = await self._find(sent)
            except OutsideError as error:
                return self._write("unknown", "ask", started, error.kind, error.message, again=error)
            if found is not None:
                return await self._same(sent, found, started)
        voucher = self._dated()
        try:
            posted = await self.book.post(voucher=voucher)
        except AlreadyPosted as error:
            return await self._compare(voucher, started, error)
        except Refused as error:
            words = f"{error.message}: {error.answer}" if error.answer else error.message
            if await self._locked_since(voucher) or await self._closed_since(voucher):
                return self._write("ready", "send", started, error.kind, words, again=error)
            return self._write("refused", "send", started, error.kind, words)
        except TryLater as error:
            return self._write("ready", "send", started, error.kind, error.message, again=error)
        except UnknownOutcome as error:
            return await self._compare(voucher, started, error)
        await self._close_items(voucher)
        return self._write("posted", "send", started, "posted", posted=posted)

    def _dated(self) -> Voucher:
        """The voucher on a day that is open, written down so before it is sent."""
        today = oslo_date(self.clock.now())
        first_open = max(today, self.lock_date + timedelta(days=1)) if self.lock_date else today
        on, description = on_open_date(*vouchers.as_made(self.row), self.lock_date, first_open)
        sent = vouchers.send_as(self.db, self.row, on=on, description=description, now=self.clock.now())
        return vouchers.voucher_of(sent)

    async def _locked_since(self, voucher: Voucher) -> bool:
        """Whether the refusal is explained by a lock date that has moved past the voucher's day meanwhile."""
        try:
            lock_date = await self.book.lock_date()
        except OutsideError:
            return False
        return lock_date is not None and lock_date != self.lock_date and voucher.date <= lock_date

    async def _closed_since(self, voucher: Voucher) -> bool:
        """Whether the refusal is explained by an account that was closed after it was asked about; the next run holds
        back what needs it, and says so."""
        wanted = {line.account for line in voucher.lines if line.account.kind is not AccountKind.CUSTOMER}
        try:
            return bool(await missing_accounts(self.book, wanted))
        except OutsideError:
            return False

    async def _find(self, voucher: Voucher) -> PostedVoucher | None:
        return await self.book.find(kind=voucher.kind, reference=voucher.reference, date=voucher.date)

    async def _compare(self, voucher: Voucher, started: datetime, error: OutsideError) -> str:
        """Ask at once what stands under the reference; what cannot be settled now is asked about at the next run."""
        try:
            found = await self._find(voucher)
        except OutsideError:
            return self._write("unknown", "send", started, error.kind, error.message, again=error)
        if found is None:
            state = "refused" if isinstance(error, AlreadyPosted) else "ready"
            return self._write(state, "ask", started, "never_arrived", error.message, again=error)
        return await self._same(voucher, found, started)

    async def _same(self, voucher: Voucher, found: PostedVoucher, started: datetime) -> str:
        ours = Counter((line.account.number, line.amount.minor) for line in voucher.lines)
        theirs = Counter((number, amount.minor) for number, amount in found.lines)
        if ours != theirs:
            return self._write(
                "refused", "ask", started, "another_voucher", "another voucher stands under our reference"
            )
        if found.is_reversed:
            words = f"voucher {found.number} under our reference has been reversed in the ERP; it is not posted again"
            return self._write("refused", "ask", started, "reversed", words)
        await self._close_items(voucher)
        return self._write("posted", "ask", started, "already_posted", posted=found)

    async def _close_items(self, voucher: Voucher) -> None:
        """Where the ERP did not settle the invoice by its number, open items of opposite amount are matched."""
        for line in voucher.lines:
            if line.account.kind is not AccountKind.CUSTOMER or not line.invoice_number:
                continue
            try:
                items = await self.book.open_items(customer_code=line.account.number)
                owed = [i for i in items if i.document_number == line.invoice_number and i.balance.minor > 0]
                invoice = owed[0] if owed else None
                ours = next((i for i in items if i.balance == line.amount and line.amount.minor < 0), None)
                if invoice is not None and ours is not None and invoice.balance == -ours.balance:
                    await self.book.match(entry_ids=[invoice.entry_id, ours.entry_id], on=voucher.date)
            except OutsideError as error:
                # The voucher stands; an open item is an accountant's matter and shows in the balance report.
                get_logger().warning("voucher.item_left_open", outcome=error.kind, message=error.message)

    def _write(
        self,
        state: str,
        act: str,
        started: datetime,
        outcome: str,
        answer: str = "",
        *,
        posted: PostedVoucher | None = None,
        again: OutsideError | None = None,
    ) -> str:
        """`again`: why it is tried or asked about once more, after a wait."""
        log, now = get_logger(), self.clock.now()
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
            erp_id=posted.erp_id if posted else None,
            erp_number=posted.number if posted else None,
            due_at=due_at,
        )
        (log.info if state == "posted" else log.warning)("voucher.attempted", kind=self.row.kind, outcome=outcome)
        return f"voucher_{outcome}"
