"""What hostile, broken and odd documents come to: refused with a reason and a mender, or stamped and drawn rightly.

Everything here is pure (bytes in, bytes or an exception out), so what is refused leaves nothing half-written.
"""

from __future__ import annotations

import base64
import re
import time
from dataclasses import replace
from decimal import Decimal as D

import pytest

from tests.golden.stamping import LAYOUT, STAMPED, Golden
from worker.model.ehf import DocumentError, read_document
from worker.model.kid import KidError
from worker.model.parked import PARKED, ParkedReason
from worker.stamping.checks import own_faults
from worker.stamping.pdf import PaperConfig, PdfError, draw
from worker.stamping.proof import prove
from worker.stamping.ubl import stamp

R = ParkedReason
GOLDEN = STAMPED["invoice"]()
PAPER = PaperConfig(
    factor_name="Fjordfaktor AS", factor_organisation_number="999999999", factor_account="86011117947",
    kid=GOLDEN.stamping.kid, notice=GOLDEN.stamping.notice, recipient_lines=("Bakeriet", "0184 OSLO"),
)  # fmt: skip


def changed(pattern: str, replacement: str, golden: Golden = GOLDEN) -> bytes:
    text, count = re.subn(pattern, lambda _: replacement, golden.original.decode(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


def outcome(content: bytes) -> list[tuple[str, str]]:
    """Rule or reason, and who mends it: the first refusal, or our own faults; empty when it goes through whole."""
    try:
        read_document(content)  # as intake does
        xml = stamp(content, GOLDEN.stamping).xml
        prove(content, xml, GOLDEN.stamping)
        document = read_document(xml)
        faults = own_faults(document, GOLDEN.stamping, kid_layout=LAYOUT)
        if not faults:
            draw(document, PAPER)
        return [(fault.rule, fault.owner) for fault in faults]
    except (DocumentError, PdfError) as error:
        return [(error.reason, PARKED[error.reason].owner)]


LAUGHS = "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9))
BOMB = f"<!DOCTYPE Invoice [<!ENTITY a 'aaaaaaaaaa'>{LAUGHS}]>"
EXTERNAL = "<!DOCTYPE Invoice [<!ENTITY j SYSTEM 'file:///etc/passwd'>]>"


@pytest.mark.parametrize("doctype", [BOMB, EXTERNAL, "<!DOCTYPE Invoice SYSTEM 'http://127.0.0.1:9/x.dtd'>"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_bombs_and_outside_entities_are_refused_unopened(doctype: str, encoding: str) -> None:
    text = changed("<Invoice ", doctype + "<Invoice ").decode().replace("Takk", "&j;")
    content = text.replace("encoding='UTF-8'", f"encoding='{encoding}'").encode(encoding)
    began = time.monotonic()
    assert outcome(content) == [(R.DOCUMENT_HAS_DTD, "factor")]
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (GOLDEN.original.decode().encode("latin-1"), R.DOCUMENT_UNREADABLE),
        (GOLDEN.original.decode().encode("utf-16"), R.DOCUMENT_UNREADABLE),
        (changed("'UTF-8'", "'UTF-7'"), R.DOCUMENT_UNREADABLE),
        (changed("'UTF-8'", "'EBCDIC-CP-US'"), R.DOCUMENT_UNREADABLE),
        (changed("Takk", "Takk\x0b"), R.DOCUMENT_UNREADABLE),
        (changed("Takk", "Takk&#0;"), R.DOCUMENT_UNREADABLE),
        (GOLDEN.original[: len(GOLDEN.original) // 2], R.DOCUMENT_UNREADABLE),
        (b"", R.DOCUMENT_UNREADABLE),
        (b"<html><body>Innlogging</body></html>", R.DOCUMENT_UNREADABLE),
        (b'{"error":"unauthorized"}', R.DOCUMENT_UNREADABLE),
    ],
)
def test_wrong_bytes_are_refused(content: bytes, reason: ParkedReason) -> None:
    assert outcome(content) == [(reason, "factor")]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252"])
def test_bytes_read_in_the_wrong_encoding_are_not_guessed_about(encoding: str) -> None:
    """A document that says what it is written in goes through, whatever that is; the stamped one is UTF-8."""
    text = GOLDEN.original.decode().replace("UTF-8", encoding)
    assert stamp(text.encode(encoding), GOLDEN.stamping).xml == GOLDEN.stamped()


def with_file(content: bytes, name: str, mime_code: str) -> bytes:
    encoded = base64.b64encode(content).decode()
    reference = (
        "<cac:AdditionalDocumentReference><cbc:ID>V</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject "
        f'mimeCode="{mime_code}" filename="{name}">{encoded}</cbc:EmbeddedDocumentBinaryObject></cac:Attachment>'
        "</cac:AdditionalDocumentReference>"
    )
    return changed("<cac:AccountingSupplierParty>", reference + "<cac:AccountingSupplierParty>")


LARGE = 12_000_000


@pytest.mark.parametrize(("name", "mime_code"), [("bilde.png", "image/png"), ("timer.csv", "text/csv")])
def test_an_attachment_of_12_mb_goes_through_whole(name: str, mime_code: str) -> None:
    file = (b"\x89PNG\r\n" if name.endswith("png") else b"a;b\n") + b"0123456789abcde\n" * (LARGE // 16)
    content = with_file(file, name, mime_code)
    assert outcome(content) == []
    assert base64.b64encode(file) in stamp(content, GOLDEN.stamping).xml


def test_what_is_too_large_or_cannot_be_searched_is_refused() -> None:
    assert outcome(with_file(bytes(LARGE), "timer.pdf", "application/pdf")) == [(R.OLD_ACCOUNT_LEFT, "client")]
    assert outcome(with_file(bytes(16_000_000), "bilde.png", "image/png")) == [(R.DOCUMENT_UNREADABLE, "factor")]


def test_a_kid_of_50_digits_in_the_original_is_replaced_and_never_made() -> None:
    content = changed("998877665", "9" * 50)
    assert stamp(content, GOLDEN.stamping).removed_kids == ("9" * 50,)
    assert outcome(content) == []
    with pytest.raises(KidError) as caught:
        LAYOUT.make(client="1234", debtor="1", invoice="9" * 50)
    assert (caught.value.reason, PARKED[caught.value.reason].owner) == (R.KID_OVERFLOW, "factor")
    with pytest.raises(ValueError, match="kid"):
        replace(GOLDEN.stamping, kid="9" * 50)


@pytest.mark.parametrize(
    ("pattern", "replacement", "expected"),
    [
        ("<cbc:ID>10021</cbc:ID>", "<cbc:ID/>", [(R.DOCUMENT_UNREADABLE, "factor")]),
        ("<cbc:IssueDate>[^<]*", "<cbc:IssueDate>", [(R.DOCUMENT_UNREADABLE, "factor")]),
        ("<cbc:DueDate>[^<]*", "<cbc:DueDate>", [("OWN-DUE-DATE", "client")]),
        ("<cbc:DueDate>.*?</cbc:DueDate>", "", [("OWN-DUE-DATE", "client")]),
        ("<cbc:DueDate>[^<]*", "<cbc:DueDate>snart", [(R.DOCUMENT_UNREADABLE, "factor")]),
        ("<cbc:PaymentID>[^<]*", "<cbc:PaymentID>", []),
        ("<cac:PaymentMeans>.*</cac:PaymentMeans>", "<cac:PaymentMeans/>", []),
        ("<cac:Delivery>.*</cac:Delivery>", "<cac:Delivery/>", []),
        ("<cac:PaymentTerms>.*</cac:PaymentTerms>", "<cac:PaymentTerms><cbc:Note/></cac:PaymentTerms>", []),
        ("<cac:LegalMonetaryTotal>.*</cac:LegalMonetaryTotal>", "<cac:LegalMonetaryTotal/>",
         [(R.AMOUNT_MISMATCH, "factor")]),
        ("<cbc:PayableAmount[^>]*>[^<]*", '<cbc:PayableAmount currencyID="NOK">', [(R.AMOUNT_MISMATCH, "factor")]),
        ("<cac:AccountingCustomerParty>.*</cac:AccountingCustomerParty>", "<cac:AccountingCustomerParty/>",
         [(R.DOCUMENT_UNREADABLE, "factor")]),
        ("<cac:TaxTotal>.*</cac:TaxTotal>", "<cac:TaxTotal/>", [("BR-CO-15", "client")]),
        ('<cbc:PayableAmount currencyID="NOK"', '<cbc:PayableAmount currencyID="SEK"', [(R.AMOUNT_MISMATCH, "factor")]),
        (">NOK</cbc:DocumentCurrencyCode>", "/>", [(R.DOCUMENT_UNREADABLE, "factor")]),
        (":billing:3.0<", ":billing:3.0#conformant#urn:fdc:anskaffelser.no:2019:ehf:reminder:3.0<",
         [(R.DOCUMENT_IS_REMINDER, "factor")]),
        (":poacc:billing:3.0<", ":poacc:selfbilling:3.0<", [(R.DOCUMENT_TYPE_UNKNOWN, "factor")]),
    ],
)  # fmt: skip
def test_empty_missing_and_foreign_elements(pattern: str, replacement: str, expected: list[tuple[str, str]]) -> None:
    assert outcome(changed(pattern, replacement)) == expected


@pytest.mark.parametrize("payable", ["0.00", "-15625.00", "0", "-0.00"])
def test_an_invoice_with_nothing_to_pay_needs_no_due_date_and_asks_for_nothing(payable: str) -> None:
    prepaid = read_document(GOLDEN.original).tax_inclusive - D(payable)
    content = changed("<cbc:PayableAmount[^>]*>[^<]*", f'<cbc:PrepaidAmount currencyID="NOK">{prepaid}'
                      f'</cbc:PrepaidAmount><cbc:PayableAmount currencyID="NOK">{payable}')  # fmt: skip
    content = re.sub(rb"<cbc:DueDate>.*?</cbc:DueDate>", b"", content)
    config = replace(GOLDEN.stamping, kid=None)
    xml = stamp(content, config).xml
    prove(content, xml, config)
    document = read_document(xml)
    assert document.is_credit
    assert own_faults(document, config) == ()
    assert b"PaymentID" not in xml
    assert draw(document, replace(PAPER, kid=None)).pages == 1


def test_totals_that_are_not_the_sum_are_the_clients_to_mend() -> None:
    content = changed("<cbc:PayableAmount[^>]*>[^<]*", '<cbc:PayableAmount currencyID="NOK">-1.00')
    faults = outcome(content)
    assert ("BR-CO-16", "client") in faults


@pytest.mark.parametrize("logo", [b"", b"GIF89a", b"<svg/>", b"\x89PNG\r\n\x1a\nnot an image", b"\xff\xd8\xffno"])
def test_a_logo_that_is_no_image_is_the_factors_to_mend(logo: bytes) -> None:
    with pytest.raises(PdfError) as caught:
        draw(read_document(GOLDEN.stamped()), replace(PAPER, logo=logo))
    assert (caught.value.reason, PARKED[caught.value.reason].owner) == (R.PDF_NOT_DRAWABLE, "factor")


@pytest.mark.timeout(180)
def test_thousands_of_lines_go_through_whole() -> None:
    count = 4_000
    found = re.search(rb"(<cac:InvoiceLine>.*?</cac:InvoiceLine>)", GOLDEN.original, re.DOTALL)
    assert found is not None
    lines = [found[1].replace(b"<cbc:ID>1<", b"<cbc:ID>%d<" % n, 1) for n in range(1, count + 1)]
    head = GOLDEN.original[: GOLDEN.original.index(b"<cac:InvoiceLine>")]
    net, tax = D(7600) * count, D(1900) * count
    for name, amount in (
        ("LineExtensionAmount", net), ("TaxExclusiveAmount", net), ("TaxableAmount", net), ("TaxAmount", tax),
        ("TaxInclusiveAmount", net + tax), ("PayableAmount", net + tax),
    ):  # fmt: skip
        head = re.sub(rf'(<cbc:{name} currencyID="NOK">)[^<]*'.encode(), rb"\g<1>%d.00" % int(amount), head)
    content = head + b"".join(lines) + b"</Invoice>"
    xml = stamp(content, GOLDEN.stamping).xml
    prove(content, xml, GOLDEN.stamping)
    document = read_document(xml)
    assert len(document.lines) == count
    assert own_faults(document, GOLDEN.stamping, kid_layout=LAYOUT) == ()
    assert draw(document, PAPER).pages > 80
