"""The timetable as a pure function of the time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.day import JOBS, REPORTED_WHEN_MISSED, TIMETABLE, Due, at_rest, due_today, last_due, slots_of
from worker.support.clock import OSLO, is_bank_day, oslo, oslo_date

DAY = date(2026, 11, 25)
INSTANTS = st.datetimes(
    # Hypothesis wants naive bounds and puts the zone on itself.
    min_value=datetime(2024, 1, 1),  # noqa: DTZ001
    max_value=datetime(2032, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def due(hour: int, minute: int = 0, day: date = DAY) -> dict[str, list[tuple[str, bool]]]:
    """(slot's time, still in time) by job."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for one in due_today(oslo(day, time(hour, minute))):
        found.setdefault(one.job.name, []).append((one.slot.strftime("%H:%M"), one.in_time))
    return found


def test_nothing_before_eight() -> None:
    assert due(7, 59) == {}


def test_eight_o_clock_takes_in_before_it_looks_at_what_is_unopened() -> None:
    now = due_today(oslo(DAY, time(8)))
    assert [one.job.name for one in now] == ["intake", "fallback"]
    assert all(one.in_time for one in now)


def test_late_but_within_the_window() -> None:
    assert due(8, 20)["intake"] == [("08:00", True)]
    assert due(10, 29)["intake"] == [("08:00", True)]


def test_the_later_slot_stands_for_both() -> None:
    assert due(10, 30)["intake"] == [("08:00", False), ("10:30", True)]
    assert due(12, 59)["intake"] == [("08:00", False), ("10:30", True)]


def test_over_is_over() -> None:
    assert due(13)["intake"] == [("08:00", False), ("10:30", False)]
    assert due(14)["fallback"] == [("08:00", False), ("10:30", False)]


@pytest.mark.parametrize(("at", "in_time"), [((15, 30), True), ((19, 29), True), ((19, 30), False)])
def test_the_report_can_be_four_hours_late(at: tuple[int, int], in_time: bool) -> None:
    assert due(*at)["postback"] == [("15:30", in_time)]


def test_half_past_three_stands_once() -> None:
    assert JOBS["postback"].times == (time(15, 30),)
    assert due(15, 29).get("postback") is None


def test_follow_up_is_every_ten_minutes_of_the_working_day() -> None:
    times = JOBS["follow_up"].times
    assert (times[0], times[-1], len(times)) == (time(8, 10), time(17), 54)
    gaps = {datetime.combine(DAY, later) - datetime.combine(DAY, earlier) for earlier, later in pairwise(times)}
    assert gaps == {timedelta(minutes=10)}
    assert "follow_up" not in REPORTED_WHEN_MISSED


@pytest.mark.parametrize(
    "day",
    [
        pytest.param(date(2026, 12, 24), id="24 December"),
        pytest.param(date(2027, 5, 17), id="17 May"),
        pytest.param(date(2027, 3, 26), id="Good Friday"),
        pytest.param(date(2026, 11, 28), id="Saturday"),
        pytest.param(date(2027, 3, 28), id="short night"),
        pytest.param(date(2026, 10, 25), id="long night"),
    ],
)
def test_closed_days_have_no_slots(day: date) -> None:
    assert all(slots_of(job, day) == [] for job in TIMETABLE)
    assert due_today(oslo(day, time(23, 59))) == []


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [
        (date(2027, 3, 24), 7),  # the last bank day before the clocks go forward (Easter in between)
        (date(2027, 3, 30), 6),  # the first one after
        (date(2026, 10, 23), 6),
        (date(2026, 10, 26), 7),
        (date(2028, 2, 29), 7),  # leap day
        (date(2026, 12, 31), 7),  # New Year's Eve is a bank day
    ],
)
def test_eight_is_eight_on_the_wall(day: date, utc_hour: int) -> None:
    (first, _) = slots_of(JOBS["intake"], day)
    assert first.astimezone(UTC) == datetime(day.year, day.month, day.day, utc_hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(date(2027, 3, 24), date(2027, 3, 30), id="Easter, and the short night within it"),
        pytest.param(date(2026, 10, 23), date(2026, 10, 26), id="the long night"),
        pytest.param(date(2026, 12, 23), date(2026, 12, 28), id="24 December to the weekend"),
        pytest.param(date(2027, 5, 14), date(2027, 5, 18), id="17 May"),
        pytest.param(date(2028, 2, 28), date(2028, 2, 29), id="to the leap day"),
        pytest.param(date(2028, 2, 29), date(2028, 3, 1), id="from the leap day"),
        pytest.param(date(2026, 12, 31), date(2027, 1, 4), id="New Year"),
    ],
)
def test_between_two_bank_days_there_is_no_slot_at_any_minute(before: date, after: date) -> None:
    """A worker that looks every minute, through nights that lack an hour or have one twice."""
    now = oslo(before, time(23, 59)).astimezone(UTC)
    seen: set[datetime] = set()
    while now < oslo(after, time(9)):
        seen |= {one.slot for one in due_today(now) if one.slot > oslo(before, time(23, 59))}
        now += timedelta(minutes=1 if now > oslo(after, time(7, 50)) else 10)
    assert {slot.astimezone(OSLO).date() for slot in seen} == {after}
    assert min(seen) == oslo(after, time(8))


