"""Questions people ask: where is everything, and the whole story of one invoice. Reads only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from worker.model.journey import JourneyState
from worker.store import payments
from worker.store.database import Database
from worker.store.payments import Payment
from worker.store.rows import AttemptRow, DecisionRow, DeliveryRow, EventRow, InvoiceRow, PostbackRow
from worker.store.settlement import settled_minor
from worker.store.tables import attempts, decisions, deliveries, events, invoices, postbacks, warnings


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """Counts for one client. `oldest_undelivered`: when the oldest invoice neither handed over nor parked was
    fetched, as the metric of that name says."""

    client: str
    states: dict[str, int]
    channels: dict[str, int]
    parked: dict[str, int]
    warnings: dict[str, int]
    oldest_undelivered: datetime | None


@dataclass(frozen=True, slots=True)
class Story:
    """Everything known about one invoice. `left_minor`: what is left to pay, as the portal shows it; None for a credit.
    `credited_by`: the credit notes that name it, number and minor units."""

    invoice: InvoiceRow
    warnings: list[tuple[str, str]]
    decisions: list[DecisionRow]
    deliveries: list[DeliveryRow]
    attempts: list[AttemptRow]
    postbacks: list[PostbackRow]
    events: list[EventRow]
    payments: list[Payment]
    left_minor: int | None
    credited_by: list[tuple[str, int]]


# Whoever means our id and nothing else says `id:17`. A bare one may be somebody's number as well; a KID has leading
# zeros, or more digits than a row number can.
_OUR_ID = re.compile("(id:)?([1-9][0-9]{0,17})")
_UNDELIVERED = (
    JourneyState.FETCHED, JourneyState.CHECKED, JourneyState.STAMPED, JourneyState.REGISTERED, JourneyState.ROUTED,
    JourneyState.DELIVERING,
)  # fmt: skip


def client_status(db: Database, *, client: str) -> ClientStatus:
    """Where all of the client's invoices are."""
    own = invoices.c.client == client

    def counts(column: Any, *where: Any, source: Any = invoices) -> dict[str, int]:
        rows = tx.execute(select(column, func.count()).select_from(source).where(own, *where).group_by(column))
        return {str(key): count for key, count in sorted(rows, key=lambda row: str(row[0]))}

    with db.read() as tx:
        return ClientStatus(
            client=client,
            states=counts(invoices.c.state),
            channels=counts(invoices.c.route, invoices.c.route.is_not(None)),
            parked=counts(invoices.c.parked_reason, invoices.c.state == JourneyState.PARKED),
            warnings=counts(warnings.c.code, source=warnings.join(invoices, invoices.c.id == warnings.c.invoice_id)),
            oldest_undelivered=tx.execute(
                select(invoices.c.fetched_at)
                .where(own, invoices.c.state.in_(_UNDELIVERED))
                .order_by(invoices.c.fetched_at)
                .limit(1)
            ).scalar(),
        )


def clients_known(db: Database) -> list[str]:
    """Every client that has invoices here, whether or not its env file is still there."""
    with db.read() as tx:
        return list(tx.execute(select(invoices.c.client).distinct().order_by(invoices.c.client)).scalars())


def parked(db: Database, *, client: str | None = None) -> list[InvoiceRow]:
    """What is parked, oldest first."""
    with db.read() as tx:
        query = select(invoices).where(invoices.c.state == JourneyState.PARKED).order_by(invoices.c.id)
        if client is not None:
            query = query.where(invoices.c.client == client)
        return [InvoiceRow.of(row) for row in tx.execute(query).mappings()]


def all_invoices(db: Database) -> list[InvoiceRow]:
    """Every invoice, oldest first."""
    with db.read() as tx:
        return [InvoiceRow.of(row) for row in tx.execute(select(invoices).order_by(invoices.c.id)).mappings()]


def find(db: Database, reference: str) -> list[InvoiceRow]:
    """Every invoice it fits: by `client/number`, by number, KID, ERP id or our id (`17`); by our id alone (`id:17`)."""
    client, slash, number = reference.partition("/")  # a client's name has no slash, an invoice number may
    where: Any = (invoices.c.number == reference) | (invoices.c.kid == reference) | (invoices.c.erp_id == reference)
    if slash:
        where |= (invoices.c.client == client) & (invoices.c.number == number)
    ours = _OUR_ID.fullmatch(reference)
    if ours is not None:
        own = invoices.c.id == int(ours[2])
        where = own if ours[1] else where | own
    with db.read() as tx:
        rows = tx.execute(select(invoices).where(where).order_by(invoices.c.id)).mappings()
        return [InvoiceRow.of(row) for row in rows]


def story(db: Database, invoice_id: int) -> Story:
    """The whole story. Raises LookupError."""
    with db.read() as tx:
        row = tx.execute(select(invoices).where(invoices.c.id == invoice_id)).mappings().first()
        if row is None:
            raise LookupError(f"no invoice {invoice_id}")
        sent = [
            DeliveryRow.of(r)
            for r in tx.execute(
                select(deliveries).where(deliveries.c.invoice_id == invoice_id).order_by(deliveries.c.number)
            ).mappings()
        ]
        told = [
            PostbackRow.of(r)
            for r in tx.execute(
                select(postbacks).where(postbacks.c.invoice_id == invoice_id).order_by(postbacks.c.id)
            ).mappings()
        ]
        tries = select(attempts).where(
            ((attempts.c.subject == "delivery") & attempts.c.subject_id.in_([d.id for d in sent]))
            | ((attempts.c.subject == "postback") & attempts.c.subject_id.in_([p.id for p in told]))
        )
        invoice = InvoiceRow.of(row)
        owed = None if invoice.is_credit or invoice.payable_minor is None else invoice.payable_minor
        return Story(
            invoice=invoice,
            warnings=[
                (str(code), str(detail))
                for code, detail in tx.execute(
                    select(warnings.c.code, warnings.c.detail)
                    .where(warnings.c.invoice_id == invoice_id)
                    .order_by(warnings.c.code)
                )
            ],
            decisions=[
                DecisionRow.of(r)
                for r in tx.execute(
                    select(decisions).where(decisions.c.invoice_id == invoice_id).order_by(decisions.c.id)
                ).mappings()
            ],
            deliveries=sent,
            attempts=[AttemptRow.of(r) for r in tx.execute(tries.order_by(attempts.c.id)).mappings()],
            postbacks=told,
            events=[
                EventRow.of(r)
                for r in tx.execute(
                    select(events).where(events.c.invoice_id == invoice_id).order_by(events.c.id)
                ).mappings()
            ],
            payments=payments.of_invoice(tx, invoice),
            left_minor=None if owed is None else owed - settled_minor(tx, invoice_id),
            credited_by=[(note.number, abs(note.payable_minor or 0)) for note in payments.credit_notes(tx, invoice)],
        )
