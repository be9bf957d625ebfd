"""`status`: is a worker alive, what was due today and not run, what waits for a person, and where the invoices are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta

import typer
from rich.console import Group
from rich.text import Text

from worker import tables
from worker.clients import load_all_clients
from worker.commands.common import (
    DEFAULT,
    Client,
    Json,
    Settings,
    known_client,
    open_database,
    the_clock,
    worker_settings,
    workers_mark,
)
from worker.day import JOBS, REPORTED_WHEN_MISSED, due_today, last_due
from worker.ports import RulesUnavailable
from worker.settings import WorkerSettings
from worker.store import figures, overview, pauses, reading, slots
from worker.store import reach as reach_answers
from worker.store.database import Database
from worker.store.one_host import SILENCE
from worker.store.rows import SlotRow
from worker.support.clock import is_bank_day, oslo, oslo_date
from worker.telling import when
from worker.wiring import account_notes, build_rules

_QUIET = timedelta(minutes=15)  # between the ticks of a working day, with some room


@dataclass(frozen=True, slots=True)
class Sign:
    """The last a worker let hear of itself. `expected`: it should have since, for something was due or it would say so
    every minute (SQLite's mark)."""

    alive: bool
    seen_at: datetime | None
    expected: bool


@dataclass(frozen=True, slots=True)
class NotRun:
    """A slot of today that nobody has run. `in_time`: a worker that comes now still does it."""

    client: str
    job: str
    slot: datetime
    in_time: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a person has to look at. With one client asked for: its own, and what belongs to nobody yet."""

    parked: int
    payments_and_events: int
    refused_vouchers: int
    bounces: int
    receipts: int


def status(client: Client = None, json: Json = False, settings: Settings = DEFAULT) -> None:
    """Whether a worker is alive, what was due and not run, what waits for a person, and where all invoices are."""
    loaded = worker_settings(settings)
    db = open_database(loaded)
    known_client(db, loaded, client)
    now = the_clock().now()
    clients, bad = load_all_clients(loaded)
    every = sorted({c.name for c in clients} | set(reading.clients_known(db)))
    names = [name for name in every if client in (None, name)]
    statuses = [reading.client_status(db, client=name) for name in names]
    runs = {name: _last_runs(db, name) for name in every}
    sign = _sign(db, [row for rows in runs.values() for row in rows], now)
    left = _not_run(db, [one.name for one in clients if client in (None, one.name)], now)
    waits = _waiting(db, client, now)
    reach = reach_answers.status(db, now=now)
    accounts = account_notes(db, [one for one in clients if client in (None, one.name)])
    rests = {name: one for name, one in pauses.paused(db).items() if client in (None, name)}
    db.close()
    runs = {name: runs[name] for name in names}
    notes = [f"{error.file} cannot be used: {fault}" for error in bad for fault in error.faults]
    rules = _described_rules(loaded)
    if json:
        told = {"clients": statuses, "runs": runs, "broken_settings": notes, "rules": rules, "reach": reach.as_words(),
                "accounts": accounts, "paused": rests, "worker": sign, "waiting": waits,
                "today": {"bank_day": is_bank_day(oslo_date(now)), "not_run": left}}  # fmt: skip
        typer.echo(tables.as_json(told))
    else:
        notes += [f"{name} is {tables.paused_words(one)}" for name, one in rests.items()]
        notes += [*accounts, f"official rules: {rules}", *tables.reach_notes(reach)]
        top = (_sign_words(sign), _today_words(left, now, len(clients)), _waiting_words(waits))
        tables.terminal().print(Group(*top, tables.status_tables(statuses, runs, notes)))


def _described_rules(settings: WorkerSettings) -> str:
    try:
        return build_rules(settings).describe()
    except RulesUnavailable as error:
        return f"NOT USABLE: {error}"


def _last_runs(db: Database, client: str) -> list[SlotRow]:
    last: dict[str, SlotRow] = {}
    for row in slots.latest(db, client=client, limit=200):
        last.setdefault(row.job, row)
    return [last[name] for name in JOBS if name in last]


def _sign(db: Database, runs: Iterable[SlotRow], now: datetime) -> Sign:
    """By the mark beside a SQLite file, which a worker renews every minute; on PostgreSQL by the runs alone."""
    told = (row.lease_until - slots.LEASE if row.state == "running" else row.ended_at or row.started_at for row in runs)
    heard = [at for at in told if at <= now]  # the demo's days may lie ahead
    mark = workers_mark(db)
    if mark is None:
        seen = max(heard, default=None)
        alive = seen is not None and now - seen < _QUIET
        return Sign(alive, seen, expected=seen is None or any(due > seen for due in last_due(now).values()))
    return Sign(mark.working and mark.ago < SILENCE, max([now - mark.ago, *heard]), expected=True)


def _not_run(db: Database, clients: Sequence[str], now: datetime) -> list[NotRun]:
    """By client, in the order of the timetable. A paused client's slots are not waited for."""
    due = [one for one in due_today(now) if one.job.name in REPORTED_WHEN_MISSED]
    midnight = oslo(oslo_date(now), time())
    found: list[NotRun] = []
    for name in clients if due else ():
        rests = pauses.since(db, client=name, moment=midnight)
        rows = overview.runs_since(db, client=name, jobs=REPORTED_WHEN_MISSED, since=midnight)
        begun = {(row.job, row.slot) for row in rows if _begun(row, now)}
        found += [
            NotRun(name, one.job.name, one.slot, one.in_time)
            for one in due
            if (one.job.name, one.slot) not in begun
            and not any(rest.covers(one.slot, one.window_end) for rest in rests)
        ]
    return found


def _begun(row: SlotRow, now: datetime) -> bool:
    died = row.state == "running" and row.lease_until <= now
    return row.state != "missed" and not died


def _waiting(db: Database, client: str | None, now: datetime) -> Waiting:
    found = figures.read(db, clients=[], jobs=[], now=now)
    return Waiting(
        parked=sum(one.count for one in found.invoices if one.reason and client in (None, one.client)),
        payments_and_events=sum(count for whose, _, count in found.items if client is None or whose in (client, "")),
        refused_vouchers=sum(
            count for whose, state, count in found.vouchers if state == "refused" and client in (None, whose)
        ),
        bounces=found.bounces,
        receipts=found.receipts,
    )


def _sign_words(sign: Sign) -> Text:
    since = when(sign.seen_at)
    if sign.alive:
        return Text(f"worker: alive, last heard of {since}", "green")
    if sign.seen_at is None:
        return Text("worker: NO SIGN of one yet", "red")
    if sign.expected:
        return Text(f"worker: NO SIGN of one since {since}", "red")
    return Text(
        f"worker: no sign of one since {since}, and nothing was due since; `health` asks it where it runs", "yellow"
    )


def _today_words(left: Sequence[NotRun], now: datetime, clients: int) -> Text:
    if not is_bank_day(oslo_date(now)):
        return Text("today: not a bank day, nothing is due")
    if not any(one.job.name in REPORTED_WHEN_MISSED for one in due_today(now)):
        return Text("today: nothing has been due yet")
    if not left:
        return Text("today: everything that was due has been run", "green")
    by_slot: dict[tuple[str, str, bool], list[str]] = {}
    for one in left:
        by_slot.setdefault((one.job, when(one.slot)[-5:], one.in_time), []).append(one.client)
    told = [
        f"{job} {at} for {', '.join(names) if len(names) <= 5 or len(names) < clients else f'all {clients} clients'}"
        + (" (still in time)" if in_time else "")
        for (job, at, in_time), names in by_slot.items()
    ]
    return Text(f"today: NOT RUN: {'; '.join(told)}", "red")


_WORDS: Mapping[str, str] = {"payments_and_events": "payments and events", "refused_vouchers": "refused vouchers"}


def _waiting_words(waits: Waiting) -> Text:
    counts = asdict(waits)
    told = ", ".join(f"{_WORDS.get(what, what)} {count}" for what, count in counts.items())
    return Text(f"waits for a person: {told}", "yellow" if any(counts.values()) else "green")
