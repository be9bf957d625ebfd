"""`/Factoring/...`: invoices given to the factor, their EHF, and the two calls back."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, cast

from starlette.responses import JSONResponse, PlainTextResponse, Response

from worker.sandbox.erp import ErpRefusal, SandboxClient
from worker.sandbox.magic import InvoiceTrouble
from worker.sandbox.poweroffice.door import Call, answer, listed, refusal_envelope
from worker.sandbox.poweroffice.odata import Row
from worker.sandbox.poweroffice.rows import INVOICE_FIELDS, invoice_row, wire
from worker.sandbox.records import Invoice

_LIST_CAP = 10_000  # unstated by the vendor; the outgoing invoice list's

_HTML = b"<!DOCTYPE html>\n<html><head><title>PowerOffice</title></head><body><h1>Unavailable</h1></body></html>\n"
_REMINDER = """<?xml version="1.0" encoding="UTF-8"?>
<Reminder xmlns="urn:oasis:names:specification:ubl:schema:xsd:Reminder-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <cbc:UBLVersionID>2.1</cbc:UBLVersionID>
  <cbc:CustomizationID>urn:www.cenbii.eu:transaction:biitrns017:ver2.0</cbc:CustomizationID>
  <cbc:ProfileID>urn:www.cenbii.eu:profile:biixy:ver2.0</cbc:ProfileID>
  <cbc:ID>{number}</cbc:ID>
</Reminder>
"""


async def available_invoices(call: Call) -> Response:
    """Those not delivered yet, as the replica knows."""
    return _invoices(call, delivered=False)


async def invoices_delivered(call: Call) -> Response:
    """Those we have delivered, as the replica knows."""
    return _invoices(call, delivered=True)


async def invoice_ehf(call: Call) -> Response:
    """The EHF, raw. What comes instead when the invoice carries trouble stands in docs/sandbox.md."""
    erp_id = str(call.request.path_params["invoice_id"])
    invoice = call.client.invoices.seen_at(erp_id, call.seen_at)
    if invoice is None:
        raise ErpRefusal("The invoice was not found.", kind="NotFound")
    ehf = call.client.document(invoice.ehf_sha256)
    match invoice.trouble:
        case InvoiceTrouble.EHF_JSON_ERROR:
            return JSONResponse(refusal_envelope("The EHF could not be generated.", kind="Exception"))
        case InvoiceTrouble.EHF_HTML:
            return Response(_HTML, media_type="text/html")
        case InvoiceTrouble.EHF_EMPTY:
            return Response(b"")
        case InvoiceTrouble.EHF_DTD:
            ehf = _with_dtd(ehf)
        case InvoiceTrouble.EHF_OTHER_TYPE:
            ehf = _REMINDER.format(number=invoice.number).encode()
        case InvoiceTrouble.EHF_500_ONCE if call.world.first_time(f"ehf {erp_id}"):
            return PlainTextResponse("Internal Server Error", status_code=500)
        case InvoiceTrouble.EHF_TIMEOUT_ONCE if call.world.first_time(f"ehf {erp_id}"):
            return await _never(call)
        case _:
            pass
    return Response(ehf, media_type="application/xml")


async def delivered(call: Call) -> Response:
    """Comment, KID and file on the invoice; status Delivered."""
    body = await call.body()
    erp_id = _guid(body.get("factoringinvoiceid"))
    file = body.get("file")
    file_name, content = _file(file) if file is not None else (None, None)
    trouble = _trouble(call, erp_id)
    if trouble == InvoiceTrouble.DELIVERED_REFUSED:
        raise ErpRefusal("The voucher is locked and can not be changed.")
    if trouble == InvoiceTrouble.DELIVERED_500_ONCE and call.world.first_time(f"delivered {erp_id}"):
        return PlainTextResponse("Internal Server Error", status_code=500)
    if trouble == InvoiceTrouble.DELIVERED_TIMEOUT_BEFORE_ACCEPT and call.world.first_time(f"delivered {erp_id}"):
        return await _never(call)
    invoice = call.client.deliver(
        erp_id,
        kid=_text(body, "invoicecid"),
        comment=_text(body, "comment"),
        file_name=file_name,
        content=content,
    )
    if trouble == InvoiceTrouble.DELIVERED_TIMEOUT_AFTER_ACCEPT:
        return await _never(call)
    if trouble == InvoiceTrouble.DELIVERED_500_AFTER_ACCEPT:
        return PlainTextResponse("Internal Server Error", status_code=500)
    if trouble == InvoiceTrouble.DELIVERED_EMPTY_AFTER_ACCEPT:
        return Response(status_code=200)
    return answer(wire(_row(call.client, invoice)))


async def update_status(call: Call) -> Response:
    """A new factoring status and its text."""
    body = await call.body()
    erp_id = _guid(body.get("factoringinvoiceid"))
    status = body.get("factoringinvoicestatus")
    if not isinstance(status, int) or isinstance(status, bool):
        raise ErpRefusal("The factoring status is not valid.")
    trouble = _trouble(call, erp_id)
    if trouble == InvoiceTrouble.STATUS_REFUSED:
        raise ErpRefusal("The factoring status can not be changed.")
    invoice = call.client.set_status(erp_id, status=status, text=_text(body, "factoringinvoicestatusdescription"))
    if trouble == InvoiceTrouble.STATUS_TIMEOUT_AFTER_ACCEPT and call.world.first_time(f"status {erp_id}"):
        return await _never(call)
    return answer(wire(_row(call.client, invoice)))


def _invoices(call: Call, *, delivered: bool) -> Response:
    seen = call.client.invoices.all_seen_at(call.seen_at)
    rows = [_row(call.client, invoice) for invoice in seen if invoice.delivered is delivered]
    return listed(call, rows, INVOICE_FIELDS, cap=_LIST_CAP, must_order=True)


def _row(client: SandboxClient, invoice: Invoice) -> Row:
    return invoice_row(invoice, client.customers.get(invoice.customer_code))


def _trouble(call: Call, erp_id: str) -> str | None:
    invoice = call.client.invoices.get(erp_id)
    return invoice.trouble if invoice else None


async def _never(call: Call) -> Response:
    """No answer while the caller waits; a gateway's 504 if it outlasts the hold."""
    await call.hold.until_given_up(call.request)
    return Response(status_code=504)


def _guid(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ErpRefusal("FactoringInvoiceId is not valid.")
    return value.lower()


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise ErpRefusal(f"{name} must be a text.")
    return value


def _file(file: Any) -> tuple[str, bytes]:
    """FactoringInvoiceDocumentationFile: the name's extension decides the type, so it must have one."""
    if not isinstance(file, dict):
        raise ErpRefusal("File is not valid.")
    fields = cast("dict[str, Any]", file)
    name, encoded = fields.get("filename"), fields.get("base64encodeddata")
    if not isinstance(name, str) or not re.fullmatch(r"[^/\\]+\.[A-Za-z0-9]+", name):
        raise ErpRefusal("FileName must have an extension.")
    if not isinstance(encoded, str):
        raise ErpRefusal("Base64EncodedData is required.")
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise ErpRefusal("Base64EncodedData is not valid.") from None
    if not content:
        raise ErpRefusal("Base64EncodedData is required.")
    return name, content


def _with_dtd(ehf: bytes) -> bytes:
    """The document with a DTD before its root element."""
    dtd = b'<!DOCTYPE Invoice [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>\n'
    declaration = re.match(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\?>\s*", ehf)
    at = declaration.end() if declaration else 0
    return ehf[:at] + dtd + ehf[at:]
