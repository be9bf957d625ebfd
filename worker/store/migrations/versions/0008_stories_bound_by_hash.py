"""Each invoice's story is bound line to line by hash, and what is only ever added to is guarded by the database"""

from datetime import UTC

import sqlalchemy as sa
from alembic import op

from worker.store.story import link, origin, sha256

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_HASH = sa.String(length=64)
_EVENTS = sa.table(
    "events",
    *(
        sa.column(name)
        for name in ("id", "invoice_id", "delivery_id", "event", "from_state", "to_state", "detail", "hash")
    ),
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("sequence", sa.Integer),
    sa.column("detail_sha256", sa.String),
)
_INVOICES = sa.table("invoices", *(sa.column(name) for name in ("id", "client", "erp", "erp_id")))
_STORIES = sa.table("stories", *(sa.column(name) for name in ("invoice_id", "length", "head")))

# What may still change: words that may hold personal data can be removed, never replaced.
_GUARDS = {
    "events": ("id invoice_id sequence delivery_id at event from_state to_state detail_sha256 hash", "detail"),
    "attempts": (
        "id subject subject_id fence act started_at ended_at outcome vendor_reference",
        "answer",
    ),
}


def upgrade() -> None:
    op.create_table(
        "stories",
        sa.Column("invoice_id", _ID, nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("head", _HASH, nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_stories_invoice_id_invoices")),
        sa.PrimaryKeyConstraint("invoice_id", name=op.f("pk_stories")),
    )
    with op.batch_alter_table("events") as batch:
        batch.add_column(sa.Column("sequence", sa.Integer(), nullable=True))
        batch.add_column(sa.Column("detail_sha256", _HASH, nullable=True))
        batch.add_column(sa.Column("hash", _HASH, nullable=True))
    _bind_what_is_there()
    with op.batch_alter_table("events") as batch:
        batch.alter_column("sequence", existing_type=sa.Integer(), nullable=False)
        batch.alter_column("detail_sha256", existing_type=_HASH, nullable=False)
        batch.alter_column("hash", existing_type=_HASH, nullable=False)
        batch.alter_column("detail", existing_type=sa.Text(), existing_server_default="", nullable=True)
        batch.drop_index(op.f("ix_events_invoice_id"))
        batch.create_unique_constraint(op.f("uq_events_invoice_id_sequence"), ["invoice_id", "sequence"])
    _guard()


def _bind_what_is_there() -> None:
    connection = op.get_bind()
    for invoice in connection.execute(sa.select(_INVOICES).order_by(_INVOICES.c.id)).mappings().all():
        head = origin(client=invoice["client"], erp=invoice["erp"], erp_id=invoice["erp_id"])
        rows = connection.execute(
            sa.select(_EVENTS).where(_EVENTS.c.invoice_id == invoice["id"]).order_by(_EVENTS.c.id)
        ).mappings()
        length = 0
        for length, row in enumerate(rows.all(), start=1):
            at = row["at"] if row["at"].tzinfo else row["at"].replace(tzinfo=UTC)
            line = {**row, "at": at, "sequence": length, "detail_sha256": sha256(row["detail"])}
            head = link(head, line)
            connection.execute(
                sa.update(_EVENTS)
                .where(_EVENTS.c.id == row["id"])
                .values(sequence=length, detail_sha256=line["detail_sha256"], hash=head)
            )
        connection.execute(sa.insert(_STORIES).values(invoice_id=invoice["id"], length=length, head=head))


def _guard() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, (kept, removable) in _GUARDS.items():
        words = f"{table} are only ever added to"
        emptied = f"(NEW.{removable} IS NULL OR NEW.{removable} = '')"
        if postgresql:
            same = " AND ".join(f"NEW.{name} IS NOT DISTINCT FROM OLD.{name}" for name in kept.split())
            op.execute(
                f"CREATE FUNCTION {table}_only_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                f" IF TG_OP = 'UPDATE' AND {same} AND {emptied} THEN RETURN NEW; END IF;"
                f" RAISE EXCEPTION '{words}'; END $$"
            )
            op.execute(
                f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE ON {table}"
                f" FOR EACH ROW EXECUTE FUNCTION {table}_only_added()"
            )
        else:
            same = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in kept.split())
            op.execute(
                f"CREATE TRIGGER {table}_no_change BEFORE UPDATE ON {table}"
                f" WHEN NOT ({same} AND {emptied}) BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_removal BEFORE DELETE ON {table} BEGIN SELECT RAISE(ABORT, '{words}'); END"
            )


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _GUARDS:
        if postgresql:
            op.execute(f"DROP TRIGGER {table}_only_added ON {table}")
            op.execute(f"DROP FUNCTION {table}_only_added()")
        else:
            op.execute(f"DROP TRIGGER {table}_no_change")
            op.execute(f"DROP TRIGGER {table}_no_removal")
    op.execute("UPDATE events SET detail = '' WHERE detail IS NULL")
    with op.batch_alter_table("events") as batch:
        batch.drop_constraint(op.f("uq_events_invoice_id_sequence"), type_="unique")
        batch.create_index(op.f("ix_events_invoice_id"), ["invoice_id"])
        batch.alter_column("detail", existing_type=sa.Text(), existing_server_default="", nullable=False)
        batch.drop_column("hash")
        batch.drop_column("detail_sha256")
        batch.drop_column("sequence")
    op.drop_table("stories")
