"""The mail adapter against SMTP servers on real sockets: what reaches them, and what their answers become."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from worker.adapters.mail import SmtpServer
from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater, Unavailable, UnknownOutcome
from worker.ports import MailAttachment, MailReceipt, OutboundMail

pytestmark = pytest.mark.anyio

MAIL = OutboundMail(
    message_id="<01J9.attempt-1@faktor.example>",
    to=("kari@debitor.example",),
    sender_name="Bøker & Blåbær AS",
    subject="Faktura 10045 fra Bøker & Blåbær AS",
    text="Hei, dette er på norsk: æøå ÆØÅ\n.\nEn linje med bare punktum over.\n",
    html="<p>Hei, dette er på norsk: æøå</p>",
    date=datetime(2026, 11, 20, 8, 0, tzinfo=UTC),
)


@dataclass
class Inbox:
    """Keeps every message; local parts decide the trouble: `gone` 550, `full` 452, `closing` 421, and so on."""

    received: list[Envelope] = field(default_factory=list[Envelope])
    connections: int = 0
    servers: list[SMTP] = field(default_factory=list[SMTP])

    async def handle_MAIL(self, server: SMTP, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address.startswith("not-ours"):
            return "550 5.7.1 sender not allowed"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        local = address.partition("@")[0]
        answers = {
            "gone": f"550 5.1.1 <{address}>: no such user here",
            "full": "452 4.2.2 mailbox full",
            "closing": "421 4.3.2 shutting down",
            "auth": "530 5.7.0 authentication required",
        }
        if local in answers:
            return answers[local]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        local = envelope.rcpt_tos[0].partition("@")[0]
        if local == "spam":
            return "554 5.7.1 content refused"
        if local == "later":
            return "451 4.3.0 try again"
        self.received.append(envelope)
        if local == "drop":  # the whole message is here, and the answer never comes
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        if local == "silent":
            await asyncio.sleep(3)
        return "250 2.0.0 OK queued as A1B2C3"

    def message(self, index: int = -1) -> EmailMessage:
        content = self.received[index].content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.SMTP)
        assert isinstance(message, EmailMessage)
        return message


@asynccontextmanager
async def listening(make: Callable[[], asyncio.Protocol], **options: Any) -> AsyncGenerator[int]:
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.05)  # let the last connections see their end


@pytest.fixture
async def inbox() -> AsyncIterator[tuple[Inbox, int]]:
    box = Inbox()

    def connection() -> SMTP:
        box.connections += 1
        server = SMTP(box, hostname="mx.test", enable_SMTPUTF8=True, timeout=20)
        box.servers.append(server)
        return server

    async with listening(connection) as port:
        yield box, port


def smtp(port: int, **options: Any) -> SmtpServer:
    settings: dict[str, Any] = {"security": "none", "from_address": "faktura@faktor.example", "timeout": 2.0}
    settings |= {"verdict_timeout": 2.0} | options
    return SmtpServer(host="127.0.0.1", port=port, **settings)


async def send(port: int, mail: OutboundMail, **options: Any) -> MailReceipt:
    async with smtp(port, **options).session() as mailer:
        return await mailer.send(mail=mail)


async def trouble(port: int, mail: OutboundMail, **options: Any) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        await send(port, mail, **options)
    return caught.value


async def test_the_message_arrives_as_it_was_written(inbox: tuple[Inbox, int]) -> None:
    box, port = inbox
    pdf = MailAttachment("Faktura 10045 – Bøker.pdf", "application/pdf", b"%PDF-1.7\r\n\x00\xff")
    answer = await send(port, replace(MAIL, attachments=(pdf,), reply_to="post@boker.example"))

    assert answer == MailReceipt("250 2.0.0 OK queued as A1B2C3")
    assert box.received[0].mail_from == "faktura@faktor.example"
    message = box.message()
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Bøker & Blåbær AS", "faktura@faktor.example")
    assert message["To"] == "kari@debitor.example"
    assert message["Reply-To"] == "post@boker.example"
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == MAIL.message_id
    assert message["Date"].datetime == MAIL.date
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe"] is None
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None and html is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().strip() == MAIL.html
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == pdf.file_name
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content() == pdf.content
    raw = box.received[0].content
    assert isinstance(raw, bytes)
    assert raw.isascii(), "no relay on the way needs 8BITMIME"


async def test_many_messages_share_one_connection_which_is_not_opened_before_the_first(
    inbox: tuple[Inbox, int],
) -> None:
    box, port = inbox
    async with smtp(port).session() as mailer:
        assert box.connections == 0
        for number in range(20):
            await mailer.send(mail=replace(MAIL, message_id=f"<{number}@faktor.example>"))
        with pytest.raises(Refused):
            await mailer.send(mail=replace(MAIL, to=("gone@debitor.example",)))
        await mailer.send(mail=replace(MAIL, message_id="<after-a-no@faktor.example>"))
    assert box.connections == 1
    assert [box.message(i)["Message-ID"] for i in range(20)] == [f"<{n}@faktor.example>" for n in range(20)]
    assert box.message()["Message-ID"] == "<after-a-no@faktor.example>"


async def test_a_connection_the_server_has_closed_is_opened_again_and_nothing_is_sent_twice(
    inbox: tuple[Inbox, int],
) -> None:
    box, port = inbox
    async with smtp(port).session() as mailer:
        await mailer.send(mail=MAIL)
        transport = box.servers[-1].transport
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()
        await asyncio.sleep(0.05)
        await mailer.send(mail=replace(MAIL, message_id="<2@faktor.example>"))
    assert box.connections == 2
    assert len(box.received) == 2


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("gone", Refused),  # RCPT 550
        ("full", TryLater),  # RCPT 452
        ("closing", TryLater),  # 421
        ("auth", AccessDenied),  # 530: our log-in, not their verdict
        ("spam", Refused),  # 554 after the message
        ("later", TryLater),  # 451 after the message
        ("drop", UnknownOutcome),  # cut after the final dot
        ("silent", UnknownOutcome),  # no answer after the final dot
    ],
)
async def test_every_answer_becomes_one_outcome(
    inbox: tuple[Inbox, int], to: str, expected: type[OutsideError]
) -> None:
    _, port = inbox
    error = await trouble(port, replace(MAIL, to=(f"{to}@debitor.example",)), verdict_timeout=0.5, timeout=0.5)
    assert type(error) is expected
    assert "debitor.example" not in error.message + error.answer
    assert error.__cause__ is None or "debitor.example" not in str(error.__cause__)


@pytest.mark.parametrize("wrong", [{"from_address": "not-ours@faktor.example"}, {}])
async def test_a_sender_that_is_not_let_in_is_our_trouble_and_no_debtors(
    inbox: tuple[Inbox, int], wrong: dict[str, str]
) -> None:
    _, port = inbox
    mail = MAIL if wrong else replace(MAIL, return_path="not-ours+token@faktor.example")
    error = await trouble(port, mail, **wrong)
    assert type(error) is AccessDenied, "a refusal would send every debtor a letter"
    assert "our sender address" in error.message


async def test_the_return_path_is_the_envelopes_and_never_in_the_message(inbox: tuple[Inbox, int]) -> None:
    box, port = inbox
    await send(port, replace(MAIL, return_path="bounce+abc@faktor.example"))
    assert box.received[0].mail_from == "bounce+abc@faktor.example"
    raw = box.received[0].content
    assert isinstance(raw, bytes)
    assert b"bounce+abc" not in raw
    (sender,) = box.message()["From"].addresses
    assert sender.addr_spec == "faktura@faktor.example"


async def test_some_recipients_refused_the_accepted_ones_count(inbox: tuple[Inbox, int]) -> None:
    box, port = inbox
    people = ("kari@debitor.example", "gone@debitor.example", "ola@debitor.example", "full@debitor.example")
    answer = await send(port, replace(MAIL, to=people))
    assert box.received[0].rcpt_tos == ["kari@debitor.example", "ola@debitor.example"]
    assert [(place, words[:3]) for place, words in answer.turned_down] == [(1, "550"), (3, "452")]
    assert "recipient 1: 550" in str(answer)
    assert "recipient 3: 452" in str(answer)
    assert "@" not in str(answer)


async def test_none_accepted_is_final_only_when_every_answer_is(inbox: tuple[Inbox, int]) -> None:
    _, port = inbox
    mixed = await trouble(port, replace(MAIL, to=("gone@debitor.example", "full@debitor.example")))
    assert isinstance(mixed, TryLater)
    final = await trouble(port, replace(MAIL, to=("gone@debitor.example", "gone@annen.example")))
    assert isinstance(final, Refused)


@pytest.mark.parametrize(
    ("field_name", "changes"),
    [
        ("subject", {"subject": "Faktura\r\nBcc: all@evil.example"}),
        ("subject", {"subject": "Faktura\u2028X"}),
        ("sender_name", {"sender_name": "Firma\nX-Evil: 1"}),
        ("to[0]", {"to": ("kari@debitor.example\r\nRCPT TO:<x@evil.example>",)}),
        ("to[0]", {"to": ("kari@debitor.example>,<x@evil.example",)}),
        ("reply_to", {"reply_to": "a@b.example\r\nX: 1"}),
        ("message_id", {"message_id": "<a@b>\r\nX: 1"}),
        ("return_path", {"return_path": "bounce@faktor.example>\r\nRCPT TO:<x@evil.example"}),
        ("attachments[0].file_name", {"attachments": (MailAttachment("a\r\n.pdf", "application/pdf", b"x"),)}),
        ("attachments[0].mime", {"attachments": (MailAttachment("a.pdf", "application/pdf\r\nX: 1", b"x"),)}),
    ],
)
async def test_nothing_can_be_smuggled_into_a_header(
    inbox: tuple[Inbox, int], field_name: str, changes: dict[str, Any]
) -> None:
    box, port = inbox
    error = await trouble(port, replace(MAIL, **changes))
    assert isinstance(error, Refused)
    assert field_name in error.message
    assert "evil" not in error.message
    assert box.received == []


async def test_addresses_outside_ascii(inbox: tuple[Inbox, int]) -> None:
    box, port = inbox
    await send(port, replace(MAIL, to=("ola@blåbær.example",)))
    assert box.received[0].rcpt_tos == ["ola@xn--blbr-roah.example"]
    await send(port, replace(MAIL, to=("bjørn@debitor.example",)))
    assert box.received[1].rcpt_tos == ["bjørn@debitor.example"]


async def test_an_address_the_server_cannot_take_is_refused() -> None:
    box = Inbox()
    async with listening(lambda: SMTP(box, hostname="mx.test")) as port:
        error = await trouble(port, replace(MAIL, to=("bjørn@debitor.example",)))
    assert isinstance(error, Refused)
    assert box.received == []


async def test_nobody_listening_is_try_later() -> None:
    async with listening(asyncio.Protocol) as port:
        pass
    assert isinstance(await trouble(port, MAIL), TryLater)


class Scripted(asyncio.Protocol):
    """Answers each line from a table by its first word; None closes the connection instead."""

    def __init__(self, greeting: str | None, answers: dict[str, str | None]) -> None:
        self._greeting, self._answers = greeting, answers

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say(self._greeting)

    def data_received(self, data: bytes) -> None:
        self._say(self._answers.get(data[:4].decode().upper(), "250 OK"))

    def _say(self, line: str | None) -> None:
        if line is None:
            self._transport.abort()
        elif line:
            self._transport.write(line.encode() + b"\r\n")


@pytest.mark.parametrize(
    ("greeting", "answers"),
    [
        (None, {}),
        ("421 too busy", {}),
        ("554 go away", {}),
        ("", {}),  # connected, and silence
        ("220 mx", {"MAIL": None}),
        ("220 mx", {"MAIL": "421 closing"}),
        ("220 mx", {"RCPT": None}),
        ("220 mx", {"RCPT": ""}),  # silence before DATA
    ],
)
async def test_trouble_before_the_message_is_sent_is_try_later(
    greeting: str | None, answers: dict[str, str | None]
) -> None:
    async with listening(lambda: Scripted(greeting, answers)) as port:
        error = await trouble(port, MAIL, timeout=0.4)
    assert isinstance(error, TryLater)


async def test_an_answer_that_is_not_smtp_after_data_is_unknown() -> None:
    async with listening(lambda: Scripted("220 mx", {"DATA": "299 what"})) as port:
        error = await trouble(port, MAIL, timeout=0.4, verdict_timeout=0.4)
    assert type(error) is UnknownOutcome


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """TLS contexts of a server and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder: Path = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


