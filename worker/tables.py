"""How the worklist looks: tables on a terminal, JSON for programs. Knows rows, not the database."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from worker.model.channel import FACTS, Channel
from worker.model.completeness import LACKS, Completeness, Finding, Lack
from worker.model.money import Money
from worker.model.parked import PARKED, ParkedReason
from worker.store.pauses import Pause
from worker.store.reach import ReachStatus
from worker.store.reading import ClientStatus, Story
from worker.store.rows import InvoiceRow, SlotRow
from worker.support.clock import OSLO
from worker.support.wording import amount


def as_json(value: Any) -> str:
    """Dataclasses, dates and amounts as JSON text."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Money):
        return {"amount": str(value.amount), "currency": value.currency}
    raise TypeError(type(value).__name__)


def when(instant: datetime | None) -> str:
    """Norwegian local time, to the minute."""
    return instant.astimezone(OSLO).strftime("%d.%m.%Y %H:%M") if instant else ""


def money(total: Money | None) -> str:
    return amount(total, "nb") if total is not None else ""


def debtor_name(invoice: InvoiceRow) -> str:
    """The debtor's name from the customer card; empty before the card is known."""
    card = invoice.debtor or {}
    person = f"{card.get('first_name') or ''} {card.get('last_name') or ''}".strip()
    return str(card.get("name") or person)


def status_tables(statuses: list[ClientStatus], runs: dict[str, list[SlotRow]], notes: list[str]) -> RenderableType:
    """Everything at a glance: per client, where its invoices are and when its jobs last ran."""
    parts: list[RenderableType] = [Text(note, style="yellow") for note in notes]
    for status in statuses:
        table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        table.add_row("invoices", _counts(status.states) or "none yet")
        table.add_row("channels", _counts(status.channels) or "-")
        table.add_row("parked", Text(_counts(status.parked) or "none", style="red" if status.parked else ""))
        table.add_row("warnings", _counts(status.warnings) or "none")
        table.add_row("oldest undelivered", when(status.oldest_undelivered) or "-")
        for run in runs.get(status.client, []):
            style = "" if run.state in ("done", "running") else "red"
            table.add_row(
                f"last {run.job}", Text(f"{when(run.slot)}  {run.state}  {_counts(run.summary or {})}", style)
            )
        parts.append(Panel(table, title=status.client, title_align="left"))
    if not statuses:
        parts.append(Text("no clients: write config/clients/<client>.env (see config/clients/client.env.example)"))
    return Group(*parts)


def paused_words(pause: Pause) -> str:
    """Since when, by whom and why."""
    return f"paused since {when(pause.paused_at)} by {pause.paused_by}: {pause.note}"


def reach_notes(reach: ReachStatus) -> list[str]:
    """What the Peppol look-up is in doubt about; nothing when all is well."""
    notes: list[str] = []
    if reach.waiting:
        notes.append(f"EHF: {reach.waiting} that received it now say no, and are looked up a second time")
    if not reach.doubt.no_is_believed:
        told = f"{reach.doubt.flipped} of {reach.doubt.sample} that received it now say no"
        notes.append(f"EHF: NO IS NOT BELIEVED ({told}): the network is in trouble, or the look-up")
    return notes


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counts.items())


