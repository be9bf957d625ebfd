"""What the daily report says, and how it is drawn."""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from worker.model.completeness import Completeness, Finding, Lack, NotChecked, WhyUnchecked
from worker.model.money import Money
from worker.model.parked import CLIENT_WARNINGS, PARKED, InvoiceWarning, ParkedReason
from worker.reporting import words
from worker.reporting.for_client import MOST, ClientNames, client_report
from worker.reporting.for_factor import ClientDay, Elsewhere, factor_report
from worker.reporting.rendering import as_html, as_rows, as_text
from worker.store.report_days import Handed, ReportDay, Stopped, Told, Turn, Warned

ON = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
NAMES = ClientNames(client_name="Blåbær & Sønn AS", factor_name="Eksempel Factoring AS", contact="22 00 00 00",
                    return_data=True)  # fmt: skip
INVOICE = Told(id=1, number="5001", kind="invoice", debtor="10001", total=Money(125050))
ALL_WELL = Completeness(finished=True, compared=3, findings=())
CLIENTS_OWN = [reason for reason, facts in PARKED.items() if facts.owner == "client"]


def day(**given: Any) -> ReportDay:
    usual: dict[str, Any] = {
        "client": "boker", "since": AT, "until": AT, "before": 0, "after": 0, "taken": [], "delivered": [],
        "withdrawn": [], "told": [], "statuses": 0, "untold": 0, "turns": [], "refused": [],
        "short_of_recipients": [], "parked": [], "warned": [], "missed": [], "waiting": 0, "direct": 0,
    }  # fmt: skip
    return ReportDay(**{**usual, **given})


def parked(reason: str, *, detail: str = "", told: Told = INVOICE, **card: Any) -> Stopped:
    return Stopped(about=told, reason=reason, detail=detail, since=AT, delivered=False, card=card)


def text(found: ReportDay, check: Completeness | None = ALL_WELL, *, statement: bool = False) -> str:
    made = client_report(found, check, NAMES, on=ON, statement=statement)
    return as_text(made).replace("\u00a0", " ")


# --- the client's words ---------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ParkedReason)
def test_every_reason_the_client_can_mend_says_so_in_norwegian(reason: ParkedReason) -> None:
    facts = PARKED[reason]
    assert bool(facts.norwegian) == (facts.owner == "client")
    fields = {name for _, name, _, _ in string.Formatter().parse(facts.norwegian) if name}
    assert fields <= {"debtor", "fields"}
    assert not facts.norwegian or facts.norwegian.endswith(".")


@pytest.mark.parametrize("reason", CLIENTS_OWN)
def test_what_the_client_is_asked_is_whole(reason: ParkedReason) -> None:
    told = words.to_mend(parked(reason))
    assert "Gjelder faktura 5001, som har ventet siden 25.11.2026." in told
    assert "{" not in told
    assert "  " not in told


@pytest.mark.parametrize("warning", CLIENT_WARNINGS)
def test_every_warning_is_whole(warning: InvoiceWarning) -> None:
    told = words.warning(Warned(about=INVOICE, code=warning, detail="PEPPOL-EN16931-R003: kari@privat.example"))
    assert told is not None
    assert "{" not in told
    assert "kari" not in told


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ({}, "adresse, postnummer og poststed"),
        ({"line1": "Storgata 1", "city": "OSLO"}, "postnummer"),
        ({"line1": "Storgata 1"}, "postnummer og poststed"),
        ({"line1": "High Street 1", "country": "IE"}, "poststed"),
    ],
)
def test_the_field_on_the_customer_card_is_named(address: dict[str, str], expected: str) -> None:
    told = words.to_mend(parked("missing_postal_address", address=address))
    assert told.startswith(f"Kundekort 10001: {expected} mangler.")


def test_rules_are_named_and_never_quoted() -> None:
    detail = "PEPPOL-EN16931-R003: Kari Østby has no reference; BR-CO-15: 1 000,00; PEPPOL-EN16931-R003: again"
    told = words.to_mend(parked("document_invalid", detail=detail))
    assert "kjøpers referanse («Deres ref.») eller bestillingsnummer mangler, regel BR-CO-15" in told
    assert "Kari" not in told


# --- the report -----------------------------------------------------------------------------------


def test_an_empty_day_is_one_line() -> None:
    told = text(day())
    assert told.count("\n\n") == 2
    assert "Ingen fakturaer er mottatt, levert eller under arbeid 25.11.2026." in told
    assert as_rows(client_report(day(), ALL_WELL, NAMES, on=ON)) is None


@pytest.mark.parametrize(
    "given",
    [{"before": 1, "after": 1}, {"waiting": 1}, {"statuses": 1}, {"missed": [("intake", AT)]}, {"untold": 1}],
)
def test_a_day_with_anything_in_it_is_not_empty(given: dict[str, Any]) -> None:
    assert "FAKTURAER" in text(day(**given))
    assert "FAKTURAER" in text(day(), None), "not checked"


