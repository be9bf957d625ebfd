"""What stops an invoice at the door, what is only remarked, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.intake.rules import REMARKS, Arrival, first_stop, remarks
from worker.model.document import Document, DocumentLine, DocumentParty, Identifier, Kind, VatSubtotal
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.model.party import DebtorCard, PostalAddress

TODAY = date(2026, 11, 25)
OWN = "399102006"
OTHER = "986252932"
SELLER = DocumentParty("Nordlys Bakeri AS", company=Identifier(OWN, "0192"), vat_number=f"NO{OWN}MVA")
CARD = DebtorCard(
    code="10001", name="Kari Østby", is_person=True, first_name="Kari", last_name="Østby",
    address=PostalAddress("Bjørkeveien 7", "", "0487", "OSLO", "NO"), phone="+47 922 33 444",
    email="kari@privat.example",
)  # fmt: skip
DOCUMENT = Document(
    kind=Kind.INVOICE,
    customization_id="urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
    profile_id="urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
    number="5001",
    type_code="380",
    issue_date=TODAY,
    due_date=TODAY + timedelta(days=14),
    currency="NOK",
    seller=SELLER,
    buyer=DocumentParty("Kari Østby"),
    line_total=Decimal("1000.00"),
    tax_exclusive=Decimal("1000.00"),
    tax_inclusive=Decimal("1250.00"),
    tax_total=Decimal("250.00"),
    payable=Decimal("1250.00"),
    vat=(VatSubtotal("S", Decimal(25), Decimal("1000.00"), Decimal("250.00")),),
    lines=(DocumentLine("1", "Bløtkake", quantity=Decimal(1), unit_price=Decimal(1000), net=Decimal("1000.00"),
                        vat_category="S", vat_percent=Decimal(25)),),
)  # fmt: skip
CREDIT = replace(DOCUMENT, kind=Kind.CREDIT_NOTE, type_code="381", credited_invoices=("5000",), due_date=None)
NEGATIVE = replace(
    DOCUMENT, payable=Decimal("-1250.00"), tax_inclusive=Decimal("-1250.00"), tax_exclusive=Decimal("-1000.00"),
    line_total=Decimal("-1000.00"), tax_total=Decimal("-250.00"), due_date=None,
    vat=(VatSubtotal("S", Decimal(25), Decimal("-1000.00"), Decimal("-250.00")),),
    lines=(replace(DOCUMENT.lines[0], quantity=Decimal(-1), net=Decimal("-1000.00")),),
)  # fmt: skip
GOOD = Arrival(
    listed_number="5001", listed_kind=Kind.INVOICE, listed_total="1250.0", document=DOCUMENT, card=CARD,
    own_company_id=OWN, is_person=True, email="kari@privat.example", today=TODAY,
)  # fmt: skip


def stopped(arrival: Arrival) -> ParkedReason | None:
    stop = first_stop(arrival)
    return stop.reason if stop else None


def with_document(**changes: object) -> Arrival:
    return replace(GOOD, document=replace(DOCUMENT, **changes))  # pyright: ignore[reportArgumentType]


def with_card(**changes: object) -> Arrival:
    return replace(GOOD, card=replace(CARD, **changes))  # pyright: ignore[reportArgumentType]


def test_a_good_one_passes_without_remark() -> None:
    assert stopped(GOOD) is None
    assert remarks(GOOD) == {}


@pytest.mark.parametrize(
    ("arrival", "reason"),
    [
        (replace(GOOD, own_company_id=OTHER), ParkedReason.WRONG_SELLER),
        (with_document(seller=DocumentParty("Uten nummer AS")), ParkedReason.WRONG_SELLER),
        (replace(GOOD, listed_number="5002"), ParkedReason.NUMBER_MISMATCH),
        (replace(GOOD, listed_number="05001"), ParkedReason.NUMBER_MISMATCH),
        (replace(GOOD, document=replace(CREDIT, credited_invoices=()), listed_kind=Kind.CREDIT_NOTE),
         ParkedReason.CREDITED_INVOICE_UNNAMED),
        (replace(GOOD, listed_kind=Kind.CREDIT_NOTE), ParkedReason.KIND_MISMATCH),
        (replace(GOOD, document=CREDIT), ParkedReason.KIND_MISMATCH),
        (replace(GOOD, listed_total="1249.99"), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total="-1250"), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total=""), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total="tolv"), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total="NaN"), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total="sNaN"), ParkedReason.AMOUNT_MISMATCH),
        (replace(GOOD, listed_total="Infinity"), ParkedReason.AMOUNT_MISMATCH),
        (with_document(tax_total=Decimal("249.00")), ParkedReason.TOTALS_DISAGREE),
        (with_document(due_date=None), ParkedReason.MISSING_DUE_DATE),
        (replace(GOOD, card=None), ParkedReason.CUSTOMER_NOT_FOUND),
        (with_card(address=PostalAddress()), ParkedReason.MISSING_POSTAL_ADDRESS),
        (with_card(address=PostalAddress("Nygata 2", "", "", "OSLO", "NO")), ParkedReason.MISSING_POSTAL_ADDRESS),
        (with_card(address=PostalAddress("", "", "0487", "OSLO", "NO")), ParkedReason.MISSING_POSTAL_ADDRESS),
    ],
)  # fmt: skip
def test_what_stops_it(arrival: Arrival, reason: ParkedReason) -> None:
    assert stopped(arrival) is reason


@pytest.mark.parametrize(
    "arrival",
    [
        replace(GOOD, listed_total="1250"),
        replace(GOOD, listed_total="1250.000"),
        replace(GOOD, listed_number=" 5001 "),
        replace(GOOD, own_company_id=f"NO {OWN} MVA"),
        replace(GOOD, document=CREDIT, listed_kind=Kind.CREDIT_NOTE),
        replace(GOOD, document=CREDIT, listed_kind=Kind.CREDIT_NOTE, listed_total="-1250"),
        replace(GOOD, document=NEGATIVE, listed_total="-1250"),
        replace(GOOD, document=NEGATIVE, listed_total="-1250", listed_kind=Kind.CREDIT_NOTE),
        with_document(prepaid=Decimal("250.00"), payable=Decimal("1000.00")),  # listed: the total with VAT
        replace(with_document(prepaid=Decimal("250.00"), payable=Decimal("1000.00")), listed_total="1000"),
        with_card(address=PostalAddress("", "Postboks 1", "0487", "OSLO", "")),
        with_card(address=PostalAddress("12 High Street", "", "", "DUBLIN", "IE")),
    ],
)
def test_what_does_not_stop_it(arrival: Arrival) -> None:
    assert stopped(arrival) is None


def test_the_wrong_seller_is_found_before_anything_is_said_about_the_debtor() -> None:
    assert stopped(replace(GOOD, own_company_id=OTHER, card=None, listed_total="1")) is ParkedReason.WRONG_SELLER


@pytest.mark.parametrize(
    ("arrival", "found"),
    [
        (with_card(first_name=""), {InvoiceWarning.MISSING_FIRST_NAME}),
        (with_card(last_name=" "), {InvoiceWarning.MISSING_LAST_NAME}),
        (with_card(phone=""), {InvoiceWarning.MISSING_PHONE}),
        (replace(GOOD, email=""), {InvoiceWarning.MISSING_EMAIL}),
        (replace(GOOD, email="kari(at)privat"), {InvoiceWarning.BAD_EMAIL}),
        (replace(GOOD, email=";".join(f"p{n}@privat.example" for n in range(11))), {InvoiceWarning.TOO_MANY_EMAILS}),
        (replace(GOOD, email=";".join(f"p{n}@privat.example" for n in range(10))), set[InvoiceWarning]()),
        (with_card(address=replace(CARD.address, postal_code="487")), {InvoiceWarning.ODD_POSTAL_CODE}),
        (with_document(due_date=TODAY - timedelta(days=1)), {InvoiceWarning.DUE_DATE_PASSED}),
        (with_document(due_date=TODAY), set[InvoiceWarning]()),
        (replace(GOOD, is_person=False), {InvoiceWarning.MISSING_ORGANISATION_NUMBER}),
        (replace(with_card(organisation_number="123456789"), is_person=False),
         {InvoiceWarning.BAD_ORGANISATION_NUMBER}),
        (replace(with_card(organisation_number=OTHER), is_person=False), set[InvoiceWarning]()),
        (replace(with_card(organisation_number=OTHER, name=""), is_person=False), {InvoiceWarning.MISSING_NAME}),
        (
            replace(
                with_card(organisation_number="SE556677", address=PostalAddress("G 1", "", "211 22", "Malmö", "SE")),
                is_person=False,
            ),
            set[InvoiceWarning](),
        ),
    ],
)  # fmt: skip
def test_what_is_remarked(arrival: Arrival, found: set[InvoiceWarning]) -> None:
    assert set(remarks(arrival)) == found
    assert found <= REMARKS


TEXTS = st.one_of(st.sampled_from(["", " ", "5001", "1250", "-1250", "NaN", "x@y.no"]), st.text(max_size=12))
CARDS = st.one_of(
    st.none(),
    st.builds(
        DebtorCard, code=TEXTS, name=TEXTS, is_person=st.sampled_from([None, True, False]), first_name=TEXTS,
        last_name=TEXTS, organisation_number=TEXTS,
        address=st.builds(PostalAddress, line1=TEXTS, line2=TEXTS, postal_code=TEXTS, city=TEXTS, country=TEXTS),
        phone=TEXTS, invoice_email=TEXTS, email=TEXTS,
    ),
)  # fmt: skip


DOCUMENTS = st.sampled_from([DOCUMENT, CREDIT, NEGATIVE])


@given(TEXTS, st.sampled_from(list(Kind)), TEXTS, DOCUMENTS, CARDS, TEXTS, st.booleans())
def test_no_words_from_outside_break_the_rules(
    number: str, kind: Kind, total: str, document: Document, card: DebtorCard | None, email: str, is_person: bool
) -> None:
    arrival = Arrival(
        listed_number=number, listed_kind=kind, listed_total=total, document=document, card=card, own_company_id=OWN,
        is_person=is_person, email=email, today=TODAY,
    )  # fmt: skip
    stop = first_stop(arrival)
    assert set(remarks(arrival)) <= REMARKS
    if card is None or not card.address.complete:
        assert stop is not None, "without a card and a postal address nothing is distributed"
    if stop is not None:
        assert stop.detail
