"""The portal's doors. Opening an address changes nothing, for mail scanners do that too: only a posted code counts."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from worker.model.ehf import DocumentError, read_document
from worker.model.link import CodeAnswer, CodeVerdict, LinkState, LinkView
from worker.portal.access import (
    SESSION,
    LinkBook,
    caller_prefix,
    is_alarming,
    new_session,
    page_name,
    session_link,
    typed_code,
)
from worker.portal.headers import PDF_POLICY
from worker.portal.rendering import SCRIPT, STYLE, Pages, Stated
from worker.portal.words import LANGUAGES, language_of, name_of
from worker.ports import DocumentLost, DocumentStore
from worker.support.clock import Clock
from worker.support.forms import posted
from worker.support.log import get_logger, place
from worker.support.safe_headers import SafeHeaders
from worker.support.secrets import code_mac, hash_token

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_PAGE = re.compile(r"[0-9a-f]{20}")


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request for a link that exists and is not over. `door`: the link's address; `page`: the invoice's."""

    token_hash: str
    link: LinkView
    language: str
    page: str
    door: str = ""


def create_app(
    *,
    links: LinkBook,
    documents: DocumentStore,
    factor_name: str,
    public_url: str,
    server_key: bytes,
    clock: Clock,
    contact: str = "",
    alive: Callable[[], bool] = lambda: True,
    ready: Callable[[], Awaitable[bool]] | None = None,
) -> Starlette:
    """The portal. `public_url` is what debtors see (scheme decides Secure and HSTS, a path is put before every link).

    `contact`: how to reach the factor, shown on every page. Behind a proxy, the server in front must be set to believe
    its forwarded address, or everybody shares one counter of wrong codes. `alive`, `ready`: what `/healthz` and
    `/readyz` tell the machinery that runs us; yes or no, for these doors are as public as the others.
    """
    parts = urlsplit(public_url)
    root, https = parts.path.rstrip("/"), parts.scheme == "https"
    pages = Pages(factor_name=factor_name, contact=contact, root=root)
    portal = _Portal(links, documents, pages, root, https, server_key, clock)

    async def healthz(_: Request) -> Response:  # on the loop: an answer from a thread would prove nothing of it
        return _yes_or_no(alive())

    async def readyz(_: Request) -> Response:
        return _yes_or_no(ready is None or await ready())

    app = Starlette(
        routes=[
            Route("/i/{token}", portal.door, methods=["GET"]),
            Route("/i/{token}", portal.knock, methods=["POST"]),
            Route("/i/{token}/kode", portal.ask_code, methods=["POST"]),
            Route("/faktura/{page}", portal.invoice, methods=["GET"]),
            Route("/faktura/{page}/faktura.pdf", portal.pdf, methods=["GET"]),
            Route(f"/{STYLE}", lambda _: pages.file(STYLE), methods=["GET"]),
            Route(f"/{SCRIPT}", lambda _: pages.file(SCRIPT), methods=["GET"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/readyz", readyz, methods=["GET"]),
        ],
        middleware=[Middleware(SafeHeaders, https=https, on_error=portal.trouble)],
        exception_handlers={HTTPException: portal.http_error},
    )
    app.router.redirect_slashes = False  # it would build an address from the caller's Host header
    return app


def _yes_or_no(yes: bool) -> Response:
    return PlainTextResponse("ok" if yes else "no", status_code=200 if yes else 503)


class _Portal:
    def __init__(
        self,
        links: LinkBook,
        documents: DocumentStore,
        pages: Pages,
        root: str,
        https: bool,
        server_key: bytes,
        clock: Clock,
    ) -> None:
        self._links = links
        self._documents = documents
        self._pages = pages
        self._root = root
        self._https = https
        self._server_key = server_key
        self._clock = clock
        # A debtor comes to the code page and then to the invoice; a document never changes under its hash.
        self._stated = lru_cache(maxsize=256)(self._read)

    # --- the doors -------------------------------------------------------------------------------

    async def door(self, request: Request) -> Response:
        """The page that asks for the code."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        if self._session(request, visit.page) == visit.token_hash:
            return self._to_invoice(visit)
        asked = request.query_params.get("asked") == "1"
        if visit.link.state is LinkState.LOCKED and not asked:
            return self._locked(visit)
        return await self._code_page(visit, asked=asked)

    async def knock(self, request: Request) -> Response:
        """A typed code. The first right one counts as opened."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        fields = await posted(request)
        if isinstance(fields, int):
            return self._pages.message("refused", language=visit.language, here=visit.door, status=fields)
        if visit.link.state is LinkState.LOCKED:
            return self._locked(visit)
        code = typed_code(fields.get("code", ""))
        if code is None:  # a slip of the hand, no guess: not counted
            return await self._code_page(visit, error="code_malformed", status=400)
        answer = await run_in_threadpool(self._try, request, visit, code)
        get_logger().info("portal.code_tried", delivery=visit.link.delivery_id, outcome=answer.verdict)
        if is_alarming(answer.wrong_everywhere):
            get_logger().error("portal.codes_guessed", count=answer.wrong_everywhere)
        match answer.verdict:
            case CodeVerdict.RIGHT:
                return self._admit(visit)
            case CodeVerdict.WRONG:
                error = "code_wrong_once" if answer.tries_left == 1 else "code_wrong"
                return await self._code_page(visit, error=error, tries=answer.tries_left, status=403)
            case CodeVerdict.LOCKED:
                return self._locked(visit)
            case CodeVerdict.GONE:  # since this request began: it is looked up again, and says why
                return await self.door(request)
            case CodeVerdict.SLOW_DOWN:
                return self._pages.message("slow", language=visit.language, here=visit.door)

    async def ask_code(self, request: Request) -> Response:
        """A new code is wanted. The answer never says whether one is sent; if one is, to the address on file."""
        visit = await self._visit(request)
        if isinstance(visit, Response):
            return visit
        outcome = await run_in_threadpool(
            self._links.request_code,
            link_id=visit.link.link_id,
            caller=self._caller(request),
            now=self._clock.now(),
        )
        get_logger().info("portal.code_asked_for", delivery=visit.link.delivery_id, outcome=outcome)
        return RedirectResponse(f"{visit.door}?lang={visit.language}&asked=1", status_code=303)

    async def invoice(self, request: Request) -> Response:
        """The invoice, for who has typed the code within the last half hour."""
        visit = await self._inside(request)
        if isinstance(visit, Response):
            return visit
        return await run_in_threadpool(self._invoice_page, visit)

    async def pdf(self, request: Request) -> Response:
        """The PDF, to look at or (`?download=1`) to keep."""
        visit = await self._inside(request)
        if isinstance(visit, Response):
            return visit
        content = await run_in_threadpool(self._documents.get, sha256=visit.link.pdf_sha256)
        name = f"{name_of(visit.link.kind.value, visit.language)} {visit.link.number}.pdf"
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

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Addresses and methods that are not ours look like a link that is not."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        headers = error.headers if isinstance(error, HTTPException) else None
        if status == 404:
            return self._missing(request)
        return self._pages.message("refused", language=self._language(request), status=status, headers=headers)

    def trouble(self, request: Request, error: Exception) -> Response:
        """Our own fault: said so, and logged by type and place."""
        event = "portal.document_lost" if isinstance(error, DocumentLost | DocumentError) else "portal.failed"
        get_logger().error(event, error_type=type(error).__name__, error_place=place(error.__traceback__))
        return self._pages.message("trouble", language=self._language(request))

    # --- behind them -----------------------------------------------------------------------------

    async def _visit(self, request: Request) -> _Visit | Response:
        """By the link's token. What is no token at all is looked up too: no answer comes sooner than another."""
        token = request.path_params["token"]
        found = await self._find(hash_token(token))
        if found is None or not _TOKEN.fullmatch(token):
            return self._missing(request)
        door = f"{self._root}/i/{token}"
        language = self._language(request, found)
        if found.state.is_over:
            return self._pages.message(found.state.value, language=language, here=door)
        token_hash = hash_token(token)
        return _Visit(token_hash, found, language, page_name(self._server_key, token_hash=token_hash), door)

    async def _inside(self, request: Request) -> _Visit | Response:
        """By the session. Without one nothing is said of the invoice, not even whether it is there."""
        page = request.path_params["page"]
        here = f"{self._root}/faktura/{page}" if _PAGE.fullmatch(page) else ""
        token_hash = self._session(request, page)
        found = await self._find(token_hash) if token_hash else None
        if found is None or token_hash is None:
            return self._pages.message("again", language=self._language(request), here=here)
        language = self._language(request, found)
        if found.state.is_over:
            return self._pages.message(found.state.value, language=language, here=here)
        return _Visit(token_hash, found, language, page)

    async def _find(self, token_hash: str) -> LinkView | None:
        return await run_in_threadpool(self._links.find, token_hash=token_hash, now=self._clock.now())

    def _try(self, request: Request, visit: _Visit, code: str) -> CodeAnswer:
        self._documents.get(sha256=visit.link.pdf_sha256)  # what cannot be shown must not count as opened
        return self._links.try_code(
            link_id=visit.link.link_id,
            code_mac=code_mac(self._server_key, visit.token_hash, code),
            caller=self._caller(request),
            now=self._clock.now(),
        )

    def _caller(self, request: Request) -> str:
        return caller_prefix(self._server_key, request.client.host if request.client else None)

    def _cookie(self, page: str) -> str:
        """A name for each invoice, so that two may be open at once. `__Host-`: no other host can have set it."""
        return f"{'__Host-' if self._https and not self._root else ''}invoice-{page}"

    def _session(self, request: Request, page: str) -> str | None:
        cookie = request.cookies.get(self._cookie(page), "")
        return session_link(self._server_key, cookie, page=page, now=self._clock.now())

    def _admit(self, visit: _Visit) -> Response:
        response = self._to_invoice(visit)
        response.set_cookie(
            self._cookie(visit.page),
            new_session(self._server_key, token_hash=visit.token_hash, now=self._clock.now()),
            max_age=int(SESSION.total_seconds()),
            path=self._root or "/",
            secure=self._https,
            httponly=True,
            samesite="strict",
        )
        return response

    def _to_invoice(self, visit: _Visit) -> Response:
        """See Other: reloading the invoice never posts the code again, and its address holds no token."""
        return RedirectResponse(f"{self._root}/faktura/{visit.page}?lang={visit.language}", status_code=303)

    def _read(self, stamped_sha256: str) -> Stated:
        """Raises DocumentLost, DocumentError: answered as our own trouble."""
        document = read_document(self._documents.get(sha256=stamped_sha256))
        return Stated(document.seller.display_name, "\n".join(document.notes))

    async def _code_page(
        self, visit: _Visit, *, error: str = "", tries: int = 0, asked: bool = False, status: int = 200
    ) -> Response:
        stated = await run_in_threadpool(self._stated, visit.link.stamped_sha256)
        return self._pages.code(
            visit.link,
            stated.seller,
            language=visit.language,
            here=visit.door,
            error=error,
            tries=tries,
            asked=asked,
            status=status,
        )

    def _invoice_page(self, visit: _Visit) -> Response:
        here = f"{self._root}/faktura/{visit.page}"
        return self._pages.invoice(
            visit.link, self._stated(visit.link.stamped_sha256), language=visit.language, here=here
        )

    def _locked(self, visit: _Visit) -> Response:
        return self._pages.message("locked", language=visit.language, here=visit.door, may_ask=True)

    def _missing(self, request: Request) -> Response:
        """One answer for everything that is not there. No switch: an address not ours is never written into a page."""
        return self._pages.message("missing", language=self._language(request))

    def _language(self, request: Request, link: LinkView | None = None) -> str:
        """The switch, else the link's, else the browser's, else Norwegian."""
        asked = request.query_params.get("lang")
        if asked in LANGUAGES:
            return asked
        accepted = request.headers.get("accept-language", "")
        return (link.language if link is not None else language_of(accepted)) or "nb"
