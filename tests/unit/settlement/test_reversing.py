"""A posted voucher is corrected: reversed once however often and whoever asks, and only then booked anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from tests.support.database import prepared
from worker.model.money import Money
from worker.model.outcomes import AccessDenied, Refused, TryLater, UnknownOutcome
from worker.model.settlement import EventKind, FeedEvent, SettlementFile, SourceFormat
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.settlement import posting
from worker.settlement.balance import compare
from worker.settlement.making import BookingPlan
from worker.settlement.reversing import reverse_now
from worker.settlement.rules import Role
from worker.settlement.step import MatchingConfig, book_all, match_all
from worker.store import corrections, settlement, settlement_files, vouchers
from worker.store.corrections import AGAIN, WAIT, CannotCorrect, Place
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.store.tables import attempts, invoices
from worker.support.clock import TurnedClock, oslo
from worker.support.halt import Halt

pytestmark = pytest.mark.anyio
DAY = date(2026, 11, 25)
CLEARING = VoucherAccount(AccountKind.GENERAL, "1510")
PLAN = BookingPlan(
    accounts={role: CLEARING if role is Role.CLEARING else VoucherAccount(AccountKind.GENERAL, "6970")
              for role in Role if role is not Role.DEBTOR},
    prefix="FACT",
    by_day=False,
)  # fmt: skip


class Books:
    """An ERP that counts its reversals, and loses answers when told to."""

    def __init__(self) -> None:
        self.posted: list[PostedVoucher] = []
        self.reversals: list[str] = []
        self.asked = 0
        self.silent = False
        self.trouble: Exception | None = None
        self.does_it_all_the_same = False
        self.shows_it = True
        self.lock: date | None = None

    async def post(self, *, voucher: Voucher) -> PostedVoucher:
        lines = tuple((line.account.number, line.amount) for line in voucher.lines)
        self.posted.append(PostedVoucher(str(len(self.posted)), "7", voucher.reference, voucher.date, lines))
        return self.posted[-1]

    async def find(self, *, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        del kind
        self.asked += 1
        if self.silent:
            raise TryLater("no answer")
        return next((one for one in self.posted if (one.reference, one.date) == (reference, date)), None)

    async def reverse(self, *, kind: VoucherKind, erp_id: str) -> None:
        del kind
        trouble, self.trouble = self.trouble, None
        if trouble is None or self.does_it_all_the_same:
            self.reversals.append(erp_id)
            if self.shows_it:
                self.show(int(erp_id))
        if trouble is not None:
            raise trouble

    def show(self, number: int) -> None:
        self.posted[number] = replace(self.posted[number], is_reversed=True)

    async def accounts(self, *, wanted: Sequence[VoucherAccount]) -> dict[VoucherAccount, LedgerAccount]:
        return {account: LedgerAccount(account, "Konto", True) for account in wanted}

    async def lock_date(self) -> date | None:
        return self.lock

    async def open_items(self, *, customer_code: str) -> list[OpenItem]:
        del customer_code
        return []

    async def match(self, *, entry_ids: Sequence[str], on: date) -> None:
        raise AssertionError((entry_ids, on))

    async def balance(self, *, account: VoucherAccount, on: date) -> Money:
        standing = [one for one in self.posted if not one.is_reversed and one.date <= on]
        amounts = [amount for one in standing for number, amount in one.lines if number == account.number]
        return sum(amounts, Money(0))

    async def aclose(self) -> None: ...


class Desk:
    def __init__(self, db: Database) -> None:
        self.db, self.books, self.clock = db, Books(), TurnedClock(oslo(DAY, time(15, 30)))

    async def settle(self, *, hour: int = 15, minute: int = 30, repeats_only: bool = False) -> None:
        self.clock.turn(oslo(DAY, time(hour, minute)))
        now = self.clock.now()
        if not repeats_only:
            config = MatchingConfig(frozenset({"nordlys"}), "86011117947", "feed")
            match_all(now=now, config=config, db=self.db, halt=Halt())
            book_all(now=now, client="nordlys", plan=PLAN, db=self.db, halt=Halt())
        await posting.run(clock=self.clock, client="nordlys", db=self.db, book=self.books, halt=Halt(),
                          repeats_only=repeats_only)  # fmt: skip

    def begin(self, place: Place = AGAIN, *, voucher: int = 1, item: int = 1) -> tuple[VoucherRow, bool]:
        return corrections.begin(self.db, voucher, places={item: place}, note="feil faktura", now=self.clock.now())

    async def correct(self, place: Place = AGAIN, **which: int) -> VoucherRow:
        reversal, _ = self.begin(place, **which)
        return await reverse_now(clock=self.clock, db=self.db, book=self.books, reversal_id=reversal.id)

    def states(self) -> list[str]:
        return [row.state for row in vouchers.of_client(self.db, client="nordlys")]

    def items(self) -> list[tuple[str, int | None]]:
        everything = ["new", "matched", "waiting", "ignored", "booked", "told", "split", "corrected"]
        return [(row.state, row.invoice_id) for row in settlement.items(self.db, states=everything)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncGenerator[Desk]:
    """A payment of 1250 kroner is matched to invoice 5001 (id 1) and posted; it may have been 5002's (id 2)."""
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    found = Desk(db)
    now = found.clock.now()
    with db.begin() as tx:
        for number in ("5001", "5002"):
            tx.execute(insert(invoices).values(
                client="nordlys", erp="poweroffice_go", erp_id=f"erp-{number}", kind="invoice", number=number,
                debtor_code="10001", state="posted_back", erp_row={}, currency="NOK", payable_minor=125000,
                is_credit=False, fetched_at=now, updated_at=now,
            ))  # fmt: skip
    paid = FeedEvent(event_id="1", client="nordlys", kind=EventKind.PAYMENT, date=date(2026, 11, 20),
                     amount=Money(125000), invoice_number="5001")  # fmt: skip
    file = SettlementFile(format=SourceFormat.LEDGER_FEED, identity="1", sha256="0" * 64, events=(paid,))
    settlement_files.take_file(db, name="feed", file=file, now=now)
    await found.settle()
    assert (found.states(), found.items()) == (["posted"], [("booked", 1)])
    yield found
    db.close()


