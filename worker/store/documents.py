"""Which documents the store's rows name."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from worker.store.database import Database
from worker.store.tables import invoices, settlement_files

# Every column that names a document; a test holds it against the tables.
REFERENCES = (
    invoices.c.original_sha256,
    invoices.c.stamped_sha256,
    invoices.c.pdf_sha256,
    settlement_files.c.sha256,
)
# A settlement file too large to be read is left where it lies.
_KEPT = {"settlement file": (settlement_files.c.reason.not_like("larger than %"),)}
_AT_ONCE = 10_000


def referenced(db: Database) -> Iterator[tuple[str, str]]:
    """(SHA-256, whose it is in words) of every document some row names and needs; one named twice comes twice."""
    with db.read() as tx:
        for column in REFERENCES:
            whose = "settlement file" if column.table is settlement_files else "invoice"
            rows = tx.execution_options(yield_per=_AT_ONCE).execute(
                select(column, column.table.c.id)
                .where(column.is_not(None), column.table.c.documents_state == "kept", *_KEPT.get(whose, ()))
                .order_by(column.table.c.id)
            )
            for sha256, row_id in rows:
                yield sha256, f"{whose} {row_id}: {column.name.removesuffix('_sha256')}"
