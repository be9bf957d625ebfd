"""Settlement files: taken whole and once, or refused; what they say becomes items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from worker.model.settlement import BankPayment, EventKind, FeedEvent, FileRefused, SettlementFile, SourceFormat
from worker.model.waiting import WaitReason
from worker.store.database import Database
from worker.store.rows import FileRow
from worker.store.settling import AT_ONCE, deciding, slices
from worker.store.tables import settlement_files, settlement_items

LEASE = timedelta(minutes=5)  # a worker that has been at a file for so long is dead
_ROWS = 2_000  # a transaction: a tenth of a second


class FileBusy(RuntimeError):
    """A worker is taking a file just now; the message is the SHA-256 of the one that has to wait."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a file brought. `known` had been taken from other files; `doubtful` is of the new, looks so, and waits."""

    new: int
    known: int
    doubtful: int


def known_file(db: Database, *, sha256: str) -> bool:
    """Whether these very bytes have been taken before. Quarantined ones may come back when the cause is mended."""
    done = (settlement_files.c.sha256 == sha256, settlement_files.c.state == "taken")
    with db.read() as tx:
        return tx.execute(select(settlement_files.c.id).where(*done)).first() is not None


def quarantine_file(
    db: Database, *, name: str, sha256: str, reason: str, line: str, format: str | None, now: datetime
) -> bool:
    """Writes down that a file was refused, and why; of bytes refused before, the latest reason. False when these bytes
    have been taken."""
    values = {
        "name": name[:200],
        "state": "quarantined",
        "reason": reason,
        "line": line[:200],
        "format": format,
        "received_at": now,
    }
    again = update(settlement_files).where(
        settlement_files.c.sha256 == sha256, settlement_files.c.state == "quarantined"
    )
    try:
        with db.begin() as tx:
            if tx.execute(again.values(**values)).rowcount == 0:
                tx.execute(insert(settlement_files).values(sha256=sha256, **values))
        return True
    except IntegrityError:
        return False


def other_bank_format(
    db: Database, *, accounts: Collection[str], format: SourceFormat, since: datetime
) -> SourceFormat | None:
    """The other of the bank's two formats, when it has told payments on one of `accounts` since then."""
    [other] = {SourceFormat.OCR_GIRO, SourceFormat.CAMT_054} - {format}
    files = (
        select(settlement_files.c.id)
        .where(settlement_files.c.format == other, settlement_files.c.received_at >= since)
        .where(settlement_files.c.state == "taken")
    )
    items = select(settlement_items.c.id).where(
        settlement_items.c.file_id.in_(files),
        settlement_items.c.kind == EventKind.PAYMENT,
        settlement_items.c.facts["account"].as_string().in_(sorted(accounts)),
    )
    with db.read() as tx:
        return other if tx.execute(items.limit(1)).first() is not None else None


def latest_files(db: Database, *, limit: int) -> list[FileRow]:
    """The files that came last, newest first."""
    with db.read() as tx:
        rows = tx.execute(select(settlement_files).order_by(settlement_files.c.id.desc()).limit(limit)).mappings()
        return [FileRow.of(row) for row in rows]


def take_file(db: Database, *, name: str, file: SettlementFile, now: datetime) -> Taken | None:
    """Takes the file and everything in it, whole or not at all. None when these bytes were taken before.

    A payment with the bank's own reference, or an event, that is known from another file is left alone. A payment
    without reference that is like a known one may be a true twin: it becomes an item that waits for a person, unless
    the file is one told again (marked so, named as an earlier one, or of several payments with none that is new).

    The items are written some at a time, so that nobody waits long for the database, and count when the last is there;
    what a dead worker left is swept by the next. One file at a time: raises FileBusy while a worker is at one.
    Raises FileRefused when it contradicts what was taken before.
    """
    taking = _begin(db, name=name, file=file, now=now)
    if taking is None:
        return None
    try:
        chunk: list[dict[str, Any]] = []
        for row in taking.rows():
            chunk.append(row)
            if len(chunk) == _ROWS:
                _add(db, chunk)
                chunk = []
        _add(db, chunk)
        with deciding(db) as tx:
            ended = update(settlement_files).where(settlement_files.c.id == taking.file_id)
            ended = ended.where(settlement_files.c.state == "taking")
            if tx.execute(ended.values(state="taken", items=taking.new, known_items=taking.known)).rowcount != 1:
                raise FileBusy(file.sha256)
    except Exception as error:
        with suppress(DBAPIError):  # the lease ends what cannot be undone now
            if not _sweep(db, taking.file_id):
                # Taken for dead after so long, or done and the answer lost: the next run finds out.
                raise FileBusy(file.sha256) from error
        raise
    return Taken(taking.new, taking.known, taking.doubtful)


