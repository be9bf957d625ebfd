"""Every table. Times are UTC (`UtcTime`), amounts are integers of minor units, documents are named by SHA-256.

`attempts`, `events`, `decisions` are only ever added to.
"""

from worker.store.tables.clients import client_pauses
from worker.store.tables.deliveries import attempts, deliveries, links, portal_guards, postbacks
from worker.store.tables.ehf import ehf_responses, provider_notices
from worker.store.tables.invoices import decisions, events, invoices, kids, stories, warnings
from worker.store.tables.letters import print_receipts
from worker.store.tables.mail import bounces, code_requests, failed_recipients
from worker.store.tables.reach import reach
from worker.store.tables.reports import completeness_checks, daily_reports
from worker.store.tables.settlement import (
    account_checks,
    fetched_files,
    settlement_files,
    settlement_items,
    voucher_items,
    vouchers,
)
from worker.store.tables.slots import budgets, slots
from worker.store.tables.types import AnyText, AnyWord, UtcTime, metadata

__all__ = [
    "AnyText",
    "AnyWord",
    "UtcTime",
    "account_checks",
    "attempts",
    "bounces",
    "budgets",
    "client_pauses",
    "code_requests",
    "completeness_checks",
    "daily_reports",
    "decisions",
    "deliveries",
    "ehf_responses",
    "events",
    "failed_recipients",
    "fetched_files",
    "invoices",
    "kids",
    "links",
    "metadata",
    "portal_guards",
    "postbacks",
    "print_receipts",
    "provider_notices",
    "reach",
    "settlement_files",
    "settlement_items",
    "slots",
    "stories",
    "voucher_items",
    "vouchers",
    "warnings",
]
