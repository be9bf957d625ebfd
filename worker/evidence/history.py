"""historie.txt: the invoice and its story in Norwegian, a line an event, to be read by a debtor or a court."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from worker.evidence.arrival import Arrival, came_back, reached_at, recipients
from worker.evidence.papers import ORIGINAL, STAMPED, Papers
from worker.evidence.words import (
    CARRIERS,
    EVENTS,
    MONEY,
    NOT_THERE,
    PARKED,
    QUOTED,
    RECEIPTS,
    RESPONSES,
    channel_name,
)
from worker.model.document import Document, Kind
from worker.model.ehf import DocumentError, read_document
from worker.model.journey import DeliveryState, JourneyEvent
from worker.model.money import Money
from worker.model.settlement import EventKind
from worker.store.proof import Outside
from worker.store.reading import Story
from worker.store.rows import DeliveryRow, EventRow, InvoiceRow
from worker.support import wording
from worker.telling import debtor_name

_REMOVED = "(slettet fordi lagringstiden var over)"
_COUNTED = ("matched", "booked", "told")  # what waits for a person, or was taken back, is no payment of this invoice


def history(told: Story, outside: Outside, reached: list[Arrival], papers: Papers) -> str:
    """The whole text."""
    row = told.invoice
    title = f"Historikk for {'kreditnota' if row.kind == Kind.CREDIT_NOTE else 'faktura'} {row.number}"
    lines = [
        title,
        "=" * len(title),
        "",
        *(f"{name:15}{value}" for name, value in _facts(row, _document(papers))),
        "",
        "Alle klokkeslett er norsk tid.",
        "",
        *_headed(
            "Leveringer", [_delivery(one, told, outside) for one in reached] or ["Ingen. Den er ikke sendt til noen."]
        ),
        *_headed("Hendelser", [_event(one, told, outside) for one in told.events]),
        *_headed("Betalinger og endringer i kravet", _money(outside) or ["Ingen registrert."]),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _headed(title: str, lines: list[str]) -> list[str]:
    return [title, "-" * len(title), *lines, ""]


def _facts(row: InvoiceRow, document: Document | None) -> list[tuple[str, str]]:
    facts = [("Selger", document.seller.name if document is not None else row.client)]
    if document is not None and document.payee_name and row.kind != Kind.CREDIT_NOTE:
        facts.append(("Betales til", document.payee_name))
    facts += [("Kontonummer", wording.account(row.account or "-")), ("KID", row.kid or "ingen")]
    facts += [("Beløp", wording.amount(row.total, "nb") if row.total is not None else "-")]
    facts += [(name, wording.day(day, "nb")) for name, day in
              (("Fakturadato", row.issue_date), ("Forfallsdato", row.due_date)) if day is not None]  # fmt: skip
    if row.personal_data_removed_at is not None:
        return [*facts, ("Mottaker", _REMOVED)]
    name = debtor_name(row)
    facts.append(("Mottaker", f"{name or '(ikke hentet)'} (kundenummer {row.debtor_code})"))
    return [*facts, ("Adresse", ", ".join(_address(row, name)) or "(ikke hentet)")]


def _document(papers: Papers) -> Document | None:
    """As stamped, or as it came; None when there is none that can be read."""
    content = papers.files.get(STAMPED) or papers.files.get(ORIGINAL)
    try:
        return read_document(content) if content else None
    except DocumentError:
        return None


def _address(row: InvoiceRow, name: str) -> list[str]:
    """The lines drawn on the invoice; before it is drawn, those of the customer card."""
    card: dict[str, Any] = row.debtor or {}
    drawn = [line for line in card.get("recipient_lines") or () if line != name]
    if drawn:
        return drawn
    at: dict[str, str] = card.get("address") or {}
    place = f"{at.get('postal_code') or ''} {at.get('city') or ''}".strip()
    return [line for line in (at.get("line1"), at.get("line2"), place) if line]


def _delivery(one: Arrival, told: Story, outside: Outside) -> str:
    delivery = one.delivery
    addresses, failed = recipients(delivery, outside)
    name = f"{delivery.number}. {_first_large(channel_name(delivery.channel))} til {'; '.join(addresses) or _REMOVED}"
    returned = came_back(delivery, told)
    handed = wording.minute(delivery.handed_over_at) if delivery.handed_over_at else ""
    if returned is not None:
        return f"{name}: overlevert til {CARRIERS[delivery.channel]} {handed}, kom i retur {wording.minute(returned)}"
    if not one.had:
        return f"{name}: {NOT_THERE[delivery.state]}"
    parts = [f"overlevert til {CARRIERS[delivery.channel]} {handed}"]
    if delivery.state == DeliveryState.CONFIRMED:
        parts.append(f"{RECEIPTS.get(delivery.channel, 'kvittert for')} {reached_at(delivery, told)}")
    if failed:
        parts.append(f"men ikke til {'; '.join(failed)}")
    if delivery.opened_at is not None:
        parts.append(f"åpnet {wording.minute(delivery.opened_at)}")
    elif delivery.state == DeliveryState.EXPIRED:
        parts.append("ikke åpnet innen fristen")
    return f"{name}: {', '.join(parts)}"


def _first_large(text: str) -> str:
    return text if text[1:2].isupper() else text[:1].upper() + text[1:]  # eFaktura stays as it is


def _event(one: EventRow, told: Story, outside: Outside) -> str:
    delivery = next((way for way in told.deliveries if way.id == one.delivery_id), None)
    channel = delivery.channel if delivery is not None else ""
    text = EVENTS.get(one.event, one.event).format(
        way=f"Levering {delivery.number} ({channel_name(channel)})" if delivery is not None else "Levering",
        carrier=CARRIERS.get(channel, "mottakers side"),
        receipt=RECEIPTS.get(channel, "kvittert for"),
    )
    more = _more(one, told, delivery, outside)
    return f"{wording.minute(one.at)}  {text}{': ' if more else ''}{more}"


def _more(one: EventRow, told: Story, delivery: DeliveryRow | None, outside: Outside) -> str:
    """What belongs to the event beside its name."""
    if one.event == JourneyEvent.ROUTE_CHOSEN:
        return next((channel_name(way.channel) for way in told.deliveries if way.created_at == one.at), "")
    if one.event in (JourneyEvent.ERP_TOLD, "erp_status_told"):
        return next((f"«{report.text}»" for report in told.postbacks if report.done_at == one.at and report.text), "")
    if one.detail is None:
        return _REMOVED if one.event == JourneyEvent.PARKED else ""
    if one.event == JourneyEvent.PARKED:
        reason = one.detail.partition(":")[0]
        return next((words for known, words in PARKED.items() if known == reason), reason)
    if one.event == "due_date_changed":
        return wording.day(date.fromisoformat(one.detail), "nb")
    if one.event.startswith("receiver_"):
        return RESPONSES.get((one.event.removeprefix("receiver_"), one.detail.partition(",")[0]), "")
    if one.event.startswith("letter_") and delivery is not None:
        return _print_house(one.event.removeprefix("letter_"), delivery, outside)
    return f"«{' '.join(one.detail.split())}»" if one.event in QUOTED and one.detail.strip() else ""


def _print_house(status: str, delivery: DeliveryRow, outside: Outside) -> str:
    """When, by its own clock, and why."""
    rows = outside.receipts["print_house"]
    row = next((row for row in rows if (row["delivery_id"], row["status"]) == (delivery.id, status)), None)
    if row is None:
        return ""
    said_at: datetime | None = row["said_at"]
    when = f"etter trykkeriets klokke {wording.minute(said_at)}" if said_at is not None else ""
    return ", ".join(part for part in (f"«{row['detail']}»" if row["detail"] else "", when) if part)


def _money(outside: Outside) -> list[str]:
    lines: list[str] = []
    for item in outside.settlement:
        words = MONEY.get(EventKind(item["kind"]))
        if words is None or item["state"] not in _COUNTED:
            continue
        amount = ""
        if item["amount_minor"] is not None and item["currency"] is not None:
            amount = f": {wording.amount(Money(item['amount_minor'], item['currency']), 'nb')}"
        lines.append(f"{item['event_date']:%d.%m.%Y}  {words}{amount}")
    return lines
