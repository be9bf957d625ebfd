"""The debtor's door, from outside: the app over ASGI, a real database, real documents, a turned clock."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, select, update

from worker.adapters.document_store import FolderDocumentStore
from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.portal import create_app
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.store import links as link_store
from worker.store.database import Database, migrate
from worker.store.tables import deliveries, events, invoices, links, portal_guards
from worker.support.clock import TurnedClock
from worker.support.secrets import code_mac, hash_token, make_token

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
KEY = b"portal-test-key-0123456789abcdef"
CODE, WRONG = "048213", "999999"
PDF = b"%PDF-1.7\nthe invoice as the debtor gets it"
NOTICE = "Kravet er overdratt til Nordfaktor Finans AS. Betal til konto 1503.20.80119."
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Sent:
    """One invoice with a link in somebody's inbox."""

    token: str
    invoice_id: int
    delivery_id: int

    @property
    def door(self) -> str:
        return f"/i/{self.token}"


@dataclass
class House:
    db: Database
    documents: FolderDocumentStore
    root: Path
    clock: TurnedClock
    settings: dict[str, Any] = field(default_factory=dict[str, Any])

    @asynccontextmanager
    async def debtor(self, host: str = "203.0.113.7", **settings: Any) -> AsyncGenerator[httpx.AsyncClient]:
        """A browser of its own. `settings` change how the portal is set up."""
        public_url = settings.pop("public_url", "https://faktura.example")
        app = create_app(
            links=link_store.StoreLinkBook(self.db, tries=5),
            documents=self.documents,
            factor_name="Nordfaktor Finans AS",
            public_url=public_url,
            server_key=KEY,
            clock=self.clock,
            **settings,
        )
        transport = httpx.ASGITransport(app=app, client=(host, 40000))
        async with httpx.AsyncClient(transport=transport, base_url=public_url) as client:
            yield client

    def send(
        self, *, number: str = "10045", kind: Kind = Kind.INVOICE, language: str = "nb", state: str = "handed_over",
        code: str = CODE, days: int = 90, is_credit: bool | None = None,
    ) -> Sent:  # fmt: skip
        xml = build_ehf(
            kind=kind,
            number=number,
            issue_date=date(2026, 11, 20),
            due_date=date(2026, 12, 4),
            seller=BuilderParty("Nordlys <Elektro> & Bad AS", "974760673", PostalAddress("Gate 1", "", "0155", "OSLO")),
            buyer=BuilderParty("Kari Hemmelig Nordmann", "", PostalAddress("Veien 1", "", "0155", "OSLO")),
            lines=[BuilderLine("Bad", price=Decimal("10000.40"))],
            note=NOTICE,
            credited_number="10044" if kind is Kind.CREDIT_NOTE else "",
        )
        with self.db.begin() as tx:
            invoice_id = tx.execute(
                insert(invoices)
                .values(
                    client="nordlys", erp="poweroffice_go", erp_id=f"erp-{number}-{make_token()}", kind=kind.value,
                    number=number, debtor_code="10001", state="delivering", erp_row={}, currency="NOK",
                    payable_minor=1250050, issue_date=date(2026, 11, 20), due_date=date(2026, 12, 4),
                    is_credit=kind is Kind.CREDIT_NOTE if is_credit is None else is_credit,
                    stamped_sha256=self.documents.put(content=xml), pdf_sha256=self.documents.put(content=PDF),
                    account="15032080119", kid="104210045000017", language=language, fetched_at=NOW, updated_at=NOW,
                )
                .returning(invoices.c.id)
            ).scalar_one()  # fmt: skip
            delivery_id = tx.execute(
                insert(deliveries)
                .values(
                    invoice_id=invoice_id, number=1, channel="email_link", state=state, address="kari@hemmelig.example",
                    reason="r", key=make_token(), due_at=NOW, handed_over_at=NOW, created_at=NOW,
                )
                .returning(deliveries.c.id)
            ).scalar_one()  # fmt: skip
        token = make_token()
        token_hash = hash_token(token)
        link_store.add(
            self.db,
            delivery_id=delivery_id,
            token_hash=token_hash,
            code_mac=code_mac(KEY, token_hash, code),
            expires_at=self.clock.now() + timedelta(days=days),
            now=self.clock.now(),
        )
        return Sent(token, invoice_id, delivery_id)

    def delivery(self, sent: Sent) -> dict[str, Any]:
        with self.db.begin() as tx:
            return dict(tx.execute(select(deliveries).where(deliveries.c.id == sent.delivery_id)).mappings().one())

    def link(self, sent: Sent) -> dict[str, Any]:
        with self.db.begin() as tx:
            return dict(tx.execute(select(links).where(links.c.delivery_id == sent.delivery_id)).mappings().one())

    def everything(self) -> list[Any]:
        with self.db.begin() as tx:
            return [
                [tuple(row) for row in tx.execute(select(table)).all()]
                for table in (invoices, deliveries, events, links, portal_guards)
            ]


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrated once; each test has a copy."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    db = Database(f"sqlite:///{path}")
    migrate(db)
    db.close()
    return path


