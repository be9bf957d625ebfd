"""The runner's promises: a claim lasts as long as its call, so many at once per counterparty, everybody has a turn."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from tests.unit.store.stocked import LEASE_OVER, NOW, Stock
from worker import delivery
from worker.delivery import lanes, send
from worker.delivery.lanes import Lanes
from worker.model.channel import Channel, Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.outcomes import SlowDown, TryLater, Unavailable
from worker.model.party import PostalAddress
from worker.ports import DocumentStore, MailReceipt, OutboundDocument, OutboundMail, PrintJob, Submission
from worker.ports.peppol import SubmissionState
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.store import deliveries, tables
from worker.store.database import Database, migrate
from worker.store.trouble import StoreTrouble, trouble_of
from worker.support import crashing
from worker.support.backoff import SPREAD
from worker.support.clock import TurnedClock
from worker.support.halt import Halt
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio
_HOME = PostalAddress("Bjørkeveien 7", "", "0487", "OSLO")
_XML = build_ehf(
    number="5001",
    issue_date=date(2026, 11, 25),
    due_date=date(2026, 12, 9),
    seller=BuilderParty("Nordlys Bakeri AS", "399101004", _HOME),
    buyer=BuilderParty("Ålesund Øyriker AS", "399200010", _HOME),
    lines=[BuilderLine("Bløtkake")],
)
_clients = itertools.count(1)


class _Shelf:
    """Implements what delivery asks of ports.DocumentStore: the same invoice for everybody, and marks that stay."""

    def __init__(self) -> None:
        self.marks: dict[str, bytes] = {}

    def get(self, *, sha256: str) -> bytes:
        del sha256
        return _XML

    def mark(self, *, name: str, content: bytes) -> bytes | None:
        there = self.marks.get(name)
        self.marks.setdefault(name, content)
        return there


@dataclass
class _Outside:
    """Access point, mail server, print house and look-up at once: counts who is inside, and notes who came when."""

    inside: int = 0
    most: int = 0
    connections: int = 0
    most_connections: int = 0
    order: list[str] = field(default_factory=list[str])
    meanwhile: Any = None
    trouble: Exception | None = None
    submission: Submission | None = None
    known: Submission | None = None

    async def _call(self, who: str) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.order.append(who)
        try:
            await (self.meanwhile() if self.meanwhile else asyncio.sleep(0.001))
        finally:
            self.inside -= 1
        if self.trouble is not None:
            raise self.trouble

    async def submit(self, *, document: OutboundDocument) -> Submission:
        await self._call(document.tenant)
        return self.submission or Submission(SubmissionState.DELIVERED, document.key, "ok")

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        del key, reference, tenant
        return self.known

    async def hand_over(self, *, job: PrintJob) -> str:
        await self._call(job.client)
        return job.job_id

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[_Outside]:
        self.connections += 1
        self.most_connections = max(self.most_connections, self.connections)
        yield self
        self.connections -= 1

    async def send(self, *, mail: OutboundMail) -> MailReceipt:
        await self._call(mail.sender_name)
        return MailReceipt("250 OK")

    async def to_send(self, *, participant: str, kind: Kind, routed_at: datetime) -> ReachAnswer:
        del routed_at
        return ReachAnswer(Reach.YES, participant, kind, "registered")


def _config(client: str) -> delivery.DeliveryConfig:
    return delivery.DeliveryConfig(
        client_name=client, factor_name="Nordfaktor AS", factor_contact="22 00 00 00", reply_to="",
        message_id_domain="factoring.example", portal_url="https://faktura.example", link_days=90, unopened_days=4,
        server_key=b"0123456789abcdef0123456789abcdef", return_address="", letter_colour=False, letter_duplex=False,
        access_point_tenant=client,
    )  # fmt: skip


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    door = Database(f"sqlite:///{tmp_path_factory.mktemp('runner') / 'worker.db'}")
    migrate(door)
    yield door
    door.close()


@dataclass
class House:
    """Clients with deliveries ready, and one outside for all."""

    db: Database
    clock: TurnedClock = field(default_factory=lambda: TurnedClock(NOW))
    outside: _Outside = field(default_factory=_Outside)
    lanes: Lanes = field(default_factory=Lanes)
    halt: Halt = field(default_factory=Halt)
    shelf: _Shelf = field(default_factory=_Shelf)

    def client(self, channel: Channel, count: int) -> Stock:
        stock = Stock(self.db, f"runner{next(_clients)}")
        for _ in range(count):
            stock.routed(channel)
        return stock

    async def run(self, *clients: Stock, beat_seconds: float = 60.0) -> list[Summary]:
        return await asyncio.gather(*(self._step(delivery.run, stock, beat_seconds) for stock in clients))

    async def follow_up(self, stock: Stock) -> Summary:
        return await self._step(delivery.run_follow_up, stock)

    async def _step(self, step: Any, stock: Stock, beat_seconds: float = 60.0) -> Summary:
        one = cast("Any", self.outside)
        return await step(
            clock=self.clock, client=stock.client, config=_config(stock.client), db=self.db,
            documents=cast("DocumentStore", self.shelf), halt=self.halt, beat_seconds=beat_seconds,
            carriers=delivery.Carriers(one, one, one, one, lanes=self.lanes),
        )  # fmt: skip


@pytest.fixture
def house(db: Database) -> House:
    return House(db)


def states(stock: Stock) -> list[str]:
    return [row.state for row in _rows(stock)]


def _rows(stock: Stock) -> Sequence[Any]:
    found = [stock.deliveries(row["id"]) for row in stock.rows(tables.invoices, client=stock.client)]
    return [row for rows in found for row in rows]


@pytest.mark.parametrize("beats", [True, False])
async def test_a_call_longer_than_its_lease_stays_ours_while_we_live(house: House, beats: bool) -> None:
    stock = house.client(Channel.LETTER, 1)
    recovered: list[int] = []

    async def upload() -> None:
        for _ in range(3):
            house.clock.turn(house.clock.now() + timedelta(minutes=9))
            await asyncio.sleep(0.05)
            stock.now = house.clock.now()
            recovered.append(stock.recover())

    house.outside.meanwhile = upload
    (summary,) = await house.run(stock, beat_seconds=0.01 if beats else 60.0)
    if beats:
        assert (recovered, summary, states(stock)) == ([0, 0, 0], {"accepted": 1}, ["handed_over"])
    else:  # a worker that stands still loses it: what it comes to is not believed any more
        assert (recovered, summary["overtaken"], states(stock)) == ([0, 1, 0], 1, ["unknown"])


async def test_a_beat_after_the_claim_was_lost_takes_nothing_back(house: House) -> None:
    stock = house.client(Channel.LETTER, 1)
    claimed = stock.claim(Channel.LETTER)
    stock.turn(LEASE_OVER)
    assert stock.recover() == 1
    assert not deliveries.renew(stock.db, claimed, now=stock.now)
    asked = stock.try_ask()
    assert asked is not None
    assert not deliveries.renew(stock.db, claimed, now=stock.now)
    assert deliveries.renew(stock.db, asked, now=stock.now)


@pytest.mark.parametrize(
    ("channel", "limit"),
    [
        (Channel.EHF, lanes.SUBMISSIONS),
        (Channel.EMAIL_PDF, lanes.MAIL_CONNECTIONS),
    ],
)
async def test_so_many_at_once_over_all_clients(house: House, channel: Channel, limit: int) -> None:
    clients = [house.client(channel, 3) for _ in range(4)]
    await house.run(*clients)
    assert house.outside.most == limit
    assert len(house.outside.order) == 12
    assert house.outside.most_connections <= lanes.MAIL_CONNECTIONS
    assert all(set(states(stock)) <= {"confirmed", "handed_over"} for stock in clients)


async def test_a_client_with_few_does_not_wait_for_one_with_many(house: House) -> None:
    many, few = house.client(Channel.EHF, 20), house.client(Channel.EHF, 2)
    await house.run(many, few)
    order = house.outside.order
    assert max(at for at, who in enumerate(order) if who == few.client) < 2 * lanes.SUBMISSIONS


async def test_mail_connections_are_passed_on_after_a_while(house: House) -> None:
    house.lanes = Lanes(mail_connections=1)
    many, few = house.client(Channel.EMAIL_PDF, send.MAILS_A_CONNECTION + 3), house.client(Channel.EMAIL_PDF, 1)
    await house.run(many, few)
    assert house.outside.order.index(few.client) <= send.MAILS_A_CONNECTION
    assert house.outside.most_connections == 1


async def test_told_to_stop_who_waits_in_a_lane_claims_nothing(house: House) -> None:
    stock = house.client(Channel.LETTER, 3)

    async def stopped() -> None:
        house.halt.call()
        await asyncio.sleep(0.005)

    house.outside.meanwhile = stopped
    await house.run(stock, house.client(Channel.LETTER, 2), house.client(Channel.LETTER, 2))
    assert house.outside.order == [stock.client]
    assert states(stock) == ["handed_over", "ready", "ready"]


@pytest.mark.parametrize(
    ("trouble", "first", "later"),
    [
        (TryLater("later"), timedelta(minutes=5), timedelta(minutes=20)),
        (Unavailable("down"), timedelta(minutes=5), timedelta(minutes=20)),
        (SlowDown("busy"), timedelta(minutes=2), timedelta(minutes=8)),
        (SlowDown("busy", retry_after=90), timedelta(seconds=108), timedelta(seconds=108)),
    ],
)
async def test_each_kind_of_failure_has_its_wait(
    house: House, trouble: Exception, first: timedelta, later: timedelta
) -> None:
    stock = house.client(Channel.LETTER, 1)
    house.outside.trouble = trouble
    for wait in (first, None, later):
        await house.run(stock)
        (row,) = _rows(stock)
        waited = row.due_at - house.clock.now()
        if wait is not None:
            assert wait * (1 - SPREAD) < waited <= wait
        house.clock.turn(row.due_at)
    assert row.attempts == 3


async def test_what_failed_together_does_not_come_back_together(house: House) -> None:
    stock = house.client(Channel.LETTER, 8)
    house.outside.trouble = TryLater("later")
    await house.run(stock)
    assert len({row.due_at for row in _rows(stock)}) == 8


async def test_nobody_served_is_asked_once_a_run(house: House) -> None:
    stock = house.client(Channel.LETTER, 3)
    house.outside.trouble = Unavailable("down")
    assert await house.run(stock) == [{"unavailable": 1}]


# --- what is not known -----------------------------------------------------------------------------------

QUEUED = Submission(SubmissionState.QUEUED, "theirs-1", "PENDING")


async def test_days_before_the_sending_are_not_days_without_an_answer(house: House) -> None:
    """Held over a long weekend, say: its first answer, that it is queued, is no silence of three days."""
    stock = house.client(Channel.EHF, 1)
    house.outside.submission = house.outside.known = QUEUED
    house.clock.turn(NOW + timedelta(days=4))
    await house.run(stock)
    (row,) = _rows(stock)
    assert (row.state, stock.invoice(row.invoice_id).state) == ("unknown", "delivering")
    for hours in (71, 2):
        house.clock.turn(house.clock.now() + timedelta(hours=hours))
        await house.follow_up(stock)
    parked = stock.invoice(row.invoice_id)
    assert (parked.state, parked.parked_reason) == ("parked", "sent_unknown"), "three days after it was sent"


async def test_taken_under_a_reference_and_then_not_known_is_never_sent_again(house: House) -> None:
    stock = house.client(Channel.EHF, 1)
    house.outside.submission = QUEUED
    await house.run(stock)
    house.clock.turn(NOW + timedelta(minutes=20))
    assert (await house.follow_up(stock))["ask_unknown"] == 1
    await house.run(stock)
    assert len(house.outside.order) == 1


async def test_a_database_put_back_sends_no_second_mail_also_when_it_was_tried_before(house: House) -> None:
    """The backup knows of the first try, which was put off, and not of the second, which went."""
    stock = house.client(Channel.EMAIL_PDF, 1)
    house.outside.trouble = TryLater("451 greylisted")
    await house.run(stock)
    (backup,) = _rows(stock)
    house.outside.trouble = None
    house.clock.turn(NOW + timedelta(hours=1))
    await house.run(stock)
    assert states(stock) == ["handed_over"]
    with stock.db.begin() as tx:
        was = {name: getattr(backup, name) for name in ("state", "fence", "attempts", "due_at", "handed_over_at")}
        tx.execute(tables.deliveries.update().where(tables.deliveries.c.id == backup.id).values(**was))
    house.clock.turn(NOW + timedelta(hours=2))
    await house.run(stock)
    assert len(house.outside.order) == 2, "put off once, sent once"
    assert stock.invoice(backup.invoice_id).parked_reason == "sent_unknown"


async def test_a_database_in_trouble_before_a_mail_leaves_no_doubt_about_it(house: House) -> None:
    stock = house.client(Channel.EMAIL_LINK, 1)

    def full(point: str) -> None:
        if point == "store.links.add:before_commit":
            error = sqlite3.OperationalError("database is locked")
            raise StoreTrouble(trouble_of(error) or pytest.fail(), OperationalError("COMMIT", None, error))

    crashing.arm(full)
    try:
        await house.run(stock)
    finally:
        crashing.arm(None)
    assert (house.outside.order, states(stock)) == ([], ["ready"])
    house.clock.turn(NOW + timedelta(hours=1))
    await house.run(stock)
    assert states(stock) == ["handed_over"]
