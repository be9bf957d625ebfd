"""What a check finds, and running many at once, each with its time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from worker.model.outcomes import AccessDenied, OutsideError
from worker.support.clock import Stopwatch

SECONDS = 12.0  # a check that takes longer is itself a fault: the day has no more patience either
AT_ONCE = 12


class Verdict(StrEnum):
    """How a finding stands. A warning stops nothing."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing seen, in words without names, keys or personal data; `remedy` unless all is well."""

    verdict: Verdict
    what: str
    remedy: str = ""


def ok(what: str) -> Finding:
    return Finding(Verdict.OK, what)


def warning(what: str, remedy: str) -> Finding:
    return Finding(Verdict.WARNING, what, remedy)


def fault(what: str, remedy: str) -> Finding:
    return Finding(Verdict.FAULT, what, remedy)


def trouble(error: OutsideError, *, denied: str, away: str) -> Finding:
    """A counterparty's no: `denied` is what to do when it does not let us in, `away` when it is not to be had."""
    return fault(error.message, denied if isinstance(error, AccessDenied) else away)


@dataclass(frozen=True, slots=True)
class Check:
    """`subject`: the client, or empty for what all clients share."""

    name: str
    subject: str
    probe: Callable[[], Awaitable[list[Finding]]]


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a check, and how long it took."""

    name: str
    subject: str
    findings: tuple[Finding, ...]
    milliseconds: int

    @property
    def verdict(self) -> Verdict:
        """The worst of its findings."""
        order = list(Verdict)
        return max((finding.verdict for finding in self.findings), key=order.index, default=Verdict.OK)


async def examine(checks: Sequence[Check], *, seconds: float = SECONDS, at_once: int = AT_ONCE) -> list[Result]:
    """Runs them side by side; the results are in the order of the checks. Never raises for what a check meets."""
    room = asyncio.Semaphore(at_once)

    async def one(check: Check) -> Result:
        async with room:
            watch = Stopwatch()
            try:
                async with asyncio.timeout(seconds):
                    found = await check.probe()
            except TimeoutError:
                found = [fault(f"no answer within {seconds:g} s", "see whether it is up, and what firewalls say")]
            except OutsideError as error:
                found = [fault(error.message, "see whether it is up; if it stays, report it with this line")]
            except Exception as error:  # noqa: BLE001 - the other checks go on, and this one is told
                found = [fault(f"the check broke down ({type(error).__name__})", "report it: this is a fault of ours")]
            return Result(check.name, check.subject, tuple(found), watch.milliseconds)

    return list(await asyncio.gather(*(one(check) for check in checks)))
