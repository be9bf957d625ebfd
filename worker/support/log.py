"""Structured logs: one JSON line an event, or a readable line on a terminal.

Event names are constant and documented (docs/log-events.md). Only fields on the allow-list pass: a field nobody has
judged harmless is dropped and named in `dropped`, so names, addresses, KIDs, codes and keys cannot slip through. The
text of an unexpected exception never passes, its type and place do.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.types import EventDict, WrappedLogger

from worker.support import metrics

ALLOWED = frozenset(
    {
        # added by us to every line
        "event", "level", "timestamp", "dropped",
        # context: ids and closed words
        "client", "job", "slot", "run", "owner", "invoice", "delivery", "attempt", "postback", "channel", "step",
        "item", "voucher", "by",
        "kind", "state", "reason", "warning", "outcome", "act", "language", "version", "revision", "environment",
        # facts that are nobody's personal data
        "count", "counts", "duration_ms", "pages", "size", "sha256", "due_at", "now", "retry_after", "file", "fault",
        "key", "host", "port", "database", "erp", "status", "next_channel", "clients", "window_end", "signal", "path",
        "error_type", "error_place", "library", "message", "document_kind", "owner_of_remedy", "seconds", "privileges",
        "erp_id", "unexplained",
    }
)  # fmt: skip

_SCRUB = [
    (re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+"), "[e-mail]"),
    (re.compile(r"\b(?:https?|smtps?|sftp)://[^\s\"']+"), "[address]"),
    (re.compile(r"/i/[A-Za-z0-9_-]+"), "/i/[token]"),
    (re.compile(r"[A-Za-z0-9_-]{20,}"), "[long]"),
    (re.compile(r"\d[\d .]{4,}\d"), "[digits]"),
]


def scrub(text: str) -> str:
    """A library's own words with e-mail addresses, URLs, tokens and long numbers masked."""
    for pattern, mask in _SCRUB:
        text = pattern.sub(mask, text)
    return text[:300]


def _only_allowed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    dropped = sorted(key for key in event if key not in ALLOWED)
    for key in dropped:
        del event[key]
    if dropped:
        event["dropped"] = dropped
    return event


def _exception_place(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Turns exc_info into type and place; messages and local values may hold personal data."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error_type"] = type(error).__name__
        event["error_place"] = place(error.__traceback__)
    return event


def place(traceback: TracebackType | None) -> str:
    """The last three frames of ours, innermost first: `file:line function`."""
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return " < ".join(reversed(frames[-3:]))


def _plain(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Ids and words as JSON values, instants in ISO 8601; what is not known is left out."""
    return {key: _value(value) for key, value in event.items() if value is not None}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int | float | list | dict) else str(value)


def _counted(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    metrics.logged(str(event["level"]))
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    _counted,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _exception_place,
    _only_allowed,
    _plain,
]


class _LibraryHandler(logging.Handler):
    """Every library's log lines go the same way, scrubbed."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger()
        method = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        )
        getattr(log, method)("library.message", library=record.name, message=scrub(record.getMessage()))


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS).decode()


def configure(
    *, style: Literal["auto", "json", "console"] = "auto", level: str = "info", stream: TextIO | None = None
) -> None:
    """Sets up logging for the process. `auto`: console when the stream is a terminal, JSON otherwise."""
    out: TextIO = sys.stdout if stream is None else stream
    console = style == "console" or (style == "auto" and out.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=28)
        if console
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*_SHARED, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(logging.WARNING)
    for noisy in ("httpx", "httpcore", "uvicorn.access", "apscheduler", "asyncssh", "alembic", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def catch_what_is_left() -> None:
    """What Python itself would write to standard error (warnings, what nobody caught, in threads and in finalizers)
    becomes a line like any other: by type and place, for its words may hold anything. For long-running commands."""
    logging.captureWarnings(True)

    def uncaught(error: BaseException | None) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            get_logger().error("program.uncaught", exc_info=error)

    sys.excepthook = lambda _kind, error, _trace: uncaught(error)
    threading.excepthook = lambda met: uncaught(met.exc_value)
    sys.unraisablehook = lambda met: uncaught(met.exc_value)


def beside_answers(*, style: Literal["auto", "json", "console"], level: str) -> None:
    """For a command that answers on standard output: its log goes to standard error, unless logging is set up."""
    if not structlog.is_configured():
        configure(style=style, level=level, stream=sys.stderr)


def get_logger() -> Any:
    """The process's logger."""
    return structlog.get_logger()


def bound(**context: Any) -> Any:
    """A context manager binding fields to every line written inside it (per task)."""
    return structlog.contextvars.bound_contextvars(**context)
