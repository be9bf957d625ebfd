"""Deciding about money: one worker at a time, so that nothing it has read changes before it writes."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, func, select

from worker.store.database import Database

T = TypeVar("T")

_SETTLING: Final = 4711_1530  # ours among the server's advisory locks; the same in every version
AT_ONCE: Final = 500  # rows a statement or a transaction: others wait a moment, memory stays small


@contextmanager
def deciding(db: Database) -> Generator[Connection]:
    """One transaction in which no other worker, and no command, decides what a payment belongs to or is booked as.

    What is still owed on an invoice may be read and relied on in it. SQLite lets one writer in at a time as it is.
    """
    with db.begin() as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(select(func.pg_advisory_xact_lock(_SETTLING)))
        yield tx


def slices(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values, as many at a time as a statement may hold."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
