"""The worker is killed (SIGKILL) at every point of the day, once each; the whole table is `python -m tests.crash`.

To keep it short, several deaths share a day. A point that is not met in its day, because an earlier death was the end
of it, has a day of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.crash.cases import Case, chains, play, record
from tests.crash.stage import SCENES, Zygote
from tests.support.databases import Servers

pytestmark = pytest.mark.anyio
DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    made = Servers(tmp_path_factory.mktemp("crash"))
    yield made
    made.close()


@pytest.fixture(scope="module")
async def zygote() -> AsyncGenerator[Zygote]:
    async with Zygote() as ready:
        yield ready


@pytest.mark.parametrize("scene", SCENES)
async def test_killed_at_every_point_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, scene: str, zygote: Zygote, servers: Servers
) -> None:
    recorded = await record(scene, tmp_path / "quiet", zygote, servers, "sqlite")
    todo = [Case(scene, DATABASES[place % 2], deaths) for place, deaths in enumerate(chains(recorded, length=20))]
    met: set[str] = set()
    alone: list[Case] = []
    for place, case in enumerate(todo):
        result = await play(case, tmp_path / str(place), zygote, servers)
        assert not result.verdict.faults, (str(case), result.verdict.faults, result.troubles)
        met |= {death.point for death in result.died}
        alone += [Case(scene, case.database, (death,)) for death in result.missed]
    for place, case in enumerate(alone):
        result = await play(case, tmp_path / f"alone{place}", zygote, servers)
        assert not result.verdict.faults, (str(case), result.verdict.faults, result.troubles)
        met |= {death.point for death in result.died}
    assert {death.point for death in recorded} - met == set(), "met on a quiet day, and nobody died there"
