"""Codes in mails of their own: what each word of the mail server comes to."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.database import prepared
from tests.unit.store.stocked import NOW, Stock
from worker.delivery import DeliveryConfig, run_codes
from worker.model.journey import DeliveryEvent, DeliveryState
from worker.model.outcomes import OutsideError, Refused, TryLater, Unavailable, UnknownOutcome
from worker.ports import Mailer, MailReceipt, OutboundMail
from worker.store import tables as t
from worker.store.database import Database
from worker.store.links import StoreLinkBook
from worker.support.clock import TurnedClock
from worker.support.halt import Halt
from worker.support.return_path import key_in
from worker.support.secrets import code_mac
from worker.support.summary import Summary

pytestmark = pytest.mark.anyio
SERVER_KEY = b"0123456789abcdef0123456789abcdef"
CONFIG = DeliveryConfig(
    client_name="Nordlys Bakeri AS", factor_name="Nordfaktor AS", factor_contact="22 00 00 00", reply_to="",
    message_id_domain="factoring.example", portal_url="https://faktura.example", link_days=90, unopened_days=4,
    server_key=SERVER_KEY, return_address="", letter_colour=False, letter_duplex=False,
    bounce_address="bounce@factoring.example", code_in_second_mail=True,
)  # fmt: skip


@dataclass
class MailServer:
    """Implements ports.MailServer: says what it is told to say, then yes."""

    says: list[OutsideError] = field(default_factory=list[OutsideError])
    mails: list[OutboundMail] = field(default_factory=list[OutboundMail])

    def session(self) -> AbstractAsyncContextManager[Mailer]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Mailer]:
            yield self

        return opened()

    async def send(self, *, mail: OutboundMail) -> MailReceipt:
        self.mails.append(mail)
        if self.says:
            raise self.says.pop(0)
        return MailReceipt("250 OK")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("codes")
    door = Database(f"sqlite:///{folder / 'worker.db'}")
    prepared(door)
    yield door
    door.close()


@dataclass
class Desk:
    stock: Stock
    server: MailServer
    clock: TurnedClock

    async def run(self, after: timedelta = timedelta(0)) -> Summary:
        self.clock.turn(self.clock.now() + after)
        self.stock.now = self.clock.now()
        return await run_codes(
            clock=self.clock, client=self.stock.client, config=CONFIG, db=self.stock.db, mail_server=self.server,
            halt=Halt(),
        )  # fmt: skip

    def linked(self, code: str) -> int:
        claimed = self.stock.sending()
        link = self.stock.link(claimed.id, code=code)
        self.stock.record(claimed, DeliveryEvent.ACCEPTED)
        return link

    def asked(self) -> int:
        link = self.linked("mac-old")
        StoreLinkBook(self.stock.db).request_code(link_id=link, caller="", now=self.stock.now)
        return link

    def state(self, link: int) -> str:
        return self.stock.rows(t.code_requests, link_id=link)[-1]["state"]


@pytest.fixture
def desk(db: Database, request: pytest.FixtureRequest) -> Desk:
    return Desk(Stock(db, request.node.name[:60]), MailServer(), TurnedClock(NOW))


async def test_a_mail_of_its_own_key_return_path_and_a_code_the_link_opens_with(desk: Desk) -> None:
    link = desk.asked()
    assert await desk.run() == {"code_accepted": 1}
    (mail,) = desk.server.mails
    assert mail.to == ("kari@debtor.example",)
    key = key_in(mail.return_path, bounce_address=CONFIG.bounce_address, server_key=SERVER_KEY)
    assert mail.message_id == f"<{key}@factoring.example>"
    code = re.search(r"(?<!\d)\d{6}(?!\d)", mail.text)
    assert code is not None
    (row,) = desk.stock.rows(t.links, id=link)
    assert row["code_mac"] == code_mac(SERVER_KEY, token_hash=row["token_hash"], code=code.group())
    assert code.group() not in repr(desk.stock.seen())


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (Refused("no such user", answer="550"), "refused"),
        (TryLater("greylisted", answer="451"), "ready"),
        (Unavailable("no connection"), "ready"),
        (UnknownOutcome("no word after DATA"), "unknown"),
    ],
)
async def test_every_word_becomes_a_state_and_only_what_never_went_is_sent_again(
    desk: Desk, said: OutsideError, state: str
) -> None:
    link = desk.asked()
    desk.server.says = [said]
    assert await desk.run() == {f"code_{said.kind}": 1}
    assert desk.state(link) == state
    assert await desk.run() == {}, "not at once"
    again = await desk.run(timedelta(minutes=2))
    assert again == ({"code_accepted": 1} if state == "ready" else {})
    (delivery,) = desk.stock.deliveries(desk.stock.rows(t.invoices, client=desk.stock.client)[0]["id"])
    assert delivery.state == DeliveryState.HANDED_OVER, "the invoice itself has arrived"


async def test_nobody_waits_for_a_new_code_for_ever(desk: Desk) -> None:
    link = desk.asked()
    desk.server.says = [TryLater("full", answer="452") for _ in range(20)]
    await desk.run()
    for _ in range(8):
        await desk.run(timedelta(minutes=15))
    assert desk.state(link) == "refused"
    assert len(desk.server.mails) < 10


async def test_the_first_code_waits_for_a_server_that_is_down_and_falls_back_when_it_says_no(desk: Desk) -> None:
    link = desk.linked("")
    desk.server.says = [Unavailable("down") for _ in range(5)]
    for _ in range(5):
        await desk.run(timedelta(hours=9))
    assert desk.state(link) == "ready"
    desk.server.says = [Refused("no such user", answer="550 5.1.1")]
    await desk.run(timedelta(hours=2))
    (delivery,) = desk.stock.deliveries(desk.stock.rows(t.invoices, client=desk.stock.client)[0]["id"])
    assert delivery.state == DeliveryState.REFUSED
    assert "550" in (delivery.ended_reason or "")
