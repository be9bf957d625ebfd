"""Corrections: a posted voucher is reversed, and only then what it booked may be booked anew.

A reversal is a row among the vouchers (`reversal_of`), claimed and asked about like any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from worker.model.journey import IllegalTransition
from worker.model.settlement import EventKind
from worker.model.waiting import WaitReason
from worker.store.attempts import add_attempt
from worker.store.claiming import claimable, take_oldest
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow, VoucherRow
from worker.store.settlement import settled_minor
from worker.store.settling import deciding
from worker.store.tables import invoices, postbacks, settlement_items, voucher_items, vouchers
from worker.store.vouchers import add_statuses

AGAIN = "again"  # booked anew as it was
WAIT = "wait"  # a person says what it belongs to, once the voucher is reversed
Place = str | list[tuple[int, int]]  # AGAIN, WAIT, or (invoice id, minor units) for each invoice it belongs to


class CannotCorrect(RuntimeError):
    """The message says why."""


@dataclass(frozen=True, slots=True)
class Reopened:
    """What the ERP is told of an invoice that a status told as done with, and that is owed again."""

    status: str
    text: str


def booked_items(db: Database, voucher_id: int) -> list[ItemRow]:
    """What the voucher books, oldest first."""
    with db.read() as tx:
        return _items_of(tx, voucher_id)


def begin(
    db: Database, voucher_id: int, *, places: Mapping[int, Place], note: str, now: datetime
) -> tuple[VoucherRow, bool]:
    """Writes down that the voucher is to be reversed, and what becomes of each item it books.

    Returns the reversal, and whether it is new: asked for twice, it is one. Raises LookupError, CannotCorrect.
    """
    wanted = {str(item_id): place if isinstance(place, str) else [list(part) for part in place]
              for item_id, place in places.items()}  # fmt: skip
    with deciding(db) as tx:
        original = _voucher(tx, vouchers.c.id == voucher_id)
        if original is None:
            raise LookupError(f"no voucher {voucher_id}")
        earlier = _voucher(tx, vouchers.c.reversal_of == voucher_id)
        if earlier is not None:
            if earlier.content["correction"]["places"] != wanted and earlier.state != "posted":
                raise CannotCorrect(f"voucher {voucher_id} is being corrected in another way already")
            return earlier, False
        if original.reversal_of is not None:
            raise CannotCorrect(f"voucher {voucher_id} is itself a reversal")
        if original.state != "posted":
            raise CannotCorrect(f"voucher {voucher_id} is {original.state}: only a posted one is corrected")
        if {item.id for item in _items_of(tx, voucher_id)} != set(places):
            raise CannotCorrect(f"voucher {voucher_id} books other items")
        content = {key: value for key, value in original.content.items() if key != "sent_description"}
        content |= {
            "description": f"Reversering av bilag {original.erp_number}: {content['description']}"[:200],
            "lines": [{**line, "minor": -line["minor"]} for line in content["lines"]],
            "correction": {"places": wanted, "note": note},
        }
        row = tx.execute(
            insert(vouchers)
            .values(
                client=original.client,
                reference=f"{original.reference}-REV",
                kind=original.kind,
                date=original.date,
                content=content,
                state="ready",
                reversal_of=original.id,
                due_at=now,
                created_at=now,
            )
            .returning(vouchers)
        ).mappings()
        return VoucherRow.of(row.one()), True


def claim(db: Database, reversal_id: int, *, now: datetime) -> VoucherRow | None:
    """Claims this one, when it is due and nobody holds it."""
    with db.begin() as tx:
        own = select(vouchers).where(vouchers.c.id == reversal_id, claimable(vouchers, now=now, skip=()))
        row = take_oldest(tx, vouchers, own, now=now)
        return VoucherRow.of(row) if row is not None else None


def finish(
    db: Database,
    row: VoucherRow,
    *,
    reopened: Reopened,
    act: str,
    started_at: datetime,
    now: datetime,
    outcome: str,
) -> None:
    """The ERP has reversed it. In one transaction: the voucher is reversed, and each item it booked is set aside as
    corrected, with others in its place: matched to where it belongs, or waiting.

    Raises IllegalTransition when the lease was lost.
    """
    with deciding(db) as tx:
        add_attempt(
            tx,
            subject="voucher",
            subject_id=row.id,
            fence=row.fence,
            act=act,
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            vendor_reference="",
            answer="",
        )
        done = {"state": "posted", "posted_at": now, "lease_until": None, "held": None, "answer": ""}
        ours = (vouchers.c.id == row.id, vouchers.c.fence == row.fence)
        theirs = (vouchers.c.id == row.reversal_of, vouchers.c.state == "posted")
        if tx.execute(update(vouchers).where(*ours).values(**done)).rowcount != 1:
            raise IllegalTransition(f"voucher {row.id} was claimed anew meanwhile")
        if tx.execute(update(vouchers).where(*theirs).values(state="reversed")).rowcount != 1:
            raise IllegalTransition(f"voucher {row.reversal_of} is not posted")
        places, note = row.content["correction"]["places"], row.content["correction"]["note"]
        for item in _items_of(tx, row.reversal_of or 0):
            place: Place = places[str(item.id)]
            tx.execute(
                update(settlement_items)
                .where(settlement_items.c.id == item.id)
                .values(state="corrected", corrected_at=now, note=note)
            )
            tx.execute(insert(settlement_items), _in_place_of(tx, item, place, note=note, now=now))
            if place != AGAIN and item.invoice_id is not None:
                _owed_again(tx, item, reopened, now=now)


def _in_place_of(tx: Connection, item: ItemRow, place: Place, *, note: str, now: datetime) -> list[dict[str, Any]]:
    common = {
        "file_id": item.file_id,
        "position": item.position,
        "part_of": item.id,
        "kind": item.kind,
        "event_date": item.event_date,
        "currency": item.currency,
        "facts": item.facts,
        "note": note,
        "created_at": now,
    }
    # Made from what the event is, like every reference, and never from row numbers.
    key = hashlib.sha256(item.source_key.encode()).hexdigest()
    if isinstance(place, str):
        again = place == AGAIN
        return [
            {
                **common,
                "source_key": f"corrected:{key}:1",
                "client": item.client if again or is_feed_event(item) else None,
                "invoice_id": item.invoice_id if again else None,
                "amount_minor": item.amount_minor,
                "state": "matched" if again else "waiting",
                "reason": None if again else WaitReason.CORRECTION,
                "decided_at": now if again else None,
            }
        ]
    ids = [part[0] for part in place]
    rows = tx.execute(select(invoices.c.id, invoices.c.client).where(invoices.c.id.in_(ids)))
    owners: dict[int, str] = {row.id: row.client for row in rows}
    return [
        {
            **common,
            "source_key": f"corrected:{key}:{number}",
            "client": owners[invoice_id],
            "invoice_id": invoice_id,
            "amount_minor": minor,
            "state": "matched",
            "reason": None,
            "decided_at": now,
        }
        for number, (invoice_id, minor) in enumerate(place, 1)
    ]


def is_feed_event(item: ItemRow) -> bool:
    """A feed event says itself whose it is; a bank's payment belongs to whom its match says."""
    return "event_id" in item.facts


