"""Intake: an invoice comes in, is checked, and is accepted or parked with a reason."""

from worker.intake.check import IntakeConfig
from worker.intake.step import run

__all__ = ["IntakeConfig", "run"]
