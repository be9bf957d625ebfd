"""The mailbox bounces come back to."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from worker.model.bounce import MailReport


class Filed(StrEnum):
    """Where a message that has been read is put."""

    PROCESSED = "processed"
    UNMATCHED = "unmatched"  # for a person to look at


class OpenMailbox(Protocol):
    """The mailbox, with its messages. A call raises Unavailable when the connection breaks; nothing is lost then."""

    async def waiting(self, *, limit: int) -> tuple[str, ...]:
        """Ids of the oldest messages that nobody has put away yet. An id is good for this session only."""
        ...

    async def read(self, *, uid: str) -> MailReport | None:
        """The message, read without changing it; None when somebody else has put it away meanwhile."""
        ...

    async def put_away(self, *, uid: str, where: Filed) -> None:
        """Moves it into the folder, which is made if it is missing. Harmless when it has been moved before."""
        ...


class Mailbox(Protocol):
    def session(self) -> AbstractAsyncContextManager[OpenMailbox]:
        """Raises Unavailable (nobody answers) or AccessDenied (user or password) on entering."""
        ...
