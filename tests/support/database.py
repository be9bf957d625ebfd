"""A database at head in a few milliseconds: a SQLite file is migrated once a process and copied from then on.

tests/unit/store/test_store_migrations.py proves the migrations themselves.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from worker.store.database import Database, migrate


def prepared(db: Database) -> None:
    """Brings an empty database to head."""
    if db.file is None or db.file.exists():
        migrate(db)
        return
    db.file.parent.mkdir(parents=True, exist_ok=True)
    db.file.write_bytes(_at_head())


@cache
def _at_head() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{Path(folder) / 'template.db'}")
        migrate(db)
        db.close()  # the last connection to close writes the log back into the file
        assert db.file is not None
        return db.file.read_bytes()
