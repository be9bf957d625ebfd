from __future__ import annotations

import pytest

from worker.model.outcomes import OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.support.retry import with_retry

pytestmark = pytest.mark.anyio


class Naps:
    def __init__(self) -> None:
        self.taken: list[float] = []
        self.now = 100.0

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self.now += seconds


class Script:
    """Raises what it is given, in order, then answers."""

    def __init__(self, *errors: OutsideError) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_backs_off_and_answers() -> None:
    naps, script = Naps(), Script(*[TryLater("no") for _ in range(4)])
    assert await with_retry(script, sleep=naps, jitter=0.0) == "answer"
    assert naps.taken == [1.0, 2.0, 4.0, 8.0]


async def test_jitter_only_adds() -> None:
    naps, script = Naps(), Script(*[TryLater("no") for _ in range(4)])
    await with_retry(script, sleep=naps)
    assert all(base <= nap <= base + 1.0 for base, nap in zip([1.0, 2.0, 4.0, 8.0], naps.taken, strict=True))


async def test_gives_up_with_the_last_error_as_it_came() -> None:
    last = TryLater("the last")
    script = Script(TryLater("1"), TryLater("2"), last)
    with pytest.raises(TryLater) as caught:
        await with_retry(script, attempts=3, sleep=Naps())
    assert caught.value is last
    assert script.calls == 3


async def test_waits_as_long_as_they_ask() -> None:
    naps, script = Naps(), Script(SlowDown("429", retry_after=17.0))
    await with_retry(script, sleep=naps, jitter=0.0)
    assert naps.taken == [17.0]


async def test_who_asks_for_more_than_a_minute_is_left_alone() -> None:
    naps, script = Naps(), Script(SlowDown("429", retry_after=61.0))
    with pytest.raises(SlowDown):
        await with_retry(script, sleep=naps)
    assert (naps.taken, script.calls) == ([], 1)


@pytest.mark.parametrize("error", [Refused("no"), UnknownOutcome("?")])
async def test_verdicts_and_unknowns_are_never_repeated(error: OutsideError) -> None:
    script = Script(error)
    with pytest.raises(type(error)):
        await with_retry(script, sleep=Naps())
    assert script.calls == 1


async def test_what_has_been_waited_for_inside_is_not_waited_for_again_outside() -> None:
    naps, script = Naps(), Script(*[TryLater("no token") for _ in range(99)])

    async def outer() -> str:
        return await with_retry(script, sleep=naps, jitter=0.0)

    with pytest.raises(TryLater):
        await with_retry(outer, sleep=naps, jitter=0.0)
    assert script.calls == 5
    assert naps.taken == [1.0, 2.0, 4.0, 8.0]
