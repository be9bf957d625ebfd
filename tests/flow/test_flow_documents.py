"""Bad documents and bad data from the ERP: each parks with its own reason, and the rest of the run goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.flow import CLIENT_ACCOUNT, DAY, Flow, business, client_plan, flow, person
from worker.model.document import Kind
from worker.model.parked import PARKED, ParkedReason
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf

pytestmark = pytest.mark.anyio

GOOD = 5999
BAD: dict[int, ParkedReason] = {
    5001: ParkedReason.DOCUMENT_UNREADABLE,  # HTML
    5002: ParkedReason.DOCUMENT_UNREADABLE,  # a JSON error
    5003: ParkedReason.DOCUMENT_UNREADABLE,  # empty
    5004: ParkedReason.DOCUMENT_HAS_DTD,
    5005: ParkedReason.DOCUMENT_TYPE_UNKNOWN,
    5006: ParkedReason.AMOUNT_MISMATCH,
    5007: ParkedReason.WRONG_SELLER,
    5008: ParkedReason.CUSTOMER_NOT_FOUND,
    5009: ParkedReason.MISSING_POSTAL_ADDRESS,
    5010: ParkedReason.NUMBER_MISMATCH,
    5011: ParkedReason.KIND_MISMATCH,
    5012: ParkedReason.CREDITED_INVOICE_UNNAMED,
    5013: ParkedReason.OTHER_PAYEE,
    5014: ParkedReason.OLD_ACCOUNT_LEFT,
    5015: ParkedReason.MISSING_DUE_DATE,
}


def _document(house: Flow, number: int, **changes: object) -> bytes:
    values: dict[str, object] = {
        "number": str(number),
        "issue_date": DAY,
        "due_date": DAY + timedelta(days=14),
        "seller": house.plans["nordlys"].seller,
        "buyer": person().buyer,
        "lines": [BuilderLine("Bløtkake", price=Decimal("1000.00"))],
        "client_account": CLIENT_ACCOUNT,
    }
    return build_ehf(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def _everything_bad(house: Flow) -> None:
    kari, firm = person(), business()
    for number, trouble in enumerate(("ehf_html", "ehf_json_error", "ehf_empty", "ehf_dtd", "ehf_other_type"), 5001):
        house.invoice(number, kari, trouble=trouble)
    house.invoice(5006, kari, total="1.00")
    house.invoice(5007, kari, seller=BuilderParty("En annen AS", "986252932", PostalAddress("X 1", "", "0001", "OSLO")))
    house.invoice(5008, person(10008, "Borte Vekk"), card=False)
    house.card(replace(person(10009, "Ingen Gate"), address=PostalAddress("", "", "0487", "OSLO")))
    house.invoice(5009, person(10009, "Ingen Gate"))
    house.invoice(5010, kari, document=_document(house, 9910))
    house.invoice(5011, kari, document=_document(house, 5011), credits=5001)
    house.invoice(5012, kari, credits=GOOD, document=_document(house, 5012, kind=Kind.CREDIT_NOTE))
    house.invoice(5013, firm, reachable=True, payee=BuilderParty("Annen Finans AS", "399400004"))
    house.invoice(5014, firm, note="Betal til konto 1503.20.80119.")
    house.invoice(5015, kari, document=_document(house, 5015, due_date=None))
    house.invoice(GOOD, kari)


async def test_each_is_parked_for_its_reason_and_the_good_one_goes_on(house: Flow) -> None:
    _everything_bad(house)
    await house.at(8)
    assert {n: house.state(n) for n in BAD} == {n: f"parked: {reason}" for n, reason in BAD.items()}
    assert house.state(GOOD) == "delivered"
    for number, reason in BAD.items():
        (line,) = house.events("invoice.parked", invoice=house.id_of(number))
        assert (line["reason"], line["client"], line["level"]) == (reason, "nordlys", "warning")
        assert line["owner_of_remedy"] == PARKED[reason].owner
        assert house.story(number).invoice.parked_detail
    assert not house.events("invoice.unexpected")
    assert house.world.ehf_submissions == []
    assert len(house.world.mails) == 1
    assert set(house.registered()) == {str(GOOD)}

    await house.at(10, 30)  # looked at again: nothing has changed, so nothing does
    await house.at(15, 30)
    assert {n: house.state(n) for n in BAD} == {n: f"parked: {reason}" for n, reason in BAD.items()}
    assert house.state(GOOD) == "posted_back"
    assert list(house.erp().deliveries) == [house.story(GOOD).invoice.erp_id]


async def test_what_is_mended_in_the_erp_goes_on_by_itself(house: Flow) -> None:
    _everything_bad(house)
    await house.at(8)
    erp = house.erp()
    erp.mend_customer(10009, address1="Nygata 2")
    house.card(person(10008, "Borte Vekk"))
    for row in list(erp.invoices.values()):
        if row.trouble is not None:
            erp.invoices.settle(row.id, replace(row, trouble=None))
    mended = {5001, 5002, 5003, 5004, 5005, 5008, 5009}
    await house.at(10, 30)
    assert {n: house.state(n) for n in mended} == dict.fromkeys(mended, "delivered")
    assert house.deliveries(5009) == [("email_link", "handed_over")]
    assert {line["reason"] for line in house.events("invoice.resumed", invoice=house.id_of(5009))} == {
        ParkedReason.MISSING_POSTAL_ADDRESS
    }
    await house.at(15, 30)
    assert {n: len(house.told(n)) for n in mended} == dict.fromkeys(mended, 1)
    assert house.state(5007) == "parked: wrong_seller", "nobody mended that one"


async def test_a_number_too_wide_for_the_kid_is_never_cut(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(KID_LAYOUT="client:4 invoice:3")) as house:
        house.invoice(501, person())
        house.invoice(5001, person())
        await house.at(8)
        assert house.state(501) == "delivered"
        assert house.state(5001) == "parked: kid_overflow"
        assert house.story(5001).invoice.kid is None
        assert set(house.registered()) == {"501"}


async def test_warnings_do_not_stop_an_invoice_and_are_kept(house: Flow) -> None:
    debtor = replace(person(10001, "Kari Østby", ""), phone="")
    house.card(debtor, first_name="", is_person=True)
    house.invoice(5001, debtor)
    await house.at(8)
    assert house.state(5001) == "delivered"
    assert [code for code, _ in house.story(5001).warnings] == ["missing_email", "missing_first_name", "missing_phone"]
    assert len(house.events("invoice.warning", invoice=house.id_of(5001))) == 3


async def test_the_mail_address_on_the_invoice_comes_first(house: Flow) -> None:
    debtor = person(10001, "Kari Østby", "generell@privat.example")
    house.card(debtor, invoice_email="faktura@privat.example")
    house.invoice(5001, debtor, email="paa-fakturaen@privat.example")
    house.invoice(5002, debtor)
    other = person(10002, "Per Åsen", "bare-generell@privat.example")
    house.invoice(5003, other)
    await house.at(8)
    assert [mail.recipients for mail in house.world.mails] == [
        ("paa-fakturaen@privat.example",), ("faktura@privat.example",), ("bare-generell@privat.example",)
    ]  # fmt: skip


async def test_the_card_says_whether_it_is_a_person_else_the_document(house: Flow) -> None:
    """An organisation number in the document and a person's card: the card's word. No word: the document's."""
    by_card = business(20001, "Enkeltmannsforetaket", email="eier@firma.example")
    house.card(by_card, reachable=True, is_person=True)
    house.invoice(5001, by_card)
    silent = business(20002, "Stille Kort AS", email="post@stille.example")
    house.card(silent, reachable=True, is_person=None)
    house.invoice(5002, silent)
    await house.at(8)
    assert house.deliveries(5001) == [("email_link", "handed_over")]
    assert house.deliveries(5002) == [("ehf", "confirmed")]
