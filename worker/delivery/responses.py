"""Listening for the receiver's word after the receipt: Message Level Status, the debtor's Invoice Response.

It comes within the hour, within days, or never: silence says nothing. So it is asked for ever more seldom, for a week.
"""

from __future__ import annotations

from datetime import timedelta

from worker.delivery.outbound import DeliveryConfig
from worker.model.outcomes import OutsideError, SlowDown, Unavailable
from worker.model.parked import ParkedReason
from worker.model.receiver import Response, Source, Weight
from worker.ports import AccessPoint, SubmissionState
from worker.store import responses
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import DeliveryRow
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary

FIRST_LOOK = timedelta(minutes=10)
LISTENING = timedelta(days=7)


async def listen(
    *, clock: Clock, client: str, config: DeliveryConfig, db: Database, access_point: AccessPoint, halt: Halt
) -> Summary:
    """Asks about every EHF that is due. Trouble is no news: it is asked again at its next turn."""
    summary = Summary()
    asked: set[int] = set()
    while not halt.called:
        delivery = responses.claim_to_listen(
            db, client=client, now=clock.now(), settled=FIRST_LOOK, patience=LISTENING, skip=asked
        )
        if delivery is None:
            break
        asked.add(delivery.id)
        trouble: OutsideError | None = None
        with (
            bound(invoice=delivery.invoice_id, delivery=delivery.id, channel=delivery.channel),
            isolated(db, delivery.invoice_id, now=clock.now(), summary=summary),
        ):
            said: Response | None = None
            try:
                said = await _word(delivery, config, access_point)
            except OutsideError as error:
                trouble = error
            _write(db, clock, delivery, said, summary)
        if isinstance(trouble, SlowDown | Unavailable):  # nobody is told anything now
            break
    return summary


async def _word(delivery: DeliveryRow, config: DeliveryConfig, access_point: AccessPoint) -> Response | None:
    """Raises the outcomes of worker.model.outcomes."""
    told = await access_point.status(
        key=delivery.key, reference=delivery.vendor_reference or "", tenant=config.access_point_tenant
    )
    if told is None:
        return None
    if not told.known_word:
        get_logger().error("delivery.unknown_vendor_word", channel=delivery.channel, status=told.answer[:60])
    if told.response is None and told.state is SubmissionState.REFUSED:
        # Its receipt stands, so sending was not refused: somebody behind the receiver's access point did not take it.
        return Response(Source.MLS, "RE", told.answer)
    return told.response


def _write(db: Database, clock: Clock, delivery: DeliveryRow, said: Response | None, summary: Summary) -> None:
    now = clock.now()
    age = now - (delivery.handed_over_at or now)
    new, parked = responses.listened(db, delivery, said, now=now, due_at=now + max(3 * FIRST_LOOK, age))
    if said is None or not new:
        return
    summary.count("receiver_said")
    log = get_logger()
    level = log.info if said.weight is Weight.GOOD else log.warning
    level("delivery.receiver_said", channel=delivery.channel, kind=said.source, status=said.code)
    if parked:
        log_parked(ParkedReason.RECEIVER_TURNED_DOWN)
