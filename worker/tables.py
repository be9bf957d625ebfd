"""How the worklist looks: tables on a terminal, JSON for programs. Knows rows, not the database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from os import environ
from typing import Any

import orjson
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from worker import telling
from worker.model.completeness import LACKS, Completeness, Finding, Lack
from worker.model.journey import JourneyState
from worker.model.money import Money
from worker.model.parked import PARKED, ParkedReason
from worker.store.reach import ReachStatus
from worker.store.reading import ClientStatus, Story
from worker.store.rows import InvoiceRow, SlotRow
from worker.telling import counts, debtor_name, when
from worker.telling import money as money  # noqa: PLC0414 - for whoever draws tables of his own
from worker.telling import paused_words as paused_words  # noqa: PLC0414


def as_json(value: Any) -> str:
    """Dataclasses, dates and amounts as JSON text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    raise TypeError(type(value).__name__)


def status_tables(statuses: list[ClientStatus], runs: dict[str, list[SlotRow]], notes: list[str]) -> RenderableType:
    """Everything at a glance: per client, where its invoices are and when its jobs last ran."""
    parts: list[RenderableType] = [Text(note, style="yellow") for note in notes]
    for status in statuses:
        table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        table.add_row("invoices", counts(status.states) or "none yet")
        table.add_row("channels", counts(status.channels) or "-")
        table.add_row("parked", Text(counts(status.parked) or "none", style="red" if status.parked else ""))
        table.add_row("warnings", counts(status.warnings) or "none")
        table.add_row("oldest undelivered", when(status.oldest_undelivered) or "-")
        for run in runs.get(status.client, []):
            style = "" if run.state in ("done", "running") else "red"
            table.add_row(f"last {run.job}", Text(f"{when(run.slot)}  {run.state}  {counts(run.summary or {})}", style))
        parts.append(Panel(table, title=status.client, title_align="left"))
    if not statuses:
        parts.append(Text("no clients: write config/clients/<client>.env (see config/clients/client.env.example)"))
    return Group(*parts)


def reach_notes(reach: ReachStatus) -> list[str]:
    """What the Peppol look-up is in doubt about; nothing when all is well."""
    notes: list[str] = []
    if reach.waiting:
        notes.append(f"EHF: {reach.waiting} that received it now say no, and are looked up a second time")
    if not reach.doubt.no_is_believed:
        told = f"{reach.doubt.flipped} of {reach.doubt.sample} that received it now say no"
        notes.append(f"EHF: NO IS NOT BELIEVED ({told}): the network is in trouble, or the look-up")
    return notes


class Listing:
    """Rows under headings. A table where the terminal is as wide as it `wants`, or holds every line unbroken; else a
    block a row, a line a value: a table squeezed into less is read by nobody. Text is only ever text, never markup."""

    def __init__(
        self, title: str, *headings: str, wants: int = 120, lines: bool = True, narrow: RenderableType | None = None
    ) -> None:
        """`lines`: between the rows. `narrow`: shown where there is no room, instead of blocks."""
        self._title = title
        self._headings = headings
        self._wants = wants
        self._lines = lines
        self._narrow = narrow
        self._rows: list[list[RenderableType]] = []

    def add_row(self, *cells: RenderableType) -> None:
        self._rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self._table()
        natural = Measurement.get(console, options.update(max_width=10_000), table).maximum
        yield table if options.max_width >= min(self._wants, natural) else self._narrow or self._blocks()

    def _table(self) -> Table:
        table = Table(title=Text(self._title) if self._title else None, title_justify="left", show_lines=self._lines)
        for heading in self._headings:
            table.add_column(heading, overflow="fold")
        for row in self._rows:
            table.add_row(*row)
        return table

    def _blocks(self) -> RenderableType:
        parts: list[RenderableType] = [Text(self._title, "italic")] if self._title else []
        for row in self._rows:
            block = Table.grid(padding=(0, 1))
            block.add_column(style="bold", no_wrap=True)
            block.add_column(overflow="fold")
            for heading, cell in zip(self._headings, row, strict=True):
                if not isinstance(cell, Text) or cell.plain:
                    block.add_row(f"{heading}:" if heading else "", cell)
            parts += [Text(""), block] if parts else [block]
        return Group(*parts)


def parked_table(rows: list[InvoiceRow]) -> RenderableType:
    """What waits, why, who can mend it and how."""
    if not rows:
        return Text("Nothing is parked.")
    table = Listing(f"{len(rows)} parked", "id", "client", "number", "debtor", "since", "reason", "what to do")
    for row in rows:
        facts, advice = PARKED[ParkedReason(row.parked_reason or "unexpected")], telling.advice(row)
        table.add_row(
            str(row.id), row.client, row.number, debtor_name(row) or row.debtor_code, when(row.waits_since),
            Text.assemble((f"{row.parked_reason}", "bold"), f"\n{row.parked_detail or facts.meaning}"),
            Text(f"for the {advice.owner}\n{advice.remedy}\n{advice.then}"),
        )  # fmt: skip
    return table


