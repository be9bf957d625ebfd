"""What the pages say and look like: values in, HTML out. Knows neither store nor request."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from worker.model.link import LinkView
from worker.model.money import Money, minor_digits
from worker.portal.headers import INVOICE_POLICY
from worker.portal.words import Words
from worker.support import wording

_PAGES = Path(__file__).parent / "pages"
STYLE, SCRIPT = "portal.css", "portal.js"
_TYPES = {STYLE: "text/css", SCRIPT: "text/javascript"}
# What a message page is answered with.
_STATUS = {
    "missing": 404, "again": 403, "locked": 403, "expired": 410, "withdrawn": 410, "credited": 410, "slow": 429,
    "refused": 400, "trouble": 503,
}  # fmt: skip
_WAIT = {"slow": "3600", "trouble": "120"}  # seconds, Retry-After


@dataclass(frozen=True, slots=True)
class Stated:
    """What the stamped document itself says."""

    seller: str
    notice: str


class Pages:
    """Every page of the portal. `root`: the path put before every address of ours."""

    def __init__(self, *, factor_name: str, contact: str, root: str) -> None:
        self._factor, self._root = factor_name, root
        self._files = {name: (_PAGES / name).read_bytes() for name in _TYPES}
        self._templates = Environment(
            loader=FileSystemLoader(_PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._fixed = {
            "factor": factor_name,
            "contact": re.sub(r"(?<=\d) (?=\d)", "\u00a0", contact),  # a telephone number stays on one line
            "style": self._versioned(STYLE),
            "script": self._versioned(SCRIPT),
        }

    def file(self, name: str) -> Response:
        """Style or script: the only things here that may be kept, for they are the same for everybody."""
        return Response(self._files[name], media_type=_TYPES[name], headers={"Cache-Control": "public, max-age=86400"})

    def code(
        self, link: LinkView, seller: str, *, language: str, here: str, error: str = "", tries: int = 0,
        asked: bool = False, status: int = 200,
    ) -> Response:  # fmt: skip
        """The page that asks for the code. `error`: which sentence; `asked`: a new code has been asked for."""
        words = self._words(language, client=seller)
        values = {"kind": link.kind.value, "error": words(error, tries=tries) if error else "", "asked": asked}
        return self._page("code.html", words, here=here, status=status, **values)

    def invoice(self, link: LinkView, stated: Stated, *, language: str, here: str) -> Response:
        """The invoice. What is paid, credited or nobody's debt names no account to pay to."""
        words = self._words(language, client=stated.seller)
        is_paid = not link.is_credit and link.total.minor > 0 and link.rest.minor <= 0
        is_part_paid = not link.is_credit and 0 < link.rest.minor < link.total.minor
        owed = link.rest if is_part_paid else link.total
        return self._page(
            "invoice.html",
            words,
            here=here,
            headers={"Content-Security-Policy": INVOICE_POLICY},
            kind=link.kind.value,
            label=_label(link, is_paid=is_paid, is_part_paid=is_part_paid),
            is_credit=link.is_credit,
            is_paid=is_paid,
            is_part_paid=is_part_paid,
            number=link.number,
            owed=wording.amount(owed, language),
            owed_bare=_bare(owed),
            total=wording.amount(link.total, language),
            paid=wording.amount(link.total + -link.rest, language),
            due=wording.day(link.due_date, language) if link.due_date else "",
            account=wording.account(link.account),
            account_bare=link.account,
            kid=link.kid,
            notice=stated.notice,
            notice_language=link.language,
        )

    def message(
        self, what: str, *, language: str, here: str = "", status: int | None = None, headers: Any = None,
        may_ask: bool = False,
    ) -> Response:  # fmt: skip
        """A page that says one thing. `may_ask`: offers a new code."""
        wait = {"Retry-After": _WAIT[what]} if what in _WAIT else {}
        return self._page(
            "message.html",
            self._words(language),
            here=here,
            status=status or _STATUS[what],
            headers={**wait, **(headers or {})},
            what=what,
            may_ask=may_ask,
        )

    def _words(self, language: str, **names: object) -> Words:
        return Words(language, factor=self._factor, **names)

    def _versioned(self, name: str) -> str:
        return f"{self._root}/{name}?v={hashlib.sha256(self._files[name]).hexdigest()[:10]}"

    def _page(
        self, name: str, words: Words, *, here: str, status: int = 200, headers: Any = None, **values: Any
    ) -> Response:
        other = "nb" if words.language == "en" else "en"
        html = self._templates.get_template(name).render(words=words, other=other, here=here, **self._fixed, **values)
        return HTMLResponse(html, status_code=status, headers=headers)


def _label(link: LinkView, *, is_paid: bool, is_part_paid: bool) -> str:
    if link.kind.value == "credit_note":
        return "credited_amount"
    if link.is_credit or is_paid:
        return "amount"
    return "rest" if is_part_paid else "to_pay"


def _bare(money: Money) -> str:
    """The amount as a Norwegian bank's field takes it: `12500,50`."""
    return f"{money.amount:.{minor_digits(money.currency)}f}".replace(".", ",")
