"""Storecove, an access point provider with one account for many sellers."""

from worker.adapters.storecove.client import Storecove

__all__ = ["Storecove"]
