"""Letters handed over in batches, and what the print house says about them"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch", sa.String(length=100), nullable=True))
        batch_op.create_index(batch_op.f("ix_deliveries_batch"), ["batch"], unique=False)

    op.create_table(
        "print_receipts",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), server_default="", nullable=False),
        sa.Column("delivery_id", _ID, nullable=True),
        sa.Column("job", sa.String(length=100), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("file", sa.String(length=255), server_default="", nullable=False),
        sa.Column("said_at", _TIME, nullable=True),
        sa.Column("noted_at", _TIME, nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_print_receipts_delivery_id_deliveries")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_receipts")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_print_receipts_fingerprint")),
    )
    with op.batch_alter_table("print_receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_print_receipts_outcome"), ["outcome"], unique=False)
        batch_op.create_index(batch_op.f("ix_print_receipts_delivery_id"), ["delivery_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("print_receipts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_print_receipts_delivery_id"))
        batch_op.drop_index(batch_op.f("ix_print_receipts_outcome"))

    op.drop_table("print_receipts")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_batch"))
        batch_op.drop_column("batch")
