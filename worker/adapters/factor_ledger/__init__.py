"""The factor's own ledger, as a folder it reads claims from."""

from worker.adapters.factor_ledger.folder import FolderFactorLedger

__all__ = ["FolderFactorLedger"]
