"""Money: files, items, vouchers."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
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

settlement_files = Table(
    "settlement_files",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("format", String(16)),
    Column("identity", String(200)),
    Column("state", String(16), nullable=False),  # taking | taken | quarantined
    Column("reason", AnyText, nullable=False, server_default=""),
    Column("line", String(200), nullable=False, server_default=""),
    Column("items", Integer, nullable=False, server_default="0"),
    Column("known_items", Integer, nullable=False, server_default="0"),  # had been taken from another file
    Column("skipped", JSON),  # what it holds that is not for us: [{what, transactions, minor, currency}]
    Column("received_at", UtcTime, nullable=False),
    Column("documents_state", String(8), nullable=False, server_default="kept"),  # kept | going | gone (retention)
)

# One row a payment or event, taken once whatever file it comes in: `source_key` is the feed's event id, or a bank
# transaction's fingerprint with a number that tells true twins apart.
settlement_items = Table(
    "settlement_items",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("file_id", Id, ForeignKey("settlement_files.id"), nullable=False),
    Column("source_key", String(100), nullable=False, unique=True),
    Column("fingerprint", String(64)),  # of a bank transaction
    Column("position", String(100), nullable=False, server_default=""),
    Column("part_of", Id),  # the item this one was split from, or is the correction of
    Column("kind", String(32), nullable=False),
    Column("client", AnyWord(64)),
    Column("invoice_id", Id, ForeignKey("invoices.id")),
    Column("event_date", Date, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("facts", JSON, nullable=False),  # the payment or event as read
    # new | matched | waiting | ignored | booked | told | split | corrected (its voucher is reversed, another item is
    # in its place)
    Column("state", String(16), nullable=False),
    Column("reason", String(40)),
    Column("note", AnyText, nullable=False, server_default=""),
    Column("decided_at", UtcTime),
    Column("corrected_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Column("personal_data_removed_at", UtcTime),
    Index(None, "client", "state"),
    Index(None, "invoice_id"),
    Index(None, "state"),
    Index(None, "fingerprint"),
)

vouchers = Table(
    "vouchers",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("client", AnyWord(64), nullable=False),
    Column("reference", String(50), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("date", Date, nullable=False),
    Column("content", JSON, nullable=False),  # model.voucher.Voucher
    Column("state", String(16), nullable=False),  # ready | sending | unknown | posted | refused | reversed
    Column("reversal_of", Id),
    Column("erp_id", AnyWord(64)),
    Column("erp_number", String(32)),
    Column("answer", AnyText, nullable=False, server_default=""),
    Column("held", AnyText),  # why it is not tried: accounts that are closed, or that the ERP would not tell of
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("posted_at", UtcTime),
    Column("personal_data_removed_at", UtcTime),
    UniqueConstraint("client", "reference"),
    Index(None, "client", "state"),
)

voucher_items = Table(
    "voucher_items",
    metadata,
    Column("voucher_id", Id, ForeignKey("vouchers.id"), primary_key=True),
    Column("item_id", Id, ForeignKey("settlement_items.id"), primary_key=True),
)

# What was fetched from the bank's server, so that what is left lying there is not fetched again. The name by its hash:
# a bank may put an account number in it.
fetched_files = Table(
    "fetched_files",
    metadata,
    Column("name_sha256", String(64), primary_key=True),
    Column("size", BigInteger, primary_key=True),
    Column("changed", BigInteger, primary_key=True),  # seconds since 1970, the server's word
    Column("sha256", String(64), nullable=False),
    Column("fetched_at", UtcTime, nullable=False),
)

# The last word of each client's ERP about the accounts its env file names.
account_checks = Table(
    "account_checks",
    metadata,
    Column("client", AnyWord(64), primary_key=True),
    Column("accounts", JSON, nullable=False),  # as named then: role to account
    Column("state", String(16), nullable=False),  # sound | faulty | unknown
    Column("findings", JSON, nullable=False),
    Column("checked_at", UtcTime, nullable=False),
)
