"""Reading: every field of a full document, the ERP's lesser ones, and everything that is not a document."""

import os
import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from worker.model.document import Attachment, Identifier, Kind, PaymentTarget
from worker.model.ehf import (
    CUSTOMIZATION_ID,
    DOCUMENT_TYPE_IDS,
    MAX_BYTES,
    PROFILE_ID,
    DocumentError,
    parse,
    read_document,
    seller_company_id,
    totals_disagreements,
)
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import (
    BuilderAllowance,
    BuilderAttachment,
    BuilderDelivery,
    BuilderLine,
    BuilderParty,
    build_ehf,
)

D = Decimal
SELLER = BuilderParty(
    "Fjord Bygg AS",
    "923609016",
    PostalAddress("Storgata 1", "2. etasje", "0155", "Oslo", "NO"),
    contact="Kari Nordmann",
    phone="+4722000000",
    email="post@fjordbygg.example",
)
BUYER = BuilderParty("Ødegård Rør AS", "974760673", PostalAddress("Havnegata 2", "", "5003", "Bergen", "NO"))
PERSON = BuilderParty("Ola Nordmann", "", PostalAddress("Lia 3", "", "7010", "Trondheim", "NO"))
KAIA = PostalAddress("Kaia 4", "", "5004", "Bergen", "NO")
LINES = (
    BuilderLine("Rørlegger", D("7.5"), "HUR", D("895"), item_id="RL", description="Bytte av rør", note="Kveld"),
    BuilderLine("Mat", D(3), "EA", D("19.90"), D(15), discount_percent=D(10)),
    BuilderLine("Forsikring", D(1), "EA", D(500), D(0)),
)
DATES = {"issue_date": date(2026, 11, 20), "due_date": date(2026, 12, 4)}


