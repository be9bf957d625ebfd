"""The mail server."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MailAttachment:
    file_name: str
    mime: str
    content: bytes


@dataclass(frozen=True, slots=True)
class OutboundMail:
    """One e-mail. `message_id` is ours and the same on every try. `to` may hold several addresses."""

    message_id: str
    to: tuple[str, ...]
    sender_name: str
    subject: str
    text: str
    html: str
    date: datetime
    reply_to: str = ""
    attachments: tuple[MailAttachment, ...] = ()


class Mailer(Protocol):
    """An open connection to the mail server; many messages may go over it."""

    async def send(self, *, mail: OutboundMail) -> str:
        """Returns the server's words ("250 queued as ..."). Refused when no recipient was accepted (5xx)."""
        ...


class MailServer(Protocol):
    def session(self) -> AbstractAsyncContextManager[Mailer]:
        """Connects lazily at the first message; closes at exit."""
        ...
