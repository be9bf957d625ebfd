"""Deciding what new payments and events belong to, many in a transaction, on what stands in the store just then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.settlement import REDUCES, part_rows, settled_by_invoice
from worker.store.settling import deciding, slices
from worker.store.tables import invoices, kids, settlement_files, settlement_items


@dataclass(frozen=True, slots=True)
class References:
    """What an item says it belongs to: a KID on an account (both may be empty), and invoice numbers."""

    account: str = ""
    kid: str = ""
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of an item. `parts`: one payment for several invoices; the item is replaced by one an invoice."""

    state: str
    reason: str | None = None
    note: str = ""
    invoice: InvoiceRow | None = None
    parts: tuple[tuple[InvoiceRow, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What the store knows about some items' references, read inside the transaction that decides about them.

    `by_kid`: by (account, KID); `by_number`: by invoice number, of every client; `settled`: øre no longer owed, by
    invoice id, `credited`: invoices that a credit note of their client names.
    """

    by_kid: Mapping[tuple[str, str], InvoiceRow]
    by_number: Mapping[str, Sequence[InvoiceRow]]
    settled: dict[int, int]
    credited: frozenset[int]


def new_items(db: Database) -> list[int]:
    """Ids of what nobody has looked at yet, oldest first. A file that is not taken whole yet has none."""
    unfinished = select(settlement_files.c.id).where(settlement_files.c.state == "taking")
    query = (
        select(settlement_items.c.id)
        .where(settlement_items.c.state == "new", settlement_items.c.file_id.not_in(unfinished))
        .order_by(settlement_items.c.id)
    )
    with db.read() as tx:
        return list(tx.execute(query).scalars())


def decide_new(
    db: Database,
    ids: Sequence[int],
    *,
    references: Callable[[ItemRow], References],
    decide: Callable[[ItemRow, Found], Decision],
    now: datetime,
) -> list[tuple[ItemRow, Decision]]:
    """Decides about those of `ids` that are still new, in one transaction and in their order.

    `decide` sees what the decisions before it left owed. Both callables must be quick and touch nothing.
    """
    with deciding(db) as tx:
        rows = [
            ItemRow.of(row)
            for row in tx.execute(
                select(settlement_items)
                .where(settlement_items.c.id.in_(ids), settlement_items.c.state == "new")
                .order_by(settlement_items.c.id)
            ).mappings()
        ]
        found = _find(tx, [references(row) for row in rows])
        made: list[tuple[ItemRow, Decision]] = []
        for row in rows:
            decision = decide(row, found)
            made.append((row, decision))
            if decision.state == "matched" and row.kind in REDUCES:
                for invoice, minor in decision.parts or _whole(row, decision):
                    found.settled[invoice.id] = found.settled.get(invoice.id, 0) + minor
        _write(tx, made, now=now)
        return made


def _whole(row: ItemRow, decision: Decision) -> list[tuple[InvoiceRow, int]]:
    return [] if decision.invoice is None else [(decision.invoice, row.amount_minor or 0)]


def _find(tx: Connection, wanted: Sequence[References]) -> Found:
    by_kid = _by_kid(tx, wanted)
    numbers = {number for one in wanted if (one.account, one.kid) not in by_kid for number in one.numbers}
    by_number: dict[str, list[InvoiceRow]] = {}
    for chunk in slices(sorted(numbers)):
        rows = tx.execute(
            select(invoices).where(invoices.c.number.in_(chunk), invoices.c.kind == "invoice").order_by(invoices.c.id)
        ).mappings()
        for row in rows:
            by_number.setdefault(row["number"], []).append(InvoiceRow.of(row))
    known = {row.id: row for row in (*by_kid.values(), *(row for rows in by_number.values() for row in rows))}
    return Found(by_kid, by_number, settled_by_invoice(tx, list(known)), _credited(tx, known))


def _by_kid(tx: Connection, wanted: Sequence[References]) -> dict[tuple[str, str], InvoiceRow]:
    by_account: dict[str, set[str]] = {}
    for one in wanted:
        if one.kid:
            by_account.setdefault(one.account, set()).add(one.kid)
    found: dict[tuple[str, str], InvoiceRow] = {}
    for account, texts in by_account.items():
        for chunk in slices(sorted(texts)):
            rows = tx.execute(
                select(invoices, kids.c.kid.label("asked_kid"))
                .join(kids, kids.c.invoice_id == invoices.c.id)
                .where(kids.c.account == account, kids.c.kid.in_(chunk))
            ).mappings()
            for row in rows:
                found[account, row["asked_kid"]] = InvoiceRow(**{c.name: row[c] for c in invoices.c})
    return found


def _credited(tx: Connection, known: Mapping[int, InvoiceRow]) -> frozenset[int]:
    """Those that a credit note of the same client names."""
    named: set[tuple[str, str]] = set()
    by_client: dict[str, set[str]] = {}
    for row in known.values():
        by_client.setdefault(row.client, set()).add(row.number)
    for client, numbers in by_client.items():
        for chunk in slices(sorted(numbers)):
            found = tx.execute(
                select(invoices.c.credited_number).where(
                    invoices.c.client == client,
                    invoices.c.credited_number.in_(chunk),
                    invoices.c.kind == "credit_note",
                )
            ).scalars()
            named.update((client, number) for number in found)
    return frozenset(row.id for row in known.values() if (row.client, row.number) in named)


def _write(tx: Connection, made: Sequence[tuple[ItemRow, Decision]], *, now: datetime) -> None:
    items = settlement_items
    values: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = []
    for row, decision in made:
        one = decision.invoice
        values.append(
            {
                "the_id": row.id,
                "state": "split" if decision.parts else decision.state,
                "reason": decision.reason,
                "note": decision.note or row.note,
                "client": one.client if one is not None else row.client,
                "invoice_id": one.id if one is not None else row.invoice_id,
                "decided_at": now,
            }
        )
        parts += part_rows(row, decision.parts, note=decision.note, now=now)
    if values:
        changed = update(items).where(items.c.id == bindparam("the_id"))
        tx.execute(changed.values({name: bindparam(name) for name in values[0] if name != "the_id"}), values)
    if parts:
        tx.execute(insert(items), parts)
