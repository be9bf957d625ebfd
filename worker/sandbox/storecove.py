"""Storecove's API v2: submit UBL for a legal entity, empty the queue of notices, fetch the evidence of sending.

A key (`idempotencyGuid`) is processed once; used again it is a 422, as a document that is not accepted is. What becomes
of a document is put in one queue for the whole account, told from its head until it is deleted. A piece of news with a
`delay` of n comes after the queue was found empty n times.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import uuid
from datetime import UTC
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from worker.sandbox import magic
from worker.sandbox.access_point import ids_in
from worker.sandbox.pace import Hold
from worker.sandbox.records import EhfSubmission, StorecoveNews
from worker.sandbox.world import World

_NUMBER_OF_SCHEME = {"NO:ORG": "0192"}
# What is told about a document and after how many looks; others: sent at once.
_PLANS: dict[str, tuple[tuple[str, int], ...]] = {
    magic.AP_422_FAILS_FOR_GOOD: (("failed", 1),),
    magic.AP_REJECTED: (("no_action_taken", 0),),
    magic.AP_UNKNOWN_WORD: (("teleported", 0), ("succeeded", 1)),
    magic.HOSTED_RECEIPT_LATER: (("succeeded", 2),),
    magic.HOSTED_REFUSED_LATER: (("failed", 1),),
    magic.EHF_TURNED_DOWN: (("succeeded", 0), ("rejected", 1)),
    magic.EHF_PASSED_ON: (("succeeded", 0), ("accepted", 1)),
}
_NOT_SENT = frozenset({"failed", "no_action_taken"})


def legal_entity_id(organisation_number: str) -> int:
    """The seller's legal entity at this Storecove: every seller has one."""
    return 100_000 + int(organisation_number[-6:])


