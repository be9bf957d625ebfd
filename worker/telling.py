"""An invoice and its story in words, once: `invoice show` and the operations page say the same. Knows rows, no look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.model.channel import FACTS, Channel
from worker.model.journey import DeliveryState
from worker.model.money import Money
from worker.model.parked import PARKED, ParkedReason
from worker.store.pauses import Pause
from worker.store.reading import Story
from worker.store.rows import DeliveryRow, InvoiceRow
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
    return FACTS[Channel(channel)].english if channel in set(Channel) else str(channel or "-")


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
    stamped = row.stamped_sha256 is not None
    kid = f"{row.kid} on account {row.account or '-'}" if row.kid else "none: nothing is to be paid"
    return [
        ("state", row.state + (f" ({row.parked_reason}: {row.parked_detail})" if row.parked_reason else "")),
        ("debtor", f"{debtor_name(row)} (number {row.debtor_code})".strip()),
        ("amount", (money(row.total) or "not read yet") + (f", due {row.due_date:%d.%m.%Y}" if row.due_date else "")),
        *([("left to pay", _left(story))] if story.left_minor is not None else []),
        ("KID", kid if stamped or row.kid else "not stamped yet"),
        ("notice", f"{row.notice_version or '-'} ({row.language or '-'})" if stamped else "not stamped yet"),
        ("first choice", f"{channel_name(row.route)}: {row.route_reason or '-'}" if row.route else "not chosen yet"),
        *([("on now", _on_now(story))] if story.deliveries else []),
        ("ERP", f"{row.erp} {row.erp_id}"),
        ("registered", row.registered_as or "not yet"),
        ("documents", "\n".join(f"{name} {sha}{removed}" for name, sha in documents if sha) or "-"),
    ]


def _left(story: Story) -> str:
    """What the portal tells the debtor, and why it may be less soon."""
    row, left = story.invoice, story.left_minor or 0
    currency = row.currency or "NOK"
    said = money(Money(left, currency)) if left else "nothing: it is paid"
    if left < 0:
        said = f"nothing: {money(Money(-left, currency))} too much is paid"
    if not story.payments:
        said += " (no payment is matched to it)"
    notes = ", ".join(f"{number} ({money(Money(minor, currency))})" for number, minor in story.credited_by)
    whole = sum(minor for _, minor in story.credited_by) >= (row.payable_minor or 0)
    return f"{said}; credited {'in full ' if whole else ''}by credit note {notes}" if notes else said


def _on_now(story: Story) -> str:
    """The delivery that counts: the last one that was not stopped."""
    alive = [one for one in story.deliveries if one.state != DeliveryState.STOPPED] or story.deliveries
    last = alive[-1]
    said = "" if last.state == DeliveryState.HANDED_OVER else ", handed over"
    since = f"{said} {when(last.handed_over_at)}" if last.handed_over_at else ""
    to = f", to {_address(last)}" if last.address else ""
    opened = f", opened {when(last.opened_at)}" if last.opened_at else ""
    return f"{channel_name(last.channel)}: {last.state}{since}{opened}{to}"


def _address(delivery: DeliveryRow) -> str:
    return ", ".join(delivery.address.splitlines()) or "removed (its retention is over)"


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment or event of the invoice, in words."""

    date: str
    what: str
    amount: str
    left: str
    voucher: str


def paid(story: Story) -> list[Paid]:
    """Payments and events that belong to the invoice, and what each left to pay."""

    def amount(minor: int | None, currency: str | None) -> str:
        return money(Money(minor, currency or "NOK")) if minor is not None else ""

    return [
        Paid(
            f"{one.date:%d.%m.%Y}",
            one.kind.replace("_", " ") + (f", waits: {one.reason}" if one.state == "waiting" else ""),
            amount(one.amount_minor, one.currency),
            amount(one.left_minor, one.currency) or "-",
            one.voucher or "none yet",
        )
        for one in story.payments
    ]


@dataclass(frozen=True, slots=True)
class Advice:
    """Who can mend a parked invoice, how, and how it goes on then: by itself, or by the command to type."""

    owner: str
    remedy: str
    then: str


_COMMANDS = {
    ParkedReason.HELD: ("release {id} --note WHY",),
    ParkedReason.SENT_UNKNOWN: ("retry {id} --arrived | --never-arrived",),
    ParkedReason.NO_CHANNEL_LEFT: ("retry {id}", "resend {id} --channel CHANNEL --reason WHY"),
    ParkedReason.RECEIVER_TURNED_DOWN: ("resend {id} --channel CHANNEL --reason WHY", "retry {id}"),
    ParkedReason.LETTER_RETURNED: (
        'resend {id} --channel letter --address "NAME; STREET; CODE CITY" --reason WHY', "retry {id}",
    ),
}  # fmt: skip


def advice(invoice: InvoiceRow) -> Advice:
    """What to do about a parked invoice, once for every list and page."""
    known = invoice.parked_reason in set(ParkedReason)
    reason = ParkedReason(invoice.parked_reason) if known else ParkedReason.UNEXPECTED
    facts = PARKED[reason]
    commands = [text.format(id=f"id:{invoice.id}") for text in _COMMANDS.get(reason, ("retry {id}",))]
    by_itself = "goes on by itself" if reason is ParkedReason.REACH_UNKNOWN else "goes on by itself when mended"
    return Advice(facts.owner, facts.remedy, by_itself if facts.looked_at_again else f"then: {', or: '.join(commands)}")


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
    """A delivery or a report to the ERP (`head`), its address or our key for it (`key`), or one attempt."""

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
        lines.append(Way("", "", "  to", _address(delivery), key=True))
        lines.append(Way("", "", "  our key", delivery.key, key=True))  # in Message-ID, SBDH and manifest
        tries("delivery", delivery.id)
    for told in story.postbacks:
        at = when(told.done_at or told.created_at)
        lines.append(Way("ERP", at, f"{told.kind}: {told.state}", told.text or "", head=True))
        tries("postback", told.id)
    return lines
