"""The operations page: today, the worklists, one invoice's story. Read only, behind a token, without scripts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from worker.ops.desk import Desk
from worker.ops.entry import COOKIE, SESSION, WINDOW, Entry
from worker.support.forms import posted
from worker.support.log import get_logger, place
from worker.support.safe_headers import SafeHeaders

_PAGES = Path(__file__).parent / "pages"
STYLE = "ops.css"
_LONGEST_REFERENCE = 100
_REFRESH = {"30": 30, "60": 60, "300": 300}  # seconds; chosen by the reader, off otherwise


def ops_pages(*, desk: Desk, token: str, factor: str) -> list[BaseRoute]:
    """What is hung into the operations' app, after its own doors. Raises ValueError when the token is too short."""
    pages = _Pages(desk, Entry(token), factor)
    app = Starlette(
        routes=[
            Route("/", pages.today, methods=["GET"]),
            Route("/parked", pages.parked, methods=["GET"]),
            Route("/waiting", pages.waiting, methods=["GET"]),
            Route("/find", pages.find, methods=["POST"]),
            Route("/invoice/{invoice}", pages.invoice, methods=["GET"]),
            Route("/enter", pages.door, methods=["GET"]),
            Route("/enter", pages.knock, methods=["POST"]),
            Route("/leave", pages.leave, methods=["POST"]),
            Route(f"/{STYLE}", pages.style, methods=["GET"]),
        ],
        middleware=[Middleware(SafeHeaders, https=False, on_error=pages.trouble)],
        exception_handlers={HTTPException: pages.http_error},
    )
    app.router.redirect_slashes = False  # it would build an address from the caller's Host header
    return [Mount("/", app)]


