"""The golden set: documents of every kind an invoice can be, built by hand, with how each is to be drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal as D

from worker.model.document import (
    AllowanceOrCharge,
    Document,
    DocumentLine,
    DocumentParty,
    Identifier,
    Kind,
    PaymentTarget,
    VatSubtotal,
)
from worker.model.party import PostalAddress
from worker.stamping.pdf import PaperConfig

ACCOUNT = "12345678903"
IBAN = "NO9312345678903"
KID = "001000010021006"
NOTICE = (
    "Fordringen etter denne fakturaen er overdratt til Fjordfaktor AS (org.nr. 987 654 325). Betaling med befriende "
    "virkning kan bare skje til Fjordfaktor AS, konto 1234.56.78903, med KID 001000010021006. Innsigelser meldes til "
    "kundeservice@fjordfaktor.example innen 8 dager."
)
NOTICE_CREDIT = (
    "Fordringen som krediteres her, er overdratt til Fjordfaktor AS (org.nr. 987 654 325). Det er ingenting å betale."
)
NOTICE_EN = (
    "The claim under this invoice has been assigned to Fjordfaktor AS. Payment discharges the debt only if made to "
    "Fjordfaktor AS, account NO93 1234 5678 903, reference 001000010021006."
)

CONFIG = PaperConfig(
    factor_name="Fjordfaktor AS",
    factor_organisation_number="987654325",
    factor_account=ACCOUNT,
    factor_iban=IBAN,
    factor_bic="DNBANOKK",
    kid=KID,
    notice=NOTICE,
    recipient_lines=("Bakeriet på Hjørnet AS", "Storgata 12", "0184 OSLO"),
    return_address="Retur: Nordlys Elektro AS, Industriveien 4, 9020 Tromsdalen",
)

SELLER = DocumentParty(
    name="Nordlys Elektro AS",
    endpoint=Identifier("912345674", "0192"),
    company=Identifier("912345674", "0192"),
    vat_number="NO912345674MVA",
    tax_registrations=("Foretaksregisteret",),
    address=PostalAddress("Industriveien 4", "", "9020", "Tromsdalen", "NO"),
    contact_name="Ærlend Ås",
    phone="77 60 12 34",
    email="faktura@nordlys-elektro.example",
)
BUYER = DocumentParty(
    name="Bakeriet på Hjørnet AS",
    company=Identifier("923456783", "0192"),
    address=PostalAddress("Storgata 12", "", "0184", "Oslo", "NO"),
    contact_name="Kari Nordmann",
)


def _line(number: int, name: str, quantity: str, unit: str, price: str, net: str, **more: object) -> DocumentLine:
    line = DocumentLine(
        line_id=str(number), name=name, quantity=D(quantity), unit_code=unit, unit_price=D(price), net=D(net),
        vat_category="S", vat_percent=D(25),
    )  # fmt: skip
    return replace(line, **more)  # pyright: ignore[reportArgumentType]


def invoice(**more: object) -> Document:
    """A plain invoice: three lines at 25 %."""
    document = Document(
        kind=Kind.INVOICE,
        customization_id="urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0",
        profile_id="urn:fdc:peppol.eu:2017:poacc:billing:01:1.0",
        number="10021",
        type_code="380",
        issue_date=date(2026, 11, 20),
        due_date=date(2026, 12, 4),
        currency="NOK",
        seller=SELLER,
        buyer=BUYER,
        payee_name="Fjordfaktor AS",
        payee_ids=(Identifier("987654325", "0192"),),
        notes=(NOTICE + "\nTakk for oppdraget! Vi ringer i uke 48 for å avtale kontroll av anlegget.",),
        payment_terms="Netto 14 dager. Ved forsinket betaling beregnes rente etter forsinkelsesrenteloven.",
        payment=(PaymentTarget("30", ACCOUNT, KID),),
        buyer_reference="Kari Nordmann",
        order_reference="PO-7781",
        delivery_date=date(2026, 11, 18),
        delivery_address=PostalAddress("Storgata 12", "Bakgården", "0184", "Oslo", "NO"),
        line_total=D("12500.00"),
        tax_exclusive=D("12500.00"),
        tax_inclusive=D("15625.00"),
        tax_total=D("3125.00"),
        payable=D("15625.00"),
        vat=(VatSubtotal("S", D(25), D("12500.00"), D("3125.00")),),
        lines=(
            _line(1, "Elektriker, montering", "8", "HUR", "950", "7600.00", seller_item_id="T-100",
                  description="Montering av ny sikring og stikkontakter i bakerommet"),
            _line(2, "Stikkontakt, dobbel, utvendig", "6", "EA", "389.50", "2337.00", seller_item_id="EL-4410"),
            _line(3, "Kabel PN 3×2,5 mm²", "85.5", "MTR", "29.976608", "2563.00", seller_item_id="EL-0025"),
        ),
    )  # fmt: skip
    return replace(document, **more)  # pyright: ignore[reportArgumentType]


def _credit_note() -> tuple[Document, PaperConfig]:
    document = invoice(
        kind=Kind.CREDIT_NOTE, type_code="381", number="20007", credited_invoices=("10021",), due_date=None,
        payment=(PaymentTarget("30", ACCOUNT),), payment_terms="", notes=(NOTICE_CREDIT,),
    )  # fmt: skip
    return document, replace(CONFIG, kid=None, notice=NOTICE_CREDIT)


def _negative_invoice() -> tuple[Document, PaperConfig]:
    base = invoice()
    document = invoice(
        number="10022", notes=(NOTICE_CREDIT,), credited_invoices=("10021",),
        line_total=-base.line_total, tax_exclusive=-base.tax_exclusive,
        tax_inclusive=-base.tax_inclusive, tax_total=-base.tax_total, payable=-base.payable,
        vat=(VatSubtotal("S", D(25), D("-12500.00"), D("-3125.00")),),
        lines=tuple(replace(line, quantity=-line.quantity, net=-line.net) for line in base.lines),
    )  # fmt: skip
    return document, replace(CONFIG, kid=None, notice=NOTICE_CREDIT)


def _zero_invoice() -> tuple[Document, PaperConfig]:
    return invoice(number="10023", prepaid=D("15625.00"), payable=D("0.00")), replace(CONFIG, kid=None)


def _allowances() -> tuple[Document, PaperConfig]:
    document = invoice(
        number="10024",
        lines=(
            _line(1, "Proff slagbormaskin", "2", "EA", "4990", "9481.00", seller_item_id="V-1",
                  note="Ripe i kofferten", allowances=(AllowanceOrCharge(False, "Skade på emballasje", D("499.00")),)),
            _line(2, "Skruer, rustfrie", "500", "C62", "150", "750.00", seller_item_id="V-2",
                  price_base_quantity=D(100), allowances=()),
            _line(3, "Utleie av lift", "1", "MON", "2669", "2769.00", period_start=date(2026, 11, 1),
                  period_end=date(2026, 11, 30), allowances=(AllowanceOrCharge(True, "Miljøgebyr", D("100.00")),)),
        ),
        line_total=D("13000.00"), allowance_total=D("750.00"), charge_total=D("250.00"),
        allowances=(
            AllowanceOrCharge(False, "Avtalekunde 2026", D("750.00"), D(25)),
            AllowanceOrCharge(True, "Frakt", D("250.00"), D(25)),
        ),
    )  # fmt: skip
    return document, CONFIG


def _three_rates() -> tuple[Document, PaperConfig]:
    document = invoice(
        number="10025", buyer_reference="", contract_reference="Rammeavtale 2026/14",
        period_start=date(2026, 11, 1), period_end=date(2026, 11, 30),
        lines=(
            _line(1, "Møterom, dagpakke", "2", "DAY", "2500", "5000.00"),
            _line(2, "Lunsj", "24", "C62", "189", "4536.00", vat_percent=D(15)),
            _line(3, "Overnatting", "3", "C62", "1100", "3300.00", vat_percent=D(12)),
            _line(4, "Kurs i førstehjelp", "1", "LS", "4000", "4000.00", vat_category="E", vat_percent=D(0)),
        ),
        vat=(
            VatSubtotal("S", D(25), D("5000.00"), D("1250.00")),
            VatSubtotal("S", D(15), D("4536.00"), D("680.40")),
            VatSubtotal("S", D(12), D("3300.00"), D("396.00")),
            VatSubtotal("E", D(0), D("4000.00"), D("0.00"), "Undervisning, mval. § 3-5"),
        ),
        line_total=D("16836.00"), tax_exclusive=D("16836.00"), tax_total=D("2326.40"), tax_inclusive=D("19162.40"),
        payable=D("19162.40"),
    )  # fmt: skip
    return document, CONFIG


def _reverse_charge() -> tuple[Document, PaperConfig]:
    document = invoice(
        number="10026",
        lines=(_line(1, "Klimakvoter, EUA", "100", "TNE", "812.5", "81250.00", vat_category="AE", vat_percent=D(0)),),
        vat=(VatSubtotal("AE", D(0), D("81250.00"), D("0.00"), "Reverse charge"),),
        line_total=D("81250.00"), tax_exclusive=D("81250.00"), tax_total=D("0.00"), tax_inclusive=D("81250.00"),
        payable=D("81250.00"),
    )  # fmt: skip
    return document, CONFIG


def _foreign_currency() -> tuple[Document, PaperConfig]:
    buyer = DocumentParty(
        name="Bröderna Öst AB", company=Identifier("5566778899", "0007"), vat_number="SE556677889901",
        address=PostalAddress("Sveavägen 44", "", "111 34", "Stockholm", "SE"), contact_name="Åsa Öst",
    )  # fmt: skip
    document = invoice(
        number="10027", currency="EUR", tax_currency="NOK", tax_total_in_tax_currency=D("36562.50"), buyer=buyer,
        notes=(NOTICE_EN,), payment_terms="Net 14 days.", payment=(PaymentTarget("30", IBAN, KID, "DNBANOKK"),),
        delivery_address=PostalAddress("Sveavägen 44", "", "111 34", "Stockholm", "SE"),
    )  # fmt: skip
    config = replace(
        CONFIG, language="en", notice=NOTICE_EN,
        recipient_lines=("Bröderna Öst AB", "Sveavägen 44", "111 34 STOCKHOLM", "SVERIGE"),
    )  # fmt: skip
    return document, config


def many_lines(count: int) -> Document:
    """`count` lines of 1.25 to `count` times 1.25, with a description on every seventh."""
    lines = tuple(
        _line(n, f"Artikkel nummer {n}", str(n), "EA", "1.25", str(D("1.25") * n), seller_item_id=f"A-{n:05}",
              description="Ekstra beskrivelse som går under navnet" if n % 7 == 0 else "")
        for n in range(1, count + 1)
    )  # fmt: skip
    net = sum((line.net for line in lines), D(0))
    tax = (net / 4).quantize(D("0.01"))
    return invoice(
        number="10028", lines=lines, line_total=net, tax_exclusive=net, tax_total=tax, tax_inclusive=net + tax,
        payable=net + tax, vat=(VatSubtotal("S", D(25), net, tax),),
    )  # fmt: skip


def _long_names() -> tuple[Document, PaperConfig]:
    name = "Interessentskapet for Bærekraftig Gjenbruk av Bygningsmaterialer i Nord-Gudbrandsdalen og Omegn"
    lines = (
        _line(1, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2, "1", "EA",
              "12345678.9", "12345678.90", seller_item_id="EN-SVÆRT-LANG-VARENUMMERKODE-0001"),
        _line(2, "Vare med ukjent enhet", "3", "ZZ-ukjent-enhet", "51440.366667", "154321.10", vat_percent=D("11.11")),
    )  # fmt: skip
    document = invoice(
        number="FAKTURA-2026-AVD-TROMSØ-0000010029",
        seller=replace(SELLER, name=f"{name} – avdeling Tromsø", legal_name=f"{name} SA"),
        buyer=replace(BUYER, name=name, email="x" * 80 + "@example.com"),
        buyer_reference="Prosjekt 4711 / anlegg sør / bestiller Kari Nordmann-Østensjø, telefon 99 88 77 66",
        order_reference="A" * 120,
        lines=lines, line_total=D("12500000.00"), tax_exclusive=D("12500000.00"), tax_total=D("3103564.80"),
        tax_inclusive=D("15603564.80"), payable=D("15603564.80"),
        vat=(VatSubtotal("S", D(25), D("12345678.90"), D("3086419.73")),
             VatSubtotal("S", D("11.11"), D("154321.10"), D("17145.07"))),
    )  # fmt: skip
    config = replace(
        CONFIG, recipient_lines=(name, "c/o Regnskapskontoret Østre Toten og Vestre Slidre Samvirkelag SA",
                                 "Postboks 1234 Sentrum", "2600 LILLEHAMMER"),
    )  # fmt: skip
    return document, config


def _person() -> tuple[Document, PaperConfig]:
    home = PostalAddress("Fjellveien 3 B", "", "9730", "Karasjok")
    buyer = DocumentParty(name="Marit Bjørnsdóttir Šimon", address=home)
    document = invoice(
        number="10030", buyer=buyer, buyer_reference="", order_reference="", delivery_address=None,
        notes=(NOTICE,),
    )  # fmt: skip
    return document, replace(CONFIG, recipient_lines=("Marit Bjørnsdóttir Šimon", "Fjellveien 3 B", "9730 KARASJOK"))


def _rounding() -> tuple[Document, PaperConfig]:
    document = invoice(
        number="10031", prepaid=D("1000.00"), rounding=D("0.22"), tax_total=D("3124.78"), tax_inclusive=D("15624.78"),
        payable=D("14625.00"), vat=(VatSubtotal("S", D(25), D("12500.00"), D("3124.78")),),
    )  # fmt: skip
    return document, CONFIG


def _letters() -> tuple[Document, PaperConfig]:
    lines = (
        _line(1, "Sámi: Čáhci, ŋ ŧ đ ž · Polski: Łódź, zażółć gęślą jaźń", "1", "C62", "100", "100.00"),
        _line(2, "Кириллица: Мурманск · Ελληνικά · Türkçe ğış · Tiếng Việt", "1", "C62", "100", "100.00"),
        _line(3, "עברית (שלום) 123 · العربية · ქართული · 中文 · 🎉 ferdig", "1", "C62", "100", "100.00"),
        _line(4, "<b>fet</b> <img src='/etc/hostname'/> & «sitat» \u202e12345\u202c", "1", "C62", "12200", "12200.00"),
    )
    return invoice(number="10032", lines=lines), CONFIG


GOLDEN: dict[str, Callable[[], tuple[Document, PaperConfig]]] = {
    "invoice": lambda: (invoice(), CONFIG),
    "credit_note": _credit_note,
    "negative_invoice": _negative_invoice,
    "zero_invoice": _zero_invoice,
    "allowances": _allowances,
    "three_vat_rates": _three_rates,
    "reverse_charge": _reverse_charge,
    "foreign_currency": _foreign_currency,
    "250_lines": lambda: (many_lines(250), CONFIG),
    "long_names": _long_names,
    "person": _person,
    "rounding": _rounding,
    "letters": _letters,
}
