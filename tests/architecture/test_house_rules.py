"""Rules of the house that neither ruff nor import-linter can see."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.architecture.source import ROOT, WORKER, log_use, modules
from worker.day import JOBS

CLOCK = "worker/support/clock.py"
TIMETABLE = "worker/day.py"
# What reads the time of day. Monotonic seconds say how long something takes and are nobody's date.
_READS = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "time": {"time", "time_ns", "localtime", "gmtime", "ctime", "asctime"},
    "func": {"now", "current_timestamp", "current_date"},
    "utils": {"localtime", "formatdate"},
}
_MAX_LINES = 400
_TEXTS = {".py", ".html", ".txt", ".css", ".mako"}


def clock_reads(tree: ast.Module) -> Iterator[int]:
    """The lines that read the time of day."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
            if node.attr in _READS.get(str(owner), ()):
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "email.utils"):
            taken = {alias.name for alias in node.names}
            if taken & (_READS["time"] | _READS["utils"]):
                yield node.lineno


def postback_times(tree: ast.Module) -> Iterator[int]:
    """The lines of code, not of prose, that say when the ERP is told: the time as text, or hour and minute in a row."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    [at] = JOBS["postback"].times
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            if f"{at:%H:%M}" in node.value:
                yield node.lineno
        elif isinstance(node, ast.Call):
            numbers = [value.value if isinstance(value, ast.Constant) else None
                       for value in (*node.args, *(keyword.value for keyword in node.keywords))]  # fmt: skip
            if (at.hour, at.minute) in pairwise(numbers):
                yield node.lineno


@pytest.mark.parametrize(
    "offence",
    [
        "from datetime import datetime\nnow = datetime.now(UTC)",
        "import datetime\nnow = datetime.datetime.now()",
        "import datetime as dt\nnow = dt.date.today()",
        "import time\nnow = time.time()",
        "from time import time\nnow = time()",
        "query = select(func.now())",
    ],
)
def test_a_reading_of_the_clock_is_seen(offence: str) -> None:
    assert list(clock_reads(ast.parse(offence)))


def test_only_the_clock_reads_the_time() -> None:
    found = {path: list(clock_reads(tree)) for path, tree in modules()}
    assert found.pop(CLOCK)
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_commands_go_by_the_clock_that_is_handed_to_them() -> None:
    """A command on the machine's clock behaves in a test by the date it is run on."""
    own = {
        path
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SystemClock"
    }
    # Where one is handed out; the rest hold the machine's own marks (a lock's file, a document's) against its clock.
    handing_out = {"worker/commands/common.py", "worker/service.py", "worker/demo/serve.py"}
    assert own == handing_out | {"worker/cli.py", "worker/commands/documents.py"}


@pytest.mark.parametrize(
    "offence", ['at = "15:30"', "at = time(15, 30)", "at = oslo(day, 15, 30)", "CronTrigger(hour=15, minute=30)"]
)
def test_a_second_timetable_is_seen(offence: str) -> None:
    assert list(postback_times(ast.parse(offence)))


def test_the_timetable_stands_in_one_place() -> None:
    found = {path: list(postback_times(tree)) for path, tree in modules()}
    assert found.pop(TIMETABLE)
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_no_file_has_two_subjects() -> None:
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in WORKER.rglob("*")
        if path.suffix in _TEXTS and "fonts" not in path.parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > _MAX_LINES
    }  # fmt: skip
    assert long == {}


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("log = get_logger()\nname = made()\nlog.info(name)", "no constant"),
        ('log.info(f"invoice.{word}")', "no constant"),
        ("log.warning()", "no constant"),
        ('get_logger().info("a.b", **fields)', "with **"),
        ("with bound(**fields): pass", "with **"),
        ("tell = log.info\nhand_on(log.warning)", "handed on"),
    ],
)
def test_a_log_line_that_cannot_be_documented_is_seen(code: str, fault: str) -> None:
    assert fault in " ".join(log_use(iter([("x.py", ast.parse(code))])).faults)


def test_levels_and_names_chosen_on_the_spot_are_read() -> None:
    code = 'level = log.info if good else log.error\nname = "a.b" if good else "a.c"\nlevel(name, kind=1, exc_info=e)'
    [call] = log_use(iter([("x.py", ast.parse(code))])).calls
    assert (call.levels, call.events) == ({"info", "error"}, {"a.b", "a.c"})
    assert call.fields == {"kind", "error_type", "error_place"}


def test_nobody_in_the_worker_arms_the_crash_points() -> None:
    """worker/support/crashing.py is inert in production: only test processes call `arm`."""
    arming = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        if path != "worker/support/crashing.py"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("arm", "_hook"))
        or (isinstance(node, ast.ImportFrom) and node.module == "worker.support.crashing")
    ]
    assert arming == []
