"""The step: each registered invoice gets its first way out, or is parked with the reason."""

from __future__ import annotations

from datetime import datetime

from worker.model.channel import Channel, Reach
from worker.model.document import Kind
from worker.model.journey import JourneyState
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.ports import ConsumerAnswer, ConsumerChannel, DebtorReach
from worker.routing.choose import Debtor, RoutingRules, choose, needs_consumer_lookup, needs_lookup
from worker.routing.consumer import PATIENCE, ConsumerAsker
from worker.routing.debtor import debtor_of, terms_of
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.keys import delivery_key
from worker.store.rows import InvoiceRow
from worker.support.clock import oslo_date
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


async def run(
    *,
    now: datetime,
    client: str,
    rules: RoutingRules,
    db: Database,
    reach: DebtorReach,
    consumers: ConsumerChannel | None = None,
) -> Summary:
    """Routes what is registered, and what was parked for an unknown reach that is known now. The reason, what was
    passed over and what was looked up are stored with the decision.

    `consumers`: the eFaktura provider, None when none is configured. Whom it cannot tell about stays registered for a
    while and is asked about again at the next run.
    """
    log, summary = get_logger(), Summary()
    today = oslo_date(now)
    asker = ConsumerAsker(consumers, rules)
    debtors: list[tuple[InvoiceRow, Debtor]] = []
    for row in _waiting(db, client=client):
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            debtors.append((row, debtor_of(row)))
    await reach.prepare(wanted=[_asked(row, of) for row, of in debtors if needs_lookup(of, rules, today)])
    for row, debtor in debtors:
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            terms, answer = terms_of(row), None
            if needs_lookup(debtor, rules, today):
                participant, kind = _asked(row, debtor)
                answer = await reach.to_route(participant=participant, kind=kind)
            if row.state == JourneyState.PARKED:
                if answer is not None and answer.reach is Reach.UNKNOWN:
                    continue  # nothing new to tell; the next intake says so on the invoice
                invoices.resume(db, row.id, now=now, detail="looked up again")
                log.info("invoice.resumed", reason=row.parked_reason)
            consumer = None
            if needs_consumer_lookup(debtor, terms, rules, today):
                consumer = await asker.ask(debtor)
                if _waits(db, row.id, consumer, now=now):
                    log.info("invoice.route_waits", channel=Channel.EFAKTURA)
                    summary.count("route_waits")
                    continue
            decision = choose(debtor, terms, rules, reach=answer, consumer=consumer, today=today)
            evidence = [answer.as_evidence()] if answer is not None else None
            considered = [list(pair) for pair in decision.considered]
            if decision.park is not None or decision.channel is None:
                reason = decision.park
                if reason is None:
                    raise AssertionError("a decision without a channel parks")
                invoices.park(db, row.id, reason, decision.reason, now=now, found_in=JourneyState.REGISTERED)
                invoices.note_decision(
                    db, row.id, reason=decision.reason, considered=considered, evidence=evidence, now=now
                )
                log_parked(reason)
                summary.count("parked")
                continue
            invoices.route(
                db,
                row.id,
                channel=decision.channel,
                address=decision.address,
                key=delivery_key(row, 1),
                reason=decision.reason,
                considered=considered,
                evidence=evidence,
                now=now,
            )
            invoices.set_warnings(
                db,
                row.id,
                {InvoiceWarning.EHF_DUTY: "can receive EHF and does not get it"} if decision.ehf_duty else {},
                among=[InvoiceWarning.EHF_DUTY],
                now=now,
            )
            if decision.ehf_duty:
                log.warning("invoice.warning", warning=InvoiceWarning.EHF_DUTY)
            log.info("invoice.routed", channel=decision.channel)
            summary.count(f"routed_{decision.channel}")
    return summary


def _waiting(db: Database, *, client: str) -> list[InvoiceRow]:
    """What is registered, and what would be but for an unknown reach (intake resumes those itself), oldest first."""
    parked = invoices.parked_for(db, client=client, reasons=[ParkedReason.REACH_UNKNOWN])
    return sorted(
        [
            *[row for row in parked if row.return_state == JourneyState.REGISTERED],
            *invoices.in_state(db, client=client, state=JourneyState.REGISTERED),
        ],
        key=lambda row: row.id,
    )


def _asked(row: InvoiceRow, debtor: Debtor) -> tuple[str, Kind]:
    return debtor.participant, Kind(row.kind)


def _waits(db: Database, invoice_id: int, answer: ConsumerAnswer, *, now: datetime) -> bool:
    """Whether a better answer is waited for: an unknown one is asked for again until PATIENCE is over."""
    if answer.reach is not Reach.UNKNOWN:
        return False
    since = invoices.undecided_since(db, invoice_id)
    if since is None:
        why = f"whether the person can receive eFaktura is unknown, and asked again: {answer.evidence}"
        invoices.note_decision(db, invoice_id, reason=why, considered=[[Channel.EFAKTURA, answer.evidence]], now=now)
        return True
    return now - since < PATIENCE
