"""A client's daily report. Debtors stand there by customer number only: the client knows whose it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from worker.model.channel import Channel
from worker.model.completeness import LACKS, Completeness, Lack
from worker.model.parked import PARKED, InvoiceWarning, ParkedReason
from worker.reporting import words
from worker.reporting.report import Report, Section
from worker.reporting.rows import rows_of
from worker.store.report_days import ReportDay, Stopped

_UNTOLD = frozenset({ParkedReason.POSTBACK_REFUSED, ParkedReason.POSTBACK_EXHAUSTED})
MOST = 40  # lines of a section in the mail; the CSV has them all


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientNames:
    """Who is told by whom. `return_data`: payments are posted for the client."""

    client_name: str
    factor_name: str
    contact: str
    return_data: bool


def client_report(
    day: ReportDay, check: Completeness | None, names: ClientNames, *, on: date, statement: bool = False
) -> Report:
    """`check` None: completeness was not checked. `statement`: the day's statement goes along with the report."""
    told = f"{on:%d.%m.%Y}"
    asked = [one for one in day.parked if _owner(one) == "client"]
    empty = day.is_empty and check is not None and check.finished and not check.unexplained
    if empty:
        subject = f"Dagsrapport {told}: ingen fakturaer"
        sections: tuple[Section, ...] = (
            Section(title="", words=f"Ingen fakturaer er mottatt, levert eller under arbeid {told}."),
        )
    else:
        counts = f"{len(day.taken)} mottatt, {day.first_time} levert"
        waits = f", {len(asked)} venter på dere" if asked else ""
        subject = f"Dagsrapport {told}: {counts}{waits}"
        sections = tuple(_sections(day, check, names, asked, statement=statement))
    rows = rows_of(day, check, on=on)
    closing = (
        *(["Alle linjene ligger ved som regneark (CSV)."] if rows else []),
        f"Spørsmål? {names.contact}",
        f"Laget av {names.factor_name} for {names.client_name}. Kreditnotaer er trukket fra i beløpene.",
    )
    return Report(
        client=day.client,
        day=on,
        subject=subject,
        heading=names.client_name,
        period=f"Fra {words.moment(day.since)} til {words.moment(day.until)}",
        sections=sections,
        closing=closing,
        rows=rows,
    )


def _owner(stopped: Stopped) -> str:
    return PARKED[ParkedReason(stopped.reason)].owner


def _sections(
    day: ReportDay, check: Completeness | None, names: ClientNames, asked: list[Stopped], *, statement: bool
) -> Iterator[Section]:
    if asked:
        yield Section(
            title="Dette må dere rette",
            words="Fakturaene går ikke ut før dette er rettet i regnskapssystemet.",
            lines=shortened([words.to_mend(one) for one in asked]),
            urgent=True,
        )
    yield _balance(day, asked)
    if day.delivered:
        yield _channels(day)
    if day.told or day.statuses or day.untold:
        table = [("Levert, med PDF og KID", len(day.told), words.amounts(one.total for one, _ in day.told))]
        table += [
            ("Senere statuser (åpnet, betalt, sendt som brev)", day.statuses, ""),
            ("Levert, men ikke meldt ennå", day.untold, ""),
        ]
        shown = tuple((what, str(count), amount) for what, count, amount in table if count)
        yield Section(title="Meldt til regnskapssystemet", head=("", "Antall", "Beløp"), table=shown)
    yield from _returns(day)
    yield from _warnings(day)
    yield from _missed(day)
    yield from _money(day, names, statement=statement)
    yield completeness_section(check)


def _balance(day: ReportDay, asked: list[Stopped]) -> Section:
    """Before + taken - delivered - withdrawn = now: the counts foot."""
    table: list[tuple[str, ...]] = [
        ("Under arbeid fra før", str(day.before), ""),
        ("+ mottatt", str(len(day.taken)), words.amounts(told.total for told, _ in day.taken)),
        ("- levert", str(day.first_time), words.amounts(one.about.total for one in day.delivered if not one.again)),
    ]
    if day.withdrawn:
        gone = words.amounts(told.total for told, _ in day.withdrawn)
        table.append(("- tatt ut, behandles for hånd", str(len(day.withdrawn)), gone))
    table.append(("= under arbeid nå", str(day.after), ""))
    total = len(table) - 1
    here = [one for one in day.parked if not one.delivered]
    theirs = sum(one in here for one in asked)
    if day.after and day.after >= len(here):
        parts = {"venter på dere": theirs, "venter hos oss": len(here) - theirs, "på vei": day.after - len(here)}
        table += [(f"   {what}", str(count), "") for what, count in parts.items() if count]
    return Section(title="Fakturaer", head=("", "Antall", "Beløp"), table=tuple(table), sums=frozenset({total}))