@pytest.fixture
def house(tmp_path: Path, empty_database: Path) -> Iterator[House]:
    shutil.copy(empty_database, tmp_path / "worker.db")
    db = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    yield House(db, FolderDocumentStore(tmp_path / "documents"), tmp_path / "documents", TurnedClock(NOW))
    db.close()


def heading(response: httpx.Response) -> str:
    found = re.search(r"<h1>(.*?)</h1>", response.text)
    assert found, response.text
    return found[1]


# --- the way in ------------------------------------------------------------------------------------


async def test_link_then_code_then_invoice_then_pdf(house: House) -> None:
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
        assert answer.headers["location"] == f"{sent.door}/faktura?lang=nb"
        invoice = await debtor.get(answer.headers["location"])
        assert heading(invoice) == "Faktura 10045"
        for shown in ("12\u00a0500,50\u00a0kr", "4. desember 2026", "104210045000017", "1503.20.80119", NOTICE):
            assert shown in invoice.text
        assert "Kari" not in invoice.text

        shown = await debtor.get(f"{sent.door}/faktura.pdf")
        assert (shown.status_code, shown.content) == (200, PDF)
        assert shown.headers["content-type"] == "application/pdf"
        assert shown.headers["content-disposition"].startswith('inline; filename="Faktura 10045.pdf"')
        kept = await debtor.get(f"{sent.door}/faktura.pdf?download=1")
        assert kept.headers["content-disposition"].startswith("attachment;")
        again = await debtor.get(sent.door)
        assert again.headers["location"] == f"{sent.door}/faktura?lang=nb"

    assert (house.delivery(sent)["state"], house.delivery(sent)["opened_at"]) == ("opened", NOW)
    assert house.link(sent)["opened_at"] == NOW


async def test_the_first_opening_stands(house: House) -> None:
    sent = house.send()
    for hours in (0, 5):
        house.clock.turn(NOW + timedelta(hours=hours))
        async with house.debtor() as debtor:
            assert (await debtor.post(sent.door, data={"code": CODE})).status_code == 303
    assert house.link(sent)["opened_at"] == NOW
    assert house.delivery(sent)["opened_at"] == NOW


@pytest.mark.parametrize("typed", [CODE, " 048 213 ", "048-213", "０４８２１３"])
async def test_a_code_may_be_pasted_with_blanks(house: House, typed: str) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": typed})).status_code == 303


async def test_looking_changes_nothing(house: House) -> None:
    sent = house.send()
    before = house.everything()
    async with house.debtor() as scanner:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            for path in ("", "/faktura", "/faktura.pdf", f"?code={CODE}", f"/faktura?code={CODE}"):
                await scanner.request(method, sent.door + path)
    assert house.everything() == before


async def test_opening_stops_a_letter_that_has_not_gone(house: House) -> None:
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


async def test_an_opening_while_the_mail_is_still_being_sent_is_noted_afterwards(house: House) -> None:
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


async def test_wrong_codes_are_counted_and_lock_the_link(house: House) -> None:
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
        assert heading(await debtor.get(f"{sent.door}/faktura.pdf")) == "Lenken er låst"
    assert house.delivery(sent)["state"] == "handed_over"
    assert house.link(sent)["locked_at"] == NOW


async def test_tries_are_counted_across_browsers_and_a_right_one_sets_them_back(house: House) -> None:
    sent = house.send()
    for _ in range(4):
        async with house.debtor() as debtor:
            await debtor.post(sent.door, data={"code": WRONG})
    async with house.debtor() as debtor:
        assert (await debtor.post(sent.door, data={"code": CODE})).status_code == 303
    async with house.debtor() as debtor:
        assert "4 forsøk" in (await debtor.post(sent.door, data={"code": WRONG})).text


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "12345٣", "0" * 90])
async def test_what_is_no_code_is_not_counted(house: House, typed: str) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        answer = await debtor.post(sent.door, data={"code": typed})
    assert answer.status_code == 400
    assert "seks sifre" in answer.text
    assert house.link(sent)["wrong_codes"] == 0


