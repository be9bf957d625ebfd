"""What is of use for days or months only: link rows, outsiders' words, callers, look-ups, runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, or_, select, tuple_, update

from worker.model.journey import DeliveryState, JourneyState
from worker.store import retention
from worker.store.database import Database
from worker.store.personal import Removal
from worker.store.tables import (
    bounces,
    code_requests,
    completeness_checks,
    daily_reports,
    deliveries,
    ehf_responses,
    invoices,
    links,
    portal_guards,
    print_receipts,
    provider_notices,
    reach,
    slots,
)

_GOING_OUT = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A table's rows of one age. `emptied`: the columns that lose their content; None: the row goes as a whole.

    `wanted` is asked with the first instant that is kept.
    """

    kind: Removal
    table: Table
    at: Any
    wanted: Callable[[datetime], ColumnElement[bool]]
    emptied: dict[str, Any] | None = None
    client: Any = None


def _full(table: Table, *names: str) -> ColumnElement[bool]:
    return or_(*(table.c[name] != "" for name in names))


def _unheld(delivery: ColumnElement[bool]) -> ColumnElement[bool]:
    """Nothing of a parked invoice goes: `hold` keeps all there is to a dispute."""
    parked = (
        select(deliveries.c.id)
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
        .where(delivery, invoices.c.state == JourneyState.PARKED)
    )
    return ~parked.exists()


def _links_over(before: datetime) -> ColumnElement[bool]:
    open_ = select(deliveries.c.id).where(deliveries.c.id == links.c.delivery_id, deliveries.c.state.in_(_GOING_OUT))
    mail = select(code_requests.c.id).where(
        code_requests.c.link_id == links.c.id, code_requests.c.state.in_(("ready", "sending"))
    )
    return and_(
        links.c.expires_at < before, ~open_.exists(), ~mail.exists(), _unheld(deliveries.c.id == links.c.delivery_id)
    )


_LINK_CLIENT = (
    select(invoices.c.client)
    .join(deliveries, deliveries.c.invoice_id == invoices.c.id)
    .where(deliveries.c.id == links.c.delivery_id)
    .scalar_subquery()
)
SHELVES = (
    Shelf(
        Removal.WORDS, bounces, bounces.c.noted_at,
        lambda before: and_(
            bounces.c.noted_at < before, bounces.c.outcome != "waiting", _full(bounces, "detail", "note"),
            _unheld(deliveries.c.id == bounces.c.delivery_id),
        ),
        {"detail": "", "note": ""},
    ),
    Shelf(
        Removal.WORDS, print_receipts, print_receipts.c.noted_at,
        lambda before: and_(
            print_receipts.c.noted_at < before, print_receipts.c.outcome != "waiting",
            _full(print_receipts, "detail", "note", "file"),
            _unheld(deliveries.c.id == print_receipts.c.delivery_id),
        ),
        {"detail": "", "note": "", "file": ""},
    ),
    Shelf(
        Removal.WORDS, ehf_responses, ehf_responses.c.noted_at,
        lambda before: and_(
            ehf_responses.c.noted_at < before, _full(ehf_responses, "answer"),
            _unheld(deliveries.c.id == ehf_responses.c.delivery_id),
        ),
        {"answer": ""},
    ),
    Shelf(
        Removal.WORDS, provider_notices, provider_notices.c.kept_at,
        lambda before: and_(
            provider_notices.c.kept_at < before, _full(provider_notices, "content"),
            _unheld(deliveries.c.key == provider_notices.c.key),
        ),
        {"content": ""},
    ),
    Shelf(
        Removal.WORDS, daily_reports, daily_reports.c.created_at,
        lambda before: and_(daily_reports.c.created_at < before, _full(daily_reports, "answer")),
        {"answer": ""}, daily_reports.c.client,
    ),
    Shelf(
        Removal.CALLERS, code_requests, code_requests.c.created_at,
        lambda before: and_(code_requests.c.created_at < before, _full(code_requests, "caller")),
        {"caller": ""},
    ),
    Shelf(
        Removal.CALLERS, portal_guards, portal_guards.c.window_start,
        lambda before: portal_guards.c.window_start < before,
    ),
    Shelf(Removal.LOOKUPS, reach, reach.c.looked_up_at, lambda before: reach.c.looked_up_at < before),
    Shelf(
        Removal.RUNS, slots, slots.c.slot,
        lambda before: and_(slots.c.slot < before, slots.c.state != "running"), None, slots.c.client,
    ),
    Shelf(
        Removal.RUNS, completeness_checks, completeness_checks.c.day,
        lambda before: completeness_checks.c.day < before.astimezone(UTC).date(), None, completeness_checks.c.client,
    ),
    # After what is emptied of the codes asked for it: a link takes them along.
    Shelf(Removal.LINKS, links, links.c.expires_at, _links_over, client=_LINK_CLIENT),
)  # fmt: skip


def old_rows(db: Database, shelf: Shelf, *, before: datetime) -> list[tuple[str, date]]:
    """Whose each row is (empty: nobody's in particular) and its day."""
    client = shelf.client if shelf.client is not None else shelf.table.c[shelf.at.name]
    with db.read() as tx:
        rows = tx.execute(select(client, shelf.at).where(shelf.wanted(before)))
        return [("" if shelf.client is None else row[0], _day(row[1])) for row in rows]


def remove_rows(db: Database, shelf: Shelf, *, before: datetime) -> int:
    """Removes or empties a batch. Returns how many; 0 when there are none left."""
    keys: Sequence[Any] = list(shelf.table.primary_key.columns)
    with db.begin() as tx:
        found = [tuple(row) for row in tx.execute(select(*keys).where(shelf.wanted(before)).limit(retention.BATCH))]
        if not found or shelf.kind is Removal.LINKS:
            pass
        elif shelf.emptied is None:
            tx.execute(delete(shelf.table).where(tuple_(*keys).in_(found)))
        else:
            tx.execute(update(shelf.table).where(tuple_(*keys).in_(found)).values(shelf.emptied))
    if found and shelf.kind is Removal.LINKS:
        retention.remove_links(db, [row[0] for row in found])
    return len(found)


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at


def midnight(day: date) -> datetime:
    """The UTC midnight a day begins with: to the hour is near enough for what is counted in days."""
    return datetime.combine(day, time(), tzinfo=UTC)
