"""The mail server: keeps every message it takes as a file, byte for byte; reserved addresses bring trouble.

The envelope (who sent it, to whom) is kept in `World.mails`, never written into the message.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable
from email import policy
from email.message import EmailMessage, Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.parser import BytesHeaderParser
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from worker.sandbox.magic import MailMagic, mail_magic
from worker.sandbox.records import Bounce, Mail
from worker.sandbox.world import World, safe_name


class MailHandler:
    """What happens at each step of a session (aiosmtpd hooks).

    `login`: user and password that must be given before any mail; None lets everybody in, whatever they give.
    """

    def __init__(
        self, *, world: World, folder: Path, bounce_folder: Path, login: tuple[str, str] | None = None
    ) -> None:
        self._world = world
        self._login = login
        self._folder = folder
        self._bounce_folder = bounce_folder
        folder.mkdir(parents=True, exist_ok=True)
        bounce_folder.mkdir(parents=True, exist_ok=True)

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: Any) -> AuthResult:
        """aiosmtpd's authenticator."""
        given = isinstance(auth, LoginPassword) and (auth.login.decode("utf-8"), auth.password.decode("utf-8"))
        return AuthResult(success=self._login is None or given == self._login, handled=False)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._login is not None and not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match mail_magic(address):
            case MailMagic.REFUSED:
                return "550 5.1.1 The email account that you tried to reach does not exist"
            case MailMagic.MAILBOX_FULL:
                return "452 4.2.2 The recipient's inbox is out of storage space"
            case MailMagic.GREYLISTED if self._world.first_time(f"rcpt {address.lower()}"):
                return "451 4.7.1 Greylisted, please try again later"
            case MailMagic.BUSY if self._world.first_time(f"rcpt {address.lower()}"):
                asyncio.get_running_loop().call_soon(_close, server)
                return "421 4.3.2 Too busy, closing connection"
            case _:
                envelope.rcpt_tos.append(address)
                envelope.rcpt_options.extend(options)
                return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        recipients = {address: mail_magic(address) for address in envelope.rcpt_tos}
        meanings = set(recipients.values())
        if MailMagic.CONTENT_REFUSED in meanings:
            return "554 5.7.1 Message refused as spam"
        headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
        message_id = str(headers.get("Message-ID", "")).strip()
        if MailMagic.DROP_UNKEPT in meanings and self._world.first_time(f"data {message_id}"):
            _cut(server)
            return "250 2.0.0 OK"
        mail = self._keep(session, envelope, content, message_id)
        for address, meaning in recipients.items():
            if meaning is MailMagic.BOUNCE and mail.sender:
                self._bounce(mail, address, headers)
        if MailMagic.DROP in meanings:
            _cut(server)
        return f"250 2.0.0 OK: queued as {mail.number:04d}"

    def _keep(self, session: Session, envelope: Envelope, content: bytes, message_id: str) -> Mail:
        number = len(self._world.mails) + 1
        name = safe_name(envelope.rcpt_tos[0].replace("@", "_at_"), default="mail")
        path = self._folder / f"{number:04d}-{name}.eml"
        path.write_bytes(content)
        mail = Mail(
            number=number,
            file=f"{self._folder.name}/{path.name}",
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            message_id=message_id,
            sha256=hashlib.sha256(content).hexdigest(),
            size=len(content),
            received_at=self._world.now(),
            tls=session.ssl is not None,
        )
        self._world.mails.append(mail)
        return mail

    def _bounce(self, mail: Mail, recipient: str, headers: Message) -> None:
        number = len(self._world.bounces) + 1
        now = self._world.now()
        path = self._bounce_folder / f"{number:04d}-{safe_name(recipient.replace('@', '_at_'), default='bounce')}.eml"
        report = _delivery_status_notification(
            to=mail.sender, recipient=recipient, headers=headers, date=format_datetime(now), number=number
        )
        path.write_bytes(report.as_bytes(policy=policy.SMTP))
        self._world.bounces.append(
            Bounce(
                file=f"{self._bounce_folder.name}/{path.name}",
                to=mail.sender,
                recipient=recipient,
                message_id=mail.message_id,
                at=now,
            )
        )