def parked_table(rows: list[InvoiceRow]) -> RenderableType:
    """What waits, why, who can mend it and how."""
    if not rows:
        return Text("Nothing is parked.")
    table = Table(title=f"{len(rows)} parked", title_justify="left", show_lines=True)
    for heading in ("id", "client", "number", "debtor", "since", "reason", "what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        facts = PARKED[ParkedReason(row.parked_reason or "unexpected")]
        goes_on = "goes on by itself when mended" if facts.looked_at_again else f"then: retry {row.id}"
        table.add_row(
            str(row.id), row.client, row.number, debtor_name(row) or row.debtor_code, when(row.updated_at),
            f"[bold]{row.parked_reason}[/]\n" + _escaped(row.parked_detail or facts.meaning),
            f"{facts.owner}: {facts.remedy} ({goes_on})",
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
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in ("number", "id", "what", "who", "days", "why and what to do"):
            table.add_column(heading, overflow="fold")
        for one in (*found.unexplained, *known):
            style = "" if one.explained else "red"
            age = str((now - one.since).days) if one.since else "-"
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
        return f"{parked.meaning}: {parked.remedy}"
    if one.explained:
        return one.detail or facts.remedy
    return f"{facts.meaning}{f' ({one.detail})' if one.detail else ''}: {facts.remedy}"


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


def story_view(story: Story) -> RenderableType:
    """One invoice's whole story on one screen."""
    parts = [_facts(story)]
    if story.decisions:
        parts.append(_considered(story))
    if story.deliveries:
        parts.append(_attempts(story))
    parts.append(_timeline(story))
    return Group(*parts)


def _facts(story: Story) -> RenderableType:
    row = story.invoice
    head = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    head.add_column(style="bold", no_wrap=True)
    head.add_column(overflow="fold")
    documents = (("original", row.original_sha256), ("stamped ", row.stamped_sha256), ("pdf     ", row.pdf_sha256))
    removed = "" if row.documents_state == "kept" else " (removed)"
    facts: list[tuple[str, str]] = [
        ("state", row.state + (f" ({row.parked_reason}: {row.parked_detail})" if row.parked_reason else "")),
        ("debtor", f"{debtor_name(row)} (number {row.debtor_code})"),
        ("amount", money(row.total) + (f", due {row.due_date:%d.%m.%Y}" if row.due_date else "")),
        ("KID", f"{row.kid or 'none'} on account {row.account or '-'}"),
        ("notice", f"{row.notice_version or '-'} ({row.language or '-'})"),
        ("channel", f"{_channel(row.route)}: {row.route_reason}" if row.route else "not chosen"),
        ("ERP", f"{row.erp} {row.erp_id}"),
        ("registered", row.registered_as or "-"),
        ("documents", "\n".join(f"{name} {sha}{removed}" for name, sha in documents if sha) or "-"),
    ]
    for name, text in facts:
        head.add_row(name, Text(text))
    for code, detail in story.warnings:
        head.add_row("warning", Text(f"{code}: {detail}" if detail else code, style="yellow"))
    return Panel(head, title=f"{row.kind} {row.number} · {row.client} · id {row.id}")


def _considered(story: Story) -> RenderableType:
    table = _table("Channels considered", "when", "channel", "why")
    for decision in story.decisions:
        for channel, why in decision.considered or [["-", decision.reason]]:
            style = "bold" if channel == decision.channel else "dim"
            table.add_row(when(decision.at), Text(_channel(channel), style), Text(why, style))
        for one in decision.evidence or []:
            table.add_row("", Text("  looked up", "dim"), Text(_evidence(one), "dim"))
    return table


def _evidence(one: dict[str, Any]) -> str:
    """Who was asked what and when, and what came back."""
    at = when(datetime.fromisoformat(one["looked_up_at"])) if one.get("looked_up_at") else "?"
    found, answer = one.get("found"), one.get("answer")
    said = f"{found}, taken for {answer}" if found != answer else f"{answer}"
    kept = "kept from then" if one.get("cached") else "fresh"
    asked = f"DNS {one.get('name') or '-'} · SMP {one.get('smp') or '-'}"
    return f"{one.get('participant') or '-'}: {said} · {asked} · {at} · {kept}"


def _attempts(story: Story) -> RenderableType:
    table = _table("Deliveries, reports to the ERP, and each attempt", "", "when", "channel / outcome", "detail")

    def tries(subject: str, subject_id: int) -> None:
        for one in story.attempts:
            if (one.subject, one.subject_id) == (subject, subject_id):
                table.add_row("", when(one.ended_at), f"  {one.act}: {one.outcome}", Text(one.answer[:200]))

    for delivery in story.deliveries:
        state = Text(f"{_channel(delivery.channel)}: {delivery.state}", "bold")
        at = when(delivery.handed_over_at or delivery.created_at)
        table.add_row(str(delivery.number), at, state, Text(delivery.ended_reason or delivery.reason))
        table.add_row("", "", Text("  our key", "dim"), Text(delivery.key, "dim"))  # in Message-ID, SBDH and manifest
        tries("delivery", delivery.id)
    for told in story.postbacks:
        state = Text(f"{told.kind}: {told.state}", "bold")
        table.add_row("ERP", when(told.done_at or told.created_at), state, Text(told.text or ""))
        tries("postback", told.id)
    return table


def _timeline(story: Story) -> RenderableType:
    table = _table("Timeline", "when", "event", "from", "to", "detail")
    for event in story.events:
        table.add_row(
            when(event.at), event.event, event.from_state or "", event.to_state or "", Text(event.detail or "")
        )
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _channel(channel: str | None) -> str:
    return FACTS[Channel(channel)].norwegian if channel in set(Channel) else str(channel or "-")


def story_json(story: Story) -> dict[str, Any]:
    """The story as plain values."""
    return asdict(story)


def terminal(*, wide: bool = False) -> Console:
    """A console on stdout; wide enough for a table when the output is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        return Console(highlight=False, width=160, soft_wrap=False)
    return Console(highlight=False, width=max(console.width, 150)) if wide else console
