"""Taking an invoice in at Maventa, and telling what became of it."""

from __future__ import annotations

import hashlib
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from starlette.datastructures import FormData, UploadFile

from worker.model.ehf import CAC, CBC, XmlElement, etree
from worker.sandbox import magic
from worker.sandbox.magic import ConsumerMagic
from worker.sandbox.maventa.state import ConsumerSubmission
from worker.sandbox.records import EhfSubmission
from worker.sandbox.world import World

# States of an invoice, one a status call, the last one stays. Others: delivered at the first look.
_PLANS: dict[str, tuple[str, ...]] = {
    magic.AP_422_FAILS_FOR_GOOD: ("PENDING", "FAILED"),
    magic.AP_422_THEN_SENT: ("PENDING", "DELIVERED"),
    magic.AP_UNKNOWN_WORD: ("TELEPORTED", "DELIVERED"),
    magic.AP_REJECTED: ("FAILED",),
    magic.HOSTED_RECEIPT_LATER: ("PENDING", "SENT", "DELIVERED"),
    magic.HOSTED_REFUSED_LATER: ("SENT", "FAILED"),
    magic.EHF_TURNED_DOWN: ("DELIVERED", "DECLINED"),
    magic.EHF_PASSED_ON: ("DELIVERED", "ACCEPTED"),
    magic.EHF_TURNED_DOWN: ("DELIVERED", "FAILED"),
    magic.EHF_PASSED_ON: ("DELIVERED", "ACCEPTED"),
}
_CONSUMER_PLANS: dict[ConsumerMagic, tuple[str, ...]] = {ConsumerMagic.REJECTED_LATER: ("SENT", "SENT", "FAILED")}


