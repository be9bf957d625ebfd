"""A voucher as it is posted to v2, made into the books' own draft."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from worker.sandbox.client_books import ErpRefusal
from worker.sandbox.poweroffice_v2.dtos import VAT_CODES
from worker.sandbox.records import VoucherDraft, VoucherLine, VoucherService

_VAT_IDS = {row[0] for row in VAT_CODES}


def draft(service: VoucherService, body: dict[str, Any], *, codes: Mapping[int, int]) -> VoucherDraft:
    """From BankVoucherPostDto or ManualVoucherPostDto, names in lower case. Raises ErpRefusal."""
    currency = _text(body, "CurrencyCode", longest=3)
    if not currency:
        raise ErpRefusal("The CurrencyCode field is required.")
    lines = body.get("voucherlines")
    if not isinstance(lines, list):
        raise ErpRefusal("The voucher has no lines.")
    imported = body.get("importedvoucherno")
    return VoucherDraft(
        service=service,
        on=_date(body, "VoucherDate"),
        currency_code=currency,
        lines=tuple(_line(service, line, codes) for line in cast("list[Any]", lines)),
        description=_text(body, "Description"),
        reference=_text(body, "ExternalImportReference"),
        imported_voucher_no=imported if isinstance(imported, int) else None,
        saft_source_id=_text(body, "SaftSourceId", longest=35),
        saft_batch_id=_text(body, "SaftBatchId", longest=35),
    )


def _line(service: VoucherService, posted: Any, codes: Mapping[int, int]) -> VoucherLine:
    if not isinstance(posted, dict):
        raise ErpRefusal("A voucher line is not valid.")
    line = cast("dict[str, Any]", posted)
    account_id, vat_id = line.get("accountid"), line.get("vatid")
    if not isinstance(account_id, int):
        raise ErpRefusal("The AccountId field is required.")
    if account_id not in codes:
        raise ErpRefusal(f"Account with id {account_id} was not found.", kind="NotFound")
    if vat_id not in _VAT_IDS:
        raise ErpRefusal("The VatId field is required and must be the id of a VAT code.")
    # Of these, manual lines have neither InvoiceNo nor Cid, and an unknown field is passed over in silence.
    bank = service == "BankJournalVoucher"
    return VoucherLine(
        account_code=codes[account_id],
        amount=_amount(line.get("currencyamount")),
        on=_date(line, "PostingDate"),
        invoice_no=_text(line, "InvoiceNo") if bank else None,
        cid=_text(line, "Cid", longest=25) if bank else None,
        custom_matching_reference=_text(line, "CustomMatchingReference"),
        currency_code=_text(line, "CurrencyCode"),
        description=_text(line, "Description"),
        external_import_line_reference=_text(line, "ExternalLineReference"),
    )


def _amount(number: Any) -> Decimal:
    """A double as the vendor books it: two decimals, never zero."""
    try:
        amount = Decimal(str(number)).quantize(Decimal("0.01"))
    except InvalidOperation:
        amount = Decimal(0)
    if isinstance(number, bool | str) or not amount:
        raise ErpRefusal("CurrencyAmount must be positive or negative, not 0.")
    return amount


def _text(body: dict[str, Any], name: str, *, longest: int | None = None) -> str | None:
    value = body.get(name.lower())
    if value is None:
        return None
    if not isinstance(value, str) or (longest is not None and len(value) > longest):
        raise ErpRefusal(f"The field {name} must be a text{f' of at most {longest} characters' if longest else ''}.")
    return value


def _date(body: dict[str, Any], name: str) -> date:
    try:
        return datetime.fromisoformat(str(body.get(name.lower()))).date()
    except ValueError:
        raise ErpRefusal(f"The {name} field must be a date.") from None
