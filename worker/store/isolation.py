"""One bad invoice never stops a run: what nobody foresaw parks that invoice, and the loop goes on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy.exc import OperationalError

from worker.model.journey import IllegalTransition
from worker.model.parked import ParkedReason
from worker.store import invoices
from worker.store.database import Database
from worker.support.log import get_logger, place
from worker.support.summary import Summary

# Everybody's trouble: never taken for a fault of one invoice or message.
DATABASE_DOWN = OperationalError


@contextmanager
def isolated(db: Database, invoice_id: int, *, now: datetime, summary: Summary) -> Generator[None]:
    """Parks the invoice as `unexpected` when the block raises, with the error's type and place, never its text.

    A database that does not answer is everybody's trouble and is raised.
    """
    try:
        yield
    except DATABASE_DOWN:
        raise
    except IllegalTransition:
        # Another worker, or a person's command, has moved it meanwhile: theirs stands.
        get_logger().warning("invoice.overtaken", invoice=invoice_id)
        summary.count("overtaken")
    except Exception as error:  # noqa: BLE001 - the runner's one net, see above
        get_logger().error("invoice.unexpected", invoice=invoice_id, exc_info=error)
        summary.count("unexpected")
        detail = f"{type(error).__name__} at {place(error.__traceback__)}"
        try:
            invoices.park(db, invoice_id, ParkedReason.UNEXPECTED, detail, now=now)
        except IllegalTransition:
            get_logger().error("invoice.not_parkable", invoice=invoice_id)
