"""An invoice and its story in words, once: `invoice show` and the operations page say the same. Knows rows, no look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.model.channel import FACTS, Channel
from worker.model.money import Money
from worker.store.pauses import Pause
from worker.store.reading import Story
from worker.store.rows import InvoiceRow
from worker.support import wording


def when(instant: datetime | None) -> str:
    """Norwegian local time, to the minute."""
    return wording.minute(instant) if instant else ""


def money(total: Money | None) -> str:
    return wording.amount(total, "nb") if total is not None else ""


def counts(found: dict[str, Any]) -> str:
    """`3 delivered, 1 parked`."""
    return ", ".join(f"{count} {word}" for word, count in found.items())


def channel_name(channel: str | None) -> str:
    return FACTS[Channel(channel)].norwegian if channel in set(Channel) else str(channel or "-")


def debtor_name(invoice: InvoiceRow) -> str:
    """The debtor's name from the customer card; empty before the card is known."""
    card = invoice.debtor or {}
    person = f"{card.get('first_name') or ''} {card.get('last_name') or ''}".strip()
    return str(card.get("name") or person)


def paused_words(pause: Pause) -> str:
    """Since when, by whom and why."""
    return f"paused since {when(pause.paused_at)} by {pause.paused_by}: {pause.note}"


def named(invoice: InvoiceRow) -> str:
    """`invoice 5015 of nordlys (id 23, debtor 10001, Kari Østby)`: for a person's eyes, never for the log."""
    kind = invoice.kind.replace("_", " ")
    debtor = ", ".join(part for part in (invoice.debtor_code, debtor_name(invoice)) if part)
    return f"{kind} {invoice.number} of {invoice.client} (id {invoice.id}, debtor {debtor})"


def title(invoice: InvoiceRow) -> str:
    return f"{invoice.kind.replace('_', ' ')} {invoice.number} · {invoice.client} · id {invoice.id}"


def facts(story: Story) -> list[tuple[str, str]]:
    """What the invoice is and where it stands."""
    row = story.invoice
    documents = (("original", row.original_sha256), ("stamped ", row.stamped_sha256), ("pdf     ", row.pdf_sha256))
    removed = "" if row.documents_state == "kept" else " (removed)"
    return [
        ("state", row.state + (f" ({row.parked_reason}: {row.parked_detail})" if row.parked_reason else "")),
        ("debtor", f"{debtor_name(row)} (number {row.debtor_code})"),
        ("amount", money(row.total) + (f", due {row.due_date:%d.%m.%Y}" if row.due_date else "")),
        ("KID", f"{row.kid or 'none'} on account {row.account or '-'}"),
        ("notice", f"{row.notice_version or '-'} ({row.language or '-'})"),
        ("channel", f"{channel_name(row.route)}: {row.route_reason or '-'}" if row.route else "not chosen"),
        ("ERP", f"{row.erp} {row.erp_id}"),
        ("registered", row.registered_as or "-"),
        ("documents", "\n".join(f"{name} {sha}{removed}" for name, sha in documents if sha) or "-"),
    ]


@dataclass(frozen=True, slots=True)
class Considered:
    """A channel that was weighed, or (`looked_up`) what was asked outside for it."""

    at: str
    channel: str
    why: str
    chosen: bool = False
    looked_up: bool = False


def considered(story: Story) -> list[Considered]:
    """Every decision, channel by channel."""
    lines: list[Considered] = []
    for decision in story.decisions:
        for channel, why in decision.considered or [["-", decision.reason]]:
            lines.append(Considered(when(decision.at), channel_name(channel), why, channel == decision.channel))
        lines += [Considered("", "  looked up", _evidence(one), looked_up=True) for one in decision.evidence or []]
    return lines


def _evidence(one: dict[str, Any]) -> str:
    """Who was asked what and when, and what came back."""
    at = when(datetime.fromisoformat(one["looked_up_at"])) if one.get("looked_up_at") else "?"
    found, answer = one.get("found"), one.get("answer")
    said = f"{found}, taken for {answer}" if found != answer else f"{answer}"
    kept = "kept from then" if one.get("cached") else "fresh"
    asked = f"DNS {one.get('name') or '-'} · SMP {one.get('smp') or '-'}"
    return f"{one.get('participant') or '-'}: {said} · {asked} · {at} · {kept}"


@dataclass(frozen=True, slots=True)
class Way:
    """A delivery or a report to the ERP (`head`), our key for it (`key`), or one attempt."""

    label: str
    at: str
    what: str
    detail: str
    head: bool = False
    key: bool = False


def ways(story: Story) -> list[Way]:
    """Deliveries, reports to the ERP, and each attempt."""
    lines: list[Way] = []

    def tries(subject: str, subject_id: int) -> None:
        own = [one for one in story.attempts if (one.subject, one.subject_id) == (subject, subject_id)]
        lines.extend(Way("", when(one.ended_at), f"  {one.act}: {one.outcome}", one.answer[:200]) for one in own)

    for delivery in story.deliveries:
        at = when(delivery.handed_over_at or delivery.created_at)
        what = f"{channel_name(delivery.channel)}: {delivery.state}"
        lines.append(Way(str(delivery.number), at, what, delivery.ended_reason or delivery.reason, head=True))
        lines.append(Way("", "", "  our key", delivery.key, key=True))  # in Message-ID, SBDH and manifest
        tries("delivery", delivery.id)
    for told in story.postbacks:
        at = when(told.done_at or told.created_at)
        lines.append(Way("ERP", at, f"{told.kind}: {told.state}", told.text or "", head=True))
        tries("postback", told.id)
    return lines
