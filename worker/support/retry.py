"""The one retry policy for calls that change nothing (reads and token requests), and the only module with tenacity.

Whatever changes something is never repeated here: long troubles belong to the store's `due_at`, not to a sleeping task.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from worker.model.outcomes import AccessDenied, TryLater
from worker.support import metrics

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]

LONGEST_WAIT = 60.0  # seconds; a counterparty that asks for more is left alone until the next slot
_LONGEST_BACKOFF = 8.0


async def with_retry(
    call: Callable[[], Awaitable[T]], *, attempts: int = 5, sleep: Sleep = asyncio.sleep, jitter: float = 1.0
) -> T:
    """The call's answer, tried at most `attempts` times while it raises TryLater (SlowDown among them).

    Waits 1, 2, 4, 8 s and up to `jitter` s more, or the seconds the counterparty asked for. When it asks for more than
    LONGEST_WAIT, or the attempts are used up, the last error is raised as it came; a call that itself waits for another
    (a token) does not wait for it a second time.
    """
    try:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_worth_waiting),
            stop=stop_after_attempt(attempts),
            wait=lambda state: _wait(state, jitter),
            sleep=sleep,
            before_sleep=lambda _: metrics.read_repeated(),
            reraise=True,
        ):
            with attempt:
                return await call()
    except TryLater as error:
        error.waited_out = True
        raise
    raise AssertionError("tenacity ends by returning or raising")


def _worth_waiting(error: BaseException) -> bool:
    if isinstance(error, AccessDenied) or (isinstance(error, TryLater) and error.waited_out):
        return False
    return isinstance(error, TryLater) and (error.retry_after is None or error.retry_after <= LONGEST_WAIT)


def _wait(state: RetryCallState, jitter: float) -> float:
    error = state.outcome.exception() if state.outcome else None
    backoff = min(2.0 ** (state.attempt_number - 1), _LONGEST_BACKOFF)
    asked = error.retry_after if isinstance(error, TryLater) and error.retry_after is not None else backoff
    return asked + random.uniform(0.0, jitter)  # noqa: S311 - spreads load, guards nothing
