"""Asking about what is unknown, and collecting receipts. Never sends."""

from __future__ import annotations

from datetime import timedelta

from worker.delivery import efaktura, ehf, letter, responses
from worker.delivery.attempts import Carriers, Desk, NeverArrived, attempt
from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.model.channel import Channel
from worker.model.journey import DeliveryState
from worker.model.outcomes import UnknownOutcome
from worker.ports import DocumentStore
from worker.store import deliveries
from worker.store.attempts import last_send
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.support.beating import BEAT_SECONDS
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.summary import Summary

# An access point behind a slow proxy may store what it was sent minutes after we have given up waiting. Before this,
# its "never seen" is not believed, or the document would go out twice.
SETTLING = timedelta(minutes=5)


async def run(
    *,
    clock: Clock,
    client: str,
    config: DeliveryConfig,
    db: Database,
    documents: DocumentStore,
    carriers: Carriers,
    halt: Halt,
    beat_seconds: float = BEAT_SECONDS,
) -> Summary:
    """Recovers what a dead worker left behind, then asks each counterparty about every delivery that is due for it.

    Last it listens for what receivers say of EHF that has arrived.
    """
    desk = Desk(clock, client, config, db, documents, carriers, halt, beat_seconds)
    summary = Summary()
    recovered = deliveries.recover(db, client=client, now=clock.now())
    if recovered:
        get_logger().warning("recovery.deliveries", count=recovered)
        summary.count("recovered", recovered)
    asked: set[int] = set()
    while not halt.called:
        delivery = deliveries.claim_to_ask(db, client=client, now=clock.now(), skip=asked)
        if delivery is None:
            break
        asked.add(delivery.id)
        with (
            bound(invoice=delivery.invoice_id, delivery=delivery.id, channel=delivery.channel),
            isolated(db, delivery.invoice_id, now=clock.now(), summary=summary),
        ):
            summary.count(await attempt(desk, delivery, "ask", lambda p: _ask(p, desk)))
    summary.update(
        await responses.listen(
            clock=clock, client=client, config=config, db=db, access_point=carriers.access_point, halt=halt
        )
    )
    return summary


async def _ask(parcel: Parcel, desk: Desk) -> Sent:
    """The counterparty's word. Raises NeverArrived when it has not got it, UnknownOutcome when it cannot tell."""
    channel = Channel(parcel.delivery.channel)
    async with desk.carriers.lanes.of(channel):
        if channel is Channel.EHF:
            answer = await ehf.ask(parcel, desk.config, desk.carriers.access_point)
        elif channel is Channel.EFAKTURA:
            answer = await efaktura.ask(parcel, desk.config, desk.carriers.consumers)
        elif channel is Channel.LETTER:
            answer = await letter.ask(parcel, desk.config, desk.carriers.print_house)
        else:
            raise UnknownOutcome("a mail server cannot be asked about a message")
    if answer is None:
        if parcel.delivery.state == DeliveryState.HANDED_OVER or parcel.delivery.vendor_reference:
            raise UnknownOutcome("accepted before, and now not known to the counterparty")
        sent_at = last_send(desk.db, parcel.delivery.id)
        if sent_at is not None and desk.clock.now() - sent_at < SETTLING:
            raise UnknownOutcome("not known to the counterparty yet; it may still be taking it in")
        raise NeverArrived("the counterparty has not got it")
    return answer