async def test_it_is_reversed_and_booked_where_it_belongs_under_a_new_reference(desk: Desk) -> None:
    assert (await desk.correct([(2, 125000)])).state == "posted"
    assert (desk.states(), desk.items()) == (["reversed", "posted"], [("corrected", 1), ("matched", 2)])
    assert len(desk.books.posted) == 1, "the new one comes at the next settlement"
    await desk.settle(hour=16)
    assert desk.states() == ["reversed", "posted", "posted"]
    old, new = desk.books.posted
    assert old.reference != new.reference
    assert (old.date, old.lines) == (new.date, new.lines)
    await desk.settle(hour=17)
    assert (len(desk.books.posted), desk.books.reversals) == (2, ["0"])


async def test_said_twice_it_is_done_once(desk: Desk) -> None:
    first = await desk.correct([(2, 125000)])
    again, is_new = desk.begin([(2, 125000)])
    assert (again.id, again.state, is_new) == (first.id, "posted", False)
    await desk.correct([(2, 125000)])
    await desk.settle(hour=16)
    assert (desk.books.reversals, len(desk.books.posted), len(desk.items())) == (["0"], 2, 2)


async def test_without_a_place_the_item_waits_and_its_match_is_booked(desk: Desk) -> None:
    await desk.correct(WAIT)
    [waiting] = settlement.waiting(desk.db)
    assert (waiting.reason, waiting.client, waiting.invoice_id) == ("correction", "nordlys", None)
    settlement.decide(desk.db, waiting.id, state="matched", invoice_id=2, now=desk.clock.now())
    await desk.settle(hour=16)
    assert (desk.states(), desk.items()[-1]) == (["reversed", "posted", "posted"], ("booked", 2))


async def test_a_correction_can_be_corrected(desk: Desk) -> None:
    await desk.correct([(2, 125000)])
    await desk.settle(hour=16)
    await desk.correct([(1, 100000), (2, 25000)], voucher=3, item=2)
    await desk.settle(hour=17)
    assert desk.states() == ["reversed", "posted", "reversed", "posted", "posted", "posted"]
    assert desk.books.reversals == ["0", "1"]
    assert len({one.reference for one in desk.books.posted}) == 4


@pytest.mark.parametrize("done", [True, False])
async def test_an_answer_that_was_lost_is_asked_about_and_it_is_reversed_once(desk: Desk, done: bool) -> None:
    desk.books.trouble, desk.books.does_it_all_the_same = UnknownOutcome("no answer"), done
    assert (await desk.correct()).state == ("posted" if done else "ready")
    await desk.settle(hour=16, repeats_only=True)
    assert desk.states()[:2] == ["reversed", "posted"]
    assert desk.books.reversals == ["0"]


