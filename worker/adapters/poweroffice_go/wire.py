"""PowerOffice Go v1 on the wire: the envelope, the odd timestamps, the number/text fields, request bodies.

Null properties are left out of answers, field names differ in case between versions of the vendor's own documents
(`cID`, `cid`), and the newer host may leave the envelope out. Every reader here tolerates that and nothing else.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson

_OSLO = ZoneInfo("Europe/Oslo")
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_MASKED = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+|(?<!\d)\d{11}(?!\d)")

Row = dict[str, Any]  # keys in lower case


class Unreadable(ValueError):
    """The body is not an answer of this API."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """`success` None: the answer has no envelope. `words` is the vendor's explanation, masked."""

    success: bool | None
    data: Any
    count: int | None
    words: str

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
        return Envelope(success, top.get("data"), whole(top.get("count")), _words(top.get("validation")))
    if "items" in top:
        return Envelope(None, top["items"], whole(top.get("totalcount")), "")
    if "data" in top:
        return Envelope(None, top["data"], whole(top.get("count")), "")
    return Envelope(None, body, None, "")


def row_of(value: Any) -> Row | None:
    """An object with its keys in lower case, or None when it is not an object."""
    if not isinstance(value, dict):
        return None
    return {str(key).lower(): item for key, item in cast("dict[Any, Any]", value).items()}


def raw_text(value: Any) -> str:
    """The element as JSON text, for keeping as evidence."""
    return orjson.dumps(value).decode()


def text(value: Any) -> str:
    """Text or number as text without surrounding blanks; empty for anything else (null, true, objects)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def number_text(value: Any) -> str:
    """A number that is a name (invoice, customer), as text: `10045.0` on the wire is still 10045."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else text(value)


def whole(value: Any) -> int | None:
    """A whole number given as number or text (`10045`, `"10045"`, `10045.0`), else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return int(text(value)) if len(text(value)) < 20 else None
    except ValueError:
        return None


def instant(value: Any) -> datetime | None:
    """A timestamp such as `2025-11-04T09:57:29 +00:00` (blank before the offset). Without an offset: UTC."""
    raw = _BLANK_BEFORE_OFFSET.sub("", text(value))
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def day(value: Any) -> date | None:
    """A date, or the Norwegian date of a timestamp with an offset (midnight in Oslo is 22:00 or 23:00 UTC)."""
    raw = _BLANK_BEFORE_OFFSET.sub("", text(value))
    try:
        moment = datetime.fromisoformat(raw)
    except ValueError:
        return None
    return (moment.astimezone(_OSLO) if moment.tzinfo else moment).date()


def mask(words: str) -> str:
    """Words of theirs without e-mail addresses and eleven-digit numbers (personal numbers, accounts)."""
    return _MASKED.sub("***", words)


def list_query(*, filter_: str, order_by: str, top: int, skip: int) -> str:
    """The OData query. `$orderby` is mandatory with `$top` and `$skip`; blanks go as %20, which every host reads."""
    parts = {"$filter": f"({filter_})" if filter_ else "", "$orderby": order_by, "$top": str(top), "$skip": str(skip)}
    return "&".join(f"{name}={quote(value, safe='()')}" for name, value in parts.items() if value)


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
    return orjson.dumps({
        "factoringInvoiceId": erp_id,
        "factoringInvoiceStatus": status,
        "factoringInvoiceStatusDescription": description,
    })


def _words(validation: Any) -> str:
    found = row_of(validation)
    if found is None:
        return ""
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
