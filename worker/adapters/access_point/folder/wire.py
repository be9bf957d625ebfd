"""The files of a folder access point.

`<key>.xml`           the document, byte for byte
`<key>.json`          who to whom and as what; written last, so its presence makes the pair whole
`<key>.receipt.json`  written by the other side: {"state": "...", "reference": "...", "message": "..."}, and when it has
                      the receiver's word "mls" (AP, AB, RE) or "invoice_response" (AB, IP, UQ, CA, RE, AP, PD)

Whoever fetches a document takes both files away, the JSON first.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from worker.ports import OutboundDocument

LONGEST_RECEIPT = 2**20  # bytes

_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}")


class Unreadable(ValueError):
    """The receipt is not one."""


@dataclass(frozen=True, slots=True)
class Receipt:
    state: str
    reference: str
    message: str
    mls: str = ""
    invoice_response: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """The files of one key. `mark` is ours: it outlives the files the other side takes away."""

    xml: Path
    envelope: Path
    receipt: Path
    mark: Path

    @classmethod
    def of(cls, folder: Path, key: str) -> Names | None:
        """None when the key is not fit for a file name."""
        if not _KEY.fullmatch(key):
            return None
        return cls(
            folder / f"{key}.xml", folder / f"{key}.json", folder / f"{key}.receipt.json", folder / ".handed_over" / key
        )


def envelope(document: OutboundDocument) -> bytes:
    """The JSON beside the document (schema version 1)."""
    return orjson.dumps(
        {
            "schema": "factoring-worker/outbound-ehf",
            "schema_version": 1,
            "key": document.key,
            "kind": document.kind.value,
            "sender": document.sender,
            "receiver": document.receiver,
            "document_type_id": document.document_type_id,
            "process_id": document.process_id,
            "country": document.country,
            "file": f"{document.key}.xml",
            "sha256": hashlib.sha256(document.xml).hexdigest(),
            "size": len(document.xml),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def read_receipt(content: bytes) -> Receipt:
    """Raises Unreadable."""
    if len(content) > LONGEST_RECEIPT:
        raise Unreadable(f"longer than {LONGEST_RECEIPT} bytes")
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    row = cast("dict[str, Any]", body)
    state = _text(row.get("state"))
    if not state:
        raise Unreadable("no state")
    return Receipt(
        state,
        _text(row.get("reference")),
        _text(row.get("message")),
        mls=_text(row.get("mls")),
        invoice_response=_text(row.get("invoice_response")),
    )


def _text(value: Any) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""
