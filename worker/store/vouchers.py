"""Vouchers on their way into the client's books: written with the items they book, claimed, posted once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, or_, select, update

from worker.model.journey import IllegalTransition
from worker.model.money import Money
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.store import claiming
from worker.store.attempts import add_attempt
from worker.store.claiming import LEASE, claimable, left_behind, take_oldest
from worker.store.database import Database
from worker.store.rows import VoucherRow
from worker.store.settling import slices
from worker.store.tables import postbacks, settlement_items, voucher_items, vouchers

# ready → sending → posted | ready (try later) | unknown | refused; unknown → posted | ready; posted → reversed.


def add_all(
    tx: Connection, *, client: str, made: Sequence[tuple[Voucher, Sequence[int]]], now: datetime
) -> dict[str, int]:
    """Writes vouchers, each with the ids of the items it books, and marks those booked. Returns ids by reference.

    Raises IllegalTransition when an item is no longer matched: none of it may then be kept.
    """
    if not made:
        return {}
    rows = [
        {
            "client": client,
            "reference": voucher.reference,
            "kind": voucher.kind,
            "date": voucher.date,
            "content": _content(voucher),
            "state": "ready",
            "due_at": now,
            "created_at": now,
        }
        for voucher, _ in made
    ]
    written = tx.execute(insert(vouchers).returning(vouchers.c.id, vouchers.c.reference), rows)
    ids: dict[str, int] = {reference: voucher_id for voucher_id, reference in written}
    pairs = [
        {"voucher_id": ids[voucher.reference], "item_id": item_id} for voucher, item_ids in made for item_id in item_ids
    ]
    for chunk in slices(pairs):
        changed = tx.execute(
            update(settlement_items)
            .where(
                settlement_items.c.id.in_([pair["item_id"] for pair in chunk]), settlement_items.c.state == "matched"
            )
            .values(state="booked")
        ).rowcount
        if changed != len(chunk):
            raise IllegalTransition("an item of a voucher was decided meanwhile")
        tx.execute(insert(voucher_items), chunk)
    return ids


def references_taken(tx: Connection, *, client: str, references: Sequence[str]) -> set[str]:
    """Those of `references` that a voucher of the client has already."""
    found: set[str] = set()
    for chunk in slices(references):
        query = select(vouchers.c.reference).where(vouchers.c.client == client, vouchers.c.reference.in_(chunk))
        found.update(tx.execute(query).scalars())
    return found


def add_statuses(tx: Connection, statuses: Sequence[tuple[int, str, str]], *, now: datetime) -> None:
    """The ERP is to be told, of each (invoice id, factoring status, text), once it knows the invoice as delivered."""
    if statuses:
        tx.execute(
            insert(postbacks),
            [
                {"invoice_id": invoice_id, "kind": "status", "status": status, "text": text, "state": "ready",
                 "due_at": now, "created_at": now}
                for invoice_id, status, text in statuses
            ],
        )  # fmt: skip


def _tried(*, repeats_only: bool) -> list[ColumnElement[bool]]:
    """Between the slots: only what has been tried, or could not be because of an account."""
    return [or_(vouchers.c.attempts > 0, vouchers.c.held.is_not(None))] if repeats_only else []


def claim(db: Database, voucher_id: int, *, now: datetime) -> VoucherRow | None:
    """Claims the voucher when it is due and nobody else has it.

    `unknown` (a dead worker's too) comes back so: ask before posting.
    """
    with db.begin() as tx:
        due = claimable(vouchers, now=now, skip=())
        row = take_oldest(tx, vouchers, select(vouchers).where(vouchers.c.id == voucher_id, due), now=now)
        return VoucherRow.of(row) if row is not None else None


def renew(db: Database, row: VoucherRow, *, now: datetime) -> bool:
    """The call still runs: the claim lasts on. False when it is no longer ours."""
    return claiming.renew(db, vouchers, row.id, fence=row.fence, now=now)


def recover(db: Database, *, client: str, now: datetime) -> int:
    """Vouchers a worker died with are unknown: they are asked about before they are posted. Returns how many."""
    with db.begin() as tx:
        return left_behind(tx, vouchers, vouchers.c.client == client, now=now)


def hold(db: Database, *, client: str, why: str, now: datetime, repeats_only: bool = False) -> None:
    """What is due is not tried now, and why; it is looked at again between the slots. The next attempt ends it."""
    tried = _tried(repeats_only=repeats_only)
    with db.begin() as tx:
        due = (vouchers.c.client == client, vouchers.c.state == "ready", vouchers.c.due_at <= now, *tried)
        tx.execute(update(vouchers).where(*due).values(held=why))


def held(db: Database, *, client: str | None = None) -> list[tuple[str, str, int]]:
    """Vouchers that are held back: (client, why, how many)."""
    query = select(vouchers.c.client, vouchers.c.held, func.count()).where(
        vouchers.c.state == "ready", vouchers.c.held.is_not(None)
    )
    if client is not None:
        query = query.where(vouchers.c.client == client)
    with db.read() as tx:
        rows = tx.execute(query.group_by(vouchers.c.client, vouchers.c.held).order_by(vouchers.c.client))
        return [(name, why, count) for name, why, count in rows]


def due(
    db: Database, *, client: str, now: datetime, repeats_only: bool = False
) -> tuple[list[int], set[VoucherAccount]]:
    """What may be posted now: the ids, oldest first, and every account that those vouchers stand on.

    `repeats_only`: without what has neither been tried nor held back.
    """
    ids: list[int] = []
    accounts: set[VoucherAccount] = set()
    states = ["ready", "unknown", "sending"]
    for row in each(db, client=client, states=states, due_by=now, repeats_only=repeats_only):
        ids.append(row.id)
        accounts.update(
            VoucherAccount(AccountKind(line["account_kind"]), line["account"]) for line in row.content["lines"]
        )
    return ids, accounts


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
        values: dict[str, Any] = {"state": state, "answer": answer[:2000], "held": None, "lease_until": None}
        if erp_id:
            values |= {"erp_id": erp_id, "erp_number": erp_number, "posted_at": now}
        if due_at is not None:
            values["due_at"] = due_at
        changed = tx.execute(
            update(vouchers).where(vouchers.c.id == row.id, vouchers.c.fence == row.fence).values(**values)
        ).rowcount
        if changed != 1:
            raise IllegalTransition(f"voucher {row.id} was claimed anew meanwhile")


def each(
    db: Database,
    *,
    client: str,
    states: Sequence[str],
    until: date | None = None,
    due_by: datetime | None = None,
    repeats_only: bool = False,
) -> Iterator[VoucherRow]:
    """The client's vouchers, oldest first, some at a time: there may be very many."""
    query = select(vouchers.c.id).where(
        vouchers.c.client == client, vouchers.c.state.in_(states), *_tried(repeats_only=repeats_only)
    )
    if until is not None:
        query = query.where(vouchers.c.date <= until)
    if due_by is not None:
        query = query.where(vouchers.c.due_at <= due_by)
    with db.read() as tx:
        ids = list(tx.execute(query.order_by(vouchers.c.id)).scalars())
    for chunk in slices(ids):
        some = select(vouchers).where(vouchers.c.id.in_(chunk), vouchers.c.state.in_(states)).order_by(vouchers.c.id)
        with db.read() as tx:
            rows = [VoucherRow.of(row) for row in tx.execute(some).mappings()]
        yield from rows


def of_client(db: Database, *, client: str) -> list[VoucherRow]:
    """All of the client's vouchers, oldest first."""
    query = select(vouchers).where(vouchers.c.client == client).order_by(vouchers.c.id)
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
                .values(state="ready", due_at=now, attempts=1, lease_until=None)  # the patience begins anew
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
