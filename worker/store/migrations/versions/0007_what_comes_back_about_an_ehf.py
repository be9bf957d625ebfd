"""What comes back about an EHF: a provider's notices, the receiver's word"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "provider_notices",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("notice_id", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=100), nullable=False),
        sa.Column("word", sa.String(length=100), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("kept_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_provider_notices")),
        sa.UniqueConstraint("provider", "notice_id", name=op.f("uq_provider_notices_provider_notice_id")),
    )
    with op.batch_alter_table("provider_notices", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_notices_provider_key"), ["provider", "key"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_provider_notices_provider_reference"), ["provider", "reference"], unique=False
        )

    op.create_table(
        "ehf_responses",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", _ID, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("noted_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_ehf_responses_delivery_id_deliveries")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ehf_responses")),
        sa.UniqueConstraint("delivery_id", "source", "code", name=op.f("uq_ehf_responses_delivery_id_source_code")),
    )


def downgrade() -> None:
    op.drop_table("ehf_responses")
    with op.batch_alter_table("provider_notices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_provider_notices_provider_reference"))
        batch_op.drop_index(batch_op.f("ix_provider_notices_provider_key"))

    op.drop_table("provider_notices")
