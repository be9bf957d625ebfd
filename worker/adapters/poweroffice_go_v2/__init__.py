"""PowerOffice Go, API v2: vouchers only, for it has no factoring service."""

from worker.adapters.poweroffice_go_v2.client import PowerOfficeGoV2Vouchers

__all__ = ["PowerOfficeGoV2Vouchers"]
