"""E-mail over SMTP to the factor's own mail server."""

from worker.adapters.mail.client import Security, SmtpServer

__all__ = ["Security", "SmtpServer"]
