"""What belongs to e-mail besides sending deliveries: bounces, and codes in mails of their own."""

from __future__ import annotations

from dataclasses import dataclass, field

from worker import delivery
from worker.adapters.mailbox import ImapServer
from worker.ports import Filed, Mailbox
from worker.settings import WorkerSettings
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.summary import Summary
from worker.wiring.looking import SharedLook


@dataclass(slots=True)
class BounceBox:
    """The mailbox all clients' bounces come back to, looked into by whoever comes first."""

    mailbox: Mailbox
    config: delivery.BounceConfig
    db: Database
    halt: Halt
    _shared: SharedLook = field(default_factory=SharedLook)

    async def look(self, clock: Clock) -> Summary:
        """Reads what waits; nothing when somebody of this house did a moment ago."""
        return await self._shared.look(
            clock,
            lambda: delivery.run_bounces(
                clock=clock, config=self.config, db=self.db, mailbox=self.mailbox, halt=self.halt
            ),
        )


def build_bounce_box(settings: WorkerSettings, db: Database, halt: Halt) -> BounceBox | None:
    """None when no mailbox is set."""
    if not settings.imap_host:
        return None
    mailbox = ImapServer(
        host=settings.imap_host,
        port=settings.imap_port,
        security=settings.imap_security,
        user=settings.imap_user,
        password=settings.imap_password.get_secret_value(),
        folder=settings.imap_folder,
        folders={
            Filed.PROCESSED: settings.imap_processed_folder,
            Filed.UNMATCHED: settings.imap_unmatched_folder,
        },
        timeout=settings.imap_timeout_seconds,
    )
    config = delivery.BounceConfig(
        bounce_address=settings.bounce_address,
        message_id_domain=settings.smtp_from.rpartition("@")[2],
        server_key=settings.portal_key.get_secret_value().encode(),
    )
    return BounceBox(mailbox, config, db, halt)