def test_the_table_foots_in_every_currency() -> None:
    euro = replace(INVOICE, id=2, number="5002", total=Money(1000, "EUR"))
    credit = replace(INVOICE, id=3, number="5003", kind="credit_note", total=Money(-5000))
    unread = replace(INVOICE, id=4, number="5004", total=None)
    taken = [(told, AT) for told in (INVOICE, euro, credit, unread)]
    sent = [Handed(about=told, channel=channel, at=AT, again=again)
            for told, channel, again in ((INVOICE, "ehf", False), (euro, "email_pdf", False), (credit, "letter", False),
                                         (credit, "efaktura", True))]  # fmt: skip
    found = day(taken=taken, delivered=sent, after=1)
    assert found.foots
    lines = [" ".join(line.split()) for line in text(found).splitlines()]
    for line in (
        "+ mottatt 4 1 200,50 kr + 10,00 EUR + 1 uten beløp",
        "- levert 3 1 200,50 kr + 10,00 EUR",
        "= under arbeid nå 1",
        "EHF 1 1 250,50 kr",
        "eFaktura 1 -50,00 kr",
        "E-post med PDF 1 10,00 EUR",
        "Sum 4 1 150,50 kr + 10,00 EUR",
        "sendt en gang til 1",
    ):
        assert line in lines, lines


def test_lines_are_short_and_many_are_counted() -> None:
    many = [replace(INVOICE, id=n, number=str(n)) for n in range(MOST + 3)]
    turns = [Turn(about=told, before="email_link", channel="letter", why="expired", at=AT) for told in many]
    told = text(day(turns=turns, parked=[parked("old_account_left")], after=1, before=1))
    assert "… og 3 til; alle står i regnearket." in told
    assert max(len(line) for line in told.splitlines()) <= 76
    made = client_report(day(turns=turns), ALL_WELL, NAMES, on=ON)
    assert sum("Ny vei" in row for row in made.rows) == MOST + 3


def test_what_nobody_can_explain_is_told() -> None:
    finding = Finding(lack=Lack.NOT_FETCHED, explained=False, owner="factor", number="5009", since=AT)
    told = text(day(), replace(ALL_WELL, findings=(finding,)))
    assert "Faktura 5009: Ligger klar i regnskapssystemet, men er ikke hentet." in told
    assert "Kontrollen er ikke gjort ferdig" in text(day(), replace(ALL_WELL, finished=False))


def test_what_is_explained_is_counted_by_where_it_is() -> None:
    def known(invoice: int, lack: Lack, reason: str = "") -> Finding:
        return Finding(lack=lack, explained=True, owner="factor", invoice=invoice, reason=reason)

    findings = (
        known(1, Lack.UNDERWAY), known(2, Lack.PARKED, "sent_unknown"), known(3, Lack.PARKED, "postback_refused"),
        known(4, Lack.ERP_SAYS_DELIVERED), known(4, Lack.NOT_POSTED_BACK), known(5, Lack.WITHDRAWN),
    )  # fmt: skip
    told = " ".join(text(day(untold=2, before=5, after=5), replace(ALL_WELL, findings=findings)).split())
    for words_ in (
        "2 er ikke fremme ennå, og vi vet hvorfor. 2 er levert, men ikke meldt til regnskapssystemet.",
        "1 er tatt ut og behandles for hånd.",
    ):
        assert words_ in told, told
    told = text(day(statuses=3))
    assert "Senere statuser (åpnet, betalt, sendt som brev)       3" in told, told
    assert "ikke fremme" not in told


def test_money_and_missed_slots() -> None:
    told = text(day(waiting=3, direct=1, missed=[("intake", AT), ("intake", AT.replace(hour=9)), ("report", AT)]),
                statement=True)  # fmt: skip
    for words_ in (
        "2 betalinger eller hendelser venter på avklaring hos oss.",
        "1 betaling er gjort direkte til dere.",
        "Dagens avregning ligger ved.",
        "25.11.2026: henting og utsending kl. 08:00 og 10:00; kontroll og",
    ):
        assert words_ in told, told


def test_html_says_the_same_and_escapes() -> None:
    page = as_html(client_report(day(parked=[parked("customer_not_found")]), ALL_WELL, NAMES, on=ON))
    assert "Blåbær &amp; Sønn AS" in page
    assert "Kundekort 10001 finnes ikke." in page
    assert "src=" not in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_no_cell_is_a_formula() -> None:
    wicked = replace(INVOICE, number='=HYPERLINK("x")', debtor="+4711", total=Money(-125050))
    rows = as_rows(client_report(day(taken=[(wicked, AT)], after=1), ALL_WELL, NAMES, on=ON))
    assert rows is not None
    line = rows.decode("utf-8-sig").splitlines()[1]
    assert line.startswith('2026-11-25;boker;Mottatt;"\'=HYPERLINK(""x"")";Faktura;\'+4711;;1;-1250,50;NOK;')


# --- the factor's ---------------------------------------------------------------------------------


