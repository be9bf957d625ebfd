"""PowerOffice Go v2 on the wire: bare lists and objects, ProblemDetails, flat queries, request bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast
from urllib.parse import quote

import orjson

from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.support.loose_json import mask, row_of, text


class Unreadable(ValueError):
    """The body is not JSON."""


def read(content: bytes) -> Any:
    """The body's JSON. Raises Unreadable, also when it is empty."""
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error


def problem(content: bytes) -> str:
    """The vendor's words in ProblemDetails or a gateway's message, masked; empty when the body is neither.

    Names are read without regard to case: the schema and the vendor's samples differ. `errors` is where the framework
    puts what is wrong with each field.
    """
    try:
        row = row_of(read(content))
    except Unreadable:
        return ""
    if row is None:
        return ""
    words = [mask(text(row.get(name))) for name in ("title", "detail", "message")]
    errors = row.get("errors")
    if isinstance(errors, Mapping):
        for field, said in cast("Mapping[Any, Any]", errors).items():
            lines = cast("list[Any]", said) if isinstance(said, list) else [said]
            words.append(mask(f"{field}: {' '.join(text(line) for line in lines)}"))
    return "; ".join(word for word in words if word)


def query(path: str, **parts: str | int | bool | None) -> str:
    """The path with a flat query; None leaves a name out. Commas stay as they are: they part the values of a list."""
    named = [
        f"{name}={quote(str(value).lower() if isinstance(value, bool) else str(value), safe=',')}"
        for name, value in parts.items()
        if value is not None
    ]
    return f"{path}?{'&'.join(named)}" if named else path


def numbers(codes: Sequence[int]) -> str:
    """`1920,7770`."""
    return ",".join(str(code) for code in codes)


def voucher_body(voucher: Voucher, *, ids: Mapping[VoucherAccount, int], vat_id: int) -> bytes:
    """BankVoucherPostDto or ManualVoucherPostDto."""
    body: dict[str, Any] = {
        "VoucherDate": voucher.date.isoformat(),
        "CurrencyCode": voucher.currency,
        "Description": voucher.description,
        "ExternalImportReference": voucher.reference,
        "VoucherLines": [_line(line, voucher.kind, voucher.date, ids[line.account], vat_id) for line in voucher.lines],
    }
    if voucher.saft_source:
        body["SaftSourceId"] = voucher.saft_source
    if voucher.saft_batch:
        body["SaftBatchId"] = voucher.saft_batch
    return orjson.dumps(body)


def _line(line: VoucherLine, kind: VoucherKind, on: date, account_id: int, vat_id: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "AccountId": account_id,
        "PostingDate": on.isoformat(),
        # Written digit by digit: an amount never passes through a float on its way out.
        "CurrencyAmount": orjson.Fragment(f"{line.amount.amount:.2f}"),
        "VatId": vat_id,
        "Description": line.description,
        "ExternalLineReference": line.reference,
    }
    if kind is VoucherKind.BANK and line.account.kind is AccountKind.CUSTOMER:
        # One of them only: which wins when both are given is not documented, and a KID wants the full amount.
        if line.invoice_number:
            row["InvoiceNo"] = line.invoice_number
        elif line.kid:
            row["Cid"] = line.kid
    return row
