"""The bounce mailbox over IMAP."""

from worker.adapters.mailbox.client import ImapServer

__all__ = ["ImapServer"]
