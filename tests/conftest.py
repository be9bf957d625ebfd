"""For every test: async tests run on asyncio, the loop the worker runs on; property tests repeat themselves.

`HYPOTHESIS_PROFILE=explore` looks for new examples instead, as one does when a rule has changed.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
