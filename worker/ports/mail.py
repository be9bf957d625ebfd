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
    """One e-mail. `message_id` is ours and the same on every try. `to` may hold several addresses. `return_path`: where
    its bounces go; empty for the address in From."""

    message_id: str
    to: tuple[str, ...]
    sender_name: str
    subject: str
    text: str
    html: str
    date: datetime
    reply_to: str = ""
    attachments: tuple[MailAttachment, ...] = ()
    return_path: str = ""


@dataclass(frozen=True, slots=True)
class MailReceipt:
    """The mail server has taken the mail. `answer`: its words ("250 queued as ..."). `turned_down`: recipients it would
    not take while it took others, by place in `to`, with its words (no addresses)."""

    answer: str
    turned_down: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        return "; ".join((self.answer, *(f"recipient {place}: {words}" for place, words in self.turned_down)))


class Mailer(Protocol):
    """An open connection to the mail server; many messages may go over it."""

    async def send(self, *, mail: OutboundMail) -> MailReceipt:
        """Refused when no recipient was accepted (5xx), or the message was not."""
        ...


class MailServer(Protocol):
    def session(self) -> AbstractAsyncContextManager[Mailer]:
        """Connects lazily at the first message; closes at exit."""
        ...
