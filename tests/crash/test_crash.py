"""The worker is killed (SIGKILL) beside commits, files and calls that change something: every fourth of them.

The whole table, before and after each, beside reads too and on both databases, is `python -m tests.crash`.

To keep it short, several deaths share a day. A point that is not met in its day, because an earlier death was the end
of it, shares another one with fewer, and has at last a day of its own. The second scene has its own points only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.crash.cases import Case, Death, chains, one_of_each_place, play, record
from tests.crash.stage import SCENES, Zygote
from tests.support.databases import Servers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
DATABASES = ("sqlite", "postgresql")
SAMPLED = 4  # every fourth death: the whole of them takes minutes
SOCKETS = "sockets"
OWN = ("access_point.folder", "print_house.folder", "/v2/")  # what the scene of folders has for itself


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
async def test_killed_beside_commits_files_and_calls(
    tmp_path: Path, scene: str, zygote: Zygote, servers: Servers
) -> None:
    recorded = await record(scene, tmp_path / "quiet", zygote, servers, "sqlite")
    own = [death for death in recorded if scene == SOCKETS or any(part in death.point for part in OWN)]
    deaths = one_of_each_place([death for death in own if not death.point.startswith("http GET")])
    assert len(deaths) >= (40 if scene == SOCKETS else 4)
    await _all_die(scene, deaths[::SAMPLED], tmp_path, zygote, servers)


async def _all_die(scene: str, deaths: list[Death], folder: Path, zygote: Zygote, servers: Servers) -> None:
    left, number = deaths, 0
    for length in (24, 8, 1):
        missed: list[Death] = []
        for several in chains(left, length=length) if left else []:
            number += 1
            case = Case(scene, DATABASES[number % 3 == 2], several)
            result = await play(case, folder / str(number), zygote, servers)
            assert not result.verdict.faults, (str(case), result.verdict.faults, result.troubles)
            missed += result.missed
        left = missed
    assert left == [], "met on a quiet day, and nobody died there"
