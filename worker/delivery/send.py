"""The runner: what is due is claimed and goes out, channel after channel. Channels only send and answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from worker.delivery import efaktura, ehf, email, letter, letter_batches
from worker.delivery.attempts import NOBODY_SERVED, Call, Carriers, Desk, attempt
from worker.delivery.outbound import DeliveryConfig, Parcel, Sent
from worker.delivery.reach import still_receives
from worker.model.channel import Channel
from worker.ports import DocumentStore, Mailer
from worker.store import deliveries
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.support.beating import BEAT_SECONDS
from worker.support.clock import Clock, oslo_date
from worker.support.halt import Halt
from worker.support.log import bound
from worker.support.summary import Summary

AT_ONCE = 4  # of one client, in flight; an access point or eFaktura provider sends on while we wait
MAILS_A_CONNECTION = 20  # then another client has its turn


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
    """Tries every delivery that is due. Returns counts; trouble with one delivery never stops the others."""
    desk = Desk(clock, client, config, db, documents, carriers, halt, beat_seconds)
    summary = Summary()
    summary.update(await _several(desk, Channel.EHF, lambda p: _send_ehf(p, desk)))
    consumers = carriers.consumers
    summary.update(
        await _several(
            desk, Channel.EFAKTURA, lambda p: efaktura.send(p, config, consumers, oslo_date(desk.clock.now()))
        )
    )
    summary.update(await _mails(desk))
    # Batches begun earlier go out as such, whatever is set now.
    summary.update(await letter_batches.drain(desk, begin_new=config.letters_in_batches))
    if not config.letters_in_batches:
        summary.update(await _drain(desk, Channel.LETTER, lambda p: letter.send(p, config, carriers.print_house)))
    return summary


async def _send_ehf(parcel: Parcel, desk: Desk) -> Sent:
    await still_receives(parcel, desk.carriers.reach, db=desk.db, now=desk.clock.now())
    return await ehf.send(parcel, desk.config, desk.carriers.access_point)


Mail = Callable[[Parcel, DeliveryConfig, Mailer, Database, datetime], Awaitable[Sent]]


async def _mails(desk: Desk) -> Summary:
    summary = Summary()
    ways: list[tuple[Channel, Mail]] = [(Channel.EMAIL_LINK, email.send_link), (Channel.EMAIL_PDF, email.send_pdf)]
    while ways:
        async with desk.carriers.lanes.of(Channel.EMAIL_LINK), desk.carriers.mail_server.session() as mailer:
            for _ in range(MAILS_A_CONNECTION):
                channel, mail = ways[0]
                if not await _one(desk, channel, _mailing(mail, desk, mailer), summary) and not _next(ways):
                    break
    return summary


def _next(ways: list[tuple[Channel, Mail]]) -> bool:
    del ways[0]
    return bool(ways)


def _mailing(mail: Mail, desk: Desk, mailer: Mailer) -> Call:
    return lambda p: mail(p, desk.config, mailer, desk.db, desk.clock.now())


async def _several(desk: Desk, channel: Channel, call: Call) -> Summary:
    # All of them end before an error is raised: none goes on sending when the step is over.
    lines = await asyncio.gather(*(_drain(desk, channel, call) for _ in range(AT_ONCE)), return_exceptions=True)
    summary = Summary()
    for done in lines:
        if isinstance(done, BaseException):
            raise done
        summary.update(done)
    return summary


async def _drain(desk: Desk, channel: Channel, call: Call) -> Summary:
    summary, goes_on = Summary(), True
    while goes_on:
        async with desk.carriers.lanes.of(channel):
            goes_on = await _one(desk, channel, call, summary)
    return summary


async def _one(desk: Desk, channel: Channel, call: Call, summary: Summary) -> bool:
    """Claimed only when its turn at the counterparty has come. False: none is due, or no more are sent in this run."""
    if desk.halt.called:
        return False
    delivery = deliveries.claim_ready(desk.db, client=desk.client, channels=[channel], now=desk.clock.now())
    if delivery is None:
        return False
    outcome = ""
    with (
        bound(invoice=delivery.invoice_id, delivery=delivery.id, channel=channel, attempt=delivery.attempts),
        isolated(desk.db, delivery.invoice_id, now=desk.clock.now(), summary=summary),
    ):
        outcome = await attempt(desk, delivery, "send", call)
        summary.count(outcome)
    return outcome not in NOBODY_SERVED
