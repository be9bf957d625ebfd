"""Named points where the process may be made to die, or a call to fail: the crash suite and the chaos run arm them.

Inert in production: no setting and no environment variable reaches it, and nothing in `worker` calls `arm` (a test of
the architecture holds that). Unarmed, a point is one look at a module's variable; names are made only when armed.

Points stand beside every commit, named by the function of the store that opened the transaction
(`store.deliveries.record:before_commit`), beside every file put on a disk, named by who writes it
(`adapters.factor_ledger.folder._register:named`), and beside every call to the outside
(`http POST /api/as4/send/*:before`). tests/crash finds them by running the day.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from urllib.parse import urlsplit

Hook = Callable[[str], None]

_hook: Hook | None = None
# Ways into a transaction or a file that many functions share: the point is named by who called them.
_PASSAGES = frozenset(
    {__name__, "contextlib", "worker.support.files", "worker.store.database", "worker.store.settling"}
)
_NUMBERED = re.compile(r"[^/]*(?:\d|::)[^/]*")
_VERSION = re.compile(r"v\d", re.ASCII)


def arm(hook: Hook | None) -> None:
    """Every point calls `hook` with its name, in whatever thread it is met; None disarms. For test processes only.

    The hook may kill the process, or raise: then the point fails as the call beside it would.
    """
    global _hook  # noqa: PLW0603 - one process, one hook: that is what makes an unarmed point free
    _hook = hook


def point(name: str, when: str) -> None:
    """A point with a name of its own: `mail.data`, `before`."""
    if _hook is not None:
        _hook(f"{name}:{when}")


def caller_point(when: str) -> None:
    """A point named by the function that is at work: the store's function beside a commit, whoever writes a file."""
    if _hook is not None:
        _hook(f"{_caller()}:{when}")


def request_point(method: str, url: str, when: str) -> None:
    """A point beside an HTTP request, named by method and path; what differs from one request to the next is `*`."""
    if _hook is not None:
        parts = [
            part if _VERSION.fullmatch(part) else _NUMBERED.sub("*", part) for part in urlsplit(url).path.split("/")
        ]
        _hook(f"http {method} {'/'.join(parts)}:{when}")


def _caller() -> str:
    frame = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__") in _PASSAGES:
        frame = frame.f_back
    if frame is None:
        return "nobody"
    return f"{str(frame.f_globals.get('__name__')).removeprefix('worker.')}.{frame.f_code.co_name}"
