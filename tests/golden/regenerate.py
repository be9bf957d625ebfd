"""Draws the golden set anew: `python -m tests.golden.regenerate [--write] [name ...]`.

Shows how the drawing differs from the golden files; they are only overwritten with --write. Exit code 1 when
something differs and was not written.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from tests.golden.documents import GOLDEN
from tests.golden.reading import described
from worker.stamping.pdf import draw

FOLDER = Path(__file__).parent / "pdf"


def golden_file(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.golden.regenerate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="overwrite the golden files")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(GOLDEN)}")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(GOLDEN)
    if unknown:
        parser.error(f"no such golden document: {', '.join(sorted(unknown))}")
    differing = 0
    for name in chosen.names or GOLDEN:
        path = golden_file(name)
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = described(draw(*GOLDEN[name]()).content)
        if before == after:
            continue
        differing += 1
        sys.stdout.writelines(
            difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"golden/{name}", f"drawn/{name}")
        )
        if chosen.write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(after, encoding="utf-8")
    words = "written" if chosen.write else "differ; nothing written without --write"
    sys.stdout.write(f"{differing} of {len(chosen.names or GOLDEN)} golden files {words}\n")
    return 1 if differing and not chosen.write else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
