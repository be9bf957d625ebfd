"""The process that worker processes are forked from: everything imported, no thread, no loop, no socket, no database.

Orders come as lines of JSON on standard input, one at a time; each is carried out by a forked child, and what became of
it is answered as a line on standard output. A child is a whole worker: it reads the env files, builds its house, runs
what is due at that moment and ends, or is killed by itself at the point it was told (SIGKILL: nothing is flushed,
closed or rolled back by us).

The recording of the quiet day is made in this process itself, so that templates, fonts and what else is made at first
use is there before the fork. Its loop and threads are gone when it has ended.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import traceback
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TextIO

from worker.clients import load_all_clients, log_broken
from worker.rounds import tick
from worker.settings import load_worker
from worker.support import crashing, log
from worker.support.clock import TurnedClock, is_bank_day
from worker.support.http import public_trust
from worker.wiring import build_house


class Executioner:
    """Counts every point that is met; at the one it waits for, `count` times met, the process is gone."""

    def __init__(self, point: str, count: int) -> None:
        self.met: list[str] = []
        self._point = point
        self._count = count
        self._lock = Lock()

    def __call__(self, name: str) -> None:
        with self._lock:  # points are met in several threads
            self.met.append(name)
            if name == self._point:
                self._count -= 1
                if self._count == 0:
                    os.kill(os.getpid(), signal.SIGKILL)


async def work(order: dict[str, Any], stream: TextIO) -> list[str]:
    """One worker's life: what is due at `at`. Returns the points that were met."""
    log.configure(style="json", level="info", stream=stream)
    executioner = Executioner(order["point"], order["count"])
    settings = load_worker(Path(order["settings"]), environ={})
    clients, bad = load_all_clients(settings)
    log_broken(bad)
    house = build_house(settings, TurnedClock(datetime.fromisoformat(order["at"])))
    crashing.arm(executioner)
    try:
        await tick(house, clients, owner=f"worker-{os.getpid()}")
    finally:
        crashing.arm(None)
        await house.aclose()
    return executioner.met


def _child(order: dict[str, Any]) -> int:
    try:
        with Path(order["log"]).open("a", encoding="utf-8") as stream:
            met = asyncio.run(work(order, stream))
        Path(order["met"]).write_text(json.dumps(met))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent must hear of it
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Serves until standard input ends."""
    import_module("worker.cli")  # all of the worker is here before the first fork
    is_bank_day(date(2026, 11, 25))  # the calendar is made once
    public_trust()
    for line in sys.stdin:
        order = json.loads(line)
        if order["here"]:
            print(json.dumps({"killed": False, "code": _child(order)}), flush=True)  # noqa: T201
            gc.collect()
            gc.freeze()  # what is here now stays shared with every child
            continue
        pid = os.fork()
        if pid == 0:
            os._exit(_child(order))
        _, status = os.waitpid(pid, 0)
        print(json.dumps({"killed": os.WIFSIGNALED(status), "code": os.waitstatus_to_exitcode(status)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