def test_the_factors_table_foots_over_all_clients() -> None:
    one = day(client="boker", before=2, taken=[(INVOICE, AT)], after=3, parked=[parked("sent_unknown")])
    other = day(client="vik", before=5, after=5, waiting=1)
    clients = [ClientDay(day=one, check=ALL_WELL), ClientDay(day=other, check=None, paused=True)]
    left_out = (NotChecked(client="sol", why=WhyUnchecked.FILE_UNUSABLE, not_done=1),
                NotChecked(client="ås", why=WhyUnchecked.FILE_GONE, not_done=4))  # fmt: skip
    elsewhere = Elsewhere(
        items=1, bounces=2, receipts=1, refused_vouchers={"vik": 1}, not_checked=left_out,
        held_vouchers=[("vik", "general account 6975 is closed", 2)],
    )  # fmt: skip
    made = factor_report(clients, elsewhere, factor_name="Eksempel Factoring AS", on=ON, since=AT, until=AT)
    told = as_text(made).replace("\u00a0", " ")
    for line in (
        "boker         2    1   0         0   3        1",
        "vik           5    0   0         0   5        0",
        "Sum           7    1   0         0   8        1",
        "sent_unknown: it may have been sent, and the other side cannot tell.\nÅ gjøre: find out by hand; `retry",
        "- boker: faktura 5001 (id 1), siden 25.11.2026.",
        "vik er satt på pause.",
        "vik: 1 betaling eller hendelse venter (`settlement list`).",
        "Uten klient: 1 betaling eller hendelse venter (`settlement list`).",
        "vik: 1 bilag er avvist av regnskapssystemet (`settlement list`).",
        "vik: 2 bilag holdes igjen: general account 6975 is closed",
        "2 e-poster i retur som ingen kan plassere (`bounces list`).",
        "1 kvittering fra trykkeriet som ingen kan plassere (`receipts list`).",
        "sol: ikke kontrollert. Filen kan ikke brukes, og 1 faktura er ikke ferdig.",
        "ås: ikke kontrollert. Filen er borte, og 4 fakturaer er ikke ferdige.",
    ):
        assert line in told, told
    assert "kontrollen er ikke gjort ferdig" not in told, "a paused client is not checked"
    assert made.subject.endswith("1 venter på oss, 0 uten forklaring, 2 klienter ikke kontrollert")
    assert [row[1:3] for row in made.rows][-2:] == [("sol", "Ikke kontrollert"), ("ås", "Ikke kontrollert")]


def test_an_empty_day_of_all_clients_is_one_line() -> None:
    made = factor_report([ClientDay(day=day(), check=ALL_WELL)], Elsewhere(), factor_name="F", on=ON, since=AT,
                         until=AT)  # fmt: skip
    assert "ingen fakturaer" in made.subject
    assert len(made.sections) == 1


def of_all(*clients: ClientDay) -> str:
    made = factor_report(clients, Elsewhere(), factor_name="F", on=ON, since=AT, until=AT)
    return as_text(made).replace("\u00a0", " ")


def test_what_the_factor_does_stands_once_above_all_it_is_to_be_done_to() -> None:
    lacking = [Finding(lack=Lack.NOT_FETCHED, explained=False, owner="factor", number=number, since=AT)
               for number in ("5008", "5009")]  # fmt: skip
    one = day(client="boker", parked=[parked("held"), parked("kid_taken", told=replace(INVOICE, id=2, number="5002"))])
    other = day(client="vik", parked=[parked("held", told=replace(INVOICE, id=3, number="5003"))])
    told = of_all(ClientDay(day=one, check=replace(ALL_WELL, findings=tuple(lacking))),
                  ClientDay(day=other, check=ALL_WELL))  # fmt: skip
    flat = " ".join(told.split())
    held = "held: a person stopped it (`hold`); who and why stand in the detail. Å gjøre: `release` when it may go on. "
    assert f"{held}- boker: faktura 5001 (id 1), siden 25.11.2026. - vik: faktura 5003" in flat
    assert flat.index("kid_taken: another invoice") < flat.index("held: a person"), "as in the closed list"
    assert (
        "not_fetched: Ligger klar i regnskapssystemet, men er ikke hentet. Å gjøre: look for `erp.list_failed`" in flat
    )
    assert "- boker: faktura 5008, siden 25.11.2026. - boker: faktura 5009, siden 25.11.2026." in flat
    assert told.count("VENTER PÅ OSS") == told.count("UTEN FORKLARING") == 1


def test_the_duty_is_named_only_where_there_is_a_case() -> None:
    turned = day(turns=[Turn(about=INVOICE, before="ehf", channel="letter", why="refused", at=AT)])
    warned = day(warned=[Warned(about=INVOICE, code="ehf_duty", detail="")], before=1, after=1)
    assert ["EHF-PLIKT" in of_all(ClientDay(day=one, check=ALL_WELL)) for one in (turned, warned)] == [False, True]
    assert ["NY VEI" in of_all(ClientDay(day=one, check=ALL_WELL)) for one in (turned, warned)] == [True, False]
