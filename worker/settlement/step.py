"""The step: what has come in is matched, what is matched becomes vouchers, and the ERP's status follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.model.journey import JourneyState
from worker.model.settlement import EventKind
from worker.settlement.making import Booking, BookingPlan, make
from worker.settlement.matching import Known, Matched, Waits, match
from worker.settlement.rules import PAID_IN_FULL, RULES, STATUSES
from worker.store import invoices, settlement, vouchers
from worker.store.database import Database
from worker.store.rows import InvoiceRow, ItemRow
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.summary import Summary


@dataclass(frozen=True, slots=True)
class MatchingConfig:
    """`clients`: every client with an env file. `payments_from`: which source books payments (bank or feed); the other
    one's payments are the same money told again and are set aside."""

    clients: frozenset[str]
    factor_account: str
    payments_from: str


def match_all(*, now: datetime, config: MatchingConfig, db: Database, halt: Halt) -> Summary:
    """Matches every new item of every client. What another worker decides meanwhile is left as that one decided."""
    log, summary = get_logger(), Summary()
    known = Known(
        by_kid=lambda account, kid: settlement.invoice_by_kid(db, account=account, kid=kid),
        by_number=lambda item, number: _by_number(db, item, number),
        rest=lambda invoice: settlement.rest_minor(db, invoice),
        credited=lambda invoice: settlement.is_credited(db, invoice),
        has_client=lambda name: name in config.clients,
    )
    for item in settlement.items(db, states=["new"]):
        if halt.called:
            break
        try:
            if _told_twice(item, config):
                note = f"payments are booked from the {config.payments_from}"
                settlement.decide(db, item.id, state="ignored", now=now, note=note)
                summary.count("items_ignored")
                continue
            found = match(item, known, factor_account=config.factor_account)
            if isinstance(found, Waits):
                settlement.decide(db, item.id, state="waiting", reason=found.reason, note=found.note, now=now)
                log.warning("settlement.waiting", item=item.id, reason=found.reason)
                summary.count("items_waiting")
                continue
            take_match(db, item, found, now=now)
            summary.count("items_matched")
        except settlement.NotWaiting:
            summary.count("items_overtaken")
    return summary


def take_match(db: Database, item: ItemRow, found: Matched, *, now: datetime) -> None:
    """Writes down what an item belongs to. Raises NotWaiting when it has been decided meanwhile."""
    if found.parts:
        settlement.split(db, item, parts=found.parts, note=found.note, now=now)
        return
    settlement.decide(
        db,
        item.id,
        state="matched",
        now=now,
        note=found.note,
        client=found.invoice.client if found.invoice else None,
        invoice_id=found.invoice.id if found.invoice else None,
    )


def _told_twice(item: ItemRow, config: MatchingConfig) -> bool:
    source = "feed" if item.source_key.startswith("feed:") else "bank"
    return item.kind == EventKind.PAYMENT and source != config.payments_from


def _by_number(db: Database, item: ItemRow, number: str) -> list[InvoiceRow]:
    account = None if item.client is not None else str(item.facts.get("account") or "") or None
    return settlement.invoices_by_number(db, account=account, client=item.client, number=number)


def book_all(*, now: datetime, client: str, plan: BookingPlan | None, db: Database) -> Summary:
    """Makes vouchers of the client's matched items, and statuses for the ERP. `plan` None: return data is off, and
    what is matched is only kept."""
    log, summary = get_logger(), Summary()
    bookings: list[Booking] = []
    for item in settlement.items(db, states=["matched"], client=client):
        with bound(invoice=item.invoice_id):
            invoice = invoices.get(db, item.invoice_id) if item.invoice_id is not None else None
            kind = EventKind(item.kind)
            if kind is EventKind.DUE_DATE_CHANGE and invoice is not None:
                _new_due_date(db, item, invoice, now=now)
            if plan is None or kind not in RULES or not item.amount_minor:
                note = "return data is off for the client" if plan is None and kind in RULES else item.note
                vouchers.settle_without_voucher(db, item.id, note=note, now=now)
                summary.count("items_kept")
            else:
                bookings.append(Booking(item, invoice))
            _status(db, item, invoice, now=now, summary=summary)
    for voucher, item_ids in make(bookings, plan) if plan is not None else []:
        voucher_id = vouchers.add(db, client=client, voucher=voucher, item_ids=item_ids, now=now)
        if voucher_id is None:
            log.error("voucher.reference_taken")
            summary.count("trouble")
            continue
        log.info("voucher.made", voucher=voucher_id, kind=voucher.kind, count=len(item_ids))
        summary.count("vouchers_made")
    return summary


def _status(db: Database, item: ItemRow, invoice: InvoiceRow | None, *, now: datetime, summary: Summary) -> None:
    """What the ERP's factoring status becomes, when the event changes it and the ERP knows the invoice as delivered."""
    if invoice is None or invoice.state not in (JourneyState.DELIVERED, JourneyState.POSTED_BACK):
        return
    kind = EventKind(item.kind)
    status = STATUSES.get(kind)
    if kind is EventKind.PAYMENT and settlement.rest_minor(db, invoice) <= 0:
        status = PAID_IN_FULL
    if status is not None:
        vouchers.add_status(db, invoice_id=invoice.id, status=status[0], text=status[1], now=now)
        summary.count("statuses")


def _new_due_date(db: Database, item: ItemRow, invoice: InvoiceRow, *, now: datetime) -> None:
    stated = item.facts.get("new_due_date")
    if stated:
        invoices.note_event(db, invoice.id, "due_date_changed", detail=str(stated), now=now)