def _channels(day: ReportDay) -> Section:
    table: list[tuple[str, ...]] = []
    for channel in Channel:
        sent = [one.about.total for one in day.delivered if one.channel == channel]
        if sent:
            table.append((words.headed(words.channel(channel)), str(len(sent)), words.amounts(sent)))
    table.append(("Sum", str(len(day.delivered)), words.amounts(one.about.total for one in day.delivered)))
    total, again = len(table) - 1, len(day.delivered) - day.first_time
    if again:
        table.append(("   sendt en gang til", str(again), ""))
    return Section(title="Levert", head=("", "Antall", "Beløp"), table=tuple(table), sums=frozenset({total}))


def _returns(day: ReportDay) -> Iterator[Section]:
    turned = {one.about.id for one in day.turns}
    lines = [words.turn(one) for one in day.turns]
    lines += [
        f"{words.about(told)}: {words.channel(channel)} ble avvist eller kom i retur."
        for told, channel, _ in day.refused
        if told.id not in turned
    ]
    lines += [
        f"{words.about(told)}: {count} av mottakerne på e-post fikk den ikke."
        for told, count in day.short_of_recipients
    ]
    if lines:
        yield Section(title="Avvist, i retur eller ikke åpnet", lines=shortened(lines))


def _warnings(day: ReportDay) -> Iterator[Section]:
    duty = [one for one in day.warned if one.code == InvoiceWarning.EHF_DUTY]
    if duty:
        lines = [f"{words.about(one.about)}, kundenummer {one.about.debtor}." for one in duty]
        yield Section(
            title="Skulle vært EHF",
            words="Mottakeren kan ta imot EHF og fikk noe annet. Fra 1. januar 2027 er EHF en plikt overfor norske "
            "virksomheter som kan ta imot det. Se på e-postadressen på kundekortet.",
            lines=shortened(lines),
        )
    gaps = dict.fromkeys(text for one in day.warned if (text := words.warning(one)) is not None)
    if gaps:
        yield Section(
            title="Bør rettes",
            words="Dette stopper ingenting nå, men trengs senere, for eksempel ved purring.",
            lines=shortened(list(gaps)),
        )


def _missed(day: ReportDay) -> Iterator[Section]:
    if day.missed:
        text = "Disse kjøringene ble ikke gjort til sin tid. Den neste tar igjen det som lå der."
        yield Section(title="Kjøringer som uteble", words=text, lines=shortened(words.missed(day.missed)))


def _money(day: ReportDay, names: ClientNames, *, statement: bool) -> Iterator[Section]:
    lines: list[str] = []
    if day.waiting > day.direct:
        waiting = words.plural(day.waiting - day.direct, "betaling eller hendelse", "betalinger eller hendelser")
        lines.append(f"{waiting} venter på avklaring hos oss.")
    if day.direct:
        lines.append(f"{words.plural(day.direct, 'betaling', 'betalinger')} er gjort direkte til dere.")
    if names.return_data and statement:
        lines.append("Dagens avregning ligger ved.")
    if lines:
        yield Section(title="Oppgjør", lines=tuple(lines))


def completeness_section(check: Completeness | None) -> Section:
    """What the check found, in the client's words."""
    title = "Kontroll"
    if check is None or not check.finished:
        return Section(title=title, words="Kontrollen er ikke gjort ferdig i dag. Vi følger den opp.")
    alike = (
        f"{words.plural(check.compared, 'faktura', 'fakturaer')} stemmer i regnskapssystemet, blant de registrerte "
        "fordringene og i det som er levert."
    )
    for count, what in _where_the_rest_is(check):
        alike += f" {count} er {what}." if count else ""
    lines = [
        f"{f'Faktura {one.number}: ' if one.number else ''}{LACKS[one.lack].norwegian}" for one in check.unexplained
    ]
    gaps = [one.number for one in check.findings if one.lack is Lack.MISSING_NUMBER]
    if gaps:
        lines.append(f"Numre vi ikke har sett: {', '.join(gaps)}. Det trenger ikke være feil.")
    if check.unexplained:
        unknown = words.plural(len(check.unexplained), "faktura", "fakturaer")
        alike += f" {unknown} kan vi ikke gjøre rede for ennå:"
    return Section(title=title, words=alike, lines=shortened(lines))


def _where_the_rest_is(check: Completeness) -> Iterator[tuple[int, str]]:
    """How many of those that are explained are where. An invoice counts once, however much is said of it."""
    known = {one.invoice or one.erp_id: one for one in check.explained if one.lack is not Lack.MISSING_NUMBER}
    withdrawn = sum(one.lack is Lack.WITHDRAWN for one in known.values())
    told_of = {one.invoice for one in check.explained if one.lack is Lack.NOT_POSTED_BACK or one.reason in _UNTOLD}
    untold = sum(key in told_of for key in known)
    yield len(known) - untold - withdrawn, "ikke fremme ennå, og vi vet hvorfor"
    yield untold, "levert, men ikke meldt til regnskapssystemet"
    yield withdrawn, "tatt ut og behandles for hånd"


def shortened(lines: list[str]) -> tuple[str, ...]:
    """The first of many, and how many more there are."""
    if len(lines) <= MOST:
        return tuple(lines)
    return (*lines[:MOST], f"… og {len(lines) - MOST} til; alle står i regnearket.")
