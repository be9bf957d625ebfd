"""The suites of access points and print houses as tables: `python -m tests.contract.table`. Exit status as pytest's.

`✓` meets the case, `✗` does not, `–` is not asked, for the reason under the table.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

NOT_ASKED, MET, FAILED, NOT_RUN = "–", "✓", "✗", "?"


class Results:
    """What came of every case, by adapter. A case with several examples is met when all of them are."""

    def __init__(self) -> None:
        self.met: dict[tuple[str, str], list[bool]] = defaultdict(list)
        self._asked: dict[str, tuple[str, str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            call: Any = getattr(item, "callspec", None)
            params = call.params if call is not None else {}
            name = params.get("way", params.get("place"))
            if name is not None:
                self._asked[item.nodeid] = (getattr(item, "originalname", ""), name)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        where = self._asked.get(report.nodeid)
        if where is not None and (report.when == "call" or report.failed):
            self.met[where].append(report.passed)

    def sign(self, case: str, name: str) -> str:
        found = self.met.get((case, name))
        return NOT_RUN if not found else MET if all(found) else FAILED


def table(results: Results, names: Sequence[str], cases: Mapping[str, Any]) -> tuple[list[str], bool]:
    """The lines, in Markdown, and whether every case was asked of all it must be asked of."""
    lines = [f"| Case | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    reasons: list[str] = []
    whole = True
    for test, case in cases.items():
        signs = [NOT_ASKED if name in case.but else results.sign(test, name) for name in names]
        whole = whole and NOT_RUN not in signs
        lines.append(f"| {case.title} | {' | '.join(signs)} |")
        reasons += [f"- {name}, {case.title}: {reason}." for name, reason in case.but.items()]
    return [*lines, "", f"{NOT_ASKED} not asked:", "", *reasons], whole


def main() -> int:
    results = Results()
    here = Path(__file__).parent
    suites = [str(here / "test_access_points.py"), str(here / "print_house")]
    code = pytest.main(["-q", "--no-header", "--tb=short", *suites], [results])
    # Only now: pytest wants to be there before what it tests.
    from tests.contract.access_points import NAMES
    from tests.contract.print_house import cases as print_house
    from tests.contract.test_access_points import CASES

    whole = True
    for title, names, cases in (
        ("Access points", NAMES, CASES),
        ("Print houses", print_house.NAMES, print_house.CASES),
    ):
        lines, all_asked = table(results, names, cases)
        whole = whole and all_asked
        sys.stdout.write("\n".join(["", f"## {title}", "", *lines, ""]))
    return int(code) or int(not whole)


if __name__ == "__main__":
    sys.exit(main())