def invoice(**changes: object) -> bytes:
    values: dict[str, object] = {"number": "1001", "seller": SELLER, "buyer": BUYER, "lines": LINES, **DATES}
    return build_ehf(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def changed(content: bytes, pattern: str, replacement: str) -> bytes:
    """The document with one place rewritten, and certainly rewritten."""
    text, count = re.subn(pattern, replacement, content.decode(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


def refused(content: bytes) -> tuple[ParkedReason, str]:
    with pytest.raises(DocumentError) as caught:
        read_document(content)
    return caught.value.reason, str(caught.value)


def test_every_field_of_an_invoice() -> None:
    read = read_document(
        invoice(
            client_account="15032080119",
            client_kid="123456782",
            note="Takk for handelen",
            payment_terms="14 dager netto",
            order_reference="PO-1",
            contract_reference="K-1",
            allowances=[BuilderAllowance(D(100), "Rabatt"), BuilderAllowance(D(50), "Frakt", charge=True)],
            prepaid=D(10),
            rounding=D("0.12"),
            delivery=BuilderDelivery(date(2026, 11, 19), KAIA, "Byggeplass"),
            period=(date(2026, 11, 1), date(2026, 11, 30)),
            payee=BuilderParty("Annen Mottaker AS", "974760673"),
            attachments=[BuilderAttachment("T1", "timer.csv", "text/csv", b"a;b\n", "Timeliste")],
        )
    )
    assert (read.kind, read.number, read.type_code, read.currency) == (Kind.INVOICE, "1001", "380", "NOK")
    assert (read.customization_id, read.profile_id) == (CUSTOMIZATION_ID, PROFILE_ID)
    assert (read.issue_date, read.due_date) == (date(2026, 11, 20), date(2026, 12, 4))
    assert read.seller.name == read.seller.legal_name == "Fjord Bygg AS"
    assert read.seller.endpoint == read.seller.company == Identifier("923609016", "0192")
    assert read.seller.vat_number == "NO923609016MVA"
    assert read.seller.tax_registrations == ("Foretaksregisteret",)
    assert read.seller.address == SELLER.address
    assert (read.seller.contact_name, read.seller.phone) == ("Kari Nordmann", "+4722000000")
    assert read.seller.email == "post@fjordbygg.example"
    assert read.buyer.name == "Ødegård Rør AS"
    assert read.buyer.tax_registrations == ()
    assert (read.payee_name, read.payee_ids) == ("Annen Mottaker AS", (Identifier("974760673", "0192"),))
    assert (read.notes, read.payment_terms) == (("Takk for handelen",), "14 dager netto")
    assert read.payment == (PaymentTarget("31", "15032080119", "123456782"),)
    assert (read.buyer_reference, read.order_reference, read.contract_reference) == ("Innkjøp", "PO-1", "K-1")
    assert (read.delivery_date, read.delivery_name) == (date(2026, 11, 19), "Byggeplass")
    assert read.delivery_address == KAIA
    assert (read.period_start, read.period_end) == (date(2026, 11, 1), date(2026, 11, 30))
    # 6712.50 + 53.73 + 500.00; VAT 25 % of 6662.50 and 15 % of 53.73
    assert (read.line_total, read.allowance_total, read.charge_total) == (D("7266.23"), D(100), D(50))
    assert (read.tax_exclusive, read.tax_total, read.tax_inclusive) == (D("7216.23"), D("1673.69"), D("8889.92"))
    assert (read.prepaid, read.rounding, read.payable) == (D(10), D("0.12"), D("8880.04"))
    assert [(v.category, v.percent, v.taxable, v.tax) for v in read.vat] == [
        ("S", D(25), D("6662.50"), D("1665.63")),
        ("S", D(15), D("53.73"), D("8.06")),
        ("E", D(0), D(500), D(0)),
    ]
    assert read.vat[2].exemption_reason == "Unntatt fra merverdiavgift"
    assert [(a.charge, a.reason, a.amount, a.vat_percent) for a in read.allowances] == [
        (False, "Rabatt", D(100), D(25)),
        (True, "Frakt", D(50), D(25)),
    ]
    work, food, _ = read.lines
    assert (work.line_id, work.name, work.description, work.note) == ("1", "Rørlegger", "Bytte av rør", "Kveld")
    assert (work.seller_item_id, work.quantity, work.unit_code, work.unit_price) == ("RL", D("7.5"), "HUR", D(895))
    assert (work.net, work.vat_category, work.vat_percent) == (D("6712.50"), "S", D(25))
    assert [(a.charge, a.amount) for a in food.allowances] == [(False, D("5.97"))]
    assert read.attachments == (Attachment(0, "T1", "Timeliste", "timer.csv", "text/csv", 4),)
    assert totals_disagreements(read) == ()
    assert not read.is_credit


def test_a_credit_note_with_its_due_date_under_payment_means() -> None:
    content = invoice(kind=Kind.CREDIT_NOTE, number="K7", credited_number="1001")
    read = read_document(content)
    assert b"<cbc:DueDate>" not in content
    assert (read.kind, read.type_code, read.due_date) == (Kind.CREDIT_NOTE, "381", date(2026, 12, 4))
    assert read.credited_invoices == ("1001",)
    assert read.lines[0].quantity == D("7.5")
    assert read.is_credit
    assert totals_disagreements(read) == ()


def test_a_private_persons_document_may_lack_what_peppol_demands() -> None:
    content = invoice(buyer=PERSON, buyer_reference="", due_date=None, client_account="")
    read = read_document(changed(content, r"<cac:TaxTotal>.*</cac:TaxTotal>", ""))
    assert (read.buyer.name, read.buyer.endpoint, read.buyer.company) == ("Ola Nordmann", None, None)
    assert (read.due_date, read.payment, read.buyer_reference, read.vat) == (None, (), "", ())


def test_vat_in_kroner_beside_another_currency() -> None:
    read = read_document(invoice(currency="EUR", nok_rate=D("11.5")))
    assert (read.currency, read.tax_currency) == ("EUR", "NOK")
    assert (read.tax_total, read.tax_total_in_tax_currency) == (D("1686.19"), D("19391.19"))


def test_a_negative_invoice_is_a_credit() -> None:
    assert read_document(invoice(lines=[BuilderLine("Retur", D(-1), price=D(100))])).is_credit


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "UTF-16", "windows-1252"])
def test_the_declared_encoding_is_used(encoding: str) -> None:
    text = invoice().decode().replace("encoding='UTF-8'", f"encoding='{encoding}'")
    assert read_document(text.encode(encoding)).buyer.name == "Ødegård Rør AS"


def test_text_is_not_cut_by_comments_or_cdata() -> None:
    content = changed(invoice(), "<cbc:ID>1001</cbc:ID>", "<cbc:ID>10<!-- x --><![CDATA[0]]><?y z?>1</cbc:ID>")
    assert read_document(content).number == "1001"


def test_document_type_ids_name_root_and_customization() -> None:
    prefix = "busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:"
    suffix = f"##{CUSTOMIZATION_ID}::2.1"
    assert DOCUMENT_TYPE_IDS[Kind.INVOICE] == f"{prefix}Invoice-2::Invoice{suffix}"
    assert DOCUMENT_TYPE_IDS[Kind.CREDIT_NOTE] == f"{prefix}CreditNote-2::CreditNote{suffix}"


BOMB = "<!DOCTYPE Invoice [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(12)
)


