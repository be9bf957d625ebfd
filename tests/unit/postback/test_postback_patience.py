"""How long the ERP is told again: by kind of failure, so often and no more; its own trouble is held against nobody."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from tests.unit.store.stocked import LEASE_OVER, NOW, Stock
from worker import postback
from worker.model.outcomes import OutsideError, TryLater, Unavailable, UnknownOutcome
from worker.ports import DocumentStore, Erp
from worker.store import postbacks, retrying, tables
from worker.store.database import Database, migrate
from worker.support.backoff import MOST_ATTEMPTS
from worker.support.clock import TurnedClock
from worker.support.halt import Halt
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio
LATER = timedelta(hours=3)
_clients = itertools.count(1)


class _Shelf:
    def get(self, *, sha256: str) -> bytes:
        return sha256.encode()


@dataclass
class _Erp:
    """Implements what postback asks of ports.Erp."""

    says: OutsideError | None = None
    asked: OutsideError | None = None
    told: list[str] = field(default_factory=list[str])
    calls: int = 0
    meanwhile: Any = None

    async def report_delivered(self, *, erp_id: str, **_: object) -> None:
        self.calls += 1
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.says is not None:
            raise self.says
        self.told.append(erp_id)

    async def was_delivered(self, *, erp_id: str) -> bool:
        if self.asked is not None:
            raise self.asked
        return erp_id in self.told


@dataclass
class Desk:
    stock: Stock
    erp: _Erp = field(default_factory=_Erp)
    clock: TurnedClock = field(default_factory=lambda: TurnedClock(NOW))

    async def run(self, *, after: timedelta = timedelta(0), beat_seconds: float = 60.0) -> Summary:
        self.clock.turn(self.clock.now() + after)
        self.stock.now = self.clock.now()
        return await postback.run(
            clock=self.clock, client=self.stock.client, db=self.stock.db, erp=cast("Erp", self.erp),
            documents=cast("DocumentStore", _Shelf()), halt=Halt(), beat_seconds=beat_seconds,
        )  # fmt: skip

    def row(self, invoice_id: int) -> dict[str, Any]:
        (row,) = self.stock.rows(tables.postbacks, invoice_id=invoice_id)
        return row


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    door = Database(f"sqlite:///{tmp_path_factory.mktemp('postback') / 'worker.db'}")
    migrate(door)
    yield door
    door.close()


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(Stock(db, f"patience{next(_clients)}"))


async def test_a_report_carried_out_late_is_found_by_asking_and_not_given_again(desk: Desk) -> None:
    """A proxy gave up waiting, the ERP was asked at once and had nothing, and then it was done all the same."""
    invoice_id = desk.stock.sent().invoice_id
    desk.erp.says = UnknownOutcome("HTTP 504")
    assert await desk.run() == {"postback_not_there_yet": 1}
    desk.erp.told.append(desk.stock.invoice(invoice_id).erp_id)
    desk.erp.says = None
    assert await desk.run(after=LATER) == {"told_delivered": 1}
    assert (desk.erp.calls, desk.row(invoice_id)["state"]) == (1, "done")


async def test_a_report_that_never_came_is_given_again_after_asking(desk: Desk) -> None:
    desk.stock.sent()
    desk.erp.says = UnknownOutcome("HTTP 504")
    await desk.run()
    desk.erp.says = None
    assert await desk.run(after=LATER) == {"told_delivered": 1}
    assert (desk.erp.calls, len(desk.erp.told)) == (2, 1)


@pytest.mark.parametrize(
    ("says", "asked", "state"),
    [(TryLater("later"), None, "ready"), (UnknownOutcome("silent"), TryLater("no answer"), "unknown")],
)
async def test_after_so_many_attempts_a_person_looks_at_it_and_retry_begins_anew(
    desk: Desk, says: OutsideError, asked: OutsideError | None, state: str
) -> None:
    invoice_id = desk.stock.sent().invoice_id
    desk.erp.says, desk.erp.asked = says, asked
    for _ in range(MOST_ATTEMPTS - 1):
        await desk.run(after=LATER)
    assert desk.stock.state(invoice_id) == "delivered"
    await desk.run(after=LATER)
    parked = desk.stock.invoice(invoice_id)
    assert (parked.state, parked.parked_reason, desk.row(invoice_id)["state"]) == (
        "parked", "postback_exhausted", state
    )  # fmt: skip
    assert await desk.run(after=LATER) == {}, "it waits for a person"
    retrying.retry(desk.stock.db, invoice_id, arrived=None, new_key="unused", now=desk.clock.now())
    await desk.run()
    assert desk.stock.state(invoice_id) == "delivered", "the patience begins anew"
    desk.erp.says = desk.erp.asked = None
    await desk.run(after=LATER)
    assert desk.stock.state(invoice_id) == "posted_back"
    assert len(desk.erp.told) == 1


async def test_an_erp_that_serves_nobody_is_asked_once_a_run_and_parks_nothing(desk: Desk) -> None:
    ids = [desk.stock.sent().invoice_id for _ in range(3)]
    desk.erp.says = Unavailable("no connection")
    for number in range(1, MOST_ATTEMPTS + 3):
        assert await desk.run(after=LATER) == {"postback_unavailable": 1, "trouble": 1}
        assert desk.erp.calls == number
    assert {desk.stock.state(one) for one in ids} == {"delivered"}


async def test_what_a_dead_worker_was_telling_is_counted_and_asked_about_first(desk: Desk) -> None:
    invoice_id = desk.stock.sent().invoice_id
    desk.stock.postback()
    desk.erp.told.append(desk.stock.invoice(invoice_id).erp_id)  # told, and then the worker died
    assert await desk.run(after=LEASE_OVER / 2) == {}
    assert await desk.run(after=LEASE_OVER / 2) == {"recovered": 1, "told_delivered": 1}
    assert desk.erp.calls == 0


async def test_a_report_longer_than_its_lease_stays_ours(desk: Desk) -> None:
    desk.stock.sent()
    seen: list[int] = []

    async def slow() -> None:
        for _ in range(3):
            desk.clock.turn(desk.clock.now() + timedelta(minutes=9))
            await asyncio.sleep(0.05)
            seen.append(postbacks.recover(desk.stock.db, client=desk.stock.client, now=desk.clock.now()))

    desk.erp.meanwhile = slow
    assert await desk.run(beat_seconds=0.01) == {"told_delivered": 1}
    assert seen == [0, 0, 0]


async def test_waits_grow_and_are_spread(desk: Desk) -> None:
    ids = [desk.stock.sent().invoice_id for _ in range(4)]
    desk.erp.says = TryLater("later")
    await desk.run()
    waits = [desk.row(one)["due_at"] - desk.clock.now() for one in ids]
    assert len(set(waits)) == 4
    assert all(timedelta(minutes=4) < wait <= timedelta(minutes=5) for wait in waits)
