"""Stamping: the invoice becomes the factor's: account, KID, pledge notice and payee, in XML and on paper."""

from worker.stamping.making import StampingConfig
from worker.stamping.step import run

__all__ = ["StampingConfig", "run"]
