"""Ways out, tries, the debtor's door, and the report to the ERP."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("invoice_id", Id, ForeignKey("invoices.id"), nullable=False),
    Column("number", Integer, nullable=False),  # 1, 2, … within the invoice
    Column("channel", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("address", AnyText, nullable=False),  # participant, e-mail addresses or address lines, by channel
    Column("reason", AnyText, nullable=False),  # why this channel
    Column("key", String(64), nullable=False, unique=True),  # our own, the same on every attempt
    Column("due_at", UtcTime, nullable=False),  # not tried (or asked about) before
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("handed_over_at", UtcTime),
    Column("opened_at", UtcTime),
    Column("ended_reason", AnyText),
    Column("vendor_reference", AnyText),
    Column("asked_by", AnyWord(100)),  # the person who asked for it (`resend`); empty: it followed from the rules
    Column("created_at", UtcTime, nullable=False),
    Column("batch", String(100)),  # of a letter: with which others it is handed over
    UniqueConstraint("invoice_id", "number"),
    Index(None, "state", "due_at"),
    Index(None, "state", "handed_over_at"),
    Index(None, "batch"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("subject", String(16), nullable=False),  # delivery | postback
    Column("subject_id", Id, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("act", String(8), nullable=False),  # send | ask
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("vendor_reference", AnyText, nullable=False, server_default=""),
    Column("answer", AnyText, nullable=False, server_default=""),
    Index(None, "subject", "subject_id"),
)

links = Table(
    "links",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("delivery_id", Id, ForeignKey("deliveries.id"), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("code_mac", String(64), nullable=False),
    Column("wrong_codes", Integer, nullable=False, server_default="0"),
    Column("locked_at", UtcTime),
    Column("opened_at", UtcTime),
    Column("expires_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "delivery_id"),
)

portal_guards = Table(
    "portal_guards",
    metadata,
    Column("prefix", String(64), primary_key=True),  # keyed hash of the caller's /24 or /48
    Column("window_start", UtcTime, primary_key=True),
    Column("wrong_codes", Integer, nullable=False, server_default="0"),
)

postbacks = Table(
    "postbacks",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("invoice_id", Id, ForeignKey("invoices.id"), nullable=False),
    Column("delivery_id", Id, ForeignKey("deliveries.id"), unique=True),  # empty: a word about the settlement
    Column("kind", String(16), nullable=False),  # delivered | status
    Column("status", String(16), nullable=False, server_default="delivered"),  # ports.FactoringStatus
    Column("state", String(16), nullable=False),  # ready | sending | unknown | done | folded | refused
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("text", AnyText),
    Column("done_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint("kind in ('delivered', 'status')", name="kind"),
    Index(None, "invoice_id"),
    Index(None, "state", "due_at"),
)