def _begin(db: Database, *, name: str, file: SettlementFile, now: datetime) -> _Taking | None:
    files = settlement_files.c
    with db.read() as tx:
        at_it = tx.execute(select(files.id, files.received_at).where(files.state == "taking")).first()
    if at_it is not None:
        if at_it.received_at > now - LEASE:
            raise FileBusy(file.sha256)
        _sweep(db, at_it.id)
    with deciding(db) as tx:
        if tx.execute(select(files.id).where(files.state == "taking")).first() is not None:
            raise FileBusy(file.sha256)
        if tx.execute(select(files.id).where(files.sha256 == file.sha256, files.state == "taken")).first() is not None:
            return None
        # Refused before, and put back into the inbox now that the cause is mended.
        tx.execute(delete(settlement_files).where(files.sha256 == file.sha256, files.state == "quarantined"))
        told_before = _told_before(tx, file)
        skipped = [{"what": one.what, "transactions": one.transactions, "minor": one.amount.minor,
                    "currency": one.amount.currency} for one in file.skipped]  # fmt: skip
        file_id = tx.execute(
            insert(settlement_files)
            .values(
                name=name[:200],
                sha256=file.sha256,
                format=file.format,
                identity=file.identity[:200],
                state="taking",
                skipped=skipped or None,
                received_at=now,
            )
            .returning(files.id)
        ).scalar_one()
        return _Taking(file, _seen(tx, file), told_before, _known_events(tx, file), file_id, now)


def _add(db: Database, rows: list[dict[str, Any]]) -> None:
    if rows:
        with db.begin() as tx:
            tx.execute(insert(settlement_items), rows)


def _sweep(db: Database, file_id: int) -> bool:
    """Undoes a file that was not taken whole. Its items are nobody's yet: matching does not look at them.

    False when there is no such file, or it was taken whole.
    """
    items = settlement_items.c
    unfinished = (settlement_files.c.id == file_id, settlement_files.c.state == "taking")
    while True:
        with db.begin() as tx:
            if tx.execute(select(settlement_files.c.id).where(*unfinished).with_for_update()).first() is None:
                return False
            some = select(items.id).where(items.file_id == file_id).limit(AT_ONCE)
            ids = list(tx.execute(some).scalars())
            tx.execute(delete(settlement_items).where(items.id.in_(ids)))
            if len(ids) < AT_ONCE:
                tx.execute(delete(settlement_files).where(*unfinished))
                return True


def _told_before(tx: Connection, file: SettlementFile) -> bool:
    """Whether the sender has told the same before: it says so, or names the file as an earlier one."""
    named_so = select(settlement_files.c.id).where(
        settlement_files.c.format == file.format,
        settlement_files.c.identity == file.identity[:200],
        settlement_files.c.state == "taken",
    )
    return file.copy or tx.execute(named_so.limit(1)).first() is not None


def _seen(tx: Connection, file: SettlementFile) -> dict[str, tuple[int, int]]:
    """By fingerprint, of what has been taken before: how many, and the last one's id."""
    found: dict[str, tuple[int, int]] = {}
    items = settlement_items.c
    for chunk in slices([payment.fingerprint for payment in file.payments]):
        rows = tx.execute(
            select(items.fingerprint, func.count(), func.max(items.id))
            .where(items.fingerprint.in_(chunk))
            .group_by(items.fingerprint)
        )
        found.update({fingerprint: (count, last) for fingerprint, count, last in rows})
    return found


