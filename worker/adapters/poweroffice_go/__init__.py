"""PowerOffice Go, API v1 (the dedicated factoring service exists in v1 only)."""

from worker.adapters.poweroffice_go.client import PowerOfficeGo

__all__ = ["PowerOfficeGo"]
