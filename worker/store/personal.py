"""Where personal data lies in the store, and when it goes. docs/data-protection.md tells it column by column.

A test holds every column that takes outsiders' words against these two lists: a new one has to be judged first.
"""

from __future__ import annotations

from enum import StrEnum


class Removal(StrEnum):
    """What takes a column's content away (`purge`), or why it stays."""

    DOCUMENTS = "documents"  # the bytes an invoice's hashes name, RETENTION_YEARS after the year's end
    PERSONAL_DATA = "personal_data"  # with its invoice, RETENTION_PERSONAL_YEARS after the year's end
    SETTLEMENT = "settlement"  # the same, of money and vouchers
    SETTLEMENT_FILES = "settlement_files"  # with the file's bytes, RETENTION_YEARS after the year's end
    LINKS = "links"
    WORDS = "words"
    CALLERS = "callers"
    LOOKUPS = "lookups"
    RUNS = "runs"
    KEPT = "kept"  # numbers that tell who it is only together with the client's own records; who of the staff did it


_R = Removal
PERSONAL: dict[str, tuple[Removal, ...]] = {
    "invoices.erp_row": (_R.PERSONAL_DATA,),
    "invoices.debtor": (_R.PERSONAL_DATA,),
    "invoices.parked_detail": (_R.PERSONAL_DATA,),
    "invoices.route_reason": (_R.PERSONAL_DATA,),
    "invoices.number": (_R.KEPT,),
    "invoices.credited_number": (_R.KEPT,),
    "invoices.debtor_code": (_R.KEPT,),
    "invoices.kid": (_R.KEPT,),
    "kids.kid": (_R.KEPT,),
    "warnings.detail": (_R.PERSONAL_DATA,),
    "events.detail": (_R.PERSONAL_DATA,),
    "decisions.reason": (_R.PERSONAL_DATA,),
    "decisions.considered": (_R.PERSONAL_DATA,),
    "decisions.evidence": (_R.PERSONAL_DATA,),
    "deliveries.address": (_R.PERSONAL_DATA,),
    "deliveries.reason": (_R.PERSONAL_DATA,),
    "deliveries.ended_reason": (_R.PERSONAL_DATA,),
    "deliveries.vendor_reference": (_R.PERSONAL_DATA,),
    "deliveries.asked_by": (_R.PERSONAL_DATA,),
    "deliveries.opened_at": (_R.KEPT,),
    "attempts.answer": (_R.PERSONAL_DATA, _R.SETTLEMENT),
    "postbacks.text": (_R.PERSONAL_DATA,),
    "failed_recipients.position": (_R.PERSONAL_DATA,),
    "links.token_hash": (_R.LINKS, _R.PERSONAL_DATA),
    "links.code_mac": (_R.LINKS, _R.PERSONAL_DATA),
    "links.opened_at": (_R.LINKS, _R.PERSONAL_DATA),
    "code_requests.code_mac": (_R.LINKS, _R.PERSONAL_DATA),
    "code_requests.caller": (_R.CALLERS,),
    "portal_guards.prefix": (_R.CALLERS,),
    "bounces.detail": (_R.WORDS, _R.PERSONAL_DATA),
    "bounces.note": (_R.WORDS, _R.PERSONAL_DATA),
    "print_receipts.detail": (_R.WORDS, _R.PERSONAL_DATA),
    "print_receipts.note": (_R.WORDS, _R.PERSONAL_DATA),
    "print_receipts.file": (_R.WORDS, _R.PERSONAL_DATA),
    "ehf_responses.answer": (_R.WORDS, _R.PERSONAL_DATA),
    "provider_notices.content": (_R.WORDS,),
    "daily_reports.answer": (_R.WORDS,),
    "reach.participant": (_R.LOOKUPS,),
    "reach.evidence": (_R.LOOKUPS,),
    "completeness_checks.findings": (_R.RUNS,),
    "settlement_items.facts": (_R.SETTLEMENT,),
    "settlement_items.note": (_R.SETTLEMENT,),
    "vouchers.content": (_R.SETTLEMENT,),
    "vouchers.answer": (_R.SETTLEMENT,),
    "vouchers.held": (_R.SETTLEMENT,),
    "settlement_files.name": (_R.SETTLEMENT_FILES,),
    "client_pauses.paused_by": (_R.KEPT,),
    "client_pauses.resumed_by": (_R.KEPT,),
    "client_pauses.note": (_R.KEPT,),
}

# Words of outsiders, and JSON, that say nothing of a person: names of clients, of files we made, ids, closed words.
HARMLESS = frozenset(
    {
        "account_checks.accounts", "account_checks.client", "account_checks.findings", "attempts.vendor_reference",
        "client_pauses.client", "completeness_checks.client", "daily_reports.client", "deliveries.batch",
        "invoices.client", "invoices.erp_id", "invoices.registered_as", "print_receipts.job", "provider_notices.key",
        "provider_notices.notice_id", "provider_notices.reference", "provider_notices.word",
        "settlement_files.identity", "settlement_files.line", "settlement_files.reason", "settlement_files.skipped",
        "settlement_items.client", "settlement_items.position", "settlement_items.source_key", "slots.client",
        "slots.summary", "vouchers.client", "vouchers.erp_id",
    }
)  # fmt: skip
