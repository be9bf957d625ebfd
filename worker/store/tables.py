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
    Column("delivery_id", _Id, ForeignKey("deliveries.id"), unique=True),  # empty: a word about the settlement
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

settlement_files = Table(
    "settlement_files",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("format", String(16)),
    Column("identity", String(200)),
    Column("state", String(16), nullable=False),  # taken | quarantined
    Column("reason", AnyText, nullable=False, server_default=""),
    Column("line", String(200), nullable=False, server_default=""),
    Column("items", Integer, nullable=False, server_default="0"),
    Column("known_items", Integer, nullable=False, server_default="0"),  # had been taken from another file
    Column("received_at", UtcTime, nullable=False),
)

# One row a payment or event, taken once whatever file it comes in: `source_key` is the feed's event id, or fingerprint
# and occurrence of a bank transaction.
settlement_items = Table(
    "settlement_items",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("file_id", _Id, ForeignKey("settlement_files.id"), nullable=False),
    Column("source_key", String(100), nullable=False, unique=True),
    Column("position", String(100), nullable=False, server_default=""),
    Column("part_of", _Id),  # the item this one was split from
    Column("kind", String(32), nullable=False),
    Column("client", AnyWord(64)),
    Column("invoice_id", _Id, ForeignKey("invoices.id")),
    Column("event_date", Date, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("facts", JSON, nullable=False),  # the payment or event as read
    Column("state", String(16), nullable=False),  # new | matched | waiting | ignored | booked | told
    Column("reason", String(40)),
    Column("note", AnyText, nullable=False, server_default=""),
    Column("decided_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "client", "state"),
    Index(None, "invoice_id"),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("id", _Id, primary_key=True, autoincrement=True),
    Column("client", AnyWord(64), nullable=False),
    Column("reference", String(50), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("date", Date, nullable=False),
    Column("content", JSON, nullable=False),  # model.voucher.Voucher
    Column("state", String(16), nullable=False),  # ready | sending | unknown | posted | refused | reversed
    Column("reversal_of", _Id),
    Column("erp_id", AnyWord(64)),
    Column("erp_number", String(32)),
    Column("answer", AnyText, nullable=False, server_default=""),
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("posted_at", UtcTime),
    UniqueConstraint("client", "reference"),
    Index(None, "client", "state"),
)

voucher_items = Table(
    "voucher_items",
    metadata,
    Column("voucher_id", _Id, ForeignKey("vouchers.id"), primary_key=True),
    Column("item_id", _Id, ForeignKey("settlement_items.id"), primary_key=True),
)
