"""Routing: which way out, and why; and the next way when one has failed."""

from worker.routing.choose import RoutingRules
from worker.routing.fallback import run as run_fallback
from worker.routing.reach import RememberedReach
from worker.routing.step import run

__all__ = ["RememberedReach", "RoutingRules", "run", "run_fallback"]
