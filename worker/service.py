"""The long-running worker: the clock, the portal, and a clean end.

APScheduler is a clock only: it says when a slot's time has come. Whether the slot is run, and by whom, the slot row
decides, so a second worker, a restart or a late clock never runs it twice.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime

import uvicorn
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from worker.clients import load_all_clients, log_broken
from worker.day import CODES_EVERY, TIMETABLE, at_rest, due_today, late_looks
from worker.ops import Clients, Pings, Vitals, build_pings
from worker.rounds import Rounds
from worker.runs import owner_name, tell_factor
from worker.serving import listen, ops_server, portal_server, readiness_of
from worker.settings import ClientFile, SettingsError, WorkerSettings
from worker.store import codes, pauses
from worker.store.database import DatabaseUnusable
from worker.store.one_host import BEAT, OneHost, OtherHost
from worker.store.trouble import StoreTrouble
from worker.support.clock import OSLO, Clock, SystemClock, is_bank_day, oslo_date
from worker.support.log import bound, get_logger
from worker.support.summary import Summary
from worker.wiring import House, build_house, check_all_accounts, code_step

DRAIN_SECONDS = 50.0  # inside a container's usual 60 s grace
CANCEL_SECONDS = 2.0


def clients_of(house: House) -> Clients:
    """The clients by name as they stand now. Raises SettingsError."""
    good, bad = load_all_clients(house.settings)
    paused = pauses.paused(house.db)
    names = [client.name for client in good]
    return Clients(
        running=[name for name in names if name not in paused],
        paused=[name for name in names if name in paused],
        broken=[error.file.removesuffix(".env") for error in bad],
    )


async def run_service(
    settings: WorkerSettings, clock: Clock | None = None, *, again: Callable[[], WorkerSettings] | None = None
) -> int:
    """Runs until SIGTERM or SIGINT, then lets the work in hand finish. Returns the exit code.

    SIGHUP: the files are read at once, and what is due is run. `again` reads worker.env anew; its changes count from
    the next start only, and are told.

    The ports are taken before anything else: a second worker on one, or a wrong address, begins no work at all.
    """
    wanted = [(settings.portal_host, settings.portal_port)]
    if settings.ops_port:
        wanted.append((settings.ops_host, settings.ops_port))
    with ExitStack() as exits:
        doors: list[socket.socket] = []
        for host, port in wanted:
            try:
                doors.append(exits.enter_context(listen(host, port)))
            except OSError as error:
                get_logger().error("portal.cannot_listen", host=host, port=port, message=error.strerror or "")
                return 1
        house = build_house(settings, clock or SystemClock())
        host = OneHost(house.db.file)
        try:
            host.beat(SystemClock().now())
        except DatabaseUnusable as error:
            get_logger().error("store.other_host", message=str(error))
            await house.aclose()
            return 1
        try:
            return await _run(settings, house, host, doors, again)
        finally:
            host.release(SystemClock().now())


async def _run(
    settings: WorkerSettings,
    house: House,
    host: OneHost,
    doors: Sequence[socket.socket],
    again: Callable[[], WorkerSettings] | None,
) -> int:
    log = get_logger()
    owner, stop, wake, hup = owner_name(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    _hear_signals(stop, hup, wake)
    vitals, pings = Vitals(), build_pings(settings.ping_url.get_secret_value())
    servers = _servers(house, vitals, owner)
    serving = [asyncio.create_task(server.serve(sockets=[door])) for server, door in zip(servers, doors, strict=True)]
    scheduler = _clock(wake)
    scheduler.start()
    wake.set()  # what came due while we were down
    log.info("rules.used", message=house.rules.describe())
    log.info("worker.started", owner=owner, environment=settings.environment, port=doors[0].getsockname()[1])
    checking = asyncio.create_task(_check_accounts(house, settings))
    working = asyncio.create_task(_work(house, settings, wake, stop, owner, hup, again, pings))
    mailing = asyncio.create_task(_codes(house, settings, stop))
    holding = asyncio.create_task(_hold(host))
    vitals.watch({"timetable": working, "codes": mailing, "hold": holding})
    stopping = asyncio.create_task(stop.wait())
    code = 0
    try:
        await asyncio.wait({*serving, working, holding, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            code = 1  # whichever it was, it has not been told to end
            log.error("worker.failed", exc_info=next(filter(None, map(_failure, (working, holding, *serving))), None))
            _ring(stop, wake)
        house.halt.call()
        log.info("worker.stopping", seconds=DRAIN_SECONDS)
        scheduler.shutdown(wait=False)
        await asyncio.wait({working}, timeout=DRAIN_SECONDS)
        if not working.done():
            # Its leases run out and the next worker asks the counterparties what became of it.
            log.error("worker.drain_timeout", seconds=DRAIN_SECONDS)
            working.cancel()
            await asyncio.wait({working}, timeout=CANCEL_SECONDS)  # it gives its slots back while the store is open
        elif code == 0 and _failure(working) is not None:
            code = 1
            log.error("worker.failed", exc_info=_failure(working))
        await asyncio.wait({mailing}, timeout=CANCEL_SECONDS)
    finally:
        holding.cancel()
        mailing.cancel()
        await asyncio.wait({mailing})
        stopping.cancel()
        checking.cancel()
        await asyncio.wait({checking})
        if pings is not None:
            await pings.aclose()
        for server in servers:
            server.should_exit = True
        await asyncio.wait(serving)
        await house.aclose()
    log.info("worker.stopped")
    return code


def _servers(house: House, vitals: Vitals, owner: str) -> list[uvicorn.Server]:
    """The portal, and the operations' door when there is to be one."""
    settings = house.settings
    readiness = readiness_of(house, clients=lambda: clients_of(house), owner=owner)
    portal = portal_server(
        house, host=settings.portal_host, port=settings.portal_port, vitals=vitals, readiness=readiness
    )
    if not settings.ops_port:
        return [portal]
    return [portal, ops_server(house, vitals=vitals, readiness=readiness, clients=lambda: clients_of(house))]


