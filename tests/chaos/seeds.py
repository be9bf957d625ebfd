"""Many seeds side by side, and what they came to."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from tests.chaos.loop import FastLoop
from tests.chaos.simulation import Outcome, simulate
from tests.support.databases import Servers, in_memory
from tests.support.side_by_side import play_batches

DATABASES = ("sqlite", "postgresql")
_BATCH = 5  # seeds that share a PostgreSQL server


@dataclass(frozen=True, slots=True)
class Broken:
    """A seed that could not be played to its end."""

    seed: int
    database: str
    what: str


def database_of(seed: int) -> str:
    """Each database in turn, and each calendar on both."""
    return DATABASES[(seed + seed // 8) % 2]


def play(seeds: Sequence[int], *, days: int, database: str | None, calm_days: int = 3) -> list[Outcome | Broken]:
    """The seeds one after another in this process."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=in_memory()))
    servers, done = Servers(folder / "databases"), list[Outcome | Broken]()
    try:
        for seed in seeds:
            kind = database or database_of(seed)
            url = servers.new_migrated_url(kind)
            place = folder / f"seed{seed}"
            try:
                with asyncio.Runner(loop_factory=FastLoop) as runner:
                    storm = simulate(
                        seed, days=days, folder=place, database=kind, database_url=url, calm_days=calm_days
                    )
                    done.append(runner.run(storm))
            except Exception as error:  # noqa: BLE001 - the other seeds are played all the same
                done.append(Broken(seed, kind, f"{type(error).__name__}: {error}"))
            servers.drop(url)
            shutil.rmtree(place, ignore_errors=True)
    finally:
        servers.close()
        shutil.rmtree(folder, ignore_errors=True)
    return done


def play_all(seeds: Sequence[int], *, days: int, database: str | None, jobs: int) -> list[Outcome | Broken]:
    """Plays them in so many processes."""
    batch = partial(play, days=days, database=database)
    return play_batches(batch, seeds, batch=_BATCH, jobs=jobs, what="seeds", wrong=wrong)


def wrong(result: Outcome | Broken) -> list[str]:
    """What is wrong with a seed; nothing when all is well."""
    again = f"python -m tests.chaos --seed {result.seed} --database {result.database}"
    if isinstance(result, Broken):
        return [f"seed {result.seed}: {result.what}  [{again}]"]
    return [f"seed {result.seed}: {fault}  [{again}]" for fault in result.verdict.faults]


def report(results: Sequence[Outcome | Broken], *, seconds: float, with_log: bool) -> int:
    """Prints the numbers. Returns how many seeds are wrong."""
    out = Console(file=sys.stdout, width=120)
    played = [result for result in results if isinstance(result, Outcome)]
    faults, parked = Counter[str](), Counter[str]()
    for one in played:
        faults.update(one.faults)
        parked.update(one.verdict.parked)
        if with_log:
            for line in one.lines:
                out.print(line, markup=False, soft_wrap=True)
    bad = sum(bool(wrong(result)) for result in results)
    out.print(f"{len(results)} seeds in {seconds:.0f} s: {len(results) - bad} right, {bad} wrong")
    out.print(
        f"invoices {sum(one.verdict.invoices for one in played)}, "
        f"deliveries {sum(one.verdict.deliveries for one in played)}, "
        f"vouchers {sum(one.verdict.vouchers for one in played)}, faults injected {faults.total()}"
    )
    out.print(", ".join(f"{what} {count}" for what, count in faults.most_common()))
    out.print(
        f"duplicates {sum(len(one.verdict.duplicates) for one in played)}, "
        f"losses {sum(len(one.verdict.losses) for one in played)}, "
        f"parked with a false reason {sum(len(one.verdict.false_reasons) for one in played)}, "
        f"parked in the end {dict(parked)}, mails a person found out about {sum(one.doubts for one in played)}"
    )
    return bad
