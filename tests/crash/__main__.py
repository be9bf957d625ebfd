"""`python -m tests.crash`: the whole table: points × counts (channels) × databases, each death on a day of its own."""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.crash.stage import SCENES
from tests.crash.table import DATABASES, play_all, recorded_cases, report


def main() -> int:
    """Returns the exit code: 0 when every point was met and every book is right."""
    words = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    words.add_argument(
        "--jobs",
        type=int,
        default=2 * (os.cpu_count() or 1),
        help="processes side by side (half of its time one waits)",
    )
    words.add_argument("--database", choices=DATABASES, action="append", help="only this one (both when left out)")
    words.add_argument("--scene", choices=list(SCENES), help="only this one")
    words.add_argument("--point", default="", help="only points with this in their name")
    words.add_argument("--every", type=int, default=1, help="only every so-manyth case")
    given = words.parse_args()
    cases = [
        case
        for case in recorded_cases(given.database or DATABASES)
        if given.point in case.deaths[0].point and given.scene in (None, case.scene)
    ][:: given.every]
    started = time.monotonic()
    return 1 if report(play_all(cases, jobs=given.jobs), seconds=time.monotonic() - started) else 0


if __name__ == "__main__":
    sys.exit(main())
