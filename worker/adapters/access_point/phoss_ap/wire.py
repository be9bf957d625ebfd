"""phoss-ap's REST interface on the wire: addresses, the sending report (phase4), the transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlencode

import orjson

from worker.ports import OutboundDocument


class Unreadable(ValueError):
    """The body is not an answer of phoss-ap."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one try to send came to, as far as we use it. `overall` None: the report does not say."""

    overall: bool | None
    result: str
    message_id: str
    error: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """A document in phoss-ap's queue or archive."""

    instance_id: str
    identifier: str
    status: str
    error: str
    mls: str = ""


def submit_path(document: OutboundDocument) -> str:
    """Path and query of the submission: sender, receiver, document type, process and country as path parts.

    Participants carry their identifier scheme; document type and process ids come with theirs.
    """
    parts = (
        f"iso6523-actorid-upis::{document.sender}",
        f"iso6523-actorid-upis::{document.receiver}",
        document.document_type_id,
        document.process_id,
        document.country,
    )
    path = "/".join(quote(part, safe="") for part in parts)
    return f"/api/outbound/submit/{path}?{urlencode({'sbdhInstanceID': document.key})}"


def status_path(key: str) -> str:
    """Path and query of the status, finished documents included."""
    return f"/api/outbound/status/{quote(key, safe='')}?includeArchive=true"


def read_report(content: bytes) -> Report:
    """The sending report. Raises Unreadable when it is not one (a bare text says that nothing was stored)."""
    row = _object(content)
    if "overallSuccess" not in row and "sendingResult" not in row and "sendingSuccess" not in row:
        raise Unreadable("not a sending report")
    overall = row.get("overallSuccess")
    errors = [_text(row.get(name)) for name in ("lookupError", "sendingError")]
    answers = row.get("as4ResponseErrors")
    if isinstance(answers, list):
        errors += [_words(item) for item in cast("list[Any]", answers)]
    return Report(
        overall=overall if isinstance(overall, bool) else None,
        result=_text(row.get("sendingResult")),
        message_id=_text(row.get("as4MessageId")),
        error="; ".join(error for error in errors if error),
    )


def read_transaction(content: bytes) -> Transaction:
    """The transaction. Raises Unreadable when it is not one."""
    row = _object(content)
    if not isinstance(row.get("status"), str):
        raise Unreadable("not a transaction")
    return Transaction(
        instance_id=_text(row.get("sbdhInstanceID")),
        identifier=_text(row.get("id")),
        status=_text(row.get("status")),
        error=_text(row.get("errorDetails")),
        mls=_text(row.get("mlsStatus")),
    )


def says_unknown_key(content: bytes) -> bool:
    """Whether a 404's body is phoss-ap's own for a key it has never seen (nothing, or a word of JSON).

    A proxy's page or the framework's "no such path" means that the wrong place was asked; taking it for "never seen"
    would send the document twice.
    """
    if not content.strip():
        return True
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return not (isinstance(body, dict) and "path" in body)


def _object(content: bytes) -> dict[str, Any]:
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    return cast("dict[str, Any]", body)


def _text(value: Any) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""


def _words(value: Any) -> str:
    return value.strip()[:500] if isinstance(value, str) else orjson.dumps(value).decode()[:500]
