"""A lease is renewed while the work it covers goes on, however long that takes: a large upload, a slow counterparty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from worker.support.clock import Clock
from worker.support.log import get_logger

BEAT_SECONDS = 60.0  # leases last ten minutes: several beats may fail


@asynccontextmanager
async def kept(
    renew: Callable[[datetime], bool], *, clock: Clock, beat_seconds: float = BEAT_SECONDS
) -> AsyncGenerator[None]:
    """Calls `renew(now)` every `beat_seconds` while inside. It returns False when the lease is no longer ours.

    A renewal that fails is logged and tried at the next beat. A lost lease is logged; the work goes on, since what is
    on its way cannot be called back, and its record is refused.
    """
    beating = asyncio.create_task(_beat(renew, clock, beat_seconds))
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat(renew: Callable[[datetime], bool], clock: Clock, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            ours = renew(clock.now())
        except Exception as error:  # noqa: BLE001 - the next beat may get through
            get_logger().warning("lease.renewal_failed", exc_info=error)
            continue
        if not ours:
            get_logger().error("lease.lost")
            return
