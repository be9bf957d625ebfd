"""The vendor's shapes: each kind of object as a row of PascalCase properties with typed values, and rows as JSON.

A row is what $filter and $orderby see; `wire` makes the camelCase JSON of it, nulls left out.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from worker.sandbox.erp import SandboxClient
from worker.sandbox.poweroffice.odata import Fields, Row, Type
from worker.sandbox.records import Account, Customer, Invoice, LedgerEntry, Supplier, Voucher, VoucherLine

INVOICE_FIELDS: Fields = {
    "Id": Type.OPAQUE,
    "CustomerCode": Type.NUMBER,
    "CustomerEmail": Type.TEXT,
    "TotalAmount": Type.NUMBER,
    "InvoiceNo": Type.NUMBER,
    "InvoiceDeliveryDate": Type.DATE,
    "InvoiceDate": Type.DATE,
    "DueDate": Type.DATE,
    "CreatedDate": Type.OFFSET,
    "IsDelivered": Type.BOOL,
    "OriginalInvoiceNo": Type.NUMBER,
    "FactoringInvoiceStatus": Type.NUMBER,
    "FactoringInvoiceStatusDescription": Type.TEXT,
    "DebtorEmailAddress": Type.TEXT,
    "DebtorPhoneNumber": Type.TEXT,
    "ProjectCode": Type.TEXT,
    "ProjectName": Type.TEXT,
    "DepartmentCode": Type.TEXT,
    "DepartmentName": Type.TEXT,
}


def invoice_row(invoice: Invoice, card: Customer | None) -> Row:
    """FactoringInvoiceDetails."""
    row: dict[str, Any] = dict.fromkeys(INVOICE_FIELDS)
    row.update(
        Id=invoice.id,
        CustomerCode=invoice.customer_code,
        CustomerEmail=invoice.customer_email or None,
        TotalAmount=invoice.total,
        InvoiceNo=invoice.number,
        InvoiceDate=invoice.invoice_date,
        DueDate=invoice.due_date,
        CreatedDate=invoice.created,
        IsDelivered=invoice.delivered,
        OriginalInvoiceNo=invoice.original_number,
        FactoringInvoiceStatus=invoice.status,
        FactoringInvoiceStatusDescription=invoice.status_text,
        DebtorEmailAddress=(card.email or None) if card else None,
        DebtorPhoneNumber=(card.phone or None) if card else None,
    )
    return row


CUSTOMER_FIELDS: Fields = {
    "Id": Type.NUMBER,
    "Code": Type.NUMBER,
    "Name": Type.TEXT,
    "LegalName": Type.TEXT,
    "IsPerson": Type.BOOL,
    "FirstName": Type.TEXT,
    "LastName": Type.TEXT,
    "VatNumber": Type.TEXT,
    "EmailAddress": Type.TEXT,
    "InvoiceEmailAddress": Type.TEXT,
    "PhoneNumber": Type.TEXT,
    "MailAddress": Type.OPAQUE,
    "StreetAddresses": Type.OPAQUE,
    "InvoiceDeliveryType": Type.NUMBER,
    "UseFactoring": Type.BOOL,
    "IsActive": Type.BOOL,
    "IsArchived": Type.BOOL,
    "LastChanged": Type.OFFSET,
    "CreatedDate": Type.OFFSET,
}


def customer_row(card: Customer) -> Row:
    """Customer. The invoice delivery type is 7, Factoring."""
    address = {
        "address1": card.address1,
        "address2": card.address2,
        "zipCode": card.zip,
        "city": card.city,
        "countryCode": card.country,
    }
    present = {name: text for name, text in address.items() if text}
    return {
        "Id": card.id,
        "Code": card.code,
        "Name": card.name or None,
        "LegalName": None if card.is_person else card.name or None,
        "IsPerson": card.is_person,
        "FirstName": card.first_name or None,
        "LastName": card.last_name or None,
        "VatNumber": card.organisation_number or None,
        "EmailAddress": card.email or None,
        "InvoiceEmailAddress": card.invoice_email or None,
        "PhoneNumber": card.phone or None,
        "MailAddress": {**present, "isPrimary": True} if present else None,
        "StreetAddresses": [],
        "InvoiceDeliveryType": 7,
        "UseFactoring": card.use_factoring,
        "IsActive": card.active,
        "IsArchived": False,
        "LastChanged": card.changed,
        "CreatedDate": card.created,
    }


SUPPLIER_FIELDS: Fields = {
    "Id": Type.NUMBER,
    "Code": Type.NUMBER,
    "Name": Type.TEXT,
    "LegalName": Type.TEXT,
    "IsPerson": Type.BOOL,
    "VatNumber": Type.TEXT,
    "IsActive": Type.BOOL,
    "IsArchived": Type.BOOL,
    "LastChanged": Type.OFFSET,
    "CreatedDate": Type.OFFSET,
}


def supplier_row(card: Supplier) -> Row:
    """Supplier."""
    return {
        "Id": card.id,
        "Code": card.code,
        "Name": card.name or None,
        "LegalName": card.name or None,
        "IsPerson": False,
        "VatNumber": card.organisation_number or None,
        "IsActive": card.active,
        "IsArchived": card.archived,
        "LastChanged": card.changed,
        "CreatedDate": card.created,
    }


ACCOUNT_FIELDS: Fields = {
    "Id": Type.NUMBER,
    "Code": Type.NUMBER,
    "Name": Type.TEXT,
    "VatCode": Type.TEXT,
    "IsActive": Type.BOOL,
    "IsVatCodeLockedAfterPosting": Type.BOOL,
    "IsProjectRequired": Type.BOOL,
    "IsDepartmentRequired": Type.BOOL,
}


def account_row(account: Account) -> Row:
    """GeneralLedgerAccount."""
    return {
        "Id": 410_000 + account.code,
        "Code": account.code,
        "Name": account.name,
        "VatCode": account.vat_code,
        "IsActive": account.active,
        "IsVatCodeLockedAfterPosting": False,
        "IsProjectRequired": False,
        "IsDepartmentRequired": False,
    }


VOUCHER_FIELDS: Fields = {
    "Id": Type.OPAQUE,
    "VoucherNo": Type.NUMBER,
    "VoucherDate": Type.DATE,
    "CurrencyCode": Type.TEXT,
    "Description": Type.TEXT,
    "ExternalImportReference": Type.TEXT,
    "ImportedVoucherNo": Type.NUMBER,
    "SaftSourceId": Type.TEXT,
    "SaftBatchId": Type.TEXT,
    "CreatedDate": Type.OFFSET,
    "IsReversed": Type.BOOL,
    "HasImportedDocumentation": Type.BOOL,
    "Lines": Type.OPAQUE,
}


def voucher_row(voucher: Voucher) -> Row:
    """BankJournalVoucher or ManualJournalVoucher."""
    return {
        "Id": voucher.id,
        "VoucherNo": voucher.number,
        "VoucherDate": voucher.on,
        "CurrencyCode": voucher.currency_code,
        "Description": voucher.description,
        "ExternalImportReference": voucher.reference,
        "ImportedVoucherNo": voucher.imported_voucher_no,
        "SaftSourceId": voucher.saft_source_id,
        "SaftBatchId": voucher.saft_batch_id,
        "CreatedDate": voucher.created,
        "IsReversed": voucher.is_reversed,
        "HasImportedDocumentation": False,
        "Lines": [wire(_line_row(line)) for line in voucher.lines],
    }


def _line_row(line: VoucherLine) -> Row:
    return {
        "AccountCode": line.account_code,
        "Amount": line.amount,
        "Date": line.on,
        "InvoiceNo": line.invoice_no,
        "CID": line.cid,
        "CustomMatchingReference": line.custom_matching_reference,
        "VatCode": line.vat_code,
        "CurrencyCode": line.currency_code,
        "Description": line.description,
        "ExternalImportLineReference": line.external_import_line_reference,
    }


ENTRY_FIELDS: Fields = {
    "Id": Type.NUMBER,
    "Amount": Type.NUMBER,
    "Balance": Type.NUMBER,
    "CustomerCode": Type.NUMBER,
    "DocumentNo": Type.TEXT,
    "CID": Type.TEXT,
    "MatchId": Type.NUMBER,
    "CustomMatchingReference": Type.TEXT,
    "ExternalImportReference": Type.TEXT,
    "IsCreatedByCurrentIntegration": Type.BOOL,
    "VoucherType": Type.NUMBER,
    "VoucherNo": Type.NUMBER,
    "VoucherDate": Type.DATE,
    "IsReversed": Type.BOOL,
    "IsWriteOff": Type.BOOL,
    "FactoringInvoiceStatus": Type.NUMBER,
    "LastChanged": Type.OFFSET,
}


def entry_row(entry: LedgerEntry, factoring_status: int | None) -> Row:
    """CustomerLedgerEntry."""
    return {
        "Id": entry.id,
        "Amount": entry.amount,
        "Balance": entry.balance,
        "CustomerCode": entry.customer_code,
        "DocumentNo": entry.document_no,
        "CID": entry.cid,
        "MatchId": entry.match_id,
        "CustomMatchingReference": entry.custom_matching_reference,
        "ExternalImportReference": entry.external_import_reference,
        "IsCreatedByCurrentIntegration": entry.own,
        "VoucherType": entry.voucher_type,
        "VoucherNo": entry.voucher_no,
        "VoucherDate": entry.on,
        "IsReversed": entry.is_reversed,
        "IsWriteOff": False,
        "FactoringInvoiceStatus": factoring_status,
        "LastChanged": entry.changed,
    }


SUPPLIER_ENTRY_FIELDS: Fields = {
    "SupplierCode" if name == "CustomerCode" else name: kind
    for name, kind in ENTRY_FIELDS.items()
    if name != "FactoringInvoiceStatus"
}


def supplier_entry_row(entry: LedgerEntry) -> Row:
    """SupplierLedgerEntry."""
    row = entry_row(entry, None)
    return {name: row["CustomerCode" if name == "SupplierCode" else name] for name in SUPPLIER_ENTRY_FIELDS}


BALANCE_FIELDS: Fields = {"AccountCode": Type.NUMBER, "AccountName": Type.TEXT, "Balance": Type.NUMBER}


def balance_row(account: Account, balance: Decimal) -> Row:
    """TrialBalanceLine."""
    return {"AccountCode": account.code, "AccountName": account.name, "Balance": balance}


def client_row(client: SandboxClient) -> Row:
    """Client."""
    return {
        "Id": client_id(client),
        "Name": client.name,
        "VatNumber": client.organisation_number,
        "LockDate": client.lock_date,
    }


def client_id(client: SandboxClient) -> int:
    """The vendor's number for the client; here made of its organisation number, as it need only be stable."""
    return 10_000_000 + int("".join(c for c in client.organisation_number if c.isdigit()) or "0") % 10_000_000


def wire(row: Row) -> dict[str, Any]:
    """A row as JSON: camelCase, nulls left out, amounts as doubles, time stamps with the vendor's blank."""
    return {name[0].lower() + name[1:]: _json(value) for name, value in row.items() if value is not None}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S +00:00")
    if isinstance(value, date):
        return value.isoformat()
    return value