class _Pages:
    def __init__(self, desk: Desk, entry: Entry, factor: str) -> None:
        self._desk, self._entry = desk, entry
        self._style = (_PAGES / STYLE).read_bytes()
        self._templates = Environment(
            loader=FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        version = hashlib.sha256(self._style).hexdigest()[:10]
        self._fixed = {"factor": factor, "style": f"/{STYLE}?v={version}"}

    # --- the pages --------------------------------------------------------------------------------

    async def today(self, request: Request) -> Response:
        """Runs, queue, and how much waits."""
        return await self._shown(request, "today.html", self._desk.today, refreshes=True)

    async def parked(self, request: Request) -> Response:
        """The worklist."""
        reason = request.query_params.get("reason", "")
        return await self._shown(request, "parked.html", self._desk.parked, reason, refreshes=True)

    async def waiting(self, request: Request) -> Response:
        """Money, bounces and receipts that wait."""
        return await self._shown(request, "waiting.html", self._desk.waiting, refreshes=True)

    async def invoice(self, request: Request) -> Response:
        """One invoice's story, by our id."""
        given = request.path_params["invoice"]
        known = given.isascii() and given.isdigit() and len(given) <= 18
        try:
            return await self._shown(request, "invoice.html", self._desk.story, int(given) if known else 0)
        except LookupError:
            return self._page("message.html", status=404, message="There is no such invoice.")

    async def find(self, request: Request) -> Response:
        """What was typed is looked up as `invoice show` does. Posted, so that a KID stands in no address."""
        refused = self._refused(request)
        if refused is not None:
            return refused
        fields = await posted(request)
        if isinstance(fields, int):
            return self._page("message.html", status=fields, message="That cannot be read.")
        wanted = fields.get("reference", "").strip()[:_LONGEST_REFERENCE]
        found = await run_in_threadpool(self._desk.find, wanted) if wanted else []
        if len(found) == 1:
            return RedirectResponse(f"/invoice/{found[0][0]}", status_code=303)
        return self._page("found.html", wanted=wanted, found=found, status=200 if found else 404)

    # --- the door ---------------------------------------------------------------------------------

    async def door(self, request: Request) -> Response:
        """Asks for the token."""
        if self._is_inside(request):
            return RedirectResponse("/", status_code=303)
        return self._page("enter.html", error="")

    async def knock(self, request: Request) -> Response:
        """The token, typed. Wrong ones are counted for each caller."""
        if self._entry.is_slowed(_caller(request), now=self._now()):
            return self._slow()
        fields = await posted(request)
        given = "" if isinstance(fields, int) else fields.get("token", "").strip()
        if not self._checked(request, given):
            return self._page("enter.html", error="That is not the token.", status=403)
        response = RedirectResponse("/", status_code=303)
        response.set_cookie(
            COOKIE,
            self._entry.session(now=self._now()),
            max_age=int(SESSION.total_seconds()),
            path="/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response

    async def leave(self, _: Request) -> Response:
        """The session ends in this browser."""
        response = RedirectResponse("/enter", status_code=303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    async def style(self, _: Request) -> Response:
        """The same for everybody."""
        return Response(self._style, media_type="text/css", headers={"Cache-Control": "public, max-age=86400"})

    async def http_error(self, _: Request, error: Exception) -> Response:
        """Addresses and methods that are not ours."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._page("message.html", status=status, message="There is nothing here.")

    def trouble(self, _: Request, error: Exception) -> Response:
        """Our own fault: said so, and logged by type and place."""
        get_logger().error("ops.failed", error_type=type(error).__name__, error_place=place(error.__traceback__))
        message = "Something broke on our side; the log says where. The worker goes on."
        return self._page("message.html", status=503, message=message)

    # --- behind them ------------------------------------------------------------------------------

    def _now(self) -> Any:
        return self._desk.clock.now()

    def _is_inside(self, request: Request) -> bool:
        return self._entry.is_session(request.cookies.get(COOKIE, ""), now=self._now())

    def _checked(self, request: Request, given: str) -> bool:
        right = self._entry.is_token(given, _caller(request), now=self._now())
        if right:
            get_logger().info("ops.entered")
        else:
            get_logger().warning("ops.refused")
        return right

    def _refused(self, request: Request) -> Response | None:
        """None for who may look: by cookie, or `Authorization: Bearer` with the token."""
        if self._is_inside(request):
            return None
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return RedirectResponse("/enter", status_code=303)
        if self._entry.is_slowed(_caller(request), now=self._now()):
            return self._slow()
        if self._entry.is_token(given.strip(), _caller(request), now=self._now()):
            return None
        get_logger().warning("ops.refused")
        return PlainTextResponse("not the token", status_code=401, headers={"WWW-Authenticate": "Bearer"})

    def _slow(self) -> Response:
        minutes = int(WINDOW.total_seconds()) // 60
        message = f"Too many wrong tokens. Wait {minutes} minutes."
        wait = {"Retry-After": str(int(WINDOW.total_seconds()))}
        return self._page("message.html", status=429, message=message, headers=wait)

    async def _shown(self, request: Request, name: str, ask: Any, *given: Any, refreshes: bool = False) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        values = await run_in_threadpool(ask, *given)
        reason = values.get("reason", "")  # one of the closed list, or empty
        every = _REFRESH.get(request.query_params.get("refresh", ""), 0) if refreshes else 0
        own = f"?reason={reason}&" if reason else "?"
        here = {
            "here": request.url.path,
            "again": f"{request.url.path}{own}refresh=",
            "refresh": every,
            "refreshes": refreshes,
            "choices": list(_REFRESH.values()),
        }
        return self._page(name, inside=True, **here, **values)

    def _page(self, name: str, *, status: int = 200, headers: Any = None, **values: Any) -> Response:
        usual = {
            "inside": name == "found.html",
            "here": "",
            "again": "",
            "refresh": 0,
            "refreshes": False,
            "choices": [],
        }
        now = {"now": self._desk.now()}
        html = self._templates.get_template(name).render(**{**self._fixed, **now, **usual, **values})
        return HTMLResponse(html, status_code=status, headers=headers)


def _caller(request: Request) -> str:
    return request.client.host if request.client else ""
