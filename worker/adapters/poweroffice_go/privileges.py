"""The privileges our key needs in PowerOffice Go v1. They belong to the application key and are granted by the vendor.

Factoring's and the vouchers' names stand in the vendor's documents; the others follow their pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FACTORING: Final[Mapping[str, str]] = {
    "Factoring_Full": "the list, the documents and the reports of delivery",
    "Client": "whose key it is",
    "Customer": "customer cards",
}
RETURN_DATA: Final[Mapping[str, str]] = {
    "BankJournalVoucher_Full": "payments",
    "ManualJournalVoucher_Full": "fees and adjustments",
    "GeneralLedgerAccount": "the accounts",
    "CustomerLedger": "matching payments with invoices",
    "TrialBalance": "the balance of the clearing account",
}
CERTAIN: Final = frozenset({"Factoring_Full", "BankJournalVoucher_Full", "ManualJournalVoucher_Full"})
WHERE: Final = (
    "ask go-api@poweroffice.no to grant it to the factor's application key; it counts with the next token (20 minutes)"
)
MODULE: Final = "the client's Go lacks the module it needs: the client adds it to its subscription with PowerOffice"
