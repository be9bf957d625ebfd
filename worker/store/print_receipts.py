"""What the print house says of letters: which letter it is about, and what follows. Each thing said counts once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Update, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState, JourneyState
from worker.model.letter import LetterReceipt, ReceiptFile, ReceiptStatus, ReceiptWaits, read_job_id
from worker.model.parked import ParkedReason
from worker.store import moves
from worker.store.database import Database
from worker.store.deliveries import invoice_reached, no_longer_unknown
from worker.store.rows import DeliveryRow, InvoiceRow, ReceiptRow
from worker.store.tables import deliveries, invoices, postbacks, print_receipts

ReturnedText = Callable[[LetterReceipt], str]
_S, _R, _E = DeliveryState, ReceiptStatus, DeliveryEvent
_OPEN = (_S.READY, _S.HANDED_OVER, _S.UNKNOWN)
_NOTHING: Final = None
_OUTCOMES = {_R.REJECTED: "refused", _R.RETURNED: "returned"}

# (state of the letter, what is said) -> the move that follows; _NOTHING: it is noted. What is not here contradicts.
FOLLOWS: dict[tuple[DeliveryState, ReceiptStatus], DeliveryEvent | None] = {
    **{(state, said): _E.ACCEPTED for state in (_S.READY, _S.UNKNOWN) for said in (_R.RECEIVED, _R.PRINTED)},
    **{(_S.HANDED_OVER, said): _NOTHING for said in (_R.RECEIVED, _R.PRINTED)},
    **{(state, said): _E.CONFIRMED for state in _OPEN for said in (_R.POSTED, _R.RETURNED)},
    **{(state, _R.REJECTED): _E.REFUSED for state in _OPEN},
    # Receipts may come in any order.
    **{(_S.CONFIRMED, said): _NOTHING for said in (_R.RECEIVED, _R.PRINTED, _R.POSTED, _R.RETURNED)},
    **{(_S.REFUSED, said): _NOTHING for said in (_R.RECEIVED, _R.REJECTED)},
}


class NotWaiting(RuntimeError):
    """The receipt is not waiting for anybody, or cannot be about the invoice's letter. Says which."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of it: noted, refused, returned, waiting (for a person, and why), known (said before) or being_sent
    (not recorded: to be read again)."""

    outcome: str
    reason: ReceiptWaits | None = None
    invoice_id: int | None = None
    delivery_id: int | None = None
    client: str | None = None
    parked: bool = False


def take(db: Database, receipt: LetterReceipt, *, file: str, returned_text: ReturnedText, now: datetime) -> Taken:
    """Records it and what follows for the letter and its invoice. One transaction.

    `returned_text`: what the ERP is told when it is about mail that came back.
    """
    with db.begin() as tx:
        found = _letter(tx, receipt.job)
        if found is None:
            return _wait(tx, receipt, ReceiptWaits.UNKNOWN_JOB, file=file, now=now)
        delivery, invoice = found
        if receipt.client and receipt.client != invoice.client:
            return _wait(tx, receipt, ReceiptWaits.OTHER_CLIENT, file=file, now=now, delivery=delivery)
        if delivery.state == _S.SENDING:
            return Taken("being_sent")
        if _said_before(tx, delivery, receipt):
            return Taken("known")
        if delivery.fence == 0:
            return _wait(tx, receipt, ReceiptWaits.NOT_SENT, file=file, now=now, delivery=delivery)
        if (DeliveryState(delivery.state), receipt.status) not in FOLLOWS:
            return _wait(tx, receipt, ReceiptWaits.CONTRADICTORY, file=file, now=now, delivery=delivery)
        parked = _follow(tx, delivery, receipt, returned_text=returned_text, now=now)
        outcome, reason = _OUTCOMES.get(receipt.status, "noted"), None
        if receipt.status is _R.RETURNED and not parked and not _has_successor(tx, delivery):
            outcome, reason = "waiting", ReceiptWaits.INVOICE_STANDS_STILL
        _add(tx, receipt, outcome, reason=reason, file=file, now=now, delivery=delivery)
        return Taken(outcome, reason, invoice.id, delivery.id, invoice.client, parked)


def keep_unreadable(db: Database, file: ReceiptFile, *, now: datetime) -> bool:
    """A file with something in it that is no receipt. Returns False when it is kept already."""
    values = {
        "fingerprint": file.sha256,
        "status": "",
        "outcome": "waiting",
        "reason": str(ReceiptWaits.UNREADABLE),
        "detail": "; ".join(file.faults)[:2000],
        "file": file.name[:255],
        "noted_at": now,
    }
    with db.begin() as tx:
        return _insert(tx, values)


def waiting(db: Database) -> list[ReceiptRow]:
    """What waits for a person, oldest first."""
    with db.read() as tx:
        query = select(print_receipts).where(print_receipts.c.outcome == "waiting").order_by(print_receipts.c.id)
        return [ReceiptRow.of(row) for row in tx.execute(query).mappings()]


def settle(
    db: Database, receipt_id: int, *, invoice_id: int | None, returned_text: ReturnedText, note: str, now: datetime
) -> tuple[str, str]:
    """A person has looked at it. With an invoice: it is about that one's newest letter, and what it says follows.
    Returns the states of delivery and invoice, or nothing. Raises NotWaiting, LookupError."""
    with db.begin() as tx:
        query = select(print_receipts).where(print_receipts.c.id == receipt_id, print_receipts.c.outcome == "waiting")
        row = tx.execute(query.with_for_update()).mappings().first()
        if row is None:
            raise NotWaiting(f"receipt {receipt_id} is not waiting for anybody")
        if invoice_id is None:
            tx.execute(_changed(receipt_id, outcome="settled", note=note))
            return "", ""
        delivery, status = _newest_letter(tx, invoice_id, row["status"])
        receipt = LetterReceipt(job=row["job"], status=status, at=row["said_at"] or now, words=row["detail"])
        if _on_record(tx, delivery, status):
            raise NotWaiting(f"that the invoice's letter was {status} is on record already: ignore the receipt")
        _follow(tx, delivery, receipt, returned_text=returned_text, now=now)
        outcome = _OUTCOMES.get(status, "noted")
        tx.execute(_changed(receipt_id, outcome=outcome, note=note, delivery_id=delivery.id))
        after = moves.delivery_row(tx, delivery.id)
        return after.state, moves.invoice_row(tx, delivery.invoice_id).state


def _changed(receipt_id: int, **values: object) -> Update:
    return update(print_receipts).where(print_receipts.c.id == receipt_id).values(**values)


def _letter(tx: Connection, job: str) -> tuple[DeliveryRow, InvoiceRow] | None:
    """The letter of that name, locked; None when it is none of ours."""
    name = read_job_id(job)
    if name is None:
        return None
    found = tx.execute(
        select(deliveries.c.id)
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
        .where(
            invoices.c.id == name.invoice_id,
            invoices.c.client == name.client,
            deliveries.c.number == name.number,
            deliveries.c.channel == Channel.LETTER,
            deliveries.c.key.startswith(name.key, autoescape=True),
        )
    ).scalar_one_or_none()
    if found is None:
        return None
    delivery = moves.delivery_row(tx, found)
    return delivery, moves.invoice_row(tx, delivery.invoice_id)


def _newest_letter(tx: Connection, invoice_id: int, status: str) -> tuple[DeliveryRow, ReceiptStatus]:
    query = (
        select(deliveries.c.id)
        .where(deliveries.c.invoice_id == invoice_id, deliveries.c.channel == Channel.LETTER)
        .order_by(deliveries.c.number.desc())
        .limit(1)
    )
    found = tx.execute(query).scalar_one_or_none()
    delivery = moves.delivery_row(tx, found) if found is not None else None
    said = next((one for one in ReceiptStatus if one == status), None)
    if said is None:
        raise NotWaiting("it is a file that nobody can read: there is nothing to match")
    if delivery is None or delivery.fence == 0 or (DeliveryState(delivery.state), said) not in FOLLOWS:
        state = delivery.state if delivery else "never sent"
        raise NotWaiting(f"the invoice's letter is {state}: it cannot be {said}")
    return delivery, said


def _said_before(tx: Connection, delivery: DeliveryRow, receipt: LetterReceipt) -> bool:
    """Of this letter, in whatever words; or these very words, of whatever."""
    very_words = select(print_receipts.c.id).where(print_receipts.c.fingerprint == receipt.fingerprint)
    return tx.execute(very_words).first() is not None or _on_record(tx, delivery, receipt.status)


def _on_record(tx: Connection, delivery: DeliveryRow, status: ReceiptStatus) -> bool:
    query = select(print_receipts.c.id).where(
        print_receipts.c.delivery_id == delivery.id,
        print_receipts.c.status == status,
        or_(
            print_receipts.c.outcome.in_(["noted", "refused", "returned"]),
            print_receipts.c.reason == ReceiptWaits.INVOICE_STANDS_STILL,
        ),
    )
    return tx.execute(query.limit(1)).first() is not None


def _follow(
    tx: Connection, delivery: DeliveryRow, receipt: LetterReceipt, *, returned_text: ReturnedText, now: datetime
) -> bool:
    """The story's line, the move, and what the invoice and the ERP get of it. Returns whether the invoice is parked."""
    words = receipt.words or "no reason given"
    said = f"by the print house's clock {receipt.at.isoformat(timespec='seconds')}"
    if receipt.status in (_R.REJECTED, _R.RETURNED):
        said = f"{words} ({said})"
    moves.add_event(
        tx, delivery.invoice_id, f"letter_{receipt.status}", now=now, delivery_id=delivery.id, detail=said[:300]
    )
    event = FOLLOWS[(DeliveryState(delivery.state), receipt.status)]
    if event is _E.REFUSED:
        reason = f"rejected by the print house: {words}"
        moves.move_delivery(tx, delivery, event, now=now, detail=reason, ended_reason=reason, lease_until=None)
        no_longer_unknown(tx, delivery.invoice_id, now=now, detail="the print house has rejected it")
    elif event is not None:
        _reached(tx, delivery, event, now=now)
    return receipt.status is _R.RETURNED and _came_back(tx, delivery, words, erp_text=returned_text(receipt), now=now)


