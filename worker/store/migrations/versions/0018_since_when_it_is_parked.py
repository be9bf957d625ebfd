"""Since when an invoice has been parked for its reason, however often it was looked at again meanwhile"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("invoices", sa.Column("parked_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("invoices", sa.Column("parked_for", sa.String(length=40), nullable=True))
    op.execute("UPDATE invoices SET parked_since = updated_at, parked_for = parked_reason WHERE state = 'parked'")


def downgrade() -> None:
    op.drop_column("invoices", "parked_for")
    op.drop_column("invoices", "parked_since")