class MailServer:
    """The listening server. `tls`: offers STARTTLS with it."""

    def __init__(self, handler: MailHandler, *, tls: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._tls = tls
        self._sessions: set[_Session] = set()
        self._server: asyncio.Server | None = None

    async def start(self, *, host: str, port: int) -> tuple[str, int]:
        """Listens; returns the address."""
        self._server = await asyncio.get_running_loop().create_server(self._session, host, port)
        address = self._server.sockets[0].getsockname()
        return str(address[0]), int(address[1])

    async def close(self) -> None:
        """Stops listening and ends every session."""
        if self._server is None:
            return
        self._server.close()
        tasks = [task for session in list(self._sessions) if (task := session.end()) is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _session(self) -> _Session:
        return _Session(
            self._handler,
            on_open=self._sessions.add,
            on_close=self._sessions.discard,
            hostname="mail.sandbox.test",
            ident="sandbox",
            tls_context=self._tls,
            auth_require_tls=self._tls is not None,
            auth_required=False,
            authenticator=self._handler.authenticate,
            loop=asyncio.get_running_loop(),
            enable_SMTPUTF8=True,
        )


class _Session(SMTP):
    """One connection, known to the server while it lives."""

    def __init__(
        self,
        handler: MailHandler,
        *,
        on_open: Callable[[_Session], None],
        on_close: Callable[[_Session], None],
        **options: Any,
    ) -> None:
        super().__init__(handler, **options)
        self._on_open = on_open
        self._on_close = on_close

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._on_open(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._on_close(self)

    def end(self) -> asyncio.Task[None] | None:
        """Closes the connection; returns the task that served it."""
        if self.transport is not None:
            self.transport.close()
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        return self._handler_coroutine


def _close(server: SMTP) -> None:
    if server.transport is not None:
        server.transport.close()


def _cut(server: SMTP) -> None:
    """End the connection without a word: what the caller was to be told is lost."""
    if isinstance(server.transport, asyncio.Transport):
        server.transport.abort()


def _delivery_status_notification(*, to: str, recipient: str, headers: Message, date: str, number: int) -> Message:
    """multipart/report as RFC 3464 and RFC 6522 want it: words, status per recipient, the original's headers."""
    report = MIMEMultipart("report")
    report.set_param("report-type", "delivery-status")
    report["From"] = "Mail Delivery Subsystem <mailer-daemon@mail.sandbox.test>"
    report["To"] = to
    report["Subject"] = "Undelivered Mail Returned to Sender"
    report["Date"] = date
    report["Message-ID"] = f"<bounce-{number}@mail.sandbox.test>"
    report["Auto-Submitted"] = "auto-replied"
    if headers.get("Message-ID"):
        report["References"] = str(headers["Message-ID"])
    report.attach(MIMEText(f"Your message could not be delivered to <{recipient}>.\n", "plain", "utf-8"))
    per_message, per_recipient = Message(), Message()
    per_message["Reporting-MTA"] = "dns; mail.sandbox.test"
    per_message["Arrival-Date"] = date
    per_recipient["Final-Recipient"] = f"rfc822; {recipient}"
    per_recipient["Action"] = "failed"
    per_recipient["Status"] = "5.1.1"
    per_recipient["Diagnostic-Code"] = "smtp; 550 5.1.1 The email account does not exist"
    status = Message()
    status["Content-Type"] = "message/delivery-status"
    status.set_payload([per_message, per_recipient])
    report.attach(status)
    original = EmailMessage(policy=policy.compat32)
    for name, value in headers.items():
        if name.lower() in ("message-id", "subject", "from", "to", "date"):
            original[name] = value
    rfc822_headers = MIMEText(original.as_string(), _subtype="rfc822-headers", _charset="utf-8")
    report.attach(rfc822_headers)
    return report
