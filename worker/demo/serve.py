"""`factoring-worker sandbox`: the outside world on this machine until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import typer

from worker.demo.scenes import own_plot
from worker.sandbox.serve import serve
from worker.sandbox.server import SERVICES
from worker.sandbox.world import World
from worker.support.clock import SystemClock


async def serve_sandbox(*, folder: Path, first_port: int) -> None:
    """Serves the world kept in `folder`, or the demo's own when there is none yet, and prints how to reach it.

    SIGINT and SIGTERM end it; its state is then written to the folder.
    """
    clock = SystemClock()
    try:
        world = World.load(folder, now=clock.now)
    except FileNotFoundError:
        world = World(now=clock.now)
        own_plot(world)
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    ports = {name: first_port + offset for offset, name in enumerate(SERVICES)} if first_port else None
    serving = asyncio.create_task(serve(world, folder, ports, typer.echo))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
    typer.echo(f"the sandbox's state is in {folder}")
