"""A real IMAP server (pymap) on its own thread, and a line to it that can lose its abilities or be cut."""

from __future__ import annotations

import asyncio
import imaplib
import threading
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pysasl.hashing import BuiltinHash

USER, PASSWORD = "bounces@factoring.example", "riktig passord"
_ARGUMENTS: dict[str, Any] = {
    "debug": False, "host": ["127.0.0.1"], "port": "0", "cert": None, "key": None, "proxy_protocol": None,
    "inherited_sockets": None, "passlib_cfg": None, "demo_data": False, "demo_user": USER, "demo_password": PASSWORD,
}  # fmt: skip


@dataclass
class MailHost:
    """The server: messages come in by `arrive`, and `lying` tells what lies where."""

    port: int
    connections: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    @contextmanager
    def open(self) -> Generator[imaplib.IMAP4]:
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=5)
        try:
            client.login(USER, PASSWORD)
            yield client
        finally:
            client.logout()

    def arrive(self, *messages: bytes) -> None:
        """Each message comes into the inbox."""
        with self.open() as client:
            for message in messages:
                status, _ = client.append("INBOX", None, None, message)  # pyright: ignore[reportArgumentType]
                assert status == "OK"

    def lying(self, folder: str = "INBOX") -> list[bytes]:
        """The messages in the folder; none when there is no such folder."""
        with self.open() as client:
            if client.select(f'"{folder}"', readonly=True)[0] != "OK":
                return []
            numbers = client.uid("SEARCH", "UNDELETED")[1][0].split()
            return [client.uid("FETCH", number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers]

    def empty(self) -> None:
        """Nothing lies anywhere, and the folders are gone."""
        with self.open() as client:
            for folder in ("processed", "unmatched"):
                client.delete(folder)
            client.select("INBOX")
            client.store("1:*", "+FLAGS", r"(\Deleted)")
            client.expunge()


@contextmanager
def mail_host() -> Generator[MailHost]:
    """The server while inside, on a loop and thread of its own: the client under test may block its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)

    host = MailHost(0)
    server = run(_serve(host))
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        run(_end(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _serve(host: MailHost) -> asyncio.Server:
    backend, config = await DictBackend.init(Namespace(**_ARGUMENTS, tls=False), hash_context=BuiltinHash(rounds=1))
    config.apply_context()
    serve = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(backend.login, config))
    return await asyncio.start_server(serve, "127.0.0.1", 0)


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


@contextmanager
def line_to(port: int, change: Callable[[bytes], bytes | None]) -> Generator[int]:
    """A line to the server on which each thing it says is changed; None cuts the line."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def both(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", port)

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter, changing: bool) -> None:
            while data := await source.read(65536):
                said = change(data) if changing else data
                if said is None:
                    break
                to.write(said)
                await to.drain()
            to.close()

        try:
            await asyncio.gather(pump(reader, ours, False), pump(theirs, writer, True), return_exceptions=True)
        finally:
            ours.close()
            writer.close()

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(both, "127.0.0.1", 0)

    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(5)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
