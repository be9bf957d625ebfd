"""What the ERP is owed is found by invoice"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("postbacks") as batch:
        batch.create_index(op.f("ix_postbacks_invoice_id"), ["invoice_id"])


def downgrade() -> None:
    with op.batch_alter_table("postbacks") as batch:
        batch.drop_index(op.f("ix_postbacks_invoice_id"))
