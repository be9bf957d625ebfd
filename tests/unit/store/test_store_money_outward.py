"""Files fetched, accounts checked, a statement's day and a voucher's correction, on both databases."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial

from sqlalchemy import select, update

from tests.unit.store.stocked import Stock, at_once, sha256
from worker.model.money import Money
from worker.model.settlement import EventKind, FeedEvent, SettlementFile, SourceFormat
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.store import account_checks, corrections, fetched_files, settlement, settlement_files, statements, vouchers
from worker.store.corrections import AGAIN, WAIT, Reopened
from worker.store.database import Database
from worker.store.settling import deciding
from worker.store.tables import account_checks as checks_table
from worker.store.tables import fetched_files as fetched_table
from worker.store.tables import settlement_items


def test_files_are_remembered_by_name_size_and_time(db: Database, other_db: Database, stock: Stock) -> None:
    name = f"{stock.client}.txt"
    first, later = (name, 10, 100), (name, 10, 200)
    odd = (f"{stock.client}-\udce5.txt", 1, 1)
    assert fetched_files.unknown_among(db, [first, later, odd]) == {first, later, odd}
    at_once(*[partial(fetched_files.remember, door, first, sha256="a" * 64, now=stock.now) for door in (db, other_db)])
    fetched_files.remember(db, odd, sha256="b" * 64, now=stock.now)
    assert fetched_files.unknown_among(db, [first, later, odd]) == {later}
    with db.read() as tx:
        kept = tx.execute(select(fetched_table.c.name_sha256).where(fetched_table.c.changed == 100)).scalars()
        assert all(stock.client not in value for value in kept)


def test_the_last_check_of_a_clients_accounts_stands(db: Database, other_db: Database, stock: Stock) -> None:
    assert account_checks.last(db, client=stock.client) is None

    def keep(door: Database, state: str, *findings: str) -> None:
        account_checks.keep(door, client=stock.client, accounts={"bank": "general:1920"}, state=state,
                            findings=findings, now=stock.now)  # fmt: skip

    at_once(*[partial(keep, door, "faulty", "ACCOUNT_BANK: closed") for door in (db, other_db)])
    last = account_checks.last(db, client=stock.client)
    assert last is not None
    assert (last.state, last.findings, last.accounts) == ("faulty", ["ACCOUNT_BANK: closed"], {"bank": "general:1920"})
    keep(other_db, "sound")
    assert [row["state"] for row in stock.rows(checks_table, client=stock.client)] == ["sound"]


def booked(db: Database, stock: Stock, invoice_id: int | None, *amounts: int) -> tuple[int, list[int]]:
    """A posted voucher of so many payments of the client; returns its id and those of its items."""
    events = tuple(
        FeedEvent(event_id=f"{stock.client}-{place}", client=stock.client, kind=EventKind.PAYMENT,
                  date=date(2026, 11, 20), amount=Money(minor))
        for place, minor in enumerate(amounts)
    )  # fmt: skip
    file = SettlementFile(format=SourceFormat.LEDGER_FEED, identity=stock.client, sha256=sha256(stock.client),
                          events=events)  # fmt: skip
    settlement_files.take_file(db, name="feed", file=file, now=stock.now)
    ids = [row.id for row in settlement.items(db, states=["new"], client=stock.client)]
    for item_id in ids:
        settlement.decide(db, item_id, state="matched", invoice_id=invoice_id, now=stock.now)
    accounts = [VoucherAccount(AccountKind.GENERAL, number) for number in ("1510", "1500")]
    lines = tuple(
        VoucherLine(account=account, amount=Money(sign * sum(amounts)), description="x", reference="x")
        for account, sign in zip(accounts, (1, -1), strict=True)
    )
    voucher = Voucher(kind=VoucherKind.BANK, date=date(2026, 11, 20), description="x", reference="FACT-1", lines=lines)
    with deciding(db) as tx:
        [voucher_id] = vouchers.add_all(tx, client=stock.client, made=[(voucher, ids)], now=stock.now).values()
    row = vouchers.claim(db, voucher_id, now=stock.now)
    assert row is not None
    vouchers.record(db, row, state="posted", act="send", started_at=stock.now, now=stock.now, outcome="posted",
                    erp_id="e-1", erp_number="7")  # fmt: skip
    return voucher_id, ids


def test_a_correction_asked_for_by_two_is_one_and_takes_the_items_with_it(
    db: Database, other_db: Database, stock: Stock
) -> None:
    voucher_id, (one, two) = booked(db, stock, None, 100, 200)
    asked = [partial(corrections.begin, door, voucher_id, places={one: AGAIN, two: WAIT}, note="x", now=stock.now)
             for door in (db, other_db)]  # fmt: skip
    answers = at_once(*asked)
    assert len({row.id for row, _ in answers}) == 1
    assert sorted(is_new for _, is_new in answers) == [False, True]
    claimed = [row for row in at_once(*[partial(corrections.claim, door, answers[0][0].id, now=stock.now)
                                        for door in (db, other_db)]) if row is not None]  # fmt: skip
    assert len(claimed) == 1
    corrections.finish(db, claimed[0], reopened=Reopened("delivered", "x"), act="send", started_at=stock.now,
                       now=stock.now, outcome="reversed")  # fmt: skip
    rows = stock.rows(settlement_items, client=stock.client)
    assert [(row["state"], row["amount_minor"]) for row in rows] == [
        ("corrected", 100), ("corrected", 200), ("matched", 100), ("waiting", 200),
    ]  # fmt: skip
    assert len({row["source_key"] for row in rows}) == 4
    assert [row.state for row in vouchers.of_client(db, client=stock.client)] == ["reversed", "posted"]


def test_the_opening_balance_is_the_closing_of_the_day_before_also_through_a_correction(
    db: Database, stock: Stock
) -> None:
    voucher_id, (one,) = booked(db, stock, None, 100)
    reversal, _ = corrections.begin(db, voucher_id, places={one: AGAIN}, note="x", now=stock.now)
    claimed = corrections.claim(db, reversal.id, now=stock.now)
    assert claimed is not None
    later = stock.now + timedelta(days=2)
    corrections.finish(db, claimed, reopened=Reopened("delivered", "x"), act="send", started_at=later, now=later,
                       outcome="reversed")  # fmt: skip
    with db.begin() as tx:
        again = settlement_items.c.state == "matched"
        tx.execute(update(settlement_items).where(again, settlement_items.c.client == stock.client)
                   .values(decided_at=later + timedelta(days=1)))  # fmt: skip
    closing, seen = 0, list[tuple[int, int, int]]()
    for day in range(5):
        start = stock.now - timedelta(hours=1) + timedelta(days=day)
        found = statements.of_client(db, client=stock.client, start=start, end=start + timedelta(days=1))
        opening = found.before.get("payment", 0)
        assert opening == closing
        taken, back = (sum(row.amount_minor or 0 for row, _ in rows) for rows in (found.items, found.taken_back))
        closing = opening + taken - back
        seen.append((opening, taken, back))
    assert seen == [(0, 100, 0), (100, 0, 0), (100, 0, 100), (0, 100, 0), (100, 0, 0)]
