"""A few short storms; `python -m tests.chaos` has as many and as long ones as one likes."""

from __future__ import annotations

import pytest

from tests.chaos.seeds import play, wrong
from tests.chaos.simulation import Outcome
from tests.chaos.storm import Killed, Storm


@pytest.mark.parametrize(("seed", "database"), [(3, "sqlite")])
def test_after_the_storm_the_books_agree(seed: int, database: str) -> None:
    (result,) = play([seed], days=1, database=database, calm_days=2)
    assert not wrong(result), wrong(result)
    assert isinstance(result, Outcome)
    assert result.verdict.invoices
    assert result.faults.total(), "nothing went wrong: that was no storm"


def test_a_storm_is_the_same_whenever_it_is_played() -> None:
    def troubles(seed: int) -> list[str]:
        storm, found = Storm(seed), list[str]()
        for _ in range(40):
            storm.begin(deadly=True, calm=False)
            for name in ("store.deliveries.record:before_commit", "http GET /Customer:after", "a.b:before_writing") * 3:
                try:
                    storm(name)
                except (Killed, Exception) as error:  # noqa: BLE001 - what is raised is what is looked at
                    found.append(f"{name} {error!r}")
        return found

    assert troubles(1) == troubles(1)
    assert troubles(1) != troubles(2)
    assert any("Killed" in one for one in troubles(1))
    calm = Storm(1)
    calm.begin(deadly=True, calm=True)
    for _ in range(1000):
        calm("http GET /Customer:after")
