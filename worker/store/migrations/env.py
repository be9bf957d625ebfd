"""Alembic's door: runs on the connection that `store.database.migrate` hands over."""

from typing import Any, Literal

from alembic import context

from worker.store.tables import UtcTime, metadata


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    # A migration must not depend on today's code: our own type is written as what it is in the database.
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