async def test_a_code_opens_its_own_link_only(house: House) -> None:
    one, other = house.send(code="111111"), house.send(number="10046", code="222222")
    async with house.debtor() as debtor:
        assert (await debtor.post(other.door, data={"code": "111111"})).status_code == 403
        assert (await debtor.post(one.door, data={"code": "111111"})).status_code == 303
        assert (await debtor.get(f"{other.door}/faktura.pdf")).status_code == 403


async def test_many_wrong_codes_from_one_network_must_wait_whatever_the_link(house: House) -> None:
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


async def test_ipv6_callers_are_counted_by_48_and_no_address_is_stored(house: House) -> None:
    sent = house.send()
    for host in ("2001:db8:1:2::3", "2001:db8:1:ffff::9", "2001:db8:2::1", "::ffff:203.0.113.7", "203.0.113.250"):
        async with house.debtor(host=host) as debtor:
            await debtor.post(sent.door, data={"code": WRONG})
    with house.db.begin() as tx:
        guards = select(portal_guards).where(portal_guards.c.prefix != link_store.EVERYWHERE)
        rows = tx.execute(guards).mappings().all()
    assert sorted(row["wrong_codes"] for row in rows) == [1, 2, 2]
    assert all(re.fullmatch(r"[0-9a-f]{64}", row["prefix"]) for row in rows)


# --- links that lead nowhere -----------------------------------------------------------------------


async def test_unknown_addresses_all_look_the_same(house: House) -> None:
    sent = house.send()
    paths = [f"/i/{make_token()}", f"/i/{sent.token[:-1]}", "/i/x", f"/i/{make_token()}/faktura.pdf", "/", "/admin",
             f"{sent.door}/", "/i/%00", "//evil.example/x"]  # fmt: skip
    async with house.debtor() as debtor:
        pages = [await debtor.get(path) for path in paths]
        posted = await debtor.post(f"/i/{make_token()}", data={"code": CODE})
    assert {page.status_code for page in [*pages, posted]} == {404}
    assert {page.text for page in [*pages, posted]} == {pages[0].text}
    assert "evil" not in pages[0].text


async def test_an_expired_link_is_gone(house: House) -> None:
    sent = house.send(days=10)
    house.clock.turn(NOW + timedelta(days=10))
    async with house.debtor() as debtor:
        for answer in (await debtor.get(sent.door), await debtor.post(sent.door, data={"code": CODE})):
            assert answer.status_code == 410
            assert heading(answer) == "Lenken gjelder ikke lenger"


async def test_a_withdrawn_invoice_is_gone_also_for_who_is_inside(house: House) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        await debtor.post(sent.door, data={"code": CODE})
        with house.db.begin() as tx:
            tx.execute(update(invoices).where(invoices.c.id == sent.invoice_id).values(state="withdrawn"))
        assert (await debtor.get(f"{sent.door}/faktura.pdf")).status_code == 410


@pytest.mark.parametrize("lost", ["pdf_sha256", "stamped_sha256"])
async def test_a_lost_document_is_our_fault_and_no_opening(house: House, lost: str) -> None:
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


async def test_the_session_is_short_and_for_this_link_only(house: House) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        cookie = (await debtor.post(sent.door, data={"code": CODE})).headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=strict", "Secure", f"Path={sent.door}", "Max-Age=1800"):
            assert part in cookie
        house.clock.turn(NOW + timedelta(minutes=29))
        assert (await debtor.get(f"{sent.door}/faktura")).status_code == 200
        house.clock.turn(NOW + timedelta(minutes=30))
        over = await debtor.get(f"{sent.door}/faktura")
        assert over.status_code == 403
        assert "på nytt" in over.text
        assert (await debtor.get(f"{sent.door}/faktura.pdf")).content != PDF


async def test_without_or_with_a_forged_cookie_there_is_no_invoice(house: House) -> None:
    sent, other = house.send(), house.send(number="10046")
    async with house.debtor() as debtor:
        await debtor.post(other.door, data={"code": CODE})
        others = next(iter(debtor.cookies.jar)).value or ""
    ends, _, mac = others.partition(".")
    forged = ["", "x", ".", others, f"{int(ends) + 9999}.{mac}", f"{ends}.{'0' * 64}", f"{ends}.", f"{'9' * 30}.{mac}"]
    async with house.debtor() as stranger:
        for value in forged:
            for path in ("/faktura", "/faktura.pdf"):
                answer = await stranger.get(sent.door + path, headers={"Cookie": f"invoice_session={value}"})
                assert answer.status_code == 403
                assert "10045" not in answer.text


