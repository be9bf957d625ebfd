"""Writers of one SQLite file within a process: each in its turn, nobody twice at once, and readers wait for nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.unit.store.stocked import at_once
from worker.store.database import Database, migrate
from worker.store.turns import Turns


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('turns') / 'worker.db'}")
    migrate(database)
    yield database
    database.close()


def test_who_comes_first_writes_first(db: Database) -> None:
    order: list[int] = []

    def write(number: int) -> None:
        with db.begin() as tx:
            tx.execute(text("UPDATE invoices SET number = 'x'"))
            order.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(20)]
    with db.begin():
        for thread in threads:
            thread.start()
            time.sleep(0.01)  # so that it stands in line before the next one comes
    for thread in threads:
        thread.join(10)
    assert order == list(range(20))


def test_a_transaction_within_another_is_refused_at_once(db: Database) -> None:
    begun = time.monotonic()
    with db.begin() as tx:
        with pytest.raises(RuntimeError, match="within another"), db.begin():
            pass
        tx.execute(text("UPDATE invoices SET number = 'x'"))  # the outer one is none the worse
    with db.begin():
        pass
    assert time.monotonic() - begun < 1


def test_reading_waits_for_no_writer(db: Database) -> None:
    def look() -> int:
        with db.read() as reading:
            return reading.execute(text("SELECT count(*) FROM invoices")).scalar_one()

    begun = time.monotonic()
    with db.begin() as tx:
        tx.execute(text("UPDATE invoices SET number = 'x'"))
        assert look() == 0  # the same thread, and others
        assert at_once(look, look) == [0, 0]
    assert time.monotonic() - begun < 1


def test_who_waits_too_long_is_told_as_by_sqlite_and_holds_up_nobody() -> None:
    turns = Turns(longest_wait=0.05)
    told: list[Exception] = []

    def impatient() -> None:
        try:
            with turns.turn():
                pass
        except OperationalError as error:
            told.append(error)

    with turns.turn():
        at_once(impatient, impatient)
    assert ["database is locked" in str(error) for error in told] == [True, True]
    at_once(impatient)
    assert len(told) == 2


def test_a_transaction_that_fails_passes_the_turn_on(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.begin():
        _ = 1 / 0
    with db.begin():
        pass


def test_only_one_at_a_time_whatever_the_crowd() -> None:
    turns, inside, most = Turns(), list[int](), list[int]()

    def come() -> None:
        for _ in range(200):
            with turns.turn():
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    at_once(*[come] * 8)
    assert max(most) == 1 and len(most) == 1600
