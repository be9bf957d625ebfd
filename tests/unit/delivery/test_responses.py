"""Listening for receivers' words: who is asked when, and what trouble on the way comes to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest
import structlog

from tests.support.database import prepared
from tests.unit.store.stocked import MINUTE, NOW, Stock
from worker.delivery.outbound import DeliveryConfig
from worker.delivery.responses import FIRST_LOOK, listen
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.model.outcomes import SlowDown, TryLater, UnknownOutcome
from worker.model.receiver import Response, Source
from worker.ports import OutboundDocument, Submission, SubmissionState
from worker.store.database import Database
from worker.store.rows import DeliveryRow
from worker.support.clock import TurnedClock
from worker.support.halt import Halt
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio

CONFIG = DeliveryConfig(
    client_name="", factor_name="", factor_contact="", reply_to="", message_id_domain="", portal_url="", link_days=90,
    unopened_days=4, server_key=b"", return_address="", letter_colour=False, letter_duplex=False,
    access_point_tenant="4711",
)  # fmt: skip
ARRIVED = Submission(SubmissionState.DELIVERED, "", "sent")


class Told:
    """An access point that says of each key what it was told to say."""

    def __init__(self) -> None:
        self.says: dict[str, Submission | Exception | None] = {}
        self.asked: list[tuple[str, str]] = []

    async def submit(self, *, document: OutboundDocument) -> Submission:
        raise AssertionError("listening sends nothing")

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        self.asked.append((key, tenant))
        said = self.says.get(key, ARRIVED)
        if isinstance(said, Exception):
            raise said
        return said

    async def aclose(self) -> None:
        return


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path_factory.mktemp('responses') / 'worker.db'}")
    prepared(opened)
    yield opened
    opened.close()


@pytest.fixture
def stock(db: Database, request: pytest.FixtureRequest) -> Stock:
    return Stock(db, request.node.name[:60])


@pytest.fixture
async def point() -> AsyncIterator[Told]:
    yield Told()


def arrived(stock: Stock) -> DeliveryRow:
    return stock.sent(DeliveryEvent.CONFIRMED, Channel.EHF)


async def hear(stock: Stock, point: Told, after: timedelta = FIRST_LOOK) -> Summary:
    stock.turn(after)
    return await listen(
        clock=TurnedClock(stock.now), client=stock.client, config=CONFIG, db=stock.db, access_point=point, halt=Halt()
    )


async def test_asked_ever_more_seldom_for_a_week(stock: Stock, point: Told) -> None:
    delivery = arrived(stock)
    while stock.now < NOW + timedelta(days=9):
        await hear(stock, point, 60 * MINUTE)
    assert set(point.asked) == {(delivery.key, "4711")}
    assert 6 <= len(point.asked) <= 12
    assert stock.delivery(delivery).attempts == 1, "no question counts as a try"


async def test_given_up_after_the_receipt_is_the_receivers_no(stock: Stock, point: Told) -> None:
    delivery = arrived(stock)
    point.says[delivery.key] = Submission(SubmissionState.REFUSED, "", "permanently_failed")
    assert await hear(stock, point) == Summary(receiver_said=1)
    assert stock.invoice(delivery.invoice_id).parked_reason == "receiver_turned_down"
    assert stock.delivery(delivery).state == "confirmed"


@pytest.mark.parametrize("trouble", [None, TryLater("x"), UnknownOutcome("x"), RuntimeError("a fault of ours")])
async def test_trouble_with_one_is_no_news_and_stops_nobody(
    stock: Stock, point: Told, trouble: Exception | None
) -> None:
    first, second = arrived(stock), arrived(stock)
    point.says = {first.key: trouble, second.key: Submission(
        SubmissionState.DELIVERED, "", "", response=Response(Source.MLS, "AP"))}  # fmt: skip
    summary = await hear(stock, point)
    assert summary["receiver_said"] == 1
    assert [key for key, _ in point.asked] == [first.key, second.key]
    ours = isinstance(trouble, RuntimeError)
    assert stock.invoice(first.invoice_id).parked_reason == ("unexpected" if ours else None)
    point.says.clear()
    await hear(stock, point, timedelta(hours=1))
    assert [key for key, _ in point.asked].count(first.key) == 2, "asked again at its next turn"


async def test_nobody_else_is_asked_when_told_to_slow_down(stock: Stock, point: Told) -> None:
    first, second = arrived(stock), arrived(stock)
    point.says = {first.key: SlowDown("x", retry_after=60)}
    await hear(stock, point)
    assert [key for key, _ in point.asked] == [first.key]
    await hear(stock, point, MINUTE)
    assert [key for key, _ in point.asked] == [first.key, second.key]


async def test_a_word_nobody_knows_is_an_alarm(stock: Stock, point: Told) -> None:
    delivery = arrived(stock)
    point.says[delivery.key] = Submission(SubmissionState.QUEUED, "", "status teleported", known_word=False)
    with structlog.testing.capture_logs() as lines:
        await hear(stock, point)
    assert [(line["event"], line["log_level"]) for line in lines] == [("delivery.unknown_vendor_word", "error")]
    assert stock.invoice(delivery.invoice_id).parked_reason is None
