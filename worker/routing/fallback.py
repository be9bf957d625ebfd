"""The next way out: a link unopened for too long, and deliveries finally refused."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from worker.model.channel import Channel, Reach
from worker.model.document import Kind
from worker.model.journey import IllegalTransition
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.routing.choose import EHF_DUTY_FROM, RoutingRules, next_channel
from worker.routing.debtor import debtor_of
from worker.store import deliveries, invoices, links, reach, successors
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.keys import delivery_key
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.support.clock import oslo, oslo_date
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


async def run(*, now: datetime, client: str, rules: RoutingRules, db: Database, refused_only: bool = False) -> Summary:
    """Writes the next delivery of every invoice that needs one: unopened since `unopened_days` calendar days before
    today (Oslo dates), or refused for good. Each is a new delivery with its reason.

    `refused_only`: between the slots, when links are not looked at.
    """
    summary = Summary()
    opened = links.note_openings(db, client=client, now=now)
    if opened:
        summary.count("opened", opened)
    # Handed over on day D, the letter is due on day D+days: so what was handed over before the end of day today-days.
    limit = oslo(oslo_date(now) - timedelta(days=rules.unopened_days - 1), time(0))
    unopened = [] if refused_only else successors.unopened_since(db, client=client, handed_over_before=limit)
    for delivery, invoice in unopened:
        why = f"not opened within {rules.unopened_days} days"
        with isolated(db, invoice.id, now=now, summary=summary):
            summary.update(_next(delivery, invoice, why, expire=True, rules=rules, db=db, now=now))
    for delivery, invoice in successors.refused_without_successor(db, client=client):
        why = delivery.ended_reason or "refused"
        with isolated(db, invoice.id, now=now, summary=summary):
            summary.update(_next(delivery, invoice, why, expire=False, rules=rules, db=db, now=now))
    return summary


def _next(
    delivery: DeliveryRow,
    invoice: InvoiceRow,
    why: str,
    *,
    expire: bool,
    rules: RoutingRules,
    db: Database,
    now: datetime,
) -> Summary:
    log, summary = get_logger(), Summary()
    failed = Channel(delivery.channel)
    tried = frozenset(Channel(row.channel) for row in deliveries.of_invoice(db, invoice.id))
    decision = next_channel(failed, debtor_of(invoice), rules, tried=tried, why=why)
    with bound(invoice=invoice.id, delivery=delivery.id):
        if decision.channel is None:
            invoices.note_decision(
                db, invoice.id, reason=decision.reason, considered=[list(pair) for pair in decision.considered], now=now
            )
            invoices.park(db, invoice.id, ParkedReason.NO_CHANNEL_LEFT, decision.reason, now=now)
            log_parked(ParkedReason.NO_CHANNEL_LEFT)
            summary.count("parked")
            return summary
        try:
            successors.take_next_channel(
                db,
                delivery,
                expire=expire,
                channel=decision.channel,
                address=decision.address,
                key=delivery_key(invoice, delivery.number + 1),
                reason=decision.reason,
                considered=[list(pair) for pair in decision.considered],
                now=now,
            )
        except IllegalTransition:  # opened at this very moment: nothing more to do
            summary.count("opened_meanwhile")
            return summary
        if failed is Channel.EHF and oslo_date(now) >= EHF_DUTY_FROM and not _has_left(db, delivery, invoice):
            found = {InvoiceWarning.EHF_DUTY: "EHF was refused, another channel took over"}
            invoices.set_warnings(db, invoice.id, found, among=[], now=now)
            log.warning("invoice.warning", warning=InvoiceWarning.EHF_DUTY)
        event = "delivery.unopened" if expire else "delivery.next_channel"
        log.info(event, channel=failed, next_channel=decision.channel)
        summary.count(f"next_{decision.channel}")
    return summary


def _has_left(db: Database, delivery: DeliveryRow, invoice: InvoiceRow) -> bool:
    """Whether the debtor no longer receives EHF, so that nothing is owed to it by law."""
    known = reach.remembered(db, participant=delivery.address, kind=Kind(invoice.kind))
    return known is not None and known.believed and known.answer is Reach.NO
