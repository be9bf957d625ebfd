"""The page on data protection, the list in the code and the tables name the same columns; a new one must be judged."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import JSON, String

from tests.architecture.source import section, table
from worker.settings import WorkerSettings
from worker.store.holds import HOLDS
from worker.store.personal import HARMLESS, PERSONAL, Removal
from worker.store.tables import AnyText, metadata

PAGE = "docs/data-protection.md"
COLUMNS = {f"{one.name}.{column.name}": column for one in metadata.sorted_tables for column in one.columns}
LONGEST_CLOSED_WORD = 64  # a hash, a key or a state: nobody writes a name into it


def _takes_words(name: str) -> bool:
    kind = COLUMNS[name].type
    length = kind.length if isinstance(kind, String) else None
    return isinstance(kind, JSON | AnyText) or (isinstance(kind, String) and (length or 999) > LONGEST_CLOSED_WORD)


def test_every_column_that_takes_words_is_judged_once() -> None:
    judged = PERSONAL.keys() | HARMLESS
    assert PERSONAL.keys() & HARMLESS == set()
    assert judged - COLUMNS.keys() == set(), "no such column"
    assert {name for name in COLUMNS if _takes_words(name)} - judged == set(), "does it hold personal data?"


def test_the_page_lists_every_column_with_what_takes_it_away() -> None:
    rows = table(PAGE, "Column by column")
    written = {name: re.findall(r"`(\w+)`", cells[0]) for name, cells in rows.items()}
    assert written == {name: [str(kind) for kind in kinds] for name, kinds in PERSONAL.items()}


@pytest.mark.parametrize("kind", Removal)
def test_the_page_tells_why_and_how_long_each_kind_is_kept(kind: Removal) -> None:
    *_, setting = table(PAGE, "What is kept, why, how long")[kind]
    key = setting.strip("`")
    assert (key == "none") == (kind is Removal.KEPT)
    assert key == "none" or key.lower() in WorkerSettings.model_fields


def test_every_retention_setting_and_every_hold_is_told() -> None:
    told = section(PAGE, "What is kept, why, how long")
    assert {name.upper() for name in WorkerSettings.model_fields if name.startswith("retention_")} == set(
        re.findall(r"RETENTION_[A-Z_]+", told)
    )
    assert {str(hold) for hold in HOLDS} == set(table(PAGE, "Removing it: `purge`"))
