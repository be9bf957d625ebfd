"""A person takes an invoice out of the worker's hands: for a while (`hold`), or for good (`withdraw`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from worker.model.channel import FACTS, Channel
from worker.model.journey import RESUMABLE, DeliveryEvent, DeliveryState, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.store import moves
from worker.store.database import Database
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.tables import deliveries


class CannotHold(RuntimeError):
    """The message says why, and what would do."""


def hold(db: Database, invoice_id: int, *, note: str, by: str, now: datetime) -> None:
    """Parks the invoice where it stands until `release`. What is being sent this moment still goes.

    Raises LookupError, CannotHold.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        if invoice.state == JourneyState.PARKED:
            raise CannotHold(f"the invoice is parked already ({invoice.parked_reason})")
        if invoice.state not in RESUMABLE:
            raise CannotHold(f"the invoice is {invoice.state}")
        moves.park_invoice(tx, invoice, ParkedReason.HELD, f"{by}: {note}", now=now)


def release(db: Database, invoice_id: int, *, note: str, by: str, now: datetime) -> JourneyState:
    """Lets an invoice go on that a person held. Returns its state. Raises LookupError, CannotHold."""
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        if invoice.state != JourneyState.PARKED:
            raise CannotHold(f"the invoice is {invoice.state}, nobody holds it")
        if invoice.parked_reason != ParkedReason.HELD:
            raise CannotHold(f"it is parked for another reason ({invoice.parked_reason}): mend that, then `retry`")
        return moves.move_invoice(tx, invoice, JourneyEvent.RESUMED, now=now, detail=f"released by {by}: {note}")


def withdraw(db: Database, invoice_id: int, *, note: str, by: str, now: datetime) -> int:
    """The invoice is handled by hand from now on: nothing more is sent, its links are closed, the ERP is told nothing.

    Returns how many deliveries were stopped. Raises LookupError, CannotHold.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        if invoice.state == JourneyState.WITHDRAWN:
            raise CannotHold("the invoice is withdrawn already")
        unsent = _unsent(tx, invoice)
        said = f"{by}: {note}"
        if invoice.state != JourneyState.PARKED:
            moves.park_invoice(tx, invoice, ParkedReason.HELD, said, now=now)
            invoice = moves.invoice_row(tx, invoice_id)
        for row in unsent:
            moves.move_delivery(tx, row, DeliveryEvent.STOPPED, now=now, detail="the invoice was withdrawn")
        moves.move_invoice(tx, invoice, JourneyEvent.WITHDRAWN, now=now, detail=said)
        return len(unsent)


def _unsent(tx: Connection, invoice: InvoiceRow) -> list[DeliveryRow]:
    query = select(deliveries).where(deliveries.c.invoice_id == invoice.id).order_by(deliveries.c.number)
    rows = [DeliveryRow.of(row) for row in tx.execute(query.with_for_update(key_share=True)).mappings()]
    for row in rows:
        if row.state == DeliveryState.SENDING:
            name = FACTS[Channel(row.channel)].english
            raise CannotHold(f"it is being sent as {name} at this moment: ask again in some minutes")
    return [row for row in rows if row.state == DeliveryState.READY]
