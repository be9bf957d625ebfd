"""PowerOffice Go API v1 as the vendor's pages describe it, quirks included; over the books in `sandbox.erp`."""
