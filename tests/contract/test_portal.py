"""The debtor's door, from outside: the app over ASGI, a real database, real documents, a turned clock."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, select, update

from tests.support.database import prepared
from tests.support.portal import CODE, KEY, NOTICE, NOW, PDF, WRONG, PortalHouse, Sent
from worker.adapters.document_store import FolderDocumentStore
from worker.model.document import Kind
from worker.model.link import CodeAnswer, CodeRequest, LinkView
from worker.portal import create_app
from worker.store import links as link_store
from worker.store.database import Database
from worker.store.tables import deliveries, invoices, portal_guards
from worker.support.clock import TurnedClock
from worker.support.secrets import make_token

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; each test has a copy."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    db = Database(f"sqlite:///{path}")
    prepared(db)
    db.close()
    return path


@pytest.fixture
def house(tmp_path: Path, empty_database: Path) -> Iterator[PortalHouse]:
    shutil.copy(empty_database, tmp_path / "worker.db")
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    yield PortalHouse(db, FolderDocumentStore(tmp_path / "documents"), tmp_path / "documents", TurnedClock(NOW))
    db.close()


def heading(response: httpx.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", response.text)
    assert found, response.text
    return found[1]


# --- the way in ------------------------------------------------------------------------------------


async def test_link_then_code_then_invoice_then_pdf(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        page = await debtor.get(sent.door)
        assert page.status_code == 200
        assert "Nordlys &lt;Elektro&gt; &amp; Bad AS" in page.text
        assert "Nordfaktor Finans AS" in page.text
        for secret in ("Kari", "Hemmelig", "10045", "12\u00a0500", "104210045000017"):
            assert secret not in page.text, "before the code nothing is said of invoice or debtor"

        answer = await debtor.post(sent.door, data={"code": CODE})
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{sent.page}?lang=nb"
        invoice = await debtor.get(answer.headers["location"])
        assert heading(invoice) == "Faktura 10045"
        for shown in ("12\u00a0500,50\u00a0kr", "4. desember 2026", "104210045000017", "1503.20.80119", NOTICE):
            assert shown in invoice.text
        assert "Kari" not in invoice.text

        shown = await debtor.get(f"{sent.page}/faktura.pdf")
        assert (shown.status_code, shown.content) == (200, PDF)
        assert shown.headers["content-type"] == "application/pdf"
        assert shown.headers["content-disposition"].startswith('inline; filename="Faktura 10045.pdf"')
        kept = await debtor.get(f"{sent.page}/faktura.pdf?download=1")
        assert kept.headers["content-disposition"].startswith("attachment;")
        again = await debtor.get(sent.door)
        assert again.headers["location"] == f"{sent.page}?lang=nb"

    assert (house.delivery(sent)["state"], house.delivery(sent)["opened_at"]) == ("opened", NOW)
    assert house.link(sent)["opened_at"] == NOW


async def test_the_first_opening_stands(house: PortalHouse) -> None:
    sent = house.send()
    for hours in (0, 5):
        house.clock.turn(NOW + timedelta(hours=hours))
        async with house.debtor() as debtor:
            assert (await debtor.post(sent.door, data={"code": CODE})).status_code == 303
    assert house.link(sent)["opened_at"] == NOW
    assert house.delivery(sent)["opened_at"] == NOW


@pytest.mark.parametrize("typed", [CODE, " 048 213 ", "048-213", "０４８２１３"])
async def test_a_code_may_be_pasted_with_blanks(house: PortalHouse, typed: str) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": typed})).status_code == 303


async def test_looking_changes_nothing(house: PortalHouse) -> None:
    sent = house.send()
    before = house.everything()
    async with house.debtor() as scanner:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            for path in ("", "/kode", f"?code={CODE}", "?asked=1"):
                await scanner.request(method, sent.door + path)
            for path in ("", "/faktura.pdf", f"?code={CODE}"):
                await scanner.request(method, sent.page + path)
    assert house.everything() == before


async def test_opening_stops_a_letter_that_has_not_gone(house: PortalHouse) -> None:
    sent = house.send(state="expired")
    with house.db.begin() as tx:
        letter = tx.execute(
            insert(deliveries)
            .values(
                invoice_id=sent.invoice_id, number=2, channel="letter", state="ready", address="a", reason="r",
                key=make_token(), due_at=NOW, created_at=NOW,
            )
            .returning(deliveries.c.id)
        ).scalar_one()  # fmt: skip
    async with house.debtor() as debtor:
        await debtor.post(sent.door, data={"code": CODE})
    assert house.delivery(Sent("", sent.invoice_id, letter))["state"] == "stopped"


async def test_an_opening_while_the_mail_is_still_being_sent_is_noted_afterwards(house: PortalHouse) -> None:
    sent = house.send(state="sending")
    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": CODE})).status_code == 303
    assert house.delivery(sent)["state"] == "sending"
    with house.db.begin() as tx:
        tx.execute(update(deliveries).where(deliveries.c.id == sent.delivery_id).values(state="handed_over"))
    assert link_store.note_openings(house.db, client="another", now=NOW) == 0
    assert link_store.note_openings(house.db, client="nordlys", now=NOW) == 1
    assert house.delivery(sent)["state"] == "opened"
    assert link_store.note_openings(house.db, client="nordlys", now=NOW) == 0


# --- wrong codes -----------------------------------------------------------------------------------


async def test_wrong_codes_are_counted_and_lock_the_link(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        for left in ("4 forsøk igjen", "3 forsøk igjen", "2 forsøk igjen", "ett forsøk igjen"):
            answer = await debtor.post(sent.door, data={"code": WRONG})
            assert answer.status_code == 403
            assert left in answer.text
            assert 'role="alert"' in answer.text
            assert WRONG not in answer.text
        assert heading(await debtor.post(sent.door, data={"code": WRONG})) == "Lenken er låst"
        locked = await debtor.post(sent.door, data={"code": CODE})
        assert heading(locked) == "Lenken er låst"
        assert "set-cookie" not in locked.headers
        assert heading(await debtor.get(sent.door)) == "Lenken er låst"
        assert heading(await debtor.get(f"{sent.page}/faktura.pdf")) == "Skriv inn koden på nytt"
    assert house.delivery(sent)["state"] == "handed_over"
    assert house.link(sent)["locked_at"] == NOW


async def test_tries_are_counted_across_browsers_and_a_right_one_sets_them_back(house: PortalHouse) -> None:
    sent = house.send()
    for _ in range(4):
        async with house.debtor() as debtor:
            await debtor.post(sent.door, data={"code": WRONG})
    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": CODE})).status_code == 303
    async with house.debtor() as debtor:
        assert "4 forsøk" in (await debtor.post(sent.door, data={"code": WRONG})).text


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "12345٣", "0" * 90])
async def test_what_is_no_code_is_not_counted(house: PortalHouse, typed: str) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        answer = await debtor.post(sent.door, data={"code": typed})
    assert answer.status_code == 400
    assert "seks sifre" in answer.text
    assert house.link(sent)["wrong_codes"] == 0


async def test_a_code_opens_its_own_link_only(house: PortalHouse) -> None:
    one, other = house.send(code="111111"), house.send(number="10046", code="222222")
    async with house.debtor() as debtor:
        assert (await debtor.post(other.door, data={"code": "111111"})).status_code == 403
        assert (await debtor.post(one.door, data={"code": "111111"})).status_code == 303
        assert (await debtor.get(f"{other.page}/faktura.pdf")).status_code == 403


async def test_many_wrong_codes_from_one_network_must_wait_whatever_the_link(house: PortalHouse) -> None:
    for _ in range(6):
        sent = house.send()
        async with house.debtor(host="203.0.113.9") as guesser:
            for _ in range(5):
                await guesser.post(sent.door, data={"code": WRONG})
    fresh = house.send()
    async with house.debtor(host="203.0.113.200") as neighbour:
        answer = await neighbour.post(fresh.door, data={"code": CODE})
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "3600"
        assert house.link(fresh)["wrong_codes"] == 0
    async with house.debtor(host="198.51.100.1") as elsewhere:
        assert (await elsewhere.post(fresh.door, data={"code": CODE})).status_code == 303
    house.clock.turn(NOW + timedelta(hours=1))
    async with house.debtor(host="203.0.113.200") as neighbour:
        assert (await neighbour.post(fresh.door, data={"code": CODE})).status_code == 303


async def test_ipv6_callers_are_counted_by_48_and_no_address_is_stored(house: PortalHouse) -> None:
    sent = house.send()
    for host in ("2001:db8:1:2::3", "2001:db8:1:ffff::9", "2001:db8:2::1", "::ffff:203.0.113.7", "203.0.113.250"):
        async with house.debtor(host=host) as debtor:
            await debtor.post(sent.door, data={"code": WRONG})
    with house.db.begin() as tx:
        guards = select(portal_guards).where(portal_guards.c.prefix != link_store.EVERYWHERE)
        rows = tx.execute(guards).mappings().all()
    assert sorted(row["wrong_codes"] for row in rows) == [1, 2, 2]
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["prefix"]) for row in rows)


async def test_guessing_from_many_places_is_told_once_and_at_each_doubling(
    house: PortalHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    """No place and no link sees more than a few of them."""
    places = iter(range(1, 99))

    async def guess(*, times: int) -> None:
        for _ in range(times):
            sent = house.send()
            async with house.debtor(host=f"203.0.{next(places)}.7") as debtor:
                await debtor.post(sent.door, data={"code": WRONG})

    await guess(times=2)
    for before in (98, 198, 298, 398):
        with house.db.begin() as tx:
            tx.execute(
                update(portal_guards)
                .where(portal_guards.c.prefix == link_store.EVERYWHERE, portal_guards.c.wrong_codes > 1)
                .values(wrong_codes=before)
            )
        await guess(times=3)
    told = [line for line in capsys.readouterr().out.splitlines() if "portal.codes_guessed" in line]
    assert [re.findall(r"count=(\d+)", line) for line in told] == [["100"], ["200"], ["400"]]
    house.clock.turn(NOW + timedelta(hours=1))
    await guess(times=2)
    assert "codes_guessed" not in capsys.readouterr().out, "another hour, another count"


# --- a new code ------------------------------------------------------------------------------------


async def test_a_new_code_is_asked_for_and_the_answer_never_tells_whether_it_is_sent(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        assert f'action="{sent.door}/kode?lang=nb"' in (await debtor.get(sent.door)).text
        answers = [await debtor.post(f"{sent.door}/kode?lang=nb") for _ in range(2)]
        house.clock.turn(NOW + timedelta(hours=1))
        answers += [await debtor.post(f"{sent.door}/kode?lang=nb") for _ in range(30)]
        assert {(answer.status_code, answer.headers["location"]) for answer in answers} == {
            (303, f"{sent.door}?lang=nb&asked=1")
        }
        page = await debtor.get(answers[0].headers["location"])
        assert 'role="status"' in page.text
        assert "kari" not in page.text, "the address on file is nobody's business here"
    [asked] = house.requests()
    assert (asked["kind"], asked["state"]) == ("asked", "ready")
    assert house.delivery(sent)["state"] == "handed_over"


async def test_a_locked_link_may_ask_for_a_code_and_one_that_is_over_may_not(house: PortalHouse) -> None:
    sent, over = house.send(), house.send(number="10046", days=1)
    async with house.debtor() as debtor:
        for _ in range(5):
            await debtor.post(sent.door, data={"code": WRONG})
        assert "Send ny kode" in (await debtor.get(sent.door)).text
        asked = await debtor.post(f"{sent.door}/kode")
        assert "på vei" not in asked.text
        assert 'name="code"' in (await debtor.get(asked.headers["location"])).text
        house.clock.turn(NOW + timedelta(days=2))
        assert (await debtor.post(f"{over.door}/kode")).status_code == 410
        assert (await debtor.post(f"/i/{make_token()}/kode")).status_code == 404
    assert len(house.requests()) == 1


async def test_asking_takes_a_post(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as scanner:
        for method in ("GET", "HEAD", "PUT"):
            assert (await scanner.request(method, f"{sent.door}/kode")).status_code in (404, 405)
        await scanner.get(f"{sent.door}?asked=1")
    assert house.requests() == []


# --- links that lead nowhere -----------------------------------------------------------------------


async def test_unknown_addresses_all_look_the_same(house: PortalHouse) -> None:
    sent = house.send()
    paths = [f"/i/{make_token()}", f"/i/{sent.token[:-1]}", "/i/x", f"/i/{make_token()}/faktura.pdf", "/", "/admin",
             f"{sent.door}/", "/i/%00", "//evil.example/x"]  # fmt: skip
    async with house.debtor() as debtor:
        pages = [await debtor.get(path) for path in paths]
        posted = await debtor.post(f"/i/{make_token()}", data={"code": CODE})
    assert {page.status_code for page in [*pages, posted]} == {404}
    assert {page.text for page in [*pages, posted]} == {pages[0].text}
    assert "evil" not in pages[0].text


async def test_an_expired_link_is_gone(house: PortalHouse) -> None:
    sent = house.send(days=10)
    house.clock.turn(NOW + timedelta(days=10))
    async with house.debtor() as debtor:
        for answer in (await debtor.get(sent.door), await debtor.post(sent.door, data={"code": CODE})):
            assert answer.status_code == 410
            assert heading(answer) == "Lenken er utløpt"
            assert "Send ny kode" not in answer.text


async def test_a_withdrawn_invoice_is_gone_also_for_who_is_inside(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        await debtor.post(sent.door, data={"code": CODE})
        with house.db.begin() as tx:
            tx.execute(update(invoices).where(invoices.c.id == sent.invoice_id).values(state="withdrawn"))
        for path in (f"{sent.page}/faktura.pdf", sent.page, sent.door):
            answer = await debtor.get(path)
            assert answer.status_code == 410
            assert heading(answer) == "Lenken er trukket tilbake"


async def test_an_invoice_credited_whole_is_gone_and_one_credited_in_part_is_not(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        await debtor.post(sent.door, data={"code": CODE})
        house.credited(sent, 1250049)
        assert heading(await debtor.get(sent.page)) == "Faktura 10045"
        house.credited(sent, 1)
        for path in (sent.page, sent.door, f"{sent.page}/faktura.pdf"):
            answer = await debtor.get(path)
            assert answer.status_code == 410
            assert heading(answer) == "Fakturaen er kreditert"
        posted = await debtor.post(sent.door, data={"code": CODE})
        assert heading(posted) == "Fakturaen er kreditert"


async def test_what_is_paid_asks_for_no_money(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        await debtor.post(sent.door, data={"code": CODE})
        house.paid(sent, 250000)
        part = await debtor.get(sent.page)
        for shown in (
            "Gjenstår å betale",
            "10\u00a0000,50\u00a0kr",
            "Innbetalt",
            "2\u00a0500,00\u00a0kr",
            "1503.20.80119",
        ):
            assert shown in part.text
        assert 'data-copy="10000,50"' in part.text
        house.paid(sent, 1000050)
        paid = await debtor.get(sent.page)
        assert "Fakturaen er betalt. Du skal ikke betale noe mer." in paid.text
        assert "12\u00a0500,50\u00a0kr" in paid.text
        for absent in ("data-copy=", "1503.20.80119</span>", "104210045000017", "Å betale", "Gjenstår"):
            assert absent not in paid.text
        house.paid(sent, 100)
        assert "Fakturaen er betalt." in (await debtor.get(sent.page)).text, "paid too much is paid"
        assert (await debtor.get(f"{sent.page}/faktura.pdf")).content == PDF


class CountingBook:
    """A store that counts what it is asked, or is down."""

    def __init__(self, *, down: bool = False) -> None:
        self.asked = 0
        self._down = down

    def find(self, *, token_hash: str, now: datetime) -> LinkView | None:
        self.asked += 1
        if self._down:
            raise OSError("no store at postgres.internal")
        return None

    def try_code(self, *, link_id: int, code_mac: str, caller: str, now: datetime) -> CodeAnswer:
        raise AssertionError("there is no link to try")

    def request_code(self, *, link_id: int, caller: str, now: datetime) -> CodeRequest:
        raise AssertionError("there is no link to ask for")


@asynccontextmanager
async def browser_before(house: PortalHouse, book: CountingBook) -> AsyncGenerator[httpx.AsyncClient]:
    app = create_app(
        links=book, documents=house.documents, factor_name="F", public_url="https://f.example", server_key=KEY,
        clock=house.clock,
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://f.example") as client:
        yield client


async def test_what_is_no_token_is_looked_up_like_one(house: PortalHouse) -> None:
    """An answer that came sooner would tell a wrong token from one that is only unknown."""
    for token in (make_token(), "x", "not.a.token", "æøå", "a" * 3000):
        for method, path in (("GET", ""), ("POST", ""), ("POST", "/kode")):
            book = CountingBook()
            async with browser_before(house, book) as debtor:
                answer = await debtor.request(method, f"/i/{token}{path}")
            assert (answer.status_code, book.asked) == (404, 1)


async def test_with_the_store_down_the_debtor_is_told_so(
    house: PortalHouse, capsys: pytest.CaptureFixture[str]
) -> None:
    async with browser_before(house, CountingBook(down=True)) as debtor:
        for answer in (await debtor.get(f"/i/{make_token()}?lang=en"), await debtor.post(f"/i/{make_token()}?lang=en")):
            assert answer.status_code == 503
            assert heading(answer) == "Something went wrong on our side"
            assert answer.headers["retry-after"] == "120"
            assert answer.headers["cache-control"] == "no-store"
            assert "postgres" not in answer.text
    assert "postgres" not in capsys.readouterr().out


@pytest.mark.parametrize("lost", ["pdf_sha256", "stamped_sha256"])
async def test_a_lost_document_is_our_fault_and_no_opening(house: PortalHouse, lost: str) -> None:
    sent = house.send()
    with house.db.begin() as tx:
        sha256 = tx.execute(select(invoices.c[lost])).scalar_one()
    (house.root / sha256[:2] / sha256[2:4] / sha256).write_bytes(b"rotten")
    async with house.debtor() as debtor:
        await debtor.get(sent.door)
        answer = await debtor.post(sent.door, data={"code": CODE})
        if answer.status_code == 303:
            answer = await debtor.get(answer.headers["location"])
    assert answer.status_code == 503
    assert "Feilen ligger hos oss" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    if lost == "pdf_sha256":
        assert house.delivery(sent)["state"] == "handed_over"


# --- the session -----------------------------------------------------------------------------------


async def test_the_session_is_short_and_for_this_link_only(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        cookie = (await debtor.post(sent.door, data={"code": CODE})).headers["set-cookie"]
        assert cookie.startswith("__Host-invoice-")
        for part in ("HttpOnly", "SameSite=strict", "Secure", "Path=/;", "Max-Age=1800"):
            assert part in cookie
        assert sent.token not in cookie
        house.clock.turn(NOW + timedelta(minutes=29))
        assert (await debtor.get(sent.page)).status_code == 200
        house.clock.turn(NOW + timedelta(minutes=30))
        over = await debtor.get(sent.page)
        assert over.status_code == 403
        assert "på nytt" in over.text
        assert (await debtor.get(f"{sent.page}/faktura.pdf")).content != PDF


async def test_without_or_with_a_forged_cookie_there_is_no_invoice(house: PortalHouse) -> None:
    sent, other = house.send(), house.send(number="10046")
    async with house.debtor() as debtor:
        await debtor.post(other.door, data={"code": CODE})
        others = next(iter(debtor.cookies.jar)).value or ""
        await debtor.post(sent.door, data={"code": CODE})
        own = next(c.value or "" for c in debtor.cookies.jar if c.name.endswith(sent.page.rpartition("/")[2]))
    ends, link, mac = own.split(".")
    name = f"__Host-invoice-{sent.page.rpartition('/')[2]}"
    forged = [
        "", "x", ".", "..", others, f"{int(ends) + 9999}.{link}.{mac}", f"{ends}.{link}.{'0' * 64}", f"{ends}.{link}.",
        f"{'9' * 30}.{link}.{mac}", f"{ends}.{others.split('.')[1]}.{mac}", f"{ends}.{link}.{others.split('.')[2]}",
    ]  # fmt: skip
    async with house.debtor() as stranger:
        for value in forged:
            for path in ("", "/faktura.pdf"):
                answer = await stranger.get(sent.page + path, headers={"Cookie": f"{name}={value}"})
                assert answer.status_code == 403
                assert "10045" not in answer.text


async def test_a_locked_link_does_not_throw_out_who_is_inside(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor, house.debtor(host="198.51.100.9") as guesser:
        await debtor.post(sent.door, data={"code": CODE})
        for _ in range(5):
            await guesser.post(sent.door, data={"code": WRONG})
        assert (await debtor.get(f"{sent.page}/faktura.pdf")).content == PDF


# --- what every answer carries ---------------------------------------------------------------------


async def test_strict_headers_on_every_answer(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        answers = [
            await debtor.get(sent.door),
            await debtor.post(sent.door, data={"code": WRONG}),
            await debtor.post(sent.door, data={"code": CODE}),
            await debtor.post(f"{sent.door}/kode"),
            await debtor.get(f"/faktura/{'0' * 20}"),
            await debtor.get("/nowhere"),
            await debtor.put(sent.door),
            await debtor.get("/healthz"),
        ]
        invoice, pdf = await debtor.get(sent.page), await debtor.get(f"{sent.page}/faktura.pdf")
        css, script = await debtor.get("/portal.css"), await debtor.get("/portal.js")
    for answer in answers:
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
    assert invoice.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'none'; frame-ancestors 'none'; "
        "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    for answer in [*answers, invoice, pdf]:
        assert answer.headers["cache-control"] == "no-store"
    for answer in [*answers, invoice, pdf, css, script]:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"].startswith("noindex")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in answer.headers["permissions-policy"]
        assert "server" not in answer.headers
    assert script.headers["content-type"].startswith("text/javascript")
    assert css.headers["content-type"].startswith("text/css")


async def test_plain_http_has_neither_hsts_nor_secure_and_a_path_is_put_before_every_link(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor(public_url="http://localhost:8080/faktura") as debtor:
        page = await debtor.get(f"http://localhost:8080{sent.door}")
        assert "strict-transport-security" not in page.headers
        assert f'action="/faktura{sent.door}?lang=nb"' in page.text
        assert 'href="/faktura/portal.css?v=' in page.text
        answer = await debtor.post(f"http://localhost:8080{sent.door}", data={"code": CODE})
        assert answer.headers["location"] == f"/faktura{sent.page}?lang=nb"
        assert answer.headers["set-cookie"].startswith("invoice-")
        assert "Path=/faktura;" in answer.headers["set-cookie"]
        assert "Secure" not in answer.headers["set-cookie"]


async def test_pages_load_nothing_from_elsewhere_and_one_script_of_ours_at_most(house: PortalHouse) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        pages = [await debtor.get(sent.door), await debtor.get("/nowhere")]
        await debtor.post(sent.door, data={"code": CODE})
        invoice = await debtor.get(sent.page)
        css, script = await debtor.get("/portal.css"), await debtor.get("/portal.js")
    own = re.compile(r'<script src="/portal\.js\?v=[0-9a-f]{10}" defer></script>')
    assert len(own.findall(invoice.text)) == 1
    for text in (*(page.text for page in pages), own.sub("", invoice.text)):
        assert not re.search(r"<script|style=|\son\w+=|https?://|<img|<iframe", text, re.IGNORECASE)
        assert text.count("<h1>") == 1
        assert "<title>" in text
    assert sent.token not in invoice.text, "nothing behind the code leads back to the link"
    for text in (css.text, script.text):
        assert not re.search(r"url\(|@import|https?:|fetch|XMLHttp|innerHTML|cookie|localStorage", text)


async def test_a_body_larger_than_any_form_is_refused_unread(house: PortalHouse) -> None:
    sent = house.send()

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b"code=" + b"1" * 1000
        raise AssertionError("the whole body was read")

    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": "1" * 5000})).status_code == 413
        assert (await debtor.post(sent.door, content=endless(), headers=FORM)).status_code == 413
        assert (await debtor.post(sent.door, json={"code": CODE})).status_code == 415
        assert (await debtor.post(sent.door, content=b"\xff\xfe&&==;code", headers=FORM)).status_code == 400
        assert (await debtor.post(sent.door, content=b"a=1&" * 200, headers=FORM)).status_code == 400
    assert house.link(sent)["wrong_codes"] == 0


async def test_healthz(house: PortalHouse) -> None:
    async with house.debtor() as debtor:
        answer = await debtor.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


# --- language and kind -----------------------------------------------------------------------------


async def test_the_links_language_and_the_switch(house: PortalHouse) -> None:
    sent = house.send(language="en")
    async with house.debtor() as debtor:
        page = await debtor.get(sent.door)
        assert '<html lang="en">' in page.text
        assert "six-digit code" in page.text
        assert f'href="{sent.door}?lang=nb"' in page.text
        norwegian = await debtor.get(f"{sent.door}?lang=nb")
        assert '<html lang="nb">' in norwegian.text
        assert f'action="{sent.door}?lang=nb"' in norwegian.text
        answer = await debtor.post(f"{sent.door}?lang=nb", data={"code": CODE})
        assert "Å betale" in (await debtor.get(answer.headers["location"])).text
        english = await debtor.get(f"{sent.page}?lang=en")
        assert "NOK\u00a012,500.50" in english.text
        assert "4 December 2026" in english.text
        strange = await debtor.get(f"{sent.page}?lang=%22%3E%3Cscript%3E")
        assert '<html lang="en">' in strange.text


async def test_a_page_without_a_link_speaks_the_browsers_language(house: PortalHouse) -> None:
    async with house.debtor() as debtor:
        for accepted, expected in {"en-GB,en;q=0.9": "en", "nn-NO,en": "nb", "de": "nb", "": "nb"}.items():
            page = await debtor.get("/nowhere", headers={"Accept-Language": accepted})
            assert f'<html lang="{expected}">' in page.text


async def test_a_credit_note_asks_for_no_money(house: PortalHouse) -> None:
    sent = house.send(kind=Kind.CREDIT_NOTE, number="10046")
    async with house.debtor() as debtor:
        assert "Se kreditnotaen fra" in (await debtor.get(sent.door)).text
        answer = await debtor.post(sent.door, data={"code": CODE})
        page = await debtor.get(answer.headers["location"])
    assert heading(page) == "Kreditnota 10046"
    assert "Det er ingenting å betale." in page.text
    assert "Kreditert beløp" in page.text
    for absent in ("Forfallsdato", "<dt>KID</dt>", "Kontonummer"):
        assert absent not in page.text


async def test_an_invoice_with_nothing_to_pay_asks_for_no_money(house: PortalHouse) -> None:
    sent = house.send(is_credit=True)
    async with house.debtor() as debtor:
        page = await debtor.get((await debtor.post(sent.door, data={"code": CODE})).headers["location"])
    assert heading(page) == "Faktura 10045"
    assert "Det er ingenting å betale." in page.text
    assert "<dt>Betal til</dt>" not in page.text


def test_the_store_holds_neither_token_nor_code(house: PortalHouse) -> None:
    sent = house.send()
    row = house.link(sent)
    assert row["token_hash"] == hashlib.sha256(sent.token.encode()).hexdigest()
    assert row["code_mac"] != hashlib.sha256(CODE.encode()).hexdigest()
    assert sent.token not in str(house.everything())
    assert CODE not in str(house.everything())
