"""`python -m tests.chaos`: so many seeds of so many days; a failing one is printed and replays with --seed."""

from __future__ import annotations

import argparse
import sys
import time

from tests.chaos.seeds import DATABASES, play_all, report


def main() -> int:
    """Returns the exit code: 0 when no seed has a fault."""
    words = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    words.add_argument("--seeds", type=int, default=200, help="how many")
    words.add_argument("--first", type=int, default=0, help="the first of them")
    words.add_argument("--days", type=int, default=5, help="stormy days a seed; calm ones follow")
    words.add_argument("--seed", type=int, action="append", help="only this one, with its log when it fails")
    words.add_argument("--database", choices=DATABASES, help="only this one; both in turn when left out")
    words.add_argument("--jobs", type=int, default=2, help="processes side by side")
    given = words.parse_args()
    seeds = given.seed or list(range(given.first, given.first + given.seeds))
    started = time.monotonic()
    results = play_all(seeds, days=given.days, database=given.database, jobs=given.jobs)
    return 1 if report(results, seconds=time.monotonic() - started, with_log=bool(given.seed)) else 0


if __name__ == "__main__":
    sys.exit(main())
