"""Which documents and personal data have been removed after their time"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for table in ("invoices", "settlement_files"):
        op.add_column(table, sa.Column("documents_state", sa.String(length=8), server_default="kept", nullable=False))
    for table in ("invoices", "settlement_items", "vouchers"):
        op.add_column(table, sa.Column("personal_data_removed_at", _TIME, nullable=True))


def downgrade() -> None:
    for table in ("vouchers", "settlement_items", "invoices"):
        op.drop_column(table, "personal_data_removed_at")
    for table in ("settlement_files", "invoices"):
        op.drop_column(table, "documents_state")
