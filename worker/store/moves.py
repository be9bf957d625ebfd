"""The one place that moves an invoice or a delivery between states. Works inside a caller's transaction.

Every move asks the transition table, is conditional on the state read, and leaves an event row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from worker.model.journey import (
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    JourneyEvent,
    JourneyState,
    next_delivery_state,
    next_journey_state,
)
from worker.model.parked import ParkedReason
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.story import add_event
from worker.store.tables import deliveries, invoices

# Locks are taken in one order, or two transactions wait for each other for ever: an invoice, then its deliveries.
# They are FOR NO KEY UPDATE (key_share), so that a line added to the story, which refers to the invoice, does not wait.


def invoice_row(tx: Connection, invoice_id: int) -> InvoiceRow:
    """The row, locked on PostgreSQL until the transaction ends. Raises LookupError."""
    query = select(invoices).where(invoices.c.id == invoice_id).with_for_update(key_share=True)
    row = tx.execute(query).mappings().first()
    if row is None:
        raise LookupError(f"no invoice {invoice_id}")
    return InvoiceRow.of(row)


def delivery_row(tx: Connection, delivery_id: int) -> DeliveryRow:
    """The row, locked like its invoice on PostgreSQL until the transaction ends. Raises LookupError."""
    invoice_id = tx.execute(select(deliveries.c.invoice_id).where(deliveries.c.id == delivery_id)).scalar()
    if invoice_id is None:
        raise LookupError(f"no delivery {delivery_id}")
    invoice_row(tx, invoice_id)
    query = select(deliveries).where(deliveries.c.id == delivery_id).with_for_update(key_share=True)
    return DeliveryRow.of(tx.execute(query).mappings().one())


def move_invoice(
    tx: Connection, invoice: InvoiceRow, event: JourneyEvent, *, now: datetime, detail: str = "", **values: Any
) -> JourneyState:
    """Moves the invoice on `event` and sets `values`. Raises IllegalTransition, also when the row changed meanwhile."""
    return_state = JourneyState(invoice.return_state) if invoice.return_state else None
    before = JourneyState(invoice.state)
    after = next_journey_state(before, event, return_state=return_state)
    if event is not JourneyEvent.PARKED:
        values |= {"parked_reason": None, "parked_detail": None, "return_state": None}
    if event not in (JourneyEvent.PARKED, JourneyEvent.RESUMED):  # it got further than where it stood
        values |= {"parked_since": None, "parked_for": None}
    changed = tx.execute(
        update(invoices)
        .where(invoices.c.id == invoice.id, invoices.c.state == before)
        .values(state=after, updated_at=now, **values)
    ).rowcount
    if changed != 1:
        raise IllegalTransition(f"invoice {invoice.id} is no longer {before}")
    add_event(tx, invoice.id, event, now=now, from_state=before, to_state=after, detail=detail)
    return after


def park_invoice(tx: Connection, invoice: InvoiceRow, reason: ParkedReason, detail: str, *, now: datetime) -> None:
    """Parks it, to return to where it stood. Parking anew while parked only renews the reason.

    Raises IllegalTransition, also when the row changed meanwhile.
    """
    if invoice.state == JourneyState.PARKED:
        if (invoice.parked_reason, invoice.parked_detail) == (reason, detail):
            return
        _change_parked(tx, invoice, now=now, parked_reason=reason, parked_detail=detail, **_since(invoice, reason, now))
        add_event(tx, invoice.id, JourneyEvent.PARKED, now=now, detail=f"{reason}: {detail}")
        return
    move_invoice(
        tx,
        invoice,
        JourneyEvent.PARKED,
        now=now,
        detail=f"{reason}: {detail}",
        parked_reason=reason,
        parked_detail=detail,
        return_state=invoice.state,
        **_since(invoice, reason, now),
    )


def _since(invoice: InvoiceRow, reason: ParkedReason, now: datetime) -> dict[str, Any]:
    """From now, or from when it was first parked for this reason and has got no further since."""
    if invoice.parked_for == reason and invoice.parked_since is not None:
        return {}
    return {"parked_since": now, "parked_for": reason}


def move_underneath(
    tx: Connection, invoice: InvoiceRow, event: JourneyEvent, *, now: datetime, detail: str = ""
) -> None:
    """Something happened to a parked invoice that moves it where it will return to; why it is parked stays true.

    Raises IllegalTransition.
    """
    before = JourneyState(invoice.return_state or JourneyState.PARKED)
    after = next_journey_state(before, event)
    _change_parked(tx, invoice, now=now, return_state=after)
    said = f"parked meanwhile; will go on as {after}"
    add_event(tx, invoice.id, event, now=now, detail=f"{detail} ({said})" if detail else said)


def _change_parked(tx: Connection, invoice: InvoiceRow, *, now: datetime, **values: Any) -> None:
    changed = tx.execute(
        update(invoices)
        .where(
            invoices.c.id == invoice.id,
            invoices.c.state == JourneyState.PARKED,
            invoices.c.return_state == invoice.return_state,
        )
        .values(updated_at=now, **values)
    ).rowcount
    if changed != 1:
        raise IllegalTransition(f"invoice {invoice.id} is no longer parked")


def move_delivery(
    tx: Connection, delivery: DeliveryRow, event: DeliveryEvent, *, now: datetime, detail: str = "", **values: Any
) -> DeliveryState:
    """Moves the delivery on `event`; only if nobody has claimed it anew since it was read (fence).

    Raises IllegalTransition.
    """
    before = DeliveryState(delivery.state)
    after = next_delivery_state(before, event)
    changed = tx.execute(
        update(deliveries)
        .where(deliveries.c.id == delivery.id, deliveries.c.state == before, deliveries.c.fence == delivery.fence)
        .values(state=after, **values)
    ).rowcount
    if changed != 1:
        raise IllegalTransition(f"delivery {delivery.id} is no longer {before} under fence {delivery.fence}")
    add_event(
        tx,
        delivery.invoice_id,
        f"delivery_{event}",
        now=now,
        delivery_id=delivery.id,
        from_state=before,
        to_state=after,
        detail=detail,
    )
    return after


def keep_delivery(tx: Connection, delivery: DeliveryRow, **values: Any) -> None:
    """Sets values without a move; only if state and fence are still what was read. Raises IllegalTransition."""
    changed = tx.execute(
        update(deliveries)
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.state == delivery.state,
            deliveries.c.fence == delivery.fence,
        )
        .values(**values)
    ).rowcount
    if changed != 1:
        raise IllegalTransition(f"delivery {delivery.id} is no longer {delivery.state} under fence {delivery.fence}")
