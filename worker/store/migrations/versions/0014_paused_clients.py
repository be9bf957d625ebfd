"""Paused clients"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "client_pauses",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("client", sa.String(length=64), nullable=False),
        sa.Column("paused_at", _TIME, nullable=False),
        sa.Column("paused_by", sa.String(length=100), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("resumed_at", _TIME, nullable=True),
        sa.Column("resumed_by", sa.String(length=100), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_client_pauses")),
    )
    with op.batch_alter_table("client_pauses", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_client_pauses_client"), ["client"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("client_pauses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_client_pauses_client"))

    op.drop_table("client_pauses")
