"""Makes the golden set anew: `python -m tests.golden.regenerate [--write] [name ...]`.

Shows how what is made now differs from the golden files: pdf/ (drawn from documents built by hand), stamped/ (an ERP's
document stamped, and drawn from that). They are only overwritten with --write. Exit code 1 when something differs and
was not written.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.golden.documents import GOLDEN
from tests.golden.reading import described
from tests.golden.stamping import STAMPED, shortened
from worker.stamping.pdf import draw

FOLDER = Path(__file__).parent


def golden_file(name: str) -> Path:
    """A file of pdf/."""
    return FOLDER / "pdf" / f"{name}.txt"


def _files() -> Iterable[tuple[str, Path, Callable[[], str]]]:
    """Name, golden file, what it should hold now."""
    for name, document in GOLDEN.items():
        yield name, golden_file(name), lambda document=document: described(draw(*document()).content)
    for name, golden in STAMPED.items():
        folder = FOLDER / "stamped"
        yield name, folder / f"{name}.xml", lambda golden=golden: shortened(golden().stamped().decode())
        yield name, folder / f"{name}.pdf.txt", lambda golden=golden: shortened(described(golden().drawn()))


FILES = tuple(_files())


def main(arguments: list[str]) -> int:
    names = dict.fromkeys(name for name, *_ in FILES)
    parser = argparse.ArgumentParser(prog="python -m tests.golden.regenerate", description=__doc__)
    parser.add_argument("--write", action="store_true", help="overwrite the golden files")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of: {', '.join(names)}")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(names)
    if unknown:
        parser.error(f"no such golden document: {', '.join(sorted(unknown))}")
    files = [file for file in FILES if not chosen.names or file[0] in chosen.names]
    differing = 0
    for _, path, make in files:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        after = make()
        if before == after:
            continue
        differing += 1
        shown = path.relative_to(FOLDER)
        sys.stdout.writelines(
            difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"golden/{shown}", f"now/{shown}")
        )
        if chosen.write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(after, encoding="utf-8")
    words = "written" if chosen.write else "differ; nothing written without --write"
    sys.stdout.write(f"{differing} of {len(files)} golden files {words}\n")
    return 1 if differing and not chosen.write else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
