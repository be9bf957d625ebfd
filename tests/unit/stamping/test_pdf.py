"""What the PDF says, and what is refused."""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import replace
from decimal import Decimal as D

import pytest
from pypdf import PdfReader

from tests.golden.documents import ACCOUNT, CONFIG, GOLDEN, IBAN, KID, NOTICE, invoice, many_lines
from worker.model.document import Document, DocumentLine, DocumentParty, PaymentTarget
from worker.model.parked import PARKED, ParkedReason
from worker.stamping.pdf import PaperConfig, PdfError, PdfMismatch, draw


def text_of(document: Document, config: PaperConfig = CONFIG) -> str:
    """Everything the PDF says, blanks and line breaks as one blank."""
    pages = PdfReader(io.BytesIO(draw(document, config).content)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


def golden(name: str) -> str:
    return text_of(*GOLDEN[name]())


# --- the law and the payment ---------------------------------------------------------------------


def test_an_invoice_holds_what_the_regulation_asks_for() -> None:
    text = golden("invoice")
    for content in (
        "FAKTURA", "Fakturanummer 10021", "Fakturadato 20.11.2026",  # § 5-1-1 nr 1
        "Nordlys Elektro AS", "Org.nr. 912 345 674 MVA", "Foretaksregisteret",  # nr 2, § 5-1-2
        "Bakeriet på Hjørnet AS", "Storgata 12", "0184 Oslo",
        "Elektriker, montering", "8 timer", "85,5 m",  # nr 3
        "Levert 18.11.2026", "Levert til Storgata 12 Bakgården",  # nr 4
        "15 625,00 NOK", "Forfallsdato 04.12.2026",  # nr 5
        "Merverdiavgift (NOK)", "25 % 12 500,00 3 125,00",  # nr 6
    ):  # fmt: skip
        assert content in text


def test_the_payment_block_leads_to_the_factor() -> None:
    text = golden("invoice")
    block = text[text.index("Betalingsinformasjon") :]
    for content in ("Betales til Fjordfaktor AS", "1234.56.78903", ACCOUNT, f"KID {KID}", "Beløp 15 625,00 NOK"):
        assert content in block
    assert "Forfallsdato 04.12.2026" in block
    assert "IBAN" not in block


def test_the_notice_stands_once_and_the_clients_message_is_kept() -> None:
    text = golden("invoice")
    assert text.count("Betaling med befriende virkning") == 1
    assert re.sub(r"\s+", " ", NOTICE) in text
    assert "Melding Takk for oppdraget!" in text


def test_a_credit_note_names_what_it_credits_and_asks_for_nothing() -> None:
    text = golden("credit_note")
    for content in ("KREDITNOTA", "Kreditnotanummer 20007", "Gjelder faktura 10021", "Skal ikke betales"):
        assert content in text
    for content in ("Betalingsinformasjon", "Kontonummer", "1234.56.78903", ACCOUNT, "KID", "Å betale", "Forfallsdato"):
        assert content not in text


@pytest.mark.parametrize("name", ["negative_invoice", "zero_invoice"])
def test_an_invoice_with_nothing_to_pay_has_no_payment_block(name: str) -> None:
    text = golden(name)
    assert "FAKTURA" in text
    assert "Skal ikke betales" in text
    assert "Betalingsinformasjon" not in text
    assert "Kontonummer" not in text


def test_a_payer_abroad_gets_iban_and_bic_and_vat_in_kroner() -> None:
    text = golden("foreign_currency")
    for content in (
        "INVOICE", "15,625.00 EUR", "NO93 1234 5678 903", "BIC/SWIFT DNBANOKK", "Value added tax (EUR)",
        "Total VAT in NOK 36,562.50", "4 December 2026", "Sweden", "8 hours",
    ):  # fmt: skip
        assert content in text


def test_an_invoice_stamped_with_an_iban_shows_it_at_home_too() -> None:
    text = text_of(invoice(payment=(PaymentTarget("30", IBAN, KID, "DNBANOKK"),)))
    assert "IBAN NO93 1234 5678 903" in text
    assert "BIC/SWIFT DNBANOKK" in text


def test_reverse_charge_says_so_in_the_regulations_words() -> None:
    assert "Omvendt avgiftsplikt – Merverdiavgift ikke beregnet" in golden("reverse_charge")
    document, config = GOLDEN["reverse_charge"]()
    assert "Merverdiavgift ikke beregnet" in text_of(document, replace(config, language="en"))


def test_rates_are_specified_one_by_one_with_the_reason_for_none() -> None:
    text = golden("three_vat_rates")
    for content in ("15 % 4 536,00 680,40", "12 % 3 300,00 396,00", "Undervisning, mval. § 3-5", "16 836,00 2 326,40"):
        assert content in text


def test_allowances_charges_prepaid_and_rounding_are_shown() -> None:
    text = golden("allowances")
    for content in (
        "Rabatt: Skade på emballasje -499,00", "Tillegg: Miljøgebyr 100,00", "pris per 100 stk.", "Ripe i kofferten",
        "Sum linjer 13 000,00", "Rabatt: Avtalekunde 2026 -750,00", "Tillegg: Frakt 250,00", "1 måned",
        "Periode: 01.11.2026–30.11.2026",
    ):  # fmt: skip
        assert content in text
    text = golden("rounding")
    for content in ("Sum inkl. mva. 15 624,78", "Forhåndsbetalt -1 000,00", "Avrunding 0,22", "Å betale 14 625,00 NOK"):
        assert content in text


def test_without_a_kid_the_payment_carries_the_invoice_number() -> None:
    text = text_of(invoice(payment=(PaymentTarget("30", ACCOUNT),)), replace(CONFIG, kid=None))
    assert "Merk betalingen Faktura 10021" in text


def test_a_name_and_an_amount_are_enough() -> None:
    bare = replace(
        invoice(), buyer=DocumentParty(name="Kari"), seller=DocumentParty(name="Ola ENK"), lines=(), vat=(), notes=(),
        payment_terms="", delivery_date=None, delivery_address=None, buyer_reference="", order_reference="",
    )  # fmt: skip
    text = text_of(bare, replace(CONFIG, recipient_lines=(), return_address=""))
    assert "Ingen linjer" in text
    assert "Levering" not in text


# --- letters -------------------------------------------------------------------------------------


def test_rare_letters_are_drawn_and_unknown_ones_are_seen() -> None:
    text = golden("letters")
    for content in ("Čáhci, ŋ ŧ đ ž", "Łódź, zażółć gęślą jaźń", "Мурманск", "ქართული"):
        assert content in text
    assert text.count("\ufffd") == 3


def test_markup_is_text_and_direction_is_not_overridden() -> None:
    assert "<b>fet</b> <img src='/etc/hostname'/> & «sitat» 12345" in golden("letters")


def test_every_font_is_embedded() -> None:
    for name in ("invoice", "letters"):
        for page in PdfReader(io.BytesIO(draw(*GOLDEN[name]()).content)).pages:
            fonts = page["/Resources"]["/Font"]  # type: ignore[index]
            for font in fonts.values():
                assert "/FontFile2" in font.get_object()["/FontDescriptor"], font


# --- the file ------------------------------------------------------------------------------------


def test_the_same_document_gives_the_same_bytes() -> None:
    first, other = draw(many_lines(60), CONFIG), draw(invoice(), CONFIG)
    assert draw(many_lines(60), CONFIG) == first
    assert draw(invoice(), CONFIG) == other


@pytest.mark.parametrize(("language", "tag"), [("nb", "nb-NO"), ("en", "en")])
def test_title_author_and_language_are_set(language: str, tag: str) -> None:
    config = replace(CONFIG, language="nb" if language == "nb" else "en")
    drawn = draw(invoice(), config)
    reader = PdfReader(io.BytesIO(drawn.content))
    assert reader.metadata is not None
    assert reader.metadata.title == ("Faktura 10021" if language == "nb" else "Invoice 10021")
    assert reader.metadata.author == "Nordlys Elektro AS"
    assert reader.root_object["/Lang"] == tag
    assert len(reader.pages) == drawn.pages
    assert [round(float(side) * 25.4 / 72) for side in reader.pages[0].mediabox[2:]] == [210, 297]


# --- refusals ------------------------------------------------------------------------------------


def test_a_document_that_asks_for_payment_elsewhere_is_refused() -> None:
    for payment in (
        (PaymentTarget("30", "86011117947", KID),),
        (PaymentTarget("30", ACCOUNT, KID), PaymentTarget("30", "86011117947", KID)),
        (PaymentTarget("30", "NO9386011117947", KID),),
    ):
        with pytest.raises(PdfMismatch, match="another account") as caught:
            draw(invoice(payment=payment), CONFIG)
        assert caught.value.reason is ParkedReason.STAMPING_NOT_PROVEN
    assert draw(invoice(payment=(PaymentTarget("30", IBAN, KID),)), CONFIG).pages == 1


@pytest.mark.parametrize(
    ("change", "words", "owner"),
    [
        ({"kid": "001000010021014"}, "KID", "engineer"),
        ({"kid": None}, "KID", "engineer"),
        ({"notice": " \n"}, "notice", "engineer"),
        ({"factor_account": "1234.56.78903"}, "eleven digits", "engineer"),
        ({"factor_name": ""}, "name", "engineer"),
        ({"accent": "red"}, "colour", "factor"),
        ({"logo": b"<svg onload='x'/>"}, "not a PNG or JPEG", "factor"),
        ({"logo": b"\x89PNG\r\n\x1a\n" + b"\0" * 40}, "cannot be read", "factor"),
        ({"logo": b"\xff\xd8\xff" + b"x" * 5_000_001}, "5 MB", "factor"),
        ({"recipient_lines": ("lang " * 400,)}, "window", "factor"),
        ({"return_address": "lang " * 80}, "return address", "factor"),
    ],
)
def test_what_cannot_be_right_is_refused(change: dict[str, object], words: str, owner: str) -> None:
    with pytest.raises(PdfError, match=words) as caught:
        draw(invoice(), replace(CONFIG, **change))  # pyright: ignore[reportArgumentType]
    assert PARKED[caught.value.reason].owner == owner


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+30", "1E-30"])
def test_an_amount_no_document_means_is_refused(amount: str) -> None:
    line = DocumentLine("1", "x", quantity=D(1), net=D(1), unit_price=D(amount))
    with pytest.raises(PdfError, match="amount"):
        draw(invoice(lines=(line,)), CONFIG)


def png(width: int, height: int, *, declared: tuple[int, int] | None = None) -> bytes:
    """A plain RGB picture; `declared` lies about its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = declared or (width, height)
    rows = b"".join(b"\0" + bytes((200, 30, 60)) * width for _ in range(height))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_logo_stands_in_place_of_the_name() -> None:
    drawn = draw(invoice(), replace(CONFIG, logo=png(300, 60)))
    page = PdfReader(io.BytesIO(drawn.content)).pages[0]
    assert [image.image.size for image in page.images if image.image] == [(300, 60)]
    assert page.extract_text().count("Nordlys Elektro AS") == golden("invoice").count("Nordlys Elektro AS") - 1


def test_a_logo_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(PdfError, match="16 million"):
        draw(invoice(), replace(CONFIG, logo=png(1, 1, declared=(8000, 8000))))
