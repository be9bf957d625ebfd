"""Those all clients share outside: mail, bounces, letters, the bank's files, Peppol, and the portal from outside."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from worker.doctor.findings import Finding, fault, ok, trouble, warning
from worker.model.channel import Reach
from worker.model.document import Kind
from worker.model.outcomes import OutsideError
from worker.ports import BankFiles, CheckedMailServer, CheckedPrintHouse, Mailbox, ReachLookup
from worker.support.http import HttpClient, HttpResponse, HttpTrouble
from worker.support.tls import certificate_ends
from worker.support.wording import counted

RENEW = timedelta(days=14)  # a certificate that renews itself does so with 30 days left
# Registered for years, and it receives invoices: the State's own accounts office (DFØ).
KNOWN_PARTICIPANT = "0192:986252932"
_MANY = 500
_SELF = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a portal that listens to all is on this machine too


async def mail_server(server: CheckedMailServer) -> list[Finding]:
    try:
        seen = await server.check()
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend SMTP_USER and SMTP_PASSWORD",
                away="mend SMTP_HOST, SMTP_PORT and SMTP_SECURITY, or ask the provider",
            )
        ]
    return [ok(f"{seen.words}; nothing was sent")]


async def bounce_mailbox(mailbox: Mailbox) -> list[Finding]:
    """Opens the folder and counts; no message is read."""
    try:
        async with mailbox.session() as box:
            waiting = len(await box.waiting(limit=_MANY))
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend IMAP_USER and IMAP_PASSWORD",
                away="mend IMAP_HOST, IMAP_PORT, IMAP_SECURITY and IMAP_FOLDER, or ask the provider",
            )
        ]
    if waiting >= _MANY:
        return [
            warning(
                f"{_MANY} messages or more wait in IMAP_FOLDER",
                "see that it is a mailbox for bounces alone: everything in it is put away",
            )
        ]
    return [ok(f"logged in, and the folder is there; {counted(waiting, 'message')} waiting")]


async def print_house(house: CheckedPrintHouse) -> list[Finding]:
    try:
        seen = await house.check()
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend SFTP_HOST_KEY (ask them first), SFTP_USER, SFTP_KEY_PATH or PRINT_FOLDER",
                away="mend SFTP_HOST, SFTP_PORT and SFTP_FOLDER, or ask them for the right to write there",
            )
        ]
    return [warning(seen.words, seen.mend) if seen.mend else ok(seen.words)]


async def bank_files(files: BankFiles) -> list[Finding]:
    """Lists. Whether files may be moved is not tried: nothing of the bank's is touched."""
    try:
        lying = len(await files.listed())
    except OutsideError as error:
        return [
            trouble(
                error,
                denied="mend INBOX_SFTP_HOST_KEY (ask them first), INBOX_SFTP_USER or INBOX_SFTP_KEY_PATH",
                away="mend INBOX_SFTP_HOST, INBOX_SFTP_PORT and INBOX_SFTP_FOLDER, or ask the bank",
            )
        ]
    return [ok(f"host key and log-in are right, and the folder can be read: {counted(lying, 'file')} in it")]


async def peppol(lookup: ReachLookup, *, own: str, production: bool) -> list[Finding]:
    """`own`: the factor as participant. One that is registered proves name server and SMP together."""
    answers = [await lookup.lookup(participant=own, kind=Kind.INVOICE)]
    if answers[0].reach is Reach.NO and own != KNOWN_PARTICIPANT:
        answers.append(await lookup.lookup(participant=KNOWN_PARTICIPANT, kind=Kind.INVOICE))
    last = answers[-1]
    if last.reach is Reach.YES:
        whose = "the factor" if last is answers[0] else "a known receiver (the factor is none)"
        return [ok(f"name server and SMP answer for {whose}")]
    if last.reach is Reach.UNKNOWN:
        return [fault(f"the look-up fails: {last.evidence}", "open the machine's way to DNS and to the SMPs (https)")]
    known = "a receiver known to be registered is not found"
    if production:
        return [fault(known, "mend PEPPOL_ZONE and PEPPOL_DNS_SERVER: everybody would get paper")]
    return [warning(f"{known}, as in a network of its own for tests", "nothing, in a test: the name server answers")]


# --- the portal -----------------------------------------------------------------------------------

Ends = Callable[[str, int], Awaitable[datetime]]


async def portal(
    http: HttpClient, *, public_url: str, listens: tuple[str, int], now: datetime, ends: Ends = certificate_ends
) -> list[Finding]:
    """By its public address, seen from this machine: some networks do not lead back in."""
    parts = urlsplit(public_url)
    found: list[Finding] = []
    if parts.scheme == "https":
        found.append(await _certificate(parts.hostname or "", parts.port or 443, now=now, ends=ends))
    try:
        answer = await http.request("GET", f"{public_url}/healthz", max_bytes=10_000)
    except HttpTrouble as error:
        if found and found[0].verdict == "fault":
            return found  # the same trouble, in better words
        return [*found, await _not_there(f"nobody answers at PORTAL_URL ({error.reason})", listens)]
    return [*found, await _judged(answer, listens)]


async def _judged(answer: HttpResponse, listens: tuple[str, int]) -> Finding:
    if answer.status == 200 and answer.content.strip().startswith(b"ok"):
        return ok("answers at its public address")
    if 300 <= answer.status < 400:
        to = urlsplit(answer.headers.get("location", ""))
        where = f"{to.scheme}://{to.netloc}" if to.netloc else "another path"
        return fault(f"PORTAL_URL leads on to {where}", "write the last address into PORTAL_URL, or mend the proxy")
    if answer.status in (502, 503, 504):
        return await _not_there(f"the proxy answers HTTP {answer.status}: it does not reach the portal", listens)
    return fault(
        f"something else answers at PORTAL_URL (HTTP {answer.status})",
        "lead the whole address to the portal: /healthz, /i/ and /static/",
    )


async def _not_there(what: str, listens: tuple[str, int]) -> Finding:
    if await _listening(*listens):
        return fault(
            f"{what}, though the worker listens", "mend the proxy, the firewall or the name in DNS: links are dead"
        )
    return warning(
        f"{what}, and no worker listens on this machine",
        "start the worker and ask again; if it runs, mend proxy, firewall or DNS: links are dead",
    )


async def _listening(host: str, port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(_SELF.get(host, host), port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return True
    return False


async def _certificate(host: str, port: int, *, now: datetime, ends: Ends) -> Finding:
    try:
        async with asyncio.timeout(5):
            end = await ends(host, port)
    except ssl.SSLCertVerificationError as error:
        return fault(
            f"browsers do not trust the certificate: {error.verify_message}", "give the proxy a right certificate"
        )
    except (OSError, TimeoutError):
        return warning("the certificate could not be looked at", "see what follows")
    left = (end - now).days
    if end - now < RENEW:
        return warning(f"the certificate runs out in {counted(left, 'day')}", "see why it has not renewed itself")
    return ok(f"the certificate is good for {counted(left, 'day')}")
