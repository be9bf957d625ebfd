"""The print houses' suite, case by case: `python -m tests.contract.table` shows it as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

NAMES = ("folder", "sftp")


@dataclass(frozen=True)
class Case:
    """A row of the table. `but`: who is not asked, and why."""

    title: str
    but: Mapping[str, str]


CASES: dict[str, Case] = {}


def case(title: str, **but: str) -> Callable[[Callable[..., Any]], Any]:
    """Asks it of every print house but those named (`folder="reason"`)."""

    def mark(test: Callable[..., Any]) -> Any:
        CASES[test.__name__] = Case(title, but)
        return pytest.mark.parametrize("place", [name for name in NAMES if name not in but], indirect=True)(test)

    return mark


NO_LINE = "has no line that could be cut"
