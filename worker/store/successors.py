"""Who needs the next way out, and writing it down."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, insert, or_, select

from worker.model.channel import FACTS, Channel
from worker.model.journey import (
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
)
from worker.store import moves
from worker.store.database import Database
from worker.store.deliveries import goes_on
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.tables import decisions, deliveries, invoices


def unopened_since(db: Database, *, client: str, handed_over_before: datetime) -> list[tuple[DeliveryRow, InvoiceRow]]:
    """Deliveries on channels whose opening is seen, handed over before the instant and still unopened.

    Not those with a later delivery (a person asked for it), nor where the debtor has the invoice from another one: it
    was opened, a receipt came, or a letter has gone.
    """
    seen = [str(channel) for channel, facts in FACTS.items() if facts.opening_is_seen]
    other = deliveries.alias("other")
    settled = (
        select(other.c.id)
        .where(
            other.c.invoice_id == deliveries.c.invoice_id,
            or_(
                other.c.number > deliveries.c.number,
                other.c.state.in_([DeliveryState.OPENED, DeliveryState.CONFIRMED]),
                and_(other.c.channel == Channel.LETTER, other.c.state == DeliveryState.HANDED_OVER),
            ),
        )
        .exists()
    )
    return _with_invoices(
        db,
        client,
        deliveries.c.state == DeliveryState.HANDED_OVER,
        deliveries.c.channel.in_(seen),
        deliveries.c.handed_over_at < handed_over_before,
        ~settled,
    )


def refused_without_successor(db: Database, *, client: str) -> list[tuple[DeliveryRow, InvoiceRow]]:
    """Deliveries finally refused that are the last of their invoice: each needs the next channel. An invoice the debtor
    has opened needs none."""
    other = deliveries.alias("other")
    settled = (
        select(other.c.id)
        .where(
            other.c.invoice_id == deliveries.c.invoice_id,
            or_(other.c.number > deliveries.c.number, other.c.state == DeliveryState.OPENED),
        )
        .exists()
    )
    return _with_invoices(db, client, deliveries.c.state == DeliveryState.REFUSED, ~settled)


def _with_invoices(db: Database, client: str, *where: ColumnElement[bool]) -> list[tuple[DeliveryRow, InvoiceRow]]:
    with db.read() as tx:
        rows = tx.execute(
            select(deliveries, invoices)
            .join(invoices, invoices.c.id == deliveries.c.invoice_id)
            .where(
                invoices.c.client == client,
                goes_on(),
                *where,
            )
            .order_by(deliveries.c.id)
        ).mappings()
        return [
            (
                DeliveryRow(**{column.name: row[column] for column in deliveries.c}),
                InvoiceRow(**{column.name: row[column] for column in invoices.c}),
            )
            for row in rows
        ]


def take_next_channel(
    db: Database,
    delivery: DeliveryRow,
    *,
    expire: bool,
    channel: Channel,
    address: str,
    key: str,
    reason: str,
    considered: list[list[str]],
    now: datetime,
) -> int:
    """Ends `delivery` as expired (if `expire`) and writes the next one, in one transaction. Returns its id.

    Without `expire` it must have been refused. Raises IllegalTransition when the delivery has moved meanwhile (it was
    opened just now), or another worker has written the next one.
    """
    with db.begin() as tx:
        current = moves.delivery_row(tx, delivery.id)
        if expire:
            moves.move_delivery(tx, current, DeliveryEvent.EXPIRED, now=now, detail=reason)
        elif current.state != DeliveryState.REFUSED:
            raise IllegalTransition(f"delivery {delivery.id} is {current.state}, not refused")
        later = select(deliveries.c.id).where(
            deliveries.c.invoice_id == delivery.invoice_id, deliveries.c.number > delivery.number
        )
        if tx.execute(later.limit(1)).first() is not None:  # nobody can add one now: the invoice is locked
            raise IllegalTransition(f"delivery {delivery.id} has a successor")
        tx.execute(
            insert(decisions).values(
                invoice_id=delivery.invoice_id, at=now, channel=channel, reason=reason, considered=considered
            )
        )
        return tx.execute(
            insert(deliveries)
            .values(
                invoice_id=delivery.invoice_id,
                number=delivery.number + 1,
                channel=channel,
                state=DeliveryState.READY,
                address=address,
                reason=reason,
                key=key,
                due_at=now,
                created_at=now,
            )
            .returning(deliveries.c.id)
        ).scalar_one()


def refuse_ready(db: Database, delivery: DeliveryRow, *, reason: str, now: datetime) -> None:
    """The debtor cannot receive it on this channel after all, found out before anything was sent."""
    with db.begin() as tx:
        moves.invoice_row(tx, delivery.invoice_id)
        moves.move_delivery(
            tx, delivery, DeliveryEvent.REFUSED, now=now, detail=reason, ended_reason=reason, lease_until=None
        )
