"""The step: each registered invoice gets its first way out, or is parked with the reason."""

from __future__ import annotations

from datetime import datetime

from worker.model.channel import ReachAnswer
from worker.model.document import Kind
from worker.model.journey import JourneyState
from worker.model.parked import InvoiceWarning
from worker.ports import ReachLookup
from worker.routing.choose import RoutingRules, choose, needs_lookup
from worker.routing.debtor import debtor_of, terms_of
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.keys import delivery_key
from worker.support.clock import oslo_date
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


async def run(*, now: datetime, client: str, rules: RoutingRules, db: Database, lookup: ReachLookup) -> Summary:
    """Routes what is registered. The reason and what was passed over are stored with the decision."""
    log, summary = get_logger(), Summary()
    today = oslo_date(now)
    answers: dict[tuple[str, Kind], ReachAnswer] = {}
    for row in invoices.in_state(db, client=client, state=JourneyState.REGISTERED):
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            debtor, terms = debtor_of(row), terms_of(row)
            reach = None
            if needs_lookup(debtor, rules, today):
                asked = (debtor.participant, Kind(row.kind))
                if asked not in answers:
                    answers[asked] = await lookup.lookup(participant=asked[0], kind=asked[1])
                reach = answers[asked]
            decision = choose(debtor, terms, rules, reach=reach, today=today)
            considered = [list(pair) for pair in decision.considered]
            if decision.park is not None or decision.channel is None:
                reason = decision.park
                if reason is None:
                    raise AssertionError("a decision without a channel parks")
                invoices.park(db, row.id, reason, decision.reason, now=now, found_in=row.state)
                invoices.note_decision(db, row.id, reason=decision.reason, considered=considered, now=now)
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
