"""Invoices: taken in, moved along, parked and resumed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.model.journey import IllegalTransition, JourneyEvent, JourneyState
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.store import moves
from worker.store.database import Database
from worker.store.rows import InvoiceRow
from worker.store.story import begin_story
from worker.store.tables import decisions, deliveries, invoices, kids, warnings


class KidTaken(RuntimeError):
    """Another invoice on the account has this KID."""


def known_erp_ids(db: Database, *, client: str, erp_ids: Sequence[str]) -> set[str]:
    """Those of `erp_ids` that are already here."""
    found: set[str] = set()
    with db.read() as tx:
        for start in range(0, len(erp_ids), 500):
            chunk = erp_ids[start : start + 500]
            found.update(
                tx.execute(
                    select(invoices.c.erp_id).where(invoices.c.client == client, invoices.c.erp_id.in_(chunk))
                ).scalars()
            )
    return found


def add_fetched(
    db: Database,
    *,
    client: str,
    erp: str,
    erp_id: str,
    kind: str,
    number: str,
    debtor_code: str,
    erp_row: dict[str, Any],
    now: datetime,
) -> int | None:
    """One row per (client, ERP id). Returns the new id, or None when somebody was first."""
    try:
        with db.begin() as tx:
            new_id = tx.execute(
                insert(invoices)
                .values(
                    client=client,
                    erp=erp,
                    erp_id=erp_id,
                    kind=kind,
                    number=number,
                    debtor_code=debtor_code,
                    erp_row=erp_row,
                    credited_number=str(erp_row.get("original_number") or "") or None,
                    state=JourneyState.FETCHED,
                    fetched_at=now,
                    updated_at=now,
                )
                .returning(invoices.c.id)
            ).scalar_one()
            begin_story(tx, new_id, client=client, erp=erp, erp_id=erp_id)
            moves.add_event(tx, new_id, "fetched", now=now, to_state=JourneyState.FETCHED)
            return new_id
    except IntegrityError:
        if known_erp_ids(db, client=client, erp_ids=[erp_id]):
            return None
        raise


def get(db: Database, invoice_id: int) -> InvoiceRow:
    """Raises LookupError."""
    with db.read() as tx:
        row = tx.execute(select(invoices).where(invoices.c.id == invoice_id)).mappings().first()
    if row is None:
        raise LookupError(f"no invoice {invoice_id}")
    return InvoiceRow.of(row)


def in_state(db: Database, *, client: str, state: JourneyState) -> list[InvoiceRow]:
    """Oldest first."""
    with db.read() as tx:
        rows = tx.execute(
            select(invoices).where(invoices.c.client == client, invoices.c.state == state).order_by(invoices.c.id)
        ).mappings()
        return [InvoiceRow.of(row) for row in rows]


def parked_for(db: Database, *, client: str, reasons: Iterable[ParkedReason]) -> list[InvoiceRow]:
    """Those parked for one of `reasons`, oldest first."""
    with db.read() as tx:
        rows = tx.execute(
            select(invoices)
            .where(
                invoices.c.client == client,
                invoices.c.state == JourneyState.PARKED,
                invoices.c.parked_reason.in_([str(reason) for reason in reasons]),
            )
            .order_by(invoices.c.id)
        ).mappings()
        return [InvoiceRow.of(row) for row in rows]


def move(
    db: Database, invoice_id: int, event: JourneyEvent, *, now: datetime, detail: str = "", **values: Any
) -> JourneyState:
    """Moves the invoice and sets `values`, in one transaction. Raises IllegalTransition."""
    with db.begin() as tx:
        return moves.move_invoice(tx, moves.invoice_row(tx, invoice_id), event, now=now, detail=detail, **values)


def keep(db: Database, invoice_id: int, *, now: datetime, **values: Any) -> None:
    """Sets values without a move (the document's hash, the customer card used)."""
    with db.begin() as tx:
        tx.execute(update(invoices).where(invoices.c.id == invoice_id).values(updated_at=now, **values))


def park(
    db: Database, invoice_id: int, reason: ParkedReason, detail: str, *, now: datetime, found_in: str | None = None
) -> None:
    """Parks the invoice, to return to the state it is in.

    `found_in`: the state it was in when the verdict was made. Raises IllegalTransition when another worker has moved it
    on since: a verdict on a step that has been done must not stop what comes after.
    """
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        if found_in is not None and invoice.state != found_in:
            raise IllegalTransition(f"invoice {invoice_id} is no longer {found_in}")
        moves.park_invoice(tx, invoice, reason, detail, now=now)


def resume(db: Database, invoice_id: int, *, now: datetime, detail: str) -> JourneyState:
    """A parked invoice goes back to where it stood. Raises IllegalTransition when it is not parked."""
    with db.begin() as tx:
        return moves.move_invoice(tx, moves.invoice_row(tx, invoice_id), JourneyEvent.RESUMED, now=now, detail=detail)


def set_warnings(
    db: Database,
    invoice_id: int,
    found: dict[InvoiceWarning, str],
    *,
    among: Iterable[InvoiceWarning],
    now: datetime,
) -> None:
    """Makes `found` the invoice's warnings among `among`; other warnings stay."""
    with db.begin() as tx:
        had = set(tx.execute(select(warnings.c.code).where(warnings.c.invoice_id == invoice_id)).scalars())
        gone = [str(code) for code in among if code in had and code not in found]
        tx.execute(delete(warnings).where(warnings.c.invoice_id == invoice_id, warnings.c.code.in_(gone)))
        for code, detail in found.items():
            if code not in had:
                tx.execute(insert(warnings).values(invoice_id=invoice_id, code=str(code), detail=detail, noted_at=now))


def allocate_kid(db: Database, invoice_id: int, *, account: str, kid: str, now: datetime) -> str:
    """Gives the invoice its KID once, whatever is retried: an invoice that has one on the account keeps it.

    When the client has got another factor account before the invoice was stamped, the KID of the old account is given
    up for one on the new: a payment is known by account and KID together, and nobody has seen the old one.

    Raises KidTaken when another invoice on the account has it, LookupError.
    """
    try:
        with db.begin() as tx:
            # Two workers on the same invoice: the second finds what the first gave.
            invoice = moves.invoice_row(tx, invoice_id)
            own = tx.execute(select(kids.c.account, kids.c.kid).where(kids.c.invoice_id == invoice_id)).first()
            if own is not None and (own.account == account or invoice.stamped_sha256):
                return own.kid
            tx.execute(delete(kids).where(kids.c.invoice_id == invoice_id))
            tx.execute(insert(kids).values(account=account, kid=kid, invoice_id=invoice_id, allocated_at=now))
            return kid
    except IntegrityError as error:
        raise KidTaken(f"the KID is taken on account ending {account[-4:]}") from error


def held_numbers(db: Database, *, client: str, numbers: Sequence[str]) -> set[str]:
    """Those of the client's invoice `numbers` that are here as invoices (not credit notes)."""
    with db.read() as tx:
        return set(
            tx.execute(
                select(invoices.c.number).where(
                    invoices.c.client == client, invoices.c.kind == "invoice", invoices.c.number.in_(list(numbers))
                )
            ).scalars()
        )


def route(
    db: Database,
    invoice_id: int,
    *,
    channel: str,
    address: str,
    key: str,
    reason: str,
    considered: list[list[str]],
    now: datetime,
    evidence: list[dict[str, Any]] | None = None,
) -> None:
    """Records the decision with what was looked up for it and writes the first delivery, in one transaction."""
    with db.begin() as tx:
        invoice = moves.invoice_row(tx, invoice_id)
        moves.move_invoice(
            tx, invoice, JourneyEvent.ROUTE_CHOSEN, now=now, detail=reason, route=channel, route_reason=reason
        )
        tx.execute(
            insert(decisions).values(
                invoice_id=invoice_id, at=now, channel=channel, reason=reason, considered=considered, evidence=evidence
            )
        )
        tx.execute(
            insert(deliveries).values(
                invoice_id=invoice_id,
                number=1,
                channel=channel,
                state="ready",
                address=address,
                reason=reason,
                key=key,
                due_at=now,
                created_at=now,
            )
        )


def note_decision(
    db: Database,
    invoice_id: int,
    *,
    reason: str,
    considered: list[list[str]],
    now: datetime,
    channel: str | None = None,
    evidence: list[dict[str, Any]] | None = None,
) -> None:
    """Records a decision that chose no channel, or with `channel` one that stays with the channel chosen before."""
    with db.begin() as tx:
        tx.execute(
            insert(decisions).values(
                invoice_id=invoice_id, at=now, channel=channel, reason=reason, considered=considered, evidence=evidence
            )
        )


def undecided_since(db: Database, invoice_id: int) -> datetime | None:
    """Since when the invoice has stood where it is with a decision that chose no channel; None when there is none."""
    with db.read() as tx:
        return tx.execute(
            select(func.min(decisions.c.at))
            .join(invoices, invoices.c.id == decisions.c.invoice_id)
            .where(
                decisions.c.invoice_id == invoice_id,
                decisions.c.channel.is_(None),
                decisions.c.at >= invoices.c.updated_at,
            )
        ).scalar()


def note_event(db: Database, invoice_id: int, event: str, *, detail: str, now: datetime) -> None:
    """Adds a line to the invoice's story that moves nothing."""
    with db.begin() as tx:
        moves.add_event(tx, invoice_id, event, now=now, detail=detail)
