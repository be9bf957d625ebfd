"""SMPs that mean us no good, or know no better, on real sockets. Whatever they do, the reach is unknown."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
import respx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support.name_server import GROUP, NAME, REACHABLE, SMP, WHO, Zone, looking_up
from worker.model.channel import Reach
from worker.model.document import Kind
from worker.support.http import HttpClient, Timeouts

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n"
GIGABYTE = 2**30
Handler = Callable[[asyncio.StreamWriter], Awaitable[None]]


class HostileSmp:
    """Hears a request out and lets `handler` answer."""

    def __init__(self, handler: Handler) -> None:
        self.requests: list[bytes] = []
        self._handler = handler
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await self._handler(writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def ended(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def smp(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[tuple[str, HostileSmp]]:
    made = HostileSmp(handler)
    server = await asyncio.start_server(made, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}", made
    finally:
        server.close()
        await made.ended()


async def evidence_of(origin: str, *, http: HttpClient | None = None, total_seconds: float = 20.0) -> str:
    """The words of the look-up's answer, which is unknown."""
    async with looking_up(REACHABLE, override=origin, http=http, total_seconds=total_seconds) as (peppol, _):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is Reach.UNKNOWN, answer.evidence
    return answer.evidence


@pytest.mark.parametrize("framing", [f"Content-Length: {GIGABYTE}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"])
async def test_a_body_of_a_gigabyte_is_left_after_the_first(framing: str) -> None:
    sent = 0

    async def pours(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + framing.encode())
        piece = b" " * 2**16
        framed = piece if "Length" in framing else b"10000\r\n" + piece + b"\r\n"
        for _ in range(GIGABYTE // len(piece)):
            writer.write(framed)
            await writer.drain()
            sent += len(piece)

    async with smp(pours) as (origin, _):
        assert "larger than" in await evidence_of(origin)
    assert sent < 2 * 16 * 2**20, "two tries, each left after the first megabyte (and what lies in the sockets)"


async def test_an_answer_in_drops_has_an_end() -> None:
    async def drips(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + f"Content-Length: {len(GROUP)}\r\n\r\n".encode())
        for byte in GROUP:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    async with smp(drips) as (origin, _):
        assert "no answer within 0.3 s" in await evidence_of(origin, total_seconds=0.3)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_followed_anywhere(status: int) -> None:
    async def other(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(GROUP) + GROUP)
        await writer.drain()

    async with smp(other) as (inside, private):

        async def sends_on(writer: asyncio.StreamWriter) -> None:
            writer.write(f"HTTP/1.1 {status} X\r\nLocation: {inside}/\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()

        async with smp(sends_on) as (origin, _):
            assert f"HTTP {status}" in await evidence_of(origin)
    assert private.requests == []


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/html", "<!DOCTYPE html><html><body>Logg inn</body></html>"),
        ("text/html", GROUP.decode().replace("ServiceGroup", "html")),
        ("text/xml", '<r:ServiceMetadata xmlns:r="x"><r:Redirect href="http://10.0.0.1/"/></r:ServiceMetadata>'),
        ("text/xml", f'<!DOCTYPE g [<!ENTITY x SYSTEM "http://10.0.0.1/">]>{GROUP.decode()}'),
        ("text/xml", GROUP.decode().replace(WHO, "0192:999999999")),
        ("text/xml", GROUP.decode().replace(f"<ParticipantIdentifier>{WHO}</ParticipantIdentifier>", "")),
        ("text/xml", f"<ServiceGroup><ParticipantIdentifier>{WHO}</ParticipantIdentifier></ServiceGroup>"),
        ("text/xml", GROUP.decode().replace("/services/", "/tjenester/")),
        ("text/xml", ""),
    ],
)
async def test_a_page_that_is_no_service_group_is_no_answer(media_type: str, body: str) -> None:
    async def answers(writer: asyncio.StreamWriter) -> None:
        content = body.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    async with smp(answers) as (origin, made):
        await evidence_of(origin)
    assert len(made.requests) == 1, "a wrong answer is an answer: it is not asked for again at once"


# --- certificates ---------------------------------------------------------------------------------------


