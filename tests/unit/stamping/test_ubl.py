"""Stamping, seen from outside: bytes in, bytes out, read again."""

import os
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.files import pdf
from worker.model.document import Identifier, Kind, PaymentTarget
from worker.model.ehf import DocumentError, read_document
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import (
    BuilderAttachment,
    BuilderDelivery,
    BuilderLine,
    BuilderParty,
    build_ehf,
)
from worker.stamping.proof import prove
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount, StampConfig, StampError, stamp

SELLER = BuilderParty("Fjord Bygg AS", "923609016", PostalAddress("Storgata 1", "", "0155", "Oslo", "NO"))
BUYER = BuilderParty("Ødegård Rør AS", "974760673", PostalAddress("Havnegata 2", "", "5003", "Bergen", "NO"))
LINE = BuilderLine("Rørlegger", Decimal(2), "HUR", Decimal(895))
OLD = "15032080119"
CONFIG = StampConfig(
    factor_name="Nordlys Factoring AS",
    factor_organisation_number="999999999",
    account="86011117947",
    iban="NO9386011117947",
    bic="DNBANOKK",
    kid="123456782",
    notice="Kravet er overdratt til Nordlys Factoring AS.",
)
BY_IBAN = replace(CONFIG, payment_account=PaymentAccount.IBAN)


