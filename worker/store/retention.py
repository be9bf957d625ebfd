"""What is old is forgotten: documents, personal data, money's words. Each function removes a batch in one transaction.

Rows stay, and so do the stories' hashes: only words go (store/personal.py lists them column by column).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, null, or_, select, update

from worker.store.database import Database
from worker.store.documents import REFERENCES
from worker.store.holds import CLOSED_VOUCHER, OPEN_ITEM, REMOVED, Old, find_old, first_instant, old_enough
from worker.store.story import add_event
from worker.store.tables import (
    attempts,
    bounces,
    code_requests,
    decisions,
    deliveries,
    ehf_responses,
    events,
    failed_recipients,
    invoices,
    links,
    postbacks,
    print_receipts,
    settlement_files,
    settlement_items,
    voucher_items,
    vouchers,
    warnings,
)

BATCH = 100  # rows a transaction: others wait half a second at most
_WORDS_OF_MONEY = ("payer_name", "payer_account", "text", "archive_reference")
_OF_THE_LIST = ("total", "created_at")  # what the completeness check compares


def _documents_old(before: date) -> ColumnElement[bool]:
    named = or_(*(c.is_not(None) for c in REFERENCES if c.table is invoices))
    return and_(invoices.c.documents_state == "kept", named, old_enough(before))


def _persons_old(before: date) -> ColumnElement[bool]:
    return and_(invoices.c.personal_data_removed_at.is_(None), old_enough(before))


def old_documents(db: Database, *, before: date, after_id: int) -> list[Old]:
    """A batch of invoices whose documents' time is over, held ones among them, from the id after `after_id`."""
    return _batch(db, _documents_old(before), after_id)


def old_personal_data(db: Database, *, before: date, after_id: int) -> list[Old]:
    """The same of the personal data on an invoice's rows."""
    return _batch(db, _persons_old(before), after_id)


def _batch(db: Database, wanted: ColumnElement[bool], after_id: int) -> list[Old]:
    with db.read() as tx:
        return find_old(tx, and_(invoices.c.id > after_id, wanted), limit=BATCH)


def _locked(tx: Connection, ids: Sequence[int], wanted: ColumnElement[bool]) -> list[int]:
    """Those of the invoices that are still as they were found: nobody held, moved or paid one meanwhile."""
    tx.execute(select(invoices.c.id).where(invoices.c.id.in_(ids)).order_by(invoices.c.id).with_for_update())
    return [one.id for one in find_old(tx, and_(invoices.c.id.in_(ids), wanted)) if one.hold is None]


# --- documents ------------------------------------------------------------------------------------


def let_documents_go(db: Database, ids: Sequence[int], *, before: date, now: datetime) -> list[int]:
    """Says of invoices' documents that they are going, and writes it into the stories. Returns which.

    The bytes are removed after it, by `going` and `gone`: a run that is killed in between is finished by the next.
    """
    with db.begin() as tx:
        free = _locked(tx, ids, _documents_old(before))
        tx.execute(update(invoices).where(invoices.c.id.in_(free)).values(documents_state="going"))
        for invoice_id in free:
            add_event(tx, invoice_id, REMOVED[0], now=now, detail="retention")
        return free


def let_files_go(db: Database, *, before: date, remove: bool) -> list[date]:
    """Settlement files of before that date, all of whose items are decided: when each came. `remove`: a batch of them
    is said to be going, and loses its name."""
    unfinished = select(settlement_items.c.id).where(
        settlement_items.c.file_id == settlement_files.c.id, settlement_items.c.state.in_(OPEN_ITEM)
    )
    query = (
        select(settlement_files.c.id, settlement_files.c.received_at)
        .where(
            settlement_files.c.documents_state == "kept",
            settlement_files.c.state != "taking",
            settlement_files.c.received_at < first_instant(before),
            ~unfinished.exists(),
        )
        .order_by(settlement_files.c.id)
    )
    if not remove:
        with db.read() as tx:
            return [row.received_at.date() for row in tx.execute(query)]
    with db.begin() as tx:
        rows = tx.execute(query.limit(BATCH)).all()
        own = settlement_files.c.id.in_([row.id for row in rows])
        tx.execute(update(settlement_files).where(own).values(documents_state="going", name=""))
        return [row.received_at.date() for row in rows]


@dataclass(frozen=True, slots=True)
class Going:
    """A row whose documents are to be removed. `free`: those of them no other row needs."""

    table: str
    id: int
    free: tuple[str, ...]


