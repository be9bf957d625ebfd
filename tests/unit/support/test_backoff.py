"""Waits after failures: growing, by kind, never all at the same moment, never before the counterparty asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, Unavailable, UnknownOutcome
from worker.support.backoff import LONGEST_ASKED, MOST_ATTEMPTS, SPREAD, WAITS, wait_after, worn_out

KINDS = [TryLater, SlowDown, Unavailable, AccessDenied, UnknownOutcome]


@pytest.mark.parametrize("kind", KINDS)
def test_waits_double_up_to_a_longest_and_are_spread_below_it(kind: type[OutsideError]) -> None:
    wait = WAITS[kind.kind]
    for tries in range(1, 30):
        usual = min(wait.first * 2 ** (tries - 1), wait.longest)
        found = [wait_after(kind("x"), tries=tries, key=f"delivery:{number}") for number in range(200)]
        assert usual * (1 - SPREAD) < min(found) < usual * (1 - 0.9 * SPREAD)
        assert usual * (1 - 0.1 * SPREAD) < max(found) <= usual


def test_the_same_failure_always_waits_the_same() -> None:
    once = wait_after(TryLater("x"), tries=3, key="postback:7")
    assert once == wait_after(TryLater("y"), tries=3, key="postback:7")
    assert once == timedelta(seconds=960.811616)  # not by chance: another process waits as long
    assert once != wait_after(TryLater("x"), tries=3, key="postback:8")


@given(st.integers(0, 10**6), st.integers(-5, 10**6), st.floats(0, 10**7))
def test_never_before_they_asked_and_never_for_ever(key: int, tries: int, asked: float) -> None:
    for error in (SlowDown("x", retry_after=asked), TryLater("x", retry_after=asked)):
        wait = wait_after(error, tries=tries, key=str(key))
        assert wait >= min(timedelta(seconds=asked), LONGEST_ASKED)
        assert timedelta(0) < wait <= timedelta(hours=2)


def test_slow_down_is_taken_at_its_word_and_anything_else_waits_its_own_time_too() -> None:
    assert wait_after(SlowDown("x", retry_after=3), tries=5, key="k") < timedelta(seconds=4)
    assert wait_after(TryLater("x", retry_after=3), tries=5, key="k") > timedelta(minutes=60)


def test_worn_out_counts_what_is_held_against_the_work_alone() -> None:
    for error in (TryLater("x"), SlowDown("x"), UnknownOutcome("x"), Refused("x")):
        assert not worn_out(error, tries=MOST_ATTEMPTS - 1)
        assert worn_out(error, tries=MOST_ATTEMPTS)
    for error in (Unavailable("x"), AccessDenied("x")):
        assert not worn_out(error, tries=10 * MOST_ATTEMPTS)
