"""An event loop in which waiting passes faster than on the wall: a retry's two seconds are a fraction of one."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Mapping
from typing import Any

FASTER = 10.0


class _Selector(selectors.BaseSelector):
    """The system's, told to wait a fraction of what it is asked to."""

    def __init__(self) -> None:
        self._own = selectors.DefaultSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._own.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._own.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._own.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self._own.select(None if timeout is None else timeout / FASTER)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._own.get_map()

    def close(self) -> None:
        self._own.close()


class FastLoop(asyncio.SelectorEventLoop):
    """For `asyncio.Runner(loop_factory=FastLoop)`. Threads, and what they sleep, are as slow as ever."""

    def __init__(self) -> None:
        super().__init__(_Selector())

    def time(self) -> float:
        return super().time() * FASTER
