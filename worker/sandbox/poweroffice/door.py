"""The way into PowerOffice Go: tokens, throttling, privileges, the envelope, and what can go wrong for a client.

Order of checks for an API call: bearer token (401), the client's troubles, request rate (429), privilege (403, empty
body), then the route; a refusal there is HTTP 200 with success:false.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from worker.sandbox.erp import ErpRefusal, SandboxClient
from worker.sandbox.pace import Hold, Pace, RateLimit
from worker.sandbox.poweroffice.odata import Fields, ODataError, Row, compile_filter, compile_order
from worker.sandbox.poweroffice.rows import client_id, wire
from worker.sandbox.world import World

PRIVILEGES = (
    "BankJournalVoucher_Full",
    "Client",
    "Customer",
    "CustomerLedger",
    "Factoring_Full",
    "GeneralLedgerAccount",
    "ManualJournalVoucher_Full",
    "Supplier",
    "SupplierLedger",
    "TrialBalance",
)


@dataclass(slots=True)
class Call:
    """One authenticated API call. `seen_at`: the monotonic second the replica has reached."""

    client: SandboxClient
    request: Request
    seen_at: float
    hold: Hold
    world: World

    async def body(self) -> dict[str, Any]:
        """The JSON object posted, names in lower case: the vendor reads them so."""
        try:
            posted = json.loads(await self.request.body())
        except ValueError:
            raise ErpRefusal("The request body is not valid JSON.", kind="Serialization") from None
        if not isinstance(posted, dict):
            raise ErpRefusal("The request body must be a JSON object.", kind="Serialization")
        return lower_names(posted)


Handler = Callable[[Call], Awaitable[Response]]


class Door:
    """Hands out tokens and lets calls in."""

    def __init__(self, *, world: World, pace: Pace, hold: Hold) -> None:
        self._world = world
        self._pace = pace
        self._hold = hold
        self._rate = RateLimit(moment=world.moment, limit=lambda: pace.rate_limit)
        self._tokens: dict[str, tuple[str, float]] = {}
        self._signing_key = secrets.token_bytes(32)

    async def token(self, request: Request) -> Response:
        """`/OAuth/Token`: client credentials, Basic application key : client key. 400 when either is unknown."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        application_key, client_key = basic_credentials(request.headers.get("authorization", ""))
        client = self._world.clients.get(client_key)
        if application_key != self._world.application_key or client is None or client.trouble.token_refused:
            words = "Invalid application key or client key, or wrong environment."
            return JSONResponse({"error": "invalid_client", "error_description": words}, status_code=400)
        if not self._rate.passes(application_key):
            return throttled()
        token = self._sign(client)
        self._tokens[token] = (client_key, self._world.moment() + self._pace.token_lifetime)
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": int(self._pace.token_lifetime)},
            headers={"Cache-Control": "no-store"},
        )

    def guard(self, privilege: str, handler: Handler, *, is_list: bool = False) -> Callable[..., Awaitable[Response]]:
        """An endpoint that lets the call in, or answers for what is wrong. `is_list`: `list_refused_next` hits it."""

        async def endpoint(request: Request) -> Response:
            client = self._bearer(request)
            if client is None:
                return _unauthorized()
            stopped = self._trouble(client, request, is_list=is_list)
            if stopped is not None:
                return stopped
            if not self._rate.passes(self._world.application_key):
                return throttled()
            if privilege in client.invalid_privileges:
                return Response(status_code=403)
            seen_at = self._world.moment() - self._pace.replica_lag
            try:
                return await handler(Call(client, request, seen_at, self._hold, self._world))
            except ErpRefusal as refusal:
                return refused(refusal.summary, kind=refusal.kind)
            except ODataError as error:
                return refused(str(error), kind="OData")

        return endpoint

    def _sign(self, client: SandboxClient) -> str:
        """A JWT with the vendor's claims. Only the sandbox knows the key: callers take it as opaque text."""
        claims = {
            "goClientId": client_id(client),
            "goClientName": client.name,
            "role": [name for name in PRIVILEGES if name not in client.invalid_privileges],
            "goInvalidPrivileges": sorted(client.invalid_privileges),
            "jti": secrets.token_hex(8),
        }
        parts = [{"alg": "HS256", "typ": "JWT"}, claims]
        text = ".".join(_b64(json.dumps(part).encode()) for part in parts)
        return f"{text}.{_b64(hmac.new(self._signing_key, text.encode(), hashlib.sha256).digest())}"

    def _bearer(self, request: Request) -> SandboxClient | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        client_key, until = self._tokens.get(token, ("", 0.0))
        if scheme.lower() != "bearer" or self._world.moment() >= until:
            return None
        client = self._world.clients.get(client_key)
        if client and client.trouble.unauthorized_mid_run > 0:
            client.trouble.unauthorized_mid_run -= 1
            if client.trouble.unauthorized_mid_run == 0:
                del self._tokens[token]
                return None
        return client

    @staticmethod
    def _trouble(client: SandboxClient, request: Request, *, is_list: bool) -> Response | None:
        trouble = client.trouble
        if trouble.throttle_next > 0:
            trouble.throttle_next -= 1
            return throttled()
        if trouble.server_error_next > 0:
            trouble.server_error_next -= 1
            return PlainTextResponse("Internal Server Error", status_code=500)
        if trouble.empty_body_next > 0:
            trouble.empty_body_next -= 1
            return Response(status_code=200)
        if is_list and request.method == "GET" and trouble.list_refused_next > 0:
            trouble.list_refused_next -= 1
            return refused("An unexpected error occurred.", kind="Exception")
        return None