def completeness_view(client: str, found: Completeness, *, now: datetime) -> RenderableType:
    """What the check found: what nobody can explain first, then what is known, hints last."""
    hints = [one for one in found.explained if one.lack is Lack.MISSING_NUMBER]
    known = [one for one in found.explained if one.lack is not Lack.MISSING_NUMBER]
    parts: list[RenderableType] = []
    if not found.finished:
        parts.append(Text("ERP or ledger folder could not be read to the end: what is absent proves nothing", "red"))
    told = f"{found.compared} in all three alike, {len(found.unexplained)} unexplained, {len(known)} explained"
    parts.append(Text(told, "red" if found.unexplained else "green" if found.finished else ""))
    if found.unexplained or known:
        table = Listing("", "number", "id", "what", "who", "days", "why and what to do", wants=110)
        for one in (*found.unexplained, *known):
            style = "" if one.explained else "red"
            age = str(max((now - one.since).days, 0)) if one.since else "-"
            which = f"{one.lack}: {one.reason}" if one.reason else str(one.lack)
            table.add_row(one.number, str(one.invoice or "-"), Text(which, style), one.owner, age, Text(_why(one)))
        parts.append(table)
    if hints:
        parts.append(Text(f"numbers not seen (a hint): {', '.join(one.number for one in hints)}", "dim"))
    return Panel(Group(*parts), title=client, title_align="left")


def _why(one: Finding) -> str:
    facts = LACKS[one.lack]
    if one.reason:
        parked = PARKED[ParkedReason(one.reason)]
        return f"{parked.meaning}\n{parked.remedy}"
    if one.explained:
        return one.detail or facts.remedy
    return f"{facts.meaning}{f' ({one.detail})' if one.detail else ''}\n{facts.remedy}"


def story_view(story: Story) -> RenderableType:
    """One invoice's whole story on one screen."""
    parts = [_facts(story)]
    if story.decisions:
        parts.append(_considered(story))
    if story.deliveries:
        parts.append(_attempts(story))
    if story.payments:
        parts.append(_payments(story))
    parts.append(_timeline(story))
    return Group(*parts)


def _facts(story: Story) -> RenderableType:
    head = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    head.add_column(style="bold", no_wrap=True)
    head.add_column(overflow="fold")
    state, *others = telling.facts(story)
    head.add_row(state[0], Text(state[1]))
    if story.invoice.state == JourneyState.PARKED:
        advice = telling.advice(story.invoice)
        head.add_row("what to do", Text(f"for the {advice.owner}\n{advice.remedy}\n{advice.then}", style="red"))
    for name, text in others:
        head.add_row(name, Text(text))
    for code, detail in story.warnings:
        head.add_row("warning", Text(f"{code}: {detail}" if detail else code, style="yellow"))
    return Panel(head, title=Text(telling.title(story.invoice)))


def _considered(story: Story) -> RenderableType:
    table = Listing("Channels considered", "when", "channel", "why", wants=80, lines=False)
    for line in telling.considered(story):
        style = "bold" if line.chosen else "dim"
        table.add_row(line.at, Text(line.channel, style), Text(line.why, style))
    return table


def _attempts(story: Story) -> RenderableType:
    title = "Deliveries, reports to the ERP, and each attempt"
    table = Listing(title, "", "when", "channel / outcome", "detail", wants=80, lines=False)
    for way in telling.ways(story):
        style = "bold" if way.head else "dim" if way.key else ""
        table.add_row(way.label, way.at, Text(way.what, style), Text(way.detail, "dim" if way.key else ""))
    return table


def _payments(story: Story) -> RenderableType:
    table = Listing("Payments and events", "date", "what", "amount", "left to pay", "voucher", wants=80, lines=False)
    for one in telling.paid(story):
        table.add_row(one.date, Text(one.what), one.amount, one.left, one.voucher)
    return table


def _timeline(story: Story) -> RenderableType:
    narrow = Listing("Timeline", "when", "event", wants=0, lines=False)
    table = Listing("Timeline", "when", "event", "from", "to", "detail", wants=100, lines=False, narrow=narrow)
    for event in story.events:
        at, before, after, detail = when(event.at), event.from_state or "", event.to_state or "", event.detail or ""
        table.add_row(at, event.event, before, after, detail)
        move = " → ".join(state for state in (before, after) if state)
        narrow.add_row(at, "\n".join(part for part in (f"{event.event}  {move}".strip(), detail) if part))
    return table


def story_json(story: Story) -> dict[str, Any]:
    """The story as plain values."""
    return asdict(story)


def terminal() -> Console:
    """A console on stdout, as wide as the terminal, or as COLUMNS says; wide enough for a table where neither is."""
    console = Console(highlight=False)
    if console.is_terminal or environ.get("COLUMNS"):
        return console
    return Console(highlight=False, width=160)
