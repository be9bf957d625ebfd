"""The debtor's door: a link and a code give the invoice, and the opening is recorded."""

from worker.portal.access import LinkBook
from worker.portal.app import create_app

__all__ = ["LinkBook", "create_app"]
