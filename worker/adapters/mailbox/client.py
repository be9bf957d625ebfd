"""IMAP with the standard library, each call beside the event loop
(why: docs/decisions/2026-11-21-bounces-over-imaplib.md).

Nothing is ever expunged but a message just copied, by its UID: another reader's deleted messages are not ours.
"""

from __future__ import annotations

import asyncio
import imaplib
import re
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from worker.adapters.mailbox.translate import MOST_BYTES, read_report
from worker.model.bounce import MailReport
from worker.model.outcomes import AccessDenied, Unavailable
from worker.ports import Filed, OpenMailbox
from worker.support import crashing, metrics

T = TypeVar("T")
Security = Literal["none", "starttls", "tls"]
_REFUSED_AS = re.compile(rb"\[(UNAVAILABLE|INUSE|LIMIT|SERVERBUG|CONTACTADMIN|OVERQUOTA)\]", re.I)
_INTERNAL_DATE = re.compile(rb'INTERNALDATE "([^"]{20,40})"')


class ImapServer:
    """Implements ports.Mailbox."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        user: str,
        password: str,
        folder: str = "INBOX",
        folders: dict[Filed, str] | None = None,
        timeout: float = 30.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`folders`: where messages are put. `timeout`: seconds for connecting and each answer. `tls`: another trust
        store than the machine's."""
        self.host = host
        self.port = port
        self.security: Security = security
        self.user = user
        self.password = password
        self.folder = folder
        self.folders = folders or {filed: str(filed) for filed in Filed}
        self.timeout = timeout
        self.tls = tls

    def session(self) -> AbstractAsyncContextManager[OpenMailbox]:
        """Connects and opens the folder on entering."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[OpenMailbox]:
        box = _ImapFolder(self)
        try:
            await box.open()
            yield box
        except BaseException:  # also a cancelled task: the connection is of no more use
            box.drop()
            raise
        else:
            await box.leave()


class _ImapFolder:
    """Implements ports.OpenMailbox over one connection."""

    def __init__(self, server: ImapServer) -> None:
        self._server = server
        self._connection: imaplib.IMAP4 | None = None
        self._validity = ""
        self._able: frozenset[str] = frozenset()

    async def open(self) -> None:
        await asyncio.to_thread(self._open)

    async def waiting(self, *, limit: int) -> tuple[str, ...]:
        answer = await self._call(lambda c: c.uid("SEARCH", "UNDELETED"), "to search")
        numbers = b" ".join(line for line in answer if isinstance(line, bytes)).split()
        return tuple(f"{self._validity}/{number.decode()}" for number in numbers[:limit])

    async def read(self, *, uid: str) -> MailReport | None:
        what = f"(UID INTERNALDATE BODY.PEEK[]<0.{MOST_BYTES}>)"
        answer = await self._call(lambda c: c.uid("FETCH", self._number(uid), what), "to fetch")
        for line in answer:
            if isinstance(line, tuple) and len(line) == 2:
                head, content = line
                return await asyncio.to_thread(read_report, content, uid=uid, arrived_at=_internal_date(head))
        return None

    async def put_away(self, *, uid: str, where: Filed) -> None:
        crashing.point("mailbox.put_away", "before")
        await asyncio.to_thread(self._put_away, self._number(uid), _quoted(self._server.folders[where]))
        crashing.point("mailbox.put_away", "after")

    async def leave(self) -> None:
        """Log-out; whatever happens here changes nothing for messages already put away."""
        connection = self._connection
        if connection is not None:
            with suppress(imaplib.IMAP4.error, OSError):
                await asyncio.to_thread(connection.logout)
        self.drop()

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.shutdown()

    def _open(self) -> None:
        server = self._server
        try:
            self._connection = connection = _connected(server)
        except (imaplib.IMAP4.error, OSError) as error:
            raise Unavailable(f"bounce mailbox: no connection ({type(error).__name__})") from None
        try:
            connection.login(server.user, server.password)
        except imaplib.IMAP4.abort:
            raise Unavailable("bounce mailbox: cut during log-in") from None
        except imaplib.IMAP4.error as error:  # its text is the server's, and may name the user
            if _REFUSED_AS.search(str(error).encode()):
                raise Unavailable("bounce mailbox: nobody is let in now") from None
            raise AccessDenied("bounce mailbox: log-in refused, check user and password") from None
        except OSError as error:
            raise Unavailable(f"bounce mailbox: cut during log-in ({type(error).__name__})") from None
        able = self._do(lambda c: c.capability(), "about its capabilities")  # more than before the log-in
        self._able = frozenset(b" ".join(line for line in able if isinstance(line, bytes)).decode().upper().split())
        self._do(lambda c: c.select(_quoted(server.folder)), "to open the folder")
        _, validity = connection.response("UIDVALIDITY")
        self._validity = validity[0].decode() if validity and isinstance(validity[0], bytes) else "0"

    async def _call(self, command: Callable[[imaplib.IMAP4], tuple[str, list[Any]]], about: str) -> list[Any]:
        return await asyncio.to_thread(self._do, command, about)

    def _do(self, command: Callable[[imaplib.IMAP4], tuple[str, list[Any]]], about: str) -> list[Any]:
        with metrics.calling("imap"):
            status, answer = self._try(command)
        if status != "OK":
            raise Unavailable(f"bounce mailbox: said {status} {about}")
        return answer

    def _try(self, command: Callable[[imaplib.IMAP4], tuple[str, list[Any]]]) -> tuple[str, list[Any]]:
        if self._connection is None:
            raise Unavailable("bounce mailbox: not connected")
        try:
            return command(self._connection)
        except (imaplib.IMAP4.error, OSError) as error:
            raise Unavailable(f"bounce mailbox: cut ({type(error).__name__})") from None

    def _put_away(self, number: str, folder: str) -> None:
        how = "MOVE" if "MOVE" in self._able else "COPY"
        status, _ = self._try(lambda c: c.uid(how, number, folder))
        if status != "OK":  # most likely the folder is missing; making one that is there is answered NO and harmless
            self._try(lambda c: c.create(folder))
            self._do(lambda c: c.uid(how, number, folder), "to move a message")
        if how == "COPY":
            self._do(lambda c: c.uid("STORE", number, "+FLAGS.SILENT", r"(\Deleted)"), "to mark a message")
            if "UIDPLUS" in self._able:  # otherwise it stays there, marked, and is not read again
                self._do(lambda c: c.uid("EXPUNGE", number), "to remove a message")

    def _number(self, uid: str) -> str:
        validity, _, number = uid.partition("/")
        if validity != self._validity or not number.isdigit():
            raise Unavailable("bounce mailbox: the folder has been renumbered")
        return number


def _connected(server: ImapServer) -> imaplib.IMAP4:
    """A connection, encrypted as set."""
    context = server.tls or (None if server.security == "none" else ssl.create_default_context())
    if server.security == "tls":
        return imaplib.IMAP4_SSL(server.host, server.port, ssl_context=context, timeout=server.timeout)
    connection = imaplib.IMAP4(server.host, server.port, timeout=server.timeout)
    if server.security == "starttls":
        try:
            connection.starttls(ssl_context=context)
        except BaseException:
            with suppress(OSError):
                connection.shutdown()
            raise
    return connection


def _quoted(folder: str) -> str:
    """A folder's name as a quoted string (RFC 3501 §4.3); imaplib sends names as they are."""
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _internal_date(head: bytes) -> datetime | None:
    found = _INTERNAL_DATE.search(head)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None
