"""The clock and the Norwegian calendar. The only module that reads the time of day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from time import monotonic
from typing import Protocol
from zoneinfo import ZoneInfo

import holidays

OSLO = ZoneInfo("Europe/Oslo")


class Clock(Protocol):
    """Where `now` comes from."""

    def now(self) -> datetime:
        """The instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class TurnedClock:
    """A clock that stands still until it is turned: demo and tests."""

    def __init__(self, now: datetime) -> None:
        self.turn(now)

    def now(self) -> datetime:
        return self._now

    def turn(self, now: datetime) -> None:
        """Sets the time. Raises ValueError for a naive datetime."""
        if now.tzinfo is None:
            raise ValueError("a clock is turned to an aware datetime")
        self._now = now.astimezone(UTC)


class Stopwatch:
    """How long something took, whatever the clock on the wall does."""

    def __init__(self) -> None:
        self._start = monotonic()

    @property
    def milliseconds(self) -> int:
        return int((monotonic() - self._start) * 1000)


def oslo(day: date, at: time) -> datetime:
    """That wall-clock time in Norway, as an aware datetime. In the doubled autumn hour: the first."""
    return datetime.combine(day, at, tzinfo=OSLO)


def oslo_date(instant: datetime) -> date:
    """The date in Norway at that instant. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("naive datetime")
    return instant.astimezone(OSLO).date()


@lru_cache(maxsize=16)
def _closed(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("NO", years=year)) | {date(year, 12, 24)}


def is_bank_day(day: date) -> bool:
    """Whether banks settle that day: Monday to Friday, not a public holiday, not 24 December.

    Norges Bank's settlement system is closed on 24 December and open on 31 December (Norges Bank, Oppgjørsdager).
    """
    return day.weekday() < 5 and day not in _closed(day.year)


def bank_day_on_or_after(day: date) -> date:
    """The day itself when it is a bank day, else the next one."""
    while not is_bank_day(day):
        day += timedelta(days=1)
    return day
