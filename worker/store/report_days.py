"""What a daily report is made of: what happened to a client's invoices within a time, and where the rest stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from worker.model.journey import DeliveryState, JourneyState
from worker.model.money import Money
from worker.model.waiting import WaitReason
from worker.store.database import Database
from worker.store.settling import slices
from worker.store.tables import (
    bounces,
    deliveries,
    events,
    failed_recipients,
    invoices,
    postbacks,
    settlement_items,
    slots,
    warnings,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An invoice as the report names it. `total` None: its document has not been read yet."""

    id: int
    number: str
    kind: str
    debtor: str
    total: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Handed over. `again`: the invoice had been before."""

    about: Told
    channel: str
    at: datetime
    again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A delivery that took over from another. `why`: the other's state (`refused`, `expired`, ...)."""

    about: Told
    before: str
    channel: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Parked now. `delivered`: it has been handed over before. `card`: the customer card, as far as it is known."""

    about: Told
    reason: str
    detail: str = field(repr=False)
    since: datetime
    delivered: bool
    card: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    about: Told
    code: str
    detail: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDay:
    """`before` and `after`: how many were not delivered and not withdrawn at either end of the time, each counted by
    itself: before + taken = delivered for the first time + withdrawn + after.

    `parked` is as it stands now. `refused`: what came back or was turned down, by channel. `waiting`: payments and
    events that wait for a person; `direct`: those of them that were paid to the client.
    """

    client: str
    since: datetime
    until: datetime
    before: int
    after: int
    taken: list[tuple[Told, datetime]]
    delivered: list[Handed]
    withdrawn: list[tuple[Told, datetime]]
    told: list[tuple[Told, datetime]]
    statuses: int
    untold: int
    turns: list[Turn]
    refused: list[tuple[Told, str, datetime]]
    short_of_recipients: list[tuple[Told, int]]
    parked: list[Stopped]
    warned: list[Warned]
    missed: list[tuple[str, datetime]]
    waiting: int
    direct: int

    @property
    def first_time(self) -> int:
        return sum(not handed.again for handed in self.delivered)

    @property
    def foots(self) -> bool:
        return self.before + len(self.taken) == self.first_time + len(self.withdrawn) + self.after

    @property
    def is_empty(self) -> bool:
        """Nothing happened, and nothing waits."""
        happened = (self.taken, self.delivered, self.withdrawn, self.told, self.turns, self.refused, self.parked,
                    self.short_of_recipients, self.missed)  # fmt: skip
        return not (any(happened) or self.before or self.after or self.statuses or self.untold or self.waiting)


_first = (
    select(func.min(deliveries.c.handed_over_at))
    .where(deliveries.c.invoice_id == invoices.c.id)
    .correlate(invoices)
    .scalar_subquery()
)
_withdrawn_at = (
    select(func.min(events.c.at))
    .where(
        events.c.invoice_id == invoices.c.id,
        events.c.delivery_id.is_(None),
        events.c.to_state == JourneyState.WITHDRAWN,
    )
    .correlate(invoices)
    .scalar_subquery()
)


def of_client(db: Database, *, client: str, since: datetime, until: datetime) -> ReportDay:
    """What happened from `since` until before `until`, oldest first."""
    own = invoices.c.client == client

    def within(column: Any) -> ColumnElement[bool]:
        return and_(column >= since, column < until)

    with db.read() as tx:
        told = tx.execute(
            select(postbacks.c.invoice_id, postbacks.c.done_at)
            .join(invoices)
            .where(own, postbacks.c.kind == "delivered", postbacks.c.state == "done", within(postbacks.c.done_at))
            .order_by(postbacks.c.id)
        ).all()
        taken = tx.execute(select(invoices.c.id, invoices.c.fetched_at).where(own, within(invoices.c.fetched_at))
                           .order_by(invoices.c.id)).all()  # fmt: skip
        handed = tx.execute(
            select(deliveries.c.invoice_id, deliveries.c.channel, deliveries.c.handed_over_at, _first, _withdrawn_at)
            .join(invoices)
            .where(own, within(deliveries.c.handed_over_at))
            .order_by(deliveries.c.handed_over_at, deliveries.c.id)
        ).all()
        withdrawn = _withdrawn(tx, own, since, until)
        turns = _turns(tx, own, within(deliveries.c.created_at))
        refused = tx.execute(
            select(events.c.invoice_id, deliveries.c.channel, events.c.at)
            .join(invoices, invoices.c.id == events.c.invoice_id)
            .join(deliveries, deliveries.c.id == events.c.delivery_id)
            .where(own, events.c.to_state == DeliveryState.REFUSED, within(events.c.at))
            .order_by(events.c.id)
        ).all()
        short = tx.execute(
            select(deliveries.c.invoice_id, func.count())
            .select_from(failed_recipients.join(deliveries).join(invoices))
            .where(own, within(failed_recipients.c.noted_at), deliveries.c.state != DeliveryState.REFUSED)
            .group_by(deliveries.c.invoice_id)
            .order_by(deliveries.c.invoice_id)
        ).all()
        parked = tx.execute(
            select(invoices.c.id, invoices.c.parked_reason, invoices.c.parked_detail,
                   func.coalesce(invoices.c.parked_since, invoices.c.updated_at), _first, invoices.c.debtor)
            .where(own, invoices.c.state == JourneyState.PARKED)
            .order_by(invoices.c.id)
        ).all()  # fmt: skip
        warned = tx.execute(
            select(warnings.c.invoice_id, warnings.c.code, warnings.c.detail)
            .join(invoices)
            .where(own, within(warnings.c.noted_at))
            .order_by(warnings.c.invoice_id, warnings.c.code)
        ).all()
        ids = {
            row[0] for rows in (told, taken, handed, withdrawn, turns, refused, short, parked, warned) for row in rows
        }
        named = _named(tx, sorted(ids))
        return ReportDay(
            client=client,
            since=since,
            until=until,
            before=_undelivered(tx, own, since),
            after=_undelivered(tx, own, until),
            taken=[(named[key], at) for key, at in taken],
            delivered=_handed(handed, named),
            withdrawn=[(named[key], at) for key, at in withdrawn],
            told=[(named[key], at) for key, at in told],
            statuses=_count(tx, postbacks.join(invoices), own, postbacks.c.kind == "status",
                            postbacks.c.state == "done", within(postbacks.c.done_at)),
            untold=_count(tx, postbacks.join(invoices), own, postbacks.c.kind == "delivered",
                          postbacks.c.state != "done", invoices.c.state != JourneyState.WITHDRAWN,
                          postbacks.c.created_at < until),
            turns=[
                Turn(about=named[key], before=before, channel=channel, why=why, at=at)
                for key, before, channel, why, at in turns
            ],
            refused=[(named[key], channel, at) for key, channel, at in refused],
            short_of_recipients=[(named[key], count) for key, count in short],
            parked=[
                Stopped(about=named[key], reason=reason or "unexpected", detail=detail or "", since=at,
                        delivered=first is not None, card=card or {})
                for key, reason, detail, at, first, card in parked
            ],
            warned=[Warned(about=named[key], code=code, detail=detail) for key, code, detail in warned],
            missed=_missed(tx, client, within(slots.c.ended_at)),
            waiting=_count(tx, settlement_items, settlement_items.c.client == client,
                           settlement_items.c.state == "waiting"),
            direct=_count(tx, settlement_items, settlement_items.c.client == client,
                          settlement_items.c.state == "waiting",
                          settlement_items.c.reason == WaitReason.DIRECT_PAYMENT),
        )  # fmt: skip


def waiting_for_nobody(db: Database) -> tuple[int, int]:
    """What belongs to no client yet: payments and events that wait, and messages of the bounce mailbox."""
    with db.read() as tx:
        items = _count(tx, settlement_items, settlement_items.c.client.is_(None), settlement_items.c.state == "waiting")
        return items, _count(tx, bounces, bounces.c.outcome == "waiting")


def _undelivered(tx: Connection, own: ColumnElement[bool], at: datetime) -> int:
    """How many were here then, neither handed over nor withdrawn."""
    return _count(
        tx,
        invoices,
        own,
        invoices.c.fetched_at < at,
        or_(_first.is_(None), _first >= at),
        or_(_withdrawn_at.is_(None), _withdrawn_at >= at),
    )


def _handed(rows: Iterable[Any], named: dict[int, Told]) -> list[Handed]:
    """In order of time. What was withdrawn first is not delivered for the first time any more."""
    found, seen = list[Handed](), set[int]()
    for key, channel, at, first, withdrawn in rows:
        again = first < at or key in seen or (withdrawn is not None and withdrawn <= at)
        found.append(Handed(about=named[key], channel=channel, at=at, again=again))
        seen.add(key)
    return found


def _withdrawn(
    tx: Connection, own: ColumnElement[bool], since: datetime, until: datetime
) -> list[tuple[int, datetime]]:
    """Withdrawn before they were handed over: what had gone out counts as delivered."""
    rows = tx.execute(
        select(invoices.c.id, _withdrawn_at.label("at"))
        .where(
            own,
            invoices.c.state == JourneyState.WITHDRAWN,
            _withdrawn_at >= since,
            _withdrawn_at < until,
            or_(_first.is_(None), _first >= _withdrawn_at),
        )
        .order_by(invoices.c.id)
    )
    return [(key, at) for key, at in rows]


def _turns(
    tx: Connection, own: ColumnElement[bool], made: ColumnElement[bool]
) -> list[tuple[int, str, str, str, datetime]]:
    earlier = deliveries.alias("earlier")
    rows = tx.execute(
        select(
            deliveries.c.invoice_id, earlier.c.channel, deliveries.c.channel, earlier.c.state, deliveries.c.created_at
        )
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
        .join(
            earlier,
            and_(earlier.c.invoice_id == deliveries.c.invoice_id, earlier.c.number == deliveries.c.number - 1),
        )
        .where(own, made)
        .order_by(deliveries.c.id)
    )
    return [(key, before, channel, why, at) for key, before, channel, why, at in rows]


def _missed(tx: Connection, client: str, within: ColumnElement[bool]) -> list[tuple[str, datetime]]:
    rows = tx.execute(
        select(slots.c.job, slots.c.slot)
        .where(slots.c.client == client, slots.c.state == "missed", within)
        .order_by(slots.c.slot, slots.c.job)
    )
    return [(job, slot) for job, slot in rows]


def _named(tx: Connection, ids: list[int]) -> dict[int, Told]:
    columns = (invoices.c.id, invoices.c.number, invoices.c.kind, invoices.c.debtor_code, invoices.c.payable_minor,
               invoices.c.currency)  # fmt: skip
    found: dict[int, Told] = {}
    for chunk in slices(ids):
        for key, number, kind, debtor, minor, currency in tx.execute(select(*columns).where(invoices.c.id.in_(chunk))):
            total = Money(minor, currency) if minor is not None and currency else None
            signed = -total if total is not None and kind == "credit_note" else total
            found[key] = Told(id=key, number=number, kind=kind, debtor=debtor, total=signed)
    return found


def _count(tx: Connection, source: Any, *where: Any) -> int:
    return tx.execute(select(func.count()).select_from(source).where(*where)).scalar_one()
