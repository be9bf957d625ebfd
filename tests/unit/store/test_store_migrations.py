"""One migration history for both databases; the program runs on exactly its own schema."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from tests.unit.store.stocked import Stock, everything
from worker.store.database import (
    Database,
    SchemaError,
    current_revision,
    head_revision,
    migrate,
    require_head,
)
from worker.store.tables import metadata


@pytest.fixture
def empty(new_url: Callable[[], str]) -> Iterator[Database]:
    db = Database(new_url())
    yield db
    db.close()


def test_from_nothing_to_head(empty: Database) -> None:
    assert current_revision(empty) is None
    assert migrate(empty) == head_revision() == current_revision(empty)
    require_head(empty)
    tables = set(inspect(empty.engine).get_table_names())
    assert tables == set(metadata.tables) | {"alembic_version"}


def test_migrating_again_changes_nothing(empty: Database) -> None:
    migrate(empty)
    stock = Stock(empty, "nordlys")
    stock.told()
    before = everything(empty)
    assert migrate(empty) == head_revision()
    assert everything(empty) == before


def test_the_migrations_make_what_the_tables_say(empty: Database) -> None:
    migrate(empty)
    with empty.engine.connect() as connection:
        # SQLite hands an empty default back in other quotes than alembic expects; the history is the same for both.
        options = {"compare_type": True, "compare_server_default": connection.dialect.name == "postgresql"}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_without_migration_the_message_says_what_to_run(empty: Database) -> None:
    with pytest.raises(SchemaError, match=r"revision none.*first start run `factoring-worker migrate`"):
        require_head(empty)


def test_a_newer_database_is_refused_and_left_alone(empty: Database) -> None:
    migrate(empty)
    with empty.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (migrate, require_head):
        with pytest.raises(SchemaError, match=r"newer version.*9999.*restore the backup"):
            refused(empty)
    assert current_revision(empty) == "9999"


_MIGRATING = """
import sys
from worker.store.database import Database, migrate
db = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(migrate(db))
"""


def test_two_workers_migrating_at_once(new_url: Callable[[], str]) -> None:
    url = new_url()
    workers = [
        subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-c", _MIGRATING, url], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout is not None and worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=30) for worker in workers]
    assert said == [(f"{head_revision()}\n", "")] * 2
    db = Database(url)
    require_head(db)
    db.close()


def test_looking_at_a_sqlite_file_that_is_not_there_does_not_make_it(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'var' / 'worker.db'}")
    with pytest.raises(SchemaError, match="factoring-worker migrate"):
        require_head(db)
    db.close()
    assert list(tmp_path.iterdir()) == []


def test_no_postgresql_there(tmp_path: Path) -> None:
    db = Database(f"postgresql+psycopg://worker:s3cret-word@/worker?host={tmp_path}")
    for refused in (migrate, require_head):
        with pytest.raises(SchemaError, match="cannot be used") as told:
            refused(db)
        assert "s3cret-word" not in str(told.value)
    db.close()


@pytest.mark.parametrize("url", ["var/worker.db", "", "mysql://worker:s3cret-word@db/worker", "nonsense://s3cret-word"])
def test_an_address_that_is_none(url: str) -> None:
    db = Database(url)
    for refused in (migrate, require_head):
        with pytest.raises(SchemaError, match=r"DATABASE_URL must be sqlite:///path or postgresql://") as told:
            refused(db)
        assert "s3cret-word" not in str(told.value)
    db.close()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_by_any_of_its_names(scheme: str) -> None:
    db = Database(f"{scheme}://worker:s3cret@db.example/worker")
    assert (db.engine.driver, db.file) == ("psycopg", None)
    db.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "worker.db"
    path.write_text("this is a letter to the bank, not a database\n" * 40, encoding="utf-8")
    db = Database(f"sqlite:///{path}")
    for refused in (migrate, require_head):
        with pytest.raises(SchemaError, match=r"cannot be used.*not a database"):
            refused(db)
    db.close()


def test_a_read_only_file() -> None:
    """As an ordinary user, for modes mean nothing to root."""
    folder = Path(tempfile.mkdtemp(prefix="store-read-only-"))
    path = folder / "worker.db"
    db = Database(f"sqlite:///{path}")
    migrate(db)
    db.close()
    path.chmod(0o444)
    folder.chmod(0o555)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child does next to nothing and leaves at once
        reader = os.fork()
    if reader == 0:  # pragma: no cover - the child
        code = 3
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            read_only = Database(f"sqlite:///{path}")
            code = sum(_says_read_only(refused, read_only) for refused in (migrate, require_head))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]) == 0
    folder.chmod(0o755)
    shutil.rmtree(folder)


def _says_read_only(refused: Callable[[Database], object], db: Database) -> int:
    try:
        refused(db)
    except SchemaError as error:
        return 0 if "cannot be used" in str(error) and "readonly" in str(error) else 1
    return 1
