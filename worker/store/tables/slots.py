"""Planned times of jobs, and when counterparties may be called."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    String,
    Table,
)

from worker.store.tables.types import AnyWord, UtcTime, metadata

slots = Table(
    "slots",
    metadata,
    Column("client", AnyWord(64), primary_key=True),
    Column("job", String(16), primary_key=True),
    Column("slot", UtcTime, primary_key=True),
    Column("state", String(16), nullable=False),  # running | done | troubled | failed | missed
    Column("owner", String(64), nullable=False),
    Column("lease_until", UtcTime, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("summary", JSON),
)

budgets = Table(
    "budgets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("free_at", BigInteger, nullable=False),  # microseconds on the database's own clock (store/budgets.py)
)
