"""The step: what has come in is matched, what is matched becomes vouchers, and the ERP's status follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from worker.model.settlement import EventKind
from worker.model.waiting import WaitReason
from worker.settlement.making import Booking, BookingPlan, make
from worker.settlement.matching import Known, Matched, Waits, match, references
from worker.settlement.rules import PAID_IN_FULL, RULES, STATUSES
from worker.store import booking, matching, settlement
from worker.store.booking import Booked
from worker.store.database import Database
from worker.store.matching import Decision, Found
from worker.store.rows import InvoiceRow, ItemRow
from worker.store.settling import slices
from worker.support.halt import Halt
from worker.support.log import get_logger, place
from worker.support.summary import Summary


@dataclass(frozen=True, slots=True)
class MatchingConfig:
    """`clients`: every client with an env file. `payments_from`: which source books payments (bank or feed); the other
    one's payments are the same money told again and are set aside."""

    clients: frozenset[str]
    factor_account: str
    payments_from: str


def match_all(*, now: datetime, config: MatchingConfig, db: Database, halt: Halt) -> Summary:
    """Matches every new item of every client. Any number of workers may do so at once: each item is decided once, on
    what is owed at that moment."""
    log, summary = get_logger(), Summary()
    for ids in slices(matching.new_items(db)):
        if halt.called:
            break
        made = matching.decide_new(
            db,
            ids,
            references=lambda item: references(item, factor_account=config.factor_account),
            decide=lambda item, found: _decision(item, found, config),
            now=now,
        )
        for item, decision in made:
            if decision.state == "waiting":
                log.warning("settlement.waiting", item=item.id, reason=decision.reason)
            summary.count(f"items_{decision.state}")
    return summary


def _decision(item: ItemRow, found: Found, config: MatchingConfig) -> Decision:
    if _told_twice(item, config):
        return Decision("ignored", note=f"payments are booked from the {config.payments_from}")
    try:
        matched = match(item, Known(found, config.clients, config.factor_account))
    except Exception as error:  # noqa: BLE001 - one item never stops the others; the error's text may hold a name
        return Decision("waiting", WaitReason.UNEXPECTED, _fault(error))
    if isinstance(matched, Waits):
        return Decision("waiting", matched.reason, matched.note)
    return Decision("matched", note=matched.note, invoice=matched.invoice, parts=matched.parts)


def _fault(error: Exception) -> str:
    return f"{type(error).__name__} at {place(error.__traceback__)}"


def take_match(db: Database, item: ItemRow, found: Matched, *, now: datetime) -> None:
    """Writes down what a person says an item belongs to. Raises NotWaiting when it has been decided meanwhile."""
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
    from_feed = item.source_key.startswith("feed:")
    return item.kind == EventKind.PAYMENT and from_feed != (config.payments_from == "feed")


def book_all(*, now: datetime, client: str, plan: BookingPlan | None, db: Database, halt: Halt) -> Summary:
    """Makes vouchers of the client's matched items, and statuses for the ERP. `plan` None: return data is off, and
    what is matched is only kept."""
    log, summary = get_logger(), Summary()
    for ids in slices(booking.matched_items(db, client=client)):
        if halt.called:
            break
        booked, written = booking.book(
            db, ids, client=client, plan=lambda items, about, settled: _booked(items, about, settled, plan), now=now
        )
        for voucher_id, voucher, count in written.vouchers:
            log.info("voucher.made", voucher=voucher_id, kind=voucher.kind, count=count)
        for _ in written.taken:
            log.error("voucher.reference_taken")
            summary.count("trouble_aside")
        for item, reason, _ in booked.waiting:
            log.warning("settlement.waiting", item=item, reason=reason)
        for word, count in (
            ("vouchers_made", len(written.vouchers)),
            ("items_kept", len(booked.told)),
            ("items_waiting", len(booked.waiting)),
            ("statuses", written.statuses),
        ):
            if count:
                summary.count(word, count)
    return summary


def _booked(
    items: Sequence[ItemRow], about: Mapping[int, InvoiceRow], settled: Mapping[int, int], plan: BookingPlan | None
) -> Booked:
    """What becomes of matched items: vouchers, or a note, and what the ERP is told."""
    booked = Booked()
    bookings: list[Booking] = []
    for item in items:
        invoice = about.get(item.invoice_id) if item.invoice_id is not None else None
        kind = EventKind(item.kind)
        if kind is EventKind.DUE_DATE_CHANGE and invoice is not None and item.facts.get("new_due_date"):
            booked.lines.append((invoice.id, "due_date_changed", str(item.facts["new_due_date"])))
        if plan is None or kind not in RULES or not item.amount_minor:
            note = "return data is off for the client" if plan is None and kind in RULES else item.note
            booked.told.append((item.id, note))
        else:
            bookings.append(Booking(item, invoice))
        status = _status(kind, invoice, settled)
        if invoice is not None and status is not None:
            booked.statuses.append((invoice.id, *status))
    if plan is not None:
        _make(bookings, plan, booked)
    return booked


def _make(bookings: Sequence[Booking], plan: BookingPlan, booked: Booked) -> None:
    """Vouchers; an event nobody can make one of waits for a person and stops no other."""
    try:
        booked.vouchers.extend(make(bookings, plan))
    except Exception:  # noqa: BLE001 - see above
        sound: list[Booking] = []
        for one in bookings:
            try:
                make([one], plan)
            except Exception as error:  # noqa: BLE001 - see above; the error's text may hold a name
                booked.waiting.append((one.item.id, WaitReason.UNEXPECTED, _fault(error)))
            else:
                sound.append(one)
        booked.vouchers.extend(make(sound, plan))


def _status(kind: EventKind, invoice: InvoiceRow | None, settled: Mapping[int, int]) -> tuple[str, str] | None:
    """What the ERP's factoring status becomes, with its text, when the event changes it."""
    if kind is EventKind.PAYMENT and invoice is not None:
        return PAID_IN_FULL if settled.get(invoice.id, 0) >= (invoice.payable_minor or 0) else None
    return STATUSES.get(kind)
