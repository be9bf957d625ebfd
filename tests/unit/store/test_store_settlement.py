"""Money by many workers: each payment counted once, decided once on what is owed then, a file whole or not at all."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.support.settlement_samples import (
    CamtEntry,
    CamtFile,
    CamtTransaction,
    OcrAssignment,
    OcrFile,
    OcrTransaction,
)
from tests.unit.store.stocked import MINUTE, Stock, at_once
from worker.model.kid import mod10
from worker.model.settlement import BankPayment, SettlementFile
from worker.model.voucher import AccountKind, VoucherAccount
from worker.settlement.formats import read
from worker.settlement.making import BookingPlan
from worker.settlement.rules import Role, roles_needed
from worker.settlement.step import MatchingConfig, book_all, match_all
from worker.store import invoices, matching, settlement, settlement_files, vouchers
from worker.store import tables as t
from worker.store.database import Database
from worker.store.matching import Decision, Found, References
from worker.store.rows import ItemRow
from worker.store.settlement_files import FileBusy, Taken
from worker.support.halt import Halt

ACCOUNT = "86011117947"
OWED = 1250050
_files = itertools.count(1000)


class Money:
    """A client's money: invoices with KIDs, files taken, matched and booked by any worker."""

    def __init__(self, stock: Stock) -> None:
        self.stock = stock

    def invoice(self, **given: str) -> tuple[int, str]:
        """Id and KID of an invoice of 12 500.50 kroner."""
        new_id = self.stock.registered(**given)
        kid = f"{new_id:015}{mod10(f'{new_id:015}')}"
        return new_id, invoices.allocate_kid(self.stock.db, new_id, account=ACCOUNT, kid=kid, now=self.stock.now)

    def take(self, content: bytes) -> Taken:
        file = read(content, own_accounts=frozenset({ACCOUNT}), today=date(2026, 11, 25))
        taken = settlement_files.take_file(self.stock.db, name="file", file=file, now=self.stock.now)
        assert taken is not None
        return taken

    def match(self, db: Database | None = None, **changes: str) -> None:
        config = MatchingConfig(frozenset({self.stock.client}), ACCOUNT, changes.get("payments_from", "bank"))
        match_all(now=self.stock.now, config=config, db=db or self.stock.db, halt=Halt())

    def book(self, db: Database | None = None, *, without: Role | None = None) -> None:
        account = VoucherAccount(AccountKind.GENERAL, "1510")
        plan = BookingPlan({role: account for role in roles_needed() if role is not without}, "FACT", by_day=False)
        book_all(now=self.stock.now, client=self.stock.client, plan=plan, db=db or self.stock.db, halt=Halt())

    def items(self, kid: str) -> list[ItemRow]:
        """Those that name the KID."""
        states = ["new", "waiting", "matched", "booked", "ignored", "split", "told"]
        return [row for row in settlement.items(self.stock.db, states=states) if row.facts.get("kid") == kid]

    def states(self, kid: str) -> list[tuple[str, str | None]]:
        return [(row.state, row.reason) for row in self.items(kid)]


@pytest.fixture
def money(stock: Stock) -> Money:
    return Money(stock)


def ocr(*payments: tuple[int, str]) -> bytes:
    transactions = [OcrTransaction(minor, kid, reference=n) for n, (minor, kid) in enumerate(payments, next(_files))]
    return OcrFile([OcrAssignment(transactions)], number=next(_files)).render()


def camt(*kids: str, message: str = "", reference: str = "", copy: str = "") -> bytes:
    """Payments of 500 kroner, without the bank's reference unless given, in a message of its own unless named."""
    entries = [CamtEntry([CamtTransaction("500.00", kid=kid, reference=reference)]) for kid in kids]
    return CamtFile(entries, message=message or f"MSG-{next(_files)}", copy=copy).render()


# --- twins --------------------------------------------------------------------------------------------


def test_a_twin_in_another_file_without_the_banks_reference_waits_for_a_person(money: Money) -> None:
    _, kid = money.invoice()
    assert money.take(camt(kid)) == Taken(1, 0, 0)
    assert money.take(camt(kid)) == Taken(1, 0, 1)
    money.match()
    assert money.states(kid) == [("matched", None), ("waiting", "perhaps_known")]
    first, second = money.items(kid)
    assert second.note == f"like item {first.id}"
    settlement.decide(money.stock.db, second.id, state="ignored", note="told twice", now=money.stock.now)
    assert money.take(camt(kid, kid, kid)) == Taken(3, 0, 2), "two are like those, a third cannot be"
    money.match()
    assert [state for state, _ in money.states(kid)] == ["matched", "ignored", "waiting", "waiting", "matched"]


