"""The house every flow test starts from."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.flow import Flow, flow


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[Flow]:
    """One client, an empty database, seven o'clock on a Wednesday."""
    async with flow(tmp_path) as built:
        yield built
