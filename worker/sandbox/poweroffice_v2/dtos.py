"""The vendor's v2 shapes: PascalCase, doubles, ISO timestamps, and the internal ids that v2 posts to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from worker.sandbox.client_books import ClientBooks
from worker.sandbox.records import Account, Customer, LedgerEntry, Supplier, Voucher, VoucherLine, VoucherService
from worker.sandbox.transactions import Transaction

NO_VAT_ID = 7001
# id, code, rate, valid from, valid to
VAT_CODES: tuple[tuple[int, str, float, date, date | None], ...] = (
    (7000, "0", 0.0, date(1970, 1, 1), date(2009, 12, 31)),
    (NO_VAT_ID, "0", 0.0, date(2010, 1, 1), None),
    (7003, "3", 25.0, date(2010, 1, 1), None),
)
VOUCHER_TYPES = {
    4: "OutgoingInvoice",
    5: "OutgoingCreditNote",
    11: "ManualJournal",
    19: "BankJournal",
    99: "ReversalVoucher",
}
_BY_SERVICE: dict[VoucherService, str] = {"BankJournalVoucher": "BankJournal", "ManualJournalVoucher": "ManualJournal"}


def account_id(code: int) -> int:
    """A GL account's id."""
    return 410_000 + code


def customer_account_id(card: Customer) -> int:
    """A customer's SubledgerAccountId. A card made anew has another, whatever its number."""
    return card.id - 6_500_000


def supplier_account_id(card: Supplier) -> int:
    """A supplier's SubledgerAccountId."""
    return card.id - 6_400_000


def codes_by_id(books: ClientBooks) -> dict[int, int]:
    """Account numbers by the ids that vouchers name."""
    return {
        **{account_id(code): code for code in books.accounts},
        **{customer_account_id(card): card.code for card in books.customers.values()},
        **{supplier_account_id(card): card.code for card in books.suppliers.values()},
    }


def account_dto(account: Account) -> dict[str, Any]:
    """GeneralLedgerAccountDto."""
    return {
        "Id": account_id(account.code),
        "AccountNo": account.code,
        "Name": account.name,
        "IsActive": account.active,
        "VatCode": account.vat_code,
        "VatCodeId": next((row[0] for row in VAT_CODES if row[1] == account.vat_code and row[4] is None), None),
        "IsVatCodeLocked": False,
        "IsDepartmentRequired": False,
        "IsProjectRequired": False,
    }


def customer_dto(card: Customer) -> dict[str, Any]:
    """CustomerDto, without what the worker has no use for."""
    return {
        "Id": card.id,
        "Number": card.code,
        "SubledgerAccountId": customer_account_id(card),
        "Name": card.name or None,
        "FirstName": card.first_name or None,
        "LastName": card.last_name or None,
        "IsPerson": card.is_person,
        "OrganizationNumber": card.organisation_number or None,
        "IsActive": card.active,
        "IsArchived": False,
        "LastChangedDateTimeOffset": stamp(card.changed),
    }


def supplier_dto(card: Supplier) -> dict[str, Any]:
    """SupplierDto."""
    return {
        "Id": card.id,
        "Number": card.code,
        "SubledgerAccountId": supplier_account_id(card),
        "Name": card.name or None,
        "IsPerson": False,
        "OrganizationNumber": card.organisation_number or None,
        "IsActive": card.active,
        "IsArchived": card.archived,
        "Payout": False,
        "LastChangedDateTimeOffset": stamp(card.changed),
    }


def vat_dtos(*, expired: bool) -> list[dict[str, Any]]:
    """VatCodeDto rows."""
    return [
        {
            "Id": row_id,
            "Code": code,
            "Rate": rate,
            "ValidFrom": first.isoformat(),
            "ValidTo": last.isoformat() if last else None,
            "IsActive": last is None,
        }
        for row_id, code, rate, first, last in VAT_CODES
        if expired or last is None
    ]


