"""The factor's own daily report: all clients in one mail, and what the factor's people have to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from worker.model.completeness import Completeness
from worker.model.parked import PARKED, InvoiceWarning, ParkedReason
from worker.reporting import words
from worker.reporting.for_client import shortened
from worker.reporting.report import Report, Section
from worker.reporting.rows import rows_of
from worker.store.report_days import ReportDay, Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDay:
    """One client's day. `check` None: completeness was not checked. `paused`: since when, by whom is in the store."""

    day: ReportDay
    check: Completeness | None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """What belongs to no client: payments and events that wait, messages of the bounce mailbox that wait, and files of
    clients that cannot be used."""

    items: int = 0
    bounces: int = 0
    broken_files: tuple[str, ...] = ()


def factor_report(clients: Sequence[ClientDay], unclaimed: Unclaimed, *, factor_name: str, on: date) -> Report:
    """All clients' days, in the order given; the last row of the table is their sum. At least one client."""
    told = f"{on:%d.%m.%Y}"
    first = clients[0].day
    ours = sum(len(_ours(one.day)) for one in clients)
    unexplained = sum(len(one.check.unexplained) for one in clients if one.check is not None)
    empty = all(one.day.is_empty for one in clients) and not (unclaimed.items or unclaimed.bounces or unexplained)
    if empty and not unclaimed.broken_files and all(one.check is not None and one.check.finished for one in clients):
        subject = f"Dagsrapport alle klienter {told}: ingen fakturaer"
        sections: tuple[Section, ...] = (
            Section(title="", words=f"Ingen fakturaer er mottatt, levert eller under arbeid {told}."),
        )
    else:
        subject = f"Dagsrapport alle klienter {told}: {ours} venter på oss, {unexplained} uten forklaring"
        sections = tuple(_sections(clients, unclaimed))
    return Report(
        client="",
        day=on,
        subject=subject,
        heading=f"{factor_name}, alle klienter",
        period=f"Fra {words.moment(first.since)} til {words.moment(first.until)}",
        sections=sections,
        closing=("Ord som sent_unknown står i håndboken (docs/operating.md), med hva som skal gjøres.",),
        rows=tuple(row for one in clients for row in rows_of(one.day, one.check, on=on)),
    )


def _ours(day: ReportDay) -> list[Stopped]:
    return [one for one in day.parked if PARKED[ParkedReason(one.reason)].owner != "client"]


def _sections(clients: Sequence[ClientDay], unclaimed: Unclaimed) -> Iterator[Section]:
    lines = [
        f"{one.day.client}: {words.about(stopped.about).lower()} (id {stopped.about.id}), {stopped.reason}, siden "
        f"{words.day(stopped.since)}."
        for one in clients
        for stopped in _ours(one.day)
    ]
    if lines:
        yield Section(title="Venter på oss", lines=shortened(lines), urgent=True)
    yield from _unexplained(clients)
    yield _balance(clients)
    yield from _where_else(clients, unclaimed)


def _unexplained(clients: Sequence[ClientDay]) -> Iterator[Section]:
    lines: list[str] = []
    for one in clients:
        if not one.paused and (one.check is None or not one.check.finished):
            lines.append(f"{one.day.client}: kontrollen er ikke gjort ferdig.")
        for finding in one.check.unexplained if one.check is not None else ():
            which = f"faktura {finding.number}" if finding.number else "uten nummer"
            since = f", siden {words.day(finding.since)}" if finding.since else ""
            lines.append(f"{one.day.client}: {which}, {finding.lack}{since}.")
    if lines:
        yield Section(title="Uten forklaring i kontrollen", lines=shortened(lines), urgent=True)


def _balance(clients: Sequence[ClientDay]) -> Section:
    """Before + in - out - by hand = now, for each client and for all: the counts foot."""
    counts = [
        (
            one.day.before,
            len(one.day.taken),
            one.day.first_time,
            len(one.day.withdrawn),
            one.day.after,
            len(one.day.parked),
        )
        for one in clients
    ]
    table = [(one.day.client, *map(str, row)) for one, row in zip(clients, counts, strict=True)]
    table.append(("Sum", *(str(sum(column)) for column in zip(*counts, strict=True))))
    return Section(
        title="Fakturaer",
        words="Fra før + inn - ut - for hånd = nå. Parkert er av alle, også de som er levert.",
        head=("Klient", "Fra før", "Inn", "Ut", "For hånd", "Nå", "Parkert"),
        table=tuple(table),
        sums=frozenset({len(table) - 1}),
    )


def _where_else(clients: Sequence[ClientDay], unclaimed: Unclaimed) -> Iterator[Section]:
    waits = [
        f"{one.day.client}: {words.plural(count, 'faktura', 'fakturaer')} venter på at klienten retter."
        for one in clients
        if (count := len(one.day.parked) - len(_ours(one.day)))
    ]
    if waits:
        yield Section(title="Venter på klientene", lines=tuple(waits))
    lines = [
        line
        for one in clients
        for line in (
            *(f"{one.day.client}: {words.turn(turn)}" for turn in one.day.turns),
            *(f"{one.day.client}: {words.about(warned.about)} skulle vært EHF." for warned in one.day.warned
              if warned.code == InvoiceWarning.EHF_DUTY),
        )
    ]  # fmt: skip
    if lines:
        yield Section(title="Ny vei, og EHF-plikt", lines=shortened(lines))
    missed = [f"{one.day.client}, {line}" for one in clients for line in words.missed(one.day.missed)]
    if missed:
        yield Section(title="Kjøringer som uteble", lines=shortened(missed))
    rest = [f"{one.day.client}: {one.day.waiting} betalinger eller hendelser venter." for one in clients
            if one.day.waiting]  # fmt: skip
    rest += [f"Uten klient: {unclaimed.items} betalinger eller hendelser venter."] if unclaimed.items else []
    rest += [f"Returpost på e-post som ingen kan plassere: {unclaimed.bounces}."] if unclaimed.bounces else []
    rest += [f"{one.day.client} er satt på pause." for one in clients if one.paused]
    rest += [f"{name} kan ikke brukes; se `factoring-worker settings`." for name in unclaimed.broken_files]
    if rest:
        yield Section(title="Annet som venter", lines=tuple(rest))
