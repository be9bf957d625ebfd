"""A phoss-ap access point: submit raw UBL, ask for status. Keeps every document it takes, byte for byte.

A finished transaction goes to the archive at once (the real one moves it later), so status finds it only with
`includeArchive=true`. A repeated key is not de-duplicated: every submit makes a row, as in phoss-ap.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from worker.model.ehf import etree
from worker.sandbox import magic
from worker.sandbox.pace import Hold
from worker.sandbox.records import EhfSubmission
from worker.sandbox.world import World

_CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"
_CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
_FINISHED = frozenset({"sent", "permanently_failed", "rejected"})


@dataclass(frozen=True, slots=True)
class Ids:
    """The identifiers of a submission, without their schemes."""

    sender: str
    receiver: str
    document_type: str
    process: str


class AccessPoint:
    """The outbound service."""

    def __init__(self, *, world: World, folder: Path, hold: Hold) -> None:
        self._world = world
        self._folder = folder
        self._hold = hold
        folder.mkdir(parents=True, exist_ok=True)

    async def submit(self, request: Request) -> Response:
        """Take a document; 200 sent, 422 not sent (yet), 400 ids that do not fit the document, 401 wrong token."""
        if not self._token_is_right(request):
            return Response(status_code=401)
        parts = _path_parts(request)
        if len(parts) != 8:
            return _bad("The path must be submit/{senderID}/{receiverID}/{docTypeID}/{processID}/{C1}.")
        sender, receiver, document_type, process = (_without_scheme(part) for part in parts[3:7])
        # Participant identifiers are compared without regard to case (Peppol policy for identifiers).
        ids = Ids(sender.lower(), receiver.lower(), document_type, process)
        key = request.query_params.get("sbdhInstanceID") or str(uuid.uuid4())
        if not re.fullmatch(r"[A-Za-z0-9-]{1,100}", key):
            return _bad("The SBDH instance identifier is not valid.")
        if not re.fullmatch(r"[A-Z]{2}", parts[7]):
            return _bad("The C1 country code is not valid.")
        content = await request.body()
        stated = ids_in(content)
        if stated is None:
            return _bad("The payload is not a UBL invoice or credit note.")
        if stated != ids:
            wrong = [name for name in Ids.__slots__ if getattr(stated, name) != getattr(ids, name)]
            return _bad(f"The path does not fit the document: {', '.join(wrong)}.")
        number = ids.receiver.rpartition(":")[2]
        before = await self._trouble_before(number, key, request)
        if before is not None:
            return before
        self._keep(ids, key, content, request.query_params.get("custom1"), number)
        if number == magic.AP_TIMEOUT_AFTER_ACCEPT and self._world.first_time(f"submit {key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return self._report(ids, key, number)

    async def status(self, request: Request) -> Response:
        """What became of a key; of several submits the latest."""
        if not self._token_is_right(request):
            return Response(status_code=401)
        key = str(request.path_params["key"])
        rows = [row for row in self._world.ehf_submissions if row.key == key]
        with_archive = request.query_params.get("includeArchive", "false").lower() == "true"
        if not rows or (rows[-1].state in _FINISHED and not with_archive):
            return Response(status_code=404)
        row = rows[-1]
        number = row.receiver.rpartition(":")[2]
        if number == magic.AP_STATUS_500_ONCE and self._world.first_time(f"status {key}"):
            return PlainTextResponse("Internal Server Error", status_code=500)
        told = _status_json(row, submits=len(rows))
        row.polls += 1
        return JSONResponse(told)

    def _token_is_right(self, request: Request) -> bool:
        return request.headers.get("x-token") == self._world.access_point_token

    async def _trouble_before(self, number: str, key: str, request: Request) -> Response | None:
        """What goes wrong before anything is taken."""
        if number == magic.AP_400:
            return _bad("The receiver's identifier is not valid.")
        if number == magic.AP_401_ONCE and self._world.first_time(f"submit {key}"):
            return Response(status_code=401)
        if number == magic.AP_500_ONCE and self._world.first_time(f"submit {key}"):
            return PlainTextResponse("Internal Server Error", status_code=500)
        if number == magic.HOSTED_429_ONCE and self._world.first_time(f"submit {key}"):
            return Response(status_code=429, headers={"Retry-After": "1"})
        if number == magic.AP_503_ONCE and self._world.first_time(f"submit {key}"):
            return Response(status_code=503, headers={"Retry-After": "1"})
        if number == magic.AP_TIMEOUT_BEFORE_ACCEPT and self._world.first_time(f"submit {key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return None

    def _keep(self, ids: Ids, key: str, content: bytes, custom1: str | None, number: str) -> None:
        earlier = sum(row.key == key for row in self._world.ehf_submissions)
        name = f"{key}.xml" if not earlier else f"{key}.{earlier + 1}.xml"
        (self._folder / name).write_bytes(content)
        self._world.ehf_submissions.append(
            EhfSubmission(
                key=key,
                sender=ids.sender,
                receiver=ids.receiver,
                document_type=ids.document_type,
                process=ids.process,
                sha256=hashlib.sha256(content).hexdigest(),
                file=f"{self._folder.name}/{name}",
                received_at=self._world.now(),
                custom1=custom1,
                plan=list(magic.ACCESS_POINT_PLANS.get(number, ("sent",))),
            )
        )

    def _report(self, ids: Ids, key: str, number: str) -> Response:
        """The sending report: 200, or 422 where the sending or a later step failed."""
        went_out = number not in (magic.AP_422_FAILS_FOR_GOOD, magic.AP_422_THEN_SENT, magic.AP_REJECTED)
        all_well = went_out and number not in (magic.AP_422_BUT_SENT, magic.AP_UNKNOWN_WORD)
        report: dict[str, Any] = {
            "senderId": f"iso6523-actorid-upis::{ids.sender}",
            "receiverId": f"iso6523-actorid-upis::{ids.receiver}",
            "docTypeId": f"busdox-docid-qns::{ids.document_type}",
            "processId": f"cenbii-procid-ubl::{ids.process}",
            "sbdhInstanceIdentifier": key,
            "c3EndpointUrl": "https://ap.sandbox.test/as4",
            "c3CertSubjectCN": "POP000000",
            "as4MessageId": f"{uuid.uuid4()}@ap.sandbox.test",
            "as4SendingDateTime": _iso(self._world.now()),
            "as4ResponseErrors": [],
            "sendingResult": "success" if went_out else "transport-error",
            "sendingSuccess": went_out,
            "overallSuccess": all_well,
        }
        if not went_out:
            report["sendingError"] = "The receiving access point could not be reached."
        elif not all_well:
            report["sendingError"] = "Failed to store the reporting item."
        return JSONResponse(report, status_code=200 if all_well else 422)


def access_point_app(*, world: World, folder: Path, hold: Hold) -> Starlette:
    """The whole service."""
    point = AccessPoint(world=world, folder=folder, hold=hold)
    return Starlette(
        routes=[
            Route("/api/outbound/submit/{ids:path}", point.submit, methods=["POST"]),
            Route("/api/outbound/status/{key}", point.status, methods=["GET"]),
        ]
    )


def _path_parts(request: Request) -> list[str]:
    """The raw path split before decoding: an encoded slash does not split."""
    raw: bytes = request.scope["raw_path"]
    return [unquote(part) for part in raw.decode("ascii", "replace").partition("?")[0].strip("/").split("/")]


def _without_scheme(identifier: str) -> str:
    for scheme in ("iso6523-actorid-upis::", "busdox-docid-qns::", "cenbii-procid-ubl::"):
        identifier = identifier.removeprefix(scheme)
    return identifier


def ids_in(content: bytes) -> Ids | None:
    """What the document says of itself; None when it is not a UBL invoice or credit note with both endpoints."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError:
        return None
    name = etree.QName(root)
    if name.localname not in ("Invoice", "CreditNote") or root.getroottree().docinfo.doctype:
        return None
    sender = root.find(f"{_CAC}AccountingSupplierParty/{_CAC}Party/{_CBC}EndpointID")
    receiver = root.find(f"{_CAC}AccountingCustomerParty/{_CAC}Party/{_CBC}EndpointID")
    if sender is None or receiver is None:
        return None
    customization = root.findtext(f"{_CBC}CustomizationID") or ""
    return Ids(
        sender=f"{sender.get('schemeID')}:{(sender.text or '').strip()}".lower(),
        receiver=f"{receiver.get('schemeID')}:{(receiver.text or '').strip()}".lower(),
        document_type=f"{name.namespace}::{name.localname}##{customization}::2.1",
        process=root.findtext(f"{_CBC}ProfileID") or "",
    )