@pytest.mark.parametrize(
    ("content", "reason", "looks_like"),
    [
        (b"", ParkedReason.DOCUMENT_UNREADABLE, "empty"),
        (b"\xef\xbb\xbf \r\n", ParkedReason.DOCUMENT_UNREADABLE, "empty"),
        (b'{"success":false}', ParkedReason.DOCUMENT_UNREADABLE, "looks like JSON"),
        (b'{"success":', ParkedReason.DOCUMENT_UNREADABLE, "looks like broken JSON"),
        (b"<!doctype html><title>503</title>", ParkedReason.DOCUMENT_UNREADABLE, "looks like HTML"),
        (b"<!-- x -->\n<html></html>", ParkedReason.DOCUMENT_UNREADABLE, "looks like HTML"),
        (b"<HTML><body>", ParkedReason.DOCUMENT_UNREADABLE, "looks like HTML"),
        (b"%PDF-1.7", ParkedReason.DOCUMENT_UNREADABLE, "looks like PDF"),
        (b"Service unavailable", ParkedReason.DOCUMENT_UNREADABLE, "not XML"),
        (b"\x00\x01\x02", ParkedReason.DOCUMENT_UNREADABLE, "not XML"),
        (b"<Invoice", ParkedReason.DOCUMENT_UNREADABLE, "not XML"),
        (b"<Invoice>\n<a></Invoice>", ParkedReason.DOCUMENT_UNREADABLE, "broken XML at line 2"),
        (b"<?xml version='1.0' encoding='UTF-7'?><a/>", ParkedReason.DOCUMENT_UNREADABLE, "encoding"),
        (b"<Order/>", ParkedReason.DOCUMENT_TYPE_UNKNOWN, "root element is Order"),
        (b"<Invoice/>", ParkedReason.DOCUMENT_TYPE_UNKNOWN, "not a UBL"),
        (b"<!DOCTYPE Invoice><Invoice/>", ParkedReason.DOCUMENT_HAS_DTD, "DOCTYPE"),
        (f"{BOMB}]><Invoice>&m;</Invoice>".encode(), ParkedReason.DOCUMENT_HAS_DTD, "DOCTYPE"),
        (f"<?xml version='1.0' encoding='UTF-16'?>{BOMB}]><a b='&m;'/>".encode("utf-16"),
         ParkedReason.DOCUMENT_HAS_DTD, "DOCTYPE"),
        (b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", ParkedReason.DOCUMENT_HAS_DTD, "DOCTYPE"),
    ],
)  # fmt: skip
def test_what_is_not_a_document_is_called_by_its_name(content: bytes, reason: ParkedReason, looks_like: str) -> None:
    found, message = refused(content)
    assert found is reason
    assert looks_like in message


def test_wrong_bytes_for_the_encoding() -> None:
    reason, message = refused(invoice().decode().encode("latin-1"))
    assert reason is ParkedReason.DOCUMENT_UNREADABLE
    assert message.startswith("broken XML at line")


def test_the_cap_on_size_and_a_large_document_below_it() -> None:
    large = invoice(attachments=[BuilderAttachment("T", "t.pdf", "application/pdf", b"%PDF" + bytes(9_000_000))])
    assert len(large) > 12_000_000
    assert read_document(large).attachments[0].size == 9_000_004
    assert refused(large + b" " * (MAX_BYTES + 1 - len(large)))[0] is ParkedReason.DOCUMENT_UNREADABLE


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        (r"poacc:billing:3\.0<", "poacc:selfbilling:3.0<", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r"poacc:billing:3\.0<", "poacc:billing:3.0#conformant#urn:x<", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r"poacc:billing:01:1\.0<", "poacc:billing:02:1.0<", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r"(poacc:billing:3\.0)<", r"\1#conformant#urn:fdc:anskaffelser.no:2019:ehf:reminder:3.0<",
         ParkedReason.DOCUMENT_IS_REMINDER),
        (r">urn:fdc:peppol\.eu:2017:poacc:billing:01:1\.0<",
         ">urn:fdc:anskaffelser.no:2019:ehf:postaward:g3:06:1.0<", ParkedReason.DOCUMENT_IS_REMINDER),
        (r"<cbc:ProfileID>[^<]*</cbc:ProfileID>", "", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r">380<", ">389<", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r">380<", ">381<", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
        (r"<cbc:PayableAmount.*?</cbc:PayableAmount>", "", ParkedReason.AMOUNT_MISMATCH),
        (r"(<cbc:PayableAmount[^>]*>)[^<]*", r"\1", ParkedReason.AMOUNT_MISMATCH),
        (r"<cac:LegalMonetaryTotal>.*</cac:LegalMonetaryTotal>", "", ParkedReason.AMOUNT_MISMATCH),
        (r'<cbc:PayableAmount currencyID="NOK"', '<cbc:PayableAmount currencyID="SEK"', ParkedReason.AMOUNT_MISMATCH),
        (r"(<cbc:PayableAmount[^>]*>)[^<]*", r"\g<1>1e999999999", ParkedReason.DOCUMENT_UNREADABLE),
        (r"(<cbc:PayableAmount[^>]*>)[^<]*", r"\g<1>NaN", ParkedReason.DOCUMENT_UNREADABLE),
        (r"(<cbc:PayableAmount[^>]*>)[^<]*", r"\g<1>12,50", ParkedReason.DOCUMENT_UNREADABLE),
        (r"(<cbc:PayableAmount.*?</cbc:PayableAmount>)", r"\1\1", ParkedReason.DOCUMENT_UNREADABLE),
        (r"<cbc:ID>1001</cbc:ID>", "", ParkedReason.DOCUMENT_UNREADABLE),
        (r"<cbc:ID>1001</cbc:ID>", "<cbc:ID> </cbc:ID>", ParkedReason.DOCUMENT_UNREADABLE),
        (r"<cbc:ID>1001</cbc:ID>", "<cbc:ID>1001</cbc:ID><cbc:ID>1002</cbc:ID>", ParkedReason.DOCUMENT_UNREADABLE),
        (r"2026-11-20", "20.11.2026", ParkedReason.DOCUMENT_UNREADABLE),
        (r"2026-11-20", "2026-02-30", ParkedReason.DOCUMENT_UNREADABLE),
        (r"2026-12-04", "2026-12-4", ParkedReason.DOCUMENT_UNREADABLE),
        (r">NOK</cbc:DocumentCurrencyCode>", ">kr</cbc:DocumentCurrencyCode>", ParkedReason.DOCUMENT_UNREADABLE),
        (r"<cac:AccountingCustomerParty>.*</cac:AccountingCustomerParty>", "", ParkedReason.DOCUMENT_UNREADABLE),
    ],
)  # fmt: skip
def test_a_document_with_one_fault(pattern: str, replacement: str, reason: ParkedReason) -> None:
    found, message = refused(changed(invoice(), pattern, replacement))
    assert found is reason
    assert not re.search(r"Ødegård|Fjord|1001|999999|12,50|\d{4}-", message)