def _known_events(tx: Connection, file: SettlementFile) -> set[str]:
    """Raises FileRefused when an event told before comes with other content: an id means one event for ever."""
    items, found = settlement_items.c, dict[str, dict[str, Any]]()
    for chunk in slices([_event_key(event) for event in file.events]):
        rows = tx.execute(select(items.source_key, items.facts).where(items.source_key.in_(chunk)))
        found.update({row.source_key: row.facts for row in rows})
    for event in file.events:
        before = found.get(_event_key(event))
        if before is not None and _content(before) != _content(_plain(event)):
            message = "an event told before comes again with other content: a change is an event of its own"
            raise FileRefused(message, line=f"{event.position}: event {event.event_id}")
    return set(found)


def _content(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an event, wherever it stands in its file."""
    return {key: value for key, value in facts.items() if key != "position"}


@dataclass(slots=True)
class _Taking:
    """Which of the file's payments and events are new, as rows, one after the other."""

    file: SettlementFile
    seen: Mapping[str, tuple[int, int]]
    told_before: bool
    known_events: set[str]
    file_id: int
    now: datetime
    new: int = 0
    known: int = 0
    doubtful: int = 0
    _added: Counter[str] = field(default_factory=Counter)

    def rows(self) -> Iterator[dict[str, Any]]:
        none_new = len(self.file.payments) > 1 and all(self._seen_as_often(one) for one in self.file.payments)
        told_again = self.told_before or none_new
        for payment in self.file.payments:
            doubtful = self._seen_as_often(payment)
            if doubtful and (payment.identified or told_again):
                self.known += 1
                continue
            self.new += 1
            self.doubtful += doubtful
            yield self._payment_row(payment, doubtful=doubtful)
        for event in self.file.events:
            if _event_key(event) in self.known_events:
                self.known += 1
                continue
            self.new += 1
            yield self._event_row(event)

    def _seen_as_often(self, payment: BankPayment) -> bool:
        return payment.occurrence <= self.seen.get(payment.fingerprint, (0, 0))[0]

    def _payment_row(self, payment: BankPayment, *, doubtful: bool) -> dict[str, Any]:
        before, last = self.seen.get(payment.fingerprint, (0, 0))
        number = payment.occurrence
        if before:
            self._added[payment.fingerprint] += 1
            number = before + self._added[payment.fingerprint]
        return {
            "file_id": self.file_id,
            "source_key": f"bank:{payment.fingerprint}:{number}",
            "fingerprint": payment.fingerprint,
            "position": payment.position[:100],
            "kind": EventKind.PAYMENT,
            "client": None,
            "event_date": payment.booking_date,
            "amount_minor": payment.amount.minor,
            "currency": payment.amount.currency,
            "facts": _plain(payment),
            "state": "new",
            "reason": WaitReason.PERHAPS_KNOWN if doubtful else None,
            "note": f"like item {last}" if doubtful else "",
            "created_at": self.now,
        }

    def _event_row(self, event: FeedEvent) -> dict[str, Any]:
        return {
            "file_id": self.file_id,
            "source_key": _event_key(event),
            "fingerprint": None,
            "position": event.position[:100],
            "kind": event.kind,
            "client": event.client,
            "event_date": event.date,
            "amount_minor": event.amount.minor if event.amount else None,
            "currency": event.amount.currency if event.amount else None,
            "facts": _plain(event),
            "state": "new",
            "reason": None,
            "note": "",
            "created_at": self.now,
        }


def _event_key(event: FeedEvent) -> str:
    return f"feed:{event.event_id}"[:100]


def _plain(value: BankPayment | FeedEvent) -> dict[str, Any]:
    return orjson.loads(orjson.dumps(value))
