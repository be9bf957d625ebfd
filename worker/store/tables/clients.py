"""What a person has decided about a client as a whole."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

# Kept for good: a pause explains why nothing was run then.
client_pauses = Table(
    "client_pauses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("client", AnyWord(64), nullable=False),
    Column("paused_at", UtcTime, nullable=False),
    Column("paused_by", AnyWord(100), nullable=False),
    Column("note", AnyText, nullable=False),
    Column("resumed_at", UtcTime),  # NULL: still paused
    Column("resumed_by", AnyWord(100)),
    Index("ix_client_pauses_client", "client"),
)
