"""The checks that no sandbox shows: a portal behind proxies, certificates, clocks, what hangs, KIDs that meet."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import respx
from httpx import ConnectError, Response

from worker.doctor import clients, machine, outside
from worker.doctor.clients import KidUse
from worker.doctor.findings import Check, Finding, Verdict, examine, ok
from worker.model.channel import Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.kid import KidLayout
from worker.model.outcomes import AccessDenied
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 25, 8, tzinfo=UTC)
PORTAL = "https://faktura.factoring.example"
NOBODY = ("127.0.0.1", 9)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[HttpClient]:
    async with HttpClient() as client:
        yield client


async def in_a_year(_host: str, _port: int) -> datetime:
    return NOW + timedelta(days=365)


async def seen(http: HttpClient, answer: Response | Exception, *, listens: tuple[str, int] = NOBODY) -> Finding:
    with respx.mock() as net:
        route = net.get(f"{PORTAL}/healthz")
        route.mock(side_effect=answer) if isinstance(answer, Exception) else route.mock(answer)
        found = await outside.portal(http, public_url=PORTAL, listens=listens, now=NOW, ends=in_a_year)
    assert found[0] == ok("the certificate is good for 365 days")
    return found[-1]


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (Response(200, text="ok"), "ok", "answers"),
        (Response(200, html="<h1>Welcome to nginx</h1>"), "fault", "something else answers"),
        (Response(404, text="not found"), "fault", "HTTP 404"),
        (
            Response(301, headers={"location": "https://www.factoring.example/?token=x"}),
            "fault",
            "www.factoring.example",
        ),
        (Response(302, headers={"location": "/login"}), "fault", "another path"),
        (Response(502, text="Bad Gateway"), "warning", "no worker listens"),
        (ConnectError("refused"), "warning", "nobody answers"),
    ],
)
async def test_the_portal_by_its_public_address(
    http: HttpClient, answer: Response | Exception, verdict: str, words: str
) -> None:
    found = await seen(http, answer)
    assert (found.verdict, words in found.what, "token" in found.what) == (verdict, True, False)


async def test_a_portal_that_is_up_and_not_reached_is_a_fault(http: HttpClient) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for answer in (Response(503), ConnectError("refused")):
            found = await seen(http, answer, listens=("0.0.0.0", port))  # noqa: S104 - as in a container
            assert (found.verdict, "though the worker listens" in found.what) == ("fault", True)


@pytest.mark.parametrize(("days", "verdict"), [(-1, "fault"), (13, "warning"), (15, "ok")])
async def test_a_certificate_that_runs_out(http: HttpClient, days: int, verdict: str) -> None:
    async def ends(_host: str, _port: int) -> datetime:
        if days < 0:
            error = ssl.SSLCertVerificationError(1, "expired")
            error.verify_message = "certificate has expired"
            raise error
        return NOW + timedelta(days=days, hours=1)

    with respx.mock() as net:
        route = net.get(f"{PORTAL}/healthz")
        if days < 0:
            route.mock(side_effect=ConnectError("certificate not accepted"))
        else:
            route.mock(Response(200, text="ok"))
        found = await outside.portal(http, public_url=PORTAL, listens=NOBODY, now=NOW, ends=ends)
    assert found[0].verdict == verdict
    assert len(found) == (1 if days < 0 else 2), "one trouble is told once"


@pytest.mark.parametrize(
    ("header", "verdict"),
    [
        ("Wed, 25 Nov 2026 08:01:00 GMT", "ok"),
        ("Wed, 25 Nov 2026 07:58:59 GMT", "fault"),
        ("Wed, 25 Nov 2026 08:01:01 GMT", "fault"),
        ("", "warning"),
        ("yesterday", "warning"),
    ],
)
def test_the_clock_against_theirs(header: str, verdict: str) -> None:
    (found,) = machine.clock(header, now=NOW, who="the ERP's host")
    assert found.verdict == verdict


class Lookup:
    """ports.ReachLookup with set answers."""

    def __init__(self, **reach: Reach) -> None:
        self.reach = reach

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        whose = "known" if participant == outside.KNOWN_PARTICIPANT else "own"
        return ReachAnswer(self.reach[whose], participant, str(kind), "DNS: what it said")


@pytest.mark.parametrize(
    ("own", "known", "production", "verdict"),
    [
        (Reach.YES, Reach.UNKNOWN, True, "ok"),
        (Reach.NO, Reach.YES, True, "ok"),
        (Reach.NO, Reach.NO, True, "fault"),
        (Reach.NO, Reach.NO, False, "warning"),
        (Reach.UNKNOWN, Reach.YES, True, "fault"),
        (Reach.NO, Reach.UNKNOWN, False, "fault"),
    ],
)
async def test_a_no_proves_nothing_until_somebody_known_is_found(
    own: Reach, known: Reach, *, production: bool, verdict: str
) -> None:
    (found,) = await outside.peppol(Lookup(own=own, known=known), own="0192:999999999", production=production)
    assert found.verdict == verdict


async def test_a_check_that_hangs_or_breaks_spoils_no_other() -> None:
    async def hangs() -> list[Finding]:
        await asyncio.Event().wait()
        return []

    async def breaks() -> list[Finding]:
        raise RuntimeError("with the secret s3cret in it")

    async def denied() -> list[Finding]:
        raise AccessDenied("not let in")

    async def fine() -> list[Finding]:
        return [ok("fine")]

    checks = [Check(probe.__name__, "", probe) for probe in (hangs, breaks, denied, fine)]
    results = await examine(checks, seconds=0.05, at_once=2)
    assert [(one.name, one.verdict) for one in results] == [
        ("hangs", "fault"), ("breaks", "fault"), ("denied", "fault"), ("fine", "ok"),
    ]  # fmt: skip
    assert [one.findings[0].what for one in results] == [
        "no answer within 0.05 s", "the check broke down (RuntimeError)", "not let in", "fine",
    ]  # fmt: skip


def use(name: str, layout: str, number: str = "", account: str = "86011117947", algorithm: str = "MOD10") -> KidUse:
    return KidUse(name, account, KidLayout.parse(layout, algorithm=algorithm), number)


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        (use("a", "invoice:8"), use("b", "invoice:8"), True),
        (use("a", "invoice:8"), use("b", "invoice:8", account="15032080119"), False),
        (use("a", "invoice:8"), use("b", "invoice:9"), False),
        (use("a", "client:4 invoice:8", "1001"), use("b", "client:4 invoice:8", "1002"), False),
        (use("a", "client:4 invoice:8", "1001"), use("b", "client:4 invoice:8", "01001"[-4:]), True),
        (use("a", "client:4 invoice:8", "1001"), use("b", "1002 debtor:4 invoice:4"), False),
        (use("a", "client:4 invoice:8", "1001"), use("b", "invoice:8 client:4", "1001"), True),
        (use("a", "9 invoice:7"), use("b", "8 invoice:7"), False),
        (use("a", "client:2 invoice:8", "1001"), use("b", "client:2 invoice:8", "1001"), False),
    ],
)
def test_two_clients_kids_meet_only_where_nothing_tells_them_apart(one: KidUse, other: KidUse, *, meets: bool) -> None:
    assert clients.meet(one, other) is meets
    assert clients.meet(other, one) is meets
    verdicts = {finding.verdict for finding in clients.kid(one, [other])}
    assert (Verdict.FAULT in verdicts) == (meets or _overflows(one))


def _overflows(one: KidUse) -> bool:
    return any(segment.part == "client" and len(one.number) > segment.width for segment in one.layout.segments)


@pytest.mark.parametrize("algorithm", ["MOD10", "MOD11"])
@pytest.mark.parametrize("layout", ["invoice:3", "client:4 invoice:8", "9 debtor:6 invoice:7", "invoice:24"])
def test_the_example_is_a_kid_of_the_layout(layout: str, algorithm: str) -> None:
    parsed = KidLayout.parse(layout, algorithm=algorithm)
    assert parsed.matches(parsed.example(client="1001"))


def test_folders(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    (good,) = machine.folders({"A": tmp_path, "B": tmp_path / "made" / "later"})
    assert good.verdict == "ok"
    assert not (tmp_path / "made").exists()
    found = machine.folders({"A": blocked, "B": blocked / "below", "C": tmp_path})
    assert [(one.verdict, one.what.split()[0]) for one in found] == [("fault", "A"), ("fault", "B")]
    assert list(tmp_path.iterdir()) == [blocked]
