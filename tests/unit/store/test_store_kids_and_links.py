"""KIDs given once, and links whose wrong codes are counted exactly, however many come at once."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError

from tests.unit.store.stocked import LEASE_OVER, MINUTE, Stock, at_once, sha256
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, JourneyEvent, JourneyState
from worker.model.link import CodeVerdict, LinkState
from worker.model.parked import ParkedReason
from worker.store import invoices, links
from worker.store import tables as t
from worker.store.database import Database
from worker.store.links import GUARD_LIMIT, StoreLinkBook

_accounts = itertools.count(10_000_000_000)
RIGHT, WRONG = "mac-right", "mac-wrong"


@pytest.fixture
def account() -> str:
    return str(next(_accounts))


def test_a_kid_is_given_once_whatever_is_asked_later(stock: Stock, account: str) -> None:
    invoice_id = stock.fetched()
    assert invoices.allocate_kid(stock.db, invoice_id, account=account, kid="0012345", now=stock.now) == "0012345"
    assert invoices.allocate_kid(stock.db, invoice_id, account=account, kid="0099999", now=stock.now) == "0012345"
    assert len(stock.rows(t.kids, invoice_id=invoice_id)) == 1


def test_another_account_before_stamping_is_another_kid(stock: Stock, account: str) -> None:
    """Payments are looked up by account and KID: what is stamped must be what stands here."""
    other_account = str(next(_accounts))
    invoice_id, taken = stock.fetched(), stock.fetched()
    invoices.allocate_kid(stock.db, invoice_id, account=account, kid="0012345", now=stock.now)
    invoices.allocate_kid(stock.db, taken, account=other_account, kid="0012345", now=stock.now)
    with pytest.raises(invoices.KidTaken):
        invoices.allocate_kid(stock.db, invoice_id, account=other_account, kid="0012345", now=stock.now)
    assert [row["account"] for row in stock.rows(t.kids, invoice_id=invoice_id)] == [account], "nothing half done"
    assert invoices.allocate_kid(stock.db, invoice_id, account=other_account, kid="777", now=stock.now) == "777"
    (row,) = stock.rows(t.kids, invoice_id=invoice_id)
    assert (row["account"], row["kid"]) == (other_account, "777")


def test_a_stamped_kid_is_never_given_up(stock: Stock, account: str) -> None:
    invoice_id = stock.fetched()
    invoices.allocate_kid(stock.db, invoice_id, account=account, kid="0012345", now=stock.now)
    invoices.keep(stock.db, invoice_id, now=stock.now, stamped_sha256="ab" * 32)
    other_account = str(next(_accounts))
    assert invoices.allocate_kid(stock.db, invoice_id, account=other_account, kid="777", now=stock.now) == "0012345"


def test_a_kid_is_one_invoices_on_its_account(stock: Stock, account: str) -> None:
    first, second = stock.fetched(), stock.fetched()
    invoices.allocate_kid(stock.db, first, account=account, kid="0012345", now=stock.now)
    with pytest.raises(invoices.KidTaken) as told:
        invoices.allocate_kid(stock.db, second, account=account, kid="0012345", now=stock.now)
    assert account not in str(told.value) and "0012345" not in str(told.value)
    other_account = str(next(_accounts))
    assert invoices.allocate_kid(stock.db, second, account=other_account, kid="0012345", now=stock.now) == "0012345"


def test_no_kid_for_an_invoice_that_is_not_there(stock: Stock, account: str) -> None:
    with pytest.raises(LookupError):
        invoices.allocate_kid(stock.db, 2**40, account=account, kid="0012345", now=stock.now)


def test_two_workers_on_the_same_invoice_get_the_same_kid(stock: Stock, other_db: Database, account: str) -> None:
    for number in range(15):
        invoice_id = stock.fetched()

        def give(db: Database, kid: str, wanted: int = invoice_id) -> str:
            return invoices.allocate_kid(db, wanted, account=account, kid=kid, now=stock.now)

        got = at_once(lambda k=f"1{number}": give(stock.db, k), lambda k=f"2{number}": give(other_db, k))
        assert got[0] == got[1] == stock.rows(t.kids, invoice_id=invoice_id)[0]["kid"]


def test_two_invoices_after_the_same_kid_one_gets_it(stock: Stock, other_db: Database, account: str) -> None:
    for number in range(15):
        first, second = stock.fetched(), stock.fetched()

        def give(db: Database, invoice_id: int, kid: str = str(number)) -> bool:
            try:
                invoices.allocate_kid(db, invoice_id, account=account, kid=kid, now=stock.now)
            except invoices.KidTaken:
                return False
            return True

        got = at_once(lambda i=first: give(stock.db, i), lambda i=second: give(other_db, i))
        assert sorted(got) == [False, True]


def opened_by(stock: Stock) -> tuple[StoreLinkBook, int, int]:
    """A link book, a link in it, and its delivery."""
    delivery = stock.sent()
    return StoreLinkBook(stock.db, tries=5), stock.link(delivery.id), delivery.id


def test_a_right_code_opens_once_and_moves_the_delivery(stock: Stock) -> None:
    book, link_id, delivery_id = opened_by(stock)
    answer = book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now + MINUTE)
    assert (answer.verdict, answer.first_opening) == (CodeVerdict.RIGHT, True)
    again = book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now + 2 * MINUTE)
    assert (again.verdict, again.first_opening) == (CodeVerdict.RIGHT, False)
    [row] = stock.rows(t.deliveries, id=delivery_id)
    assert (row["state"], row["opened_at"]) == ("opened", stock.now + MINUTE)


def test_wrong_codes_lock_and_a_right_one_sets_them_back(stock: Stock) -> None:
    book, link_id, _ = opened_by(stock)
    caller = f"caller-{stock.client}"

    def tried(code: str) -> tuple[CodeVerdict, int]:
        answer = book.try_code(link_id=link_id, code_mac=code, caller=caller, now=stock.now)
        return answer.verdict, answer.tries_left

    assert [tried(WRONG) for _ in range(4)] == [(CodeVerdict.WRONG, left) for left in (4, 3, 2, 1)]
    assert tried(RIGHT)[0] is CodeVerdict.RIGHT
    assert [tried(WRONG)[0] for _ in range(5)] == [CodeVerdict.WRONG] * 4 + [CodeVerdict.LOCKED]
    before = stock.seen()
    assert tried(RIGHT)[0] is CodeVerdict.LOCKED
    assert stock.seen() == before


def test_wrong_codes_at_once_are_counted_exactly(stock: Stock, other_db: Database) -> None:
    """Ten at the same moment: five are counted, then it is locked; nobody gets a sixth guess."""
    book, link_id, _ = opened_by(stock)
    other = StoreLinkBook(other_db, tries=5)

    def guess(by: StoreLinkBook, number: int) -> CodeVerdict:
        return by.try_code(link_id=link_id, code_mac=f"{WRONG}{number}", caller=f"{stock.client}-{number % 2}",
                           now=stock.now).verdict  # fmt: skip

    got = at_once(*(lambda n=n: guess((book, other)[n % 2], n) for n in range(10)))
    assert got.count(CodeVerdict.WRONG) == 4 and got.count(CodeVerdict.LOCKED) == 6
    [row] = stock.rows(t.links, id=link_id)
    assert (row["wrong_codes"], row["locked_at"]) == (5, stock.now)
    guards = [r for r in stock.rows(t.portal_guards) if r["prefix"].startswith(f"{stock.client}-")]
    assert sum(row["wrong_codes"] for row in guards) == 5


def test_wrong_codes_from_one_place_are_counted_across_links(stock: Stock, other_db: Database) -> None:
    rows = [opened_by(stock) for _ in range(8)]
    other, caller = StoreLinkBook(other_db, tries=5), f"office-{stock.client}"

    def guess(book: StoreLinkBook, link_id: int) -> None:
        book.try_code(link_id=link_id, code_mac=WRONG, caller=caller, now=stock.now)

    for _ in range(4):
        at_once(*(lambda b=(book, other)[n % 2], i=link_id: guess(b, i) for n, (book, link_id, _) in enumerate(rows)))
    [guard] = stock.rows(t.portal_guards, prefix=caller)
    assert GUARD_LIMIT <= guard["wrong_codes"] <= 32  # each one counted that was looked at
    assert sum(row["wrong_codes"] for _, i, _ in rows for row in stock.rows(t.links, id=i)) == guard["wrong_codes"]
    book, link_id, _ = rows[0]
    assert book.try_code(link_id=link_id, code_mac=RIGHT, caller=caller, now=stock.now).verdict is CodeVerdict.SLOW_DOWN
    elsewhere = book.try_code(link_id=link_id, code_mac=RIGHT, caller=f"home-{stock.client}", now=stock.now)
    assert elsewhere.verdict is CodeVerdict.RIGHT
    later = stock.now + timedelta(hours=1)
    assert book.try_code(link_id=link_id, code_mac=RIGHT, caller=caller, now=later).verdict is CodeVerdict.RIGHT


def test_an_unknown_link_and_one_that_is_over(stock: Stock) -> None:
    book, link_id, delivery_id = opened_by(stock)
    with pytest.raises(LookupError):
        book.try_code(link_id=2**40, code_mac=RIGHT, caller="c", now=stock.now)
    assert book.find(token_hash=sha256("nobody's"), now=stock.now) is None
    late = stock.now + timedelta(days=90)
    assert book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=late).verdict is CodeVerdict.GONE
    [row] = stock.rows(t.links, id=link_id)
    view = book.find(token_hash=row["token_hash"], now=stock.now)
    assert view is not None and (view.delivery_id, view.state, str(view.total)) == (
        delivery_id, LinkState.OPEN, "12500.50 NOK"
    )  # fmt: skip
    invoice_id = stock.rows(t.deliveries, id=delivery_id)[0]["invoice_id"]
    invoices.park(stock.db, invoice_id, ParkedReason.OTHER_PAYEE, "x", now=stock.now)
    invoices.move(stock.db, invoice_id, JourneyEvent.WITHDRAWN, now=stock.now)
    gone = book.find(token_hash=row["token_hash"], now=stock.now)
    assert gone is not None and gone.state is LinkState.WITHDRAWN
    assert book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now).verdict is CodeVerdict.GONE


def test_a_link_knows_what_is_owed_and_when_nothing_is_left_of_its_invoice(stock: Stock) -> None:
    book, link_id, delivery_id = opened_by(stock)
    [token_hash] = [row["token_hash"] for row in stock.rows(t.links, id=link_id)]
    invoice = stock.invoice(stock.rows(t.deliveries, id=delivery_id)[0]["invoice_id"])

    def seen() -> tuple[LinkState, int]:
        view = book.find(token_hash=token_hash, now=stock.now)
        assert view is not None
        return view.state, view.rest.minor

    def credit(minor: int, **given: str) -> None:
        note = stock.fetched(kind="credit_note")
        values = {"credited_number": invoice.number, "currency": "NOK", **given}
        with stock.db.begin() as tx:
            tx.execute(update(t.invoices).where(t.invoices.c.id == note).values(payable_minor=minor, **values))

    assert seen() == (LinkState.OPEN, 1250050)
    with stock.db.begin() as tx:
        file = {"name": "f", "sha256": sha256(f"file {stock.client}"), "state": "taken", "received_at": stock.now}
        file_id = tx.execute(insert(t.settlement_files).values(**file).returning(t.settlement_files.c.id)).scalar_one()
        for state, minor in (("matched", 1000000), ("ignored", 1), ("waiting", 2)):
            tx.execute(
                insert(t.settlement_items).values(
                    file_id=file_id, source_key=f"{stock.client} {state}", kind="payment", client=stock.client,
                    invoice_id=invoice.id, event_date=stock.now.date(), amount_minor=minor, currency="NOK", facts={},
                    state=state, created_at=stock.now,
                )
            )  # fmt: skip
    assert seen() == (LinkState.OPEN, 250050)
    credit(1250049)
    credit(1, currency="EUR")
    credit(1, credited_number="another")
    credit(1, state=JourneyState.WITHDRAWN)
    assert seen() == (LinkState.OPEN, 250050)
    credit(1)
    assert seen()[0] is LinkState.CREDITED
    answer = book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now)
    assert answer.verdict is CodeVerdict.GONE
    assert stock.rows(t.deliveries, id=delivery_id)[0]["state"] == "handed_over"


def test_a_link_is_written_for_a_delivery_that_exists_and_its_token_once(stock: Stock) -> None:
    delivery = stock.sent()
    token = sha256(stock.client)

    def add(delivery_id: int) -> int:
        return links.add(
            stock.db, delivery_id=delivery_id, token_hash=token, code_mac=RIGHT, expires_at=stock.now, now=stock.now
        )

    add(delivery.id)
    with pytest.raises(IntegrityError):
        add(delivery.id)
    with pytest.raises(IntegrityError):
        stock.link(2**40)


def test_an_opening_that_came_too_early_is_noted_afterwards(stock: Stock) -> None:
    """Opened while our mail server's answer was still on its way."""
    book, claimed = StoreLinkBook(stock.db), stock.sending()
    link_id = stock.link(claimed.id)
    assert book.try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now).first_opening
    assert stock.delivery(claimed).state == "sending"
    assert links.note_openings(stock.db, client=stock.client, now=stock.now) == 0
    stock.record(claimed, DeliveryEvent.ACCEPTED)
    assert links.note_openings(stock.db, client="somebody-else", now=stock.now) == 0
    assert links.note_openings(stock.db, client=stock.client, now=stock.now + MINUTE) == 1
    assert stock.delivery(claimed).state == "opened"
    assert links.note_openings(stock.db, client=stock.client, now=stock.now) == 0


