"""Which deaths there are, and what is done about each: the day is recorded once, then killed at what was met.

A case is one or several deaths in one day, each at a point of the recording. Whatever happens, the next worker starts
ten minutes later, when the dead one's leases are over, and the books are compared in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from tests.crash.stage import CLEARED, CLEARING, ITEMS, SCENES, Stage, Zygote, staged
from tests.support.databases import Servers
from tests.support.flow import DAY
from tests.support.truth import Expected, Verdict, judge, settle_doubts
from worker.support.clock import oslo

NEXT_DAY = DAY + timedelta(days=1)
TEN_MINUTES = timedelta(minutes=10)


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    return oslo(day, time(hour, minute))


# The two great moments of the day, and the looks after each that a quiet day has.
BEGINS = (at(8), at(15, 30))
AFTER = {at(8): (at(8, 10), at(8, 20), at(10, 30)), at(15, 30): (at(15, 40), at(16))}
# When the last worker of each looks: every lease is over, and everything has settled.
ENDS = {at(8): at(11), at(15, 30): at(17, 10)}
# How often a point is tried in one moment: every channel comes by, and what is done more often is the same again.
MOST_COUNTS = 4


@dataclass(frozen=True, slots=True)
class Death:
    """The worker that began at `begin` (or one after it, when it was not met) dies at the `count`th time of `point`."""

    begin: datetime
    point: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} {self.point} #{self.count}"


@dataclass(frozen=True, slots=True)
class Case:
    """A day of a scene on a kind of database, with these deaths in their order."""

    scene: str
    database: str
    deaths: tuple[Death, ...]

    def __str__(self) -> str:
        return f"{self.scene} {self.database}: {'; '.join(str(death) for death in self.deaths)}"


@dataclass(slots=True)
class Result:
    """`died`: the deaths that were met. `doubts`: mails settled by a person, because nobody else could know."""

    case: Case
    verdict: Verdict
    died: list[Death] = field(default_factory=list[Death])
    doubts: int = 0
    troubles: list[str] = field(default_factory=list[str])

    @property
    def missed(self) -> list[Death]:
        return [death for death in self.case.deaths if death not in self.died]


async def record(scene: str, folder: Path, zygote: Zygote, servers: Servers, database: str) -> list[Death]:
    """Every death there is on a quiet day, in the order the points were first met. The books of that day must be right.

    Looks that find nothing to do meet the same points again: they are counted in the two great moments only.
    """
    found: dict[Death, None] = {}
    known: set[str] = set()
    url = servers.new_migrated_url(database)
    async with staged(folder, SCENES[scene], zygote, url) as stage:
        for begin in BEGINS:
            if begin == BEGINS[1]:
                stage.lay_money()
            for moment in (begin, *AFTER[begin]):
                counts: Counter[str] = Counter()
                for point in (await stage.live(moment, here=True)).met:
                    counts[point] += 1
                    most = MOST_COUNTS if moment == begin else 0 if point in known else 1
                    if counts[point] <= most:
                        found[Death(moment, point, counts[point])] = None
                known |= set(counts)
        verdict = judge(stage.flow, _expected(stage))
    servers.drop(url)
    if verdict.faults or verdict.parked:
        raise AssertionError(f"the quiet day of {scene} is wrong: {verdict}")
    return list(found)


async def play(case: Case, folder: Path, zygote: Zygote, servers: Servers) -> Result:
    """The day with its deaths, what follows, and the books compared."""
    url = servers.new_migrated_url(case.database)
    async with staged(folder, SCENES[case.scene], zygote, url) as stage:
        died: list[Death] = []
        for begin in BEGINS:
            if begin == BEGINS[1]:
                stage.lay_money()
            waiting = [death for death in case.deaths if (death.begin >= BEGINS[1]) == (begin == BEGINS[1])]
            await _until_quiet(stage, begin, waiting, died)
        doubts = settle_doubts(stage.flow)
        stage.flow.house.db.close()
        if doubts:
            for moment in (at(8, day=NEXT_DAY), at(15, 30, day=NEXT_DAY)):
                await stage.live(moment)
        verdict = judge(stage.flow, _expected(stage))
        result = Result(case, verdict, died, doubts, stage.troubles() if verdict.faults else [])
    servers.drop(url)
    return result


async def _until_quiet(stage: Stage, begin: datetime, waiting: Sequence[Death], died: list[Death]) -> None:
    """Workers one after another, each dying at the next death it meets, until there is none left; then those that end.

    A death that is not met by its worker waits for the next one, twice, and is then passed over.
    """
    moment, queue, tries = begin, list(waiting), 0
    if len(queue) == 1:  # it is known when the quiet day meets it
        for look in (look for look in (begin, *AFTER[begin]) if look < queue[0].begin):
            await stage.live(look)
        moment = queue[0].begin
    while queue and moment < ENDS[begin]:
        tries += 1
        if (await stage.live(moment, point=queue[0].point, count=queue[0].count)).killed:
            died.append(queue.pop(0))
            tries = 0
        elif tries == 2:
            queue.pop(0)
            tries = 0
        moment += TEN_MINUTES
    # What died last is taken up when its lease is over, asked about then, and sent again when that has settled.
    for look in (moment, moment + TEN_MINUTES, ENDS[begin]):
        await stage.live(look)


def _expected(stage: Stage) -> Expected:
    return Expected(doubtful=stage.doubtful, clearing=(CLEARING, CLEARED), items=ITEMS)


def one_of_each_place(recorded: Sequence[Death]) -> list[Death]:
    """One death beside each commit, file and call: before it at one, after it at the next, and so on in turn; where the
    quiet day first meets it, in its order."""
    places: dict[str, dict[str, Death]] = {}
    for death in recorded:
        place, _, when = death.point.rpartition(":")
        places.setdefault(place, {}).setdefault(when, death)
    chosen = [list(whens.values())[number % len(whens)] for number, whens in enumerate(places.values())]
    return sorted(chosen, key=recorded.index)


def chains(deaths: Sequence[Death], *, length: int) -> list[tuple[Death, ...]]:
    """The deaths dealt out to days of at most `length` each, in their order.

    Points that stand beside each other go to different days: dying at one is often the end of the other.
    """
    days = -(-len(deaths) // length)
    return [tuple(deaths[day::days]) for day in range(days)]
