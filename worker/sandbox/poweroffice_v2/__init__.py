"""PowerOffice Go API v2 as far as vouchers need it; over the same books as v1, so that both see one ledger."""
