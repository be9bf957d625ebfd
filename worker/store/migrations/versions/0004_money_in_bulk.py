"""Money in bulk: credited invoices, twins and items of a state are found by index; what a file held beside payments"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoices", sa.Column("credited_number", sa.String(length=64), nullable=True))
    op.create_index("ix_invoices_client_credited_number", "invoices", ["client", "credited_number"])
    op.add_column("settlement_files", sa.Column("skipped", sa.JSON(), nullable=True))
    op.add_column("settlement_items", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    op.create_index("ix_settlement_items_fingerprint", "settlement_items", ["fingerprint"])
    op.create_index("ix_settlement_items_state", "settlement_items", ["state"])
    op.add_column("vouchers", sa.Column("held", sa.Text(), nullable=True))
    named = "erp_row ->> 'original_number'"
    if op.get_bind().dialect.name == "sqlite":
        named = "json_extract(erp_row, '$.original_number')"
    op.execute(f"UPDATE invoices SET credited_number = NULLIF({named}, '') WHERE kind = 'credit_note'")  # noqa: S608 - ours
    op.execute("UPDATE settlement_items SET fingerprint = SUBSTR(source_key, 6, 64) WHERE source_key LIKE 'bank:%'")


def downgrade() -> None:
    op.drop_column("vouchers", "held")
    op.drop_index("ix_settlement_items_state", "settlement_items")
    op.drop_index("ix_settlement_items_fingerprint", "settlement_items")
    op.drop_column("settlement_items", "fingerprint")
    op.drop_column("settlement_files", "skipped")
    op.drop_index("ix_invoices_client_credited_number", "invoices")
    op.drop_column("invoices", "credited_number")