async def test_cut_off_after_sending_it_stays_unknown_until_the_erp_says(desk: Desk) -> None:
    desk.books.trouble, desk.books.does_it_all_the_same = UnknownOutcome("no answer"), True
    asks = desk.books.find

    async def deaf_after_sending(*, kind: VoucherKind, reference: str, date: date) -> PostedVoucher | None:
        desk.books.silent = bool(desk.books.reversals)
        return await asks(kind=kind, reference=reference, date=date)

    desk.books.find = deaf_after_sending
    assert (await desk.correct()).state == "unknown"
    assert desk.items() == [("booked", 1)], "nothing is booked anew before the old one is out"
    await desk.settle(hour=16, repeats_only=True)
    assert desk.states()[1] == "unknown"
    desk.books.find, desk.books.silent = asks, False
    await desk.settle(hour=17, repeats_only=True)
    assert (desk.states()[:2], desk.books.reversals) == (["reversed", "posted"], ["0"])


async def test_accepted_and_done_a_moment_later_is_not_sent_again(desk: Desk) -> None:
    """Version 2 may answer 202."""
    desk.books.shows_it = False
    assert (await desk.correct()).state == "unknown"
    desk.books.show(0)
    await desk.settle(hour=16, repeats_only=True)
    assert (desk.states()[:2], desk.books.reversals) == (["reversed", "posted"], ["0"])


async def test_somebody_has_reversed_it_by_hand(desk: Desk) -> None:
    desk.books.show(0)
    assert (await desk.correct()).state == "posted"
    assert (desk.books.reversals, desk.states()) == ([], ["reversed", "posted"])


async def test_the_erp_silent_or_closed_to_us_it_goes_on_by_itself(desk: Desk) -> None:
    desk.books.silent = True
    assert (await desk.correct()).state == "ready"
    desk.books.silent, desk.books.trouble = False, AccessDenied("the right to reverse is missing")
    await desk.settle(hour=16, repeats_only=True)
    assert (desk.states()[1], desk.books.reversals) == ("ready", [])
    await desk.settle(hour=17, repeats_only=True)
    assert (desk.states()[:2], desk.books.reversals) == (["reversed", "posted"], ["0"])


async def test_a_refusal_waits_for_a_person_with_the_lock_date_that_explains_it(desk: Desk) -> None:
    desk.books.trouble, desk.books.lock = Refused("reversal: no", answer="the date is locked"), date(2026, 11, 30)
    row = await desk.correct()
    assert row.state == "refused"
    assert "the date is locked (the books are locked to 30.11.2026" in row.answer
    assert (desk.states(), desk.items()) == (["posted", "refused"], [("booked", 1)])
    assert [one.id for one in vouchers.refused(desk.db)] == [row.id]
    await desk.settle(hour=16)
    assert desk.books.reversals == []
    assert vouchers.ready_again(desk.db, row.id, now=desk.clock.now())
    await desk.settle(hour=17)
    assert (desk.states()[:2], desk.books.reversals) == (["reversed", "posted"], ["0"])


async def test_a_voucher_the_erp_does_not_show_is_a_persons_case(desk: Desk) -> None:
    desk.books.posted[0] = replace(desk.books.posted[0], erp_id="another")
    row = await desk.correct()
    assert (row.state, desk.books.reversals) == ("refused", [])
    assert "does not show the voucher" in row.answer


async def test_what_cannot_be_corrected_is_said(desk: Desk) -> None:
    with pytest.raises(LookupError):
        desk.begin(voucher=99)
    with pytest.raises(CannotCorrect, match="other items"):
        desk.begin(item=99)
    desk.books.silent = True
    await desk.correct(AGAIN)
    with pytest.raises(CannotCorrect, match="in another way"):
        desk.begin(WAIT)
    desk.books.silent = False
    await desk.settle(hour=16, repeats_only=True)
    with pytest.raises(CannotCorrect, match="itself a reversal"):
        desk.begin(voucher=2)


@pytest.mark.parametrize("place", [AGAIN, WAIT])
async def test_our_balance_follows_the_erps_through_a_correction(desk: Desk, place: Place) -> None:
    async def differences() -> tuple[int, int]:
        found = await compare(client="nordlys", account=CLEARING, on=DAY, db=desk.db, book=desk.books)
        return found.ours.minor, found.difference.minor

    assert await differences() == (125000, 0)
    desk.books.silent = True
    await desk.correct(place)
    assert await differences() == (125000, 0)
    desk.books.silent = False
    await desk.settle(hour=16, repeats_only=True)
    assert await differences() == (0, 0)
    await desk.settle(hour=17)
    assert await differences() == (125000 if place == AGAIN else 0, 0)


async def test_every_try_is_on_record(desk: Desk) -> None:
    desk.books.trouble = UnknownOutcome("no answer")
    await desk.correct()
    await desk.settle(hour=16, repeats_only=True)
    with desk.db.read() as tx:
        rows = tx.execute(select(attempts.c.act, attempts.c.outcome).where(attempts.c.subject_id == 2)).all()
    assert [tuple(row) for row in rows] == [("send", "never_arrived"), ("send", "reversed")]
