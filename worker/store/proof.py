"""What the outside did and said about one invoice: openings, receipts, money. For a dispute's evidence; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Select, select

from worker.store.database import Database
from worker.store.tables import (
    bounces,
    deliveries,
    ehf_responses,
    failed_recipients,
    links,
    print_receipts,
    settlement_items,
)

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outside:
    """`openings`: the debtor's links; `receipts`: by who gave them; `settlement`: payments and events."""

    openings: Rows
    receipts: dict[str, Rows]
    settlement: Rows


def outside(db: Database, invoice_id: int) -> Outside:
    """Without what opens a link: no token, no code, not even hashed."""
    of_invoice = select(deliveries.c.id).where(deliveries.c.invoice_id == invoice_id)

    def about_deliveries(column: Column[Any]) -> Select[Any]:
        return select(column.table).where(column.in_(of_invoice)).order_by(column.table.c.id)

    with db.read() as tx:
        return Outside(
            openings=_rows(tx, about_deliveries(links.c.delivery_id), without=("token_hash", "code_mac")),
            receipts={
                "receiver": _rows(tx, about_deliveries(ehf_responses.c.delivery_id)),
                "bounces": _rows(tx, about_deliveries(bounces.c.delivery_id)),
                "print_house": _rows(tx, about_deliveries(print_receipts.c.delivery_id)),
                "failed_recipients": _rows(
                    tx,
                    select(failed_recipients)
                    .where(failed_recipients.c.delivery_id.in_(of_invoice))
                    .order_by(failed_recipients.c.delivery_id, failed_recipients.c.position),
                ),
            },
            settlement=_rows(
                tx,
                select(settlement_items)
                .where(settlement_items.c.invoice_id == invoice_id)
                .order_by(settlement_items.c.id),
            ),
        )


def _rows(tx: Connection, query: Select[Any], *, without: tuple[str, ...] = ()) -> Rows:
    return [{key: value for key, value in row.items() if key not in without} for row in tx.execute(query).mappings()]