def _reached(tx: Connection, delivery: DeliveryRow, event: DeliveryEvent, *, now: datetime) -> None:
    """The print house has it. One that waits to be sent again was handed over after all: it goes through `sending`."""
    if delivery.state == _S.READY:
        moves.move_delivery(
            tx, delivery, _E.CLAIMED, now=now, detail="the print house has it already", fence=delivery.fence + 1
        )
        delivery = moves.delivery_row(tx, delivery.id)
    handed_over_at = delivery.handed_over_at or now
    moves.move_delivery(tx, delivery, event, now=now, handed_over_at=handed_over_at, lease_until=None)
    invoice_reached(tx, delivery, now=now)


def _came_back(tx: Connection, delivery: DeliveryRow, words: str, *, erp_text: str, now: datetime) -> bool:
    """The ERP is told, and the invoice parked unless it stands still for another reason, which stays true, or another
    delivery has taken over."""
    invoice = moves.invoice_row(tx, delivery.invoice_id)
    last = (
        select(postbacks.c.status)
        .where(postbacks.c.invoice_id == invoice.id, postbacks.c.delivery_id.is_(None))
        .order_by(postbacks.c.id.desc())
        .limit(1)
    )
    status = tx.execute(last).scalar_one_or_none() or "delivered"  # a paid invoice stays paid
    tx.execute(
        insert(postbacks).values(
            invoice_id=invoice.id,
            kind="status",
            status=status,
            text=erp_text,
            state="ready",
            due_at=now,
            created_at=now,
        )
    )
    stands_still = invoice.state in (JourneyState.PARKED, JourneyState.WITHDRAWN)
    if stands_still or _has_successor(tx, delivery):
        return False
    moves.park_invoice(tx, invoice, ParkedReason.LETTER_RETURNED, words, now=now)
    return True


