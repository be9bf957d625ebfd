"""What the Peppol network last said about whom, for all workers and clients together."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, String, Table

from worker.store.tables.types import AnyWord, UtcTime, metadata

# One row a participant and kind of document, kept for ever: that a debtor has received EHF before is what makes a later
# "no" doubtful (model.reach).
reach = Table(
    "reach",
    metadata,
    Column("participant", AnyWord(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("answer", String(8), nullable=False),  # yes | no: the last look-up that got one
    Column("believed", Boolean, nullable=False),
    Column("looked_up_at", UtcTime, nullable=False),
    Column("yes_at", UtcTime),  # the last yes
    Column("no_since", UtcTime),  # the first no after it
    Column("confirm_from", UtcTime),  # a no from then on confirms the first
    Column("evidence", JSON, nullable=False),
    Index(None, "looked_up_at"),
)
