"""A dead man's switch for each job: a sign of life when it has gone through for all clients.

Whoever keeps the switch (Healthchecks and its like) raises the alarm when the sign fails to come, also when this
machine, its network or its log are gone, which no alarm of ours survives. Trouble with it never hurts a run: signs are
given beside the work, with a few seconds each, and are only logged when they do not get through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from worker.store import slots
from worker.store.database import Database
from worker.support.http import HttpClient, HttpTrouble, Timeouts
from worker.support.log import get_logger

TIMEOUTS = Timeouts(connect=3.0, read=5.0, write=5.0, pool=3.0, total=8.0)
TRIES = 3
_PAUSE_SECONDS = 2.0
_LAST_WORDS_SECONDS = 5.0


def build_pings(url: str) -> Pings | None:
    """None without an address."""
    return Pings(url=url, http=HttpClient(timeouts=TIMEOUTS, who="ping")) if url else None


class Pings:
    """`url` has `{job}` in it; `/fail` is put behind it for a job that went wrong. The address is a secret.

    Any number of workers may give the same sign: whoever ends a job's last client finds all of them done.
    """

    def __init__(self, *, url: str, http: HttpClient, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._url = url
        self._http = http
        self._pause = pause_seconds
        self._told: dict[str, tuple[datetime, str]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    def look(self, db: Database, *, due: Sequence[tuple[str, datetime]], clients: Sequence[str], broken: bool) -> None:
        """Gives the sign for each slot (job, planned time) that is through for all `clients`: that it failed when one
        client's did or met trouble outside, or when a client's file is `broken` and so nothing was run for it."""
        for job, slot in due:
            ended = slots.states(db, job=job, slot=slot, clients=clients)
            if clients and set(ended) == set(clients) and set(ended.values()) <= {"done", "troubled", "failed"}:
                self.tell(job, slot, well=not broken and set(ended.values()) == {"done"})

    def rest(self, planned: Mapping[str, datetime]) -> None:
        """On a closed day nothing is due, and that is as it should be: the sign is given when it would be expected."""
        for job, at in planned.items():
            self.tell(job, at, well=True)

    def tell(self, job: str, slot: datetime, *, well: bool) -> None:
        """Once a slot and outcome."""
        word = "done" if well else "failed"
        if self._told.get(job) == (slot, word):
            return
        self._told[job] = (slot, word)
        task = asyncio.create_task(self._give(job, "" if well else "/fail"))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def aclose(self) -> None:
        """Lets signs under way get through for a moment."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_LAST_WORDS_SECONDS)
        for task in list(self._under_way):
            task.cancel()
        await self._http.aclose()

    async def _give(self, job: str, ending: str) -> None:
        reason = ""
        for left in reversed(range(TRIES)):
            try:
                answer = await self._http.request("POST", self._url.replace("{job}", job) + ending, max_bytes=65_536)
            except HttpTrouble as trouble:
                reason = trouble.reason
            except Exception as error:  # noqa: BLE001 - nothing that happens here may reach the work
                reason = type(error).__name__
            else:
                if answer.status < 400:
                    return
                reason = answer.described()
            if left:
                await asyncio.sleep(self._pause)
        get_logger().warning("ping.failed", job=job, message=reason)
