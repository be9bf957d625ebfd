"""Opening the database, short transactions, and bringing the schema to head."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from worker.store.trouble import telling, trouble_of
from worker.store.turns import Turns
from worker.support import crashing

_MIGRATING = 4711_1503  # ours among the server's advisory locks; the same in every version


class SchemaError(RuntimeError):
    """The database's schema is not the one this program was made for: `what` is wrong, and the `remedy`."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what}: {remedy}" if remedy else what)
        self.what = what
        self.remedy = remedy


class DatabaseUnusable(SchemaError):
    """The database cannot be reached, read or written; the message says why, without the password."""


_ADDRESS = "DATABASE_URL must be sqlite:///path or postgresql://user:password@host/name"


class Database:
    """An engine and nothing else; it connects when first used. `url`: `sqlite:///path` or `postgresql://…`."""

    def __init__(self, url: str) -> None:
        self._engine: Engine | None = None
        self._turns = Turns()
        try:
            address = make_url(url)
            if address.drivername in ("postgres", "postgresql"):
                address = address.set(drivername="postgresql+psycopg")
            self._engine = _engine(address)
        except ArgumentError:
            self._fault = (_ADDRESS, "mend it")  # the value may hold a password
        except ImportError:
            self._fault = ("PostgreSQL needs its driver", "install factoring-worker[postgres]")

    @property
    def engine(self) -> Engine:
        """Raises DatabaseUnusable for an address that is none: whoever starts the program hears of it from here."""
        if self._engine is None:
            raise DatabaseUnusable(*self._fault)
        return self._engine

    @contextmanager
    def begin(self) -> Generator[Connection]:
        """One transaction: committed at the end, rolled back on any exception. Never within another one.

        On SQLite, which has one writer at a time, threads get theirs in the order they came. Raises StoreTrouble when
        the database itself is in trouble.
        """
        with telling(), self._turn(), self.engine.begin() as connection:
            yield connection
            crashing.caller_point("before_commit")
        crashing.caller_point("after_commit")

    def _turn(self) -> AbstractContextManager[None]:
        return self._turns.turn() if self.engine.dialect.name == "sqlite" else nullcontext()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """One transaction that only reads: it waits for no writer, and on PostgreSQL writing in it is refused."""
        with (
            telling(),
            self.engine.connect().execution_options(reads_only=True, postgresql_readonly=True) as connection,
            connection.begin(),
        ):
            yield connection

    @property
    def file(self) -> Path | None:
        """The SQLite file; None when the database is something else."""
        url = self.engine.url
        if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:" or "uri" in url.query:
            return None
        return Path(url.database)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()


def _engine(url: URL) -> Engine:
    match url.get_backend_name():
        case "sqlite":
            engine = create_engine(url, connect_args={"timeout": 10})
            event.listen(engine, "connect", _sqlite_connection)
            event.listen(engine, "begin", _sqlite_begin)
            return engine
        case "postgresql":
            return create_engine(url, pool_pre_ping=True)
        case _:
            raise ArgumentError(_ADDRESS)


def _sqlite_connection(connection: Any, _record: Any) -> None:
    # The driver must not start transactions itself: a deferred one that later writes fails at once with SQLITE_BUSY.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("busy_timeout=10000", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    _sqlite_wal(cursor)
    cursor.close()


def _sqlite_wal(cursor: Any) -> None:
    # Turning a new file to WAL takes a lock that busy_timeout does not wait for.
    for left in reversed(range(100)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or not left:
                raise
            time.sleep(0.1)
        else:
            return


def _sqlite_begin(connection: Connection) -> None:
    # Who will write takes the lock at once and waits for it here; who only reads sees one state and needs no lock.
    reads_only = connection.get_execution_options().get("reads_only", False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def migrate(database: Database) -> str:
    """Brings the schema to head; harmless when it is there already, or when another worker does the same right now.

    Returns the revision. Raises SchemaError when the database is newer than the program, DatabaseUnusable.
    """
    config = _alembic_config()
    with _usable(database):
        if database.file is not None:
            database.file.parent.mkdir(parents=True, exist_ok=True)
        _refuse_newer(current_revision(database), config)
        with database.engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # SQLite's BEGIN IMMEDIATE lets one in at a time as it is
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    return head_revision()


def head_revision() -> str:
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    if head is None:
        raise SchemaError("the installation has no migrations", "install the program again")
    return head


def current_revision(database: Database) -> str | None:
    """None: nothing has been made there yet. Raises DatabaseUnusable."""
    if database.file is not None and not database.file.exists():
        return None  # connecting would make an empty file
    with _usable(database), database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_head(database: Database) -> None:
    """Raises SchemaError unless the schema is exactly the program's, DatabaseUnusable unless it can be written."""
    current, head = current_revision(database), head_revision()
    if current == head:
        return
    _refuse_newer(current, _alembic_config())
    if current is None:
        place = str(database.file.resolve()) if database.file is not None else "DATABASE_URL"
        raise SchemaError(
            f"there is no database yet at {place} (revision none, the program needs {head})",
            "at the very first start run `factoring-worker migrate`; otherwise start from the folder it was started"
            " from before, or write the whole path: an empty database would send everything again",
        )
    raise SchemaError(
        f"the database is at revision {current}, the program needs {head}", "run `factoring-worker migrate`"
    )


def require_writable(database: Database) -> None:
    """Raises DatabaseUnusable unless a transaction that writes is let in: not read-only, not a standby."""
    with _usable(database), database.begin() as tx:
        tx.exec_driver_sql("UPDATE budgets SET free_at = free_at WHERE name = ''")


def _refuse_newer(current: str | None, config: Config) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(
            f"the database was migrated by a newer version, to revision {current}, which this program does not know",
            "run that version, or restore the backup taken before the upgrade",
        )


@contextmanager
def _usable(database: Database) -> Generator[None]:
    """Turns the driver's error into words for the person who starts the program."""
    try:
        yield
    except (DBAPIError, OSError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error.strerror
        first_line = str(why).strip().partition("\n")[0]
        url = database.engine.url.render_as_string(hide_password=True)
        trouble = trouble_of(why if isinstance(why, BaseException) else None)
        what = f"the database {url} cannot be used: {first_line}"
        if trouble is None:
            raise DatabaseUnusable(what, "mend DATABASE_URL, or the server or folder it names") from error
        raise DatabaseUnusable(f"{what} ({trouble.what})", trouble.remedy) from error
