"""`purge`: what has been kept long enough goes. Looking and removing are one walk, so that a dry run tells the truth.

The order is that of dependence: what lives for days, documents, the words on an invoice's rows, its money, files.
A run that is killed has removed whole batches; the next one finishes what it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from worker.ports import DocumentStore
from worker.store import retention
from worker.store.database import Database
from worker.store.holds import Hold, Old
from worker.store.personal import Removal
from worker.store.retention import OldRow
from worker.store.short_lived import SHELVES, midnight, old_rows, remove_rows
from worker.support.clock import oslo_date

T = TypeVar("T", Old, OldRow)


class Keeping(Protocol):
    """How long each kind is kept (settings RETENTION_…)."""

    @property
    def retention_years(self) -> int: ...
    @property
    def retention_personal_years(self) -> int: ...
    @property
    def retention_link_days(self) -> int: ...
    @property
    def retention_words_days(self) -> int: ...
    @property
    def retention_caller_days(self) -> int: ...
    @property
    def retention_lookup_days(self) -> int: ...
    @property
    def retention_run_days(self) -> int: ...


def limits(keeping: Keeping, *, now: datetime) -> dict[Removal, date]:
    """The first date of each kind that is still kept.

    Bookkeeping documents are kept for five years after the end of the financial year (bokføringsloven § 13): what
    belongs to 2026 goes on 1 January 2032.
    """
    today = oslo_date(now)
    documents = date(today.year - keeping.retention_years, 1, 1)
    personal = date(today.year - keeping.retention_personal_years, 1, 1)
    return {
        Removal.DOCUMENTS: documents,
        Removal.PERSONAL_DATA: personal,
        Removal.SETTLEMENT: personal,
        Removal.SETTLEMENT_FILES: documents,
        Removal.LINKS: today - timedelta(days=keeping.retention_link_days),
        Removal.WORDS: today - timedelta(days=keeping.retention_words_days),
        Removal.CALLERS: today - timedelta(days=keeping.retention_caller_days),
        Removal.LOOKUPS: today - timedelta(days=keeping.retention_lookup_days),
        Removal.RUNS: today - timedelta(days=keeping.retention_run_days),
    }


@dataclass(slots=True)
class Tally:
    """How many, and the oldest day among them."""

    count: int = 0
    oldest: date = date.max

    def add(self, day: date) -> None:
        self.count += 1
        self.oldest = min(self.oldest, day)


@dataclass(slots=True)
class Purged:
    """What went, or would go, by kind and client (empty: nobody's in particular). `held`: what is old enough and stays,
    by client and why. `finished`: rows an earlier run had left half way."""

    went: dict[tuple[Removal, str], Tally] = field(default_factory=dict)
    held: dict[tuple[str, Hold], Tally] = field(default_factory=dict)
    finished: int = 0

    def count(self, kind: Removal, client: str, day: date) -> None:
        self.went.setdefault((kind, client), Tally()).add(day)


Step = Callable[[str, int], None]  # what is being worked on, how many more are done


def purge(
    db: Database, documents: DocumentStore, until: dict[Removal, date], *, now: datetime, remove: bool, step: Step
) -> Purged:
    """Walks through everything; removes it when told to. Raises OSError (the document store is away): run it again."""
    walk = _Walk(db, documents, until, now, remove, step, Purged())
    if remove:
        walk.told.finished = walk.remove_bytes()
    walk.shelves()
    walk.documents_of_invoices()
    walk.money(walk.personal_data())
    walk.files()
    return walk.told


@dataclass(frozen=True, slots=True)
class _Walk:
    db: Database
    store: DocumentStore
    until: dict[Removal, date]
    now: datetime
    remove: bool
    step: Step
    told: Purged
    _met: set[int] = field(default_factory=set[int])

    def documents_of_invoices(self) -> None:
        before = self.until[Removal.DOCUMENTS]
        for batch in _batches(lambda last: retention.old_documents(self.db, before=before, after_id=last)):
            free = self._free(batch)
            if self.remove:
                ids = retention.let_documents_go(self.db, [one.id for one in free], before=before, now=self.now)
                self.remove_bytes()
                free = [one for one in free if one.id in set(ids)]
            self._counted(Removal.DOCUMENTS, [(one.client, one.day) for one in free])

    def personal_data(self) -> set[int]:
        """Returns the invoices that were emptied, or would be."""
        before, emptied = self.until[Removal.PERSONAL_DATA], set[int]()
        for batch in _batches(lambda last: retention.old_personal_data(self.db, before=before, after_id=last)):
            free = self._free(batch)
            if self.remove:
                ids = [one.id for one in free]
                done = set(retention.remove_personal_data(self.db, ids, before=before, now=self.now))
                free = [one for one in free if one.id in done]
            emptied |= {one.id for one in free}
            self._counted(Removal.PERSONAL_DATA, [(one.client, one.day) for one in free])
        return emptied

    def money(self, invoices: set[int]) -> None:
        before, items = self.until[Removal.SETTLEMENT], set[int]()
        for batch in _batches(lambda last: retention.old_items(self.db, before=before, after_id=last)):
            free = [row for row in batch if invoices.issuperset(row.after)]
            if self.remove:
                retention.empty_items(self.db, [row.id for row in free], now=self.now)
            items |= {row.id for row in free}
            self._counted(Removal.SETTLEMENT, [(row.client, row.day) for row in free])
        for batch in _batches(lambda last: retention.old_vouchers(self.db, before=before, after_id=last)):
            free = [row for row in batch if items.issuperset(row.after)]
            if self.remove:
                retention.empty_vouchers(self.db, [row.id for row in free], now=self.now)
            self._counted(Removal.SETTLEMENT, [(row.client, row.day) for row in free])

    def files(self) -> None:
        before = self.until[Removal.SETTLEMENT_FILES]
        while days := retention.let_files_go(self.db, before=before, remove=self.remove):
            self._counted(Removal.SETTLEMENT_FILES, [("", day) for day in days])
            if not self.remove:
                return
            self.remove_bytes()

    def shelves(self) -> None:
        for shelf in SHELVES:
            before = midnight(self.until[shelf.kind])
            rows = old_rows(self.db, shelf, before=before)
            for client, day in rows:
                self.told.count(shelf.kind, client, day)
            while self.remove and (done := remove_rows(self.db, shelf, before=before)):
                self.step(shelf.kind, done)

    def remove_bytes(self) -> int:
        """Removes the bytes of everything said to be going, whoever said so. Returns of how many rows."""
        total = 0
        while batch := retention.going(self.db):
            for sha256 in sorted({sha256 for one in batch for sha256 in one.free}):
                self.store.remove(sha256=sha256)
            retention.gone(self.db, batch)
            total += len(batch)
        return total

    def _free(self, batch: list[Old]) -> list[Old]:
        """Those nothing holds; the held are counted once, for the first kind that meets them."""
        for one in batch:
            if one.hold is not None and one.id not in self._met:
                self._met.add(one.id)
                self.told.held.setdefault((one.client, one.hold), Tally()).add(one.day)
        return [one for one in batch if one.hold is None]

    def _counted(self, kind: Removal, rows: list[tuple[str, date]]) -> None:
        for client, day in rows:
            self.told.count(kind, client, day)
        self.step(kind, len(rows))


def _batches(ask: Callable[[int], list[T]]) -> Iterator[list[T]]:
    last = 0
    while batch := ask(last):
        yield batch
        last = batch[-1].id
