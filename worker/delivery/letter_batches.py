"""Letters handed over together: one manifest makes the batch real, and each letter still has its own outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from worker.delivery.attempts import NOBODY_SERVED, Begun, Desk, begin, conclude, still_ours
from worker.delivery.letter import job_name, posted_words, print_job
from worker.delivery.outbound import Parcel, Sent
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.model.outcomes import Refused, TryLater
from worker.ports import BatchHandOver, PrintJob
from worker.store import letter_batches
from worker.store.isolation import isolated
from worker.store.rows import DeliveryRow
from worker.support.log import bound, get_logger
from worker.support.summary import Summary


async def drain(desk: Desk, *, begin_new: bool) -> Summary:
    """Hands over batches begun before and, with `begin_new`, new ones of all letters that wait in none."""
    summary = Summary()
    while not desk.halt.called:
        async with desk.carriers.lanes.of(Channel.LETTER):
            claimed = letter_batches.claim(desk.db, client=desk.client, now=desk.clock.now(), begin=begin_new)
            if not claimed:
                break
            outcomes = await _hand_over(desk, claimed)
        summary.update(outcomes)
        if any(outcomes[word] for word in NOBODY_SERVED):
            break
    return summary


async def _hand_over(desk: Desk, claimed: list[DeliveryRow]) -> Summary:
    summary, begun = Summary(), list[Begun]()
    for delivery in claimed:
        with _about(delivery), isolated(desk.db, delivery.invoice_id, now=desk.clock.now(), summary=summary):
            ready = begin(desk, delivery, "send")
            if isinstance(ready, str):
                summary.count(ready)
            else:
                begun.append(ready)
    if not begun:
        return summary
    jobs = dict[str, PrintJob]()
    done = await _called(desk, begun, jobs)
    for one in begun:
        delivery = one.result.delivery
        with _about(delivery), isolated(desk.db, delivery.invoice_id, now=desk.clock.now(), summary=summary):
            summary.count(await conclude(one, lambda parcel: _outcome(parcel, done, jobs)))
            if isinstance(done, BatchHandOver) and job_name(one.parcel) in done.went_without:
                letter_batches.leave(desk.db, delivery)
    return summary


def _about(delivery: DeliveryRow) -> Any:
    return bound(invoice=delivery.invoice_id, delivery=delivery.id, channel=delivery.channel, attempt=delivery.attempts)


async def _called(desk: Desk, begun: list[Begun], jobs: dict[str, PrintJob]) -> BatchHandOver | Exception:
    """The one call for them all, with the `jobs` made for it by name. What goes wrong is everybody's and is told to
    each attempt."""
    refused = dict[str, Refused]()
    try:
        for one in begun:
            try:
                jobs[job_name(one.parcel)] = print_job(one.parcel, desk.config)
            except Refused as error:
                refused[job_name(one.parcel)] = error
        if not jobs:
            return BatchHandOver("", refused, frozenset())
        async with still_ours(desk, *(one.result.delivery for one in begun)):
            done = await desk.carriers.print_house.hand_over_batch(jobs=list(jobs.values()))
    except Exception as error:  # noqa: BLE001 - raised again in each letter's own attempt, which records it
        return error
    count = len(jobs) - len(done.refused) - len(done.went_without)
    get_logger().info("delivery.batch_handed_over", count=count)
    return replace(done, refused={**done.refused, **refused})


async def _outcome(parcel: Parcel, done: BatchHandOver | Exception, jobs: dict[str, PrintJob]) -> Sent:
    """This letter's part of it."""
    if isinstance(done, Exception):
        raise done
    job = job_name(parcel)
    if job in done.refused:
        raise done.refused[job]
    if job in done.went_without:
        raise TryLater("its batch was closed without it; the next one takes it")
    words = posted_words("handed over to the print house in a batch", jobs[job].pdf)
    return Sent(DeliveryEvent.ACCEPTED, done.reference, words)