def log_in(server: SMTP, session: Any, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"faktor", b"riktig")
    return AuthResult(success=right, handled=False)


async def test_starttls_and_log_in(certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = certificate
    box = Inbox()

    def connection() -> SMTP:
        return SMTP(
            box, hostname="mx.test", tls_context=server_tls, require_starttls=True, auth_required=True,
            authenticator=log_in,
        )  # fmt: skip

    async with listening(connection) as port:
        how = {"security": "starttls", "tls": client_tls, "user": "faktor"}
        await send(port, MAIL, **how, password="riktig")
        error = await trouble(port, MAIL, **how, password="feil-hemmelig")
        untrusted = await trouble(port, MAIL, security="starttls")
    assert len(box.received) == 1
    assert type(error) is AccessDenied
    assert "log-in" in error.message
    assert "feil-hemmelig" not in error.message + error.answer
    assert type(untrusted) is Unavailable


async def test_tls_from_the_first_byte(certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server_tls, client_tls = certificate
    box = Inbox()
    async with listening(lambda: SMTP(box, hostname="mx.test"), ssl=server_tls) as port:
        await send(port, MAIL, security="tls", tls=client_tls)
    assert len(box.received) == 1


async def test_a_server_without_starttls_gets_nothing() -> None:
    box = Inbox()
    async with listening(lambda: SMTP(box, hostname="mx.test")) as port:
        error = await trouble(port, MAIL, security="starttls")
    assert type(error) is Unavailable
    assert box.received == []


async def test_a_password_never_goes_over_the_line_in_the_clear() -> None:
    with pytest.raises(ValueError, match="starttls"):
        smtp(25, user="faktor", password="riktig")
