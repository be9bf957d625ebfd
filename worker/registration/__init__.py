"""Registration: the claim enters the factor's own ledger, as one file with its stamped XML."""

from worker.registration.step import RegistrationConfig, run

__all__ = ["RegistrationConfig", "run"]
