"""The receiver's word on an EHF after its access point's receipt: asked for, kept, and what follows from it.

The delivery is over and stays so; what the word can change is whether the invoice waits for a person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select

from worker.model.channel import Channel
from worker.model.journey import DeliveryState, JourneyState
from worker.model.parked import ParkedReason
from worker.model.receiver import Response, Weight
from worker.store import moves
from worker.store.claiming import LEASE
from worker.store.database import Database
from worker.store.rows import DeliveryRow
from worker.store.tables import deliveries, ehf_responses, invoices

_QUEUE: dict[str, Any] = {"skip_locked": True, "key_share": True, "of": [deliveries, invoices]}


def claim_to_listen(
    db: Database, *, client: str, now: datetime, settled: timedelta, patience: timedelta, skip: set[int]
) -> DeliveryRow | None:
    """Claims the oldest EHF whose receipt came between `settled` and `patience` ago and that is due to be asked about.

    The state stays as it is. `skip`: ids this run has asked about.
    """
    with db.begin() as tx:
        row = (
            tx.execute(
                select(deliveries)
                .join(invoices, invoices.c.id == deliveries.c.invoice_id)
                .where(
                    invoices.c.client == client,
                    invoices.c.state != JourneyState.WITHDRAWN,
                    deliveries.c.channel == Channel.EHF,
                    deliveries.c.state == DeliveryState.CONFIRMED,
                    deliveries.c.handed_over_at > now - patience,
                    deliveries.c.handed_over_at <= now - settled,
                    deliveries.c.due_at <= now,
                    deliveries.c.id.not_in(skip),
                    or_(deliveries.c.lease_until.is_(None), deliveries.c.lease_until <= now),
                )
                .order_by(deliveries.c.id)
                .limit(1)
                .with_for_update(**_QUEUE)
            )
            .mappings()
            .first()
        )
        if row is None:
            return None
        moves.keep_delivery(tx, DeliveryRow.of(row), fence=row["fence"] + 1, lease_until=now + LEASE)
        return moves.delivery_row(tx, row["id"])


def listened(
    db: Database, delivery: DeliveryRow, response: Response | None, *, now: datetime, due_at: datetime
) -> tuple[bool, bool]:
    """Writes what was said, if it is new, and when to ask again. Returns whether it was new and whether it parked.

    A word that reopens the case parks the invoice, unless it is parked already. Raises IllegalTransition when the lease
    was lost: then nothing is written.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, delivery.invoice_id)
        moves.keep_delivery(tx, delivery, lease_until=None, due_at=due_at)
        if response is None:
            return False, False
        table = ehf_responses.c
        known = select(table.id).where(
            table.delivery_id == delivery.id, table.source == response.source, table.code == response.code
        )
        if tx.execute(known).first() is not None:
            return False, False
        tx.execute(
            insert(ehf_responses).values(
                delivery_id=delivery.id,
                source=response.source,
                code=response.code,
                answer=response.answer,
                noted_at=now,
            )
        )
        words = f"{response.code}, {response.meaning}"
        said = f"{words}: {response.answer}"[:300] if response.answer else words
        moves.add_event(tx, invoice.id, f"receiver_{response.source}", now=now, delivery_id=delivery.id, detail=said)
        if response.weight is not Weight.REOPENS or invoice.state in (JourneyState.PARKED, JourneyState.WITHDRAWN):
            return True, False
        moves.park_invoice(tx, invoice, ParkedReason.RECEIVER_TURNED_DOWN, said, now=now)
        return True, True
