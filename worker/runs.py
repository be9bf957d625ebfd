"""Running a job for a client: under its slot row, step after step, with one summary line at the end."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import timedelta
from functools import partial

from worker.day import ASIDE, JOBS, REPORTED_WHEN_MISSED, Due, Job, slots_of
from worker.reporting import give_up
from worker.settings import ClientFile
from worker.store import slots
from worker.store.pauses import paused
from worker.store.trouble import StoreTrouble
from worker.support import metrics
from worker.support.beating import BEAT_SECONDS, kept
from worker.support.clock import Stopwatch, oslo_date
from worker.support.log import bound, get_logger
from worker.support.summary import Summary
from worker.wiring import House, build_erp, send_factor_report, steps_of

WAIT_FOR_OTHERS = timedelta(hours=1)


def owner_name() -> str:
    """Who this worker is, for slot rows and logs. Containers that share the host's name all have process 1."""
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


async def run_job(house: House, client: ClientFile, job: Job) -> Summary:
    """All of the job's steps for the client, in order. A step that fails is logged and the next ones still run:
    what it left behind is found again by the next slot. Trouble with the database ends the run."""
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
                    counts = await steps[name]()
                    if name in ASIDE:
                        counts.set_trouble_aside()
                    total.update(counts)
                except StoreTrouble as error:
                    log.error("store.trouble", message=str(error))
                    total.count("failed_steps")
                    break  # the next steps would meet the same; the next run finds everything where it was left
                except Exception as error:
                    log.error("step.failed", exc_info=error)
                    total.count("failed_steps")
    finally:
        await erp.aclose()
    uneven = total.troubled or total["trouble_aside"] or total["failed_steps"]
    level = log.warning if uneven else log.info
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
            broken = summary["failed_steps"] or summary["to_repeat"]
            state = "failed" if broken else "troubled" if summary.troubled else "done"
        finally:
            now = house.clock.now()
            if house.halt.called:
                slots.give_back(house.db, key, owner=owner, now=now)
                log.info("run.given_back", owner=owner)
            else:
                slots.finish(house.db, key, owner=owner, state=state, summary=dict(summary), now=now)
        return summary


async def tell_factor(house: House, clients: list[ClientFile]) -> None:
    """Sends the factor's own daily report, once, when all clients' report jobs of the day are over, or an hour has
    passed; and tells of reports that could not be sent in their time."""
    try:
        await _tell_factor(house, clients)
    except Exception as error:  # noqa: BLE001 - tried again at the next look; the clients' work is done
        get_logger().error("report.failed", exc_info=error)


async def _tell_factor(house: House, clients: list[ClientFile]) -> None:
    job, now = JOBS["report"], house.clock.now()
    slot = next(iter(slots_of(job, oslo_date(now))), None)
    over = slot is not None and now >= slot + job.window
    give_up(house.db, through=oslo_date(now) if over else oslo_date(now) - timedelta(days=1))
    if slot is None or now < slot or over or not house.settings.report_to or not clients or house.halt.called:
        return
    rest = {client.name for client in clients} - slots.ended(house.db, job=job.name, slot=slot) - {*paused(house.db)}
    if rest and now < slot + WAIT_FOR_OTHERS:
        return
    with bound(job=job.name):
        await send_factor_report(house, clients)


def report_missed(house: House, client: ClientFile, due: Due, *, owner: str) -> bool:
    """Writes down, once, that the slot passed with nobody to run it."""
    key = slots.SlotKey(client.name, due.job.name, due.slot)
    if not slots.missed(house.db, key, owner=owner, now=house.clock.now()):
        return False
    with bound(client=client.name, job=due.job.name, slot=due.slot.isoformat()):
        get_logger().error("slot.missed", window_end=(due.slot + due.job.window).isoformat())
    return True
