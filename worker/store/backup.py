"""A copy of a SQLite database while the worker goes on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from worker.store.database import Database, DatabaseUnusable
from worker.support.files import sync_folder


def copy_to(database: Database, target: Path) -> int:
    """Writes one consistent moment of the database to `target`, which must not exist yet, and reads the copy to see
    that it is sound. Returns its size in bytes. Neither readers nor writers wait for it.

    Raises DatabaseUnusable: not SQLite, not readable, no room, or a copy that is not sound (which is not left behind).
    """
    source = database.file
    if source is None:
        raise DatabaseUnusable("only a SQLite file is copied this way: for PostgreSQL use pg_dump (docs/operating.md)")
    if not source.is_file():
        raise DatabaseUnusable(f"{source} does not exist")
    if target.exists():
        raise DatabaseUnusable(f"{target} is there already: a backup is never overwritten")
    part = target.with_name(f"{target.name}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=30)) as ours,
            closing(sqlite3.connect(part)) as copy,
        ):
            ours.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, whole in itself
            [said] = copy.execute("PRAGMA integrity_check(1)").fetchone()
            if said != "ok":
                raise DatabaseUnusable(f"the copy is not sound, and so perhaps {source}: {said}")
        _sync(part)
        part.replace(target)
        sync_folder(target.parent)
    except (sqlite3.Error, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DatabaseUnusable(f"{source} could not be copied to {target}: {why}") from error
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
