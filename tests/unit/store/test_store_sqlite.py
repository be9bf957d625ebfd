"""What is SQLite's own: durable commits, one writer at a time who waits, and foreign keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.unit.store.stocked import NOW, Stock, at_once, count
from worker.model.journey import JourneyEvent
from worker.store import invoices, story
from worker.store import tables as t
from worker.store.database import Database, migrate, require_head


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "worker.db"


@pytest.fixture
def first(path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{path}")
    migrate(db)
    yield db
    db.close()


@pytest.fixture
def second(first: Database, path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{path}")
    yield db
    db.close()


def test_every_connection_is_set_up_for_durability(first: Database, second: Database) -> None:
    for db in (first, second, first):
        for door in (db.begin, db.read):
            with door() as tx:
                told = {
                    name: tx.execute(text(f"PRAGMA {name}")).scalar()
                    for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
                }
            assert told == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10000}


def test_a_copy_that_is_not_wal_becomes_it(path: Path, first: Database, tmp_path: Path) -> None:
    copy = tmp_path / "restored.db"
    with first.engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("VACUUM INTO ?", (str(copy),))
    restored = Database(f"sqlite:///{copy}")
    require_head(restored)
    with restored.read() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    restored.close()
    assert path.is_file()


def test_a_second_writer_waits_and_then_writes(first: Database, second: Database) -> None:
    other = Stock(second, "nordlys")
    begun, waited = threading.Event(), list[float]()

    def write() -> None:
        begun.set()
        start = time.monotonic()
        other.fetched()
        waited.append(time.monotonic() - start)

    thread = threading.Thread(target=write)
    with first.begin():  # nothing written yet: the lock is taken when the transaction begins
        thread.start()
        begun.wait(5)
        time.sleep(0.3)
        assert waited == []
    thread.join(10)
    assert waited and waited[0] >= 0.25
    assert count(first, t.invoices) == 1


def test_many_writers_none_fails(first: Database, second: Database) -> None:
    def write(db: Database) -> None:
        stock = Stock(db, "nordlys")
        for _ in range(20):
            invoices.move(db, stock.fetched(), JourneyEvent.CHECK_PASSED, now=NOW)

    at_once(*(lambda db=db: write(db) for db in (first, second, first, second)))
    assert count(first, t.invoices) == 80 and count(first, t.events) == 160


def test_a_failed_transaction_lets_the_next_one_in(first: Database, second: Database) -> None:
    with pytest.raises(RuntimeError), first.begin() as tx:
        tx.execute(text("UPDATE invoices SET number = 'x'"))
        raise RuntimeError("the worker fell over here")
    Stock(second, "nordlys").fetched()


def test_foreign_keys_hold(first: Database) -> None:
    with pytest.raises(IntegrityError), first.begin() as tx:
        story.begin_story(tx, 4711, client="nordlys", erp="poweroffice_go", erp_id="x")


def test_a_database_file_of_another_kind_fails_in_words_not_in_wal(tmp_path: Path) -> None:
    folder = tmp_path / "worker.db"
    folder.mkdir()
    db = Database(f"sqlite:///{folder}")
    with pytest.raises(RuntimeError, match=r"cannot be used: unable to open database file"):
        require_head(db)
    with pytest.raises(OperationalError), db.begin():
        pass
    db.close()