class Refusal(Exception):
    """An upload that is not taken."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Parcel:
    """An upload that may be taken. `number`: a business receiver's; `magic`: a person's reserved meaning."""

    key: str
    document: XmlElement
    xml: bytes
    pdf: bytes | None
    receiver: str
    disabled: frozenset[str]
    efaktura_id: str = ""

    @property
    def number(self) -> str:
        return self.receiver.rpartition(":")[2]

    @property
    def magic(self) -> ConsumerMagic | None:
        word = self.efaktura_id.removeprefix("EFID-")
        return ConsumerMagic(word) if word in set(ConsumerMagic) else None


class Uploads:
    """Reads a form, checks it, keeps what it holds."""

    def __init__(self, *, world: World, folder: Path, efaktura_folder: Path) -> None:
        self._world = world
        self._state = world.maventa
        self._folder = folder
        self._efaktura_folder = efaktura_folder
        folder.mkdir(parents=True, exist_ok=True)

    async def read(self, form: FormData, company: str) -> Parcel:
        """The upload, checked as Maventa would. Raises Refusal."""
        key = _uuid(str(form.get("uuid", "")))
        if self._state.held(key, company, self._world.ehf_submissions) is not None:
            raise Refusal(422, "invoice_uuid_taken", "An invoice with this uuid exists already.")
        file = form.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise Refusal(400, "invalid_parameters", "file must be a file with a name.")
        if form.get("format") != "PEPPOLBIS30":
            raise Refusal(400, "invalid_parameters", "format does not have a valid value.")
        xml, pdf = _unpacked(await file.read(), file.filename)
        document = _document(xml)
        if _endpoint(document, "AccountingSupplierParty") != f"0192:{self._state.companies[company]}":
            raise Refusal(400, "invalid_sender", "The sender of the document is another company.")
        disabled = frozenset(str(route) for route in form.getlist("disabled_routes[]"))
        if form.get("recipient_type", "b2b") == "consumer":
            efaktura_id = str(form.get("recipient_efaktura_id", ""))
            if form.getlist("route_order[]") != ["netbank"] or pdf is None or not efaktura_id:
                raise Refusal(400, "invalid_parameters", "A netbank invoice needs an eFaktura id and an image.")
            if efaktura_id == f"EFID-{ConsumerMagic.REFUSED}":
                raise Refusal(400, "recipient_not_found", "The recipient does not receive from this issuer.")
            return Parcel(key, document, xml, pdf, "", disabled, efaktura_id)
        receiver = str(form.get("recipient_eia", "")).lower()
        if receiver != _endpoint(document, "AccountingCustomerParty"):
            raise Refusal(400, "invalid_recipient", "recipient_eia is not the document's recipient.")
        return Parcel(key, document, xml, pdf, receiver, disabled)

    def keep(self, parcel: Parcel, company: str) -> EhfSubmission | ConsumerSubmission:
        """Puts it where `GET /v1/invoices/{id}` finds it."""
        if parcel.pdf is not None and parcel.efaktura_id:
            return self._keep_efaktura(parcel, parcel.pdf, company)
        name = f"{parcel.key}.xml"
        (self._folder / name).write_bytes(parcel.xml)
        row = EhfSubmission(
            key=parcel.key,
            sender=_endpoint(parcel.document, "AccountingSupplierParty"),
            receiver=parcel.receiver,
            document_type=_document_type(parcel.document),
            process=parcel.document.findtext(f"{{{CBC}}}ProfileID") or "",
            sha256=hashlib.sha256(parcel.xml).hexdigest(),
            file=f"{self._folder.name}/{name}",
            received_at=self._world.now(),
            plan=list(self._plan(parcel)),
        )
        self._state.owners[parcel.key] = company
        self._world.ehf_submissions.append(row)
        return row

    def _plan(self, parcel: Parcel) -> tuple[str, ...]:
        if self._world.peppol_kinds(parcel.receiver) is None:
            # Not in the network: the next route that is not switched off takes it.
            routes = [route for route in ("email", "print") if route not in parcel.disabled]
            return (f"DELIVERED by {routes[0].upper()}",) if routes else ("FAILED",)
        return _PLANS.get(parcel.number, ("DELIVERED",))

    def _keep_efaktura(self, parcel: Parcel, pdf: bytes, company: str) -> ConsumerSubmission:
        self._efaktura_folder.mkdir(parents=True, exist_ok=True)
        name = f"{parcel.key}.pdf"
        (self._efaktura_folder / name).write_bytes(pdf)

        def found(path: str) -> str:
            return parcel.document.findtext(path, "", {"cac": CAC, "cbc": CBC}).strip()

        row = ConsumerSubmission(
            key=parcel.key,
            company=company,
            efaktura_id=parcel.efaktura_id,
            kid=found("cac:PaymentMeans/cbc:PaymentID"),
            account=found("cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID"),
            amount=found("cac:LegalMonetaryTotal/cbc:PayableAmount"),
            due_date=found("cbc:DueDate"),
            pdf_sha256=hashlib.sha256(pdf).hexdigest(),
            xml_sha256=hashlib.sha256(parcel.xml).hexdigest(),
            file=f"{self._efaktura_folder.name}/{name}",
            received_at=self._world.now(),
            plan=list(_CONSUMER_PLANS.get(parcel.magic, ("DELIVERED",)) if parcel.magic else ("DELIVERED",)),
        )
        self._state.efaktura.append(row)
        return row


def told(row: EhfSubmission | ConsumerSubmission, state: str, now: datetime) -> dict[str, Any]:
    """The invoice as Maventa tells of it in `state`, with its actions so far."""
    word, _, route = state.partition(" by ")
    channel = route or "EINVOICE"
    so_far = {known.partition(" ")[0] for known in (*row.plan[: row.polls], state)}
    # What is delivered has been sent, whether or not anybody asked in between.
    happened = {
        "CREATED": True,
        "SENT": bool(so_far & {"SENT", "DELIVERED", "ACCEPTED"}),
        "DELIVERED": bool(so_far & {"DELIVERED", "ACCEPTED"}),
        "ERROR": word == "FAILED",
    }
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    actions = [
        {
            "type": kind,
            "channel": channel,
            "message": "The recipient could not be reached." if kind == "ERROR" else "",
            "happened_at": at,
        }
        for kind, so in happened.items()
        if so
    ]
    return {
        "id": row.key,
        "status": word,
        "source_format": "PEPPOLBIS30",
        "destination": channel,
        "created_at": row.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": [],
        "actions": actions,
    }


def _unpacked(content: bytes, file_name: str) -> tuple[bytes, bytes | None]:
    """The document, and the invoice image when it came in an archive."""
    if not file_name.endswith(".zip"):
        return content, None
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except zipfile.BadZipFile:
        raise Refusal(400, "invalid_file", "The archive cannot be read.") from None
    if "invoice.xml" not in files:
        raise Refusal(400, "invalid_file", "There is no invoice in the archive.")
    return files["invoice.xml"], files.get("invoice.pdf")


def _document(content: bytes) -> XmlElement:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        raise Refusal(400, "invalid_file", "The file is not XML.") from None
    if etree.QName(root).localname not in ("Invoice", "CreditNote") or root.getroottree().docinfo.doctype:
        raise Refusal(400, "invalid_file", "The file is not PEPPOLBIS30.")
    return root


def _endpoint(document: XmlElement, party: str) -> str:
    found = document.find(f"{{{CAC}}}{party}/{{{CAC}}}Party/{{{CBC}}}EndpointID")
    return f"{found.get('schemeID')}:{(found.text or '').strip()}".lower() if found is not None else ""


def _document_type(document: XmlElement) -> str:
    name = etree.QName(document)
    customization = document.findtext(f"{{{CBC}}}CustomizationID") or ""
    return f"{name.namespace}::{name.localname}##{customization}::2.1"


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refusal(400, "invalid_parameters", "uuid is not valid.") from None
