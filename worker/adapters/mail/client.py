"""SMTP: many messages over one connection, each step's answer mapped to our outcomes.

The library's own errors hold addresses and the server's words, so they never become causes of ours (`from None`).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Literal

import aiosmtplib

from worker.adapters.mail.translate import (
    Reply,
    WireMail,
    compose,
    none_accepted,
    sender_refused,
    verdict,
)
from worker.model.outcomes import AccessDenied, Refused, TryLater, Unavailable, UnknownOutcome
from worker.ports import Checked, Mailer, MailReceipt, OutboundMail
from worker.support import crashing, metrics
from worker.support.masking import without_addresses

Security = Literal["none", "starttls", "tls"]

_CUT = (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError)


class SmtpServer:
    """Implements ports.MailServer."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security: Security,
        user: str = "",
        password: str = "",
        from_address: str,
        timeout: float = 30.0,
        verdict_timeout: float = 120.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`from_address`: the factor's, in From, and the return path of a mail that names none. `timeout`: seconds for
        connecting and each command.

        `verdict_timeout`: seconds to wait for the word after the message; RFC 5321 §4.5.3.2.6 advises up to ten
        minutes, since giving up early makes an unknown outcome out of a slow virus scanner. `tls`: another trust store
        than the machine's. Raises ValueError when a password would go over the line in the clear.
        """
        if user and security == "none":
            raise ValueError("an SMTP user needs security starttls or tls")
        self._host = host
        self._port = port
        self._security: Security = security
        self._user = user
        self._password = password
        self.from_address = from_address
        self._timeout = timeout
        self.verdict_timeout = max(timeout, verdict_timeout)
        self._tls = tls

    def session(self) -> AbstractAsyncContextManager[Mailer]:
        """Connects at the first message, reconnects after a drop, says QUIT at exit."""
        return self._session()

    @asynccontextmanager
    async def _session(self) -> AsyncGenerator[Mailer]:
        mailer = _SmtpMailer(self)
        try:
            yield mailer
        finally:
            await mailer.quit()

    async def check(self) -> Checked:
        """See ports.CheckedMailServer."""
        client = await self.connect()
        try:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
        finally:
            client.close()
        encrypted = {"none": "without encryption", "starttls": "over STARTTLS", "tls": "over TLS"}[self._security]
        return Checked(f"{'logged in' if self._user else 'let in without log-in'} {encrypted}")

    async def connect(self) -> aiosmtplib.SMTP:
        """A connection, encrypted and logged in as set. Raises TryLater: nothing has been said of any message yet."""
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=self._timeout,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=self._tls or (None if self._security == "none" else ssl.create_default_context()),
            # Said in EHLO. The machine's own name is a container id, and asking DNS for it may hang.
            local_hostname=self.from_address.rpartition("@")[2],
        )
        try:
            await client.connect()
            await client.ehlo()  # what the server can do; after STARTTLS it has to be asked anew
            if self._user:
                await client.login(self._user, self._password)
        except aiosmtplib.SMTPAuthenticationError as error:
            client.close()
            raise AccessDenied("mail server: log-in refused, check user and password", answer=str(error.code)) from None
        except aiosmtplib.SMTPResponseException as error:
            client.close()
            answer = str(Reply(error.code, error.message))
            if error.code < 0:  # what came was no reply of SMTP at all
                raise Unavailable("mail server: no SMTP server answers there", answer=answer) from None
            raise Unavailable(f"mail server: not ready ({error.code})", answer=answer) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            client.close()
            reason = without_addresses(str(error)) or type(error).__name__
            raise Unavailable(f"mail server: no connection ({reason})") from error
        return client


class _SmtpMailer:
    """Implements ports.Mailer over at most one connection at a time."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._client: aiosmtplib.SMTP | None = None
        self._lock = asyncio.Lock()

    async def send(self, *, mail: OutboundMail) -> MailReceipt:
        """Implements ports.Mailer.send.

        Raises Refused (5xx), TryLater (4xx, 421, no connection, cut before DATA), UnknownOutcome (cut or silent from
        DATA on: whether the message was complete by then cannot be seen from this end), AccessDenied (our log-in or
        our sender is not let in: no debtor's fault).
        """
        wire = compose(mail, from_address=self._server.from_address)
        async with self._lock:
            with metrics.calling("smtp"):
                return await self._send(wire)

    async def quit(self) -> None:
        """Ends the connection politely; whatever happens here changes nothing for messages already sent."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()
            client.close()

    async def _send(self, wire: WireMail) -> MailReceipt:
        crashing.point("mail.envelope", "before")
        fresh = self._client is None
        client = await self._connected()
        try:
            try:
                turned_down = await self._envelope(client, wire)
            except _CUT as error:
                self._drop()
                if fresh:
                    raise _cut_early(error) from error
                # An idle connection the server has closed meanwhile: nothing was sent, so try once on a new one.
                client = await self._connected()
                try:
                    turned_down = await self._envelope(client, wire)
                except _CUT as again:
                    self._drop()
                    raise _cut_early(again) from again
            answer = await self._message(client, wire)
        except (Refused, TryLater):
            await self._start_afresh()
            raise
        except BaseException:  # also a cancelled task: a late reply must never be read as the next message's
            self._drop()
            raise
        return MailReceipt(answer, tuple((place, str(reply)) for place, reply in turned_down.items()))

    async def _connected(self) -> aiosmtplib.SMTP:
        if self._client is None:
            self._client = await self._server.connect()
        return self._client

    def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _start_afresh(self) -> None:
        """After a no, the next message uses the same connection if it still answers, else a new one."""
        try:
            if self._client is not None and self._client.is_connected:
                await self._client.rset()
                return
        except (aiosmtplib.SMTPException, OSError):
            pass
        self._drop()

    async def _envelope(self, client: aiosmtplib.SMTP, wire: WireMail) -> dict[int, Reply]:
        """MAIL and RCPT. Returns the recipients turned down while at least one was accepted."""
        options: list[str] = []
        encoding = "ascii"
        if wire.needs_utf8:
            if not client.supports_extension("smtputf8"):
                raise Refused("mail: an address outside ASCII, which the mail server cannot take")
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        try:
            await client.mail(wire.sender, options=options, encoding=encoding)
        except aiosmtplib.SMTPSenderRefused as error:
            raise sender_refused(Reply(error.code, error.message)) from None
        turned_down: dict[int, Reply] = {}
        for index, recipient in enumerate(wire.recipients):
            try:
                await client.rcpt(recipient, encoding=encoding)
            except aiosmtplib.SMTPRecipientRefused as error:
                reply = Reply(error.code, error.message)
                if reply.code == 421:  # closing down, whoever the recipient is
                    raise verdict(reply, about="everything") from None
                turned_down[index] = reply
        if len(turned_down) == len(wire.recipients):
            raise none_accepted(turned_down)
        return turned_down

    async def _message(self, client: aiosmtplib.SMTP, wire: WireMail) -> str:
        crashing.point("mail.data", "before")
        try:
            reply = await client.data(wire.content, timeout=self._server.verdict_timeout)
        except aiosmtplib.SMTPResponseException as error:
            if 400 <= error.code < 600:
                raise verdict(Reply(error.code, error.message), about="the message") from None
            # Not SMTP as we know it: it may have taken the message all the same.
            raise UnknownOutcome("mail server: an answer that cannot be read after DATA") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise UnknownOutcome(f"mail server: no word after DATA ({type(error).__name__})") from error
        crashing.point("mail.data", "after")
        return str(Reply(reply.code, reply.message))


def _cut_early(error: BaseException) -> TryLater:
    return TryLater(f"mail server: the connection was cut before the message was sent ({type(error).__name__})")
