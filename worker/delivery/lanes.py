"""How much goes to one counterparty at once, over all clients of a process; whoever came first goes first.

Without it thirty clients would meet the access point with thirty times what one may send at once.
"""

from __future__ import annotations

import asyncio

SUBMISSIONS = 8  # EHF at the access point; it sends on to the receiver while we wait
CONSUMER_CALLS = 8  # at the eFaktura provider
MAIL_CONNECTIONS = 4  # many mail servers let a sender have no more than ten
PRINT_CALLS = 2  # they share one SFTP connection


class Lanes:
    """One for the process."""

    def __init__(self) -> None:
        self.access_point = asyncio.Semaphore(SUBMISSIONS)
        self.consumers = asyncio.Semaphore(CONSUMER_CALLS)
        self.mail = asyncio.Semaphore(MAIL_CONNECTIONS)
        self.print_house = asyncio.Semaphore(PRINT_CALLS)
