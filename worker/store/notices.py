"""News of providers that tell each once, in a queue: kept here before they are taken off it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, or_, select
from sqlalchemy.exc import IntegrityError

from worker.store.database import Database
from worker.store.tables import provider_notices as notices


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """One kept notice; see ports.Notice."""

    notice_id: str
    key: str
    reference: str
    word: str
    content: str


def keep(db: Database, row: NoticeRow, *, provider: str, now: datetime) -> bool:
    """Keeps it. Returns False when it was kept before (another worker read the queue's head in the same moment)."""
    try:
        with db.begin() as tx:
            tx.execute(
                insert(notices).values(
                    provider=provider,
                    notice_id=row.notice_id,
                    key=row.key,
                    reference=row.reference,
                    word=row.word,
                    content=row.content,
                    kept_at=now,
                )
            )
    except IntegrityError:
        return False
    return True


def about(db: Database, *, provider: str, key: str, reference: str) -> list[NoticeRow]:
    """What is kept about the document with this key or, when one is given, this reference; oldest first."""
    same = notices.c.key == key
    if reference:
        same = or_(same, notices.c.reference == reference)
    query = (
        select(notices.c.notice_id, notices.c.key, notices.c.reference, notices.c.word, notices.c.content)
        .where(notices.c.provider == provider, same)
        .order_by(notices.c.id)
    )
    with db.read() as tx:
        return [NoticeRow(*row) for row in tx.execute(query)]
