"""Invoices counted by state, channel and reason without reading their rows: whoever watches asks twice a minute"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

NAME = "ix_invoices_client_state_route_parked_reason_fetched_at"


def upgrade() -> None:
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f(NAME), ["client", "state", "route", "parked_reason", "fetched_at"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("invoices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f(NAME))
