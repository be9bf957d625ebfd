"""The log: constant events, allowed fields only, and nothing personal, whatever is thrown at it."""

from __future__ import annotations

import gc
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from worker.support import log


@pytest.fixture
def lines() -> Generator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    log.configure(style="json", level="info", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def read(stream: io.StringIO) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", json.loads(line)) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_event_level_and_time(lines: io.StringIO) -> None:
    log.get_logger().info("invoice.fetched", invoice=7, document_kind="invoice")
    (line,) = read(lines)
    assert line["event"] == "invoice.fetched"
    assert (line["invoice"], line["document_kind"], line["level"]) == (7, "invoice", "info")
    assert line["timestamp"].endswith("Z")


def test_a_field_nobody_has_judged_is_dropped_and_named(lines: io.StringIO) -> None:
    log.get_logger().info("invoice.fetched", invoice=7, debtor_name="Kari Østby", kid="1001000050010", email="k@x.no")
    assert "Kari" not in lines.getvalue()
    (line,) = read(lines)
    assert line["dropped"] == ["debtor_name", "email", "kid"]


def test_bound_fields_are_on_every_line_inside_and_none_outside(lines: io.StringIO) -> None:
    with log.bound(client="nordlys", invoice=7), log.bound(delivery=3, token="secret"):
        log.get_logger().warning("delivery.attempted")
    log.get_logger().info("run.done")
    inside, outside = read(lines)
    assert (inside["client"], inside["invoice"], inside["delivery"]) == ("nordlys", 7, 3)
    assert inside["dropped"] == ["token"]
    assert "client" not in outside
    assert "secret" not in lines.getvalue()


def test_an_exception_is_told_by_type_and_place_never_by_its_words(lines: io.StringIO) -> None:
    def fails() -> None:
        name = "Kari Østby"
        raise ValueError(f"no card for {name}")

    try:
        fails()
    except ValueError as error:
        log.get_logger().error("invoice.unexpected", exc_info=error)
        log.get_logger().exception("invoice.unexpected")
    for line in read(lines):
        assert line["error_type"] == "ValueError"
        assert line["error_place"].startswith("test_log.py:")
        assert "fails" in line["error_place"]
    assert "Kari" not in lines.getvalue()


def test_a_librarys_words_are_scrubbed(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning(
        "POST https://goapi.poweroffice.net/x?key=abc to kari.ostby@privat.example with eyJhbGciOiJIUzI1NiIsInR5cCI6"
        " about 1001 0000 50010 at /i/AbC_def-123"
    )
    (line,) = read(lines)
    assert (line["event"], line["library"], line["level"]) == ("library.message", "some.library", "warning")
    assert line["message"] == "POST [address] to [e-mail] with [long] about [digits] at /i/[token]"


def test_chatty_libraries_are_heard_only_when_something_is_wrong(lines: io.StringIO) -> None:
    for name in ("httpx", "uvicorn.access", "asyncssh", "apscheduler", "mail.log"):
        logging.getLogger(name).info("GET /i/secret-token")
    assert read(lines) == []


def test_values_that_are_no_json_become_text(lines: io.StringIO) -> None:
    log.get_logger().info("run.done", due_at=datetime(2026, 11, 25, 7, tzinfo=UTC), path=Path("var"), counts={"a": 1})
    (line,) = read(lines)
    assert datetime.fromisoformat(line["due_at"]) == datetime(2026, 11, 25, 7, tzinfo=UTC)
    assert (line["path"], line["counts"]) == ("var", {"a": 1})


def test_debug_is_silent_unless_asked_for(lines: io.StringIO) -> None:
    log.get_logger().debug("run.started")
    assert lines.getvalue() == ""


def test_the_console_is_for_people_and_drops_the_same(lines: io.StringIO) -> None:
    stream = io.StringIO()
    log.configure(style="console", level="info", stream=stream)
    log.get_logger().info("invoice.fetched", invoice=7, debtor_name="Kari Østby")
    assert "invoice.fetched" in stream.getvalue()
    assert "Kari" not in stream.getvalue()
    assert lines.getvalue() == ""


@given(st.emails(), st.text(max_size=20), st.text(max_size=20))
def test_no_address_survives_scrubbing(address: str, before: str, after: str) -> None:
    local = address.partition("@")[0]
    scrubbed = log.scrub(f"{before} {address} {after}")
    assert address not in scrubbed or not any(sign.isalnum() for sign in local)


@given(st.from_regex(r"[0-9]{6,25}", fullmatch=True))
def test_no_long_number_survives_scrubbing(number: str) -> None:
    assert number not in log.scrub(f"paid with KID {number}.")


@given(st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True))
def test_no_token_survives_scrubbing(token: str) -> None:
    assert token not in log.scrub(f"GET /i/{token}/faktura HTTP/1.1")
    assert token not in log.scrub(f"token {token} refused")


@given(st.text(max_size=600))
def test_scrubbed_text_is_short(text: str) -> None:
    assert len(log.scrub(text)) <= 300


def test_what_python_would_write_beside_the_log_is_a_line_of_it(lines: io.StringIO) -> None:
    """Python's own words would tell the message, and the message anything: here a name."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    logging.captureWarnings(False)  # another test of this process may have left it on, and on twice is nothing
    try:
        log.catch_what_is_left()
        sys.excepthook(ValueError, ValueError("Kari Østby"), None)
        thread = threading.Thread(target=lambda: {}["Kari Østby"])
        thread.start()
        thread.join()
        _Breaks()
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("kari.ostby@privat.example is old", stacklevel=1)
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
    told = [(line["event"], line.get("error_type", line.get("library"))) for line in read(lines)]
    assert told == [
        ("program.uncaught", "ValueError"),
        ("program.uncaught", "KeyError"),
        ("program.uncaught", "OSError"),
        ("library.message", "py.warnings"),
    ]
    assert "Kari" not in lines.getvalue()
    assert "kari" not in lines.getvalue()


class _Breaks:
    def __del__(self) -> None:
        raise OSError("Kari Østby")
