"""The documents name everything an operator can meet, and nothing that is not there. The code is asked, not a list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperArgument, TyperGroup, TyperOption
from typer.main import get_command

from tests.architecture.source import ROOT, log_use, modules, section, state_words, table
from worker import day
from worker.cli import app
from worker.model.journey import DELIVERY, DELIVERY_FINAL, JOURNEY, DeliveryState, JourneyState
from worker.model.parked import PARKED, InvoiceWarning, ParkedReason
from worker.settings import ClientSettings, WorkerSettings
from worker.support.env_file import EnvFileSettings, keys_of
from worker.support.log import ALLOWED

OPERATING, SETTINGS, EVENTS = "docs/operating.md", "docs/settings.md", "docs/log-events.md"
FILES = {"worker.env": WorkerSettings, "A client's file": ClientSettings}
LOG = log_use(modules())


# --- commands -------------------------------------------------------------------------------------


def _commands(command: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from _commands(inner, f"{path} {name}".strip())
    else:
        yield path, command


COMMANDS = dict(_commands(get_command(app)))


def test_every_command_is_described() -> None:
    assert set(table(OPERATING, "Commands")) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_argument_and_option_of_a_command_is_described(name: str) -> None:
    row = " ".join(table(OPERATING, "Commands")[name])
    options = {word for one in COMMANDS[name].params if isinstance(one, TyperOption)
               for word in (*one.opts, *one.secondary_opts)}  # fmt: skip
    shared = set(re.findall(r"`(--[a-z-]+)", section(OPERATING, "Commands").split("\n|")[0]))
    written = set(re.findall(r"`(--[a-z-]+)", row))
    assert options - {"--help"} - shared == written
    arguments = [one for one in COMMANDS[name].params if isinstance(one, TyperArgument)]
    assert all(f"`{(argument.name or '').upper()}`" in row for argument in arguments)


def test_every_job_is_described_with_its_times() -> None:
    rows = table(OPERATING, "The timetable")
    assert set(rows) == set(day.JOBS)
    for job in day.TIMETABLE:
        times, *_ = rows[job.name]
        shown = re.findall(r"\d\d:\d\d", times)
        assert shown[0] == f"{job.times[0]:%H:%M}"
        assert shown[-1] == f"{job.times[-1]:%H:%M}"
        assert job.name == "follow_up" or len(shown) == len(job.times)


# --- settings -------------------------------------------------------------------------------------


@pytest.mark.parametrize("heading", FILES)
def test_every_settings_key_is_described(heading: str) -> None:
    assert list(table(SETTINGS, heading)) == keys_of(FILES[heading])


def _default(field: FieldInfo) -> str:
    """How the document shows a default."""
    default = field.default
    if default is PydanticUndefined:
        return "required"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, bool):
        default = str(default).lower()
    return "empty" if default in ("", None) else f"`{default}`"


@pytest.mark.parametrize(
    ("heading", "key"), [(heading, key) for heading, kind in FILES.items() for key in keys_of(kind)]
)
def test_the_default_of_every_key_is_right(heading: str, key: str) -> None:
    kind: type[EnvFileSettings] = FILES[heading]
    field = kind.model_fields[key.lower()]
    assert table(SETTINGS, heading)[key][0] == _default(field)


# --- states, reasons, warnings --------------------------------------------------------------------

POSTBACK_MODULES = (
    "worker/store/postbacks.py",
    "worker/store/claiming.py",
    "worker/store/retrying.py",
    "worker/postback/step.py",
)
POSTBACK_STATES = frozenset[str]().union(*map(state_words, POSTBACK_MODULES))
SLOT_STATES = state_words("worker/store/slots.py") | state_words("worker/runs.py")


@pytest.mark.parametrize(
    ("heading", "words"),
    [
        ("States of an invoice", set(JourneyState)),
        ("States of a delivery", set(DeliveryState)),
        ("States of a postback", POSTBACK_STATES),
        ("States of a slot", SLOT_STATES),
        ("Why an invoice is parked", set(ParkedReason)),
        ("Warnings", set(InvoiceWarning)),
    ],
)
def test_every_word_is_described(heading: str, words: set[str]) -> None:
    assert len(words) > 3
    assert set(table(OPERATING, heading)) == {str(word) for word in words}


@pytest.mark.parametrize("reason", ParkedReason)
def test_who_mends_a_parked_reason_and_how_it_goes_on_is_right(reason: ParkedReason) -> None:
    who, goes_on, *_ = table(OPERATING, "Why an invoice is parked")[reason]
    assert who == PARKED[reason].owner
    by_hand = "`release`" if reason is ParkedReason.HELD else "`retry`"
    assert goes_on == ("by itself" if PARKED[reason].looked_at_again else by_hand)


@pytest.mark.parametrize(
    ("heading", "moves"),
    [("States of an invoice", JOURNEY), ("States of a delivery", DELIVERY)],
)
def test_the_next_states_told_are_those_of_the_transition_table(
    heading: str, moves: dict[tuple[StrEnum, StrEnum], StrEnum]
) -> None:
    rows = table(OPERATING, heading)
    for state, cells in rows.items():
        expected = {str(after) for (before, _), after in moves.items() if before == state}
        if state == JourneyState.PARKED:
            expected |= {str(before) for (before, _), after in moves.items() if after == state}
        assert set(re.findall(r"`([a-z_]+)`", cells[0])) == expected, state
        assert (cells[0] == "final") == (state in DELIVERY_FINAL or state == JourneyState.WITHDRAWN)


# --- the log --------------------------------------------------------------------------------------


def test_every_log_event_has_a_constant_name() -> None:
    assert LOG.faults == []
    assert len(LOG.calls) > 30


def test_every_log_event_is_described() -> None:
    assert set(table(EVENTS, "Events")) == set[str]().union(*(call.events for call in LOG.calls))


@pytest.mark.parametrize("event", sorted(table(EVENTS, "Events")))
def test_level_and_fields_of_a_log_event_are_right(event: str) -> None:
    levels, _when, fields = table(EVENTS, "Events")[event]
    calls = [call for call in LOG.calls if event in call.events]
    assert set(levels.split(", ")) == set[str]().union(*(call.levels for call in calls))
    written = set(re.findall(r"`([a-z0-9_]+)`", fields))
    assert written == set[str]().union(*(call.fields for call in calls))
    assert written or fields == "none"


def test_every_log_field_is_allowed() -> None:
    """A field that is not on the list is dropped from the line, so whoever wrote the call meant it in vain."""
    used = LOG.bound.union(*(call.fields for call in LOG.calls))
    assert used - ALLOWED == set()


def test_every_allowed_log_field_is_described() -> None:
    assert set(table(EVENTS, "Fields")) == ALLOWED


# --- links and the README -------------------------------------------------------------------------

PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    open_pages = [ROOT / "README.md"]
    while open_pages:
        page = open_pages.pop()
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            found = (page.parent / target).resolve()
            if found not in reached:
                open_pages.append(found)
    assert {page.resolve() for page in PAGES} - reached == set()


def test_the_readme_is_short_and_names_the_two_commands_that_ci_runs() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) < 80
    first_screen = "\n".join(readme.splitlines()[:30])
    ci = (ROOT / ".ci/run").read_text(encoding="utf-8")
    [block] = re.findall(r"```sh\n(.*?)```", first_screen, re.DOTALL)[:1]
    commands = [line.split("#")[0].strip() for line in block.splitlines()]
    assert [command.split()[2] for command in commands] == ["factoring-worker", "pytest"]
    demo, tests = commands
    assert re.search(rf"^check {re.escape(demo)} --out ", ci, re.MULTILINE)
    assert re.search(rf"^check {re.escape(tests)}$", ci, re.MULTILINE)
