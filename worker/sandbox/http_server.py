"""uvicorn as a guest in the running loop: no signal handlers, no tick, closed in milliseconds."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

_GRACE_SECONDS = 2.0


class HttpServer:
    """One app on several listening sockets."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app, lifespan="off", ws="none", access_log=False, log_config=None, server_header=False, date_header=False
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        await self._server.startup(sockets=list(sockets))

    async def close(self) -> None:
        """Stops listening, lets requests in hand end within two seconds, then cancels them."""
        state = self._server.server_state
        for server in self._server.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        patience = asyncio.get_running_loop().time() + _GRACE_SECONDS
        # uvicorn tells nobody when a connection ends, so it is looked at.
        while (state.connections or state.tasks) and asyncio.get_running_loop().time() < patience:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        left = list(state.tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for server in self._server.servers:
            await server.wait_closed()
