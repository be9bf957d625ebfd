"""Deliveries: claimed, tried, recorded. Claim → commit → call → record (design §5.2).

A claim carries a lease (until when the work is ours) and a fence (how many claims there have been). A worker whose
lease ran out finds its fence outdated when it records, and its record is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update

from worker.model.channel import FACTS, Channel
from worker.model.journey import (
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    JourneyEvent,
    JourneyState,
)
from worker.model.parked import ParkedReason
from worker.store import claiming, codes, moves
from worker.store.attempts import add_attempt
from worker.store.claiming import LEASE
from worker.store.database import Database
from worker.store.rows import DeliveryRow
from worker.store.tables import deliveries, invoices, postbacks

# What the ERP will not hear of is still the debtor's invoice: its deliveries go on.
DELIVERED_WHILE_PARKED = (ParkedReason.POSTBACK_REFUSED, ParkedReason.POSTBACK_EXHAUSTED)


def goes_on() -> ColumnElement[bool]:
    return or_(
        invoices.c.state.not_in([JourneyState.PARKED, JourneyState.WITHDRAWN]),
        invoices.c.parked_reason.in_(DELIVERED_WHILE_PARKED),
    )


# Who looks for work takes what nobody else holds, together with its invoice (locks are taken invoice first, see moves).
FREE: dict[str, Any] = {"skip_locked": True, "key_share": True, "of": [deliveries, invoices]}


def claim_ready(db: Database, *, client: str, channels: Sequence[Channel], now: datetime) -> DeliveryRow | None:
    """Claims the oldest delivery that is due: it is now `sending`, under our lease and a new fence."""
    with db.begin() as tx:
        row = (
            tx.execute(
                select(deliveries)
                .join(invoices, invoices.c.id == deliveries.c.invoice_id)
                .where(
                    invoices.c.client == client,
                    goes_on(),
                    deliveries.c.state == DeliveryState.READY,
                    deliveries.c.due_at <= now,
                    deliveries.c.channel.in_([str(c) for c in channels]),
                    deliveries.c.batch.is_(None),  # a batch is claimed whole (letter_batches)
                )
                .order_by(deliveries.c.id)
                .limit(1)
                .with_for_update(**FREE)
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        return begin_sending(tx, DeliveryRow.of(row), now=now)


def begin_sending(tx: Connection, delivery: DeliveryRow, *, now: datetime) -> DeliveryRow:
    """The claim itself, of a row found ready and locked. Raises IllegalTransition."""
    invoice = moves.invoice_row(tx, delivery.invoice_id)
    moves.move_delivery(
        tx,
        delivery,
        DeliveryEvent.CLAIMED,
        now=now,
        fence=delivery.fence + 1,
        attempts=delivery.attempts + 1,
        lease_until=now + LEASE,
    )
    if invoice.state == JourneyState.ROUTED:
        moves.move_invoice(tx, invoice, JourneyEvent.DELIVERY_STARTED, now=now)
    return moves.delivery_row(tx, delivery.id)


def claim_to_ask(db: Database, *, client: str, now: datetime, skip: set[int]) -> DeliveryRow | None:
    """Claims the oldest delivery that is due to be asked about: its outcome is unknown, or it is without the receipt
    that its channel gives. The state stays as it is. `skip`: ids this run has asked about."""
    with_receipt = [str(channel) for channel, facts in FACTS.items() if facts.receipt_follows]
    with db.begin() as tx:
        row = (
            tx.execute(
                select(deliveries)
                .join(invoices, invoices.c.id == deliveries.c.invoice_id)
                .where(
                    invoices.c.client == client,
                    goes_on(),
                    or_(
                        deliveries.c.state == DeliveryState.UNKNOWN,
                        and_(deliveries.c.state == DeliveryState.HANDED_OVER, deliveries.c.channel.in_(with_receipt)),
                    ),
                    deliveries.c.due_at <= now,
                    deliveries.c.id.not_in(skip),
                    or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now),
                )
                .order_by(deliveries.c.id)
                .limit(1)
                .with_for_update(**FREE)
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        tx.execute(
            update(deliveries)
            .where(deliveries.c.id == row["id"])
            .values(fence=row["fence"] + 1, lease_until=now + LEASE)
        )
        return moves.delivery_row(tx, row["id"])


def renew(db: Database, delivery: DeliveryRow, *, now: datetime) -> bool:
    """The call still runs: the claim lasts on. False when it is no longer ours."""
    return claiming.renew(db, deliveries, delivery.id, fence=delivery.fence, now=now)


def recover(db: Database, *, client: str, now: datetime) -> int:
    """Deliveries left in `sending` by a worker that died (lease over) become `unknown`. Returns how many."""
    with db.begin() as tx:
        rows = (
            tx.execute(
                select(deliveries)
                .join(invoices, invoices.c.id == deliveries.c.invoice_id)
                .where(
                    invoices.c.client == client,
                    deliveries.c.state == DeliveryState.SENDING,
                    deliveries.c.lease_until <= now,
                )
                .with_for_update(**FREE)
            )
            .mappings()
            .all()
        )
        for row in rows:
            moves.move_delivery(
                tx,
                DeliveryRow.of(row),
                DeliveryEvent.UNKNOWN,
                now=now,
                detail="the worker stopped in the middle of this attempt",
                due_at=now,
                lease_until=None,
            )
        return len(rows)


def record(
    db: Database,
    delivery: DeliveryRow,
    event: DeliveryEvent | None,
    *,
    act: str,
    started_at: datetime,
    now: datetime,
    outcome: str,
    vendor_reference: str = "",
    answer: str = "",
    due_at: datetime | None = None,
    park: tuple[ParkedReason, str] | None = None,
) -> None:
    """Writes what the attempt came to: the attempt row, the move on `event` (None: no move, ask again at `due_at`), and
    what follows from it for the invoice. One transaction.

    Raises IllegalTransition when the lease was lost, or the debtor opened it meanwhile: then nothing is written.
    """
    with db.begin() as tx:
        moves.invoice_row(tx, delivery.invoice_id)
        add_attempt(
            tx,
            subject="delivery",
            subject_id=delivery.id,
            fence=delivery.fence,
            act=act,
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            vendor_reference=vendor_reference,
            answer=answer,
        )
        values: dict[str, object] = {"lease_until": None}
        if vendor_reference:
            values["vendor_reference"] = vendor_reference
        if due_at is not None:
            values["due_at"] = due_at
        if event is None:
            if delivery.state == DeliveryState.SENDING:  # without its lease nobody would ever look at it again
                raise IllegalTransition(f"delivery {delivery.id} is being sent: that must come to something")
            moves.keep_delivery(tx, delivery, **values)
        else:
            if event in (DeliveryEvent.ACCEPTED, DeliveryEvent.CONFIRMED) and delivery.handed_over_at is None:
                values["handed_over_at"] = now
            if event is DeliveryEvent.REFUSED:
                values["ended_reason"] = answer[:500]
            moves.move_delivery(tx, delivery, event, now=now, detail=answer[:300], **values)
            if event in (DeliveryEvent.ACCEPTED, DeliveryEvent.CONFIRMED):
                invoice_reached(tx, delivery, now=now)
        if park is not None:
            moves.park_invoice(tx, moves.invoice_row(tx, delivery.invoice_id), park[0], park[1], now=now)


def invoice_reached(tx: Connection, delivery: DeliveryRow, *, now: datetime) -> None:
    """The other side has the document: the invoice is delivered, and the ERP is owed one word about this delivery."""
    if delivery.channel == Channel.EMAIL_LINK:
        codes.owe_first_code(tx, delivery_id=delivery.id, now=now)
    no_longer_unknown(tx, delivery.invoice_id, now=now, detail="it did arrive")
    invoice = moves.invoice_row(tx, delivery.invoice_id)
    if invoice.state == JourneyState.DELIVERING:
        moves.move_invoice(tx, invoice, JourneyEvent.HANDED_OVER, now=now)
    elif invoice.state == JourneyState.PARKED and invoice.return_state == JourneyState.DELIVERING:
        moves.move_underneath(tx, invoice, JourneyEvent.HANDED_OVER, now=now)
    told = tx.execute(
        select(func.count()).select_from(postbacks).where(postbacks.c.delivery_id == delivery.id)
    ).scalar_one()
    if told:
        return
    first = not tx.execute(
        select(func.count())
        .select_from(postbacks)
        .where(postbacks.c.invoice_id == delivery.invoice_id, postbacks.c.delivery_id.is_not(None))
    ).scalar_one()
    tx.execute(
        insert(postbacks).values(
            invoice_id=delivery.invoice_id,
            delivery_id=delivery.id,
            kind="delivered" if first else "status",
            state="ready",
            due_at=now,
            created_at=now,
        )
    )


def no_longer_unknown(tx: Connection, invoice_id: int, *, now: datetime, detail: str) -> None:
    """Lets an invoice go on that waited for what nobody could tell, when nothing about it is unknown any more."""
    invoice = moves.invoice_row(tx, invoice_id)
    if invoice.parked_reason != ParkedReason.SENT_UNKNOWN or _any_unknown(tx, invoice_id):
        return
    if _report_refused(tx, invoice_id):  # the reason it waited for before is still true
        words = "a report was refused earlier; the ERP's words are with its attempt"
        moves.park_invoice(tx, invoice, ParkedReason.POSTBACK_REFUSED, words, now=now)
    else:
        moves.move_invoice(tx, invoice, JourneyEvent.RESUMED, now=now, detail=detail)


def _any_unknown(tx: Connection, invoice_id: int) -> bool:
    query = select(deliveries.c.id).where(
        deliveries.c.invoice_id == invoice_id, deliveries.c.state == DeliveryState.UNKNOWN
    )
    return tx.execute(query.limit(1)).first() is not None


def _report_refused(tx: Connection, invoice_id: int) -> bool:
    query = select(postbacks.c.id).where(postbacks.c.invoice_id == invoice_id, postbacks.c.state == "refused")
    return tx.execute(query.limit(1)).first() is not None


def mark_opened(tx: Connection, delivery_id: int, *, now: datetime) -> bool:
    """The debtor has opened the invoice: letters not yet on their way are stopped, but not what a person asked for.

    Returns False when it was opened before, or the delivery had ended otherwise.
    """
    delivery = moves.delivery_row(tx, delivery_id)
    if delivery.state not in (DeliveryState.HANDED_OVER, DeliveryState.EXPIRED, DeliveryState.UNKNOWN):
        return False
    moves.move_delivery(
        tx,
        delivery,
        DeliveryEvent.OPENED,
        now=now,
        opened_at=now,
        handed_over_at=delivery.handed_over_at or now,
        lease_until=None,
    )
    invoice_reached(tx, delivery, now=now)
    later = tx.execute(
        select(deliveries).where(
            deliveries.c.invoice_id == delivery.invoice_id,
            deliveries.c.number > delivery.number,
            deliveries.c.state == DeliveryState.READY,
            deliveries.c.asked_by.is_(None),
        )
    ).mappings()
    for row in later.all():
        moves.move_delivery(
            tx, DeliveryRow.of(row), DeliveryEvent.STOPPED, now=now, detail="opened late, before this was sent"
        )
    return True


def of_invoice(db: Database, invoice_id: int) -> list[DeliveryRow]:
    """All of the invoice's deliveries, first to last."""
    with db.read() as tx:
        rows = tx.execute(
            select(deliveries).where(deliveries.c.invoice_id == invoice_id).order_by(deliveries.c.number)
        ).mappings()
        return [DeliveryRow.of(row) for row in rows]
