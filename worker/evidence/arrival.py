"""What became of each delivery, in words that can be held against the other side: who got it, and who did not.

A document is called delivered here when the other side has it as far as anybody knows: not when it bounced or was
refused afterwards, and not when the letter came back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.model.channel import Channel
from worker.model.journey import DELIVERY_REACHED, DeliveryState
from worker.model.letter import ReceiptStatus
from worker.model.receiver import CODES, Source
from worker.store.proof import Outside
from worker.store.reading import Story
from worker.store.rows import DeliveryRow
from worker.support import wording

_S = DeliveryState
_NOBODY_KNOWS = (_S.SENDING, _S.UNKNOWN)
_RECEIPT = {
    Channel.EHF: "receipt from the receiver's access point",
    Channel.EFAKTURA: "receipt from the bank's side",
    Channel.LETTER: "posted, by the print house's receipt",
}


@dataclass(frozen=True, slots=True)
class Arrival:
    """One delivery. `outcome`: in words, Norwegian time. `had`: the other side has it; `unknown`: nobody can tell."""

    delivery: DeliveryRow
    to: str
    outcome: str
    had: bool
    unknown: bool


def arrivals(told: Story, outside: Outside) -> list[Arrival]:
    """Every delivery, first to last."""
    return [_arrival(delivery, told, outside) for delivery in told.deliveries]


def recipients(delivery: DeliveryRow, outside: Outside) -> tuple[list[str], list[str]]:
    """The delivery's addresses, and those of them that never got it."""
    if delivery.channel == Channel.LETTER or not delivery.address:
        return [", ".join(delivery.address.split("\n"))] if delivery.address else [], []
    addresses = delivery.address.split("; ")
    failed = {row["position"] for row in _of(delivery, outside.receipts["failed_recipients"])}
    return addresses, [address for place, address in enumerate(addresses) if place in failed]


def came_back(delivery: DeliveryRow, told: Story) -> datetime | None:
    """When the print house said that the letter had come back."""
    returned = f"letter_{ReceiptStatus.RETURNED}"
    return next((one.at for one in told.events if (one.delivery_id, one.event) == (delivery.id, returned)), None)


def reached_at(delivery: DeliveryRow, told: Story) -> str:
    """When it came to the state it is in, Norwegian time."""
    moved = [one.at for one in told.events if (one.delivery_id, one.to_state) == (delivery.id, delivery.state)]
    return wording.minute(moved[-1]) if moved else ""


def _arrival(delivery: DeliveryRow, told: Story, outside: Outside) -> Arrival:
    state = DeliveryState(delivery.state)
    addresses, failed = recipients(delivery, outside)
    words = [_ended(delivery, told)]
    returned = came_back(delivery, told)
    if returned is not None:
        words.append(f"came back by post {wording.minute(returned)}: the debtor does not have it")
    if failed and state in DELIVERY_REACHED:
        words.append(f"never arrived at {'; '.join(failed)}")
    words += [
        f"{CODES[Source(said['source'])][said['code']][1]} {wording.minute(said['noted_at'])}"
        for said in _of(delivery, outside.receipts["receiver"])
    ]
    return Arrival(
        delivery=delivery,
        to="; ".join(addresses) or "(address removed when its retention was over)",
        outcome=", ".join(words),
        had=state in DELIVERY_REACHED and returned is None,
        unknown=state in _NOBODY_KNOWS,
    )


def _ended(delivery: DeliveryRow, told: Story) -> str:
    state, handed = DeliveryState(delivery.state), ""
    if delivery.handed_over_at is not None:
        handed = f"handed over {wording.minute(delivery.handed_over_at)}"
    when = reached_at(delivery, told)
    if state is _S.READY:
        tried = f"tried {delivery.attempts} times and not taken" if delivery.attempts else "it waits to be sent"
        return f"never delivered: {tried}"
    if state in _NOBODY_KNOWS:
        return f"not known whether it arrived (sent {when})"
    if state is _S.STOPPED:
        return f"stopped before it was sent {when}"
    if state is _S.REFUSED:
        why = f": {delivery.ended_reason}" if delivery.ended_reason else ""
        return f"{handed}, then refused or bounced {when}{why}" if handed else f"never delivered: refused {when}{why}"
    after = {
        _S.CONFIRMED: f", {_RECEIPT.get(Channel(delivery.channel), 'receipt')} {when}",
        _S.OPENED: f", opened {wording.minute(delivery.opened_at)}" if delivery.opened_at else "",
        _S.EXPIRED: f", not opened by {when}",
    }
    return handed + after.get(state, "")


def _of(delivery: DeliveryRow, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row for row in rows if row["delivery_id"] == delivery.id]
