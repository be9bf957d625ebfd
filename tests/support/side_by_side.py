"""Long runs of many cases in several processes: what is wrong is told at once, and how far it has come."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

C = TypeVar("C")
R = TypeVar("R")


def play_batches(
    play: Callable[[Sequence[C]], list[R]],
    cases: Sequence[C],
    *,
    batch: int,
    jobs: int,
    what: str,
    wrong: Callable[[R], list[str]],
) -> list[R]:
    """Plays `batch` cases at a time in `jobs` processes. `play` must be importable. Where no terminal shows the bar, a
    line is written for each twentieth part."""
    console, results = Console(stderr=True), list[R]()
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        task = progress.add_task("", total=len(cases))
        batches = [cases[start : start + batch] for start in range(0, len(cases), batch)]
        told, faults = 0, 0
        for done in as_completed([pool.submit(play, one) for one in batches]):
            for result in done.result():
                results.append(result)
                progress.advance(task)
                lines = wrong(result)
                faults += bool(lines)
                for line in lines:
                    console.print(line, markup=False, soft_wrap=True)
            if not console.is_terminal and len(results) * 20 // len(cases) > told:
                told = len(results) * 20 // len(cases)
                console.print(f"{what} {len(results)} of {len(cases)}, {faults} wrong", soft_wrap=True)
    return results
