"""phoss-ap, the open access point one can run oneself."""

from worker.adapters.access_point.phoss_ap.client import TIMEOUTS, PhossAp

__all__ = ["TIMEOUTS", "PhossAp"]
