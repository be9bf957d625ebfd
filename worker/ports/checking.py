"""What a counterparty can be asked about ourselves without anything being sent: for `doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from worker.ports.consumer import ConsumerChannel
from worker.ports.letters import PrintHouse
from worker.ports.mail import MailServer
from worker.ports.peppol import AccessPoint


@dataclass(frozen=True, slots=True)
class Checked:
    """It let us in. `words`: what was seen, without names or keys. `unproven`: what it cannot be asked; may be empty.

    `mend`: something is not as it should be though it works, and what to do; may be empty.
    """

    words: str
    unproven: str = ""
    mend: str = ""


class CheckedAccessPoint(AccessPoint, Protocol):
    async def check(self, *, sender: str, tenant: str) -> Checked:
        """Whether we are let in, and as far as it can be asked whether it knows the seller (`0192:<nine digits>`).

        Raises AccessDenied (our keys, or it does not know the seller) and TryLater.
        """
        ...


class CheckedConsumerChannel(ConsumerChannel, Protocol):
    async def check(self, *, tenant: str) -> Checked:
        """Whether we are let in as the client. Raises as CheckedAccessPoint does."""
        ...


class CheckedMailServer(MailServer, Protocol):
    async def check(self) -> Checked:
        """Connects, encrypts and logs in as set, and says goodbye. Raises AccessDenied and Unavailable."""
        ...


class CheckedPrintHouse(PrintHouse, Protocol):
    async def check(self) -> Checked:
        """Writes, renames and removes an empty file that is no letter. Raises AccessDenied and TryLater."""
        ...
