"""What is due now, for each client: clients side by side, a client's jobs one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from worker.day import REPORTED_WHEN_MISSED, Due, due_before_today, due_today, while_paused
from worker.runs import report_missed, run_slot, tell_factor
from worker.settings import ClientFile
from worker.store import pauses, slots
from worker.store.trouble import StoreTrouble
from worker.support.log import get_logger
from worker.support.summary import Summary
from worker.wiring import House


class Rounds:
    """Each client's own round, in the background: one that takes long holds nobody else's up.

    A client whose round still goes on gets another when it is through. `after` is called when rounds have ended, for
    what concerns all clients; never twice at once.
    """

    def __init__(self, house: House, *, owner: str, after: Callable[[], Awaitable[None]]) -> None:
        self._house = house
        self._owner = owner
        self._after = after
        self._asked: dict[str, ClientFile] = {}
        self._going: dict[str, asyncio.Task[None]] = {}
        self._ended = asyncio.Event()
        self._telling = asyncio.Lock()
        self._closing = asyncio.create_task(self._close())

    def begin(self, clients: Iterable[ClientFile]) -> None:
        """Asks for a round for each."""
        for client in clients:
            self._asked[client.name] = client
            if client.name not in self._going:
                self._going[client.name] = asyncio.create_task(self._go(client.name))
        self._ended.set()

    async def ended(self) -> None:
        """Returns when every round asked for is through, and what follows is done."""
        while self._going:
            await asyncio.wait(self._going.values())
        async with self._telling:  # what is being told is told to its end
            self._closing.cancel()
        await asyncio.wait({self._closing})
        await self._after()

    async def cancel(self) -> None:
        """Ends what still goes on, where it stands."""
        tasks = {*self._going.values(), self._closing}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def _go(self, name: str) -> None:
        try:
            while (client := self._asked.pop(name, None)) is not None:
                await client_round(self._house, client, owner=self._owner)
        finally:
            del self._going[name]
            self._ended.set()

    async def _close(self) -> None:
        while True:
            await self._ended.wait()
            self._ended.clear()
            async with self._telling:
                await self._after()


async def tick(house: House, clients: list[ClientFile], *, owner: str) -> list[Summary]:
    """One round for each client, and what follows from them; returns when all are through."""
    done = await asyncio.gather(*(client_round(house, client, owner=owner) for client in clients))
    await tell_factor(house, clients)
    return [summary for summaries in done for summary in summaries]


async def client_round(house: House, client: ClientFile, *, owner: str) -> list[Summary]:
    """Runs every slot of today whose time has come and that nobody has run; reports those whose window is over.

    For a paused client only receipts are collected, and a slot that its pause fell into is not missed. What goes wrong
    is told in the log and raises nothing: the next round finds everything where it was left.
    """
    done: list[Summary] = []
    try:
        await _run_due(house, client, owner=owner, done=done)
    except StoreTrouble as error:
        get_logger().error("store.trouble", client=client.name, message=str(error))
    except Exception as error:  # noqa: BLE001 - see above
        get_logger().error("client.run_failed", client=client.name, exc_info=error)
    return done


async def _run_due(house: House, client: ClientFile, *, owner: str, done: list[Summary]) -> None:
    now = house.clock.now()
    due, earlier = due_today(now), due_before_today(now)
    oldest = min((one.slot for one in (*earlier, *due)), default=now)
    rests = pauses.since(house.db, client=client.name, moment=oldest)
    paused = any(rest.resumed_at is None for rest in rests)

    def excused(slot: Due) -> bool:
        return any(rest.covers(slot.slot, slot.window_end) for rest in rests)

    among = [slot for slot in earlier if not excused(slot)]
    for slot in slots.without_row(
        house.db, client=client.name, among=among, key=lambda d: (d.job.name, d.slot), now=house.clock.now()
    ):
        report_missed(house, client, slot, owner=owner)
    for slot in due:
        if slot.in_time:
            left = while_paused(slot) if paused else slot
            summary = await run_slot(house, client, left, owner=owner) if left is not None else None
            if summary is not None:
                done.append(summary)
        elif slot.job.name in REPORTED_WHEN_MISSED and not excused(slot):
            report_missed(house, client, slot, owner=owner)
