"""Who can receive what in the Peppol network: the look-up in DNS (SML) and at the participant's SMP."""

from worker.adapters.peppol.client import TIMEOUTS, PeppolLookup

__all__ = ["TIMEOUTS", "PeppolLookup"]
