"""What docs/sandbox.md has a newcomer type: the sandbox in one terminal; in another a client, the doctor, an intake."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]


async def worker(*words: str, folder: Path) -> tuple[int, str]:
    """A command, in the folder where the settings lie: its exit code, and all it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", *words, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@asynccontextmanager
async def sandbox(folder: Path) -> AsyncGenerator[str]:
    """The command, until it says where everything is."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "worker", "sandbox", "--folder", str(folder), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    try:
        while "job intake" not in said:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, said
            said += line.decode()
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(process.wait(), 30)


async def test_from_the_sandbox_to_a_clients_first_invoices(tmp_path: Path) -> None:
    home, key = tmp_path / "sandbox" / "worker", tmp_path / "key"
    async with sandbox(tmp_path / "sandbox") as said:
        assert str(home / "config" / "worker.env") in said
        assert "# 399101077 " in said and "demo-key-nordlys" in said
        code, words = await worker("migrate", folder=home)
        assert code == 0, words
        key.write_text("demo-key-nordlys\n")
        given = {"CLIENT_NAME": "Nordlys Bakeri & Konditori AS", "ORGANISATION_NUMBER": "399101077",
                 "POWEROFFICE_CLIENT_KEY_FILE": str(key), "KID_LAYOUT": "client:4 invoice:8",
                 "KID_CLIENT_NUMBER": "1001"}  # fmt: skip
        options = [word for pair in given.items() for word in ("--set", "=".join(pair))]
        code, words = await worker("client", "new", "nordlys", *options, folder=home)
        assert code == 0, words
        code, words = await worker("doctor", folder=home)
        assert code == 0, words
        await worker("job", "intake", folder=home)
        _, words = await worker("status", "--json", folder=home)
        (client,) = json.loads(words)["clients"]
        assert client["states"]["delivered"] >= 1, client
        assert list((tmp_path / "sandbox" / "mail").iterdir())
    env = home / "config" / "worker.env"
    before = env.read_text(encoding="utf-8")
    async with sandbox(tmp_path / "sandbox"):
        keys = [line for text in (before, env.read_text(encoding="utf-8")) for line in text.splitlines()
                if line.startswith("PORTAL_KEY=")]  # fmt: skip
        assert len(keys) == 2 and len(set(keys)) == 1, "links mailed before open afterwards"
