"""The Norwegian calendar: bank days, Oslo wall-clock time, and a clock that stands still."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.support.clock import (
    SystemClock,
    TurnedClock,
    bank_day_on_or_after,
    is_bank_day,
    oslo,
    oslo_date,
)

DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 12, 31))

# Oppgjørsdager: helligdagsloven's days, 1 and 17 May, and 24 December.
CLOSED = [
    date(2026, 1, 1), date(2026, 4, 2), date(2026, 4, 3), date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 14),
    date(2026, 5, 25), date(2026, 12, 24), date(2026, 12, 25), date(2027, 3, 25), date(2027, 3, 26), date(2027, 3, 29),
    date(2027, 5, 6), date(2027, 5, 17), date(2027, 12, 24), date(2028, 4, 13), date(2028, 4, 17), date(2028, 12, 26),
]  # fmt: skip
OPEN = [date(2026, 12, 23), date(2026, 12, 31), date(2028, 2, 29), date(2027, 5, 18), date(2026, 4, 7)]


@pytest.mark.parametrize("day", CLOSED, ids=str)
def test_closed(day: date) -> None:
    assert day.weekday() < 5, "the list is of weekdays: a weekend proves nothing"
    assert not is_bank_day(day)


@pytest.mark.parametrize("day", OPEN, ids=str)
def test_open(day: date) -> None:
    assert is_bank_day(day)


@given(DAYS)
def test_the_next_bank_day_is_one_and_the_first(day: date) -> None:
    found = bank_day_on_or_after(day)
    assert is_bank_day(found)
    assert day <= found <= day + timedelta(days=6), "Easter is the longest closing: Thursday to Monday"
    assert not any(is_bank_day(day + timedelta(days=n)) for n in range((found - day).days))
    assert bank_day_on_or_after(found) == found


@given(DAYS)
def test_weekends_are_closed(day: date) -> None:
    if day.weekday() >= 5:
        assert not is_bank_day(day)


@pytest.mark.parametrize(
    ("day", "at", "utc"),
    [
        (date(2026, 11, 25), time(8), datetime(2026, 11, 25, 7, tzinfo=UTC)),
        (date(2026, 6, 25), time(8), datetime(2026, 6, 25, 6, tzinfo=UTC)),
        (date(2027, 3, 28), time(1, 59), datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
        (date(2027, 3, 28), time(3), datetime(2027, 3, 28, 1, tzinfo=UTC)),
        (date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first of the two
        (date(2026, 10, 25), time(3), datetime(2026, 10, 25, 2, tzinfo=UTC)),
    ],
)
def test_wall_clock_time_in_norway(day: date, at: time, utc: datetime) -> None:
    assert oslo(day, at).astimezone(UTC) == utc


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 24, 22, 59, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 24, 23, 0, tzinfo=UTC), date(2026, 11, 25)),
        (datetime(2026, 6, 24, 22, 0, tzinfo=UTC), date(2026, 6, 25)),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_the_date_in_norway(instant: datetime, day: date) -> None:
    assert oslo_date(instant) == day


def test_naive_times_are_refused() -> None:
    naive = datetime(2026, 11, 25, 8)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="naive"):
        oslo_date(naive)
    with pytest.raises(ValueError, match="aware"):
        TurnedClock(naive)


def test_a_turned_clock_stands_still_and_tells_utc() -> None:
    clock = TurnedClock(oslo(date(2026, 11, 25), time(8)))
    assert clock.now() == clock.now() == datetime(2026, 11, 25, 7, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    clock.turn(oslo(date(2026, 11, 24), time(8)))
    assert clock.now() == datetime(2026, 11, 24, 7, tzinfo=UTC)


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
