"""Many cases side by side, and the table of what they came to."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.crash.cases import Case, Death, Result, play, record
from tests.crash.stage import SCENES, Zygote
from tests.support.databases import Servers, in_memory
from tests.support.side_by_side import play_batches

DATABASES = ("sqlite", "postgresql")
_BATCH = 40  # cases that share a zygote and a PostgreSQL server


def kind(point: str) -> str:
    """What a point stands beside."""
    if point.startswith("store."):
        return "commit"
    if point.startswith("http "):
        return "HTTP request"
    if point.startswith("mail"):
        return "mail"
    return "SFTP" if ".sftp" in point else "file"


async def _record(folder: Path) -> dict[str, list[Death]]:
    servers = Servers(folder / "databases")
    try:
        async with Zygote() as zygote:
            return {scene: await record(scene, folder / scene, zygote, servers, "sqlite") for scene in SCENES}
    finally:
        servers.close()


def recorded_cases(databases: Sequence[str]) -> list[Case]:
    """Every death of every scene's quiet day, on each of the databases, alone in its day."""
    with tempfile.TemporaryDirectory() as folder:
        recorded = asyncio.run(_record(Path(folder)))
    return [
        Case(scene, database, (death,))
        for (scene, deaths), database in itertools.product(recorded.items(), databases)
        for death in deaths
    ]


async def _play(cases: Sequence[Case], folder: Path) -> list[Result | str]:
    servers, done = Servers(folder / "databases"), list[Result | str]()
    try:
        async with Zygote() as zygote:
            for scene in {case.scene: None for case in cases}:  # made at first use: templates, fonts, the calendar
                await record(scene, folder / f"warm-{scene}", zygote, servers, "sqlite")
            for number, case in enumerate(cases):
                try:
                    done.append(await play(case, folder / f"case{number}", zygote, servers))
                except Exception as error:  # noqa: BLE001 - one case that cannot be played must not hide the others
                    done.append(f"{case}: {type(error).__name__}: {error}")
                shutil.rmtree(folder / f"case{number}", ignore_errors=True)
    finally:
        servers.close()
    return done


def _batch(cases: Sequence[Case]) -> list[Result | str]:
    with tempfile.TemporaryDirectory(dir=in_memory()) as folder:
        return asyncio.run(_play(cases, Path(folder)))


def play_all(cases: Sequence[Case], *, jobs: int) -> list[Result | str]:
    """Plays them in so many processes. A text: it broke down."""
    return play_batches(_batch, cases, batch=_BATCH, jobs=jobs, what="killed", wrong=wrong)


def wrong(result: Result | str) -> list[str]:
    """What is wrong with a case, and the log's words about it; nothing when all is well."""
    if isinstance(result, str):
        return [result]
    faults = [*result.verdict.faults, *(f"not met: {death}" for death in result.missed)]
    return [f"{result.case}: {'; '.join(faults)}", *result.troubles[:8]] if faults else []


def report(results: Sequence[Result | str], *, seconds: float) -> int:
    """Prints the table. Returns how many cases are wrong."""
    table = Table("point", *DATABASES, "wrong", title="Killed at every point, once for each channel")
    played = [result for result in results if isinstance(result, Result)]
    points: dict[str, Counter[str]] = {}
    for result in played:
        counts = points.setdefault(result.case.deaths[0].point, Counter())
        counts[result.case.database] += 1
        counts["wrong"] += bool(wrong(result))
    for point, counts in sorted(points.items()):
        table.add_row(point, *(str(counts[name]) for name in (*DATABASES, "wrong")))
    out = Console(file=sys.stdout, width=120)
    out.print(table)
    kinds = Counter(kind(point) for point in points)
    bad = sum(bool(wrong(result)) for result in results)
    out.print(f"{len(points)} points: {', '.join(f'{count} {what}' for what, count in kinds.most_common())}")
    out.print(
        f"{len(results)} deaths in {seconds:.0f} s: {len(results) - bad} right, {bad} wrong; "
        f"duplicates {sum(len(one.verdict.duplicates) for one in played)}, "
        f"losses {sum(len(one.verdict.losses) for one in played)}, "
        f"false reasons {sum(len(one.verdict.false_reasons) for one in played)}; "
        f"mails a person had to find out about: {sum(one.doubts for one in played)}"
    )
    return bad
