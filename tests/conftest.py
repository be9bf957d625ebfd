"""For every test: async tests run on asyncio, the loop the worker runs on."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
