"""What the print house says about letters."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

# One row a thing said, once however often it is said. Also a row for a file that nobody can read.
print_receipts = Table(
    "print_receipts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("fingerprint", String(64), nullable=False, unique=True),  # of what was said, or of the file
    Column("status", String(16), nullable=False),  # model.letter.ReceiptStatus; empty: of a file
    Column("outcome", String(16), nullable=False),  # noted | refused | returned | waiting | settled
    Column("reason", String(40), nullable=False, server_default=""),  # why it waits for a person
    Column("delivery_id", Id, ForeignKey("deliveries.id")),
    Column("job", AnyWord(100), nullable=False, server_default=""),  # as the print house names it
    Column("detail", AnyText, nullable=False, server_default=""),  # its words
    Column("file", AnyWord(255), nullable=False, server_default=""),  # where it stood
    Column("said_at", UtcTime),  # by the print house's clock
    Column("noted_at", UtcTime, nullable=False),
    Column("note", AnyText, nullable=False, server_default=""),
    Index(None, "outcome"),
    Index(None, "delivery_id"),
)
