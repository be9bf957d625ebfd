"""The sandbox as a long-running command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from worker.sandbox.server import Sandbox
from worker.sandbox.world import World

SHIFT_SECONDS = 60.0  # the print house fetches, posts and gets mail back


async def serve(
    world: World,
    folder: Path,
    ports: Mapping[str, int] | None,
    on_ready: Callable[[Sandbox], None],
    *,
    host: str = "127.0.0.1",
) -> None:
    """Serve until cancelled, then write the world's state to the folder.

    `on_ready` gets the sandbox once everything listens.
    """
    async with Sandbox(world, folder=folder, host=host, ports=ports) as sandbox:
        on_ready(sandbox)
        try:
            while True:
                await asyncio.sleep(SHIFT_SECONDS)
                await asyncio.to_thread(sandbox.print_shop.work)
        finally:
            world.save(folder)
            world.write_posted_back(folder / "pdf")
