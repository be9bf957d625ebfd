"""A table with a lagging replica: writers see the newest row, readers of the replica an older one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_SINCE_EVER = float("-inf")
_KEEP_SECONDS = 60.0  # longer than any lag a sandbox is started with


class LaggingTable(Mapping[K, V], Generic[K, V]):
    """Rows by key, each with its versions and the monotonic second it was written. As a mapping: the newest rows."""

    def __init__(self) -> None:
        self._versions: dict[K, list[tuple[float, V]]] = {}

    def settle(self, key: K, value: V) -> None:
        """Write as if long ago: the replica has it already."""
        self._versions[key] = [(_SINCE_EVER, value)]

    def write(self, key: K, value: V, *, at: float) -> None:
        """Write at monotonic second `at`: the replica shows it when the lag has passed."""
        versions = self._versions.setdefault(key, [])
        versions.append((at, value))
        while len(versions) > 1 and versions[1][0] < at - _KEEP_SECONDS:
            del versions[0]

    def remove(self, key: K) -> None:
        """Gone, from the replica too."""
        del self._versions[key]

    def seen_at(self, key: K, moment: float) -> V | None:
        """The row as it was at monotonic second `moment`; None when it was not there yet."""
        for at, value in reversed(self._versions.get(key, ())):
            if at <= moment:
                return value
        return None

    def all_seen_at(self, moment: float) -> list[V]:
        """Every row as it was at monotonic second `moment`, in order of first writing."""
        rows: list[V] = []
        for versions in self._versions.values():
            for at, value in reversed(versions):
                if at <= moment:
                    rows.append(value)
                    break
        return rows

    def __getitem__(self, key: K) -> V:
        return self._versions[key][-1][1]

    def __iter__(self) -> Iterator[K]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)
