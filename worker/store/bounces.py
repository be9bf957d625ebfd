"""Bounces: which mail they are about, and what follows. Read once each, however often the message turns up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from worker.model.bounce import MailReport, ReportKind, Waits
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent, DeliveryState
from worker.store import moves, story
from worker.store.database import Database
from worker.store.deliveries import no_longer_unknown
from worker.store.rows import BounceRow, DeliveryRow
from worker.store.tables import bounces, code_requests, deliveries, failed_recipients, links

# What was sent can still be refused here. A delivery being sent at this moment is left until its sender is done.
_REFUSABLE = (DeliveryState.READY, DeliveryState.HANDED_OVER, DeliveryState.EXPIRED, DeliveryState.UNKNOWN)
_EMAIL = (Channel.EMAIL_LINK, Channel.EMAIL_PDF)


class NotWaiting(RuntimeError):
    """The bounce is not waiting for anybody, or the invoice has no e-mail that could have bounced. Says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMail:
    """A mail of ours, found by its key. `addresses`: whom it went to, in order."""

    delivery_id: int
    invoice_id: int
    addresses: tuple[str, ...] = field(repr=False)
    code_request_id: int | None = None
    code_kind: str = ""


def turned_down_at_door(
    db: Database, delivery_id: int, turned_down: Sequence[tuple[int, str]], *, now: datetime
) -> None:
    """Recipients the mail server would not take while it took others: `(place, its words)`."""
    with db.begin() as tx:
        for position, words in turned_down:
            _failed(tx, delivery_id, position, how="door", status=words.split(" ", 1)[0], now=now)


def find_mail(db: Database, *, key: str) -> SentMail | None:
    """The mail with this key: a delivery's, or a code's."""
    with db.read() as tx:
        own = tx.execute(
            select(deliveries.c.id, deliveries.c.invoice_id, deliveries.c.address).where(
                deliveries.c.key == key, deliveries.c.channel.in_(_EMAIL)
            )
        ).first()
        if own is not None:
            return SentMail(delivery_id=own.id, invoice_id=own.invoice_id, addresses=tuple(own.address.split("; ")))
        code = tx.execute(
            select(
                code_requests.c.id.label("request_id"),
                code_requests.c.kind,
                deliveries.c.id,
                deliveries.c.invoice_id,
                deliveries.c.address,
            )
            .join(links, links.c.id == code_requests.c.link_id)
            .join(deliveries, deliveries.c.id == links.c.delivery_id)
            .where(code_requests.c.key == key)
        ).first()
    if code is None:
        return None
    return SentMail(
        delivery_id=code.id,
        invoice_id=code.invoice_id,
        addresses=tuple(code.address.split("; ")),
        code_request_id=code.request_id,
        code_kind=code.kind,
    )


def known(db: Database, *, fingerprint: str) -> str | None:
    """What became of this very message before: its outcome, or None when it is new."""
    with db.read() as tx:
        return tx.execute(select(bounces.c.outcome).where(bounces.c.fingerprint == fingerprint)).scalar_one_or_none()


def keep_for_person(db: Database, report: MailReport, reason: Waits, *, now: datetime) -> None:
    """Nobody can be told from it, so a person looks at it."""
    with db.begin() as tx:
        _add(tx, report, "waiting", now=now, reason=str(reason))


def ignore(db: Database, report: MailReport, *, now: datetime) -> None:
    """It says nothing about whether the mail arrived."""
    with db.begin() as tx:
        _add(tx, report, "ignored", now=now, detail="")


def note(db: Database, report: MailReport, mail: SentMail, *, now: datetime) -> None:
    """Evidence, kept with the invoice; nothing follows from it."""
    with db.begin() as tx:
        if _add(tx, report, "noted", now=now, mail=mail):
            _tell(tx, report, mail, now=now)


def fail(db: Database, report: MailReport, mail: SentMail, positions: Collection[int], *, now: datetime) -> str | None:
    """The mail never arrives at these places of its recipients. One transaction.

    When nobody else has it either, the delivery is refused (`refused`) and the next channel takes over; otherwise, or
    when the debtor has opened the invoice, it is `noted`. A first code that never arrives refuses the delivery just
    the same: the link cannot be opened. None: it is being sent at this moment, so the message has to be read again.
    """
    with db.begin() as tx:
        delivery = moves.delivery_row(tx, mail.delivery_id)
        if delivery.state == DeliveryState.SENDING:
            return None
        if mail.code_request_id is None:
            for position in positions:
                _failed(tx, delivery.id, position, how="bounce", status=_status(report), now=now)
            gone = _count_failed(tx, delivery.id)
        else:
            gone = len(set(positions)) if mail.code_kind == "first" else 0
        final = gone >= len(mail.addresses) and delivery.state in _REFUSABLE
        outcome = "refused" if final else "noted"
        if not _add(tx, report, outcome, now=now, mail=mail):
            return outcome
        if final:
            _refuse(tx, delivery, f"bounced: {_words(report)}", now=now)
        else:
            _tell(tx, report, mail, now=now)
        return outcome


