"""Maventa's routes. Shapes after its OpenAPI document; where that is silent, docs/sandbox.md says what is done here."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from worker.sandbox import magic
from worker.sandbox.magic import ConsumerMagic
from worker.sandbox.maventa.invoices import Refusal, Uploads, told
from worker.sandbox.pace import Hold, Pace
from worker.sandbox.world import World

_Endpoint = Callable[[Request, str], Awaitable[Response]]


class Maventa:
    """The service of one environment. A request's company is its token's."""

    def __init__(self, *, world: World, folder: Path, efaktura_folder: Path, pace: Pace, hold: Hold) -> None:
        self._world = world
        self._state = world.maventa
        self._pace = pace
        self._hold = hold
        self._tokens: dict[str, tuple[str, float]] = {}
        self._uploads = Uploads(world=world, folder=folder, efaktura_folder=efaktura_folder)

    async def token(self, request: Request) -> Response:
        """`/oauth2/token`: the company is the client, the user's API key the secret, and the software has a key."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return _fault(400, "invalid_grant", "The grant type is not supported.")
        company = form.get("client_id", "")
        right = (
            form.get("client_secret") == self._state.user_key and form.get("vendor_api_key") == self._state.vendor_key
        )
        if not right or company not in self._state.companies:
            return _fault(401, "invalid_client", "Client authentication failed.")
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (company, self._world.moment() + self._pace.token_lifetime)
        life = int(self._pace.token_lifetime)
        granted = {"access_token": token, "token_type": "bearer", "expires_in": life, "scope": form.get("scope", "")}
        return JSONResponse(granted, headers={"Cache-Control": "no-store"})

    def guard(self, endpoint: _Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Lets the company in, or answers for what is wrong."""

        async def guarded(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            company, dies_at = self._tokens.get(token, ("", 0.0))
            if self._state.unauthorized_next > 0:
                self._state.unauthorized_next -= 1
                self._tokens.pop(token, None)
                company = ""
            if scheme.lower() != "bearer" or not company or self._world.moment() >= dies_at:
                return _fault(401, "unauthorized", "Unauthorized")
            if self._state.throttle_next > 0:
                self._state.throttle_next -= 1
                return _throttled()
            if self._state.server_error_next > 0:
                self._state.server_error_next -= 1
                return PlainTextResponse("Internal Server Error", status_code=500)
            return await endpoint(request, company)

        return guarded

    async def upload(self, request: Request, company: str) -> Response:
        """`POST /v1/invoices`: 201 with the invoice, which waits at first; 422 for a UUID that is taken."""
        async with request.form() as form:
            try:
                parcel = await self._uploads.read(form, company)
            except Refusal as refusal:
                return _fault(refusal.status, refusal.code, refusal.message)
        before = await self._trouble_before(parcel.number, parcel.key, request)
        if before is not None:
            return before
        kept = self._uploads.keep(parcel, company)
        slow = parcel.number == magic.AP_TIMEOUT_AFTER_ACCEPT or parcel.magic is ConsumerMagic.TIMEOUT_AFTER_ACCEPT
        if slow and self._world.first_time(f"maventa upload {parcel.key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return JSONResponse(told(kept, "PENDING", self._world.now()), status_code=201)

    async def invoice(self, request: Request, company: str) -> Response:
        """`GET /v1/invoices/{id}`, of the token's company alone."""
        key = str(request.path_params["key"]).lower()
        row = self._state.held(key, company, self._world.ehf_submissions)
        if row is None:
            return _fault(404, "not_found", "The requested resource can not be found.")
        number = getattr(row, "receiver", "").rpartition(":")[2]
        if number == magic.AP_STATUS_500_ONCE and self._world.first_time(f"maventa status {key}"):
            return PlainTextResponse("Internal Server Error", status_code=500)
        answer = told(row, row.state, self._world.now())
        row.polls += 1
        return JSONResponse(answer)

    async def consumers(self, request: Request, company: str) -> Response:
        """`GET /v1/lookup/consumers`: by e-mail or phone, and a last name. The registry is Yes2All."""
        asked = request.query_params
        if "ssn" in asked:
            return _fault(400, "invalid_parameters", "The sandbox takes no national identity numbers.")
        if not asked.get("last_name") or not (asked.get("email") or asked.get("phone_number")):
            return _fault(400, "invalid_parameters", "Too little to look for.")
        if asked.getlist("routes[]") != ["yes2all"]:
            return _fault(400, "invalid_parameters", "routes must be yes2all here.")
        word = magic.consumer_magic(asked.get("email", ""))
        if word is None:
            return _fault(404, "not_found", "No consumer was found.")
        if word is ConsumerMagic.BROKEN:
            return PlainTextResponse("Internal Server Error", status_code=500)
        if word is ConsumerMagic.SEVERAL:
            return _fault(422, "multiple_matches", "The search fits more than one person.")
        statuses = {
            ConsumerMagic.NOT_RECEIVING: "NOT_RECEIVING",
            ConsumerMagic.UNAVAILABLE: "TEMPORARY_UNAVAILABLE",
            ConsumerMagic.STRANGE: "PERHAPS",
        }
        entry = {"status": statuses.get(word, "RECEIVING")}
        if entry["status"] == "RECEIVING":
            entry["efaktura_identifier"] = "17054026641" if word is ConsumerMagic.NATIONAL else f"EFID-{word}"
        return JSONResponse({"reference_id": str(uuid.uuid4()), "routes": {"yes2all": entry}})

    async def _trouble_before(self, number: str, key: str, request: Request) -> Response | None:
        """What goes wrong before anything is taken."""
        if number == magic.AP_400:
            return _fault(400, "invalid_parameters", "The recipient's address is not valid.")
        troubles = {
            magic.AP_500_ONCE: PlainTextResponse("Internal Server Error", status_code=500),
            magic.AP_401_ONCE: _fault(401, "unauthorized", "Unauthorized"),
            magic.AP_503_ONCE: Response(status_code=503, headers={"Retry-After": "1"}),
            magic.HOSTED_429_ONCE: _throttled(),
        }
        if number in troubles and self._world.first_time(f"maventa upload {key}"):
            return troubles[number]
        if number == magic.AP_TIMEOUT_BEFORE_ACCEPT and self._world.first_time(f"maventa upload {key}"):
            await self._hold.until_given_up(request)
            return Response(status_code=504)
        return None


def maventa_app(*, world: World, folder: Path, efaktura_folder: Path, pace: Pace, hold: Hold) -> Starlette:
    """The whole service. EHF is kept in `folder`, the PDFs of eFaktura in the other."""
    service = Maventa(world=world, folder=folder, efaktura_folder=efaktura_folder, pace=pace, hold=hold)
    return Starlette(
        routes=[
            Route("/oauth2/token", service.token, methods=["POST"]),
            Route("/v1/invoices", service.guard(service.upload), methods=["POST"]),
            Route("/v1/invoices/{key}", service.guard(service.invoice), methods=["GET"]),
            Route("/v1/lookup/consumers", service.guard(service.consumers), methods=["GET"]),
        ]
    )


def _throttled() -> Response:
    return JSONResponse({"code": "too_many_requests", "message": "Slow down."}, 429, headers={"Retry-After": "1"})


def _fault(status: int, code: str, message: str) -> Response:
    body: dict[str, Any] = {"code": code, "message": message, "details": []}
    return JSONResponse(body, status_code=status)
