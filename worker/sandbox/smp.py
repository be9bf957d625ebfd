"""The SMP: what a participant can receive, in ELMA's manner (prefix ns2, 406 to `Accept: application/xml`)."""

from __future__ import annotations

from urllib.parse import quote, unquote
from xml.sax.saxutils import escape, quoteattr

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from worker.model.document import Kind
from worker.sandbox import magic
from worker.sandbox.pace import Hold
from worker.sandbox.peppol_dns import SMP_BASE
from worker.sandbox.world import World

_SCHEME = "iso6523-actorid-upis"
_BIS = "urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
DOCUMENT_TYPES = {
    Kind.INVOICE: f"busdox-docid-qns::{_UBL}:Invoice-2::Invoice##{_BIS}::2.1",
    Kind.CREDIT_NOTE: f"busdox-docid-qns::{_UBL}:CreditNote-2::CreditNote##{_BIS}::2.1",
}
# Everyone in the sandbox takes orders, so that "registered" and "can receive invoices" differ.
_ORDER = f"busdox-docid-qns::{_UBL}:Order-2::Order##urn:fdc:peppol.eu:poacc:trns:order:3::2.1"
_PROCESS = "urn:fdc:peppol.eu:2017:poacc:billing:01:1.0"


class Smp:
    """ServiceGroup and ServiceMetadata by path."""

    def __init__(self, *, world: World, hold: Hold) -> None:
        self._world = world
        self._hold = hold

    async def __call__(self, request: Request) -> Response:
        raw: bytes = request.scope["raw_path"]
        path = raw.decode("ascii", "replace").partition("?")[0]
        if "//" in path:
            return PlainTextResponse("Bad Request", status_code=400)
        if not _accepts_xml(request.headers.get("accept", "*/*")):
            return PlainTextResponse("Not Acceptable", status_code=406)
        scheme, _, participant = unquote(path.split("/")[1]).partition("::")
        number = participant.rpartition(":")[2]
        kinds = self._world.peppol_kinds(participant)
        if number == magic.SMP_TIMEOUT:
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        if number == magic.SMP_500:
            return PlainTextResponse("Internal Server Error", status_code=500)
        if number == magic.SMP_HTML:
            return HTMLResponse("<!DOCTYPE html><html><body><h1>Maintenance</h1></body></html>")
        if scheme != _SCHEME or kinds is None or number == magic.SMP_404:
            return PlainTextResponse("Not Found", status_code=404)
        types = [DOCUMENT_TYPES[kind] for kind in sorted(kinds)] + [_ORDER]
        rest = path.split("/")[2:]
        if not rest:
            return _xml(_service_group(participant, types))
        wanted = unquote(rest[1]) if len(rest) == 2 and rest[0] == "services" else ""
        if wanted not in types:
            return PlainTextResponse("Not Found", status_code=404)
        return _xml(_service_metadata(participant, wanted))


def smp_app(*, world: World, hold: Hold) -> Starlette:
    """The whole service."""
    return Starlette(routes=[Route("/{path:path}", Smp(world=world, hold=hold).__call__)])


def _accepts_xml(accept: str) -> bool:
    ranges = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return bool(ranges & {"*/*", "text/*", "text/xml", ""})


def _xml(text: str) -> Response:
    return Response(text.encode(), media_type="text/xml", headers={"Cache-Control": "no-store"})


def _service_group(participant: str, types: list[str]) -> str:
    base = f"{SMP_BASE}{quote(f'{_SCHEME}::{participant}', safe='')}/services/"
    references = "".join(
        f"<ns2:ServiceMetadataReference href={quoteattr(base + quote(document_type, safe=''))}/>"
        for document_type in types
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<ns2:ServiceGroup xmlns="http://busdox.org/transport/identifiers/1.0/"'
        ' xmlns:ns2="http://busdox.org/serviceMetadata/publishing/1.0/">'
        f'<ParticipantIdentifier scheme="{_SCHEME}">{escape(participant)}</ParticipantIdentifier>'
        f"<ns2:ServiceMetadataReferenceCollection>{references}</ns2:ServiceMetadataReferenceCollection>"
        "</ns2:ServiceGroup>"
    )


def _service_metadata(participant: str, document_type: str) -> str:
    """Unsigned: the signature is the access point's business, and the sandbox has no certificate of the network."""
    scheme, _, value = document_type.partition("::")
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
        '<ns2:SignedServiceMetadata xmlns="http://busdox.org/transport/identifiers/1.0/"'
        ' xmlns:ns2="http://busdox.org/serviceMetadata/publishing/1.0/"'
        ' xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        "<ns2:ServiceMetadata><ns2:ServiceInformation>"
        f'<ParticipantIdentifier scheme="{_SCHEME}">{escape(participant)}</ParticipantIdentifier>'
        f'<DocumentIdentifier scheme="{scheme}">{escape(value)}</DocumentIdentifier>'
        "<ns2:ProcessList><ns2:Process>"
        f'<ProcessIdentifier scheme="cenbii-procid-ubl">{_PROCESS}</ProcessIdentifier>'
        '<ns2:ServiceEndpointList><ns2:Endpoint transportProfile="peppol-transport-as4-v2_0">'
        "<wsa:EndpointReference><wsa:Address>https://ap.sandbox.test/as4</wsa:Address></wsa:EndpointReference>"
        "<ns2:RequireBusinessLevelSignature>false</ns2:RequireBusinessLevelSignature>"
        "<ns2:ServiceActivationDate>2020-01-01T00:00:00Z</ns2:ServiceActivationDate>"
        "<ns2:ServiceExpirationDate>2099-12-31T00:00:00Z</ns2:ServiceExpirationDate>"
        "<ns2:Certificate></ns2:Certificate>"
        "<ns2:ServiceDescription>Sandbox access point</ns2:ServiceDescription>"
        "<ns2:TechnicalContactUrl>https://ap.sandbox.test/</ns2:TechnicalContactUrl>"
        "</ns2:Endpoint></ns2:ServiceEndpointList></ns2:Process></ns2:ProcessList>"
        "</ns2:ServiceInformation></ns2:ServiceMetadata></ns2:SignedServiceMetadata>"
    )
