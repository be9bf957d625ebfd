"""What the store knows, as Prometheus metrics: asked for when they are fetched. docs/operating.md lists them."""

from __future__ import annotations

import platform
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker import __version__
from worker.model.journey import JourneyState
from worker.store import figures
from worker.store.database import Database, head_revision
from worker.support.clock import Clock, Stopwatch
from worker.support.log import get_logger

KEPT_MS = 5_000  # two who fetch at the same time ask the database once
_NOT_UNDELIVERED = (JourneyState.DELIVERED, JourneyState.POSTED_BACK, JourneyState.WITHDRAWN, JourneyState.PARKED)


@dataclass(frozen=True, slots=True)
class Clients:
    """The clients by name, as their files and pauses stand."""

    running: Sequence[str]
    paused: Sequence[str]
    broken: Sequence[str]


class StoreFigures(Collector):
    """Asks the store (worker.store.figures) and says it in Prometheus's words."""

    def __init__(
        self,
        *,
        db: Database,
        clock: Clock,
        environment: str,
        clients: Callable[[], Clients],
        last_due: Callable[[datetime], Mapping[str, datetime]],
        disks: Mapping[str, Path],
    ) -> None:
        """`last_due`: each job's latest planned time, so that alarms need no calendar. `disks`: what lies where."""
        self._db = db
        self._clock = clock
        self._environment = environment
        self._clients = clients
        self._last_due = last_due
        self._disks = disks
        self._lock = threading.Lock()
        self._known: list[Metric] | None = None
        self._age = Stopwatch()

    def describe(self) -> Iterable[Metric]:
        """Nothing: registering must not ask the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if self._known is None or self._age.milliseconds > KEPT_MS:
                self._known = list(self._ask())
                self._age = Stopwatch()
            return self._known

    def _ask(self) -> Iterable[Metric]:
        yield _gauge(
            "factoring_build_info",
            "Always 1; the labels say what runs.",
            ("version", "python", "revision", "environment"),
            [((__version__, platform.python_version(), head_revision(), self._environment), 1)],
        )
        now = self._clock.now()
        yield _gauge(
            "factoring_job_last_due_timestamp_seconds",
            "When the job was last planned to run, bank days considered.",
            ("job",),
            [((job,), at.timestamp()) for job, at in self._last_due(now).items()],
        )
        yield _gauge(
            "factoring_disk_free_bytes",
            "Room left where the worker writes.",
            ("place",),
            [((place,), shutil.disk_usage(path).free) for place, path in self._disks.items() if path.is_dir()],
        )
        try:
            clients = self._clients()
            jobs = list(self._last_due(now))
            found = figures.read(self._db, clients=list(clients.running), jobs=jobs, now=now)
        except Exception as error:  # noqa: BLE001 - whoever watches must hear that the store does not answer
            get_logger().error("metrics.store_failed", exc_info=error)
            yield _gauge("factoring_store_readable", _READABLE, (), [((), 0)])
            return
        yield _gauge("factoring_store_readable", _READABLE, (), [((), 1)])
        yield _gauge(
            "factoring_clients",
            "Clients by what their file and a person say: running, paused, broken (the file cannot be used).",
            ("state",),
            [
                (("running",), len(clients.running)),
                (("paused",), len(clients.paused)),
                (("broken",), len(clients.broken)),
            ],
        )
        yield from _of_invoices(found.invoices)
        yield from _of_jobs(found.jobs)
        yield from _of_work(found)


_READABLE = "1 when the store answered, 0 when it did not; then most other numbers are missing."


def _of_invoices(counts: Sequence[figures.InvoiceCount]) -> Iterable[Metric]:
    alike: dict[tuple[str, ...], int] = {}
    parked: dict[tuple[str, ...], int] = {}
    waiting: dict[tuple[str, ...], float] = {}
    standing: dict[tuple[str, ...], float] = {}
    for one in counts:
        key = (one.client, one.state, one.channel)
        alike[key] = alike.get(key, 0) + one.count
        since, own = one.oldest.timestamp(), (one.client,)
        if one.state == JourneyState.PARKED:
            parked[one.client, one.reason] = parked.get((one.client, one.reason), 0) + one.count
            standing[own] = min(standing.get(own, since), since)
        elif one.state not in _NOT_UNDELIVERED:
            waiting[own] = min(waiting.get(own, since), since)
    yield _gauge(
        "factoring_invoices",
        "Invoices and credit notes by state and chosen channel (empty: none yet).",
        ("client", "state", "channel"),
        alike.items(),
    )
    yield _gauge("factoring_parked", "Parked invoices by reason.", ("client", "reason"), parked.items())
    yield _gauge(
        "factoring_oldest_undelivered_timestamp_seconds",
        "When the oldest invoice neither delivered nor parked was fetched; none when there is none.",
        ("client",),
        waiting.items(),
    )
    yield _gauge(
        "factoring_oldest_parked_timestamp_seconds",
        "When the oldest parked invoice was fetched; none when nothing is parked.",
        ("client",),
        standing.items(),
    )


def _of_jobs(jobs: Sequence[figures.JobFigures]) -> Iterable[Metric]:
    yield _gauge(
        "factoring_job_last_success_timestamp_seconds",
        "When the job's last planned run that did all its work ended; 0 when none ever did.",
        ("client", "job"),
        [
            ((one.client, one.job), one.last_success.timestamp() if one.last_success else 0.0)
            for one in jobs
            if one.begun
        ],
    )
    yield _gauge(
        "factoring_slots_missed",
        "Planned runs that were written down as missed within a day.",
        ("client", "job"),
        [((one.client, one.job), one.missed) for one in jobs],
    )


def _of_work(found: figures.Figures) -> Iterable[Metric]:
    yield _gauge(
        "factoring_deliveries_pending",
        "Deliveries not handed over yet: ready, sending, unknown.",
        ("channel", "state"),
        [((channel, state), count) for channel, state, count in found.deliveries],
    )
    yield _gauge(
        "factoring_postbacks_pending",
        "Reports the ERP has not had yet: ready, sending, unknown, refused.",
        ("state",),
        [((state,), count) for state, count in found.postbacks],
    )
    yield _gauge(
        "factoring_settlement_items_waiting",
        "Payments and events that wait for a person, by reason; without client: nobody knows whose.",
        ("client", "reason"),
        [((client, reason), count) for client, reason, count in found.items],
    )
    yield _gauge(
        "factoring_vouchers_pending",
        "Vouchers not posted: ready, sending, unknown, refused.",
        ("client", "state"),
        [((client, state), count) for client, state, count in found.vouchers],
    )
    yield _gauge(
        "factoring_bounces_waiting", "Messages of the bounce mailbox that wait for a person.", (), [((), found.bounces)]
    )
    yield _gauge(
        "factoring_print_receipts_waiting",
        "Words of the print house that wait for a person.",
        (),
        [((), found.receipts)],
    )


def _gauge(
    name: str, text: str, labels: Sequence[str], samples: Iterable[tuple[tuple[str, ...], float]]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
