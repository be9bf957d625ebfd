"""`retry`: a person says a parked invoice may go on, and what the unknown outcome was where nobody else can tell."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from worker.model.journey import DeliveryEvent, DeliveryState, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.store import moves
from worker.store.database import Database
from worker.store.deliveries import invoice_reached
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.tables import deliveries, postbacks


class CannotRetry(RuntimeError):
    """The message says why, and what would do."""


def retry(db: Database, invoice_id: int, *, arrived: bool | None, new_key: str, now: datetime) -> JourneyState:
    """Lets a parked invoice go on from where it stood. One transaction. Returns its state.

    `arrived` settles an unknown delivery: True counts it as handed over, False sends it again. `new_key`: for the new
    delivery after a final refusal. Raises LookupError, CannotRetry.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        if invoice.state != JourneyState.PARKED:
            raise CannotRetry(f"the invoice is {invoice.state}, not parked")
        if invoice.parked_reason == ParkedReason.HELD:
            raise CannotRetry("a person holds it: `release` lets it go on")
        last = _last_delivery(tx, invoice_id)
        unknown = last is not None and last.state == DeliveryState.UNKNOWN
        if invoice.parked_reason == ParkedReason.SENT_UNKNOWN and unknown and arrived is None:
            raise CannotRetry("find out whether it arrived, then say --arrived or --never-arrived")
        if arrived is not None and not unknown:
            raise CannotRetry("--arrived and --never-arrived are for deliveries whose outcome is unknown")
        moves.move_invoice(tx, invoice, JourneyEvent.RESUMED, now=now, detail=f"retry: {invoice.parked_reason}")
        if last is not None:
            _delivery(tx, invoice, last, arrived=arrived, new_key=new_key, now=now)
        tx.execute(
            update(postbacks)
            .where(postbacks.c.invoice_id == invoice_id, postbacks.c.state == "refused")
            .values(state="ready", due_at=now)
        )
        tx.execute(  # the patience with the ERP begins anew
            update(postbacks)
            .where(
                postbacks.c.invoice_id == invoice_id,
                postbacks.c.state.in_(["ready", "unknown"]),
                postbacks.c.attempts > 0,
            )
            .values(attempts=1, due_at=now)
        )
        return JourneyState(moves.invoice_row(tx, invoice_id).state)


def _opened(tx: Connection, invoice_id: int) -> bool:
    query = select(deliveries.c.id).where(
        deliveries.c.invoice_id == invoice_id, deliveries.c.state == DeliveryState.OPENED
    )
    return tx.execute(query.limit(1)).first() is not None


def _last_delivery(tx: Connection, invoice_id: int) -> DeliveryRow | None:
    row = (
        tx.execute(
            select(deliveries)
            .where(deliveries.c.invoice_id == invoice_id)
            .order_by(deliveries.c.number.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return DeliveryRow.of(row) if row is not None else None


def _delivery(
    tx: Connection, invoice: InvoiceRow, last: DeliveryRow, *, arrived: bool | None, new_key: str, now: datetime
) -> None:
    if last.state == DeliveryState.UNKNOWN and arrived is not None:
        event = DeliveryEvent.ACCEPTED if arrived else DeliveryEvent.NEVER_ARRIVED
        moves.move_delivery(
            tx,
            last,
            event,
            now=now,
            detail="a person found out",
            lease_until=None,
            due_at=now,
            **({"handed_over_at": now} if arrived else {}),
        )
        if arrived:
            invoice_reached(tx, last, now=now)
    elif last.state in (DeliveryState.READY, DeliveryState.UNKNOWN):
        # The patience with the counterparty starts anew.
        tx.execute(
            update(deliveries)
            .where(deliveries.c.id == last.id)
            .values(due_at=now, attempts=0, created_at=now, lease_until=None)
        )
    elif (
        last.state == DeliveryState.REFUSED
        and invoice.parked_reason == ParkedReason.NO_CHANNEL_LEFT
        and not _opened(tx, invoice.id)  # the debtor has seen it meanwhile: nothing more is sent
    ):
        tx.execute(
            insert(deliveries).values(
                invoice_id=invoice.id,
                number=last.number + 1,
                channel=last.channel,
                state=DeliveryState.READY,
                address=last.address,
                reason=f"a person asked for another try after: {last.ended_reason or 'refused'}",
                key=new_key,
                due_at=now,
                created_at=now,
            )
        )
