"""The proof must see every change that stamping did not make: each test tampers with one thing."""

import base64
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from tests.golden.files import pdf
from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import BuilderAttachment, BuilderLine, BuilderParty, build_ehf
from worker.stamping.proof import NotProven, prove
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount, StampConfig, stamp

CONFIG = StampConfig(
    factor_name="Nordlys Factoring AS",
    factor_organisation_number="999999999",
    account="86011117947",
    iban="NO9386011117947",
    bic="DNBANOKK",
    kid="123456782",
    notice="Kravet er overdratt.",
)
TIMES = BuilderAttachment("T", "timer.csv", "text/csv", b"1;7,5")
PICTURE = BuilderAttachment("1001", "Faktura_1001.pdf", "application/pdf", b"%PDF-1.4")


def document(
    kind: Kind = Kind.INVOICE, note: str = "Takk", files: Sequence[BuilderAttachment] = (PICTURE, TIMES)
) -> bytes:
    return build_ehf(
        kind=kind,
        number="1001",
        issue_date=date(2026, 11, 20),
        due_date=date(2026, 12, 4),
        seller=BuilderParty("Fjord Bygg AS", "923609016", PostalAddress("Storgata 1", "", "0155", "Oslo", "NO")),
        buyer=BuilderParty("Ødegård Rør AS", "974760673"),
        lines=[BuilderLine("Rørlegger", Decimal(2), "HUR", Decimal(895))],
        client_account="15032080119",
        client_kid="998877665",
        note=note,
        attachments=files,
    )


SECOND_MEANS = (
    r"\1<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cac:PayeeFinancialAccount>"
    r"<cbc:ID>60050612347</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>"
)
TAMPERED = [
    (r"(<cbc:PayableAmount[^>]*>)[^<]*", r"\g<1>1.00", "amount to pay"),
    (r"2026-12-04", "2026-12-05", "amount to pay"),
    (r"<cbc:ID>86011117947</cbc:ID>", "<cbc:ID>60050612347</cbc:ID>", "PaymentMeans"),
    (r"<cbc:ID>86011117947</cbc:ID>", '<cbc:ID schemeID="BBAN">86011117947</cbc:ID>', "PaymentMeans"),
    (r">123456782<", ">123456783<", "PaymentMeans"),
    (r"<cbc:PaymentID>123456782</cbc:PaymentID>", "", "PaymentMeans"),
    (r">30</cbc:PaymentMeansCode>", ">31</cbc:PaymentMeansCode>", "PaymentMeans"),
    (r"(</cac:PaymentMeans>)", SECOND_MEANS, "PaymentMeans"),
    (r"<cac:PaymentMeans>.*</cac:PaymentMeans>", "", "PaymentMeans"),
    (r"Kravet er overdratt\.\n", "", "Note"),
    (r"Kravet er overdratt\.\nTakk", "Takk\nKravet er overdratt.", "Note"),
    (r"\nTakk<", "\nTak<", "Note"),
    (r"(</cbc:Note>)", r"\1<cbc:Note>x</cbc:Note>", "Note"),
    (r"(<cac:PayeeParty>.*<cbc:Name>)[^<]*(.*</cac:PayeeParty>)", r"\1Annen AS\2", "PayeeParty"),
    (r'schemeID="0192">999999999<', 'schemeID="0088">999999999<', "PayeeParty"),
    (r"<cac:PayeeParty>.*</cac:PayeeParty>", "", "PayeeParty"),
    (r">380<", ">393<", "type code"),
    (r"Rørlegger", "Rørleggar", "outside"),
    (r"Innkjøp", "Innkjøp ", "outside"),
    (r'unitCode="HUR"', 'unitCode="EA"', "outside"),
    (r"(<cac:TaxTotal>)", r"<!-- 15032080119 -->\1", "old account"),
    (r"(<cac:TaxTotal>)", r"<!-- x -->\1", "outside"),
    (r"(<cac:AdditionalDocumentReference>.*</cac:AdditionalDocumentReference>)", "", "outside"),
    (r">MTs3LDU=<", ">MTs3LDY=<", "outside"),
    (r">MTs3LDU=<", ">MTUwMy4yMC44MDExOQ==<", "old account"),
    (r"</Invoice>", "", "cannot be read"),
]


@pytest.mark.parametrize("kind", list(Kind))
def test_an_honest_stamp_is_proven(kind: Kind) -> None:
    original = document(kind)
    prove(original, stamp(original, CONFIG).xml, CONFIG)


@pytest.mark.parametrize(("pattern", "replacement", "said"), TAMPERED)
def test_any_other_change_is_seen(pattern: str, replacement: str, said: str) -> None:
    original = document()
    text, count = re.subn(pattern, replacement, stamp(original, CONFIG).xml.decode(), count=1, flags=re.DOTALL)
    assert count == 1
    with pytest.raises(NotProven, match=said) as caught:
        prove(original, text.encode(), CONFIG)
    assert not re.search(r"Rørleg|Fjord|15032080119|60050612347", str(caught.value))


def test_the_original_itself_is_not_a_stamped_document() -> None:
    with pytest.raises(NotProven):
        prove(document(), document(), CONFIG)


@pytest.mark.parametrize(
    "other",
    [
        {"kid": "234567676"}, {"kid": None}, {"notice": "Kravet er pantsatt."}, {"factor_name": "Annen Factoring AS"},
        {"factor_organisation_number": "923609016"}, {"payment_account": PaymentAccount.IBAN},
        {"type_codes_factored": True}, {"account": "60050612344", "iban": ""}, {"embedded_invoice": "keep"},
    ],
)  # fmt: skip
def test_a_stamp_of_another_config_is_not_proven(other: dict[str, object]) -> None:
    original = document()
    xml = stamp(original, CONFIG).xml
    with pytest.raises(NotProven):
        prove(original, xml, replace(CONFIG, **other))


REPLACED = replace(CONFIG, embedded_invoice=EmbeddedInvoice.REPLACE)
DRAWN = pdf("Fra faktoren")
ANOTHER = base64.b64encode(pdf("Fra en annen")).decode()
REPLACE_TAMPERED = [
    (r'(filename="Faktura_1001.pdf">)[^<]*', rf"\g<1>{ANOTHER}", "not the one drawn"),
    (r'mimeCode="application/pdf" filename', 'mimeCode="image/png" filename', "not the one drawn"),
    (r'filename="Faktura_1001.pdf"', 'filename="annen.pdf"', "not the one drawn"),
    (r'filename="Faktura_1001.pdf">', 'filename="Faktura_1001.pdf" uri="x">', "not the one drawn"),
    (r"<cbc:DocumentDescription>Faktura 1001<", "<cbc:DocumentDescription>Faktura 1002<", "outside"),
    (r"<cac:AdditionalDocumentReference>.*</cac:AdditionalDocumentReference>", "", "in its place"),
]


@pytest.mark.parametrize(("pattern", "replacement", "said"), REPLACE_TAMPERED)
def test_any_other_picture_than_the_drawn_one_is_seen(pattern: str, replacement: str, said: str) -> None:
    picture = replace(PICTURE, description="Faktura 1001")
    original = document(files=(picture, TIMES))
    xml = stamp(original, REPLACED, picture=DRAWN).xml
    prove(original, xml, REPLACED, picture=DRAWN)
    text, count = re.subn(pattern, replacement, xml.decode(), count=1, flags=re.DOTALL)
    assert count == 1
    with pytest.raises(NotProven, match=said):
        prove(original, text.encode(), REPLACED, picture=DRAWN)
    with pytest.raises(NotProven):
        prove(original, xml, REPLACED)
