"""The way into PowerOffice Go v2: subscription key, tokens, throttling, privileges, ProblemDetails, paging.

Order of checks for an API call: subscription key (401), bearer token (401), the client's troubles, request rate (429),
privilege (403, empty body), then the route.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from worker.sandbox.client_books import ErpRefusal
from worker.sandbox.erp import SandboxClient
from worker.sandbox.pace import Hold, Pace, RateLimit
from worker.sandbox.poweroffice.door import basic_credentials, lower_names
from worker.sandbox.world import World

_DEFAULT_PAGE, _LARGEST_PAGE = 5000, 20_000


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
            raise ErpRefusal("The request body is not valid JSON.") from None
        if not isinstance(posted, dict):
            raise ErpRefusal("The request body must be a JSON object.")
        return lower_names(posted)

    def day(self, name: str) -> date:
        """A date that the query must have."""
        try:
            return datetime.fromisoformat(self.request.query_params[name]).date()
        except (KeyError, ValueError):
            raise ErpRefusal(f"The field {name} must be a date.") from None

    def numbers(self, name: str) -> Callable[[int | None], bool]:
        """A filter such as `10000-11000,12000,13000-`. Left out, it lets everything through."""
        text = self.request.query_params.get(name, "").replace(" ", "")
        if not text:
            return lambda number: True
        ranges: list[tuple[int, int]] = []
        for part in text.split(","):
            first, dash, last = part.partition("-")
            if not first.isdigit() or (last and not last.isdigit()):
                raise ErpRefusal(f"The filter {name} is not valid.")
            ranges.append((int(first), int(last) if last else 2**63 if dash else int(first)))
        return lambda number: number is not None and any(low <= number <= high for low, high in ranges)

    def words(self, name: str) -> Callable[[str | None], bool]:
        """A filter of words with commas between. Left out, it lets everything through."""
        text = self.request.query_params.get(name, "")
        chosen = {word.strip() for word in text.split(",") if word.strip()}
        return lambda word: not chosen or word in chosen


Handler = Callable[[Call], Awaitable[Response]]


class Door:
    """Hands out tokens and lets calls in."""

    def __init__(self, *, world: World, pace: Pace, hold: Hold) -> None:
        self._world = world
        self._pace = pace
        self._hold = hold
        self._rate = RateLimit(moment=world.moment, limit=lambda: pace.subscription_rate_limit)
        self._tokens: dict[str, tuple[str, float]] = {}

    async def token(self, request: Request) -> Response:
        """`/OAuth/Token`: client credentials, Basic application key : client key, and the subscription key."""
        if not self._subscribed(request):
            return _no_subscription()
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        application_key, client_key = basic_credentials(request.headers.get("authorization", ""))
        client = self._world.clients.get(client_key)
        if application_key != self._world.application_key or client is None or client.trouble.token_refused:
            words = "Invalid application key or client key, or wrong environment."
            return JSONResponse({"error": "invalid_client", "error_description": words}, status_code=400)
        if not self._rate.passes(self._world.subscription_key):
            return _throttled()
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (client_key, self._world.moment() + self._pace.token_lifetime)
        return JSONResponse(
            {"access_token": token, "token_type": "bearer", "expires_in": int(self._pace.token_lifetime)},
            headers={"Cache-Control": "no-store"},
        )

    def guard(self, privilege: str, handler: Handler, *, is_list: bool = False) -> Callable[..., Awaitable[Response]]:
        """An endpoint that lets the call in, or answers for what is wrong. `is_list`: `list_refused_next` hits it."""

        async def endpoint(request: Request) -> Response:
            if not self._subscribed(request):
                return _no_subscription()
            client = self._bearer(request)
            if client is None:
                return Response(status_code=401, headers={"WWW-Authenticate": "Bearer"})
            stopped = self._trouble(client, is_list=is_list)
            if stopped is not None:
                return stopped
            if not self._rate.passes(self._world.subscription_key):
                return _throttled()
            if privilege in client.invalid_privileges:
                return Response(status_code=403)
            seen_at = self._world.moment() - self._pace.replica_lag
            try:
                return await handler(Call(client, request, seen_at, self._hold, self._world))
            except ErpRefusal as refusal:
                return problem(refusal)

        return endpoint

    def _subscribed(self, request: Request) -> bool:
        return request.headers.get("ocp-apim-subscription-key") == self._world.subscription_key

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
    def _trouble(client: SandboxClient, *, is_list: bool) -> Response | None:
        trouble = client.trouble
        if trouble.throttle_next > 0:
            trouble.throttle_next -= 1
            return _throttled()
        if trouble.server_error_next > 0:
            trouble.server_error_next -= 1
            return PlainTextResponse("Internal Server Error", status_code=500)
        if trouble.empty_body_next > 0:
            trouble.empty_body_next -= 1
            return Response(status_code=200)
        if is_list and trouble.list_refused_next > 0:
            trouble.list_refused_next -= 1
            return problem(ErpRefusal("An unexpected error occurred."))
        return None


def listed(call: Call, rows: Sequence[dict[str, Any]]) -> Response:
    """A page of the rows as a bare list; 204 when it is empty."""
    number, size = _whole(call.request, "PageNumber", 1), _whole(call.request, "PageSize", _DEFAULT_PAGE)
    if number < 1 or not 1 <= size <= _LARGEST_PAGE:
        raise ErpRefusal(f"PageSize must be between 1 and {_LARGEST_PAGE}.")
    page = list(rows)[(number - 1) * size : number * size]
    return JSONResponse(page) if page else Response(status_code=204)


def problem(refusal: ErpRefusal) -> Response:
    """ProblemDetails: 404 with the schema's names, 400 with the lower-case ones of the vendor's samples."""
    if refusal.kind == "NotFound":
        body: dict[str, Any] = {"Title": "Not Found", "Status": 404, "Detail": refusal.summary}
        return JSONResponse(body, status_code=404, media_type="application/problem+json")
    body = {"title": "One or more validation errors occurred.", "status": 400, "detail": refusal.summary}
    return JSONResponse(body, status_code=400, media_type="application/problem+json")


def _throttled() -> Response:
    return JSONResponse(
        {"statusCode": "429", "message": "Rate limit is exceeded. Try again in 1 seconds."},
        status_code=429,
        headers={"Retry-After": "1"},
    )


def _no_subscription() -> Response:
    words = "Access denied due to invalid subscription key."
    return JSONResponse({"statusCode": 401, "message": words}, status_code=401)


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ErpRefusal(f"{name} must be a whole number.")
    return int(text)
