"""Maventa's AutoXChange REST interface on the wire: forms, the invoice, the consumer look-up, the error.

Shapes after the vendor's OpenAPI document as of 2023 (version 0.85), the newest that could be read.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import orjson

from worker.ports import ConsumerInvoice, OutboundDocument
from worker.support.loose_json import Row, mask, row_of, rows_of, text

TOKEN_PATH = "/oauth2/token"  # noqa: S105 - an address
INVOICES_PATH = "/v1/invoices"
_FORMAT = "PEPPOLBIS30"
# Maventa tries e-mail and then print by itself where the network does not take an invoice. We decide the next channel.
_NEVER_BY = (("disabled_routes[]", "print"), ("disabled_routes[]", "email"))

_BEARER = re.compile(r"\bbearer\s+\S+", re.IGNORECASE)

Field = tuple[str, str]


class Unreadable(ValueError):
    """The body is not an answer of this interface."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart/form-data body."""

    content_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Action:
    """Something that happened to an invoice, by kind and channel."""

    kind: str
    channel: str
    message: str


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice as Maventa holds it, as far as we use it."""

    id: str
    status: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What the registry of general acceptance ("ja takk til alle", Yes2All) says of a person."""

    status: str
    identifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """The vendor's error: a code, a sentence, details. Empty where it gave none."""

    code: str
    message: str
    details: str

    def words(self) -> str:
        return "; ".join(part for part in (self.code, self.message, self.details) if part)


def token_form(*, company: str, user_key: str, vendor_key: str, scope: str) -> bytes:
    """The token request: the company is the OAuth client, the user's API key its secret."""
    form = {
        "grant_type": "client_credentials",
        "client_id": company,
        "client_secret": user_key,
        "vendor_api_key": vendor_key,
        "scope": scope,
    }
    return urlencode(form).encode()


def invoice_path(identifier: str) -> str:
    return f"{INVOICES_PATH}/{quote(identifier, safe='')}"


def consumers_path(fields: Sequence[Field]) -> str:
    """The look-up of a person. `fields` are personal data: the path is never logged."""
    return f"/v1/lookup/consumers?{urlencode([*fields, ('routes[]', 'yes2all')])}"


def business_upload(document: OutboundDocument) -> Upload:
    """One EHF for the Peppol network and nothing else."""
    fields: list[Field] = [
        ("format", _FORMAT),
        ("uuid", document.key),
        ("recipient_type", "b2b"),
        ("recipient_eia", document.receiver),
        *_NEVER_BY,
    ]
    return _multipart(fields, file_name=f"{document.key}.xml", mime="application/xml", content=document.xml)


def consumer_upload(invoice: ConsumerInvoice) -> Upload:
    """One eFaktura: the document with its payment data, and the PDF the person sees, in one archive.

    `netbank` alone: the person's own choice shows the same eFaktura in Vipps, and other routes are other channels.
    """
    fields: list[Field] = [
        ("format", _FORMAT),
        ("uuid", invoice.key),
        ("recipient_type", "consumer"),
        ("route_order[]", "netbank"),
        ("recipient_efaktura_id", invoice.reference),
        ("b2cno_document_type", "INVOICE"),
        *_NEVER_BY,
    ]
    content = archive({"invoice.xml": invoice.xml, "invoice.pdf": invoice.pdf})
    return _multipart(fields, file_name=f"{invoice.key}.zip", mime="application/zip", content=content)


def archive(files: dict[str, bytes]) -> bytes:
    """A ZIP whose bytes depend on the files alone."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as whole:
        for name, content in files.items():
            whole.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
    return packed.getvalue()


def read_invoice(content: bytes) -> Invoice:
    """Raises Unreadable when the body is not an invoice with id and status."""
    row = _object(content)
    identifier, status = text(row.get("id")), text(row.get("status"))
    if not identifier or not status:
        raise Unreadable("not an invoice")
    actions = tuple(
        Action(text(a.get("type")).upper(), text(a.get("channel")).upper(), mask(text(a.get("message")))[:300])
        for a in rows_of(row.get("actions"))
    )
    return Invoice(identifier[:100], status[:40], actions)


def read_found(content: bytes) -> Found:
    """Raises Unreadable when the body does not tell about one person and this registry."""
    routes = row_of(_object(content).get("routes"))
    entry = row_of(routes.get("yes2all")) if routes is not None else None
    if entry is None:
        raise Unreadable("nothing about yes2all")
    return Found(text(entry.get("status"))[:40], text(entry.get("efaktura_identifier")))


def read_fault(content: bytes) -> Fault | None:
    """The vendor's own error, masked; None when the body is something else (a gateway's page)."""
    try:
        row = _object(content)
    except Unreadable:
        return None
    code, message = _clean(row.get("code"))[:80], _clean(row.get("message"))[:300]
    if not code and not message:
        return None
    told = row.get("details")
    details = "; ".join(_clean(part) for part in told) if isinstance(told, list) else _clean(told)  # pyright: ignore[reportUnknownVariableType]
    return Fault(code, message, details[:600])


def says_unknown(content: bytes) -> bool:
    """Whether a 404's body is Maventa's own, with its error code: it has no such thing, or not in this company.

    A gateway's 404 means that the wrong place was asked; taking it for "never seen" would send the invoice twice.
    """
    fault = read_fault(content)
    return fault is not None and bool(fault.code)


def read_token(content: bytes) -> Row:
    """The token answer's fields; none when it is not an object."""
    try:
        return _object(content)
    except Unreadable:
        return {}


def _clean(words: Any) -> str:
    """Words of theirs without personal data, and without our token, should they quote the request."""
    return _BEARER.sub("***", mask(text(words)))


def _object(content: bytes) -> Row:
    try:
        body: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    row = row_of(body)
    if row is None:
        raise Unreadable("not an object")
    return row


def _multipart(fields: Sequence[Field], *, file_name: str, mime: str, content: bytes) -> Upload:
    boundary = uuid4().hex
    while boundary.encode() in content:  # pragma: no cover - one in 2^128
        boundary = uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    )
    body = b"".join(["".join(parts).encode(), head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
    return Upload(f"multipart/form-data; boundary={boundary}", body)
