"""The factor's own daily report: all clients in one mail, and what the factor's people have to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from worker.model.completeness import LACKS, Completeness, Lack, NotChecked, WhyUnchecked
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
class Elsewhere:
    """What is in no client's day: payments and events of no client, messages of the bounce mailbox and receipts of the
    print house that wait; vouchers that the ERP refused, by client, and those held back, with why; and clients that
    cannot be checked."""

    items: int = 0
    bounces: int = 0
    receipts: int = 0
    refused_vouchers: Mapping[str, int] = field(default_factory=dict[str, int])
    held_vouchers: Sequence[tuple[str, str, int]] = ()
    not_checked: tuple[NotChecked, ...] = ()


def factor_report(
    clients: Sequence[ClientDay], elsewhere: Elsewhere, *, factor_name: str, on: date, since: datetime, until: datetime
) -> Report:
    """All clients' days, in the order given; the last row of the table is their sum."""
    told = f"{on:%d.%m.%Y}"
    ours = sum(len(_ours(one.day)) for one in clients)
    unexplained = sum(len(one.check.unexplained) for one in clients if one.check is not None)
    unchecked = len(elsewhere.not_checked) + sum(not _is_checked(one) and not one.paused for one in clients)
    empty = all(one.day.is_empty and _is_checked(one) for one in clients) and not (unexplained or unchecked)
    if empty and elsewhere == Elsewhere():
        subject = f"Dagsrapport alle klienter {told}: ingen fakturaer"
        sections: tuple[Section, ...] = (
            Section(title="", words=f"Ingen fakturaer er mottatt, levert eller under arbeid {told}."),
        )
    else:
        subject = f"Dagsrapport alle klienter {told}: {ours} venter på oss, {unexplained} uten forklaring"
        subject += f", {words.plural(unchecked, 'klient', 'klienter')} ikke kontrollert" if unchecked else ""
        sections = tuple(_sections(clients, elsewhere))
    return Report(
        client="",
        day=on,
        subject=subject,
        heading=f"{factor_name}, alle klienter",
        period=f"Fra {words.moment(since)} til {words.moment(until)}",
        sections=sections,
        closing=("Mer om hvert ord, og alle kommandoer, står i docs/operating.md og docs/completeness.md.",),
        rows=(
            *(row for one in clients for row in rows_of(one.day, one.check, on=on)),
            *(not_checked_row(one.client, on=on, note=_why_unchecked(one)) for one in elsewhere.not_checked),
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


def _sections(clients: Sequence[ClientDay], elsewhere: Elsewhere) -> Iterator[Section]:
    yield from _titled("Venter på oss", _waits_for_us(clients))
    yield from _titled("Uten forklaring i kontrollen", _unexplained(clients, elsewhere))
    if clients:
        yield _balance(clients)
    yield from _where_else(clients)
    rest = list(_rest(clients, elsewhere))
    if rest:
        yield Section(title="Annet som venter", lines=tuple(rest))


def _titled(title: str, groups: Iterable[tuple[str, list[str]]]) -> Iterator[Section]:
    """Lines in groups, each under what its lines have in common; the first under the title too."""
    for place, (common, lines) in enumerate(groups):
        yield Section(title="" if place else title, words=common, lines=shortened(lines), urgent=True)


def _waits_for_us(clients: Sequence[ClientDay]) -> Iterator[tuple[str, list[str]]]:
    """By reason, in the order of the closed list."""
    found = [(one.day.client, stopped) for one in clients for stopped in _ours(one.day)]
    for reason, facts in PARKED.items():
        lines = [
            f"{client}: {words.about(stopped.about).lower()} (id {stopped.about.id}), siden {words.day(stopped.since)}."
            for client, stopped in found
            if stopped.reason == reason
        ]
        if lines:
            yield words.to_do(reason, facts.norwegian or facts.meaning, facts.remedy), lines


def _unexplained(clients: Sequence[ClientDay], elsewhere: Elsewhere) -> Iterator[tuple[str, list[str]]]:
    unchecked = [f"{one.client}: ikke kontrollert. {_why_unchecked(one)}" for one in elsewhere.not_checked]
    unchecked += [f"{one.day.client}: kontrollen er ikke gjort ferdig." for one in clients
                  if not one.paused and not _is_checked(one)]  # fmt: skip
    if unchecked:
        yield "", unchecked
    by_lack: dict[Lack, list[str]] = {}
    for one in clients:
        for finding in one.check.unexplained if one.check is not None else ():
            which = f"faktura {finding.number}" if finding.number else "uten nummer"
            since = f", siden {words.day(finding.since)}" if finding.since else ""
            by_lack.setdefault(finding.lack, []).append(f"{one.day.client}: {which}{since}.")
    for lack, lines in by_lack.items():
        yield words.to_do(lack, LACKS[lack].norwegian, LACKS[lack].remedy), lines


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


def _where_else(clients: Sequence[ClientDay]) -> Iterator[Section]:
    waits = [
        f"{one.day.client}: {words.plural(count, 'faktura', 'fakturaer')} venter på at klienten retter."
        for one in clients
        if (count := len(one.day.parked) - len(_ours(one.day)))
    ]
    if waits:
        yield Section(title="Venter på klientene", lines=tuple(waits))
    turns = [f"{one.day.client}: {words.turn(turn)}" for one in clients for turn in one.day.turns]
    if turns:
        yield Section(title="Ny vei", lines=shortened(turns))
    duty = [
        f"{one.day.client}: {words.about(warned.about)} skulle vært EHF."
        for one in clients
        for warned in one.day.warned
        if warned.code == InvoiceWarning.EHF_DUTY
    ]
    if duty:
        yield Section(title="EHF-plikt", lines=shortened(duty))
    missed = [f"{one.day.client}, {line}" for one in clients for line in words.missed(one.day.missed)]
    if missed:
        yield Section(title="Kjøringer som uteble", lines=shortened(missed))


def _rest(clients: Sequence[ClientDay], elsewhere: Elsewhere) -> Iterator[str]:
    """What waits that is no invoice, with the command that lists it."""
    items = [(one.day.client, one.day.waiting) for one in clients] + [("Uten klient", elsewhere.items)]
    for whose, count in items:
        if count:
            waiting = words.plural(count, "betaling eller hendelse", "betalinger eller hendelser")
            yield f"{whose}: {waiting} venter (`settlement list`)."
    for client, count in elsewhere.refused_vouchers.items():
        yield f"{client}: {count} bilag er avvist av regnskapssystemet (`settlement list`)."
    for client, why, count in elsewhere.held_vouchers:
        yield f"{client}: {count} bilag holdes igjen: {why} (`settlement accounts`)."
    if elsewhere.bounces:
        mails = words.plural(elsewhere.bounces, "e-post", "e-poster")
        yield f"{mails} i retur som ingen kan plassere (`bounces list`)."
    if elsewhere.receipts:
        receipts = words.plural(elsewhere.receipts, "kvittering", "kvitteringer")
        yield f"{receipts} fra trykkeriet som ingen kan plassere (`receipts list`)."
    yield from (f"{one.day.client} er satt på pause." for one in clients if one.paused)
