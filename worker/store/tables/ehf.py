"""What comes back about an EHF after it was handed over. Only ever added to."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

# An access point that tells its news in a queue tells each once: kept before it is taken off the queue.
provider_notices = Table(
    "provider_notices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("provider", String(16), nullable=False),
    Column("notice_id", AnyWord(100), nullable=False),  # the provider's own, the same when it is told again
    Column("key", AnyWord(64), nullable=False),  # the delivery's; empty when it is about something else
    Column("reference", AnyWord(100), nullable=False),
    Column("word", AnyWord(100), nullable=False),
    Column("content", AnyText, nullable=False),  # as it came
    Column("kept_at", UtcTime, nullable=False),
    UniqueConstraint("provider", "notice_id"),
    Index(None, "provider", "key"),
    Index(None, "provider", "reference"),
)

# The receiver's word: Message Level Status, or the debtor's own Invoice Response. Each code once a delivery.
ehf_responses = Table(
    "ehf_responses",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("delivery_id", Id, ForeignKey("deliveries.id"), nullable=False),
    Column("source", String(16), nullable=False),  # model.receiver.Source
    Column("code", String(8), nullable=False),
    Column("answer", AnyText, nullable=False),
    Column("noted_at", UtcTime, nullable=False),
    UniqueConstraint("delivery_id", "source", "code"),
)
