"""`resend`: a person asks that an invoice be delivered once more, on a channel of that person's choice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from worker.model.channel import FACTS, Channel
from worker.model.document import Kind
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.store import moves
from worker.store.database import Database
from worker.store.deliveries import DELIVERED_WHILE_PARKED
from worker.store.keys import delivery_key
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.store.story import add_event
from worker.store.tables import decisions, deliveries, invoices

_ON_ITS_WAY = (JourneyState.ROUTED, JourneyState.DELIVERING, JourneyState.DELIVERED, JourneyState.POSTED_BACK)
# Another delivery is what these wait for. The other reasons stay true whatever is sent.
_MENDED_BY_IT = (ParkedReason.NO_CHANNEL_LEFT, ParkedReason.ATTEMPTS_EXHAUSTED, ParkedReason.LETTER_RETURNED)


class CannotResend(RuntimeError):
    """The message says why, and what would do."""


def resend(
    db: Database, invoice_id: int, *, channel: Channel, address: str, reason: str, by: str, now: datetime
) -> DeliveryRow:
    """Writes a new delivery that `by` asked for, whatever channels were used before. One transaction.

    What still waited to be sent is stopped: the person has chosen another way. Raises LookupError, CannotResend.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        _may_go_out(tx, invoice)
        earlier = _deliveries(tx, invoice_id)
        _nothing_in_the_air(earlier)
        for row in earlier:
            if row.state == DeliveryState.READY:
                detail = f"{by} asked for {FACTS[channel].english} instead"
                moves.move_delivery(tx, row, DeliveryEvent.STOPPED, now=now, detail=detail)
        if invoice.state == JourneyState.PARKED and invoice.parked_reason in _MENDED_BY_IT:
            moves.move_invoice(tx, invoice, JourneyEvent.RESUMED, now=now, detail=f"resend: {invoice.parked_reason}")
        why = f"{by} asked for it: {reason}"
        tx.execute(
            insert(decisions).values(
                invoice_id=invoice_id, at=now, channel=channel, reason=why, considered=[[channel, why]]
            )
        )
        number = earlier[-1].number + 1 if earlier else 1
        new_id = tx.execute(
            insert(deliveries)
            .values(
                invoice_id=invoice_id,
                number=number,
                channel=channel,
                state=DeliveryState.READY,
                address=address,
                reason=why,
                key=delivery_key(invoice, number),
                asked_by=by,
                due_at=now,
                created_at=now,
            )
            .returning(deliveries.c.id)
        ).scalar_one()
        add_event(tx, invoice_id, "resend_asked", now=now, delivery_id=new_id, detail=f"{channel}, {why}")
        return moves.delivery_row(tx, new_id)


def _may_go_out(tx: Connection, invoice: InvoiceRow) -> None:
    if invoice.state == JourneyState.WITHDRAWN:
        raise CannotResend("the invoice is withdrawn: it was handled by hand and nothing more is sent")
    if invoice.documents_state != "kept" or invoice.personal_data_removed_at is not None:
        raise CannotResend("its documents or addresses were removed when their retention was over (`purge`)")
    notes = _credit_notes(tx, invoice)
    if notes:
        raise CannotResend(f"the invoice is credited in full by {', '.join(notes)}: resend the credit note instead")
    parked = invoice.state == JourneyState.PARKED
    goes_on = invoice.parked_reason in (*_MENDED_BY_IT, *DELIVERED_WHILE_PARKED, ParkedReason.SENT_UNKNOWN)
    if parked and not goes_on:
        raise CannotResend(f"the invoice is parked ({invoice.parked_reason}): mend that and `retry` it first")
    if (invoice.return_state if parked else invoice.state) not in _ON_ITS_WAY:
        raise CannotResend(f"the invoice is {invoice.state}: it has not been given a first way out yet")


def _credit_notes(tx: Connection, invoice: InvoiceRow) -> list[str]:
    """The credit notes that take the whole invoice back; empty when something of it is still owed."""
    if invoice.kind != Kind.INVOICE:
        return []
    own = (
        invoices.c.client == invoice.client,
        invoices.c.credited_number == invoice.number,
        invoices.c.kind == Kind.CREDIT_NOTE,
        invoices.c.state != JourneyState.WITHDRAWN,
    )
    credited = tx.execute(select(func.sum(func.abs(invoices.c.payable_minor))).where(*own)).scalar() or 0
    if not credited or credited < (invoice.payable_minor or 0):
        return []
    return list(tx.execute(select(invoices.c.number).where(*own).order_by(invoices.c.id)).scalars())


def _deliveries(tx: Connection, invoice_id: int) -> list[DeliveryRow]:
    query = select(deliveries).where(deliveries.c.invoice_id == invoice_id).order_by(deliveries.c.number)
    return [DeliveryRow.of(row) for row in tx.execute(query).mappings()]


def _nothing_in_the_air(earlier: list[DeliveryRow]) -> None:
    for row in earlier:
        name = FACTS[Channel(row.channel)].english
        if row.state == DeliveryState.SENDING:
            raise CannotResend(f"it is being sent as {name} at this moment: ask again in some minutes")
        if row.state == DeliveryState.UNKNOWN:
            raise CannotResend(
                f"nobody knows whether it arrived as {name}: wait for the answer, or find out and say "
                "`retry --arrived` or `retry --never-arrived` first"
            )
