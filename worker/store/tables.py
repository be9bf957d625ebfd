"""Every table. Times are UTC (`UtcTime`), amounts are integers of minor units, documents are named by SHA-256.

`attempts`, `events`, `decisions` are only ever added to.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, stored as UTC. SQLite has no time zones, so naive UTC is written there and read back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime given to the store")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class AnyText(TypeDecorator[str]):
    """Text as outsiders send it. What no database can hold (NUL on PostgreSQL, half a surrogate pair on any) is kept
    as U+FFFD: an answer must never be lost because of how it is spelt."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else _UNSTORABLE.sub("\ufffd", value)


class AnyWord(AnyText):
    """The same with a length."""

    impl = String
    cache_ok = True


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

# SQLite numbers rows itself only for INTEGER keys.
_Id = BigInteger().with_variant(Integer(), "sqlite")

invoices = Table(
    "invoices",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
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
    Column("fetched_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("client", "erp_id"),
    Index(None, "client", "state"),
    Index(None, "client", "number"),
)

kids = Table(
    "kids",
    metadata,
    Column("account", String(11), primary_key=True),
    Column("kid", AnyWord(25), primary_key=True),
    Column("invoice_id", _Id, ForeignKey("invoices.id"), nullable=False, unique=True),
    Column("allocated_at", UtcTime, nullable=False),
)

warnings = Table(
    "warnings",
    metadata,
    Column("invoice_id", _Id, ForeignKey("invoices.id"), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("detail", AnyText, nullable=False, server_default=""),
    Column("noted_at", UtcTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("invoice_id", _Id, ForeignKey("invoices.id"), nullable=False),
    Column("delivery_id", _Id),
    Column("at", UtcTime, nullable=False),
    Column("event", String(40), nullable=False),
    Column("from_state", String(16)),
    Column("to_state", String(16)),
    Column("detail", AnyText, nullable=False, server_default=""),
    Index(None, "invoice_id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("invoice_id", _Id, ForeignKey("invoices.id"), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("channel", String(16)),  # empty when the decision was to park
    Column("reason", AnyText, nullable=False),
    Column("considered", JSON, nullable=False),
    Index(None, "invoice_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("invoice_id", _Id, ForeignKey("invoices.id"), nullable=False),
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
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("invoice_id", "number"),
    Index(None, "state", "due_at"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("subject", String(16), nullable=False),  # delivery | postback
    Column("subject_id", _Id, nullable=False),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("delivery_id", _Id, ForeignKey("deliveries.id"), nullable=False),
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
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("invoice_id", _Id, ForeignKey("invoices.id"), nullable=False),
    Column("delivery_id", _Id, ForeignKey("deliveries.id"), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # delivered | status
    Column("state", String(16), nullable=False),  # ready | sending | unknown | done | folded | refused
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("text", AnyText),
    Column("done_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    CheckConstraint("kind in ('delivered', 'status')", name="kind"),
    Index(None, "state", "due_at"),
)

slots = Table(
    "slots",
    metadata,
    Column("client", AnyWord(64), primary_key=True),
    Column("job", String(16), primary_key=True),
    Column("slot", UtcTime, primary_key=True),
    Column("state", String(16), nullable=False),  # running | done | failed | missed
    Column("owner", String(64), nullable=False),
    Column("lease_until", UtcTime, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("summary", JSON),
)