def answer(data: Any = None, *, count: int | None = None) -> Response:
    """The success envelope."""
    envelope: dict[str, Any] = {}
    if data is not None:
        envelope["data"] = data
    if count is not None:
        envelope["count"] = count
    return JSONResponse({**envelope, "success": True})


def refused(summary: str, *, kind: str) -> Response:
    """The vendor's no: HTTP 200."""
    return JSONResponse(refusal_envelope(summary, kind=kind))


def refusal_envelope(summary: str, *, kind: str) -> dict[str, Any]:
    reference = f"{secrets.token_hex(6)[:11]}-{secrets.randbelow(10**10):010d}"
    return {
        "success": False,
        "validation": {
            "errorLogReference": reference,
            "summary": summary,
            "exception": kind,
            "exceptionDetails": None,
            "fields": {},
            "batchItemErrors": [],
        },
    }


def listed(call: Call, rows: Sequence[Row], fields: Fields, *, cap: int, must_order: bool = False) -> Response:
    """Rows filtered, ordered and cut by the query; `count` is before the cut. Without an order none may be cut.

    `must_order`: $orderby is demanded even when nothing is cut (the factoring lists).
    """
    query = call.request.query_params
    unknown = [name for name in query if name.startswith("$") and name not in ("$filter", "$orderby", "$top", "$skip")]
    if unknown:
        raise ODataError(f"The query option '{unknown[0][:40]}' is not supported.")
    chosen = list(rows)
    if query.get("$filter"):
        keep = compile_filter(query["$filter"], fields)
        chosen = [row for row in chosen if keep(row)]
    if query.get("$orderby"):
        chosen = compile_order(query["$orderby"], fields)(chosen)
    elif must_order or "$top" in query or "$skip" in query:
        raise ODataError("$orderby is required when paging.")
    top, skip = _whole(query.get("$top"), cap), _whole(query.get("$skip"), 0)
    if top > cap or (len(chosen) > cap and "$top" not in query):
        raise ODataError(f"At most {cap} rows can be read at a time.")
    return answer([wire(row) for row in chosen[skip : skip + top]], count=len(chosen))


def lower_names(value: Any) -> Any:
    """JSON with every property name in lower case."""
    if isinstance(value, dict):
        return {name.lower(): lower_names(inner) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [lower_names(inner) for inner in cast("list[Any]", value)]
    return value


def throttled() -> Response:
    return JSONResponse(
        {"statusCode": "429", "message": "Rate limit is exceeded. Try again in 1 seconds."},
        status_code=429,
        headers={"Retry-After": "1"},
    )


def _unauthorized() -> Response:
    return JSONResponse(
        {"message": "Authorization has been denied for this request."},
        status_code=401,
        headers={"WWW-Authenticate": "Bearer"},
    )


def _whole(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ODataError("$top and $skip must be whole numbers.")
    return int(text)


def basic_credentials(header: str) -> tuple[str, str]:
    """User and password of a Basic header; two empty texts when it is not one."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
