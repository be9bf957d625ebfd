"""Alembic's door: runs on the connection that `store.database.migrate` hands over."""

from typing import Any, Literal

from alembic import context

from worker.store.tables import AnyText, AnyWord, UtcTime, metadata


def _render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    # A migration must not depend on today's code: our own types are written as what they are in the database.
    match item:
        case UtcTime() if kind == "type":
            return "sa.DateTime(timezone=True)"
        case AnyWord() if kind == "type":
            return f"sa.String(length={item.length})"
        case AnyText() if kind == "type":
            return "sa.Text()"
        case _:
            return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
    # SQLite's DDL is transactional too: all of an upgrade or none of it, and nobody else's in between.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
