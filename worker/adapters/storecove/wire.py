"""Storecove's API v2 on the wire: the submission, its faults, the queue of notices, the evidence of sending."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

import orjson

from worker.ports import Notice, OutboundDocument

SUBMIT: Final = "/document_submissions"
QUEUE: Final = "/webhook_instances/"
_LONGEST_NOTICE = 20_000

# Storecove names participant schemes as the Peppol code list does in `schemeid`, not by their ISO 6523 number.
SCHEMES: Final[dict[str, str]] = {
    "0007": "SE:ORGNR",
    "0088": "GLN",
    "0106": "NL:KVK",
    "0184": "DK:DIGST",
    "0192": "NO:ORG",
    "0196": "IS:KTNR",
    "0204": "DE:LWID",
    "0208": "BE:EN",
    "9930": "DE:VAT",
}


class Unreadable(ValueError):
    """The body is not an answer of Storecove's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason of a 422."""

    source: str
    details: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.source, self.details) if part)


@dataclass(frozen=True, slots=True)
class Evidence:
    """That the document was sent: the receiver's access point has given its receipt."""

    message_id: str
    receiving_access_point: str


def submission(document: OutboundDocument, *, scheme: str) -> bytes:
    """The body of a submission. The raw path takes credit notes too, under the document type "invoice" (2026-07).

    Only the electronic address is given as a way there: with an e-mail address Storecove would fall back to e-mail.
    """
    return orjson.dumps(
        {
            "legalEntityId": int(document.tenant),
            "idempotencyGuid": document.key,
            "routing": {"eIdentifiers": [{"scheme": scheme, "id": document.receiver.partition(":")[2]}]},
            "document": {
                "documentType": "invoice",
                "rawDocumentData": {
                    "document": base64.b64encode(document.xml).decode(),
                    "parse": True,
                    "parseStrategy": "ubl",
                },
            },
        }
    )


def evidence_path(reference: str) -> str:
    """Of sending (the other kind is tax clearance)."""
    return f"{SUBMIT}/{quote(reference, safe='')}/evidence/sending"


def legal_entity_path(identifier: str) -> str:
    return f"/legal_entities/{quote(identifier, safe='')}"


def read_identifiers(content: bytes) -> list[tuple[str, str]]:
    """(scheme in Storecove's words, identifier) of a legal entity on the Peppol network. Raises Unreadable."""
    rows = _object(content).get("peppol_identifiers")
    if not isinstance(rows, list):
        raise Unreadable("no list of identifiers")
    found = [cast("dict[str, Any]", row) for row in cast("list[Any]", rows) if isinstance(row, dict)]
    return [(_text(row.get("scheme")), _text(row.get("identifier"))) for row in found]


def notice_path(identifier: str) -> str:
    return f"{QUEUE}{quote(identifier, safe='')}"


def read_guid(content: bytes) -> str:
    """The submission's identifier. Raises Unreadable."""
    guid = _text(_object(content).get("guid"))
    if not guid:
        raise Unreadable("no guid")
    return guid


def read_faults(content: bytes) -> list[Fault]:
    """The reasons of a 422. Raises Unreadable when it names none."""
    body = _json(content)
    rows = cast("list[Any]", body) if isinstance(body, list) else [body]
    faults: list[Fault] = []
    for row in rows[:20]:
        if isinstance(row, dict):
            fault = cast("dict[str, Any]", row)
            faults.append(Fault(_text(fault.get("source")), _text(fault.get("details"))))
    faults = [fault for fault in faults if fault.source or fault.details]
    if not faults:
        raise Unreadable("no faults")
    return faults


def read_notice(content: bytes) -> Notice:
    """The head of the queue. Raises Unreadable when it has no identifier to take it off the queue by.

    Its `body` is text that holds JSON of its own. What is about no submission is a notice without key and reference.
    """
    row = _object(content)
    identifier, body = _text(row.get("guid")), row.get("body")
    if not 0 < len(identifier) <= 100:
        raise Unreadable("no guid")
    text = body if isinstance(body, str) else orjson.dumps(body).decode()
    try:
        told = _object(text.encode("utf-8", "replace"))
    except Unreadable:
        return Notice(identifier, "", "", "unreadable", text[:_LONGEST_NOTICE])
    kind = _text(told.get("event_type"))
    if kind != "document_submission":
        return Notice(identifier, "", "", kind[:100], text[:_LONGEST_NOTICE])
    return Notice(
        id=identifier,
        key=_text(told.get("idempotencyGuid") or told.get("idempotency_guid")).lower()[:64],
        reference=_text(told.get("guid"))[:100],
        word=_text(told.get("event"))[:100],
        content=text[:_LONGEST_NOTICE],
    )


def details_of(notice: Notice) -> str:
    """The provider's explanation in a kept notice; empty when there is none."""
    try:
        return _text(_object(notice.content.encode()).get("details"))
    except Unreadable:
        return ""


def read_evidence(content: bytes) -> Evidence:
    """Raises Unreadable when it is no evidence of a sending."""
    row = _object(content)
    inner = row.get("evidence")
    if not isinstance(inner, dict):
        raise Unreadable("no evidence")
    told = cast("dict[str, Any]", inner)
    return Evidence(_text(told.get("message_id")), _text(told.get("receiving_accesspoint")))


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error


def _object(content: bytes) -> dict[str, Any]:
    body = _json(content)
    if not isinstance(body, dict):
        raise Unreadable("not an object")
    return cast("dict[str, Any]", body)


def _text(value: Any) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""