async def _check_accounts(house: House, settings: WorkerSettings) -> None:
    """Beside the work: a start waits for no ERP."""
    clients, _ = await asyncio.to_thread(load_all_clients, settings)
    await check_all_accounts(house, clients)


async def _hold(host: OneHost) -> None:
    """Keeps the SQLite file ours. Raises OtherHost when another machine has taken over while this one stood; a disk
    that takes no mark now may take the next."""
    while True:
        await asyncio.sleep(BEAT.total_seconds())
        try:
            host.beat(SystemClock().now())
        except OtherHost:
            raise
        except (DatabaseUnusable, OSError) as error:
            get_logger().error("store.trouble", message=f"the mark beside the database: {error}")


def _failure(task: asyncio.Task[None]) -> BaseException | None:
    return task.exception() if task.done() and not task.cancelled() else None


def _hear_signals(stop: asyncio.Event, hup: asyncio.Event, wake: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _ring, stop, wake)
    loop.add_signal_handler(signal.SIGHUP, _ring, hup, wake)


def _ring(what: asyncio.Event, wake: asyncio.Event) -> None:
    what.set()
    wake.set()


def _clock(wake: asyncio.Event) -> AsyncIOScheduler:
    # APScheduler drops a run that is a second late unless told otherwise (misfire_grace_time), and its job store is
    # not used: the slot rows are.
    scheduler = AsyncIOScheduler(
        timezone=OSLO, job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
    )

    async def ring() -> None:  # a coroutine, because plain functions are called in a thread and an Event must not be
        wake.set()

    for at in sorted({at for job in TIMETABLE for at in job.times} | set(late_looks())):
        scheduler.add_job(ring, CronTrigger(day_of_week="mon-fri", hour=at.hour, minute=at.minute, timezone=OSLO))
    return scheduler


async def send_codes(house: House, settings: WorkerSettings) -> Summary:
    """Sends every code that is due, for all clients; asks the store first, and reads no file when there is none."""
    total = Summary()
    waiting = await asyncio.to_thread(codes.clients_waiting, house.db, now=house.clock.now())
    if waiting:
        clients, _ = await asyncio.to_thread(load_all_clients, settings)
        for client in clients:
            if client.name in waiting:
                with bound(client=client.name, step="codes"):
                    total.update(await code_step(house, client)())
    return total


async def _codes(house: House, settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Until told to stop. What fails is told and tried again: the timetable must not fall over it."""
    while not stop.is_set():
        try:
            await send_codes(house, settings)
        except StoreTrouble as error:
            get_logger().error("store.trouble", message=str(error))
        except Exception as error:  # noqa: BLE001 - see above
            get_logger().error("codes.failed", exc_info=error)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), CODES_EVERY.total_seconds())


def reread(settings: WorkerSettings, again: Callable[[], WorkerSettings] | None) -> None:
    """Reads every file and tells what it finds: clients, broken files, and what of worker.env waits for a restart."""
    log = get_logger()
    clients, bad = load_all_clients(settings)
    log.info("settings.reread", count=len(clients))
    log_broken(bad)
    if again is None:
        return
    try:
        fresh = again()
    except SettingsError as error:
        log.error("settings.broken", file=error.file, fault=error.faults)
        return
    changed = [name.upper() for name in type(fresh).model_fields if getattr(fresh, name) != getattr(settings, name)]
    if changed:
        log.warning("settings.restart_needed", fault=changed)


async def _work(
    house: House,
    settings: WorkerSettings,
    wake: asyncio.Event,
    stop: asyncio.Event,
    owner: str,
    hup: asyncio.Event,
    again: Callable[[], WorkerSettings] | None,
    pings: Pings | None,
) -> None:
    """Waits to be woken, then begins what is due, until told to stop; returns when what was begun is through. The
    clients' files are read anew each time."""
    log, closed = get_logger(), None
    clients, broken, now = list[ClientFile](), False, house.clock.now()

    async def after() -> None:
        await tell_factor(house, clients)
        if pings is not None:
            await _sign(house, pings, clients, now, broken=broken)

    rounds = Rounds(house, owner=owner, after=after)
    try:
        while True:
            await wake.wait()
            wake.clear()
            if stop.is_set():
                break
            if hup.is_set():
                hup.clear()
                await asyncio.to_thread(reread, settings, again)
            now = house.clock.now()
            if not is_bank_day(oslo_date(now)):
                if closed != oslo_date(now):
                    log.info("day.closed", now=now.isoformat())
                closed = oslo_date(now)
                if pings is not None:
                    pings.rest(at_rest(now))
                continue
            if not any(due.in_time for due in due_today(now)):
                log.info("day.nothing_due", now=now.isoformat())
            clients, bad = await asyncio.to_thread(load_all_clients, settings)
            broken = bool(bad)
            log_broken(bad)
            rounds.begin(clients)
        await rounds.ended()
    finally:
        await rounds.cancel()


async def _sign(house: House, pings: Pings, clients: list[ClientFile], now: datetime, *, broken: bool) -> None:
    """Signs of life for what this tick, or another worker meanwhile, has brought to its end."""
    try:
        paused = await asyncio.to_thread(pauses.paused, house.db)
        names = [client.name for client in clients if client.name not in paused]
        due = [(one.job.name, one.slot) for one in due_today(now) if one.in_time]
        pings.look(house.db, due=due, clients=names, broken=broken)
    except Exception as error:  # noqa: BLE001 - a sign of life must not end a life
        get_logger().warning("ping.failed", exc_info=error)
