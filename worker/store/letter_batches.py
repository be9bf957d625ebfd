"""Letters handed over together: who belongs to a batch, claimed as one.

A letter belongs to its batch for ever, and the batch's name is made from its letters: done twice, it is one batch. The
one way out: the batch's manifest lies at the print house without the letter, so that it can never be in it any more.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, update

from worker.model import letter
from worker.model.channel import Channel
from worker.model.journey import DeliveryState
from worker.store.database import Database
from worker.store.deliveries import FREE, begin_sending, goes_on
from worker.store.rows import DeliveryRow
from worker.store.tables import deliveries, invoices

MOST = 200  # letters: what a slow line carries well within a lease


def claim(db: Database, *, client: str, now: datetime, begin: bool) -> list[DeliveryRow]:
    """Claims the letters of the client's oldest batch that has some due: they are `sending`, each under our lease and a
    fence of its own. With `begin` a new batch is made of the letters that are due and in none, at most MOST.

    Nothing: none is due, or another worker has them.
    """
    with db.begin() as tx:
        rows = _due(tx, client, now, deliveries.c.batch.is_not(None), most=1)
        if rows:
            batch = str(rows[0].batch)
            rows = _waiting(tx, client, batch)
            if len(rows) < _how_many_wait(tx, client, batch):
                return []  # another worker is claiming the rest: a batch goes whole or not at all
        elif begin:
            rows = _due(tx, client, now, deliveries.c.batch.is_(None), most=MOST)
            name = letter.batch_id(client=client, keys=[row.key for row in rows])
            ids = [row.id for row in rows]
            tx.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(batch=name))
        return [begin_sending(tx, row, now=now) for row in rows]


def leave(db: Database, delivery: DeliveryRow) -> None:
    """The batch went without the letter: the next one takes it. Only while it is in that batch and waits."""
    with db.begin() as tx:
        tx.execute(
            update(deliveries)
            .where(
                deliveries.c.id == delivery.id,
                deliveries.c.batch == delivery.batch,
                deliveries.c.state == DeliveryState.READY,
            )
            .values(batch=None)
        )


def _due(tx: Connection, client: str, now: datetime, *where: ColumnElement[bool], most: int) -> list[DeliveryRow]:
    return _letters(tx, client, deliveries.c.due_at <= now, *where, most=most)


def _waiting(tx: Connection, client: str, batch: str) -> list[DeliveryRow]:
    """All that wait of a batch, due or not: a batch goes once."""
    return _letters(tx, client, deliveries.c.batch == batch, most=MOST)


def _how_many_wait(tx: Connection, client: str, batch: str) -> int:
    """Whoever holds them."""
    query = select(func.count()).select_from(deliveries.join(invoices, invoices.c.id == deliveries.c.invoice_id))
    return tx.execute(query.where(*_ready(client), deliveries.c.batch == batch)).scalar_one()


def _ready(client: str) -> tuple[ColumnElement[bool], ...]:
    return (
        invoices.c.client == client,
        goes_on(),
        deliveries.c.state == DeliveryState.READY,
        deliveries.c.channel == Channel.LETTER,
    )


def _letters(tx: Connection, client: str, *where: ColumnElement[bool], most: int) -> list[DeliveryRow]:
    rows = tx.execute(
        select(deliveries)
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
        .where(*_ready(client), *where)
        .order_by(deliveries.c.id)
        .limit(most)
        .with_for_update(**FREE)
    ).mappings()
    return [DeliveryRow.of(row) for row in rows]
