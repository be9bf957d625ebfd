"""What has been fetched from the bank's server, by name, size and time of change as the server listed it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from worker.store.database import Database
from worker.store.tables import fetched_files

Listed = tuple[str, int, int]  # name, size, changed


def unknown_among(db: Database, listed: Sequence[Listed]) -> set[Listed]:
    """Those never fetched. 10,000 old files are a few questions, not 10,000."""
    by_hash = {_hash(name): name for name, _, _ in listed}
    known: set[Listed] = set()
    hashes = sorted(by_hash)
    with db.read() as tx:
        for start in range(0, len(hashes), 500):
            rows = tx.execute(
                select(fetched_files.c.name_sha256, fetched_files.c.size, fetched_files.c.changed).where(
                    fetched_files.c.name_sha256.in_(hashes[start : start + 500])
                )
            )
            known.update((by_hash[row.name_sha256], row.size, row.changed) for row in rows)
    return set(listed) - known


def remember(db: Database, listed: Listed, *, sha256: str, now: datetime) -> None:
    """It need not be fetched again. Harmless when it is remembered already."""
    name, size, changed = listed
    values = {"name_sha256": _hash(name), "size": size, "changed": changed, "sha256": sha256, "fetched_at": now}
    try:
        with db.begin() as tx:
            tx.execute(insert(fetched_files).values(**values))
    except IntegrityError:
        return


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