def _owed_again(tx: Connection, item: ItemRow, reopened: Reopened, *, now: datetime) -> None:
    """The status that the item brought about no longer holds, and the ERP is told so after it."""
    found = tx.execute(select(invoices).where(invoices.c.id == item.invoice_id)).mappings().one()
    invoice = InvoiceRow.of(found)
    if item.kind == EventKind.PAYMENT and (invoice.payable_minor or 0) <= settled_minor(tx, invoice.id):
        return
    last = tx.execute(
        select(postbacks.c.status)
        .where(postbacks.c.invoice_id == invoice.id, postbacks.c.delivery_id.is_(None))
        .order_by(postbacks.c.id.desc())
        .limit(1)
    ).scalar_one_or_none()
    if last in _STATUSES.get(EventKind(item.kind), ()):
        add_statuses(tx, [(invoice.id, reopened.status, reopened.text)], now=now)


# What each kind of event may have made the ERP's status.
_STATUSES = {
    EventKind.PAYMENT: ("completed",),
    EventKind.WRITE_OFF: ("forfeit",),
    EventKind.RECOURSE: ("forfeit",),
}


def _voucher(tx: Connection, wanted: Any) -> VoucherRow | None:
    row = tx.execute(select(vouchers).where(wanted)).mappings().first()
    return VoucherRow.of(row) if row is not None else None


def _items_of(tx: Connection, voucher_id: int) -> list[ItemRow]:
    rows = tx.execute(
        select(settlement_items)
        .join(voucher_items, voucher_items.c.item_id == settlement_items.c.id)
        .where(voucher_items.c.voucher_id == voucher_id)
        .order_by(settlement_items.c.id)
    ).mappings()
    return [ItemRow.of(row) for row in rows]


def by_id(db: Database, voucher_id: int) -> VoucherRow:
    """Raises LookupError."""
    with db.read() as tx:
        row = _voucher(tx, vouchers.c.id == voucher_id)
    if row is None:
        raise LookupError(f"no voucher {voucher_id}")
    return row
