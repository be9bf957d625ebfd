"""The factor's own daily report: all clients in one mail, and what the factor's people have to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from worker.model.completeness import Completeness, NotChecked, WhyUnchecked
from worker.model.parked import PARKED, InvoiceWarning, ParkedReason
from worker.reporting import words
from worker.reporting.for_client import shortened
from worker.reporting.report import Report, Section
from worker.reporting.rows import not_checked_row, rows_of
from worker.store.report_days import ReportDay, Stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDay:
    """One client's day. `check` None: completeness was not checked. `paused`: since when, by whom is in the store."""

    day: ReportDay
    check: Completeness | None
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclaimed:
    """What is in no client's day: payments and events that wait, messages of the bounce mailbox that wait, and clients
    that cannot be checked."""

    items: int = 0
    bounces: int = 0
    not_checked: tuple[NotChecked, ...] = ()


def factor_report(
    clients: Sequence[ClientDay], unclaimed: Unclaimed, *, factor_name: str, on: date, since: datetime, until: datetime
) -> Report:
    """All clients' days, in the order given; the last row of the table is their sum."""
    told = f"{on:%d.%m.%Y}"
    ours = sum(len(_ours(one.day)) for one in clients)
    unexplained = sum(len(one.check.unexplained) for one in clients if one.check is not None)
    unchecked = len(unclaimed.not_checked) + sum(not _is_checked(one) and not one.paused for one in clients)
    empty = all(one.day.is_empty and _is_checked(one) for one in clients) and not (unexplained or unchecked)
    if empty and not (unclaimed.items or unclaimed.bounces):
        subject = f"Dagsrapport alle klienter {told}: ingen fakturaer"
        sections: tuple[Section, ...] = (
            Section(title="", words=f"Ingen fakturaer er mottatt, levert eller under arbeid {told}."),
        )
    else:
        subject = f"Dagsrapport alle klienter {told}: {ours} venter på oss, {unexplained} uten forklaring"
        subject += f", {words.plural(unchecked, 'klient', 'klienter')} ikke kontrollert" if unchecked else ""
        sections = tuple(_sections(clients, unclaimed))
    return Report(
        client="",
        day=on,
        subject=subject,
        heading=f"{factor_name}, alle klienter",
        period=f"Fra {words.moment(since)} til {words.moment(until)}",
        sections=sections,
        closing=("Ord som sent_unknown står i håndboken (docs/operating.md), med hva som skal gjøres.",),
        rows=(
            *(row for one in clients for row in rows_of(one.day, one.check, on=on)),
            *(not_checked_row(one.client, on=on, note=_why_unchecked(one)) for one in unclaimed.not_checked),
        ),
    )


def _is_checked(one: ClientDay) -> bool:
    return one.check is not None and one.check.finished


def _why_unchecked(one: NotChecked) -> str:
    left = words.plural(one.not_done, "faktura er ikke ferdig", "fakturaer er ikke ferdige")
    if one.why is WhyUnchecked.FILE_GONE:
        return f"Filen er borte, og {left}. Legg filen tilbake, eller ta ut med `withdraw` det som behandles for hånd."
    return f"Filen kan ikke brukes, og {left}. Hva som er feil, sier `factoring-worker settings`."


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
    yield from _unexplained(clients, unclaimed)
    if clients:
        yield _balance(clients)
    yield from _where_else(clients, unclaimed)


def _unexplained(clients: Sequence[ClientDay], unclaimed: Unclaimed) -> Iterator[Section]:
    lines = [f"{one.client}: ikke kontrollert. {_why_unchecked(one)}" for one in unclaimed.not_checked]
    for one in clients:
        if not one.paused and not _is_checked(one):
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
    if rest:
        yield Section(title="Annet som venter", lines=tuple(rest))
