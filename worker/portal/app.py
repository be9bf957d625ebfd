"""The portal's pages. Opening an address changes nothing, for mail scanners do that too: only a posted code counts."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from worker.model.ehf import DocumentError, read_document
from worker.model.link import CodeAnswer, CodeVerdict, LinkState, LinkView
from worker.portal.access import SESSION, LinkBook, caller_prefix, new_session, session_holds, typed_code
from worker.portal.headers import PDF_POLICY, SafeHeaders
from worker.portal.words import LANGUAGES, Words, language_of
from worker.ports import DocumentLost, DocumentStore
from worker.support import wording
from worker.support.clock import Clock
from worker.support.log import get_logger, place
from worker.support.secrets import code_mac, hash_token

MAX_BODY = 2048  # bytes; a code and its name need twenty
COOKIE = "invoice_session"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PAGES = Path(__file__).parent / "pages"
# What a message page is answered with.
_STATUS = {"missing": 404, "locked": 403, "gone": 410, "slow": 429, "refused": 400, "trouble": 503}


@dataclass(frozen=True, slots=True)
class _Stated:
    """What the stamped document itself says."""

    seller: str
    notice: str


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request for a link that exists."""

    token: str
    token_hash: str
    link: LinkView
    words: Words
    admitted: bool


def create_app(
    *,
    links: LinkBook,
    documents: DocumentStore,
    factor_name: str,
    public_url: str,
    server_key: bytes,
    clock: Clock,
    contact: str = "",
) -> Starlette:
    """The portal. `public_url` is what debtors see (scheme decides Secure and HSTS, a path is put before every link).

    `contact`: how to reach the factor, shown on every page. Behind a proxy, the server in front must be set to believe
    its forwarded address, or everybody shares one counter of wrong codes.
    """
    portal = _Portal(links, documents, factor_name, public_url, server_key, clock, contact)
    app = Starlette(
        routes=[
            Route("/i/{token}", portal.door, methods=["GET"]),
            Route("/i/{token}", portal.knock, methods=["POST"]),
            Route("/i/{token}/faktura", portal.invoice, methods=["GET"]),
            Route("/i/{token}/faktura.pdf", portal.pdf, methods=["GET"]),
            Route("/portal.css", portal.css, methods=["GET"]),
            Route("/healthz", _healthz, methods=["GET"]),
        ],
        middleware=[Middleware(SafeHeaders, https=urlsplit(public_url).scheme == "https", on_error=portal.trouble)],
        exception_handlers={HTTPException: portal.http_error},
    )
    app.router.redirect_slashes = False  # it would build an address from the caller's Host header
    return app


async def _healthz(_: Request) -> Response:
    return PlainTextResponse("ok")


