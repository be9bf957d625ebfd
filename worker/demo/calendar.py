"""The days the demo plays. A Wednesday, so that the fourth day after it is a Sunday and the letter goes on Monday."""

from __future__ import annotations

from datetime import date, datetime, time

from worker.support.clock import oslo

FIRST_DAY = date(2026, 11, 25)
SECOND_DAY = date(2026, 11, 26)
LETTER_DAY = date(2026, 11, 30)


def at(day: date, hour: int, minute: int = 0) -> datetime:
    """That wall-clock time in Norway."""
    return oslo(day, time(hour, minute))