def test_with_the_banks_reference_it_is_the_same_payment(money: Money) -> None:
    _, kid = money.invoice()
    assert money.take(camt(kid, reference="R1")) == Taken(1, 0, 0)
    assert money.take(camt(kid, reference="R1")) == Taken(0, 1, 0)
    assert money.take(camt(kid, reference="R2")) == Taken(1, 0, 0)


def test_a_file_told_again_is_harmless_whatever_it_looks_like(money: Money) -> None:
    kids = [money.invoice()[1] for _ in range(3)]
    message = f"MSG-{next(_files)}"
    assert money.take(camt(kids[0], kids[1], kids[1], message=message)) == Taken(3, 0, 0)
    assert money.take(camt(kids[1], kids[0], kids[1])) == Taken(0, 3, 0), "another name and order, nothing new"
    assert money.take(camt(kids[1], message=message)) == Taken(0, 1, 0), "the name of the first"
    assert money.take(camt(kids[0], copy="COPY")) == Taken(0, 1, 0), "the bank says it is a copy"
    assert money.take(camt(kids[0], kids[2])) == Taken(2, 0, 1), "one is new, so the other may be"


def test_twins_of_the_source_that_does_not_book_payments_trouble_nobody(money: Money) -> None:
    _, kid = money.invoice()
    money.take(camt(kid))
    money.take(camt(kid))
    money.match(payments_from="feed")
    assert [state for state, _ in money.states(kid)] == ["ignored", "ignored"]


# --- a file, whole ------------------------------------------------------------------------------------


class Watched(tuple[BankPayment, ...]):
    """Payments of a file; `meanwhile` happens once, in the midst of the taking."""

    db: Database | None = None
    meanwhile: Callable[[], object] | None = None

    def __iter__(self) -> Iterator[BankPayment]:
        for place, payment in enumerate(super().__iter__()):
            yield payment
            if place == 2_500 and self.db is not None and self.meanwhile is not None and self._half_written(self.db):
                meanwhile, self.meanwhile = self.meanwhile, None
                meanwhile()

    def _half_written(self, db: Database) -> bool:
        with db.read() as tx:
            taking = t.settlement_files.select().where(t.settlement_files.c.state == "taking")
            return tx.execute(taking).first() is not None


def large(kid: str, *, count: int = 2_600) -> SettlementFile:
    file = read(ocr(*[(minor, kid) for minor in range(1, count + 1)]), own_accounts=frozenset({ACCOUNT}),
                today=date(2026, 11, 25))  # fmt: skip
    return replace(file, payments=Watched(file.payments))


def watch(file: SettlementFile, db: Database, meanwhile: Callable[[], object]) -> None:
    assert isinstance(file.payments, Watched)
    file.payments.db, file.payments.meanwhile = db, meanwhile


class Killed(BaseException):
    """Nobody catches it, as nobody catches a power cut."""


def test_a_worker_that_dies_half_way_leaves_nothing_and_the_next_takes_it_whole(
    money: Money, other_db: Database
) -> None:
    _, kid = money.invoice()
    file, stock = large(kid), money.stock

    def die() -> None:
        raise Killed

    watch(file, stock.db, die)
    with pytest.raises(Killed):
        settlement_files.take_file(stock.db, name="a", file=file, now=stock.now)
    assert money.items(kid), "the test is about half a file"
    assert not set(matching.new_items(other_db)) & {row.id for row in money.items(kid)}, "and nobody counts on it"
    assert not settlement_files.known_file(other_db, sha256=file.sha256)
    small = read(ocr((1, kid)), own_accounts=frozenset({ACCOUNT}), today=date(2026, 11, 25))
    for one in (file, small):
        with pytest.raises(FileBusy):
            settlement_files.take_file(other_db, name="b", file=one, now=stock.now + MINUTE)
    later = stock.now + settlement_files.LEASE
    assert settlement_files.take_file(other_db, name="a", file=file, now=later) == Taken(2_600, 0, 0)
    assert len(money.items(kid)) == 2_600 == len({row.source_key for row in money.items(kid)})
    assert settlement_files.take_file(other_db, name="a", file=file, now=later) is None
    money.match()


def test_a_worker_taken_for_dead_writes_no_more(money: Money, other_db: Database) -> None:
    _, kid = money.invoice()
    file, stock = large(kid), money.stock
    later = stock.now + settlement_files.LEASE + MINUTE
    taken: list[Taken | None] = []
    watch(file, stock.db,
          lambda: taken.append(settlement_files.take_file(other_db, name="b", file=file, now=later)))  # fmt: skip
    with pytest.raises(FileBusy):
        settlement_files.take_file(stock.db, name="a", file=file, now=stock.now)
    assert taken == [Taken(2_600, 0, 0)]
    assert len(money.items(kid)) == 2_600
    money.match()


