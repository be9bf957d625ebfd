"""The invoice's story: lines that are only ever added, each bound to the one before it by its hash.

A line's hash is SHA-256 over its place, its fields and the hash before it; the first stands on the invoice's identity.
How many lines there are, and the last hash, stand in `stories`. Whoever changes, removes or adds a line behind the
program's back is found by `verify`; whoever rewrites everything from there on is found by the digest, when an older one
was kept elsewhere (each settlement run logs it).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, insert, literal, select, update

from worker.store.database import Database
from worker.store.tables import events, invoices, stories
from worker.store.tables.types import storable

_AT_ONCE = 5_000  # rows in memory while verifying
_HEADS = select(
    invoices.c.id,
    invoices.c.client,
    invoices.c.erp,
    invoices.c.erp_id,
    invoices.c.state,
    stories.c.length,
    stories.c.head,
).select_from(invoices.outerjoin(stories, stories.c.invoice_id == invoices.c.id))


def begin_story(tx: Connection, invoice_id: int, *, client: str, erp: str, erp_id: str) -> None:
    """The ground the first line stands on."""
    first = origin(client=client, erp=erp, erp_id=erp_id)
    tx.execute(insert(stories).values(invoice_id=invoice_id, length=0, head=first))


def add_event(
    tx: Connection,
    invoice_id: int,
    event: str,
    *,
    now: datetime,
    delivery_id: int | None = None,
    from_state: str | None = None,
    to_state: str | None = None,
    detail: str = "",
) -> None:
    """Adds a line to the invoice's story. Raises LookupError when there is no such invoice.

    The story's own row is locked last of all (after invoice and delivery), so lines are added one at a time.
    """
    taken = tx.execute(
        update(stories)
        .where(stories.c.invoice_id == invoice_id)
        .values(length=stories.c.length + 1)
        .returning(stories.c.length, stories.c.head)
    ).first()
    if taken is None:
        raise LookupError(f"no invoice {invoice_id}")
    detail = storable(detail)
    line: dict[str, Any] = {
        "sequence": taken.length,
        "at": now,
        "event": str(event),
        "delivery_id": delivery_id,
        "from_state": str(from_state) if from_state is not None else None,
        "to_state": str(to_state) if to_state is not None else None,
        "detail_sha256": sha256(detail),
    }
    head = link(taken.head, line)
    tx.execute(insert(events).values(invoice_id=invoice_id, detail=detail, hash=head, **line))
    tx.execute(update(stories).where(stories.c.invoice_id == invoice_id).values(head=head))


def origin(*, client: str, erp: str, erp_id: str) -> str:
    """What the first line's hash stands on."""
    return sha256(json.dumps([client, erp, erp_id], ensure_ascii=False))


def link(before: str, line: dict[str, Any] | RowMapping) -> str:
    """The hash of a line. `detail` goes in by its own hash, so that personal data in it can be removed later."""
    at: datetime = line["at"]
    fields = [
        before,
        line["sequence"],
        at.astimezone(UTC).isoformat(timespec="microseconds"),
        line["event"],
        line["delivery_id"],
        line["from_state"],
        line["to_state"],
        line["detail_sha256"],
    ]
    return sha256(json.dumps(fields, ensure_ascii=False))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Fault:
    """A story that is not as it was written. `what` in words, without the lines' content."""

    invoice_id: int
    what: str


@dataclass(slots=True)
class Verified:
    """What `verify` has seen. `digest`: SHA-256 over every story's last hash, in the order of the invoices."""

    stories: int = 0
    lines: int = 0
    digest: str = ""


def verify(db: Database, seen: Verified, *, client: str | None = None) -> Iterator[Fault]:
    """Reads every story from its first line to its last and yields what is wrong with it. `seen` is filled meanwhile.

    Works in bounded memory. Each invoice's state must be what its story last said, too.
    """
    total = hashlib.sha256()
    with db.read() as tx:
        own = invoices.c.client == client if client is not None else literal(True)
        heads = tx.execution_options(yield_per=_AT_ONCE).execute(_HEADS.where(own).order_by(invoices.c.id)).mappings()
        lines = _Lines(tx, own)
        for invoice in heads:
            seen.stories += 1
            told = list(lines.of(invoice["id"]))
            seen.lines += len(told)
            total.update(f"{invoice['id']}:{invoice['head']}\n".encode())
            what = _fault(invoice, told)
            if what:
                yield Fault(invoice["id"], what)
    seen.digest = total.hexdigest()


def digest(db: Database, *, client: str) -> Verified:
    """The digest alone, without reading the lines: what a log line a day keeps for later."""
    seen, total = Verified(), hashlib.sha256()
    with db.read() as tx:
        rows = tx.execution_options(yield_per=_AT_ONCE).execute(
            select(stories.c.invoice_id, stories.c.head, stories.c.length)
            .join(invoices, invoices.c.id == stories.c.invoice_id)
            .where(invoices.c.client == client)
            .order_by(stories.c.invoice_id)
        )
        for invoice_id, head, length in rows:
            seen.stories += 1
            seen.lines += length
            total.update(f"{invoice_id}:{head}\n".encode())
    seen.digest = total.hexdigest()
    return seen


def check(db: Database, invoice_id: int) -> str:
    """What is wrong with one invoice's story; empty when it is as it was written. Raises LookupError."""
    with db.read() as tx:
        invoice = tx.execute(_HEADS.where(invoices.c.id == invoice_id)).mappings().first()
        if invoice is None:
            raise LookupError(f"no invoice {invoice_id}")
        lines = select(events).where(events.c.invoice_id == invoice_id).order_by(events.c.sequence, events.c.id)
        return _fault(invoice, list(tx.execute(lines).mappings()))


class _Lines:
    """All lines in the order of their invoices, read once beside the invoices themselves."""

    def __init__(self, tx: Connection, own: Any) -> None:
        rows = tx.execution_options(yield_per=_AT_ONCE).execute(
            select(events)
            .join(invoices, and_(invoices.c.id == events.c.invoice_id, own))
            .order_by(events.c.invoice_id, events.c.sequence, events.c.id)
        )
        self._rows = iter(rows.mappings())
        self._next = next(self._rows, None)

    def of(self, invoice_id: int) -> Generator[RowMapping]:
        while self._next is not None and self._next["invoice_id"] <= invoice_id:
            if self._next["invoice_id"] == invoice_id:
                yield self._next
            self._next = next(self._rows, None)


def _fault(invoice: RowMapping, told: list[RowMapping]) -> str:
    if invoice["head"] is None:
        return "it has no story at all"
    before = origin(client=invoice["client"], erp=invoice["erp"], erp_id=invoice["erp_id"])
    state = None
    for place, line in enumerate(told, start=1):
        if line["sequence"] != place:
            return f"line {place} is missing"
        if line["detail"] is not None and sha256(line["detail"]) != line["detail_sha256"]:
            return f"the words of line {place} were changed"
        before = link(before, line)
        if before != line["hash"]:
            return f"line {place} was changed, or the one before it replaced"
        if line["delivery_id"] is None and line["to_state"] is not None:
            state = line["to_state"]
    if len(told) != invoice["length"]:
        return f"{invoice['length']} lines were written and {len(told)} are here"
    if before != invoice["head"]:
        return "the last line is not the one that was written last"
    if state != invoice["state"]:
        return f"it stands as {invoice['state']}, and its story says {state}"
    return ""
