"""The engine's process, seen from the worker: started, asked, ended."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

_PACKAGE: Final = Path(__file__).resolve().parents[3]
_ENDING: Final = 5.0  # seconds to leave by itself before it is killed


class EngineDied(Exception):
    """The process ended in the middle of a request."""


class EngineSlow(Exception):
    """No answer within the time limit; the process has been killed."""


class EngineProcess:
    """One running engine. One request at a time; after EngineDied or EngineSlow it is of no further use."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.loaded: set[str] = set()
        self.checked = 0

    @classmethod
    async def start(cls) -> EngineProcess:
        """A new engine. It inherits no secrets: its environment is empty but for where the code lies. It gets its own
        session, so that Ctrl-C reaches the worker alone, and its words go nowhere, for they may quote a document."""
        return cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-s", "-m", "worker.adapters.rules.engine", str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={"PYTHONPATH": str(_PACKAGE), "LANG": "C.UTF-8"},
                start_new_session=True,
            )
        )  # fmt: skip

    async def ask(self, request: dict[str, Any], content: bytes | None = None, *, seconds: float) -> dict[str, Any]:
        """The engine's answer. Raises EngineDied, EngineSlow; either way, or when cancelled, the process is gone."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange([orjson.dumps(request), *([] if content is None else [content])])
        except TimeoutError:
            await self.kill()
            raise EngineSlow from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.kill()
            raise EngineDied from None
        except BaseException:
            await self.kill()
            raise

    async def _exchange(self, frames: list[bytes]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise EngineDied
        for frame in frames:
            stdin.write(struct.pack(">I", len(frame)))
            stdin.write(frame)
        await stdin.drain()
        length = struct.unpack(">I", await stdout.readexactly(4))[0]
        return orjson.loads(await stdout.readexactly(length))

    async def end(self) -> None:
        """Lets it leave; kills it when it does not."""
        self._close_input()
        try:
            async with asyncio.timeout(_ENDING):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._close_input()
        await self._process.wait()

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
