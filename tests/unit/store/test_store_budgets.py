"""The budget in the database: whoever reserves gets turns that nobody else has."""

from __future__ import annotations

import itertools
import threading
import time

import pytest
from sqlalchemy import text

from tests.unit.store.stocked import at_once
from worker.store.budgets import SharedBudget
from worker.store.database import Database

_numbers = itertools.count(1)
SPACING = 0.02


def ahead(budget: SharedBudget, turns: int) -> float:
    """Reserves; in how many seconds the first of the turns is."""
    return budget.reserve(turns, spacing=SPACING) - time.monotonic()


@pytest.fixture
def name() -> str:
    return f"counterparty{next(_numbers)}"


def test_turns_follow_each_other_across_workers(db: Database, other_db: Database, name: str) -> None:
    one, other = SharedBudget(db, name), SharedBudget(other_db, name)
    assert ahead(one, 500) <= 0.0
    assert ahead(other, 5) == pytest.approx(10.0, abs=0.5)
    assert ahead(one, 1) == pytest.approx(10.1, abs=0.5)


def test_budgets_of_two_counterparties_do_not_meet(db: Database, name: str) -> None:
    SharedBudget(db, name).reserve(500, spacing=SPACING)
    assert ahead(SharedBudget(db, f"{name}-other"), 1) <= 0.0


def test_workers_that_come_at_once_never_share_a_turn(db: Database, other_db: Database, name: str) -> None:
    lock, taken = threading.Lock(), 0

    def work(door: Database) -> None:
        nonlocal taken
        budget = SharedBudget(door, name)
        for _ in range(10):
            budget.reserve(5, spacing=SPACING)
            with lock:
                taken += 5

    at_once(*(lambda door=door: work(door) for door in (db, other_db, db, other_db)))
    # 200 turns of 20 ms reach four seconds ahead of the first; what went by meanwhile is in it.
    assert ahead(SharedBudget(db, name), 1) == pytest.approx(taken * SPACING, abs=2.0)


def test_a_pause_is_everybodys(db: Database, other_db: Database, name: str) -> None:
    SharedBudget(db, name).hold(30)
    assert ahead(SharedBudget(other_db, name), 1) == pytest.approx(30, abs=0.5)
    SharedBudget(db, name).hold(1)  # a shorter one takes nothing away
    assert ahead(SharedBudget(db, name), 1) == pytest.approx(30, abs=0.5)


def test_a_clock_set_back_stops_nobody(db: Database, name: str) -> None:
    budget = SharedBudget(db, name)
    budget.reserve(1, spacing=SPACING)
    with db.begin() as tx:
        tx.execute(text("UPDATE budgets SET free_at = free_at + 3600000000 WHERE name = :name"), {"name": name})
    assert ahead(budget, 1) <= 0.0
