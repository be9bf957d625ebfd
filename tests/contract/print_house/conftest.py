"""A print house of each kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.print_houses import Place, folder_place, sftp_place


@pytest.fixture
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    if request.param == "folder":
        yield folder_place(tmp_path)
        return
    async with sftp_place(tmp_path) as made:
        yield made
