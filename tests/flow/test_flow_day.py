"""A whole day, from the ERP's list to the ERP's books."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import CLIENT_ACCOUNT, FACTOR_ACCOUNT, Flow, business, client_plan, flow, person
from worker.day import JOBS
from worker.model.document import Kind
from worker.model.ehf import read_document

pytestmark = pytest.mark.anyio

EVERY_DELIVERY = {
    5001: [("ehf", "confirmed")],
    5002: [("email_link", "handed_over")],
    5003: [("letter", "handed_over")],
    5004: [("letter", "handed_over")],
    5005: [("ehf", "confirmed")],
    5006: [("email_link", "handed_over")],
}
COMMENTS = {
    5001: "Sendt som EHF 25.11.2026 kl. 08:00. Levert til mottakers aksesspunkt.",
    5002: "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00.",
    5003: "Sendt som brev 25.11.2026 kl. 08:00.",
    5004: "Sendt som brev 25.11.2026 kl. 08:00.",
    5005: "Sendt som EHF 25.11.2026 kl. 08:00. Levert til mottakers aksesspunkt.",
    5006: "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00.",
}


def _a_days_invoices(house: Flow) -> None:
    big, kari = business(20001), person(10001)
    house.invoice(5001, big, reachable=True)
    house.invoice(5002, kari)
    house.invoice(5003, business(20002, "Borettslaget Sol", email="PRINTONLY@FactoringFinans.NO"), reachable=True)
    house.invoice(5004, person(10002, "Per Åsen", ""))
    house.invoice(5005, big, credits=5001)
    house.invoice(5006, kari, credits=5002)
    house.invoice(8101, person(10003, "Solveig Hjelle", "solveig@privat.example"), client="fjordvik")


async def test_every_route_in_one_day(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik", EMAIL_CHANNEL="pdf")) as house:
        _a_days_invoices(house)
        await house.at(8)
        assert {n: house.deliveries(n) for n in EVERY_DELIVERY} == EVERY_DELIVERY
        assert house.deliveries(8101, "fjordvik") == [("email_pdf", "handed_over")]
        assert house.erp().deliveries == {}, "the ERP is told at half past three, not before"

        await house.at(10, 30)
        await house.at(15, 30)
        assert {n: house.state(n) for n in EVERY_DELIVERY} == dict.fromkeys(EVERY_DELIVERY, "posted_back")
        assert {n: [call.comment for call in house.told(n)] for n in COMMENTS} == {n: [c] for n, c in COMMENTS.items()}
        (call,) = house.told(8101, "fjordvik")
        assert call.comment == "Sendt på e-post med PDF-vedlegg 25.11.2026 kl. 08:00."
        _what_was_told_is_what_was_delivered(house)
        _what_went_out_pays_the_factor(house)
        assert set(house.registered()) == {str(n) for n in EVERY_DELIVERY}
        assert set(house.registered("fjordvik")) == {"8101"}
        assert not house.events("invoice.parked")
        assert not [line for line in house.log() if line["level"] == "error"]


def _what_was_told_is_what_was_delivered(house: Flow) -> None:
    """The PDF in the ERP is, byte for byte, the one the debtor got."""
    letters = {letter["invoice_number"]: letter["sha256"] for letter in house.letters()}
    assert set(letters) == {"5003", "5004"}
    for number, sha256 in letters.items():
        assert house.told(number)[0].file_sha256 == sha256
    (mail,) = house.mails("8101")
    (attachment,) = list(house.message(mail).iter_attachments())
    (call,) = house.told(8101, "fjordvik")
    assert hashlib.sha256(attachment.get_content()).hexdigest() == call.file_sha256
    assert (call.file_name, house.told(5005)[0].file_name) == ("faktura-8101.pdf", "kreditnota-5005.pdf")
    for number in EVERY_DELIVERY:
        invoice = house.story(number).invoice
        told = house.told(number)[0]
        assert told.file_sha256 == invoice.pdf_sha256
        assert (told.kid or "") == (invoice.kid or "")
        assert bool(told.kid) is (invoice.kind == "invoice"), "an invoice has a KID, a credit note has none"


def _what_went_out_pays_the_factor(house: Flow) -> None:
    sent = {row.key: row for row in house.world.accepted_ehf}
    assert len(sent) == len(house.world.ehf_submissions) == 2
    for number in (5001, 5005):
        row = sent[house.delivery(number).key]
        xml = (house.sandbox.folder / row.file).read_bytes()
        assert hashlib.sha256(xml).hexdigest() == house.story(number).invoice.stamped_sha256
        assert CLIENT_ACCOUNT.encode() not in xml
        document = read_document(xml)
        assert document.kind is (Kind.INVOICE if number == 5001 else Kind.CREDIT_NOTE)
        assert {target.account for target in document.payment} <= {FACTOR_ACCOUNT}
        claim = house.registered()[str(number)]
        assert claim["documents"]["stamped_sha256"] == row.sha256
        assert claim["payment"]["kid"] == (house.story(number).invoice.kid or "")
    paid = read_document((house.sandbox.folder / sent[house.delivery(5001).key].file).read_bytes())
    assert [(target.account, target.kid) for target in paid.payment] == [
        (FACTOR_ACCOUNT, house.story(5001).invoice.kid)
    ]


async def test_everything_done_again_changes_nothing(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik", EMAIL_CHANNEL="pdf")) as house:
        _a_days_invoices(house)
        await house.at(8)
        await house.at(15, 30)
        before = _books(house)
        for name in (*JOBS, *JOBS):
            for client in ("nordlys", "fjordvik"):
                assert not (await house.job(name, client))["unexpected"]
        await house.at(15, 40)
        assert _books(house) == before


def _books(house: Flow) -> dict[str, Any]:
    """Everything the outside world holds, and where every invoice is."""
    return {
        "ehf": [row.key for row in house.world.ehf_submissions],
        "mails": [mail.message_id for mail in house.world.mails],
        "letters": house.letters(),
        "erp": house.world.erp_report(),
        "ledger": {
            path.name: path.read_bytes() for path in sorted((house.folder / "registered").rglob("*")) if path.is_file()
        },
        "invoices": {n: (house.state(n), house.deliveries(n)) for n in EVERY_DELIVERY},
        "attempts": {n: len(house.story(n).attempts) for n in EVERY_DELIVERY},
    }


async def test_two_invoices_with_one_number_of_two_clients_do_not_meet(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik")) as house:
        house.invoice(5001, person())
        house.invoice(5001, person(10002, "Per Åsen", "per.asen@privat.example"), client="fjordvik")
        await house.at(8)
        await house.at(15, 30)
        one, other = house.story(5001).invoice, house.story(5001, "fjordvik").invoice
        assert one.kid != other.kid
        assert one.account == other.account == FACTOR_ACCOUNT
        assert house.told(5001)[0].kid == one.kid
        assert house.told(5001, "fjordvik")[0].kid == other.kid
        assert [mail.recipients for mail in house.world.mails] in (
            [("kari.ostby@privat.example",), ("per.asen@privat.example",)],
            [("per.asen@privat.example",), ("kari.ostby@privat.example",)],
        )