def test_a_party_without_any_name() -> None:
    nameless = invoice(buyer=replace(PERSON, name=""))
    assert refused(nameless) == (ParkedReason.DOCUMENT_UNREADABLE, "the buyer has no name")


def test_dates_may_carry_a_time_zone() -> None:
    assert read_document(changed(invoice(), "2026-12-04", "2026-12-04+01:00")).due_date == date(2026, 12, 4)


SIGNATURES = [
    '<ext:UBLExtensions xmlns:ext="urn:e"><s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/></ext:UBLExtensions>',
    "<cac:Signature><cbc:ID>1</cbc:ID></cac:Signature>",
    '<s:UBLDocumentSignatures xmlns:s="urn:oasis:names:specification:ubl:schema:xsd:CommonSignatureComponents-2"/>',
]


@pytest.mark.parametrize("signature", SIGNATURES)
def test_signed_documents_are_not_touched(signature: str) -> None:
    assert refused(changed(invoice(), "(<Invoice[^>]*>)", rf"\1{signature}"))[0] is ParkedReason.DOCUMENT_SIGNED


def test_extensions_without_a_signature_are_all_right() -> None:
    extension = '<e:UBLExtensions xmlns:e="urn:e"><e:UBLExtension/></e:UBLExtensions>'
    assert read_document(changed(invoice(), "(<Invoice[^>]*>)", rf"\1{extension}")).number == "1001"