def _has_successor(tx: Connection, delivery: DeliveryRow) -> bool:
    query = select(deliveries.c.id).where(
        deliveries.c.invoice_id == delivery.invoice_id, deliveries.c.number > delivery.number
    )
    return tx.execute(query.limit(1)).first() is not None


def _wait(
    tx: Connection,
    receipt: LetterReceipt,
    reason: ReceiptWaits,
    *,
    file: str,
    now: datetime,
    delivery: DeliveryRow | None = None,
) -> Taken:
    new = _add(tx, receipt, "waiting", reason=reason, file=file, now=now, delivery=delivery)
    if not new:
        return Taken("known")
    if delivery is None:
        return Taken("waiting", reason)
    return Taken("waiting", reason, delivery.invoice_id, delivery.id)


def _add(
    tx: Connection,
    receipt: LetterReceipt,
    outcome: str,
    *,
    reason: ReceiptWaits | None,
    file: str,
    now: datetime,
    delivery: DeliveryRow | None = None,
) -> bool:
    values: dict[str, Any] = {
        "fingerprint": receipt.fingerprint,
        "status": str(receipt.status),
        "outcome": outcome,
        "reason": str(reason or ""),
        "delivery_id": delivery.id if delivery else None,
        "job": receipt.job[:100],
        "detail": receipt.words,
        "file": file[:255],
        "said_at": receipt.at,
        "noted_at": now,
    }
    return _insert(tx, values)


def _insert(tx: Connection, values: dict[str, Any]) -> bool:
    """False when the very same is here already: said before, or read by another worker in the same moment."""
    insert_or = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    made = tx.execute(
        insert_or(print_receipts)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["fingerprint"])
        .returning(print_receipts.c.id)
    ).first()
    return made is not None
