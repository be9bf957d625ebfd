"""Opening the database, short transactions, and bringing the schema to head."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url


class SchemaError(RuntimeError):
    """The database's schema is not the one this program was made for; the message says what to do."""


class Database:
    """An engine and nothing else. `url`: `sqlite:///path` or `postgresql+psycopg://…`."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "sqlite":
            if self.url.database and self.url.database != ":memory:":
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine: Engine = create_engine(self.url, connect_args={"timeout": 10})
            event.listen(self.engine, "connect", _sqlite_connection)
            event.listen(self.engine, "begin", _sqlite_begin)
        else:
            self.engine = create_engine(self.url, pool_pre_ping=True)

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """One transaction: committed at the end, rolled back on any exception."""
        with self.engine.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def _sqlite_connection(connection: Any, _record: Any) -> None:
    # The driver must not start transactions itself: a deferred one that later writes fails at once with SQLITE_BUSY.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(database: Database) -> str:
    """Brings the schema to head; harmless when it is there already. Returns the revision.

    Raises SchemaError when the database is newer than the program.
    """
    config = _alembic_config()
    _refuse_newer(database, config)
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    return head_revision()


def head_revision() -> str:
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    if head is None:
        raise SchemaError("the installation has no migrations: install the program again")
    return head


def current_revision(database: Database) -> str | None:
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_head(database: Database) -> None:
    """Raises SchemaError unless the schema is exactly the program's."""
    current, head = current_revision(database), head_revision()
    if current == head:
        return
    _refuse_newer(database, _alembic_config())
    raise SchemaError(
        f"the database is at revision {current or 'none'}, the program needs {head}: run `factoring-worker migrate`"
    )


def _refuse_newer(database: Database, config: Config) -> None:
    current = current_revision(database)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(
            f"the database is at revision {current}, which this program does not know: it was migrated by a newer"
            " version. Run that version, or restore the backup taken before the upgrade."
        )