def invoice(**changes: object) -> bytes:
    values: dict[str, object] = {
        "number": "1001", "issue_date": date(2026, 11, 20), "due_date": date(2026, 12, 4),
        "seller": SELLER, "buyer": BUYER, "lines": [LINE], "client_account": OLD, "client_kid": "998877665",
    }  # fmt: skip
    return build_ehf(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def changed(content: bytes, pattern: str, replacement: str) -> bytes:
    text, count = re.subn(pattern, replacement, content.decode(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


def stamped(content: bytes, config: StampConfig = CONFIG) -> bytes:
    """Stamped, proven, and the same when stamped again."""
    once = stamp(content, config).xml
    prove(content, once, config)
    assert stamp(once, config).xml == once
    return once


def refused(content: bytes, config: StampConfig = CONFIG) -> ParkedReason:
    with pytest.raises(StampError) as caught:
        stamp(content, config)
    return caught.value.reason


def order(content: bytes) -> list[str]:
    """Names of the header's children as they stand."""
    return re.findall(r"^  <(?:cbc|cac):(\w+)", content.decode(), flags=re.MULTILINE)


def test_an_invoice_becomes_the_factors() -> None:
    original = invoice(note="Takk for handelen", delivery=BuilderDelivery(date(2026, 11, 19)), payment_terms="14 dager")
    result = stamp(original, CONFIG)
    read = read_document(result.xml)
    assert read.payment == (PaymentTarget("30", "86011117947", "123456782"),)
    assert read.notes == ("Kravet er overdratt til Nordlys Factoring AS.\nTakk for handelen",)
    assert read.payee_name == "Nordlys Factoring AS"
    assert read.payee_ids == (Identifier("999999999", "0192"), Identifier("999999999", "0192"))
    assert result.removed_accounts == (OLD,)
    assert result.removed_kids == ("998877665",)
    assert result.dropped_attachments == ()
    assert result.xml.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Invoice ')
    assert OLD.encode() not in result.xml
    untouched = {"notes": (), "payment": (), "payee_name": "", "payee_ids": ()}
    assert replace(read, **untouched) == replace(read_document(original), **untouched)
    stamped(original)


def test_the_stamps_stand_in_schema_order() -> None:
    delivery = BuilderDelivery(date(2026, 11, 19))
    full = invoice(note="n", delivery=delivery, payment_terms="14 dager", order_reference="P")
    assert order(stamped(full)) == [
        "CustomizationID", "ProfileID", "ID", "IssueDate", "DueDate", "InvoiceTypeCode", "Note",
        "DocumentCurrencyCode", "BuyerReference", "OrderReference", "AccountingSupplierParty",
        "AccountingCustomerParty", "PayeeParty", "Delivery", "PaymentMeans", "PaymentTerms", "TaxTotal",
        "LegalMonetaryTotal", "InvoiceLine",
    ]  # fmt: skip
    bare = invoice(client_account="", buyer_reference="", due_date=None)
    assert order(stamped(bare)) == [
        "CustomizationID", "ProfileID", "ID", "IssueDate", "InvoiceTypeCode", "Note", "DocumentCurrencyCode",
        "AccountingSupplierParty", "AccountingCustomerParty", "PayeeParty", "PaymentMeans", "TaxTotal",
        "LegalMonetaryTotal", "InvoiceLine",
    ]  # fmt: skip


def test_a_credit_note_keeps_its_due_date_and_has_no_kid() -> None:
    original = invoice(kind=Kind.CREDIT_NOTE, number="K1", credited_number="1001")
    xml = stamped(original, replace(CONFIG, kid=None))
    read = read_document(xml)
    assert read.payment == (PaymentTarget("30", "86011117947"),)
    assert read.due_date == date(2026, 12, 4)
    assert b"PaymentID" not in xml
    assert order(xml)[4:7] == ["CreditNoteTypeCode", "Note", "DocumentCurrencyCode"]
    assert order(xml)[-5:] == ["PayeeParty", "PaymentMeans", "TaxTotal", "LegalMonetaryTotal", "CreditNoteLine"]
    with_kid = stamped(original, CONFIG).decode()
    assert re.findall(r"<cbc:(Payment\w+)>", with_kid) == ["PaymentMeansCode", "PaymentDueDate", "PaymentID"]


def test_an_invoice_that_states_its_due_date_under_payment_means_does_not_lose_it() -> None:
    due = r"\1<cbc:PaymentDueDate>2026-12-09</cbc:PaymentDueDate>"
    odd = changed(invoice(due_date=None), "(</cbc:PaymentMeansCode>)", due)
    assert read_document(stamped(odd)).due_date == date(2026, 12, 9)
    doubly = changed(invoice(), "(</cbc:PaymentMeansCode>)", due)
    assert b"PaymentDueDate" not in stamped(doubly)


@pytest.mark.parametrize(("currency", "code"), [("EUR", "58"), ("SEK", "30"), ("NOK", "30")])
def test_payment_by_iban(currency: str, code: str) -> None:
    read = read_document(stamped(invoice(currency=currency), BY_IBAN))
    assert read.payment == (PaymentTarget(code, "NO9386011117947", "123456782", "DNBANOKK"),)
    without_bic = read_document(stamped(invoice(currency=currency), replace(BY_IBAN, bic="")))
    assert without_bic.payment == (PaymentTarget(code, "NO9386011117947", "123456782"),)


SWEDE = replace(BUYER, address=PostalAddress("Sveavägen 4", "", "111 34", "Stockholm", "SE"))


@pytest.mark.parametrize(
    ("buyer", "currency", "expected"),
    [
        (BUYER, "NOK", PaymentTarget("30", "86011117947", "123456782")),
        (BUYER, "EUR", PaymentTarget("58", "NO9386011117947", "123456782", "DNBANOKK")),
        (SWEDE, "NOK", PaymentTarget("30", "NO9386011117947", "123456782", "DNBANOKK")),
        (SWEDE, "EUR", PaymentTarget("58", "NO9386011117947", "123456782", "DNBANOKK")),
    ],
)
def test_iban_only_where_a_payer_abroad_needs_it(buyer: BuilderParty, currency: str, expected: PaymentTarget) -> None:
    abroad = replace(CONFIG, payment_account=PaymentAccount.IBAN_ABROAD)
    assert read_document(stamped(invoice(buyer=buyer, currency=currency), abroad)).payment == (expected,)


def test_every_old_payment_means_goes() -> None:
    second = """<cac:PaymentMeans><cbc:PaymentMeansCode>31</cbc:PaymentMeansCode><cac:PayeeFinancialAccount>
      <cbc:ID>NO93 8601 1117 947</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans><cac:PaymentMeans>
      <cbc:PaymentMeansCode>31</cbc:PaymentMeansCode><cbc:PaymentID>998877665</cbc:PaymentID>
      <cac:PayeeFinancialAccount><cbc:ID>60050612347</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>"""
    result = stamp(changed(invoice(), "(</cac:PaymentMeans>)", rf"\1{second}"), CONFIG)
    assert result.removed_accounts == (OLD, "60050612347")  # the factor's own, as IBAN, is not an old one
    assert result.removed_kids == ("998877665",)
    assert len(read_document(result.xml).payment) == 1


def test_several_notes_become_one() -> None:
    content = changed(invoice(note="En"), "(</cbc:Note>)", r"\1<cbc:Note>To</cbc:Note><cbc:Note/>")
    assert read_document(stamped(content)).notes == (f"{CONFIG.notice}\nEn\nTo",)


def test_type_codes_are_left_alone_unless_set() -> None:
    factored = replace(CONFIG, type_codes_factored=True)
    credit = invoice(kind=Kind.CREDIT_NOTE, credited_number="1")
    assert [read_document(stamped(c)).type_code for c in (invoice(), credit)] == ["380", "381"]
    assert [read_document(stamped(c, factored)).type_code for c in (invoice(), credit)] == ["393", "396"]
    assert read_document(stamped(invoice(type_code="386"), factored)).type_code == "386"


def test_no_payee_when_the_factor_sells_itself() -> None:
    factor = BuilderParty("Nordlys Factoring AS", "999999999")
    assert read_document(stamped(invoice(seller=factor))).payee_ids == ()
    assert b"PayeeParty" not in stamped(invoice(seller=factor, payee=BuilderParty("Nordlys", "999999999")))


@pytest.mark.parametrize(
    ("payee", "allowed"),
    [
        (BuilderParty("Fjord Bygg AS", "923609016"), True),
        (BuilderParty("Et annet navn", "923609016"), True),
        (BuilderParty("nordlys  FACTORING as", ""), True),
        (BuilderParty("Fjord Bygg AS", ""), True),
        (BuilderParty("Nordlys Factoring AS", "974760673"), False),
        (BuilderParty("Annen Finans AS", "974760673"), False),
        (BuilderParty("Annen Finans AS", ""), False),
    ],
)
def test_another_payee_stops_it(payee: BuilderParty, allowed: bool) -> None:
    content = invoice(payee=payee)
    if allowed:
        assert read_document(stamped(content)).payee_name == "Nordlys Factoring AS"
    else:
        assert refused(content) is ParkedReason.OTHER_PAYEE


WRITTEN = [
    OLD, "1503 20 80119", "1503.20.80119", "1503-20-80119", "NO5015032080119", "NO50 1503 2080 119",
    "1503\u00a02080\u00a0119",
]  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("place", ["note", "payment_terms", "line_note", "line_text", "comment", "attribute"])
def test_an_old_account_left_in_words_stops_it(written: str, place: str) -> None:
    words = f"Betal til {written}, takk"
    content = {
        "note": lambda: invoice(note=words),
        "payment_terms": lambda: invoice(payment_terms=words),
        "line_note": lambda: invoice(lines=[replace(LINE, note=words)]),
        "line_text": lambda: invoice(lines=[replace(LINE, description=words)]),
        "comment": lambda: changed(invoice(), "(<cac:TaxTotal>)", rf"<!-- {words} -->\1"),
        "attribute": lambda: changed(invoice(), "<cbc:BuyerReference", f'<cbc:BuyerReference name="{words}"'),
    }[place]()
    assert refused(content) is ParkedReason.OLD_ACCOUNT_LEFT


SPLIT = ["1503<!-- x -->2080119", "1503<![CDATA[20]]>80119", "15032<?x y?>0<!----><!--1-->80119"]


@pytest.mark.parametrize("words", SPLIT)
def test_an_old_account_in_pieces_that_are_read_as_one_stops_it(words: str) -> None:
    content = changed(invoice(), "<cbc:Name>Rørlegger<", f"<cbc:Name>Konto {words}<")
    assert refused(content) is ParkedReason.OLD_ACCOUNT_LEFT


def test_an_old_account_given_as_iban_is_found_as_account() -> None:
    content = invoice(client_account="NO5015032080119", bic="DNBANOKK", note="Konto 1503.20.80119")
    assert refused(content) is ParkedReason.OLD_ACCOUNT_LEFT


@pytest.mark.parametrize("harmless", ["915032080119", "150320801190", "1503208011", "86011117947", "Ordre 1503"])
def test_other_numbers_do_not_stop_it(harmless: str) -> None:
    assert harmless in read_document(stamped(invoice(note=harmless))).notes[0]


@pytest.mark.parametrize(
    ("file", "dropped"),
    [
        (BuilderAttachment("1001", "x.pdf", "application/pdf", pdf("x")), True),
        (BuilderAttachment("A", "Faktura_1001.pdf", "application/pdf", pdf("x")), True),
        (BuilderAttachment("A", "x.pdf", "application/pdf", pdf("x"), "Invoice 1001"), True),
        (BuilderAttachment("A", "Kreditnota.png", "image/png", b"\x89PNG"), True),
        (BuilderAttachment("A", "avtale.pdf", "application/pdf", pdf("Konto 1503.20.80119")), True),
        (BuilderAttachment("A", "timer.pdf", "application/pdf", pdf("x"), "Timeliste"), False),
        (BuilderAttachment("A", "Fakturagrunnlag.pdf", "application/pdf", pdf("x")), False),
        (BuilderAttachment("A", "faktura.csv", "text/csv", b"a;b"), False),
    ],
)
def test_the_erps_own_picture_is_dropped_and_other_files_kept_byte_for_byte(
    file: BuilderAttachment, dropped: bool
) -> None:
    other = BuilderAttachment("T", "timer.csv", "text/csv", b"dag;timer\n1;7,5\n")
    content = invoice(attachments=[file, other])
    result = stamp(content, CONFIG)
    assert result.dropped_attachments == ((file.file_name,) if dropped else ())
    kept = re.findall(rb"<cbc:EmbeddedDocumentBinaryObject.*?</cbc:EmbeddedDocumentBinaryObject>", stamped(content))
    before = re.findall(rb"<cbc:EmbeddedDocumentBinaryObject.*?</cbc:EmbeddedDocumentBinaryObject>", content)
    assert kept == (before[1:] if dropped else before)


def test_a_picture_is_kept_by_setting_but_never_with_the_old_account_in_it() -> None:
    keep = replace(CONFIG, embedded_invoice=EmbeddedInvoice.KEEP)
    assert stamp(invoice(embedded_pdf=pdf("x")), keep).dropped_attachments == ()
    assert refused(invoice(embedded_pdf=pdf("Konto 1503 20 80119")), keep) is ParkedReason.OLD_ACCOUNT_LEFT


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
def test_an_old_account_in_a_text_file_stops_it(encoding: str) -> None:
    file = BuilderAttachment("T", "info.csv", "text/csv", "Bankgiro: 1503 20 80119 på bærtur".encode(encoding))
    assert refused(invoice(attachments=[file])) is ParkedReason.OLD_ACCOUNT_LEFT


def test_a_file_that_is_not_base64_stops_it() -> None:
    content = invoice(attachments=[BuilderAttachment("T", "t.csv", "text/csv", b"abc")])
    assert refused(content.replace(b">YWJj<", b">YW*j<")) is ParkedReason.DOCUMENT_UNREADABLE


def test_documents_that_are_not_ours_to_stamp_are_refused_as_by_reading() -> None:
    with pytest.raises(DocumentError) as caught:
        stamp(b"<!DOCTYPE a><a/>", CONFIG)
    assert caught.value.reason is ParkedReason.DOCUMENT_HAS_DTD


def test_comments_cdata_prefixes_and_blanks_of_the_original_stay() -> None:
    content = changed(invoice(note="a"), "<cbc:Name>Rørlegger<", "<cbc:Name><![CDATA[Rør & legger]]><")
    content = changed(content, "(<cac:TaxTotal>)", r"<!-- fra ERP -->\1")
    xml = stamped(content)
    assert b"<!-- fra ERP -->" in xml
    assert "<![CDATA[Rør & legger]]>".encode() in xml
    compact = re.sub(rb">\s+<", b"><", content)
    assert b"\n  " not in stamped(compact)
    other = content.replace(b"cbc:", b"a:").replace(b":cbc=", b":a=").replace(b"cac:", b"b:").replace(b":cac=", b":b=")
    assert read_document(stamped(other)) == read_document(xml)


def test_a_document_in_another_encoding_becomes_utf8() -> None:
    latin = invoice().decode().replace("encoding='UTF-8'", "encoding='ISO-8859-1'").encode("latin-1")
    assert stamped(latin) == stamped(invoice())


@pytest.mark.parametrize(
    "fault",
    [
        {"account": "86011117948"}, {"account": "8601 11 17947"}, {"account": ""}, {"iban": "NO9386011117948"},
        {"iban": "NO5015032080119"}, {"iban": "", "payment_account": PaymentAccount.IBAN},
        {"iban": "", "payment_account": PaymentAccount.IBAN_ABROAD}, {"factor_organisation_number": "999999998"},
        {"factor_organisation_number": "NO999999999MVA"}, {"factor_name": " "}, {"notice": " "}, {"kid": ""},
        {"kid": "123"}, {"kid": "1000005-"}, {"kid": "1" * 26},
    ],
)  # fmt: skip
def test_a_config_that_cannot_be_right_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(fault))):
        replace(CONFIG, **fault)


# What XML 1.0 can hold, lone surrogates and control characters apart.
WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(note=WORDS, terms=WORDS, name=WORDS, notice=WORDS, credit=st.booleans(), iban=st.booleans())
def test_whatever_the_client_writes_stamping_is_proven(
    note: str, terms: str, name: str, notice: str, credit: bool, iban: bool
) -> None:
    kind = Kind.CREDIT_NOTE if credit else Kind.INVOICE
    content = invoice(kind=kind, note=note, payment_terms=terms, lines=[replace(LINE, name=f"v{name}")])
    config = replace(BY_IBAN if iban else CONFIG, notice=f"Overdratt {notice}")
    assert read_document(stamped(content, config)).notes[0].startswith(config.notice.strip())


def _samples() -> list[Path]:
    folder = Path(os.environ.get("EHF_SAMPLES") or Path(__file__).parents[4] / "shared" / "data" / "ehf")
    return sorted(folder.glob("*.xml"))


@pytest.mark.parametrize(
    "path",
    _samples() or [pytest.param(None, marks=pytest.mark.skip("no EHF_SAMPLES folder of real documents"))],
    ids=lambda path: path.stem if path else "none",
)
def test_documents_made_by_others(path: Path) -> None:
    content = path.read_bytes()
    original = read_document(content)
    # Whoever is payee there plays the factor.
    factor = next((i.value for i in original.payee_ids if i.scheme == "0192"), "999999999")
    config = replace(CONFIG, factor_organisation_number=factor, factor_name=original.payee_name or "Nordlys")
    read = read_document(stamped(content, config))
    assert read.payment == (PaymentTarget("30", "86011117947", "123456782"),)
    assert (read.payable, read.lines, read.seller, read.buyer) == (
        original.payable, original.lines, original.seller, original.buyer,
    )  # fmt: skip
