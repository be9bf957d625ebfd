"""Codes in mails of their own, bounces"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "code_requests",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("link_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("caller", sa.String(length=64), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=True),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sent_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name=op.f("fk_code_requests_link_id_links")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_code_requests")),
        sa.UniqueConstraint("key", name=op.f("uq_code_requests_key")),
    )
    with op.batch_alter_table("code_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_code_requests_link_id"), ["link_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_code_requests_state_due_at"), ["state", "due_at"], unique=False)

    op.create_table(
        "bounces",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), server_default="", nullable=False),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("code_request_id", _ID, nullable=True),
        sa.Column("status", sa.String(length=16), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("mailbox_uid", sa.String(length=32), server_default="", nullable=False),
        sa.Column("arrived_at", _TIME, nullable=True),
        sa.Column("noted_at", _TIME, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_bounces_delivery_id_deliveries")),
        sa.ForeignKeyConstraint(
            ["code_request_id"], ["code_requests.id"], name=op.f("fk_bounces_code_request_id_code_requests")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_bounces_fingerprint")),
    )
    with op.batch_alter_table("bounces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bounces_outcome"), ["outcome"], unique=False)
        batch_op.create_index(batch_op.f("ix_bounces_delivery_id"), ["delivery_id"], unique=False)

    op.create_table(
        "failed_recipients",
        sa.Column("delivery_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), server_default="", nullable=False),
        sa.Column("noted_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_failed_recipients_delivery_id_deliveries")
        ),
        sa.PrimaryKeyConstraint("delivery_id", "position", name=op.f("pk_failed_recipients")),
    )


def downgrade() -> None:
    op.drop_table("failed_recipients")
    with op.batch_alter_table("bounces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bounces_delivery_id"))
        batch_op.drop_index(batch_op.f("ix_bounces_outcome"))

    op.drop_table("bounces")
    with op.batch_alter_table("code_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_code_requests_state_due_at"))
        batch_op.drop_index(batch_op.f("ix_code_requests_link_id"))

    op.drop_table("code_requests")
