"""HttpClient against real sockets: what was sent, what was read, and what can be known when it went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from worker.support.http import MAX_CALLS, AnswerLost, AnswerTooLarge, HttpClient, HttpResponse, NotSent, Timeouts

pytestmark = pytest.mark.anyio

Handler = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
QUICK = Timeouts(connect=2.0, read=0.3, write=2.0, pool=0.3, total=5.0)


@contextlib.asynccontextmanager
async def server(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncGenerator[str]:
    """Reads a request's head, hands over to `handler`, closes the connection. Gives the origin."""

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(await reader.readuntil(b"\r\n\r\n"), reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        connections.discard(task)

    connections: set[asyncio.Task[None]] = set()

    listening = await asyncio.start_server(on_connection, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        await asyncio.gather(*connections)  # a handler may still be on its way out


def answering(content: bytes, seen: list[bytes] | None = None) -> Handler:
    async def handler(head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if seen is not None:
            seen.append(head)
        writer.write(content)
        await writer.drain()

    return handler


async def silent(_head: bytes, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the client goes


async def test_sends_what_it_is_given_and_gives_back_the_whole_answer() -> None:
    seen: list[bytes] = []
    body = b"HTTP/1.1 418 No\r\nContent-Type: Text/Plain; charset=utf-8\r\nX-A: b\r\nContent-Length: 3\r\n\r\nte\xc3"
    async with server(answering(body, seen)) as origin, HttpClient() as http:
        response = await http.request("POST", f"{origin}/a%3A%3Ab/%23?x=%20", headers={"X-Token": "t"}, content=b"hi")
    assert (response.status, response.content, response.headers["x-a"]) == (418, b"te\xc3", "b")
    assert response.media_type == "text/plain"
    head = seen[0].decode()
    assert head.startswith("POST /a%3A%3Ab/%23?x=%20 HTTP/1.1\r\n")
    assert "x-token: t" in head.lower()
    assert "accept-encoding: identity" in head.lower()


async def test_a_redirect_is_an_answer_not_a_way_to_go() -> None:
    seen: list[bytes] = []
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with server(answering(moved, seen)) as origin, HttpClient() as http:
        assert (await http.request("GET", origin)).status == 302
    assert len(seen) == 1


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with server(answering(OK)) as origin, HttpClient() as http:
        assert (await http.request("GET", origin)).status == 200


async def test_nobody_there_is_not_sent() -> None:
    async with HttpClient() as http:
        with pytest.raises(NotSent) as caught:
            await http.request("POST", "http://127.0.0.1:1/token/secret?code=4711", headers={"X": "s3"}, content=b"x")
    assert not {"secret", "4711", "s3"} & set(str(caught.value).replace("/", " ").split())


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "http://exa mple/", "http://h:99999/", "no-scheme"])
async def test_an_address_that_is_none_is_not_sent(url: str) -> None:
    async with HttpClient() as http:
        with pytest.raises(NotSent):
            await http.request("GET", url)


async def test_a_secret_that_cannot_be_a_header_is_not_told() -> None:
    async with HttpClient() as http:
        for secret in ("hemmelig-ø", "secret\r\nX: y"):
            with pytest.raises(NotSent) as caught:
                await http.request("GET", "http://127.0.0.1:1/", headers={"X-Token": secret})
            assert "hemmelig" not in repr(caught.value)
            assert caught.value.__suppress_context__


async def test_silence_after_sending_may_have_been_carried_out() -> None:
    async with server(silent) as origin, HttpClient(timeouts=QUICK) as http:
        with pytest.raises(AnswerLost):
            await http.request("POST", f"{origin}/secret", content=b"x")


@pytest.mark.parametrize(
    "content",
    [
        b"",  # closed without a word
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"220 mail.example ESMTP\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_a_broken_answer_may_have_been_carried_out(content: bytes) -> None:
    async with server(answering(content)) as origin, HttpClient(timeouts=QUICK) as http:
        with pytest.raises(AnswerLost):
            await http.request("POST", origin, content=b"x")


async def test_a_reset_after_sending_may_have_been_carried_out() -> None:
    async def reset(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with server(reset) as origin, HttpClient(timeouts=QUICK) as http:
        with pytest.raises(AnswerLost):
            await http.request("POST", origin, content=b"x")


async def test_an_answer_is_read_up_to_a_size() -> None:
    def sized(content: bytes, encoding: str = "") -> Handler:
        return answering(f"HTTP/1.1 200 OK\r\n{encoding}Content-Length: {len(content)}\r\n\r\n".encode() + content)

    async with HttpClient(max_bytes=1000) as http:
        async with server(sized(b"x" * 1000)) as origin:
            assert len((await http.request("GET", origin)).content) == 1000
            with pytest.raises(AnswerTooLarge):
                await http.request("GET", origin, max_bytes=999)
        async with server(sized(b"x" * 1001)) as origin:
            with pytest.raises(AnswerTooLarge):
                await http.request("GET", origin)
        async with server(sized(gzip.compress(b"x" * 100_000), "Content-Encoding: gzip\r\n")) as origin:
            with pytest.raises(AnswerTooLarge):
                await http.request("GET", origin)


async def test_a_packed_gigabyte_is_not_unpacked_to_be_counted() -> None:
    size = 64 * 2**20
    bomb = gzip.compress(bytes(size), compresslevel=1)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    async with server(answering(head + bomb)) as origin, HttpClient(max_bytes=2**20) as http:
        tracemalloc.start()
        try:
            with pytest.raises(AnswerTooLarge):
                await http.request("GET", origin)
            assert tracemalloc.get_traced_memory()[1] < size / 4
        finally:
            tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_one_layer_of_packing_is_taken_off(encoding: str) -> None:
    packed = {"gzip": gzip.compress(b"hello"), "deflate": zlib.compress(b"hello")}[encoding]
    for content, expected in ((packed, b"hello"), (b"", b"")):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        async with server(answering(head + content)) as origin, HttpClient() as http:
            assert (await http.request("GET", origin)).content == expected
    short = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: 4\r\n\r\n".encode() + packed[:4]
    async with server(answering(short)) as origin, HttpClient() as http:
        with pytest.raises(AnswerLost):
            await http.request("GET", origin)


async def test_a_dripping_server_does_not_hold_us_and_the_client_lives_on() -> None:
    async def drip(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100):
            writer.write(b"X-Drip: drop\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with HttpClient(timeouts=Timeouts(read=5.0, total=0.3)) as http:
        async with server(drip) as origin:
            with pytest.raises(AnswerLost):
                await http.request("GET", origin)
        async with server(answering(OK)) as origin:
            assert (await http.request("GET", origin)).status == 200


async def test_cancelled_requests_cost_no_connection() -> None:
    """encode/httpcore#1093: cancelled requests leak pool slots until nothing gets through."""

    async def slowly(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.01)
        writer.write(OK)
        await writer.drain()

    async with server(slowly) as origin, HttpClient(timeouts=QUICK) as http:
        for round_ in range(12):
            tasks = [asyncio.create_task(http.request("GET", origin)) for _ in range(10)]
            await asyncio.sleep(0.002 * (round_ % 6))
            for task in tasks[::2]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        answers = await asyncio.gather(*(http.request("GET", origin) for _ in range(30)))
    assert [a.status for a in answers] == [200] * 30


async def test_no_more_than_so_many_at_a_time() -> None:
    now = most = 0

    async def counted(_head: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.02)
        now -= 1
        writer.write(OK)
        await writer.drain()

    async with server(counted) as origin, HttpClient() as http:
        await asyncio.gather(*(http.request("GET", origin) for _ in range(40)))
    assert most == MAX_CALLS


async def test_a_closed_client_sends_nothing() -> None:
    http = HttpClient()
    await http.aclose()
    with pytest.raises(NotSent):
        await http.request("GET", "http://127.0.0.1:1/")


async def test_connect_to_goes_there_and_asks_for_the_host() -> None:
    seen: list[bytes] = []
    async with server(answering(OK, seen)) as origin, HttpClient() as http:
        port = origin.rpartition(":")[2]
        response = await http.request("GET", f"http://smp.example:{port}/x", connect_to="127.0.0.1")
    assert response.status == 200
    assert f"host: smp.example:{port}" in seen[0].decode().lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of `smp.example`, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smp.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("smp.example")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "smp.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("host", "trusted", "accepted"),
    [("smp.example", True, True), ("other.example", True, False), ("smp.example", False, False)],
)
async def test_the_certificate_must_be_the_hosts_wherever_it_is(
    certificate: Path, host: str, trusted: bool, accepted: bool
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    http = HttpClient(ca_file=certificate if trusted else None, timeouts=QUICK)
    async with server(answering(OK), tls=context) as origin, http:
        url = f"https://{host}:{origin.rpartition(':')[2]}/"
        if accepted:
            assert (await http.request("GET", url, connect_to="127.0.0.1")).content == b"ok"
        else:
            with pytest.raises(NotSent, match="certificate not accepted"):
                await http.request("POST", url, connect_to="127.0.0.1", content=b"x")


async def test_a_connection_made_for_one_host_never_serves_another(certificate: Path) -> None:
    """Two names at one address: the certificate that was checked is one name's only."""

    async def keeps_open(_head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
            await reader.readuntil(b"\r\n\r\n")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with server(keeps_open, tls=context) as origin, HttpClient(ca_file=certificate, timeouts=QUICK) as http:
        port = origin.rpartition(":")[2]
        assert (await http.request("GET", f"https://smp.example:{port}/", connect_to="127.0.0.1")).status == 200
        with pytest.raises(NotSent, match="certificate not accepted"):
            await http.request("GET", f"https://other.example:{port}/", connect_to="127.0.0.1")


async def test_addresses_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    async with server(answering(OK)) as origin, HttpClient() as http:
        await http.request("GET", f"{origin}/v/link-code")
    assert "link-code" not in caplog.text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17.0),
        ({"retry-after": " 0 "}, 0.0),
        ({"retry-after": "Mon, 02 Mar 2026 08:00:30 GMT", "date": "Mon, 02 Mar 2026 08:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 02 Mar 2026 07:00:00 GMT", "date": "Mon, 02 Mar 2026 08:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 02 Mar 2026 08:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({}, None),
    ],
)
async def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert HttpResponse(429, headers).retry_after == seconds
