"""A SQLite file has one machine at a time, and says so in words."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.store.stocked import MINUTE, NOW, at_once
from worker.store.database import DatabaseUnusable
from worker.store.one_host import SILENCE, OneHost, WorkerSeen

ONE, OTHER = ("kernel-1", "factor-a"), ("kernel-2", "factor-b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "worker.db"


def test_processes_and_containers_of_one_machine_share_it(file: Path) -> None:
    OneHost(file, host=ONE).take(NOW)
    OneHost(file, host=("kernel-1", "another-container")).take(NOW).check(NOW)


def test_another_machine_is_refused_with_the_name_of_the_first(file: Path) -> None:
    OneHost(file, host=ONE).take(NOW)
    other = OneHost(file, host=OTHER)
    for act in (other.take, other.check):
        with pytest.raises(DatabaseUnusable, match=r"factor-a.*PostgreSQL"):
            act(NOW + SILENCE - MINUTE)
    OneHost(file, host=ONE).beat(NOW + MINUTE)


def test_a_silent_machine_is_believed_dead_and_finds_out_when_it_wakes(file: Path) -> None:
    first, second = OneHost(file, host=ONE).take(NOW), OneHost(file, host=OTHER)
    second.take(NOW + SILENCE)
    with pytest.raises(DatabaseUnusable, match="factor-b"):
        first.beat(NOW + SILENCE + MINUTE)


def test_a_clean_end_lets_the_next_machine_in_at_once(file: Path) -> None:
    OneHost(file, host=ONE).take(NOW).release(NOW)
    OneHost(file, host=OTHER).take(NOW)
    OneHost(file, host=ONE).release(NOW)  # no longer its to give up
    with pytest.raises(DatabaseUnusable):
        OneHost(file, host=ONE).take(NOW)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"host": "kernel-2"}', b"\xff" * 5000])
def test_a_mark_cut_short_by_a_crash_keeps_nobody_out(file: Path, content: bytes) -> None:
    (file.parent / "worker.db.host").write_bytes(content)
    OneHost(file, host=ONE).take(NOW)
    assert json.loads((file.parent / "worker.db.host").read_bytes())["name"] == "factor-a"


def test_a_clock_that_stepped_back_does_not_open_the_door(file: Path) -> None:
    OneHost(file, host=ONE).take(NOW + timedelta(minutes=2))
    with pytest.raises(DatabaseUnusable):
        OneHost(file, host=OTHER).take(NOW)


def test_of_two_machines_that_come_at_once_one_gets_it(file: Path) -> None:
    refused: list[str] = []

    def come(name: str) -> None:
        try:
            OneHost(file, host=(name, name)).take(NOW)
        except DatabaseUnusable:
            refused.append(name)

    at_once(*(lambda name=name: come(name) for name in ("a", "b", "c")))
    assert len(refused) == 2


def test_another_database_needs_no_such_thing(tmp_path: Path) -> None:
    OneHost(None, host=ONE).take(NOW).check(NOW)
    OneHost(None, host=OTHER).take(NOW).release(NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_worker_says_that_it_is_at_work_and_that_it_ends_and_a_command_neither(file: Path) -> None:
    mark = OneHost(file, host=ONE)
    assert mark.worker() is None and OneHost(None, host=ONE).worker() is None
    assert mark.take(NOW).worker() is None, "a command has looked, no worker"
    assert mark.beat(NOW + MINUTE).take(NOW + 3 * MINUTE).worker() == WorkerSeen(NOW + MINUTE, working=True)
    mark.release(NOW + 4 * MINUTE)
    assert mark.worker() == WorkerSeen(NOW + 4 * MINUTE, working=False)
    (file.parent / "worker.db.host").write_bytes(b'{"host": "kernel-1", "name": "factor-a", "at": "2026')
    assert mark.worker() is None
