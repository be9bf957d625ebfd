"""Routing: which way out, and why; and the next way when one has failed."""

from worker.routing.choose import RoutingRules
from worker.routing.fallback import run as run_fallback
from worker.routing.reach import RememberedReach
from worker.routing.resending import resend_address
from worker.routing.step import run

__all__ = ["RememberedReach", "RoutingRules", "resend_address", "run", "run_fallback"]
