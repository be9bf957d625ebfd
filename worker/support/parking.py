"""The one line that says an invoice is parked: why, and who can mend it."""

from __future__ import annotations

from worker.model.parked import PARKED, ParkedReason
from worker.support.log import get_logger


def log_parked(reason: ParkedReason) -> None:
    """Logs `invoice.parked`; which invoice is bound by the caller."""
    get_logger().warning("invoice.parked", reason=reason, owner_of_remedy=PARKED[reason].owner)
