"""Links written down before they are mailed. Looking one up and trying a code is store.links' business."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert

from worker.store.database import Database
from worker.store.tables import links


def add(db: Database, *, delivery_id: int, token_hash: str, code_mac: str, expires_at: datetime, now: datetime) -> None:
    """Adds a link of the delivery. Only hashes are kept."""
    with db.begin() as tx:
        tx.execute(
            insert(links).values(
                delivery_id=delivery_id,
                token_hash=token_hash,
                code_mac=code_mac,
                expires_at=expires_at,
                created_at=now,
            )
        )
