"""`factoring-worker sandbox`: the outside world on this machine until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import typer

from worker.demo.scenes import own_plot
from worker.demo.stage import free_port, write_settings
from worker.sandbox.serve import serve
from worker.sandbox.server import SERVICES, Sandbox
from worker.sandbox.world import World
from worker.support.clock import SystemClock


async def serve_sandbox(*, folder: Path, first_port: int) -> None:
    """Serves the world kept in `folder`, or the demo's own when there is none yet, and prints how to reach it. Beside
    it lies a factor's `worker.env` that leads here.

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
    serving = asyncio.create_task(serve(world, folder, ports, lambda sandbox: _say(sandbox, folder)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving
    typer.echo(f"the sandbox's state is in {folder}")


def _say(sandbox: Sandbox, folder: Path) -> None:
    settings = write_settings(folder / "worker", sandbox, [], portal_port=free_port())
    typer.echo(sandbox.addresses())
    typer.echo(
        f"""
# A factor's settings that lead here, made anew at each start: {settings}
# In another terminal, with a client key from above:
#   factoring-worker client new nordlys --settings {settings}
#   factoring-worker migrate --settings {settings}
#   factoring-worker doctor --settings {settings}
#   factoring-worker job intake --settings {settings}
""".strip()
    )