async def test_a_locked_link_does_not_throw_out_who_is_inside(house: House) -> None:
    sent = house.send()
    async with house.debtor() as debtor, house.debtor(host="198.51.100.9") as guesser:
        await debtor.post(sent.door, data={"code": CODE})
        for _ in range(5):
            await guesser.post(sent.door, data={"code": WRONG})
        assert (await debtor.get(f"{sent.door}/faktura.pdf")).content == PDF


# --- what every answer carries ---------------------------------------------------------------------


async def test_strict_headers_on_every_answer(house: House) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        answers = [
            await debtor.get(sent.door),
            await debtor.post(sent.door, data={"code": WRONG}),
            await debtor.post(sent.door, data={"code": CODE}),
            await debtor.get(f"{sent.door}/faktura"),
            await debtor.get("/nowhere"),
            await debtor.put(sent.door),
            await debtor.get("/healthz"),
        ]
        pdf, css = await debtor.get(f"{sent.door}/faktura.pdf"), await debtor.get("/portal.css")
    for answer in answers:
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        )
    for answer in [*answers, pdf]:
        assert answer.headers["cache-control"] == "no-store"
    for answer in [*answers, pdf, css]:
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-robots-tag"].startswith("noindex")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert css.headers["content-type"].startswith("text/css")


async def test_plain_http_has_neither_hsts_nor_secure_and_a_path_is_put_before_every_link(house: House) -> None:
    sent = house.send()
    async with house.debtor(public_url="http://localhost:8080/faktura") as debtor:
        page = await debtor.get(f"http://localhost:8080{sent.door}")
        assert "strict-transport-security" not in page.headers
        assert f'action="/faktura{sent.door}?lang=nb"' in page.text
        assert 'href="/faktura/portal.css?v=' in page.text
        answer = await debtor.post(f"http://localhost:8080{sent.door}", data={"code": CODE})
        assert answer.headers["location"].startswith(f"/faktura{sent.door}/faktura")
        assert f"Path=/faktura{sent.door};" in answer.headers["set-cookie"]
        assert "Secure" not in answer.headers["set-cookie"]


async def test_pages_load_nothing_from_elsewhere_and_need_no_script(house: House) -> None:
    sent = house.send()
    async with house.debtor() as debtor:
        pages = [await debtor.get(sent.door), await debtor.get("/nowhere")]
        await debtor.post(sent.door, data={"code": CODE})
        pages.append(await debtor.get(f"{sent.door}/faktura"))
        css = await debtor.get("/portal.css")
    for page in pages:
        assert not re.search(r"<script|style=|onclick|https?://|<img|<iframe", page.text, re.IGNORECASE)
        assert page.text.count("<h1>") == 1
        assert "<title>" in page.text
    assert "url(" not in css.text
    assert "@import" not in css.text


async def test_a_body_larger_than_any_form_is_refused_unread(house: House) -> None:
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


async def test_healthz(house: House) -> None:
    async with house.debtor() as debtor:
        answer = await debtor.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok")


# --- language and kind -----------------------------------------------------------------------------


async def test_the_links_language_and_the_switch(house: House) -> None:
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
        english = await debtor.get(f"{sent.door}/faktura?lang=en")
        assert "NOK\u00a012,500.50" in english.text
        assert "4 December 2026" in english.text
        strange = await debtor.get(f"{sent.door}/faktura?lang=%22%3E%3Cscript%3E")
        assert '<html lang="en">' in strange.text


async def test_a_page_without_a_link_speaks_the_browsers_language(house: House) -> None:
    async with house.debtor() as debtor:
        for accepted, expected in {"en-GB,en;q=0.9": "en", "nn-NO,en": "nb", "de": "nb", "": "nb"}.items():
            page = await debtor.get("/nowhere", headers={"Accept-Language": accepted})
            assert f'<html lang="{expected}">' in page.text


async def test_a_credit_note_asks_for_no_money(house: House) -> None:
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


async def test_an_invoice_with_nothing_to_pay_asks_for_no_money(house: House) -> None:
    sent = house.send(is_credit=True)
    async with house.debtor() as debtor:
        page = await debtor.get((await debtor.post(sent.door, data={"code": CODE})).headers["location"])
    assert heading(page) == "Faktura 10045"
    assert "Det er ingenting å betale." in page.text
    assert "<dt>Betal til</dt>" not in page.text


def test_the_store_holds_neither_token_nor_code(house: House) -> None:
    sent = house.send()
    row = house.link(sent)
    assert row["token_hash"] == hashlib.sha256(sent.token.encode()).hexdigest()
    assert row["code_mac"] != hashlib.sha256(CODE.encode()).hexdigest()
    assert sent.token not in str(house.everything())
    assert CODE not in str(house.everything())
