"""Codes in mails of their own: asked for, claimed, sent, recorded. The portal writes here and sends nothing itself.

The code is made by who sends it, and its MAC is written down before the call. From when the mail may have arrived
(accepted, or no answer) the link opens with the new code and no longer with the old one, and its wrong tries are
forgotten; while it certainly has not, the old code stays.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from worker.model.journey import DeliveryEvent, DeliveryState, JourneyState
from worker.store import moves, story
from worker.store.attempts import add_attempt
from worker.store.claiming import LEASE
from worker.store.database import Database
from worker.store.tables import code_requests, deliveries, invoices, links

_OPEN = ("ready", "sending")


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeErrand:
    """A code to be sent, claimed. `address`: the delivery's, the only place it goes. `token_hash`: its MAC is bound to
    it."""

    id: int
    kind: str
    key: str
    fence: int
    attempts: int
    created_at: datetime
    link_id: int
    token_hash: str
    delivery_id: int
    invoice_id: int
    client: str
    address: str


def add(tx: Connection, *, link_id: int, kind: str, now: datetime, caller: str = "") -> int:
    """Writes down that the link is owed a code (`first`), or that the debtor asks for a new one (`asked`)."""
    return tx.execute(
        insert(code_requests)
        .values(
            link_id=link_id,
            kind=kind,
            key=str(uuid.uuid4()),
            caller=caller,
            state="ready",
            due_at=now,
            created_at=now,
        )
        .returning(code_requests.c.id)
    ).scalar_one()


def owe_first_code(tx: Connection, *, delivery_id: int, now: datetime) -> None:
    """The mail with the link is handed over: if its code was left out of it, the code is owed from now on.

    Only the delivery's newest link: an earlier try's mail went nowhere, or its reader asks for a code.
    """
    newest = tx.execute(
        select(links.c.id, links.c.code_mac)
        .where(links.c.delivery_id == delivery_id)
        .order_by(links.c.id.desc())
        .limit(1)
    ).first()
    if newest is None or newest.code_mac:
        return
    if tx.execute(select(code_requests.c.id).where(code_requests.c.link_id == newest.id).limit(1)).first() is None:
        add(tx, link_id=newest.id, kind="first", now=now)


def waiting(tx: Connection, *, link_id: int) -> bool:
    """Whether a code for the link is on its way out."""
    open_ = select(code_requests.c.id).where(code_requests.c.link_id == link_id, code_requests.c.state.in_(_OPEN))
    return tx.execute(open_.limit(1)).first() is not None


def asked(tx: Connection, *, link_id: int, since: datetime) -> int:
    """How many new codes have been asked for since then."""
    return tx.execute(
        select(func.count())
        .select_from(code_requests)
        .where(code_requests.c.link_id == link_id, code_requests.c.kind == "asked", code_requests.c.created_at > since)
    ).scalar_one()


def clients_waiting(db: Database, *, now: datetime) -> list[str]:
    """Clients with a code that is due, by name. Cheap: it is asked every few seconds."""
    with db.read() as tx:
        return list(tx.execute(_due(select(invoices.c.client).distinct(), now)).scalars())


def _due(query: Any, now: datetime) -> Any:
    return (
        query.select_from(code_requests)
        .join(links, links.c.id == code_requests.c.link_id)
        .join(deliveries, deliveries.c.id == links.c.delivery_id)
        .join(invoices, invoices.c.id == deliveries.c.invoice_id)
        .where(
            code_requests.c.due_at <= now,
            or_(
                code_requests.c.state == "ready",
                and_(code_requests.c.state == "sending", code_requests.c.lease_until <= now),
            ),
        )
    )


def claim(db: Database, *, client: str, now: datetime) -> CodeErrand | None:
    """Claims the oldest code that is due, under a lease and a new fence.

    One left behind by a worker that died is not sent again: it may have arrived, so it is closed as `unknown` here,
    and the debtor who has not got it asks for another.
    """
    columns = (
        code_requests.c.id,
        code_requests.c.kind,
        code_requests.c.key,
        code_requests.c.state,
        code_requests.c.code_mac,
        code_requests.c.fence,
        code_requests.c.attempts,
        code_requests.c.created_at,
        code_requests.c.link_id,
        links.c.token_hash,
        links.c.expires_at,
        deliveries.c.id.label("delivery_id"),
        deliveries.c.invoice_id,
        deliveries.c.address,
        invoices.c.client,
        invoices.c.state.label("invoice_state"),
    )
    with db.begin() as tx:
        while True:
            query = _due(select(*columns), now).where(invoices.c.client == client).order_by(code_requests.c.id).limit(1)
            row = tx.execute(query.with_for_update(skip_locked=True, of=code_requests)).mappings().first()
            if row is None:
                return None
            if row["state"] == "sending":
                _close(tx, row["id"], "unknown", now=now)
                _let_in(tx, row["link_id"], row["code_mac"])
                continue
            if row["expires_at"] <= now or row["invoice_state"] == JourneyState.WITHDRAWN:
                _close(tx, row["id"], "refused", now=now)
                continue
            tx.execute(
                update(code_requests)
                .where(code_requests.c.id == row["id"])
                .values(state="sending", fence=row["fence"] + 1, attempts=row["attempts"] + 1, lease_until=now + LEASE)
            )
            taken = {**row, "fence": row["fence"] + 1, "attempts": row["attempts"] + 1}
            return CodeErrand(**{name: taken[name] for name in CodeErrand.__dataclass_fields__})


def write_down(db: Database, errand: CodeErrand, *, code_mac: str) -> bool:
    """The MAC of the code about to be sent. False when the errand is no longer ours: then nothing may be sent."""
    with db.begin() as tx:
        return _still_ours(tx, errand, code_mac=code_mac)


def record(
    db: Database,
    errand: CodeErrand,
    *,
    state: str,
    started_at: datetime,
    now: datetime,
    outcome: str,
    answer: str,
    due_at: datetime | None = None,
) -> bool:
    """What sending came to: `sent`, `unknown`, `refused`, or `ready` again at `due_at`. One transaction.

    A first code that is refused for good means that the debtor can never open the link: the delivery is refused, and
    the next channel takes over. False when the errand was no longer ours; then nothing is written.
    """
    with db.begin() as tx:
        hopeless = state == "refused" and errand.kind == "first"
        delivery = moves.delivery_row(tx, errand.delivery_id) if hopeless else None  # locked first, as everywhere
        values: dict[str, Any] = {"state": state, "lease_until": None}
        if due_at is not None:
            values["due_at"] = due_at
        if state in ("sent", "unknown"):
            values["sent_at"] = now
        if not _still_ours(tx, errand, **values):
            return False
        add_attempt(
            tx,
            subject="code",
            subject_id=errand.id,
            fence=errand.fence,
            act="send",
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            vendor_reference=errand.key,
            answer=answer,
        )
        if state in ("sent", "unknown"):
            mac = tx.execute(select(code_requests.c.code_mac).where(code_requests.c.id == errand.id)).scalar_one()
            _let_in(tx, errand.link_id, mac)
        story.add_event(
            tx, errand.invoice_id, f"code_{state}", now=now, delivery_id=errand.delivery_id, detail=answer[:300]
        )
        if delivery is not None and delivery.state in (DeliveryState.HANDED_OVER, DeliveryState.EXPIRED):
            moves.move_delivery(
                tx,
                delivery,
                DeliveryEvent.REFUSED,
                now=now,
                detail="the code was refused, so the link cannot be opened",
                ended_reason=f"the mail with the code was refused: {answer}"[:500],
            )
        return True


def _still_ours(tx: Connection, errand: CodeErrand, **values: Any) -> bool:
    changed = tx.execute(
        update(code_requests)
        .where(
            code_requests.c.id == errand.id,
            code_requests.c.state == "sending",
            code_requests.c.fence == errand.fence,
        )
        .values(**values)
    ).rowcount
    return changed == 1


def _close(tx: Connection, request_id: int, state: str, *, now: datetime) -> None:
    tx.execute(
        update(code_requests)
        .where(code_requests.c.id == request_id)
        .values(state=state, lease_until=None, sent_at=now if state == "unknown" else None)
    )


def _let_in(tx: Connection, link_id: int, code_mac: str | None) -> None:
    if code_mac:
        tx.execute(update(links).where(links.c.id == link_id).values(code_mac=code_mac, wrong_codes=0, locked_at=None))
