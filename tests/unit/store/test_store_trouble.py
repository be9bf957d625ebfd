"""The database itself in trouble: what is said of it, on both databases, and that it is held against nobody."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.support.database import prepared
from tests.unit.store.stocked import NOW, Stock
from worker.store import tables as t
from worker.store.database import Database, DatabaseUnusable, current_revision, require_writable
from worker.store.isolation import isolated
from worker.store.trouble import StoreTrouble, trouble_of
from worker.support.summary import Summary


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database nobody else has."""
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(db)
    yield db
    db.close()


def fill(db: Database) -> None:
    """No page more than there is: as on a full disk. Of the one connection that is at rest in the pool."""
    with db.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=1"))


def make_room(db: Database) -> None:
    with db.engine.connect() as connection:
        connection.execute(text("PRAGMA max_page_count=1073741823"))


def test_a_full_disk_is_told_and_what_was_written_before_stands(own: Database) -> None:
    stock = Stock(own, "nordlys")
    kept = stock.fetched()
    fill(own)
    with pytest.raises(StoreTrouble, match=r"disk is full: make room; the worker goes on by itself"):
        for _ in range(2000):
            stock.fetched(number="9" * 60)
    assert stock.state(kept) == "fetched", "reading goes on"
    make_room(own)
    assert stock.state(stock.fetched()) == "fetched"


def test_no_invoice_is_parked_for_a_full_disk(own: Database) -> None:
    stock, summary = Stock(own, "nordlys"), Summary()
    kept = stock.fetched()
    fill(own)
    with pytest.raises(StoreTrouble), isolated(own, kept, now=NOW, summary=summary):
        for _ in range(2000):
            stock.fetched(number="9" * 60)
    make_room(own)
    assert (stock.state(kept), dict(summary)) == ("fetched", {})


def test_a_damaged_file_is_told_and_held_against_no_invoice(own: Database, tmp_path: Path) -> None:
    """SQLite's word for it is no OperationalError, as its words for other troubles are."""
    kept = Stock(own, "nordlys").fetched()
    own.close()
    path = tmp_path / "worker.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)  # all but the first page, which lists the tables
    path.write_bytes(content)
    db = Database(f"sqlite:///{path}")
    told = pytest.raises(StoreTrouble, match="stop every worker and restore the last backup")
    with told, isolated(db, kept, now=NOW, summary=Summary()):
        Stock(db, "nordlys").invoice(kept)
    with pytest.raises(DatabaseUnusable, match=r"malformed.*restore the last backup"):
        current_revision(db)
    db.close()


def test_a_file_that_may_only_be_read(own: Database, tmp_path: Path) -> None:
    own.close()
    db = Database(f"sqlite:///file:{tmp_path / 'worker.db'}?mode=ro&uri=true")
    with pytest.raises(StoreTrouble, match="read-only: make it writable"), db.begin() as tx:
        tx.execute(text("UPDATE invoices SET number = 'x'"))
    with pytest.raises(DatabaseUnusable, match="make it writable for the worker's user"):
        require_writable(db)
    db.close()


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_postgresql_that_lets_nobody_write(db: Database) -> None:
    with pytest.raises(StoreTrouble, match="read-only"), db.begin() as tx:
        tx.execute(text("SET TRANSACTION READ ONLY"))
        tx.execute(text("UPDATE invoices SET number = 'x'"))


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_postgresql_that_shuts_the_connection_is_away_and_the_next_transaction_goes(
    db: Database, other_db: Database
) -> None:
    with pytest.raises(StoreTrouble, match="does not answer or is going down"), db.begin() as tx:
        pid = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
        with other_db.begin() as theirs:
            theirs.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        tx.execute(text("SELECT 1"))
    with db.begin() as tx:
        assert tx.execute(text("SELECT 1")).scalar_one() == 1


def test_what_a_statement_did_wrong_is_no_trouble_of_the_database(db: Database) -> None:
    with pytest.raises(IntegrityError), db.begin() as tx:
        tx.execute(t.invoices.insert().values(id=None, client=None))


def test_the_words_hold_no_values(own: Database) -> None:
    fill(own)
    with pytest.raises(StoreTrouble) as told:
        for _ in range(2000):
            Stock(own, "nordlys").fetched(number="4242424242" * 6)
    assert "42424242" not in repr(told.value) + str(told.value)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "disk is full"), ("53200", "no memory"), ("53300", "connections left"), ("57P01", "going down"),
        ("08006", "does not answer"), ("58030", "does not read or write"), ("XX001", "damaged"), ("25006", "read-only"),
    ],
)  # fmt: skip
def test_postgresqls_codes(state: str, words: str) -> None:
    error = psycopg.errors.lookup(state)("x") if state != "08006" else psycopg.errors.ConnectionFailure("x")
    found = trouble_of(error)
    assert found is not None and words in str(found)


@pytest.mark.parametrize(
    "error", [psycopg.errors.UniqueViolation("x"), sqlite3.IntegrityError("x"), ValueError("x"), None]
)
def test_everything_else_is_none(error: Exception | None) -> None:
    assert trouble_of(error) is None


def test_a_lock_another_process_keeps(own: Database, tmp_path: Path) -> None:
    impatient = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    with impatient.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
    locked = pytest.raises(StoreTrouble, match="another process has kept it locked")
    with own.begin(), locked, impatient.begin():
        pass
    with impatient.begin():
        pass
    impatient.close()