def going(db: Database) -> list[Going]:
    """A batch of what is on its way out, whoever began it."""
    found: list[Going] = []
    with db.read() as tx:
        for table in (invoices, settlement_files):
            columns = [column for column in REFERENCES if column.table is table]
            rows = tx.execute(
                select(table.c.id, *columns).where(table.c.documents_state == "going").order_by(table.c.id).limit(BATCH)
            ).all()
            for row in rows:
                named = {str(sha256) for sha256 in row[1:] if sha256}
                found.append(Going(table.name, row[0], tuple(sorted(named - _needed(tx, named)))))
    return found


def _needed(tx: Connection, named: set[str]) -> set[str]:
    return {
        sha256
        for column in REFERENCES
        for sha256 in tx.execute(
            select(column).where(column.in_(named), column.table.c.documents_state == "kept")
        ).scalars()
    }


def gone(db: Database, rows: Sequence[Going]) -> None:
    """Their bytes are removed. The hashes stay: they prove what a copy elsewhere is."""
    with db.begin() as tx:
        for table in (invoices, settlement_files):
            ids = [row.id for row in rows if row.table == table.name]
            tx.execute(update(table).where(table.c.id.in_(ids)).values(documents_state="gone"))


# --- personal data on an invoice's rows ------------------------------------------------------------


def remove_personal_data(db: Database, ids: Sequence[int], *, before: date, now: datetime) -> list[int]:
    """Empties every word about a person on the invoices and on what belongs to them. Returns which."""
    with db.begin() as tx:
        free = _locked(tx, ids, _persons_old(before))
        _forget(tx, free)
        for invoice_id in free:
            add_event(tx, invoice_id, REMOVED[1], now=now, detail="retention")
        own = invoices.c.id.in_(free)
        left = [
            {"the_id": row.id, "left": {key: row.erp_row[key] for key in _OF_THE_LIST if key in row.erp_row}}
            for row in tx.execute(select(invoices.c.id, invoices.c.erp_row).where(own)).all()
        ]
        if left:
            changed = update(invoices).where(invoices.c.id == bindparam("the_id"))
            tx.execute(changed.values(erp_row=bindparam("left", type_=invoices.c.erp_row.type)), left)
        tx.execute(
            update(invoices)
            .where(own)
            .values(debtor=null(), parked_detail=None, route_reason=None, personal_data_removed_at=now)
        )
        return free


def _forget(tx: Connection, ids: Sequence[int]) -> None:
    """Of all of them at once: not every table can be asked quickly for what belongs to one."""
    ways = list(tx.execute(select(deliveries.c.id).where(deliveries.c.invoice_id.in_(ids))).scalars())
    told = list(tx.execute(select(postbacks.c.id).where(postbacks.c.invoice_id.in_(ids))).scalars())
    _forget_links(tx, links.c.delivery_id.in_(ways))
    tx.execute(delete(failed_recipients).where(failed_recipients.c.delivery_id.in_(ways)))
    words = and_(events.c.invoice_id.in_(ids), events.c.detail.is_not(None), events.c.event.not_in(REMOVED))
    for table, where, emptied in (
        (events, words, {"detail": None}),
        (warnings, warnings.c.invoice_id.in_(ids), {"detail": ""}),
        (decisions, decisions.c.invoice_id.in_(ids), {"reason": "", "considered": [], "evidence": null()}),
        (
            deliveries,
            deliveries.c.id.in_(ways),
            {"address": "", "reason": "", "ended_reason": None, "vendor_reference": None, "asked_by": None},
        ),
        (postbacks, postbacks.c.id.in_(told), {"text": None}),
        (bounces, bounces.c.delivery_id.in_(ways), {"detail": "", "note": ""}),
        (print_receipts, print_receipts.c.delivery_id.in_(ways), {"detail": "", "note": "", "file": ""}),
        (ehf_responses, ehf_responses.c.delivery_id.in_(ways), {"answer": ""}),
    ):
        tx.execute(update(table).where(where).values(emptied))
    _forget_answers(tx, "delivery", ways)
    _forget_answers(tx, "postback", told)


def _forget_answers(tx: Connection, subject: str, ids: Sequence[int]) -> None:
    own = (attempts.c.subject == subject, attempts.c.subject_id.in_(ids), attempts.c.answer != "")
    tx.execute(update(attempts).where(*own).values(answer=""))


def _forget_links(tx: Connection, wanted: ColumnElement[bool]) -> int:
    ids = list(tx.execute(select(links.c.id).where(wanted)).scalars())
    asked = select(code_requests.c.id).where(code_requests.c.link_id.in_(ids))
    tx.execute(update(bounces).where(bounces.c.code_request_id.in_(asked)).values(code_request_id=None))
    tx.execute(delete(code_requests).where(code_requests.c.link_id.in_(ids)))
    tx.execute(delete(links).where(links.c.id.in_(ids)))
    return len(ids)


