"""What the look-up said, kept for all workers: on both databases, and when two learn of the same debtor at once."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.reach import SEEN_AGAIN_AFTER
from worker.store import reach
from worker.store.database import Database

_numbers = itertools.count(399300000)
NOW = datetime(2027, 2, 1, 7, tzinfo=UTC)


def said(word: Reach, who: str) -> ReachAnswer:
    return ReachAnswer(word, who, "invoice-2", f"says {word}", name="x.example.", smp="smp.example/æ", looked_up_at=NOW)


@pytest.fixture
def who() -> str:
    return f"0192:{next(_numbers)}"


def test_it_comes_back_as_it_was_learned(db: Database, other_db: Database, who: str) -> None:
    assert reach.remembered(db, participant=who, kind=Kind.INVOICE) is None
    learned, _ = reach.learn(db, said(Reach.YES, who), kind=Kind.INVOICE, now=NOW)
    assert reach.remembered(other_db, participant=who, kind=Kind.INVOICE) == learned
    assert (learned.answer, learned.believed, learned.yes_at) == (Reach.YES, True, NOW)
    assert learned.evidence["smp"] == "smp.example/æ"
    assert reach.remembered(db, participant=who, kind=Kind.CREDIT_NOTE) is None


def test_the_whole_road_from_yes_to_no_and_back(db: Database, who: str) -> None:
    before = reach.status(db, now=NOW).waiting
    states: list[tuple[bool, bool]] = []
    for minutes, word in ((0, Reach.YES), (5, Reach.NO), (9, Reach.NO), (15, Reach.NO), (20, Reach.YES)):
        at = NOW + timedelta(minutes=minutes)
        memory, doubt = reach.learn(db, said(word, who), kind=Kind.INVOICE, now=at)
        assert doubt.no_is_believed
        states.append((memory.believed, reach.status(db, now=at).waiting > before))
    assert states == [(True, False), (False, True), (False, True), (True, False), (True, False)]


def test_an_unknown_is_not_learned(db: Database, who: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        reach.learn(db, said(Reach.UNKNOWN, who), kind=Kind.INVOICE, now=NOW)
    assert reach.remembered(db, participant=who, kind=Kind.INVOICE) is None


@pytest.mark.parametrize("known", [False, True])
def test_two_workers_learn_of_a_debtor_at_once(db: Database, other_db: Database, who: str, known: bool) -> None:
    if known:
        reach.learn(db, said(Reach.YES, who), kind=Kind.INVOICE, now=NOW)
    at_once = Barrier(2)

    def learns(door: Database) -> bool:
        at_once.wait()
        memory, _ = reach.learn(
            door, said(Reach.NO, who), kind=Kind.INVOICE, now=NOW + timedelta(minutes=1), earlier_yes=NOW
        )
        return memory.believed

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(learns, (db, other_db))) == [False, False], "two at once are one look"
    memory = reach.remembered(db, participant=who, kind=Kind.INVOICE)
    assert memory is not None
    assert memory.confirm_from == NOW + timedelta(minutes=1) + SEEN_AGAIN_AFTER
    reach.learn(
        db, said(Reach.YES, who), kind=Kind.INVOICE, now=NOW + timedelta(minutes=2)
    )  # others' tests count flips


def test_three_flips_are_seen_from_every_worker(db: Database, other_db: Database) -> None:
    later = NOW + timedelta(days=30)
    debtors = [f"0192:{next(_numbers)}" for _ in range(3)]
    for word in (Reach.YES, Reach.NO):
        for debtor in debtors:
            reach.learn(db, said(word, debtor), kind=Kind.INVOICE, now=later)
    assert not reach.doubt(other_db, now=later).no_is_believed
    stranger, doubt = reach.learn(other_db, said(Reach.NO, f"0192:{next(_numbers)}"), kind=Kind.INVOICE, now=later)
    assert (stranger.believed, doubt.flipped, doubt.sample) == (False, 3, 3)
    for debtor in debtors:
        reach.learn(db, said(Reach.YES, debtor), kind=Kind.INVOICE, now=later)
    assert reach.doubt(other_db, now=later).no_is_believed
