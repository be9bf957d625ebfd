"""A file a counterparty offers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as listed. `size` in bytes; `changed`: seconds since 1970 by the server's clock, which may be wrong."""

    name: str
    size: int
    changed: int
