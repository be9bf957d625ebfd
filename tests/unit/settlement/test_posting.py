"""Each voucher once: asked for on the date it was sent with, never posted over somebody's reversal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from tests.support.database import prepared
from worker.model.money import Money
from worker.model.outcomes import Refused, TryLater, Unavailable, UnknownOutcome
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.settlement import posting
from worker.store import vouchers
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.support.backoff import MOST_ATTEMPTS
from worker.support.clock import TurnedClock, oslo
from worker.support.halt import Halt
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio
DAY = date(2026, 11, 25)


class Books:
    """An ERP that, like v2, finds a voucher only on the date it was posted on."""

    def __init__(self) -> None:
        self.posted: list[PostedVoucher] = []
        self.lock: date | None = None
        self.loses_answers = False
        self.silent = False
        self.locks_when_posting: date | None = None
        self.closed: set[str] = set()
        self.closes_when_posting: set[str] = set()
        self.asked_in_vain = 0

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        self.closed, self.closes_when_posting = self.closed | self.closes_when_posting, set()
        if self.closed & {line.account.number for line in voucher.lines}:
            raise Refused("voucher: an account is not active")
        if self.locks_when_posting:
            self.lock, self.locks_when_posting = self.locks_when_posting, None
        if self.lock and voucher.date <= self.lock:
            raise Refused("voucher: the date is locked")
        lines = tuple((line.account.number, line.amount) for line in voucher.lines)
        self.posted.append(PostedVoucher(str(len(self.posted)), "1", voucher.reference, voucher.date, lines))
        if self.loses_answers:
            self.silent = True
            raise UnknownOutcome("voucher: no answer")
        return self.posted[-1]

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        del kind
        if self.silent:
            raise TryLater("vouchers: no answer")
        return next((one for one in self.posted if (one.reference, one.date) == (reference, date)), None)

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        del kind
        self.posted[int(erp_id)] = replace(self.posted[int(erp_id)], is_reversed=True)

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        if self.asked_in_vain:
            self.asked_in_vain -= 1
            raise TryLater("accounts: no answer")
        return {account: LedgerAccount(account, "Konto", account.number not in self.closed) for account in wanted}

    async def lock_date(self) -> date | None:
        return self.lock

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        del customer_code
        return []

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        raise AssertionError((entry_ids, on))

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        raise AssertionError((account, on))

    async def aclose(self) -> None: ...


class Desk:
    def __init__(self, db: Database) -> None:
        self.db, self.books, self.clock = db, Books(), TurnedClock(oslo(DAY, time(15, 30)))

    async def run(self, *, hour: int = 15, minute: int = 30, repeats_only: bool = False) -> VoucherRow:
        self.clock.turn(oslo(DAY, time(hour, minute)))
        await posting.run(clock=self.clock, client="nordlys", db=self.db, book=self.books, halt=Halt(),
                          repeats_only=repeats_only)  # fmt: skip
        (row,) = vouchers.of_client(self.db, client="nordlys")
        return row

    async def run_all(self, *, after: timedelta = timedelta(0), beat_seconds: float = 60.0) -> Summary:
        self.clock.turn(self.clock.now() + after)
        return await posting.run(clock=self.clock, client="nordlys", db=self.db, book=self.books, halt=Halt(),
                                 beat_seconds=beat_seconds)  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """One voucher of 20 November waits."""
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    found = Desk(db)
    lines = tuple(
        VoucherLine(account=VoucherAccount(AccountKind.GENERAL, number), amount=Money(minor), description="Gebyr",
                    reference=f"FACT-1-{number}")
        for number, minor in (("6970", 5000), ("1510", -5000))
    )  # fmt: skip
    voucher = Voucher(
        kind=VoucherKind.MANUAL, date=date(2026, 11, 20), description="Gebyr", reference="FACT-1", lines=lines
    )
    with db.begin() as tx:
        vouchers.add_all(tx, client="nordlys", made=[(voucher, [])], now=found.clock.now())
    yield found
    db.close()


async def test_it_is_asked_for_on_the_date_it_was_sent_with_though_the_lock_date_has_moved_again(desk: Desk) -> None:
    desk.books.lock, desk.books.loses_answers = date(2026, 11, 30), True
    row = await desk.run()
    assert (row.state, row.date) == ("unknown", date(2026, 12, 1))
    desk.books.lock, desk.books.silent = date(2026, 12, 15), False
    row = await desk.run(hour=16)
    assert (row.state, row.date, len(desk.books.posted)) == ("posted", date(2026, 12, 1), 1)


async def test_sent_anew_it_still_says_which_day_it_is_about(desk: Desk) -> None:
    desk.books.lock = date(2026, 11, 30)
    desk.books.locks_when_posting = date(2026, 12, 15)
    row = await desk.run()
    assert (row.state, desk.books.posted) == ("ready", [])
    row = await desk.run(hour=16)
    assert (row.state, row.date) == ("posted", date(2026, 12, 16))
    assert vouchers.voucher_of(row).description == "Gebyr (gjelder 20.11.2026, perioden er låst)"


async def test_a_refusal_that_no_lock_date_explains_waits_for_a_person(desk: Desk) -> None:
    desk.books.lock = None

    async def refuse(*, voucher: Voucher) -> PostedVoucher:
        raise Refused("voucher: no", answer=voucher.reference)

    desk.books.post = refuse
    row = await desk.run()
    assert (row.state, row.answer) == ("refused", "voucher: no: FACT-1")


async def test_what_somebody_reversed_in_the_erp_is_neither_posted_nor_posted_again(desk: Desk) -> None:
    desk.books.loses_answers = True
    await desk.run()
    await desk.books.reverse(kind=VoucherKind.MANUAL, erp_id="0")
    desk.books.silent = False
    row = await desk.run(hour=16)
    assert (row.state, len(desk.books.posted)) == ("refused", 1)
    assert "reversed" in row.answer


async def test_between_the_slots_only_what_has_been_tried_goes_again(desk: Desk) -> None:
    assert (await desk.run(repeats_only=True)).state == "ready"
    assert desk.books.posted == []
    assert (await desk.run(repeats_only=False)).state == "posted"


async def test_an_account_closed_overnight_holds_it_back_and_it_goes_by_itself_once_open(desk: Desk) -> None:
    desk.books.closed = {"6970"}
    row = await desk.run()
    assert (row.state, row.attempts, row.held) == ("ready", 0, "general 6970 is closed")
    assert vouchers.held(desk.db, client="nordlys") == [("nordlys", "general 6970 is closed", 1)]
    assert (await desk.run(minute=40, repeats_only=True)).held == "general 6970 is closed"
    desk.books.closed = set()
    row = await desk.run(minute=50, repeats_only=True)
    assert (row.state, row.held, len(desk.books.posted)) == ("posted", None, 1)
    assert vouchers.held(desk.db) == []


async def test_an_erp_that_does_not_tell_of_its_accounts_is_asked_again_between_the_slots(desk: Desk) -> None:
    desk.books.asked_in_vain = 1
    row = await desk.run()
    assert (row.state, row.held) == ("ready", "the ERP did not say which accounts are open")
    assert (await desk.run(minute=40, repeats_only=True)).state == "posted"


async def test_an_account_closed_while_posting_is_no_refusal_for_a_person(desk: Desk) -> None:
    desk.books.closes_when_posting = {"1510"}
    assert (await desk.run()).state == "ready"
    assert (await desk.run(hour=16, repeats_only=True)).held == "general 1510 is closed"
    desk.books.closed = set()
    row = await desk.run(hour=16, minute=10, repeats_only=True)
    assert (row.state, row.attempts, len(desk.books.posted)) == ("posted", 2, 1)


async def test_an_erp_that_serves_nobody_is_asked_once_a_run_and_never_held_against_a_voucher(desk: Desk) -> None:
    calls: list[str] = []

    async def away(*, voucher: Voucher) -> PostedVoucher:
        calls.append(voucher.reference)
        raise Unavailable("voucher: no connection")

    desk.books.post = away
    _write_more(desk, 3)
    for _ in range(MOST_ATTEMPTS + 2):
        await desk.run_all(after=timedelta(hours=3))
    assert len(calls) == MOST_ATTEMPTS + 2
    assert {row.state for row in vouchers.of_client(desk.db, client="nordlys")} == {"ready"}


async def test_turned_away_too_often_it_is_a_persons_case_and_retry_begins_anew(desk: Desk) -> None:
    async def busy(*, voucher: Voucher) -> PostedVoucher:
        raise TryLater("voucher: later", answer=voucher.reference)

    own, desk.books.post = desk.books.post, busy
    for _ in range(MOST_ATTEMPTS):
        await desk.run_all(after=timedelta(hours=3))
    (row,) = vouchers.refused(desk.db)
    assert (row.attempts, row.answer) == (MOST_ATTEMPTS, "given up after 20 attempts: voucher: later")
    assert vouchers.ready_again(desk.db, row.id, now=desk.clock.now())
    await desk.run_all(after=timedelta(hours=3))
    assert vouchers.refused(desk.db) == []
    desk.books.post = own
    await desk.run_all(after=timedelta(hours=3))
    assert [row.state for row in vouchers.of_client(desk.db, client="nordlys")] == ["posted"]


async def test_what_a_dead_worker_was_posting_is_counted_and_asked_for_first(desk: Desk) -> None:
    desk.books.loses_answers = True
    (row,) = vouchers.of_client(desk.db, client="nordlys")
    assert vouchers.claim(desk.db, row.id, now=desk.clock.now()) is not None
    with pytest.raises(UnknownOutcome):  # it was posted, and then the worker died
        await desk.books.post(voucher=vouchers.voucher_of(row))
    desk.books.silent = False
    assert await desk.run_all(after=timedelta(minutes=5)) == {}  # perhaps it is only slow
    assert await desk.run_all(after=timedelta(minutes=5)) == {"recovered": 1, "voucher_already_posted": 1}
    assert len(desk.books.posted) == 1


async def test_a_posting_longer_than_its_lease_stays_ours(desk: Desk) -> None:
    own, seen = desk.books.post, list[int]()

    async def slow(*, voucher: Voucher) -> PostedVoucher:
        for _ in range(3):
            desk.clock.turn(desk.clock.now() + timedelta(minutes=9))
            await asyncio.sleep(0.05)
            seen.append(vouchers.recover(desk.db, client="nordlys", now=desk.clock.now()))
        return await own(voucher=voucher)

    desk.books.post = slow
    assert await desk.run_all(beat_seconds=0.01) == {"voucher_posted": 1}
    assert seen == [0, 0, 0]


def _write_more(desk: Desk, count: int) -> None:
    (first,) = vouchers.of_client(desk.db, client="nordlys")
    made = [(replace(vouchers.voucher_of(first), reference=f"FACT-{number}"), []) for number in range(2, 2 + count)]
    with desk.db.begin() as tx:
        vouchers.add_all(tx, client="nordlys", made=made, now=desk.clock.now())
