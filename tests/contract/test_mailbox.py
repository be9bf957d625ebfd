"""The mailbox adapter against a real IMAP server, and over lines that lose abilities or break."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.bounced import dsn
from tests.support.imap import PASSWORD, USER, MailHost, line_to, mail_host
from worker.adapters.mailbox import ImapServer
from worker.adapters.mailbox.translate import MOST_BYTES
from worker.model.bounce import ReportKind
from worker.model.outcomes import AccessDenied, Unavailable
from worker.ports import Filed

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[MailHost]:
    with mail_host() as host:
        yield host


@pytest.fixture
def host(server: MailHost) -> MailHost:
    server.empty()
    return server


def mailbox(port: int, *, password: str = PASSWORD, folder: str = "INBOX") -> ImapServer:
    return ImapServer(
        host="127.0.0.1", port=port, security="none", user=USER, password=password, folder=folder, timeout=3
    )


async def read_all(port: int, where: Filed = Filed.PROCESSED) -> list[ReportKind]:
    """Reads and puts away whatever waits."""
    kinds: list[ReportKind] = []
    async with mailbox(port).session() as box:
        for uid in await box.waiting(limit=100):
            report = await box.read(uid=uid)
            assert report is not None
            kinds.append(report.kind)
            await box.put_away(uid=uid, where=where)
    return kinds


async def test_messages_are_read_unchanged_oldest_first_and_put_away_into_folders_made_for_them(
    host: MailHost,
) -> None:
    messages = [dsn(own_id=f"<{number}@mx>") for number in range(3)]
    host.arrive(*messages)
    async with mailbox(host.port).session() as box:
        assert len(await box.waiting(limit=2)) == 2
        first, second, third = await box.waiting(limit=10)
        report = await box.read(uid=first)
        assert report is not None
        assert report.kind is ReportKind.FAILED
        assert report.uid == first
        assert report.arrived_at is not None
        assert len(host.lying()) == 3, "reading changes nothing"
        await box.put_away(uid=first, where=Filed.PROCESSED)
        await box.put_away(uid=second, where=Filed.UNMATCHED)
        assert await box.waiting(limit=10) == (third,)
        await box.put_away(uid=first, where=Filed.PROCESSED)  # again: harmless
        assert await box.read(uid=first) is None
    assert host.lying("processed") == [messages[0]]
    assert host.lying("unmatched") == [messages[1]]
    assert host.lying() == [messages[2]]


async def test_a_server_that_cannot_move_copies_and_removes_only_that_message(host: MailHost) -> None:
    host.arrive(dsn(own_id="<1@mx>"), dsn(own_id="<2@mx>"))
    with host.open() as other:  # another reader has marked one as deleted, and not removed it yet
        other.select("INBOX")
        other.uid("STORE", "1:*", "+FLAGS", r"(\Seen)")
    with line_to(host.port, lambda said: said.replace(b" MOVE", b" XXXX")) as port:
        assert await read_all(port) == [ReportKind.FAILED] * 2
    assert host.lying() == []
    assert len(host.lying("processed")) == 2


async def test_a_server_that_can_do_neither_leaves_it_marked_and_it_is_not_read_again(host: MailHost) -> None:
    host.arrive(dsn())
    poor = lambda said: said.replace(b" MOVE", b" XXXX").replace(b" UIDPLUS", b" XXXXXXX")  # noqa: E731
    with line_to(host.port, poor) as port:
        assert await read_all(port) == [ReportKind.FAILED]
        assert await read_all(port) == []
    assert len(host.lying("processed")) == 1


async def test_a_message_larger_than_any_report_is_read_in_part(host: MailHost) -> None:
    longest = 0

    def listening(said: bytes) -> bytes:
        nonlocal longest
        longest += len(said)
        return said

    host.arrive(dsn() + b"A" * 4 * MOST_BYTES)
    with line_to(host.port, listening) as port:
        assert await read_all(port) == [ReportKind.FAILED]
    assert longest < MOST_BYTES + 10_000


async def test_a_wrong_password_is_ours_to_mend_and_is_not_told(host: MailHost) -> None:
    with pytest.raises(AccessDenied) as caught:
        async with mailbox(host.port, password="feil-hemmelig").session():
            pass
    assert "log-in" in caught.value.message
    for secret in ("feil-hemmelig", USER):
        assert secret not in caught.value.message + caught.value.answer
    assert caught.value.__cause__ is None


async def test_nobody_there(host: MailHost) -> None:
    with line_to(host.port, lambda _: None) as port, pytest.raises(Unavailable):
        async with mailbox(port).session():
            pass
    with pytest.raises(Unavailable):
        async with mailbox(port).session():
            pass


async def test_a_folder_that_is_not_there(host: MailHost) -> None:
    with pytest.raises(Unavailable):
        async with mailbox(host.port, folder="Returns").session():
            pass


@pytest.mark.parametrize("at", [b"FETCH", b"COPYUID"], ids=["while reading", "while moving"])
async def test_a_line_that_breaks_loses_nothing(host: MailHost, at: bytes) -> None:
    host.arrive(dsn())
    with line_to(host.port, lambda said: None if at in said else said) as port, pytest.raises(Unavailable):
        await read_all(port)
    assert len(host.lying()) + len(host.lying("processed")) == 1


async def test_without_encryption_where_it_is_wanted_nothing_is_said(host: MailHost) -> None:
    said = bytearray()

    class Silent(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            transport.write(b"* OK IMAP4rev1\r\n")

        def data_received(self, data: bytes) -> None:
            said.extend(data)
            tag = data.split()[0]
            if b"CAPABILITY" in data:
                self.transport.write(b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK done\r\n")
            else:
                self.transport.write(tag + b" BAD no\r\n")

    listening = await asyncio.get_running_loop().create_server(Silent, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    box = ImapServer(host="127.0.0.1", port=port, security="starttls", user=USER, password=PASSWORD, timeout=3)
    with pytest.raises(Unavailable):
        async with box.session():
            pass
    listening.close()
    await listening.wait_closed()
    assert b"LOGIN" not in said
    assert PASSWORD.encode() not in said
