"""Letters in the store: batches claimed whole, and what follows from the print house's receipts, once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.store.stocked import MINUTE, Stock, at_once
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyState
from worker.model.letter import LetterReceipt, ReceiptFile, ReceiptStatus, ReceiptWaits, job_id, read_job_id
from worker.model.parked import ParkedReason
from worker.store import deliveries, invoices, letter_batches, print_receipts, resending
from worker.store import tables as t
from worker.store.database import Database
from worker.store.print_receipts import FOLLOWS, NotWaiting, Taken
from worker.store.rows import DeliveryRow

AT = datetime(2026, 11, 26, 15, 10, tzinfo=UTC)
S, R = DeliveryState, ReceiptStatus


def batch(stock: Stock, *, begin: bool = True, db: Database | None = None) -> list[DeliveryRow]:
    return letter_batches.claim(db or stock.db, client=stock.client, now=stock.now, begin=begin)


# --- batches --------------------------------------------------------------------------------------


def test_all_letters_that_are_due_are_one_batch_for_ever(stock: Stock) -> None:
    for _ in range(3):
        stock.routed(Channel.LETTER)
    stock.routed(Channel.EMAIL_LINK)
    claimed = batch(stock)
    assert [row.state for row in claimed] == ["sending"] * 3
    (name,) = {row.batch for row in claimed}
    assert name is not None
    assert name.startswith(f"{stock.client}-batch-")
    assert batch(stock) == []
    for row in claimed:
        stock.record(row, DeliveryEvent.TRY_LATER, due_at=stock.now + MINUTE)
    stock.routed(Channel.LETTER)
    assert len(batch(stock)) == 1, "a new letter never joins a batch begun before"
    stock.turn(MINUTE)
    assert stock.try_claim(Channel.LETTER) is None, "what belongs to a batch never goes by itself"
    assert [(row.id, row.batch) for row in batch(stock, begin=False)] == [(row.id, name) for row in claimed]


def test_a_batch_takes_all_its_letters_when_one_is_due(stock: Stock) -> None:
    for _ in range(2):
        stock.routed(Channel.LETTER)
    first, second = batch(stock)
    stock.record(first, DeliveryEvent.TRY_LATER, due_at=stock.now)
    stock.record(second, DeliveryEvent.TRY_LATER, due_at=stock.now + 60 * MINUTE)
    assert [row.id for row in batch(stock)] == [first.id, second.id]


def test_a_letter_left_behind_by_its_batch_goes_in_another(stock: Stock) -> None:
    for _ in range(2):
        stock.routed(Channel.LETTER)
    first, second = batch(stock)
    letter_batches.leave(stock.db, first)
    assert stock.delivery(first).batch == first.batch, "not while it is being sent"
    stock.record(first, DeliveryEvent.TRY_LATER, due_at=stock.now)
    stock.record(second, DeliveryEvent.ACCEPTED)
    letter_batches.leave(stock.db, first)
    (again,) = batch(stock)
    assert again.id == first.id
    assert again.batch not in (None, first.batch)


def test_two_workers_never_have_a_letter_both(stock: Stock, other_db: Database) -> None:
    for _ in range(6):
        stock.routed(Channel.LETTER)
    found = at_once(lambda: batch(stock), lambda: batch(stock, db=other_db))
    ids = [row.id for rows in found for row in rows]
    assert len(ids) == len(set(ids)) == 6


def test_a_batch_that_another_worker_is_claiming_is_not_claimed_in_part(stock: Stock, other_db: Database) -> None:
    for _ in range(3):
        stock.routed(Channel.LETTER)
    rows = batch(stock)
    for row in rows:
        stock.record(row, DeliveryEvent.TRY_LATER, due_at=stock.now)
    with other_db.begin() as tx:  # it has got as far as the first
        if tx.dialect.name == "sqlite":
            pytest.skip("SQLite has one writer at a time: nobody stands half-way")
        tx.execute(select(t.deliveries.c.id).where(t.deliveries.c.id == rows[0].id).with_for_update())
        assert batch(stock) == []
    assert [row.id for row in batch(stock)] == [row.id for row in rows]


def test_a_batch_has_an_end(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_batches, "MOST", 2)
    for _ in range(3):
        stock.routed(Channel.LETTER)
    sizes = [len(batch(stock)), len(batch(stock)), len(batch(stock))]
    assert sizes == [2, 1, 0]


# --- receipts -------------------------------------------------------------------------------------


def name_of(stock: Stock, row: DeliveryRow) -> str:
    return job_id(client=stock.client, invoice_id=row.invoice_id, number=row.number, key=row.key)


def take(stock: Stock, row: DeliveryRow, status: ReceiptStatus, *, db: Database | None = None, **given: Any) -> Taken:
    usual: dict[str, Any] = {"job": name_of(stock, row), "status": status, "at": AT, "words": "ukjent adressat"}
    said = LetterReceipt(**{**usual, **given})
    return print_receipts.take(
        db or stock.db, said, file="a.jsonl", returned_text=lambda one: f"I retur: {one.words}", now=stock.now
    )


def letter_in(stock: Stock, state: DeliveryState) -> DeliveryRow:
    """A letter in that state, the invoice as it then is."""
    event = {
        S.HANDED_OVER: DeliveryEvent.ACCEPTED,
        S.CONFIRMED: DeliveryEvent.CONFIRMED,
        S.REFUSED: DeliveryEvent.REFUSED,
        S.UNKNOWN: DeliveryEvent.UNKNOWN,
        S.READY: DeliveryEvent.TRY_LATER,
    }[state]
    row = stock.sent(event, Channel.LETTER)
    assert row.state == state
    return row


AFTER = {DeliveryEvent.ACCEPTED: S.HANDED_OVER, DeliveryEvent.CONFIRMED: S.CONFIRMED, DeliveryEvent.REFUSED: S.REFUSED}


def test_every_receipt_in_every_state(stock: Stock) -> None:
    for state in (S.READY, S.UNKNOWN, S.HANDED_OVER, S.CONFIRMED, S.REFUSED):
        row = letter_in(stock, state)
        for status in ReceiptStatus:
            row = row if stock.delivery(row) == row else letter_in(stock, state)
            taken = take(stock, row, status)
            now = stock.delivery(row)
            if (state, status) not in FOLLOWS:
                assert (taken.outcome, taken.reason) == ("waiting", ReceiptWaits.CONTRADICTORY)
                assert now == row
                continue
            event = FOLLOWS[(state, status)]
            assert now.state == (AFTER[event] if event else state), (state, status)
            reached = now.state in (S.HANDED_OVER, S.CONFIRMED) or state is S.HANDED_OVER
            assert (now.handed_over_at is not None) == reached
            told = stock.rows(t.postbacks, invoice_id=row.invoice_id)
            assert len([one for one in told if one["delivery_id"] == row.id]) == reached
            names = [one["event"] for one in stock.rows(t.events, invoice_id=row.invoice_id)]
            assert f"letter_{status}" in names
            invoice = stock.invoice(row.invoice_id)
            if status is R.RETURNED:
                assert (invoice.parked_reason, invoice.parked_detail) == (
                    ParkedReason.LETTER_RETURNED,
                    "ukjent adressat",
                )
                assert (taken.outcome, taken.parked) == ("returned", True)
                assert told[-1]["text"] == "I retur: ukjent adressat"
            elif status is R.REJECTED:
                assert (taken.outcome, now.ended_reason is not None) == ("refused", True)
            else:
                assert taken.outcome == "noted"
                assert invoice.state == (JourneyState.DELIVERED if reached else JourneyState.DELIVERING)


def test_twice_in_any_words_counts_once(stock: Stock) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    outcomes = [
        take(stock, row, R.RETURNED).outcome,
        take(stock, row, R.RETURNED).outcome,
        take(stock, row, R.RETURNED, at=AT + MINUTE, words="flyttet").outcome,
        take(stock, row, R.POSTED).outcome,
        take(stock, row, R.RECEIVED).outcome,
        take(stock, row, R.PRINTED).outcome,
        take(stock, row, R.PRINTED).outcome,
    ]
    assert outcomes == ["returned", "known", "known", "noted", "noted", "noted", "known"]
    assert stock.delivery(row).state == "confirmed"
    assert len(stock.rows(t.postbacks, invoice_id=row.invoice_id)) == 2
    assert len(stock.rows(t.print_receipts, delivery_id=row.id)) == 4


def test_two_workers_reading_the_same_file_record_once(stock: Stock, other_db: Database) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    found = at_once(lambda: take(stock, row, R.RETURNED), lambda: take(stock, row, R.RETURNED, db=other_db))
    assert sorted(one.outcome for one in found) == ["known", "returned"]
    job = f"{stock.client}-999999-1-00000000"
    found = at_once(
        lambda: take(stock, row, R.POSTED, job=job), lambda: take(stock, row, R.POSTED, job=job, db=other_db)
    )
    assert sorted(one.outcome for one in found) == ["known", "waiting"]


def test_a_letter_at_this_moment_being_sent_is_read_again(stock: Stock) -> None:
    row = stock.sending(Channel.LETTER)
    before = stock.seen()
    assert take(stock, row, R.RECEIVED).outcome == "being_sent"
    assert stock.seen() == before


def test_what_nobody_can_match_waits(stock: Stock) -> None:
    row, unsent = letter_in(stock, S.HANDED_OVER), stock.deliveries(stock.routed(Channel.LETTER))[0]
    email = stock.sent(channel=Channel.EMAIL_PDF)
    jobs = [
        "hello", f"{stock.client}-{row.invoice_id}-2-{row.key[:8]}", f"{stock.client}-{row.invoice_id}-1-00000000",
        f"other-{row.invoice_id}-1-{row.key[:8]}", f"{stock.client}-{10**17}-1-{row.key[:8]}", name_of(stock, email),
        f"{stock.client}-{row.invoice_id}-1-%%%%%%%%",
    ]  # fmt: skip
    reasons = [take(stock, row, R.POSTED, job=job).reason for job in jobs]
    assert reasons == [ReceiptWaits.UNKNOWN_JOB] * len(jobs)
    assert take(stock, row, R.POSTED, client="fjordvik").reason is ReceiptWaits.OTHER_CLIENT
    assert take(stock, unsent, R.POSTED).reason is ReceiptWaits.NOT_SENT
    assert stock.delivery(row) == row
    assert stock.delivery(unsent) == unsent
    assert take(stock, row, R.POSTED, client=stock.client).outcome == "noted", "the right one still counts"


def test_a_letter_that_came_back_while_the_invoice_stands_still_waits_and_the_erp_hears(stock: Stock) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    invoices.park(stock.db, row.invoice_id, ParkedReason.POSTBACK_REFUSED, "no", now=stock.now)
    taken = take(stock, row, R.RETURNED)
    assert (taken.outcome, taken.reason, taken.parked) == ("waiting", ReceiptWaits.INVOICE_STANDS_STILL, False)
    assert stock.invoice(row.invoice_id).parked_reason == ParkedReason.POSTBACK_REFUSED
    assert len(stock.rows(t.postbacks, invoice_id=row.invoice_id)) == 2
    assert take(stock, row, R.RETURNED, at=AT + MINUTE).outcome == "known"


def test_a_letter_that_came_back_after_another_delivery_took_over_parks_nothing(stock: Stock) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    again(stock, row, reason="first one lost")
    taken = take(stock, row, R.RETURNED)
    assert (taken.outcome, taken.reason, taken.parked) == ("returned", None, False)
    assert stock.state(row.invoice_id) is JourneyState.DELIVERED


def again(stock: Stock, row: DeliveryRow, *, reason: str) -> DeliveryRow:
    return resending.resend(
        stock.db, row.invoice_id, channel=Channel.LETTER, address="Nyveien 2\n0155 OSLO", reason=reason, by="kari",
        now=stock.now,
    )  # fmt: skip


def test_a_new_letter_after_one_that_came_back(stock: Stock) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    take(stock, row, R.RETURNED)
    new = again(stock, row, reason="new address")
    assert (new.number, new.state) == (2, "ready")
    assert name_of(stock, new) != name_of(stock, row)
    assert stock.state(row.invoice_id) is JourneyState.DELIVERED
    second = stock.claim(Channel.LETTER)
    stock.record(second, DeliveryEvent.ACCEPTED)
    assert take(stock, second, R.RETURNED).parked


def test_the_erp_hears_of_returned_mail_while_the_invoice_waits(stock: Stock) -> None:
    row = stock.told(Channel.LETTER)
    assert stock.state(row.invoice_id) is JourneyState.POSTED_BACK
    take(stock, row, R.RETURNED)
    told = stock.postback()
    assert (told.kind, told.status, told.text) == ("status", "delivered", "I retur: ukjent adressat")
    stock.tell(told, "refused", park="not now")
    assert stock.invoice(row.invoice_id).parked_reason == ParkedReason.LETTER_RETURNED, "what is true stays"


def test_the_first_report_goes_before_word_of_the_return(stock: Stock) -> None:
    row = letter_in(stock, S.HANDED_OVER)
    take(stock, row, R.RETURNED)
    first = stock.postback()
    assert (first.kind, first.delivery_id) == ("delivered", row.id)
    stock.tell(first, "done", text="Sendt som brev")
    assert stock.invoice(row.invoice_id).parked_reason == ParkedReason.LETTER_RETURNED
    assert stock.postback().text == "I retur: ukjent adressat"


def test_what_a_person_makes_of_it(stock: Stock) -> None:
    row, other = letter_in(stock, S.HANDED_OVER), letter_in(stock, S.HANDED_OVER)
    take(stock, row, R.RETURNED, job=f"{stock.client}-999999-1-00000000")
    take(stock, row, R.POSTED, job=f"{stock.client}-999998-1-00000000")
    take(stock, row, R.REJECTED, job=f"{stock.client}-999997-1-00000000")
    file = ReceiptFile(name="x\udcff.json", sha256=f"{row.id:064x}", faults=("line 1: not JSON",))
    assert print_receipts.keep_unreadable(stock.db, file, now=stock.now)
    assert not print_receipts.keep_unreadable(stock.db, file, now=stock.now)
    mine = [
        one for one in print_receipts.waiting(stock.db) if one.job.startswith(stock.client) or one.file.startswith("x")
    ]
    returned, posted, rejected, unreadable = mine[-4:]

    def settle(receipt: int, invoice_id: int | None) -> tuple[str, str]:
        return print_receipts.settle(
            stock.db, receipt, invoice_id=invoice_id, returned_text=lambda _: "I retur", note="ringt", now=stock.now
        )

    assert settle(returned.id, row.invoice_id) == ("confirmed", "parked")
    assert settle(posted.id, other.invoice_id) == ("confirmed", "delivered")
    with pytest.raises(NotWaiting, match="cannot be rejected"):
        settle(rejected.id, other.invoice_id)
    with pytest.raises(NotWaiting, match="nobody can read"):
        settle(unreadable.id, other.invoice_id)
    for one in (rejected, unreadable):
        assert settle(one.id, None) == ("", "")
        with pytest.raises(NotWaiting, match="not waiting"):
            settle(one.id, None)
    assert not {one.id for one in mine} & {one.id for one in print_receipts.waiting(stock.db)}


def test_the_unknown_is_settled_by_a_receipt_also_when_parked(stock: Stock) -> None:
    claimed = stock.sending(Channel.LETTER)
    stock.record(claimed, DeliveryEvent.UNKNOWN, park=(ParkedReason.SENT_UNKNOWN, "nobody can tell"))
    assert take(stock, claimed, R.RECEIVED).outcome == "noted"
    assert stock.state(claimed.invoice_id) is JourneyState.DELIVERED
    assert deliveries.of_invoice(stock.db, claimed.invoice_id)[0].state == "handed_over"


def test_a_job_id_is_read_as_it_was_made() -> None:
    made = job_id(client="nord-lys-2", invoice_id=17, number=3, key="5f0c1f0e-6a77-4f0e-9d55-6f2d6c2f7a31")
    name = read_job_id(made)
    assert name is not None
    assert (name.client, name.invoice_id, name.number, name.key) == ("nord-lys-2", 17, 3, "5f0c1f0e")
    assert [read_job_id(text) for text in ("", "a-1-1", "a-0-1-5f0c1f0e", "a-1-1-5F0C1F0E", "a-1-1-5f0c1f0e\n")] == [
        None
    ] * 5
