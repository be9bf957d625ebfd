"""The timetable and the order of steps: the one table that says what happens when. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from worker.support.clock import is_bank_day, oslo, oslo_date


@dataclass(frozen=True, slots=True)
class Job:
    """`steps` are run in order. `window`: how long after its time a slot is still caught up."""

    name: str
    times: tuple[time, ...]
    window: timedelta
    steps: tuple[str, ...]


def _every(minutes: int, start: time, end: time) -> tuple[time, ...]:
    count = ((end.hour - start.hour) * 60 + end.minute - start.minute) // minutes
    first = start.hour * 60 + start.minute
    return tuple(time(*divmod(first + step * minutes, 60)) for step in range(count + 1))


# Europe/Oslo, bank days only. Nothing stands between 02:00 and 03:00, which some nights do not have or have twice.
TIMETABLE: tuple[Job, ...] = (
    Job(
        "intake",
        (time(8, 0), time(10, 30)),
        timedelta(hours=2, minutes=30),
        ("intake", "stamping", "registration", "routing", "delivery", "codes"),
    ),
    Job(
        "fallback",
        (time(8, 0), time(10, 30)),
        timedelta(hours=2, minutes=30),
        ("receipts", "follow_up", "bounces", "fallback", "delivery", "codes"),
    ),
    Job(
        "postback",
        (time(15, 30),),
        timedelta(hours=4),
        ("receipts", "follow_up", "postback"),
    ),
    # After the first report of the day, which the ERP must have before it takes a later status.
    Job(
        "settlement",
        (time(15, 30),),
        timedelta(hours=4),
        (
            "settlement_fetch",
            "settlement_inbox",
            "settlement_matching",
            "settlement_vouchers",
            "settlement_posting",
            "postback",
            "settlement_statement",
            "story_digest",
        ),
    ),
    # Last of the day's work: is every invoice accounted for, and the day told.
    Job(
        "report",
        (time(16, 0),),
        timedelta(hours=3, minutes=30),
        ("completeness", "report"),
    ),
    # Between the slots: ask about what is unknown, try again what had to wait, also for its route. Skipped ticks are of
    # no interest.
    Job(
        "follow_up",
        _every(10, time(8, 10), time(17, 0)),
        timedelta(minutes=9),
        (
            "receipts",
            "follow_up",
            "bounces",
            "fallback_refused",
            "routing",
            "delivery",
            "codes",
            "postback_repeats",
            "settlement_repeats",
        ),
    ),
)
# Always, day and night: a debtor who has asked for a new code waits for it in front of the screen.
CODES_EVERY = timedelta(seconds=15)
JOBS: dict[str, Job] = {job.name: job for job in TIMETABLE}
# What goes on for a paused client: what was sent is asked about, receipts and bounces are read, and a debtor with a
# link gets the code asked for. Nothing new is fetched, sent, told or posted.
PAUSED_STEPS = ("receipts", "follow_up", "bounces", "codes")
# Steps that collect what others say. Trouble there (a mailbox that lets nobody in, say) is logged by the step, and
# keeps no job from its purpose.
ASIDE = ("receipts", "bounces", "codes")
REPORTED_WHEN_MISSED = ("intake", "fallback", "postback", "settlement", "report")


LOOK_AGAIN = timedelta(minutes=10)


def late_looks() -> list[time]:
    """From the last slot until just after the last window: a run whose worker died is taken over, or reported missed,
    the same evening."""
    day = date.min
    last = max(datetime.combine(day, at) for job in TIMETABLE for at in job.times)
    end = max(datetime.combine(day, job.times[-1]) + job.window for job in TIMETABLE)
    return [(last + step * LOOK_AGAIN).time() for step in range(1, (end - last) // LOOK_AGAIN + 2)]


def slots_of(job: Job, day: date) -> list[datetime]:
    """The job's slots on a date, aware; none on a day that is no bank day."""
    return [oslo(day, at) for at in job.times] if is_bank_day(day) else []


@dataclass(frozen=True, slots=True)
class Due:
    """A slot whose time has come. `in_time`: still within its window."""

    job: Job
    slot: datetime
    in_time: bool

    @property
    def window_end(self) -> datetime:
        return self.slot + self.job.window


def while_paused(due: Due) -> Due | None:
    """What is left of the slot for a paused client; None when it is not run."""
    if due.job.name != "follow_up":
        return None
    return replace(due, job=replace(due.job, steps=tuple(step for step in due.job.steps if step in PAUSED_STEPS)))


def due_today(now: datetime) -> list[Due]:
    """Every slot of today (Oslo) whose time has come, oldest first within the order of TIMETABLE.

    Of a job's slots within their window only the latest is in time: 10:30 does the work of a late 08:00 as well.
    """
    found: list[Due] = []
    for job in TIMETABLE:
        passed = [slot for slot in slots_of(job, oslo_date(now)) if slot <= now]
        for slot in passed:
            in_time = slot == passed[-1] and now - slot < job.window
            found.append(Due(job, slot, in_time))
    return found


LOOK_BACK = 10  # days: longer than any Norwegian run of closed days


def last_due(now: datetime) -> dict[str, datetime]:
    """Each job's latest slot, today or before, by the job's name."""
    days = [oslo_date(now) - timedelta(days=back) for back in range(LOOK_BACK + 1)]
    passed = {job.name: [slot for day in days for slot in slots_of(job, day) if slot <= now] for job in TIMETABLE}
    return {name: max(those) for name, those in passed.items() if those}


def at_rest(now: datetime) -> dict[str, datetime]:
    """On a Monday to Friday on which banks are closed: each job's latest time of today, had it been a bank day."""
    today = oslo_date(now)
    if is_bank_day(today) or today.weekday() >= 5:
        return {}
    passed = {job.name: [at for planned in job.times if (at := oslo(today, planned)) <= now] for job in TIMETABLE}
    return {name: max(those) for name, those in passed.items() if those}


def due_before_today(now: datetime) -> list[Due]:
    """Every reported slot of the days before today, oldest first: what nobody ran then is not caught up, only told."""
    today = oslo_date(now)
    return [
        Due(job, slot, in_time=False)
        for back in range(LOOK_BACK, 0, -1)
        for job in TIMETABLE
        if job.name in REPORTED_WHEN_MISSED
        for slot in slots_of(job, today - timedelta(days=back))
    ]
