"""What follows a mail: codes sent by themselves, bounces, and which of several recipients never got it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table

from worker.store.tables.types import AnyText, Id, UtcTime, metadata

# A code on its way in a mail of its own: the first one (LINK_CODE=second_mail), or a new one the debtor has asked for.
code_requests = Table(
    "code_requests",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("link_id", Id, ForeignKey("links.id"), nullable=False),
    Column("kind", String(8), nullable=False),  # first | asked
    Column("key", String(64), nullable=False, unique=True),  # our own, in Message-ID and return path
    Column("caller", String(64), nullable=False, server_default=""),  # keyed hash of the asker's /24 or /48
    Column("state", String(16), nullable=False),  # ready | sending | sent | unknown | refused
    Column("code_mac", String(64)),  # written before the call; the link's own from when the mail may have arrived
    Column("due_at", UtcTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("lease_until", UtcTime),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("sent_at", UtcTime),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "link_id"),
    Index(None, "state", "due_at"),
)

# One row a message of the bounce mailbox, read once whatever folder it lies in.
bounces = Table(
    "bounces",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # model.bounce.ReportKind
    Column("outcome", String(16), nullable=False),  # refused | noted | ignored | waiting | settled
    Column("reason", String(40), nullable=False, server_default=""),  # why it waits for a person
    Column("delivery_id", Id, ForeignKey("deliveries.id")),
    Column("code_request_id", Id, ForeignKey("code_requests.id")),
    Column("status", String(16), nullable=False, server_default=""),  # RFC 3463, as the other side gave it
    Column("detail", AnyText, nullable=False, server_default=""),  # its words, without addresses
    Column("mailbox_uid", String(32), nullable=False, server_default=""),  # UIDVALIDITY/UID when it was read
    Column("arrived_at", UtcTime),
    Column("noted_at", UtcTime, nullable=False),
    Column("note", AnyText, nullable=False, server_default=""),
    Index(None, "outcome"),
    Index(None, "delivery_id"),
)

# Of a mail's several recipients those that have it not: turned down at the door, or bounced.
failed_recipients = Table(
    "failed_recipients",
    metadata,
    Column("delivery_id", Id, ForeignKey("deliveries.id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # place in the delivery's address
    Column("how", String(8), nullable=False),  # door | bounce
    Column("status", String(16), nullable=False, server_default=""),
    Column("noted_at", UtcTime, nullable=False),
)
