"""Attempts: one row a try, only ever added to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from worker.store.database import Database
from worker.store.tables import attempts
from worker.support import metrics


def add_attempt(
    tx: Connection,
    *,
    subject: str,
    subject_id: int,
    fence: int,
    act: str,
    started_at: datetime,
    ended_at: datetime,
    outcome: str,
    vendor_reference: str,
    answer: str,
) -> None:
    """Adds the row that says what one try came to."""
    tx.execute(
        insert(attempts).values(
            subject=subject,
            subject_id=subject_id,
            fence=fence,
            act=act,
            started_at=started_at,
            ended_at=ended_at,
            outcome=outcome,
            vendor_reference=vendor_reference,
            answer=answer[:2000],
        )
    )
    metrics.attempted(subject=subject, act=act, outcome=outcome)


def last_send(db: Database, delivery_id: int) -> datetime | None:
    """When the last try to send the delivery ended; None when none is on record."""
    with db.begin() as tx:
        return tx.execute(
            select(func.max(attempts.c.ended_at)).where(
                attempts.c.subject == "delivery", attempts.c.subject_id == delivery_id, attempts.c.act == "send"
            )
        ).scalar()
