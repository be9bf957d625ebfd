"""The story's lines are bound to each other: what is done behind the program's back is found and named."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.support.databases import Servers
from tests.unit.store.stocked import NOW, Stock, at_once
from worker.store import invoices, story
from worker.store.database import Database, migrate

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def unguarded(servers: Servers) -> Iterator[Callable[[str], Database]]:
    """A database a kind whose guards somebody with the database's own tools has taken away."""
    made: dict[str, Database] = {}

    def get(kind: str) -> Database:
        if kind not in made:
            db = made[kind] = Database(servers.new_url(kind))
            migrate(db)
            with db.begin() as tx:
                if kind == "postgresql":
                    tx.execute(text("ALTER TABLE events DISABLE TRIGGER events_only_added"))
                else:
                    tx.execute(text("DROP TRIGGER events_no_change"))
                    tx.execute(text("DROP TRIGGER events_no_removal"))
        return made[kind]

    yield get
    for db in made.values():
        db.close()


def faults(stock: Stock) -> list[story.Fault]:
    return list(story.verify(stock.db, story.Verified(), client=stock.client))


def test_what_the_program_writes_holds(stock: Stock) -> None:
    stock.told()
    stock.routed()
    seen = story.Verified()
    assert list(story.verify(stock.db, seen, client=stock.client)) == []
    assert seen.stories == 2 and seen.lines > 10
    again = story.digest(stock.db, client=stock.client)
    assert (again.digest, again.stories, again.lines) == (seen.digest, seen.stories, seen.lines)


def test_the_digest_changes_with_every_line_and_for_its_client_only(stock: Stock) -> None:
    invoice_id = stock.routed()
    before = story.digest(stock.db, client=stock.client).digest
    Stock(stock.db, f"{stock.client}-other").fetched()
    assert story.digest(stock.db, client=stock.client).digest == before
    invoices.note_event(stock.db, invoice_id, "noted", detail="ringt skyldneren", now=NOW)
    assert story.digest(stock.db, client=stock.client).digest != before


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE events SET detail = 'noe annet' WHERE sequence = 3 AND", "the words of line 3 were changed"),
        ("UPDATE events SET to_state = 'delivered' WHERE sequence = 2 AND", "line 2 was changed"),
        ("DELETE FROM events WHERE sequence = 2 AND", "line 2 is missing"),
        ("DELETE FROM events WHERE sequence > 4 AND", "lines were written and 4 are here"),
        ("DELETE FROM stories WHERE", "it has no story at all"),
        ("UPDATE stories SET head = 'f00' WHERE", "the last line is not the one that was written last"),
    ],
)
def test_what_is_changed_behind_its_back_is_named(
    unguarded: Callable[[str], Database], kind: str, statement: str, what: str
) -> None:
    stock = Stock(unguarded(kind), f"tampered{next(_numbers)}")
    untouched, invoice_id = stock.routed(), stock.routed()
    assert faults(stock) == []
    with stock.db.begin() as tx:
        tx.execute(text(f"{statement} invoice_id = {invoice_id}"))
    [fault] = faults(stock)
    assert fault.invoice_id == invoice_id != untouched and what in fault.what


@pytest.mark.parametrize(
    ("change", "what"),
    [("state = 'delivered'", "it stands as delivered, and its story says"), ("erp_id = 'another'", "line 1")],
)
def test_the_invoice_itself_is_held_to_its_story(
    unguarded: Callable[[str], Database], kind: str, change: str, what: str
) -> None:
    stock = Stock(unguarded(kind), f"tampered{next(_numbers)}")
    invoice_id = stock.routed()
    with stock.db.begin() as tx:
        tx.execute(text(f"UPDATE invoices SET {change} WHERE id = :id"), {"id": invoice_id})  # noqa: S608
    [fault] = faults(stock)
    assert what in fault.what


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET detail = 'noe annet'",
        "UPDATE events SET to_state = 'delivered'",
        "DELETE FROM events",
        "DELETE FROM attempts",
        "UPDATE attempts SET outcome = 'accepted'",
        "UPDATE attempts SET answer = '250 OK'",
    ],
)
def test_the_database_refuses_to_change_what_is_only_added(stock: Stock, statement: str) -> None:
    stock.told()
    with pytest.raises(DBAPIError, match="only ever added to"), stock.db.begin() as tx:
        tx.execute(text(statement))


def test_words_can_be_removed_and_the_story_still_holds(stock: Stock) -> None:
    invoice_id = stock.routed()
    with stock.db.begin() as tx:
        tx.execute(text("UPDATE events SET detail = NULL WHERE invoice_id = :id"), {"id": invoice_id})
    assert faults(stock) == []


def test_lines_added_at_once_stand_in_one_order(stock: Stock, other_db: Database) -> None:
    invoice_id = stock.fetched()

    def note(db: Database) -> None:
        for place in range(15):
            invoices.note_event(db, invoice_id, "noted", detail=f"Ærlig talt {place} \x00", now=NOW)

    at_once(*(lambda db=db: note(db) for db in (stock.db, other_db, stock.db, other_db)))
    seen = story.Verified()
    assert list(story.verify(stock.db, seen, client=stock.client)) == [] and seen.lines == 61
