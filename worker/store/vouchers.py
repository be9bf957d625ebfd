"""Vouchers on their way into the client's books: written with the items they book, claimed, posted once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from worker.model.journey import IllegalTransition
from worker.model.money import Money
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.store.attempts import add_attempt
from worker.store.claiming import LEASE, claimable, take_oldest
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.store.tables import postbacks, settlement_items, voucher_items, vouchers

# ready → sending → posted | ready (try later) | unknown | refused; unknown → posted | ready; posted → reversed.


def add(db: Database, *, client: str, voucher: Voucher, item_ids: Sequence[int], now: datetime) -> int | None:
    """Writes the voucher and marks its items booked, in one transaction. None when the reference exists already."""
    try:
        with db.begin() as tx:
            voucher_id = tx.execute(
                insert(vouchers)
                .values(
                    client=client,
                    reference=voucher.reference,
                    kind=voucher.kind,
                    date=voucher.date,
                    content=_content(voucher),
                    state="ready",
                    due_at=now,
                    created_at=now,
                )
                .returning(vouchers.c.id)
            ).scalar_one()
            changed = tx.execute(
                update(settlement_items)
                .where(settlement_items.c.id.in_(item_ids), settlement_items.c.state == "matched")
                .values(state="booked")
            ).rowcount
            if changed != len(item_ids):
                raise IllegalTransition("an item of the voucher was decided meanwhile")
            for item_id in item_ids:
                tx.execute(insert(voucher_items).values(voucher_id=voucher_id, item_id=item_id))
            return voucher_id
    except IntegrityError:
        return None


def settle_without_voucher(
    db: Database, item_id: int, *, note: str, now: datetime, status: tuple[int, str, str] | None = None
) -> None:
    """An event that books nothing. `status`: (invoice id, factoring status, text) the ERP is to be told."""
    with db.begin() as tx:
        tx.execute(
            update(settlement_items)
            .where(settlement_items.c.id == item_id, settlement_items.c.state == "matched")
            .values(state="told", note=note, decided_at=now)
        )
        if status is not None:
            tx.execute(_status_row(*status, now=now))


def add_status(db: Database, *, invoice_id: int, status: str, text: str, now: datetime) -> None:
    """The ERP is to be told a factoring status with a text."""
    with db.begin() as tx:
        tx.execute(_status_row(invoice_id, status, text, now=now))


def _status_row(invoice_id: int, status: str, text: str, *, now: datetime) -> Any:
    return insert(postbacks).values(
        invoice_id=invoice_id, kind="status", status=status, text=text, state="ready", due_at=now, created_at=now
    )


def claim(db: Database, *, client: str, now: datetime, skip: set[int]) -> VoucherRow | None:
    """Claims the oldest voucher that is due. `unknown` (a dead worker's too) comes back so: ask before posting."""
    with db.begin() as tx:
        own = select(vouchers).where(vouchers.c.client == client, claimable(vouchers, now=now, skip=skip))
        row = take_oldest(tx, vouchers, own, now=now)
        return VoucherRow.of(row) if row is not None else None


def record(
    db: Database,
    row: VoucherRow,
    *,
    state: str,
    act: str,
    started_at: datetime,
    now: datetime,
    outcome: str,
    answer: str = "",
    erp_id: str | None = None,
    erp_number: str | None = None,
    due_at: datetime | None = None,
) -> None:
    """Writes what the call came to. Raises IllegalTransition when the lease was lost."""
    with db.begin() as tx:
        add_attempt(
            tx,
            subject="voucher",
            subject_id=row.id,
            fence=row.fence,
            act=act,
            started_at=started_at,
            ended_at=now,
            outcome=outcome,
            vendor_reference=erp_id or "",
            answer=answer,
        )
        values: dict[str, Any] = {"state": state, "answer": answer[:2000], "lease_until": None}
        if erp_id:
            values |= {"erp_id": erp_id, "erp_number": erp_number, "posted_at": now}
        if due_at is not None:
            values["due_at"] = due_at
        changed = tx.execute(
            update(vouchers).where(vouchers.c.id == row.id, vouchers.c.fence == row.fence).values(**values)
        ).rowcount
        if changed != 1:
            raise IllegalTransition(f"voucher {row.id} was claimed anew meanwhile")


def of_client(
    db: Database, *, client: str, states: Sequence[str] | None = None, until: date | None = None
) -> list[VoucherRow]:
    """The client's vouchers, oldest first."""
    query = select(vouchers).where(vouchers.c.client == client).order_by(vouchers.c.id)
    if states is not None:
        query = query.where(vouchers.c.state.in_(states))
    if until is not None:
        query = query.where(vouchers.c.date <= until)
    with db.read() as tx:
        return [VoucherRow.of(row) for row in tx.execute(query).mappings()]


def refused(db: Database, *, client: str | None = None) -> list[VoucherRow]:
    """Vouchers the ERP said no to, oldest first."""
    query = select(vouchers).where(vouchers.c.state == "refused").order_by(vouchers.c.id)
    if client is not None:
        query = query.where(vouchers.c.client == client)
    with db.read() as tx:
        return [VoucherRow.of(row) for row in tx.execute(query).mappings()]


def items_of(db: Database, voucher_id: int) -> list[int]:
    """Ids of the items a voucher books."""
    with db.read() as tx:
        return list(
            tx.execute(select(voucher_items.c.item_id).where(voucher_items.c.voucher_id == voucher_id)).scalars()
        )


def ready_again(db: Database, voucher_id: int, *, now: datetime) -> bool:
    """A refused voucher may be tried again (an account was opened, a lock date moved). False when it is not refused."""
    with db.begin() as tx:
        return (
            tx.execute(
                update(vouchers)
                .where(vouchers.c.id == voucher_id, vouchers.c.state == "refused")
                .values(state="ready", due_at=now, lease_until=None)
            ).rowcount
            == 1
        )


def _content(voucher: Voucher) -> dict[str, Any]:
    return {
        "event_date": voucher.date.isoformat(),
        "description": voucher.description,
        "saft_source": voucher.saft_source,
        "saft_batch": voucher.saft_batch,
        "lines": [
            {
                "account_kind": line.account.kind,
                "account": line.account.number,
                "minor": line.amount.minor,
                "currency": line.amount.currency,
                "description": line.description,
                "reference": line.reference,
                "invoice_number": line.invoice_number,
                "kid": line.kid,
            }
            for line in voucher.lines
        ],
    }


def send_as(db: Database, row: VoucherRow, *, on: date, description: str, now: datetime) -> VoucherRow:
    """Writes down, before the call, the date and text the voucher is sent with: it is asked for under that date.

    Raises IllegalTransition when the lease was lost.
    """
    with db.begin() as tx:
        changed = tx.execute(
            update(vouchers)
            .where(vouchers.c.id == row.id, vouchers.c.fence == row.fence)
            .values(date=on, content={**row.content, "sent_description": description}, lease_until=now + LEASE)
        ).rowcount
        if changed != 1:
            raise IllegalTransition(f"voucher {row.id} was claimed anew meanwhile")
        return VoucherRow.of(tx.execute(select(vouchers).where(vouchers.c.id == row.id)).mappings().one())


def as_made(row: VoucherRow) -> tuple[date, str]:
    """The date and text the voucher was made with, before any lock date moved it."""
    made = row.content.get("event_date")
    return date.fromisoformat(made) if made else row.date, row.content["description"]


def voucher_of(row: VoucherRow) -> Voucher:
    """The voucher as it was last sent, or as it was made when it has not been."""
    content = row.content
    return Voucher(
        kind=VoucherKind(row.kind),
        date=row.date,
        description=content.get("sent_description") or content["description"],
        reference=row.reference,
        saft_source=content["saft_source"],
        saft_batch=content["saft_batch"],
        lines=tuple(
            VoucherLine(
                account=VoucherAccount(AccountKind(line["account_kind"]), line["account"]),
                amount=Money(line["minor"], line["currency"]),
                description=line["description"],
                reference=line["reference"],
                invoice_number=line["invoice_number"],
                kid=line["kid"],
            )
            for line in content["lines"]
        ),
    )
