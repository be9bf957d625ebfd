"""What this process has done, counted for Prometheus. With `worker.ops` the only place of prometheus-client.

Counted here: calls to the outside and how long they took, attempts, waits for a request budget, repeated reads, runs,
and lines of the log. What the database knows (states, ages, what waits) is not counted but asked for when the numbers
are fetched (worker/ops/figures.py), so a restart loses nothing of it. No label holds anything of a person: labels are
closed words and clients' names.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import prometheus_client as prometheus

from worker.model.outcomes import OutsideError

LEVELS = ("info", "warning", "error")

REGISTRY = prometheus.CollectorRegistry()
prometheus.disable_created_metrics()  # a second series a counter, which nobody asks for
prometheus.ProcessCollector(registry=REGISTRY)  # memory, processor time, open files, start time

_calls = prometheus.Histogram(
    "factoring_call_seconds",
    "Calls to the outside: how long each took, by counterparty and what came of it.",
    ("counterparty", "outcome"),
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
    registry=REGISTRY,
)
_attempts = prometheus.Counter(
    "factoring_attempts_total",
    "Attempts to send or to ask, by what they are about (delivery, postback, voucher, code) and their outcome.",
    ("subject", "act", "outcome"),
    registry=REGISTRY,
)
_budget_waits = prometheus.Summary(
    "factoring_budget_wait_seconds",
    "Seconds a request waited for its turn under a counterparty's request limit.",
    ("budget",),
    registry=REGISTRY,
)
_repeats = prometheus.Counter(
    "factoring_reads_repeated_total",
    "Reads that were repeated on the spot because the other side could not answer just then.",
    registry=REGISTRY,
)
_runs = prometheus.Summary(
    "factoring_run_seconds",
    "Runs of a job for a client: how many and how long, by outcome (done, troubled, failed).",
    ("job", "outcome"),
    registry=REGISTRY,
)
_lines = prometheus.Counter(
    "factoring_log_lines_total", "Lines of the log by level; an error wants a person today.", ("level",),
    registry=REGISTRY,
)  # fmt: skip
for _level in LEVELS:  # there from the start: an increase is seen from 0 only when 0 has been seen
    _lines.labels(_level)


@dataclass(slots=True)
class Call:
    """One call under way. `outcome` may be told; otherwise it is `answered`, or the name of what was raised."""

    outcome: str = "answered"


@contextmanager
def calling(counterparty: str) -> Generator[Call]:
    """Measures what is done inside as one call to the counterparty."""
    call, began = Call(), time.perf_counter()
    try:
        yield call
    except OutsideError as error:
        call.outcome = error.kind
        raise
    except BaseException:
        if call.outcome == "answered":
            call.outcome = "broken_off"
        raise
    finally:
        _calls.labels(counterparty, call.outcome).observe(time.perf_counter() - began)


def attempted(*, subject: str, act: str, outcome: str) -> None:
    """An attempt has been recorded."""
    _attempts.labels(subject, act, outcome).inc()


def waited_for_budget(budget: str, seconds: float) -> None:
    """A request had its turn after that many seconds."""
    _budget_waits.labels(budget).observe(seconds)


def read_repeated() -> None:
    """A read is tried once more."""
    _repeats.inc()


def ran(*, job: str, outcome: str, seconds: float) -> None:
    """A job is through for a client."""
    _runs.labels(job, outcome).observe(seconds)


def logged(level: str) -> None:
    """A line of the log has been written."""
    if level in LEVELS:
        _lines.labels(level).inc()