class StorecoveApi:
    """The part of the API that sends."""

    def __init__(self, *, world: World, folder: Path, hold: Hold) -> None:
        self._world = world
        self._folder = folder
        self._hold = hold
        folder.mkdir(parents=True, exist_ok=True)

    async def submit(self, request: Request) -> Response:
        """200 with a guid; 422 with reasons when it is not accepted or the key has been used; 401 wrong key."""
        if not self._key_is_right(request):
            return Response(status_code=401)
        try:
            body: Any = json.loads(await request.body())
            key = str(uuid.UUID(body["idempotencyGuid"]))
            entity = body["legalEntityId"]
            (address,) = body["routing"]["eIdentifiers"]
            raw = body["document"]["rawDocumentData"]
            content = base64.b64decode(raw["document"], validate=True)
            receiver = f"{_NUMBER_OF_SCHEME[address['scheme']]}:{address['id']}"
        except (ValueError, KeyError, TypeError, binascii.Error):
            return _not_processed("body", "is not a valid DocumentSubmission")
        stated = ids_in(content)
        if stated is None or raw.get("parseStrategy") != "ubl" or body["document"].get("documentType") != "invoice":
            return _not_processed("document", "could not be parsed with the given strategy")
        if entity != legal_entity_id(stated.sender.rpartition(":")[2]):
            return _not_processed("legalEntityId", "is not the supplier of the document")
        if stated.receiver != receiver:
            return _not_processed("routing", "is not the customer of the document")
        number = receiver.rpartition(":")[2]
        before = await self._trouble_before(number, key, request)
        if before is not None:
            return before
        if any(row.key == key for row in self._world.ehf_submissions):
            return _not_processed("idempotencyGuid", "has been used for another submission")
        guid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"storecove/{key}"))
        plan = _PLANS.get(number, (("succeeded", 0),))
        self._keep(stated.sender, receiver, stated.document_type, stated.process, key, content, plan[-1][0])
        for word, delay in plan:
            self._tell(key, guid, word, delay)
        if number == magic.AP_TIMEOUT_AFTER_ACCEPT and self._world.first_time(f"submit {key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return JSONResponse({"guid": guid})

    async def head(self, request: Request) -> Response:
        """The oldest piece of news, again and again until it is deleted; 204 when there is none (yet)."""
        if not self._key_is_right(request):
            return Response(status_code=401)
        for news in self._world.storecove_news:
            if news.delay or news.deleted:
                continue
            if news.receiver == magic.AP_STATUS_500_ONCE and self._world.first_time(f"news {news.guid}"):
                return PlainTextResponse("Internal Server Error", status_code=500)
            return JSONResponse({"guid": news.guid, "body": news.body})
        for news in self._world.storecove_news:
            news.delay = max(0, news.delay - 1)
        return Response(status_code=204)

    async def delete(self, request: Request) -> Response:
        """Takes a piece of news off the queue."""
        if not self._key_is_right(request):
            return Response(status_code=401)
        for news in self._world.storecove_news:
            if news.guid == request.path_params["guid"] and not news.deleted:
                news.deleted = True
                return Response(status_code=204)
        return Response(status_code=404)

    async def evidence(self, request: Request) -> Response:
        """200 once the document was sent, 404 until then."""
        if not self._key_is_right(request):
            return Response(status_code=401)
        guid = request.path_params["guid"]
        for news in self._world.storecove_news:
            if news.about == guid and news.word == "succeeded" and not news.delay:
                row = next(row for row in self._world.ehf_submissions if row.key == news.key)
                return JSONResponse(_evidence_json(row))
        return Response(status_code=404)

    async def legal_entity(self, request: Request) -> Response:
        """A seller's, with its identifier on the network; 404 when there is none of this number."""
        if not self._key_is_right(request):
            return Response(status_code=401)
        for client in self._world.clients.values():
            if str(legal_entity_id(client.organisation_number)) == request.path_params["entity"]:
                identifier = {"superscheme": "iso6523-actorid-upis", "scheme": "NO:ORG",
                              "identifier": client.organisation_number}  # fmt: skip
                told = {"id": legal_entity_id(client.organisation_number), "party_name": client.name,
                        "peppol_identifiers": [identifier]}  # fmt: skip
                return JSONResponse(told)
        return Response(status_code=404)

    def _key_is_right(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self._world.storecove_key}"

    async def _trouble_before(self, number: str, key: str, request: Request) -> Response | None:
        """What goes wrong before anything is taken."""
        if number == magic.AP_400:
            return _not_processed("document", "InvoiceLine/Price: is not valid")
        once = {
            magic.AP_401_ONCE: Response(status_code=401),
            magic.AP_500_ONCE: PlainTextResponse("Internal Server Error", status_code=500),
            magic.AP_503_ONCE: Response(status_code=503, headers={"Retry-After": "1"}),
            magic.HOSTED_429_ONCE: Response(status_code=429, headers={"Retry-After": "1"}),
        }
        if number in once and self._world.first_time(f"submit {key}"):
            return once[number]
        if number == magic.AP_TIMEOUT_BEFORE_ACCEPT and self._world.first_time(f"submit {key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return None

    def _keep(
        self, sender: str, receiver: str, document_type: str, process: str, key: str, content: bytes, last_word: str
    ) -> None:
        (self._folder / f"{key}.xml").write_bytes(content)
        self._world.ehf_submissions.append(
            EhfSubmission(
                key=key,
                sender=sender,
                receiver=receiver,
                document_type=document_type,
                process=process,
                sha256=hashlib.sha256(content).hexdigest(),
                file=f"{self._folder.name}/{key}.xml",
                received_at=self._world.now(),
                plan=["permanently_failed" if last_word in _NOT_SENT else "sent"],
            )
        )

    def _tell(self, key: str, about: str, word: str, delay: int) -> None:
        receiver = self._world.ehf_submissions[-1].receiver
        told = {
            "event_type": "document_submission",
            "event_group": "response" if word in ("rejected", "accepted") else "sending",
            "event": word,
            "details": "The receiver could not be reached." if word in _NOT_SENT else "",
            "guid": about,
            "idempotencyGuid": key,
        }
        self._world.storecove_news.append(
            StorecoveNews(
                guid=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{about}/{word}")),
                about=about,
                key=key,
                receiver=receiver.rpartition(":")[2],
                word=word,
                body=json.dumps(told),
                delay=delay,
            )
        )


def storecove_app(*, world: World, folder: Path, hold: Hold) -> Starlette:
    """The whole service; its base address ends in /api/v2."""
    api = StorecoveApi(world=world, folder=folder, hold=hold)
    return Starlette(
        routes=[
            Route("/api/v2/document_submissions", api.submit, methods=["POST"]),
            Route("/api/v2/document_submissions/{guid}/evidence/sending", api.evidence, methods=["GET"]),
            Route("/api/v2/legal_entities/{entity}", api.legal_entity, methods=["GET"]),
            Route("/api/v2/webhook_instances/", api.head, methods=["GET"]),
            Route("/api/v2/webhook_instances/{guid}", api.delete, methods=["DELETE"]),
        ]
    )


def _evidence_json(row: EhfSubmission) -> dict[str, Any]:
    return {
        "network": "peppol",
        "sender": f"iso6523-actorid-upis::{row.sender}",
        "receiver": f"iso6523-actorid-upis::{row.receiver}",
        "documents": [],
        "evidence": {
            "message_id": f"{row.key}@ap.sandbox.test",
            "receiving_accesspoint": "POP000000",
            "timestamp": row.received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    }


def _not_processed(source: str, details: str) -> Response:
    return JSONResponse(cast("Any", [{"source": source, "details": details}]), status_code=422)
