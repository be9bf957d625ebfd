"""What a debtor does and meets in a real browser: the way in, without script, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import insert, update

from tests.browser.conftest import PDF, Portal
from tests.browser.looking import faults, tabbed_through, widest
from tests.support.portal import CODE, KEY, NOW, WRONG, Sent
from worker.model.document import Kind
from worker.portal.access import caller_prefix
from worker.store.tables import invoices, links, portal_guards

KID, ACCOUNT = "104210045000017", "1503.20.80119"


@contextmanager
def debtor(browser: Browser, portal: Portal, **given: object) -> Generator[Page]:
    """A browser of its own. What the page complains of, or asks of anybody but the portal, fails the test."""
    context: BrowserContext = browser.new_context(base_url=portal.base, **given)  # pyright: ignore[reportArgumentType]
    context.set_default_timeout(5000)
    wrong: list[str] = []
    context.on("request", lambda asked: None if asked.url.startswith(portal.base) else wrong.append(asked.url))
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on(
        "console",
        # A page that is refused (403, 410 …) is reported as a failure to load; those are the answers we want.
        lambda said: wrong.append(said.text) if said.type == "error" and "status of" not in said.text else None,
    )
    yield context.new_page()
    context.close()
    assert wrong == []


def typed(page: Page, sent: Sent, code: str = CODE) -> None:
    page.goto(sent.door)
    page.get_by_label("Kode").fill(code)
    page.get_by_role("button", name="Vis").click()


def kept(page: Page) -> bytes:
    with page.expect_download() as downloading:
        page.get_by_role("link", name=re.compile("Last ned PDF|Download PDF")).click()
    assert downloading.value.suggested_filename.endswith(".pdf")
    return Path(downloading.value.path()).read_bytes()


@pytest.fixture(scope="module")
def sent(portal: Portal) -> Sent:
    """An invoice many debtors of these tests open."""
    return portal.send("10045")


def test_the_whole_way(browser: Browser, portal: Portal) -> None:
    sent = portal.send("10046")
    with debtor(browser, portal) as page:
        page.goto(sent.door)
        expect(page.get_by_role("heading", level=1)).to_have_text("Se fakturaen fra Tromsø Elektro & Bad AS")
        typed(page, sent, WRONG)
        expect(page.get_by_role("alert")).to_have_text("Koden er feil. Du har 4 forsøk igjen.")
        expect(page).to_have_title(re.compile("^Feil: "))
        field = page.get_by_label("Kode")
        expect(field).to_be_focused()
        expect(field).to_have_accessible_description(re.compile("^Koden er feil.*Seks sifre"))
        page.keyboard.type("048 213")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Faktura 10046")
        for shown in ("12\u00a0500,50\u00a0kr", "4. desember 2026", KID, ACCOUNT, "Nordfaktor Finans AS", "overdratt"):
            expect(page.get_by_role("main")).to_contain_text(shown)
        assert sent.token not in page.url
        assert sent.token not in page.content()
        assert kept(page) == PDF
        viewed = page.request.get(f"{sent.page}/faktura.pdf")
        assert (viewed.body(), viewed.headers["content-disposition"][:6]) == (PDF, "inline")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("Faktura 10046")
        page.goto(sent.door)
        assert page.url.startswith(portal.base + sent.page), "who is inside is not asked again"
        cookies = page.context.cookies()
        assert [(cookie.get("httpOnly"), cookie.get("sameSite")) for cookie in cookies] == [(True, "Strict")]
        assert page.evaluate("document.cookie") == ""
    assert portal.house.delivery(sent)["state"] == "opened"


def test_without_script_nothing_is_missing(browser: Browser, portal: Portal, sent: Sent) -> None:
    with debtor(browser, portal, java_script_enabled=False) as page:
        typed(page, sent)
        expect(page.get_by_role("main")).to_contain_text(KID)
        expect(page.get_by_role("main")).to_contain_text(ACCOUNT)
        expect(page.get_by_role("button")).to_have_count(0)  # no button that does nothing
        assert kept(page) == PDF
        page.get_by_role("link", name="English").click()
        expect(page.get_by_text("Amount due")).to_be_visible()


def test_copy_buttons_copy_what_a_bank_takes(browser: Browser, portal: Portal, sent: Sent) -> None:
    with debtor(browser, portal, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.clock.install()
        typed(page, sent)
        page.get_by_role("button", name="Kopier KID").wait_for()
        paper = page.context.new_page()
        paper.set_content("<textarea></textarea>")
        for name, copied in {"Kontonummer": "15032080119", "KID": KID, "Beløp": "12500,50"}.items():
            page.bring_to_front()
            page.get_by_role("button", name=f"Kopier {name}").click()
            expect(page.get_by_role("status")).to_have_text(f"{name} er kopiert")
            expect(page.get_by_role("button", name=f"Kopiert {name}")).to_be_visible()
            page.clock.fast_forward(3000)
            expect(page.get_by_role("button", name=f"Kopier {name}")).to_be_visible()
            paper.bring_to_front()
            paper.locator("textarea").fill("")
            paper.locator("textarea").press("Control+V")
            assert paper.locator("textarea").input_value() == copied


def test_where_the_clipboard_is_closed_the_number_is_selected(browser: Browser, portal: Portal, sent: Sent) -> None:
    with debtor(browser, portal) as page:
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        typed(page, sent)
        page.get_by_role("button", name="Kopier KID").click()
        assert page.evaluate("getSelection().toString()") == KID
        expect(page.get_by_role("status")).to_have_text("")


def test_the_language_chosen_stays(browser: Browser, portal: Portal, sent: Sent) -> None:
    with debtor(browser, portal) as page:
        page.goto(sent.door)
        assert page.locator("html").get_attribute("lang") == "nb"
        page.get_by_role("link", name="English").click()
        page.get_by_label("Code").fill(WRONG[:3])
        page.get_by_role("button", name="Show the invoice").click()
        expect(page.get_by_role("alert")).to_have_text("A code has six digits. Please check the e‑mail and try again.")
        page.keyboard.type(CODE)
        page.keyboard.press("Enter")
        expect(page.get_by_text("NOK\u00a012,500.50")).to_be_visible()
        assert page.locator("html").get_attribute("lang") == "en"
        expect(page.get_by_role("button", name="Copy Account number")).to_be_visible()
        assert page.locator(".notice").get_attribute("lang") == "nb"
        page.get_by_role("link", name="Norsk").click()
        expect(page.get_by_text("Å betale")).to_be_visible()


def test_with_the_keyboard_alone(browser: Browser, portal: Portal, sent: Sent) -> None:
    with debtor(browser, portal, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.goto(sent.door)
        assert faults(page) == []
        assert tabbed_through(page) == [(name, True) for name in ("English", "code", "Vis fakturaen", "Send ny kode")]
        page.get_by_label("Kode").focus()
        page.keyboard.type(CODE)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Kopier KID").wait_for()
        assert faults(page) == []
        stops = ["English", "Kopier Beløp", "Kopier Kontonummer", "Kopier KID", "Vis PDF", "Last ned PDF"]
        assert tabbed_through(page) == [(name, True) for name in stops]
        page.get_by_role("button", name="Kopier KID").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text("KID er kopiert")
        page.get_by_role("link", name="Last ned PDF").focus()
        with page.expect_download() as downloading:
            page.keyboard.press("Enter")
        assert Path(downloading.value.path()).read_bytes() == PDF


def test_a_new_code_is_asked_for_on_the_page(browser: Browser, portal: Portal) -> None:
    sent = portal.send("10047")
    with debtor(browser, portal) as page:
        page.goto(sent.door)
        page.get_by_role("button", name="Send ny kode").click()
        expect(page.get_by_role("status")).to_contain_text("Bruk den nyeste koden.")
        expect(page.get_by_label("Kode")).to_be_visible()
        page.reload()
    [asked] = [row for row in portal.house.requests() if row["link_id"] == portal.house.link(sent)["id"]]
    assert asked["state"] == "ready"


def test_two_invoices_side_by_side(browser: Browser, portal: Portal, sent: Sent) -> None:
    other = portal.send("10048")
    with debtor(browser, portal) as page:
        typed(page, sent)
        beside = page.context.new_page()
        typed(beside, other)
        for tab, number in ((page, "10045"), (beside, "10048")):
            tab.reload()
            expect(tab.get_by_role("heading", level=1)).to_have_text(f"Faktura {number}")


def _every_page(page: Page, portal: Portal) -> Iterator[str]:
    """Goes to every kind of page in turn and says where it is."""
    house = portal.house
    shut = {kind: portal.send(f"2{number}") for number, kind in enumerate(("withdrawn", "credited", "locked", "lost"))}
    shut["expired"] = portal.send("29", days=-1)
    house.credited(shut["credited"], 1250050)
    with house.db.begin() as tx:
        tx.execute(update(invoices).where(invoices.c.id == shut["withdrawn"].invoice_id).values(state="withdrawn"))
        tx.execute(update(invoices).where(invoices.c.id == shut["lost"].invoice_id).values(stamped_sha256="0" * 64))
        tx.execute(update(links).where(links.c.delivery_id == shut["locked"].delivery_id).values(wrong_codes=4))
    answers = {"withdrawn": 410, "credited": 410, "expired": 410, "lost": 503}
    for kind, status in answers.items():
        answer = page.goto(shut[kind].door)
        assert answer is not None and answer.status == status
        yield kind
    for path, kind in ((f"/faktura/{'0' * 20}", "again"), ("/nowhere", "missing")):
        page.goto(path)
        yield kind
    typed(page, shut["locked"], WRONG)
    expect(page.get_by_role("heading", level=1)).to_have_text("Lenken er låst")
    yield "locked"
    page.get_by_role("button", name="Send ny kode").click()
    expect(page.get_by_role("status")).to_be_visible()
    yield "asked"
    first = portal.send("30")
    page.goto(first.door)
    yield "code"
    typed(page, first, "12")
    expect(page.get_by_role("alert")).to_be_visible()
    yield "error"
    given = {
        "paid": first,
        "owed": portal.send("31"),
        "part": portal.send("32"),
        "english": portal.send("33", language="en"),
    }
    given["credit note"] = portal.send("34", kind=Kind.CREDIT_NOTE)
    house.paid(first, 1250050)
    house.paid(given["part"], 250000)
    for kind, one in given.items():
        page.goto(one.door)
        page.locator("#code").fill(CODE)
        page.locator("form.card button").click()
        page.get_by_role("link", name="PDF").first.wait_for()
        yield kind
    later = NOW + timedelta(hours=2)
    house.clock.turn(later)
    try:
        caller = caller_prefix(KEY, "127.0.0.1")
        with house.db.begin() as tx:
            tx.execute(insert(portal_guards).values(prefix=caller, window_start=later, wrong_codes=30))
        typed(page, portal.send("35"), WRONG)
        expect(page.get_by_role("heading", level=1)).to_have_text("Vent litt")
        yield "slow"
    finally:
        house.clock.turn(NOW)


def test_every_page_can_be_read_and_used_by_everybody(browser: Browser, portal: Portal) -> None:
    """Light and dark, on a phone of 375 px, at 320 px (a desktop at 400 %), and wide."""
    met: list[str] = []
    with debtor(browser, portal, viewport={"width": 375, "height": 740}) as page:
        for kind in _every_page(page, portal):
            met.append(kind)
            grounds: set[str] = set()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert faults(page) == [], (kind, scheme)
                grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert len(grounds) == 2, "dark is dark"
            assert widest(page) <= 375, kind
            assert widest(page, squeezed_to=320) <= 320, kind
            if kind in ("code", "part"):
                page.set_viewport_size({"width": 1280, "height": 740})
                assert widest(page) <= 1280, kind
                assert faults(page) == [], kind
                page.set_viewport_size({"width": 375, "height": 740})
    assert len(met) == len(set(met)) == 16
