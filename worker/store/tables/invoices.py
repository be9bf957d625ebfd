"""The invoice and its story."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from worker.store.tables.types import AnyText, AnyWord, Id, UtcTime, metadata

invoices = Table(
    "invoices",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("client", AnyWord(64), nullable=False),
    Column("erp", String(32), nullable=False),
    Column("erp_id", AnyWord(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("number", AnyWord(64), nullable=False),
    Column("debtor_code", AnyWord(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("parked_reason", String(40)),
    Column("parked_detail", AnyText),
    Column("return_state", String(16)),
    Column("erp_row", JSON, nullable=False),  # the list row as ports.ErpInvoice, raw JSON included
    Column("debtor", JSON),  # the customer card used, as model.party.DebtorCard
    Column("currency", String(3)),
    Column("payable_minor", BigInteger),
    Column("issue_date", Date),
    Column("due_date", Date),
    Column("is_credit", Boolean),
    Column("original_sha256", String(64)),
    Column("stamped_sha256", String(64)),
    Column("pdf_sha256", String(64)),
    Column("pdf_pages", Integer),
    Column("account", String(11)),  # the factor account stamped on it
    Column("kid", AnyWord(25)),
    Column("notice_version", String(64)),
    Column("language", String(2)),
    Column("registered_as", AnyWord(200)),
    Column("route", String(16)),
    Column("route_reason", AnyText),
    Column("credited_number", AnyWord(64)),  # of a credit note: the invoice it credits, as the ERP numbers it
    Column("fetched_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("documents_state", String(8), nullable=False, server_default="kept"),  # kept | going | gone (retention)
    Column("personal_data_removed_at", UtcTime),
    # Since when it has been parked for which reason: also while it is looked at again, until it has got further.
    Column("parked_since", UtcTime),
    Column("parked_for", String(40)),
    UniqueConstraint("client", "erp_id"),
    Index(None, "client", "state"),
    # Everything a count needs, so that counting reads no row (store/figures.py).
    Index(None, "client", "state", "route", "parked_reason", "fetched_at"),
    Index(None, "client", "number"),
    Index(None, "client", "credited_number"),
)

kids = Table(
    "kids",
    metadata,
    Column("account", String(11), primary_key=True),
    Column("kid", AnyWord(25), primary_key=True),
    Column("invoice_id", Id, ForeignKey("invoices.id"), nullable=False, unique=True),
    Column("allocated_at", UtcTime, nullable=False),
)

warnings = Table(
    "warnings",
    metadata,
    Column("invoice_id", Id, ForeignKey("invoices.id"), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("detail", AnyText, nullable=False, server_default=""),
    Column("noted_at", UtcTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("invoice_id", Id, ForeignKey("invoices.id"), nullable=False),
    Column("sequence", Integer, nullable=False),  # 1, 2, … within the invoice
    Column("delivery_id", Id),
    Column("at", UtcTime, nullable=False),
    Column("event", String(40), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16)),
    Column("detail", AnyText, server_default=""),  # empty (NULL) once personal data has been removed
    Column("detail_sha256", String(64), nullable=False),
    Column("hash", String(64), nullable=False),  # see store/story.py
    UniqueConstraint("invoice_id", "sequence"),
)

stories = Table(
    "stories",
    metadata,
    Column("invoice_id", Id, ForeignKey("invoices.id"), primary_key=True),
    Column("length", Integer, nullable=False),
    Column("head", String(64), nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("invoice_id", Id, ForeignKey("invoices.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("channel", String(16)),  # empty when the decision was to park
    Column("reason", AnyText, nullable=False),
    Column("considered", JSON, nullable=False),
    Column("evidence", JSON),  # what was looked up outside for it: a list of ReachAnswer.as_evidence()
    Index(None, "invoice_id"),
)