def waiting(db: Database) -> list[BounceRow]:
    """What waits for a person, oldest first."""
    with db.read() as tx:
        rows = tx.execute(select(bounces).where(bounces.c.outcome == "waiting").order_by(bounces.c.id)).mappings()
        return [BounceRow.of(row) for row in rows]


def settle(db: Database, bounce_id: int, *, invoice_id: int | None, note: str, now: datetime) -> str:
    """A person has looked at it. With an invoice: its newest e-mail has bounced, and the delivery is refused. Returns
    the delivery's state, or nothing. Raises NotWaiting, LookupError."""
    with db.begin() as tx:
        delivery = _newest_email(tx, invoice_id) if invoice_id is not None else None
        changed = tx.execute(
            update(bounces)
            .where(bounces.c.id == bounce_id, bounces.c.outcome == "waiting")
            .values(outcome="settled", note=note, delivery_id=delivery.id if delivery else None)
        ).rowcount
        if changed != 1:
            raise NotWaiting(f"bounce {bounce_id} is not waiting for anybody")
        if delivery is None:
            return ""
        return str(_refuse(tx, delivery, f"bounced, a person says (bounce {bounce_id})", now=now))


def _newest_email(tx: Connection, invoice_id: int) -> DeliveryRow:
    query = (
        select(deliveries.c.id)
        .where(deliveries.c.invoice_id == invoice_id, deliveries.c.channel.in_(_EMAIL))
        .order_by(deliveries.c.number.desc())
        .limit(1)
    )
    found = tx.execute(query).scalar_one_or_none()
    delivery = moves.delivery_row(tx, found) if found is not None else None
    if delivery is None or delivery.state not in _REFUSABLE:
        state = delivery.state if delivery else "never sent"
        raise NotWaiting(f"the invoice's e-mail is {state}: it cannot be counted as bounced")
    return delivery


def _refuse(tx: Connection, delivery: DeliveryRow, reason: str, *, now: datetime) -> DeliveryState:
    state = moves.move_delivery(
        tx,
        delivery,
        DeliveryEvent.REFUSED,
        now=now,
        detail=reason[:300],
        ended_reason=reason[:500],
        lease_until=None,
    )
    no_longer_unknown(tx, delivery.invoice_id, now=now, detail="it has bounced")
    return state


def _tell(tx: Connection, report: MailReport, mail: SentMail, *, now: datetime) -> None:
    what = f"bounce_{report.kind}"
    story.add_event(tx, mail.invoice_id, what, now=now, delivery_id=mail.delivery_id, detail=_words(report)[:300])


def _add(
    tx: Connection,
    report: MailReport,
    outcome: str,
    *,
    now: datetime,
    mail: SentMail | None = None,
    reason: str = "",
    detail: str | None = None,
) -> bool:
    """False when another worker has read the same message meanwhile: its record stands."""
    values: dict[str, Any] = {
        "fingerprint": report.fingerprint,
        "kind": str(report.kind),
        "outcome": outcome,
        "reason": reason,
        "delivery_id": mail.delivery_id if mail else None,
        "code_request_id": mail.code_request_id if mail else None,
        "status": _status(report),
        "detail": _words(report) if detail is None else detail,
        "mailbox_uid": report.uid[:32],
        "arrived_at": report.arrived_at,
        "noted_at": now,
    }
    insert_or = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
    made = tx.execute(
        insert_or(bounces)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["fingerprint"])
        .returning(bounces.c.id)
    ).first()
    return made is not None


def _failed(tx: Connection, delivery_id: int, position: int, *, how: str, status: str, now: datetime) -> None:
    there = select(failed_recipients.c.position).where(
        failed_recipients.c.delivery_id == delivery_id, failed_recipients.c.position == position
    )
    if tx.execute(there).first() is None:
        tx.execute(
            insert(failed_recipients).values(
                delivery_id=delivery_id, position=position, how=how, status=status[:16], noted_at=now
            )
        )


def _count_failed(tx: Connection, delivery_id: int) -> int:
    query = select(func.count()).select_from(failed_recipients).where(failed_recipients.c.delivery_id == delivery_id)
    return tx.execute(query).scalar_one()


def _status(report: MailReport) -> str:
    return report.worst.status[:16] if report.worst else ""


def _words(report: MailReport) -> str:
    worst = report.worst
    if worst is None or report.kind in (ReportKind.OTHER, ReportKind.UNREADABLE, ReportKind.AUTO_REPLY):
        return ""
    return f"{worst.status} {worst.words}".strip()[:500]
