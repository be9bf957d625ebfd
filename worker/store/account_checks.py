"""The last check of each client's accounts in its ERP: one row a client, written over by the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.store.database import Database
from worker.store.tables import account_checks


@dataclass(frozen=True, slots=True)
class AccountCheckRow:
    """`accounts`: role to account as named then. `findings`: what is wrong, in words."""

    client: str
    accounts: dict[str, str]
    state: str
    findings: list[str]
    checked_at: datetime


def keep(
    db: Database, *, client: str, accounts: Mapping[str, str], state: str, findings: Sequence[str], now: datetime
) -> None:
    """Writes down what the check came to."""
    values = {"accounts": dict(accounts), "state": state, "findings": list(findings), "checked_at": now}
    with db.begin() as tx:
        if tx.execute(update(account_checks).where(account_checks.c.client == client).values(**values)).rowcount:
            return
    try:
        with db.begin() as tx:
            tx.execute(insert(account_checks).values(client=client, **values))
    except IntegrityError:  # another worker's check came first, a moment ago, and says the same
        return


def last(db: Database, *, client: str) -> AccountCheckRow | None:
    """None when the client's accounts were never checked."""
    with db.read() as tx:
        row = tx.execute(select(account_checks).where(account_checks.c.client == client)).mappings().first()
    return AccountCheckRow(**row) if row is not None else None