def test_an_opening_noted_after_the_worker_died_settles_the_delivery(stock: Stock) -> None:
    claimed = stock.sending()
    link_id = stock.link(claimed.id)
    StoreLinkBook(stock.db).try_code(link_id=link_id, code_mac=RIGHT, caller="c", now=stock.now)
    stock.turn(LEASE_OVER)
    stock.recover()
    assert links.note_openings(stock.db, client=stock.client, now=stock.now) == 1
    assert (stock.delivery(claimed).state, stock.state(claimed.invoice_id)) == ("opened", "delivered")


def test_opening_and_the_letters_claim_at_once(stock: Stock, other_db: Database) -> None:
    """Either the letter is stopped or it is on its way; nobody waits for the other for ever."""
    book = StoreLinkBook(stock.db)
    other = Stock(other_db, stock.client, stock.now)
    for _ in range(12):
        link = stock.sent()
        link_id = stock.link(link.id)
        stock.next_channel(link, expire=True)
        opened, letter = at_once(
            lambda i=link_id: book.try_code(link_id=i, code_mac=RIGHT, caller="c", now=stock.now).first_opening,
            lambda: other.try_claim(Channel.LETTER) is not None,
        )
        first, second = stock.deliveries(link.invoice_id)
        assert opened and first.state == "opened"
        assert second.state == ("sending" if letter else "stopped")
