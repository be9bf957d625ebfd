"""How much goes to one counterparty at once, over all clients of a process; whoever came first goes first.

Without it thirty clients would meet the access point with thirty times what one may send at once.
"""

from __future__ import annotations

import asyncio

from worker.model.channel import Channel

SUBMISSIONS = 8  # EHF at the access point; it sends on to the receiver while we wait
CONSUMER_CALLS = 8  # at the eFaktura provider
MAIL_CONNECTIONS = 4  # many mail servers let a sender have no more than ten
CODE_CONNECTIONS = 2  # beside those: somebody waits for a code in front of the screen
PRINT_CALLS = 2  # they share one SFTP connection


class Lanes:
    """One for the process. `mail_connections`: where the mail server allows another number."""

    def __init__(self, *, mail_connections: int = MAIL_CONNECTIONS) -> None:
        mail = asyncio.Semaphore(mail_connections)
        self._lanes = {
            Channel.EHF: asyncio.Semaphore(SUBMISSIONS),
            Channel.EFAKTURA: asyncio.Semaphore(CONSUMER_CALLS),
            Channel.EMAIL_LINK: mail,
            Channel.EMAIL_PDF: mail,
            Channel.LETTER: asyncio.Semaphore(PRINT_CALLS),
        }
        self.codes = asyncio.Semaphore(CODE_CONNECTIONS)

    def of(self, channel: Channel) -> asyncio.Semaphore:
        """The lane to the counterparty that carries the channel."""
        return self._lanes[channel]
