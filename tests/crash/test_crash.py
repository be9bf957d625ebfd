"""The worker is killed (SIGKILL) at every point of the day, once each; the whole table is `python -m tests.crash`.

To keep it short, several deaths share a day. A point that is not met in its day, because an earlier death was the end
of it, shares another one with fewer, and has at last a day of its own. The second scene has its own points only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest

from tests.crash.cases import Case, Death, chains, first_of_each_point, play, record
from tests.crash.stage import SCENES, Zygote
from tests.support.databases import Servers

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
DATABASES = ("sqlite", "postgresql")
SOCKETS, FOLDERS = SCENES


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


async def test_killed_at_every_point_nothing_is_lost_and_nothing_comes_twice(
    tmp_path: Path, zygote: Zygote, servers: Servers
) -> None:
    deaths = first_of_each_point(await record(SOCKETS, tmp_path / "quiet", zygote, servers, "sqlite"))
    assert len(deaths) > 100
    await _all_die(SOCKETS, deaths, tmp_path, zygote, servers)


async def test_killed_at_the_points_of_folders_and_of_the_other_api(
    tmp_path: Path, zygote: Zygote, servers: Servers
) -> None:
    others = await record(SOCKETS, tmp_path / "others", zygote, servers, "sqlite")
    known = {death.point for death in others}
    deaths = first_of_each_point(await record(FOLDERS, tmp_path / "quiet", zygote, servers, "sqlite"))
    own = [death for death in deaths if death.point not in known]
    assert {death.point.partition(":")[0].partition("._submit")[0] for death in own} >= {
        "adapters.access_point.folder.client",
        "http POST /v2/Vouchers/BankJournals",
    }
    await _all_die(FOLDERS, own, tmp_path, zygote, servers)


async def _all_die(scene: str, deaths: list[Death], folder: Path, zygote: Zygote, servers: Servers) -> None:
    left, number = deaths, 0
    for length in (20, 8, 1):
        missed: list[Death] = []
        for several in chains(left, length=length) if left else []:
            number += 1
            case = Case(scene, DATABASES[number % 2], several)
            result = await play(case, folder / str(number), zygote, servers)
            assert not result.verdict.faults, (str(case), result.verdict.faults, result.troubles)
            missed += result.missed
        left = missed
    assert left == [], "met on a quiet day, and nobody died there"
