"""Running a job for a client: under its slot row, step after step, with one summary line at the end."""

from __future__ import annotations

import os
import socket
from functools import partial

from worker.day import JOBS, REPORTED_WHEN_MISSED, Due, Job
from worker.settings import ClientFile
from worker.store import slots
from worker.support import metrics
from worker.support.beating import BEAT_SECONDS, kept
from worker.support.clock import Stopwatch
from worker.support.log import bound, get_logger
from worker.support.summary import Summary
from worker.wiring import House, build_erp, steps_of


def owner_name() -> str:
    """Who this worker is, for slot rows and logs."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}"


async def run_job(house: House, client: ClientFile, job: Job) -> Summary:
    """All of the job's steps for the client, in order. A step that fails is logged and the next ones still run:
    what it left behind is found again by the next slot."""
    log, total = get_logger(), Summary()
    watch = Stopwatch()
    erp = build_erp(house, client)
    try:
        steps = steps_of(house, client, erp)
        for name in job.steps:
            if house.halt.called:
                total.count("halted")
                break
            with bound(step=name):
                try:
                    total.update(await steps[name]())
                except Exception as error:
                    log.error("step.failed", exc_info=error)
                    total.count("failed_steps")
    finally:
        await erp.aclose()
    level = log.warning if total.troubled or total["failed_steps"] else log.info
    took = watch.milliseconds
    level("run.done", counts=dict(sorted(total.items())), duration_ms=took)
    outcome = "failed" if total["failed_steps"] else "troubled" if total.troubled else "done"
    metrics.ran(job=job.name, outcome=outcome, seconds=took / 1000)
    return total


async def run_now(house: House, client: ClientFile, job_name: str) -> Summary:
    """A job outside the timetable, because a person asked. Raises KeyError for an unknown job."""
    job = JOBS[job_name]
    with bound(client=client.name, job=job.name):
        return await run_job(house, client, job)


async def run_slot(
    house: House, client: ClientFile, due: Due, *, owner: str, beat_seconds: float = BEAT_SECONDS
) -> Summary | None:
    """Runs the slot if it is ours to run; None when another worker has it, it has been run, or we were told to stop.

    A run we were told to stop is given back unfinished, so that the next worker (a new version, say) takes it up at
    once instead of leaving the rest to the next slot.
    """
    if house.halt.called:
        return None
    log, now = get_logger(), house.clock.now()
    key = slots.SlotKey(client.name, due.job.name, due.slot)
    with bound(client=client.name, job=due.job.name, slot=due.slot.isoformat()):
        if not slots.start(house.db, key, owner=owner, now=now, ends_dead=due.job.name not in REPORTED_WHEN_MISSED):
            return None
        log.info("run.started", owner=owner)
        ours = partial(slots.heartbeat, house.db, key, owner=owner)
        summary, state = Summary(), "failed"
        try:
            async with kept(lambda now: ours(now=now), clock=house.clock, beat_seconds=beat_seconds):
                summary = await run_job(house, client, due.job)
            state = "failed" if summary["failed_steps"] else "done"
        finally:
            now = house.clock.now()
            if house.halt.called:
                slots.give_back(house.db, key, owner=owner, now=now)
                log.info("run.given_back", owner=owner)
            else:
                slots.finish(house.db, key, owner=owner, state=state, summary=dict(summary), now=now)
        return summary


def report_missed(house: House, client: ClientFile, due: Due, *, owner: str) -> bool:
    """Writes down, once, that the slot passed with nobody to run it."""
    key = slots.SlotKey(client.name, due.job.name, due.slot)
    if not slots.missed(house.db, key, owner=owner, now=house.clock.now()):
        return False
    with bound(client=client.name, job=due.job.name, slot=due.slot.isoformat()):
        get_logger().error("slot.missed", window_end=(due.slot + due.job.window).isoformat())
    return True
