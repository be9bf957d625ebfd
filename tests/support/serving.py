"""An ASGI app on a real socket, in a thread of its own, as the worker serves the portal."""

from __future__ import annotations

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


@contextmanager
def listening() -> Generator[tuple[socket.socket, str]]:
    """A free port on this machine, taken, and the address it has."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield door, f"http://127.0.0.1:{door.getsockname()[1]}"


@contextmanager
def serving(app: ASGIApp, door: socket.socket) -> Generator[None]:
    """Answers at the door until left."""
    config = uvicorn.Config(
        app, access_log=False, log_config=None, server_header=False, lifespan="off", ws="none", proxy_headers=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
