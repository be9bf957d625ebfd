"""PowerOffice Go v1 on the wire: the envelope, the odd timestamps, the number/text fields, request bodies.

Null properties are left out of answers, field names differ in case between versions of the vendor's own documents
(`cID`, `cid`), and the newer host may leave the envelope out. Every reader here tolerates that and nothing else.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import quote

import orjson

from worker.model.voucher import AccountKind, Voucher, VoucherKind, VoucherLine
from worker.support.loose_json import Row, day, instant, mask, money, number_text, row_of, rows_of, text, whole

__all__ = [
    "Envelope",
    "Row",
    "Unreadable",
    "code_filter",
    "created_since",
    "day",
    "delivered_body",
    "instant",
    "list_query",
    "mask",
    "match_body",
    "money",
    "number_text",
    "raw_text",
    "read_envelope",
    "row_of",
    "rows_of",
    "status_body",
    "text",
    "voucher_body",
    "whole",
]


class Unreadable(ValueError):
    """The body is not an answer of this API."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`success` None: the answer has no envelope. `words` is the vendor's explanation, masked; `exception` its kind."""

    success: bool | None
    data: Any
    count: int | None
    words: str
    exception: str = ""

    def rows(self) -> list[Any]:
        """A list answer's elements. Raises Unreadable when it is not a list."""
        if self.data is None:
            return []
        if not isinstance(self.data, list):
            raise Unreadable("not a list")
        return cast("list[Any]", self.data)

    def row(self) -> Row:
        """A single object; a list of one counts as one. Raises Unreadable."""
        data = self.data
        if isinstance(data, list) and len(cast("list[Any]", data)) == 1:
            data = cast("list[Any]", data)[0]
        row = row_of(data)
        if row is None:
            raise Unreadable("not an object")
        return row


def read_envelope(content: bytes) -> Envelope:
    """The answer's envelope. Raises Unreadable when the body is empty or not a JSON object or list."""
    try:
        body: Any = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    if isinstance(body, list):
        return Envelope(None, body, None, "")
    top = row_of(body)
    if top is None:
        raise Unreadable("neither object nor list")
    success = top.get("success")
    if isinstance(success, bool):
        validation = row_of(top.get("validation")) or {}
        return Envelope(
            success, top.get("data"), whole(top.get("count")), _words(validation), text(validation.get("exception"))
        )
    if "items" in top:
        return Envelope(None, top["items"], whole(top.get("totalcount")), "")
    if "data" in top:
        return Envelope(None, top["data"], whole(top.get("count")), "")
    return Envelope(None, body, None, "")


def raw_text(value: Any) -> str:
    """The element as JSON text, for keeping as evidence."""
    return orjson.dumps(value).decode()


def list_query(*, filter_: str, order_by: str, top: int, skip: int) -> str:
    """The OData query. `$orderby` is mandatory with `$top` and `$skip`; blanks go as %20, which every host reads."""
    parts = {"$filter": f"({filter_})" if filter_ else "", "$orderby": order_by, "$top": str(top), "$skip": str(skip)}
    return "&".join(f"{name}={quote(value, safe='()')}" for name, value in parts.items() if value)


def created_since(instant: datetime) -> str:
    """A filter on CreatedDate, which wants DateTimeOffset and shows no offset in the documented form: read as UTC."""
    return f"CreatedDate ge DateTimeOffset'{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S}'"


def delivered_body(*, erp_id: str, kid: str, comment: str, file_name: str, pdf: bytes) -> bytes:
    """FactoringInvoiceDetailsDeliveredRequest. The file name's extension decides the MIME type in Go."""
    body: dict[str, Any] = {
        "factoringInvoiceId": erp_id,
        "comment": comment,
        "file": {"fileName": file_name, "base64EncodedData": base64.b64encode(pdf).decode("ascii")},
    }
    if kid:
        body["invoiceCid"] = kid
    return orjson.dumps(body)


def status_body(*, erp_id: str, status: int, description: str) -> bytes:
    """FactoringInvoiceStatusRequest."""
    return orjson.dumps(
        {
            "factoringInvoiceId": erp_id,
            "factoringInvoiceStatus": status,
            "factoringInvoiceStatusDescription": description,
        }
    )


def _words(found: Row) -> str:
    named: list[str] = []
    for label, key in (("", "summary"), ("exception ", "exception"), ("reference ", "errorlogreference")):
        if words := text(found.get(key)):
            named.append(label + mask(words))
    fields = found.get("fields")
    if isinstance(fields, Mapping) and fields:
        named.append("fields " + ", ".join(mask(str(key)) for key in cast("Mapping[Any, Any]", fields)))
    return "; ".join(named)


def code_filter(codes: Sequence[int]) -> str:
    """`Code eq 1 or Code eq 2`: filters use PascalCase names, and numbers only."""
    return " or ".join(f"Code eq {code}" for code in codes)


def voucher_body(voucher: Voucher) -> bytes:
    """BankJournalVoucher or ManualJournalVoucher. Account numbers must be digits."""
    body: dict[str, Any] = {
        "voucherDate": voucher.date.isoformat(),
        "currencyCode": voucher.currency,
        "description": voucher.description,
        "externalImportReference": voucher.reference,
        "lines": [_voucher_line(line, voucher) for line in voucher.lines],
    }
    if voucher.saft_source:
        body["saftSourceId"] = voucher.saft_source
    if voucher.saft_batch:
        body["saftBatchId"] = voucher.saft_batch
    return orjson.dumps(body)


def match_body(*, entry_ids: Sequence[int], on: date) -> bytes:
    """What MatchEntries takes."""
    return orjson.dumps({"matchDate": on.isoformat(), "entryIds": list(entry_ids)})


def _voucher_line(line: VoucherLine, voucher: Voucher) -> dict[str, Any]:
    row: dict[str, Any] = {
        "accountCode": int(line.account.number),
        # Written digit by digit: an amount never passes through a float on its way out.
        "amount": orjson.Fragment(f"{line.amount.amount:.2f}"),
        "date": voucher.date.isoformat(),
        "vatCode": "0",
        "description": line.description,
        "externalImportLineReference": line.reference,
    }
    if voucher.kind is VoucherKind.BANK and line.account.kind is AccountKind.CUSTOMER:
        if line.invoice_number:
            row["invoiceNo"] = line.invoice_number
        if line.kid:
            row["cID"] = line.kid
    return row