@pytest.mark.parametrize(
    ("element", "rule"),
    [
        ("LineExtensionAmount", "BR-CO-10"),
        ("AllowanceTotalAmount", "BR-CO-11"),
        ("ChargeTotalAmount", "BR-CO-12"),
        ("TaxExclusiveAmount", "BR-CO-13"),
        ("TaxInclusiveAmount", "BR-CO-15"),
        ("PayableAmount", "BR-CO-16"),
        ("PrepaidAmount", "BR-CO-16"),
    ],
)
def test_one_wrong_total_is_named_by_its_rule(element: str, rule: str) -> None:
    content = invoice(
        allowances=[BuilderAllowance(D(100), "Rabatt"), BuilderAllowance(D(50), "Frakt", charge=True)], prepaid=D(10)
    )
    wrong = changed(content, rf"(<cac:LegalMonetaryTotal>.*?<cbc:{element}[^>]*>)([^<]*)", r"\g<1>3.21")
    found = totals_disagreements(read_document(wrong))
    assert rule in {line.partition(":")[0] for line in found}


def test_vat_per_rate_must_sum_to_the_vat() -> None:
    wrong = changed(invoice(), r"(<cac:TaxTotal>\s*<cbc:TaxAmount[^>]*>)[^<]*", r"\g<1>1.00")
    rules = [line.partition(":")[0] for line in totals_disagreements(read_document(wrong))]
    assert rules == ["BR-CO-14", "BR-CO-15"]


def test_sums_are_compared_after_rounding_to_two_decimals_and_not_closer() -> None:
    read = read_document(invoice(lines=[BuilderLine("a", price=D(10)), BuilderLine("b", price=D(10))]))
    first, second = read.lines
    nearly = replace(read, lines=(replace(first, net=D("10.0049")), second))
    not_so = replace(read, lines=(replace(first, net=D("10.005")), second))
    assert totals_disagreements(nearly) == ()
    assert len(totals_disagreements(not_so)) == 1


def test_the_seller_is_known_by_legal_id_then_vat_number_then_endpoint() -> None:
    content = invoice()
    without_legal = changed(content, r'<cbc:CompanyID schemeID="0192">[^<]*</cbc:CompanyID>', "")
    without_vat = changed(without_legal, r"<cbc:CompanyID>NO923609016MVA</cbc:CompanyID>", "")
    nameless = changed(without_vat, r"<cbc:EndpointID[^>]*>[^<]*</cbc:EndpointID>", "")
    found = [seller_company_id(read_document(c)) for c in (content, without_legal, without_vat, nameless)]
    assert found == ["923609016", "923609016", "923609016", None]


def test_other_prefixes_read_the_same() -> None:
    content = invoice(note="Hei")
    other = content.replace(b"cbc:", b"a:").replace(b":cbc=", b":a=").replace(b"cac:", b"b:").replace(b":cac=", b":b=")
    assert read_document(other) == read_document(content)


def test_comments_are_kept_when_everything_is_to_be_kept() -> None:
    content = changed(invoice(), "<cbc:ID>1001</cbc:ID>", "<cbc:ID>1001<!--x--></cbc:ID>")
    ids = [parse(content, keep_everything=keep).find("{*}ID") for keep in (False, True)]
    assert [len(element) for element in ids] == [0, 1]


def _samples() -> list[Path]:
    folder = Path(os.environ.get("EHF_SAMPLES") or Path(__file__).parents[4] / "shared" / "data" / "ehf")
    return sorted(folder.glob("*.xml"))


@pytest.mark.parametrize(
    "path",
    _samples() or [pytest.param(None, marks=pytest.mark.skip("no EHF_SAMPLES folder of real documents"))],
    ids=lambda path: path.stem if path else "none",
)
def test_documents_made_by_others(path: Path) -> None:
    read = read_document(path.read_bytes())
    assert totals_disagreements(read) == ()
    assert read.number
    assert read.lines
    assert read.payment
    assert seller_company_id(read)


def test_self_billing_is_called_by_its_name() -> None:
    assert "self-billing" in refused(changed(invoice(), "poacc:billing:3", "poacc:selfbilling:3"))[1]


@pytest.mark.parametrize("kind", list(Kind))
def test_project_and_cost_references(kind: Kind) -> None:
    read = read_document(invoice(kind=kind, project_reference="P 7", accounting_cost="6860", credited_number="1"))
    assert (read.project_reference, read.accounting_cost, read.attachments) == ("P 7", "6860", ())
