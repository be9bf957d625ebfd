"""What the ERP is owed: one row a delivery that reached the debtor or a status money brought about, in order, once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, or_, select, update

from worker.model.journey import DeliveryState, IllegalTransition, JourneyEvent, JourneyState
from worker.model.parked import ParkedReason
from worker.store import claiming, moves
from worker.store.attempts import add_attempt
from worker.store.claiming import claimable, left_behind, take_oldest
from worker.store.database import Database
from worker.store.rows import DeliveryRow, PostbackRow
from worker.store.tables import deliveries, invoices, postbacks

# A postback's states: ready → sending → done | ready (try later) | unknown | refused; unknown → done | ready.
# `folded`: a later delivery that the first report already told about.

# Where the invoice stands for the ERP. A letter that came back has it wait for a person here; the ERP hears of it now.
_STANDS = case(
    (invoices.c.parked_reason == ParkedReason.LETTER_RETURNED, invoices.c.return_state), else_=invoices.c.state
)


def claim(
    db: Database, *, client: str, now: datetime, skip: set[int], repeats_only: bool = False
) -> PostbackRow | None:
    """Claims the oldest postback that is due, never overtaking an earlier one of the same invoice.

    What money brought about before the first report waits for that one: the ERP must know the invoice as delivered.

    A row found in `unknown`, or in `sending` with its lease over (a worker died), comes back as `unknown`: the caller
    asks before it repeats. A row found `ready` comes back as `sending`. `skip`: ids this run has already dealt with;
    `repeats_only`: leave alone what has never been tried.
    """
    earlier = postbacks.alias("earlier")
    waits = (
        select(earlier.c.id)
        .where(
            earlier.c.invoice_id == postbacks.c.invoice_id,
            earlier.c.id < postbacks.c.id,
            earlier.c.state.not_in(["done", "folded"]),
            or_(postbacks.c.kind != "delivered", earlier.c.delivery_id.is_not(None)),
        )
        .exists()
    )
    owed = (
        select(postbacks)
        .join(invoices, invoices.c.id == postbacks.c.invoice_id)
        .where(
            invoices.c.client == client,
            _STANDS.in_([JourneyState.DELIVERED, JourneyState.POSTED_BACK]),
            claimable(postbacks, now=now, skip=skip),
            or_(postbacks.c.delivery_id.is_not(None), _STANDS == JourneyState.POSTED_BACK),
            ~waits,
            *([postbacks.c.attempts > 0] if repeats_only else []),
        )
    )
    with db.begin() as tx:
        row = take_oldest(tx, postbacks, owed, now=now)
        return PostbackRow.of(row) if row is not None else None


def renew(db: Database, postback: PostbackRow, *, now: datetime) -> bool:
    """The call still runs: the claim lasts on. False when it is no longer ours."""
    return claiming.renew(db, postbacks, postback.id, fence=postback.fence, now=now)


def recover(db: Database, *, client: str, now: datetime) -> int:
    """Reports a worker died with are unknown: they are asked about before they are repeated. Returns how many."""
    own = postbacks.c.invoice_id.in_(select(invoices.c.id).where(invoices.c.client == client))
    with db.begin() as tx:
        return left_behind(tx, postbacks, own, now=now)


def record(
    db: Database,
    postback: PostbackRow,
    *,
    state: str,
    act: str,
    text: str,
    started_at: datetime,
    now: datetime,
    outcome: str,
    answer: str = "",
    due_at: datetime | None = None,
    park: str | None = None,
    park_reason: ParkedReason = ParkedReason.POSTBACK_REFUSED,
) -> None:
    """Writes what the call came to. `done` on a first report moves the invoice to `posted_back` and folds in what that
    report told as well. A report found told by asking, or repeated with its old words, told of nothing later.
    `park`: why the invoice is parked, for `park_reason`. Raises IllegalTransition when the lease was lost.
    """
    with db.begin() as tx:
        add_attempt(
            tx,
            subject="postback",
            subject_id=postback.id,
            fence=postback.fence,
            act=act,
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            vendor_reference="",
            answer=answer,
        )
        changed = tx.execute(
            update(postbacks)
            .where(postbacks.c.id == postback.id, postbacks.c.fence == postback.fence)
            .values(
                state=state,
                text=text,
                lease_until=None,
                due_at=due_at or postback.due_at,
                done_at=now if state == "done" else None,
            )
        ).rowcount
        if changed != 1:
            raise IllegalTransition(f"postback {postback.id} was claimed anew meanwhile")
        invoice = moves.invoice_row(tx, postback.invoice_id)
        if state == "done":
            if postback.kind == "delivered":
                if invoice.state == JourneyState.PARKED:  # something else went wrong with it meanwhile
                    moves.move_underneath(tx, invoice, JourneyEvent.ERP_TOLD, now=now, detail=text)
                else:
                    moves.move_invoice(tx, invoice, JourneyEvent.ERP_TOLD, now=now, detail=text)
                if act == "send" and text != postback.text:
                    tx.execute(
                        update(postbacks)
                        .where(
                            postbacks.c.invoice_id == postback.invoice_id,
                            postbacks.c.id > postback.id,
                            postbacks.c.state == "ready",
                            postbacks.c.created_at <= started_at,
                            postbacks.c.delivery_id.is_not(None),  # what money brought about is told by itself
                        )
                        .values(state="folded", done_at=now)
                    )
            else:
                moves.add_event(tx, invoice.id, "erp_status_told", now=now, detail=text)
        if park is not None and invoice.parked_reason != ParkedReason.LETTER_RETURNED:  # that is still true
            moves.park_invoice(tx, invoice, park_reason, park, now=now)


def status_before(db: Database, postback: PostbackRow) -> str | None:
    """The last status, other than of a delivery, that was owed before this row; None when there was none."""
    with db.read() as tx:
        return tx.execute(
            select(postbacks.c.status)
            .where(
                postbacks.c.invoice_id == postback.invoice_id,
                postbacks.c.id < postback.id,
                postbacks.c.delivery_id.is_(None),
            )
            .order_by(postbacks.c.id.desc())
            .limit(1)
        ).scalar_one_or_none()


def reached_deliveries(db: Database, invoice_id: int) -> list[DeliveryRow]:
    """The invoice's deliveries that were handed over, first to last, whatever became of them."""
    with db.read() as tx:
        rows = tx.execute(
            select(deliveries)
            .where(
                deliveries.c.invoice_id == invoice_id,
                deliveries.c.handed_over_at.is_not(None),
                deliveries.c.state != DeliveryState.STOPPED,
            )
            .order_by(deliveries.c.number)
        ).mappings()
        return [DeliveryRow.of(row) for row in rows]