class _Portal:
    def __init__(
        self,
        links: LinkBook,
        documents: DocumentStore,
        factor_name: str,
        public_url: str,
        server_key: bytes,
        clock: Clock,
        contact: str,
    ) -> None:
        self._links = links
        self._documents = documents
        self._factor = factor_name
        self._server_key = server_key
        self._clock = clock
        self._contact = contact
        parts = urlsplit(public_url)
        self._root = parts.path.rstrip("/")
        self._secure = parts.scheme == "https"
        self._css = (_PAGES / "portal.css").read_bytes()
        self._css_version = hashlib.sha256(self._css).hexdigest()[:10]
        self._pages = Environment(
            loader=FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    # --- the doors -------------------------------------------------------------------------------

    async def door(self, request: Request) -> Response:
        """The page that asks for the code."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        if visit.admitted:
            return self._to_invoice(visit)
        if visit.link.state is LinkState.LOCKED:
            return self._message(request, "locked", visit.link.language)
        return await run_in_threadpool(self._code_page, visit)

    async def knock(self, request: Request) -> Response:
        """A typed code. The first right one counts as opened."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        body = await _body(request)
        if body is None:
            return self._message(request, "refused", visit.link.language, status=413)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
            return self._message(request, "refused", visit.link.language, status=415)
        if visit.link.state is LinkState.LOCKED:
            return self._message(request, "locked", visit.link.language)
        code = typed_code(_field(body, "code"))
        if code is None:  # a slip of the hand, no guess: not counted
            return await run_in_threadpool(self._code_page, visit, error="code_malformed", status=400)
        answer = await run_in_threadpool(self._try, request, visit, code)
        get_logger().info("portal.code_tried", delivery=visit.link.delivery_id, outcome=answer.verdict)
        match answer.verdict:
            case CodeVerdict.RIGHT:
                return self._admit(visit)
            case CodeVerdict.WRONG:
                error = "code_wrong_once" if answer.tries_left == 1 else "code_wrong"
                return await run_in_threadpool(self._code_page, visit, error=error, tries=answer.tries_left, status=403)
            case CodeVerdict.LOCKED:
                return self._message(request, "locked", visit.link.language)
            case CodeVerdict.GONE:
                return self._message(request, "gone", visit.link.language)
            case CodeVerdict.SLOW_DOWN:
                return self._message(request, "slow", visit.link.language, headers={"Retry-After": "3600"})

    async def invoice(self, request: Request) -> Response:
        """The invoice, for who has typed the code within the last half hour."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        if not visit.admitted:
            return await self._ask_again(request, visit)
        return await run_in_threadpool(self._invoice_page, visit)

    async def pdf(self, request: Request) -> Response:
        """The PDF, to look at or (`?download=1`) to keep."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        if not visit.admitted:
            return await self._ask_again(request, visit)
        content = await run_in_threadpool(self._documents.get, sha256=visit.link.pdf_sha256)
        name = f"{visit.words(visit.link.kind.value)} {visit.link.number}.pdf"
        plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
        how = "attachment" if request.query_params.get("download") else "inline"
        return Response(
            content,
            media_type="application/pdf",
            headers={
                "Content-Disposition": f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
                "Content-Security-Policy": PDF_POLICY,
            },
        )

    async def css(self, _: Request) -> Response:
        # The only thing here that may be kept: it is the same for everybody.
        return Response(self._css, media_type="text/css", headers={"Cache-Control": "public, max-age=86400"})

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Addresses and methods that are not ours look like a link that is not."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        return self._message(request, "missing" if status == 404 else "refused", None, status=status, headers=headers)

    def trouble(self, request: Request, error: Exception) -> Response:
        """Our own fault: said so, and logged by type and place."""
        event = "portal.document_lost" if isinstance(error, DocumentLost | DocumentError) else "portal.failed"
        get_logger().error(event, error_type=type(error).__name__, error_place=place(error.__traceback__))
        return self._message(request, "trouble", None)

    # --- behind them -----------------------------------------------------------------------------

    async def _visit(self, request: Request) -> _Visit | Response:
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token):
            return self._message(request, "missing", None)
        token_hash, now = hash_token(token), self._clock.now()
        link = await run_in_threadpool(self._links.find, token_hash=token_hash, now=now)
        if link is None:
            return self._message(request, "missing", None)
        if link.state.is_over:
            return self._message(request, "gone", link.language)
        asked = request.query_params.get("lang")
        words = Words(asked if asked in LANGUAGES else link.language, factor=self._factor)
        cookie = request.cookies.get(COOKIE, "")
        admitted = session_holds(self._server_key, cookie, token_hash=token_hash, now=now)
        return _Visit(token, token_hash, link, words, admitted)

    def _try(self, request: Request, visit: _Visit, code: str) -> CodeAnswer:
        self._documents.get(sha256=visit.link.pdf_sha256)  # what cannot be shown must not count as opened
        return self._links.try_code(
            link_id=visit.link.link_id,
            code_mac=code_mac(self._server_key, visit.token_hash, code),
            caller=caller_prefix(self._server_key, request.client.host if request.client else None),
            now=self._clock.now(),
        )

    def _admit(self, visit: _Visit) -> Response:
        response = self._to_invoice(visit)
        response.set_cookie(
            COOKIE,
            new_session(self._server_key, token_hash=visit.token_hash, now=self._clock.now()),
            max_age=int(SESSION.total_seconds()),
            path=self._path(visit),
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return response

    def _to_invoice(self, visit: _Visit) -> Response:
        """See Other: reloading the invoice never posts the code again."""
        return RedirectResponse(f"{self._path(visit)}/faktura?lang={visit.words.language}", status_code=303)

    async def _ask_again(self, request: Request, visit: _Visit) -> Response:
        if visit.link.state is LinkState.LOCKED:
            return self._message(request, "locked", visit.link.language)
        return await run_in_threadpool(self._code_page, visit, error="session_over", status=403)

    def _path(self, visit: _Visit) -> str:
        return f"{self._root}/i/{visit.token}"

    def _stated(self, link: LinkView) -> _Stated:
        """Raises DocumentLost, DocumentError: answered as our own trouble."""
        document = read_document(self._documents.get(sha256=link.stamped_sha256))
        return _Stated(document.seller.display_name, "\n".join(document.notes))

    def _code_page(self, visit: _Visit, error: str = "", tries: int = 0, status: int = 200) -> Response:
        words = Words(visit.words.language, factor=self._factor, client=self._stated(visit.link).seller)
        return self._page(
            "code.html",
            words,
            status=status,
            here=self._path(visit),
            kind=visit.link.kind.value,
            error=words(error, tries=tries) if error else "",
        )

    def _invoice_page(self, visit: _Visit) -> Response:
        link, stated, language = visit.link, self._stated(visit.link), visit.words.language
        return self._page(
            "invoice.html",
            Words(language, factor=self._factor, client=stated.seller),
            here=f"{self._path(visit)}/faktura",
            pdf=f"{self._path(visit)}/faktura.pdf",
            kind=link.kind.value,
            is_credit=link.is_credit,
            number=link.number,
            total=wording.amount(link.total, language),
            due=wording.day(link.due_date, language) if link.due_date else "",
            account=wording.account(link.account),
            kid=link.kid,
            notice=stated.notice,
            notice_language=link.language,
        )

    def _message(
        self,
        request: Request,
        what: str,
        language: str | None,
        *,
        status: int | None = None,
        headers: Any = None,
    ) -> Response:
        """A page that says one thing. Language: the switch, else the link's, else the browser's, else Norwegian."""
        asked, token = request.query_params.get("lang"), request.path_params.get("token", "")
        if what == "missing" or not _TOKEN.fullmatch(token):
            token = ""  # no switch: an address that is not ours is never written into a page
        chosen = language_of(asked, "") or language or language_of(None, request.headers.get("accept-language", ""))
        return self._page(
            "message.html",
            Words(chosen or "nb", factor=self._factor),
            status=status or _STATUS[what],
            headers=headers,
            here=f"{self._root}/i/{token}" if token else "",
            what=what,
        )

    def _page(self, name: str, words: Words, *, status: int = 200, headers: Any = None, **values: Any) -> Response:
        html = self._pages.get_template(name).render(
            words=words,
            other="nb" if words.language == "en" else "en",
            factor=self._factor,
            contact=self._contact,
            root=self._root,
            css_version=self._css_version,
            **values,
        )
        return HTMLResponse(html, status_code=status, headers=headers)


async def _body(request: Request) -> bytes | None:
    """The body, or None as soon as it is larger than any form of ours."""
    stated = request.headers.get("content-length", "0")
    if not stated.isdigit() or int(stated) > MAX_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _field(body: bytes, name: str) -> str:
    try:
        fields = parse_qs(body.decode("utf-8"), max_num_fields=10)
    except ValueError:
        return ""
    return fields.get(name, [""])[0]