def _status_json(row: EhfSubmission, *, submits: int) -> dict[str, Any]:
    finished = row.state in _FINISHED
    told: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{row.key}/{submits}")),
        "transactionType": "business_document",
        "senderID": f"iso6523-actorid-upis::{row.sender}",
        "receiverID": f"iso6523-actorid-upis::{row.receiver}",
        "docTypeID": f"busdox-docid-qns::{row.document_type}",
        "processID": f"cenbii-procid-ubl::{row.process}",
        "sbdhInstanceID": row.key,
        "status": row.state,
        "attemptCount": row.polls + 1,
        "createdDT": _iso(row.received_at),
        "completedDT": _iso(row.received_at) if finished else None,
        "reportingStatus": "reported" if row.state == "sent" else "pending",
        "nextRetryDT": _iso(row.received_at + timedelta(minutes=3)) if row.state == "failed" else None,
        "errorDetails": None if row.state == "sent" else "The receiving access point could not be reached.",
        "mlsStatus": _mls_status(row),
        "custom1": row.custom1,
    }
    return {name: value for name, value in told.items() if value is not None}


def _mls_status(row: EhfSubmission) -> str | None:
    """None: nothing is known of it, as with receivers that do not send MLS."""
    words = {magic.EHF_TURNED_DOWN: "received_re", magic.EHF_PASSED_ON: "received_ap"}
    word = words.get(row.receiver.rpartition(":")[2])
    return "pending" if word and row.polls == 0 else word


def _bad(words: str) -> Response:
    return JSONResponse({"errorMessage": words}, status_code=400)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
