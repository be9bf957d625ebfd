"""What is told to people each day: the completeness check, and the daily report."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Date, Integer, String, Table, UniqueConstraint

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

# A client's check of a date; a later one of the same date takes its place.
completeness_checks = Table(
    "completeness_checks",
    metadata,
    Column("client", AnyWord(64), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("checked_at", UtcTime, nullable=False),
    Column("finished", Boolean, nullable=False),  # false: the ERP or the ledger folder could not be read to the end
    Column("compared", Integer, nullable=False),  # invoices in all three, without a word
    Column("findings", JSON, nullable=False),  # model.completeness.Finding
)

# One row a client and date; the factor's own, with all clients in it, has an empty client.
daily_reports = Table(
    "daily_reports",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("client", AnyWord(64), nullable=False),
    Column("day", Date, nullable=False),
    Column("since", UtcTime, nullable=False),  # what it tells of: from here
    Column("until", UtcTime, nullable=False),  # until before here, where the next one begins
    Column("key", String(64), nullable=False, unique=True),  # our own, in the Message-ID of every try
    Column("state", String(16), nullable=False),  # ready | sending | sent | unknown | refused | given_up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("answer", AnyText, nullable=False, server_default=""),
    Column("sent_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("client", "day"),
)