# --- many workers -------------------------------------------------------------------------------------


def test_two_workers_never_match_a_second_payment(money: Money, other_db: Database) -> None:
    invoice_id, kid = money.invoice()
    money.take(ocr((OWED, kid), (OWED, kid)))
    first, second = [row.id for row in money.items(kid)]
    begun = threading.Event()

    def decide(row: ItemRow, found: Found) -> Decision:
        invoice = found.by_kid[ACCOUNT, kid]
        owed = (invoice.payable_minor or 0) - found.settled.get(invoice_id, 0)
        if row.id == first:
            begun.set()
            other.join(0.2)  # the other worker has all the time it wants, and must not get on
        return Decision("matched", invoice=invoice) if owed > 0 else Decision("waiting", "already_paid")

    def work(db: Database, item_id: int) -> None:
        matching.decide_new(db, [item_id], references=lambda _: References(ACCOUNT, kid), decide=decide,
                            now=money.stock.now)  # fmt: skip

    def when_begun() -> None:
        begun.wait(10)
        work(other_db, second)

    other = threading.Thread(target=when_begun)
    other.start()
    work(money.stock.db, first)
    other.join(30)
    assert money.states(kid) == [("matched", None), ("waiting", "already_paid")]


def test_many_at_once_decide_and_book_each_payment_once(money: Money, other_db: Database) -> None:
    kids = [money.invoice()[1] for _ in range(5)]
    money.take(ocr(*[(OWED, kid) for kid in kids * 2]))
    doors = [money.stock.db, other_db]
    at_once(*[lambda db=db: money.match(db) for db in doors])
    assert [money.states(kid) for kid in kids] == [[("matched", None), ("waiting", "already_paid")]] * 5
    at_once(*[lambda db=db: money.book(db) for db in doors])
    made = vouchers.of_client(money.stock.db, client=money.stock.client)
    assert len(made) == 5
    assert sorted(row["item_id"] for one in made for row in money.stock.rows(t.voucher_items, voucher_id=one.id)) == [
        money.items(kid)[0].id for kid in kids
    ]


# --- what is owed, and what becomes of it ---------------------------------------------------------------


def test_a_credit_note_of_the_same_client_stops_a_payment(money: Money) -> None:
    (_, credited), (_, other) = money.invoice(number="77001"), money.invoice(number="77002")
    stock = money.stock
    for client, number in ((stock.client, "77001"), ("somebody-else", "77002")):
        added = invoices.add_fetched(
            stock.db, client=client, erp="poweroffice_go", erp_id=f"credit-{stock.client}", kind="credit_note",
            number="9", debtor_code="10001", erp_row={"original_number": number}, now=stock.now,
        )  # fmt: skip
        assert added is not None
    money.take(ocr((OWED, credited), (OWED, other)))
    money.match()
    assert (money.states(credited), money.states(other)) == (
        [("waiting", "credited_invoice")],
        [("matched", None)],
    )


def test_two_part_payments_that_pay_it_tell_the_erp_once(money: Money) -> None:
    invoice_id, kid = money.invoice()
    money.take(ocr((OWED - 100, kid), (100, kid)))
    money.match()
    money.book()
    [owed] = money.stock.rows(t.postbacks, invoice_id=invoice_id)
    assert (owed["status"], owed["text"], owed["state"]) == ("completed", "Betalt i sin helhet.", "ready")


def test_an_item_nobody_can_make_a_voucher_of_stops_no_other(money: Money) -> None:
    (_, sound), (_, unsound) = money.invoice(), money.invoice()
    money.take(ocr((OWED, sound), (OWED, unsound)))
    money.match()
    money.book(without=Role.CLEARING)
    assert money.states(sound) == money.states(unsound) == [("waiting", "unexpected")]
    assert "KeyError" in money.items(sound)[0].note
    for kid in (sound, unsound):
        [row] = money.items(kid)
        settlement.decide(money.stock.db, row.id, state="matched", note="the account is named now",
                          now=money.stock.now + timedelta(hours=1))  # fmt: skip
    money.book()
    assert [money.states(kid) for kid in (sound, unsound)] == [[("booked", None)]] * 2


def test_what_belongs_to_no_client_yet_is_on_every_clients_list(money: Money) -> None:
    kid = f"{next(_files):014}"
    kid = kid + str((int(mod10(kid)) + 1) % 10)
    money.take(ocr((OWED, kid)))
    money.match()
    [row] = money.items(kid)
    for client in (money.stock.client, "another"):
        assert row.id in {one.id for one in settlement.waiting(money.stock.db, client=client)}
    assert row.client is None
