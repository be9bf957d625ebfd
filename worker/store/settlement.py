"""Settlement files and what they say: taken once, matched, waiting or booked. One function, one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.model.settlement import BankPayment, EventKind, FeedEvent, SettlementFile
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.tables import invoices, kids, settlement_files, settlement_items

# What an invoice's debtor no longer owes because of it.
_REDUCES = (EventKind.PAYMENT, EventKind.CREDIT_OFFSET, EventKind.WRITE_OFF)
OPEN_STATES = ("new", "waiting")


class NotWaiting(RuntimeError):
    """The item is not waiting for anybody."""


def known_file(db: Database, *, sha256: str) -> bool:
    """Whether these very bytes have been taken or quarantined before."""
    with db.read() as tx:
        return tx.execute(select(settlement_files.c.id).where(settlement_files.c.sha256 == sha256)).first() is not None


def quarantine_file(
    db: Database, *, name: str, sha256: str, reason: str, line: str, format: str | None, now: datetime
) -> bool:
    """Writes down that a file was refused, and why. False when these bytes were seen before."""
    return _add_file(
        db, name=name, sha256=sha256, state="quarantined", reason=reason, line=line, format=format, received_at=now
    )


def _add_file(db: Database, **values: Any) -> bool:
    try:
        with db.begin() as tx:
            tx.execute(insert(settlement_files).values(**values))
        return True
    except IntegrityError:
        return False


def take_file(db: Database, *, name: str, file: SettlementFile, now: datetime) -> tuple[int, int] | None:
    """Takes the file and everything in it, whole or not at all. Returns (new items, items known from before).

    None when these bytes were taken before. An item known from another file is the same payment or event again and is
    left alone; true twins within a file differ in their occurrence and both count.
    """
    try:
        with db.begin() as tx:
            file_id = tx.execute(
                insert(settlement_files)
                .values(
                    name=name,
                    sha256=file.sha256,
                    format=file.format,
                    identity=file.identity[:200],
                    state="taken",
                    received_at=now,
                )
                .returning(settlement_files.c.id)
            ).scalar_one()
            rows = [
                *(_payment_row(payment, file_id, now) for payment in file.payments),
                *(_event_row(event, file_id, now) for event in file.events),
            ]
            known = _known_keys(tx, [row["source_key"] for row in rows])
            fresh = [row for row in rows if row["source_key"] not in known]
            for start in range(0, len(fresh), 500):
                tx.execute(insert(settlement_items), fresh[start : start + 500])
            tx.execute(
                update(settlement_files)
                .where(settlement_files.c.id == file_id)
                .values(items=len(fresh), known_items=len(rows) - len(fresh))
            )
            return len(fresh), len(rows) - len(fresh)
    except IntegrityError:
        if known_file(db, sha256=file.sha256):
            return None
        raise


def _known_keys(tx: Connection, keys: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(keys), 500):
        chunk = keys[start : start + 500]
        found.update(
            tx.execute(select(settlement_items.c.source_key).where(settlement_items.c.source_key.in_(chunk))).scalars()
        )
    return found


def _payment_row(payment: BankPayment, file_id: int, now: datetime) -> dict[str, Any]:
    return {
        "file_id": file_id,
        "source_key": f"bank:{payment.fingerprint}:{payment.occurrence}",
        "position": payment.position[:100],
        "kind": EventKind.PAYMENT,
        "client": None,
        "event_date": payment.booking_date,
        "amount_minor": payment.amount.minor,
        "currency": payment.amount.currency,
        "facts": _plain(payment),
        "state": "new",
        "created_at": now,
    }


def _event_row(event: FeedEvent, file_id: int, now: datetime) -> dict[str, Any]:
    return {
        "file_id": file_id,
        "source_key": f"feed:{event.event_id}"[:100],
        "position": event.position[:100],
        "kind": event.kind,
        "client": event.client,
        "event_date": event.date,
        "amount_minor": event.amount.minor if event.amount else None,
        "currency": event.amount.currency if event.amount else None,
        "facts": _plain(event),
        "state": "new",
        "created_at": now,
    }


def _plain(value: BankPayment | FeedEvent) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(asdict(value)))


def items(
    db: Database, *, states: Sequence[str], client: str | None = None, invoice_id: int | None = None
) -> list[ItemRow]:
    """Items in these states, oldest first; of one client or invoice when given."""
    query = select(settlement_items).where(settlement_items.c.state.in_(states)).order_by(settlement_items.c.id)
    if client is not None:
        query = query.where(settlement_items.c.client == client)
    if invoice_id is not None:
        query = query.where(settlement_items.c.invoice_id == invoice_id)
    with db.read() as tx:
        return [ItemRow.of(row) for row in tx.execute(query).mappings()]


def item(db: Database, item_id: int) -> ItemRow:
    """Raises LookupError."""
    with db.read() as tx:
        row = tx.execute(select(settlement_items).where(settlement_items.c.id == item_id)).mappings().first()
    if row is None:
        raise LookupError(f"no settlement item {item_id}")
    return ItemRow.of(row)


def invoice_by_kid(db: Database, *, account: str, kid: str) -> InvoiceRow | None:
    """The invoice whose KID on the account this exactly is."""
    with db.read() as tx:
        row = (
            tx.execute(
                select(invoices)
                .join(kids, kids.c.invoice_id == invoices.c.id)
                .where(kids.c.account == account, kids.c.kid == kid)
            )
            .mappings()
            .first()
        )
    return InvoiceRow.of(row) if row is not None else None


def invoices_by_number(db: Database, *, account: str | None, client: str | None, number: str) -> list[InvoiceRow]:
    """Invoices with this number, of the client, or of any client stamped with the factor account."""
    query = select(invoices).where(invoices.c.number == number, invoices.c.kind == "invoice")
    if client is not None:
        query = query.where(invoices.c.client == client)
    if account is not None:
        query = query.where(invoices.c.account == account)
    with db.read() as tx:
        return [InvoiceRow.of(row) for row in tx.execute(query.order_by(invoices.c.id)).mappings()]


def rest_minor(db: Database, invoice: InvoiceRow) -> int:
    """What is still owed on the invoice by what has been matched to it, in minor units of its currency."""
    with db.read() as tx:
        return (invoice.payable_minor or 0) - settled_minor(tx, invoice.id)


def settled_minor(tx: Connection, invoice_id: int) -> int:
    """What has been matched to the invoice and lessens what is owed on it, in minor units of its currency."""
    reduced = tx.execute(
        select(func.coalesce(func.sum(settlement_items.c.amount_minor), 0)).where(
            settlement_items.c.invoice_id == invoice_id,
            settlement_items.c.kind.in_([str(kind) for kind in _REDUCES]),
            settlement_items.c.state.in_(["matched", "booked", "told"]),
        )
    ).scalar_one()
    return int(reduced)


def is_credited(db: Database, invoice: InvoiceRow) -> bool:
    """Whether a credit note of the client names the invoice."""
    with db.read() as tx:
        rows = tx.execute(
            select(invoices.c.erp_row).where(invoices.c.client == invoice.client, invoices.c.kind == "credit_note")
        ).scalars()
        return any(str(row.get("original_number") or "") == invoice.number for row in rows)


def decide(
    db: Database,
    item_id: int,
    *,
    state: str,
    now: datetime,
    reason: str | None = None,
    note: str = "",
    client: str | None = None,
    invoice_id: int | None = None,
) -> None:
    """What becomes of an open item. Raises NotWaiting when it has been decided meanwhile."""
    values: dict[str, Any] = {"state": state, "reason": reason, "decided_at": now}
    if note:
        values["note"] = note
    if client is not None:
        values["client"] = client
    if invoice_id is not None:
        values["invoice_id"] = invoice_id
    with db.begin() as tx:
        changed = tx.execute(
            update(settlement_items)
            .where(settlement_items.c.id == item_id, settlement_items.c.state.in_(OPEN_STATES))
            .values(**values)
        ).rowcount
    if changed != 1:
        raise NotWaiting(f"settlement item {item_id} is not waiting")


def split(db: Database, row: ItemRow, *, parts: Sequence[tuple[InvoiceRow, int]], note: str, now: datetime) -> None:
    """One payment for several invoices: the item is set aside and replaced by one matched item an invoice.

    Raises ValueError when the parts do not sum to the payment, NotWaiting when it has been decided meanwhile.
    """
    if sum(amount for _, amount in parts) != row.amount_minor:
        raise ValueError("the parts do not sum to the payment")
    with db.begin() as tx:
        changed = tx.execute(
            update(settlement_items)
            .where(settlement_items.c.id == row.id, settlement_items.c.state.in_(OPEN_STATES))
            .values(state="split", note=note, decided_at=now)
        ).rowcount
        if changed != 1:
            raise NotWaiting(f"settlement item {row.id} is not waiting")
        for position, (invoice, amount) in enumerate(parts, 1):
            tx.execute(
                insert(settlement_items).values(
                    file_id=row.file_id,
                    source_key=f"split:{row.id}:{position}",
                    position=row.position,
                    part_of=row.id,
                    kind=row.kind,
                    client=invoice.client,
                    invoice_id=invoice.id,
                    event_date=row.event_date,
                    amount_minor=amount,
                    currency=row.currency,
                    facts=row.facts,
                    state="matched",
                    note=note,
                    decided_at=now,
                    created_at=now,
                )
            )
