"""The debtors: they read their mail, follow the link, type the code. Everything through the portal's own door."""

from __future__ import annotations

import email
import email.policy
import re
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from worker.sandbox.world import World
from worker.support.http import HttpClient, HttpResponse

_LINK = re.compile(r"http://127\.0\.0\.1:\d+/i/[A-Za-z0-9_-]+")
_CODE = re.compile(r"(?<!\d)(\d{6})(?!\d)")


class NoMail(LookupError):
    """The debtor has no mail about the invoice."""


def _mail_about(world: World, folder: Path, number: str) -> str:
    for mail in reversed(world.mails):
        message = email.message_from_bytes((folder / mail.file).read_bytes(), policy=email.policy.default)
        if number in str(message["Subject"]):
            body = message.get_body(("plain",))
            return body.get_content() if body is not None else ""
    raise NoMail(number)


async def open_invoice(world: World, sandbox_folder: Path, number: str) -> bytes:
    """Opens the newest link mailed about the invoice, as the debtor does, and returns the PDF it gives.

    Raises NoMail; RuntimeError when the portal does not let the debtor in.
    """
    text = _mail_about(world, sandbox_folder, number)
    link, code = _LINK.search(text), _CODE.search(re.sub(_LINK, "", text))
    if link is None or code is None:
        raise NoMail(number)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": link.group().rpartition("/i/")[0]}
    async with HttpClient() as http:
        await http.request("GET", link.group())
        answer = await http.request("POST", link.group(), headers=form, content=f"code={code.group(1)}".encode())
        cookie = _header(answer, "set-cookie").partition(";")[0]
        page = urlsplit(urljoin(link.group(), _header(answer, "location")))._replace(query="").geturl()
        pdf = await http.request("GET", f"{page}/faktura.pdf", headers={"Cookie": cookie})
    if pdf.status != 200 or not pdf.content.startswith(b"%PDF"):
        raise RuntimeError(f"the portal answered {answer.status} and {pdf.status}")
    return pdf.content


def _header(answer: HttpResponse, wanted: str) -> str:
    return next((value for name, value in answer.headers.items() if name.lower() == wanted), "")