@given(INSTANTS)
def test_what_is_due_has_come_and_is_todays(now: datetime) -> None:
    for one in due_today(now):
        assert one.slot <= now
        assert oslo_date(one.slot) == oslo_date(now)
        assert one.slot.astimezone(OSLO).timetz().replace(tzinfo=None) in one.job.times
        assert is_bank_day(oslo_date(now))


@given(INSTANTS)
def test_at_most_one_slot_a_job_is_in_time_and_it_is_the_latest(now: datetime) -> None:
    by_job: dict[str, list[Due]] = {}
    for one in due_today(now):
        by_job.setdefault(one.job.name, []).append(one)
    for slots in by_job.values():
        assert [one.slot for one in slots] == sorted(one.slot for one in slots)
        assert not any(one.in_time for one in slots[:-1])
        assert slots[-1].in_time == (now - slots[-1].slot < slots[-1].job.window)


@given(INSTANTS, st.integers(min_value=0, max_value=6 * 3600))
def test_time_only_adds_slots_and_never_brings_one_back_in_time(now: datetime, seconds: int) -> None:
    later = now + timedelta(seconds=seconds)
    if oslo_date(later) != oslo_date(now):
        return
    before = {(one.job.name, one.slot): one.in_time for one in due_today(now)}
    after = {(one.job.name, one.slot): one.in_time for one in due_today(later)}
    assert before.keys() <= after.keys()
    assert not any(after[key] and not in_time for key, in_time in before.items())


@given(st.dates(min_value=date(2024, 1, 1), max_value=date(2032, 1, 1)))
def test_no_slot_falls_in_an_hour_that_is_missing_or_doubled(day: date) -> None:
    for job in TIMETABLE:
        for slot in slots_of(job, day):
            assert slot.replace(fold=1).utcoffset() == slot.utcoffset()
            assert slot.astimezone(UTC).astimezone(OSLO).time() == slot.time()


def test_every_missed_slot_that_is_reported_is_a_jobs() -> None:
    assert set(REPORTED_WHEN_MISSED) <= set(JOBS)
    assert all(job.window > timedelta(0) and job.steps for job in TIMETABLE)


def test_what_was_last_due_is_yesterdays_before_the_first_slot_and_fridays_on_a_weekend() -> None:
    morning = last_due(oslo(date(2026, 11, 25), time(7)))
    assert morning["intake"] == oslo(date(2026, 11, 24), time(10, 30))
    assert last_due(oslo(date(2026, 11, 25), time(8)))["intake"] == oslo(date(2026, 11, 25), time(8))
    sunday = last_due(oslo(date(2026, 11, 29), time(12)))
    assert set(sunday) == set(JOBS)
    assert sunday["follow_up"] == oslo(date(2026, 11, 27), time(17))
    # Christmas 2026: Thursday 24 to Sunday 27 December are closed.
    assert last_due(oslo(date(2026, 12, 28), time(7)))["postback"] == oslo(date(2026, 12, 23), time(15, 30))


def test_at_rest_a_holidays_times_pass_as_a_bank_days_would() -> None:
    holiday = date(2026, 12, 25)  # a Friday
    assert at_rest(oslo(holiday, time(7, 59))) == {}
    assert at_rest(oslo(holiday, time(9)))["intake"] == oslo(holiday, time(8))
    assert set(at_rest(oslo(holiday, time(9)))) == {"intake", "fallback", "follow_up"}
    assert at_rest(oslo(date(2026, 11, 25), time(12))) == {}, "a bank day"
    assert at_rest(oslo(date(2026, 11, 28), time(12))) == {}, "a Saturday: nobody expects a sign"