def certificate(folder: Path, *, until: datetime, address: str = "127.0.0.1") -> Path:
    """Key and self-made certificate for an address, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smp.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{until.year}-{address}.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("until", "address", "trusted", "words"),
    [
        (datetime(2100, 1, 1, tzinfo=UTC), "127.0.0.1", True, ""),
        (datetime(2021, 1, 1, tzinfo=UTC), "127.0.0.1", True, "certificate has expired"),
        (datetime(2100, 1, 1, tzinfo=UTC), "127.0.0.2", True, "mismatch"),
        (datetime(2100, 1, 1, tzinfo=UTC), "127.0.0.1", False, "self-signed certificate"),
    ],
)
async def test_a_certificate_that_does_not_hold_is_no_answer(
    tmp_path: Path, until: datetime, address: str, trusted: bool, words: str
) -> None:
    async def answers(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(GROUP) + GROUP)
        await writer.drain()

    pem = certificate(tmp_path, until=until, address=address)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(pem)
    http = HttpClient(ca_file=pem if trusted else None, timeouts=Timeouts(connect=2.0, read=2.0))
    async with (
        smp(answers, tls=tls) as (origin, made),
        looking_up(REACHABLE, override=origin, http=http) as (peppol, _),
    ):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is (Reach.UNKNOWN if words else Reach.YES)
    assert words in answer.evidence
    assert bool(made.requests) is (not words), "nothing is asked of a stranger"


# --- where the name leads -------------------------------------------------------------------------------


@pytest.fixture
def net() -> Any:
    with respx.mock(assert_all_called=False) as router:
        yield router


async def test_a_name_that_moves_meanwhile_is_called_where_it_was_checked(net: Any) -> None:
    """DNS rebinding: public when it is checked, ours when it is called."""
    called = net.route().respond(200, content=GROUP)
    async with looking_up(REACHABLE, later={("smp.example.", "A"): ["127.0.0.1"]}) as (peppol, server):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
        again = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert (answer.reach, again.reach) == (Reach.YES, Reach.UNKNOWN)
    assert "not public" in again.evidence
    assert [call.request.url.host for call in called.calls] == ["193.69.12.1"]
    assert server.asked.count("A smp.example.") == 2, "once a look-up: the address checked is the address called"


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("A", "169.254.169.254"), ("A", "168.63.129.16"), ("A", "100.100.100.200"), ("A", "192.0.0.192"),
        ("A", "0.0.0.0"), ("A", "198.18.0.1"), ("AAAA", "fd00:ec2::254"), ("AAAA", "fe80::1"),  # noqa: S104
        ("AAAA", "::ffff:169.254.169.254"), ("AAAA", "::7f00:1"), ("AAAA", "64:ff9b::a9fe:a9fe"),
        ("AAAA", "2001:0:a9fe:a9fe::1"), ("AAAA", "2001:db8::1"), ("AAAA", "64:ff9b:1::1"), ("AAAA", "5f00::1"),
    ],
)  # fmt: skip
async def test_a_name_that_leads_to_us_or_to_a_clouds_keys_is_not_called(net: Any, kind: str, address: str) -> None:
    called = net.route().respond(200, content=GROUP)
    zone: Zone = {(NAME, "NAPTR"): [SMP], ("smp.example.", kind): [address]}
    async with looking_up(zone) as (peppol, _):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is Reach.UNKNOWN
    assert "not public" in answer.evidence
    assert not called.called


@pytest.mark.parametrize(
    "address",
    ["ftp://smp.example/", "file:///etc/passwd", "gopher://smp.example/", "https://smp.example:22/",
     "https://metadata/", "https://smp.example:443@10.0.0.1/", "https://10.0.0.1/", "https://[::1]/"],
)  # fmt: skip
async def test_an_address_that_is_none_of_an_smp_is_not_called(net: Any, address: str) -> None:
    called = net.route().respond(200, content=GROUP)
    zone: Zone = REACHABLE | {(NAME, "NAPTR"): [SMP.replace("https://smp.example/", address)]}
    async with looking_up(zone) as (peppol, server):
        answer = await peppol.lookup(participant=WHO, kind=Kind.INVOICE)
    assert answer.reach is Reach.UNKNOWN
    assert len(server.asked) == 1, "not even its name is looked up"
    assert not called.called