def voucher_dto(books: ClientBooks, voucher: Voucher, *, number: int) -> dict[str, Any]:
    """BankVoucherDto or ManualVoucherDto; of the latter the lines have neither Cid nor InvoiceNo."""
    ids = {code: row_id for row_id, code in codes_by_id(books).items()}
    return {
        "Id": voucher.id,
        "VoucherNo": number,
        "VoucherDate": voucher.on.isoformat(),
        "CurrencyCode": voucher.currency_code,
        "Description": voucher.description,
        "ExternalImportReference": voucher.reference,
        "ImportedVoucherNo": voucher.imported_voucher_no,
        "SaftBatchId": voucher.saft_batch_id,
        "SaftSourceId": voucher.saft_source_id,
        "IsReversed": voucher.is_reversed,
        "CreatedDateTimeOffset": stamp(voucher.created),
        "VoucherLines": [_line_dto(voucher, line, ids.get(line.account_code)) for line in voucher.lines],
    }


def _line_dto(voucher: Voucher, line: VoucherLine, row_id: int | None) -> dict[str, Any]:
    dto: dict[str, Any] = {
        "AccountId": row_id,
        "PostingDate": line.on.isoformat(),
        "CurrencyAmount": float(line.amount),
        "CurrencyCode": line.currency_code,
        "CustomMatchingReference": line.custom_matching_reference,
        "Description": line.description,
        "ExternalLineReference": line.external_import_line_reference,
        "VatId": NO_VAT_ID,
    }
    if voucher.service == "BankJournalVoucher":
        dto |= {"Cid": line.cid, "InvoiceNo": line.invoice_no}
    return dto


def voucher_type(voucher: Voucher) -> str:
    return "ReversalVoucher" if voucher.reverses else _BY_SERVICE[voucher.service]


def transaction_dto(books: ClientBooks, row: Transaction) -> dict[str, Any]:
    """AccountTransactionDto. On a sub-ledger, `AccountNo` is the GL account behind it."""
    voucher, line = row.voucher, row.line
    reversed_voucher = books.vouchers.get(voucher.reverses) if voucher.reverses else None
    return {
        "Id": row.id,
        "AccountId": account_id(row.account),
        "AccountNo": row.account,
        "CustomerAccountNo": row.party if row.party in books.customers else None,
        "SupplierAccountNo": row.party if row.party in books.suppliers else None,
        "Amount": float(line.amount),
        "CurrencyAmount": float(line.amount),
        "CurrencyCode": line.currency_code or voucher.currency_code,
        "Description": line.description,
        "VoucherDescription": voucher.description,
        "ExternalImportReference": voucher.reference,
        "PostingDate": line.on.isoformat(),
        "VoucherDate": voucher.on.isoformat(),
        "VoucherId": voucher.id,
        "VoucherNo": voucher.number,
        "VoucherType": voucher_type(voucher),
        "IsReversed": voucher.is_reversed,
        "ReversedVoucherId": reversed_voucher.id if reversed_voucher else None,
        "ReversedVoucherNo": reversed_voucher.number if reversed_voucher else None,
        "VatAmount": 0.0,
        "VatCode": "0",
        "VatId": NO_VAT_ID,
        "VatRate": 0.0,
        "CreatedDateTimeOffset": stamp(voucher.created),
        "LastChangedDateTimeOffset": stamp(voucher.created),
    }


def entry_dto(entry: LedgerEntry, *, party: str) -> dict[str, Any]:
    """CustomerLedgerEntryDto or SupplierLedgerEntryDto: `party` is "Customer" or "Supplier"."""
    return {
        "Id": entry.id,
        "Amount": float(entry.amount),
        "Balance": float(entry.balance),
        "CurrencyAmount": float(entry.amount),
        "CurrencyCode": "NOK",
        "Cid": entry.cid,
        "InvoiceNo": entry.document_no,
        "MatchId": entry.match_id,
        "CustomMatchingReference": entry.custom_matching_reference,
        "ExternalImportReference": entry.external_import_reference,
        f"{party}AccountNo": entry.customer_code,
        "IsCreatedByCurrentIntegration": entry.own,
        "IsWriteOff": False,
        "PostingDate": entry.on.isoformat(),
        "VoucherDate": entry.on.isoformat(),
        "VoucherNo": entry.voucher_no,
        "VoucherType": VOUCHER_TYPES[entry.voucher_type],
        "LastChangedDateTimeOffset": stamp(entry.changed),
    }


def balance_dto(card: Customer, total: Decimal) -> dict[str, Any]:
    """CustomerBalanceDto."""
    return {
        "CustomerId": card.id,
        "CustomerAccountNo": card.code,
        "CustomerName": card.name or None,
        "Balance": float(total),
    }


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