def remove_links(db: Database, ids: Sequence[int]) -> None:
    """Link rows and the codes asked for them. That and when one was opened stands in the invoice's story."""
    with db.begin() as tx:
        _forget_links(tx, links.c.id.in_(ids))


# --- money ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OldRow:
    """Something of a client (empty: of none) that is over. `day`: what its age is counted from. `after`: the invoice of
    an item, or a voucher's items, when they still hold personal data: it goes after them."""

    id: int
    client: str
    day: date
    after: tuple[int, ...]


def old_items(db: Database, *, before: date, after_id: int) -> list[OldRow]:
    """A batch of decided payments and events of before that date."""
    items = settlement_items.c
    unfinished = (
        select(vouchers.c.id)
        .join(voucher_items, voucher_items.c.voucher_id == vouchers.c.id)
        .where(voucher_items.c.item_id == items.id, vouchers.c.state.not_in(CLOSED_VOUCHER))
    )
    full = and_(invoices.c.id == items.invoice_id, invoices.c.personal_data_removed_at.is_(None))
    query = (
        select(items.id, items.client, items.event_date, invoices.c.id.label("invoice_id"))
        .select_from(settlement_items.outerjoin(invoices, full))
        .where(
            items.id > after_id,
            items.personal_data_removed_at.is_(None),
            items.event_date < before,
            items.created_at < first_instant(before),
            items.state.not_in(OPEN_ITEM),
            ~unfinished.exists(),
        )
        .order_by(items.id)
        .limit(BATCH)
    )
    with db.read() as tx:
        return [
            OldRow(row.id, row.client or "", row.event_date, () if row.invoice_id is None else (row.invoice_id,))
            for row in tx.execute(query)
        ]


def old_vouchers(db: Database, *, before: date, after_id: int) -> list[OldRow]:
    """A batch of posted vouchers of before that date."""
    query = (
        select(vouchers.c.id, vouchers.c.client, vouchers.c.date)
        .where(
            vouchers.c.id > after_id,
            vouchers.c.personal_data_removed_at.is_(None),
            vouchers.c.date < before,
            vouchers.c.created_at < first_instant(before),
            vouchers.c.state.in_(CLOSED_VOUCHER),
        )
        .order_by(vouchers.c.id)
        .limit(BATCH)
    )
    with db.read() as tx:
        rows = tx.execute(query).all()
        full: dict[int, list[int]] = {}
        for voucher_id, item_id in tx.execute(
            select(voucher_items.c.voucher_id, voucher_items.c.item_id)
            .join(settlement_items, settlement_items.c.id == voucher_items.c.item_id)
            .where(
                voucher_items.c.voucher_id.in_([row.id for row in rows]),
                settlement_items.c.personal_data_removed_at.is_(None),
            )
        ):
            full.setdefault(voucher_id, []).append(item_id)
        return [OldRow(row.id, row.client, row.date, tuple(full.get(row.id, ()))) for row in rows]


def empty_items(db: Database, ids: Sequence[int], *, now: datetime) -> None:
    """Payer, account and free text go; date, amount, KID and what was booked stay."""
    with db.begin() as tx:
        rows = tx.execute(
            select(settlement_items.c.id, settlement_items.c.facts).where(settlement_items.c.id.in_(ids))
        ).all()
        values = [
            {"the_id": row.id, "left": {k: "" if k in _WORDS_OF_MONEY else v for k, v in row.facts.items()}}
            for row in rows
        ]
        if not values:
            return
        changed = update(settlement_items).where(settlement_items.c.id == bindparam("the_id"))
        tx.execute(
            changed.values(facts=bindparam("left", type_=settlement_items.c.facts.type), note="",
                           personal_data_removed_at=now),
            values,
        )  # fmt: skip


def empty_vouchers(db: Database, ids: Sequence[int], *, now: datetime) -> None:
    """Descriptions and the ERP's words go; accounts, amounts and references stay."""
    with db.begin() as tx:
        for row in tx.execute(select(vouchers.c.id, vouchers.c.content).where(vouchers.c.id.in_(ids))).all():
            content: dict[str, Any] = row.content
            lines: list[dict[str, Any]] = content["lines"]
            left = {**content, "description": "", "lines": [{**line, "description": ""} for line in lines]}
            if "sent_description" in left:
                left["sent_description"] = ""
            if "correction" in content:
                correction: dict[str, Any] = content["correction"]
                left["correction"] = {**correction, "note": ""}
            tx.execute(
                update(vouchers)
                .where(vouchers.c.id == row.id)
                .values(content=left, answer="", held=None, personal_data_removed_at=now)
            )
        _forget_answers(tx, "voucher", ids)
