"""Which invoices are old enough to be forgotten, and what forbids it. Reads only, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from worker.model.document import Kind
from worker.model.journey import DeliveryState, JourneyState
from worker.store.settlement import settled_by_invoice
from worker.store.settling import slices
from worker.store.tables import deliveries, events, invoices, postbacks, settlement_items, voucher_items, vouchers
from worker.support.clock import oslo


class Hold(StrEnum):
    """Why an invoice old enough is kept all the same."""

    PARKED = "parked"
    NOT_POSTED_BACK = "not_posted_back"
    BEING_DELIVERED = "being_delivered"
    MONEY_WAITS = "money_waits"
    UNPAID = "unpaid"


# What a person does about it.
HOLDS: dict[Hold, str] = {
    Hold.PARKED: "work through `parked`; `hold` is the way to keep an invoice on purpose",
    Hold.NOT_POSTED_BACK: "see `invoice show`: it never came to its end",
    Hold.BEING_DELIVERED: "a delivery or report is still to go",
    Hold.MONEY_WAITS: "work through `settlement list`",
    Hold.UNPAID: "payments come in here and do not cover it; `withdraw` it when the claim is given up",
}
REMOVED = ("documents_removed", "personal_data_removed")  # our own lines in a story: they make nothing young again
OPEN_ITEM = ("new", "matched", "waiting")
CLOSED_VOUCHER = ("posted", "reversed")
_ENDED = (JourneyState.POSTED_BACK, JourneyState.WITHDRAWN)
_GOING_OUT = (DeliveryState.READY, DeliveryState.SENDING, DeliveryState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Old:
    """An invoice nothing has happened to since the date asked about. `day`: its issue date, or when it was fetched."""

    id: int
    client: str
    day: date
    hold: Hold | None


def first_instant(before: date) -> datetime:
    """The Norwegian midnight a date begins with."""
    return oslo(before, time())


def old_enough(before: date) -> ColumnElement[bool]:
    """Issued, moved, told of and paid before that date, every bit of it: the bookkeeping year of the last event counts
    for the whole invoice."""
    instant = first_instant(before)
    later_event = select(events.c.id).where(
        events.c.invoice_id == invoices.c.id, events.c.at >= instant, events.c.event.not_in(REMOVED)
    )
    later_money = select(settlement_items.c.id).where(
        settlement_items.c.invoice_id == invoices.c.id,
        or_(settlement_items.c.event_date >= before, settlement_items.c.created_at >= instant),
    )
    return and_(
        or_(invoices.c.issue_date.is_(None), invoices.c.issue_date < before),
        invoices.c.updated_at < instant,
        invoices.c.fetched_at < instant,
        ~later_event.exists(),
        ~later_money.exists(),
    )


def find_old(tx: Connection, wanted: ColumnElement[bool], *, limit: int | None = None) -> list[Old]:
    """Those of the invoices wanted, by id, each with what holds it."""
    rows = tx.execute(
        select(invoices.c.id, invoices.c.client, invoices.c.issue_date, invoices.c.fetched_at)
        .where(wanted)
        .order_by(invoices.c.id)
        .limit(limit)
    ).all()
    held = _holds(tx, [row.id for row in rows])
    return [
        Old(row.id, row.client, row.issue_date or row.fetched_at.date(), held.get(row.id))
        for row in rows
    ]  # fmt: skip


def _holds(tx: Connection, ids: Sequence[int]) -> dict[int, Hold]:
    """Of several holds the one a person should look at first."""
    found: dict[int, Hold] = {}
    for chunk in slices(ids):
        own = invoices.c.id.in_(chunk)
        states = tx.execute(select(invoices.c.id, invoices.c.state).where(own, invoices.c.state.not_in(_ENDED)))
        for invoice_id, state in states:
            found[invoice_id] = Hold.PARKED if state == JourneyState.PARKED else Hold.NOT_POSTED_BACK
        for hold, query in (
            (
                Hold.BEING_DELIVERED,
                select(deliveries.c.invoice_id).where(
                    deliveries.c.invoice_id.in_(chunk), deliveries.c.state.in_(_GOING_OUT)
                ),
            ),
            (
                Hold.BEING_DELIVERED,
                select(postbacks.c.invoice_id).where(
                    postbacks.c.invoice_id.in_(chunk), postbacks.c.state.in_(("ready", "sending", "unknown"))
                ),
            ),
            (
                Hold.MONEY_WAITS,
                select(settlement_items.c.invoice_id)
                .outerjoin(voucher_items, voucher_items.c.item_id == settlement_items.c.id)
                .outerjoin(vouchers, vouchers.c.id == voucher_items.c.voucher_id)
                .where(
                    settlement_items.c.invoice_id.in_(chunk),
                    or_(settlement_items.c.state.in_(OPEN_ITEM), vouchers.c.state.not_in(CLOSED_VOUCHER)),
                ),
            ),
        ):
            for invoice_id in tx.execute(query).scalars():
                found.setdefault(invoice_id, hold)
        for invoice_id in (*_named_by_waiting_money(tx, chunk), *_unpaid(tx, chunk)):
            found.setdefault(invoice_id[0], invoice_id[1])
    return found


def _named_by_waiting_money(tx: Connection, ids: Sequence[int]) -> list[tuple[int, Hold]]:
    """Money that waits for a person and says the invoice's KID."""
    kid = settlement_items.c.facts["kid"].as_string()
    named = select(kid).where(settlement_items.c.state.in_(OPEN_ITEM), settlement_items.c.invoice_id.is_(None))
    query = select(invoices.c.id).where(invoices.c.id.in_(ids), invoices.c.kid.in_(named))
    return [(invoice_id, Hold.MONEY_WAITS) for invoice_id in tx.execute(query).scalars()]


def _unpaid(tx: Connection, ids: Sequence[int]) -> list[tuple[int, Hold]]:
    """What is not covered by payments and credit notes, for clients whose payments come in here at all."""
    paid_here = select(settlement_items.c.id).where(settlement_items.c.client == invoices.c.client).exists()
    notes = invoices.alias("notes")
    credited = (
        select(func.coalesce(func.sum(func.abs(notes.c.payable_minor)), 0))
        .where(
            notes.c.client == invoices.c.client,
            notes.c.credited_number == invoices.c.number,
            notes.c.currency == invoices.c.currency,
            notes.c.kind == Kind.CREDIT_NOTE,
            notes.c.state != JourneyState.WITHDRAWN,
        )
        .scalar_subquery()
    )
    rows = tx.execute(
        select(invoices.c.id, invoices.c.payable_minor, credited).where(
            invoices.c.id.in_(ids),
            invoices.c.kind == Kind.INVOICE,
            invoices.c.state == JourneyState.POSTED_BACK,
            invoices.c.payable_minor > 0,
            paid_here,
        )
    ).all()
    settled = settled_by_invoice(tx, ids)
    return [(row.id, Hold.UNPAID) for row in rows if row.payable_minor > settled.get(row.id, 0) + int(row[2])]
