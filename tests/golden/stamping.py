"""The golden set from end to end: what an ERP made, stamped, and drawn from the stamped XML, for every kind."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal as D

from tests.golden.files import pdf
from worker.model.document import Kind
from worker.model.ehf import read_document
from worker.model.kid import KidLayout
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import (
    BuilderAllowance,
    BuilderAttachment,
    BuilderDelivery,
    BuilderLine,
    BuilderParty,
    build_ehf,
)
from worker.stamping.notice import NoticeTemplates, NoticeValues, language_for
from worker.stamping.pdf import PaperConfig, draw
from worker.stamping.proof import prove
from worker.stamping.recipient import recipient_lines
from worker.stamping.ubl import EmbeddedInvoice, PaymentAccount, StampConfig, stamp

OLD_ACCOUNT = "15032080119"
LAYOUT = KidLayout.parse("9 client:4 invoice:8 00", algorithm="MOD10")
SELLER = BuilderParty(
    "Nordlys Elektro AS", "923609016", PostalAddress("Industriveien 4", "", "9020", "Tromsdalen", "NO"),
    contact="Ærlend Ås", phone="77 60 12 34", email="faktura@nordlys-elektro.example",
)  # fmt: skip
BUYER = BuilderParty(
    "Bakeriet på Hjørnet AS", "974760673", PostalAddress("Storgata 12", "Bakgården", "0184", "Oslo", "NO"),
    contact="Kari Nordmann",
)  # fmt: skip
ABROAD = BuilderParty(
    "Bröderna Öst AB", "5567321707", PostalAddress("Sveavägen 44", "", "111 34", "Stockholm", "SE"),
    contact="Åsa Öst", scheme="0007", vat_number="SE556732170701",
)  # fmt: skip
LINES = (
    BuilderLine("Elektriker, montering", D(8), "HUR", D(950), item_id="T-100",
                description="Montering av ny sikring og stikkontakter i bakerommet"),
    BuilderLine("Stikkontakt, dobbel, utvendig", D(6), "EA", D("389.50"), item_id="EL-4410"),
    BuilderLine("Kabel PN 3×2,5 mm²", D("85.5"), "MTR", D("29.97"), item_id="EL-0025"),
)  # fmt: skip


@dataclass(frozen=True)
class Golden:
    """One document as the ERP made it, and how it is stamped and drawn."""

    original: bytes
    stamping: StampConfig
    language: str = "auto"

    def stamped(self) -> bytes:
        """Stamped and proven."""
        xml = stamp(self.original, self.stamping).xml
        prove(self.original, xml, self.stamping)
        return xml

    def drawn(self) -> bytes:
        """The PDF, from the stamped XML alone."""
        document = read_document(self.stamped())
        config, country = self.stamping, document.buyer.address.country
        return draw(
            document,
            PaperConfig(
                factor_name=config.factor_name,
                factor_organisation_number=config.factor_organisation_number,
                factor_account=config.account,
                factor_iban=config.iban,
                factor_bic=config.bic,
                kid=config.kid,
                notice=config.notice,
                language=language_for(country, self.language),
                recipient_lines=recipient_lines(document, PostalAddress()),
                return_address="Retur: Nordlys Elektro AS, Industriveien 4, 9020 Tromsdalen",
            ),
        ).content


def _made(
    number: str, *, kid: bool = True, config: dict[str, object] | None = None, **changes: object
) -> Golden:  # fmt: skip
    values: dict[str, object] = {
        "number": number,
        "issue_date": date(2026, 11, 20),
        "due_date": date(2026, 12, 4),
        "seller": SELLER,
        "buyer": BUYER,
        "lines": LINES,
        "client_account": OLD_ACCOUNT,
        "client_kid": "998877665",
        "note": "Takk for oppdraget! Vi ringer i uke 48 for å avtale kontroll av anlegget.",
        "payment_terms": "Netto 14 dager. Ved forsinket betaling beregnes rente etter forsinkelsesrenteloven.",
        "buyer_reference": "Kari Nordmann",
        "order_reference": "PO-7781",
        "delivery": BuilderDelivery(date(2026, 11, 18), BUYER.address),
        **changes,
    }
    original = build_ehf(**values)  # pyright: ignore[reportArgumentType]
    document = read_document(original)
    own_kid = LAYOUT.make(client="1234", debtor="1", invoice=number) if kid else ""
    factor = NoticeValues(
        factor="Fjordfaktor AS", factor_organisation_number="999999999", account="86011117947",
        iban="NO9386011117947", bic="DNBANOKK", kid=own_kid, client=SELLER.name,
        contact="kundeservice@fjordfaktor.example",
    )  # fmt: skip
    notice = NoticeTemplates().render(
        credit=document.is_credit, language=language_for(document.buyer.address.country), values=factor
    )
    stamping = StampConfig(
        factor_name=factor.factor, factor_organisation_number=factor.factor_organisation_number,
        account=factor.account, iban=factor.iban, bic=factor.bic, kid=own_kid or None, notice=notice.text,
    )  # fmt: skip
    return Golden(original, replace(stamping, **(config or {})))  # pyright: ignore[reportArgumentType]


def _credit_note() -> Golden:
    return _made("20007", kid=False, kind=Kind.CREDIT_NOTE, credited_number="10021", payment_terms="",
                 project_reference="Kursuke Tromsø")  # fmt: skip


def _negative_invoice() -> Golden:
    lines = tuple(replace(line, quantity=-line.quantity) for line in LINES)
    return _made("10022", kid=False, lines=lines, credited_number="10021", payment_terms="")


def _allowances() -> Golden:
    month = (date(2026, 11, 1), date(2026, 11, 30))
    return _made(
        "10024",
        lines=(
            BuilderLine("Proff slagbormaskin", D(2), "EA", D(4990), discount_percent=D(5), item_id="V-1",
                        note="Ripe i kofferten"),
            BuilderLine("Skruer, rustfrie", D(500), "C62", D(150), price_base=D(100), item_id="V-2"),
            BuilderLine("Utleie av lift", D(1), "MON", D(2669), charge=D(100), charge_reason="Miljøgebyr",
                        period=month),
        ),
        allowances=(
            BuilderAllowance(D(750), "Avtalekunde 2026"), BuilderAllowance(D(250), "Frakt", charge=True),
        ),
        period=month,
    )  # fmt: skip


def _three_rates() -> Golden:
    return _made(
        "10025",
        lines=(
            BuilderLine("Møterom, dagpakke", D(2), "DAY", D(2500)),
            BuilderLine("Lunsj", D(24), "C62", D(189), D(15)),
            BuilderLine("Overnatting", D(3), "C62", D(1100), D(12)),
            BuilderLine("Kurs i førstehjelp", D(1), "LS", D(4000), D(0)),
        ),
        contract_reference="Rammeavtale 2026/14",
        project_reference="Kursuke Tromsø",
        accounting_cost="6860-120",
        period=(date(2026, 11, 1), date(2026, 11, 30)),
    )


def _reverse_charge() -> Golden:
    return _made("10026", lines=(BuilderLine("Klimakvoter, EUA", D(100), "TNE", D("812.5"), D(0), "AE"),))


def _foreign_currency() -> Golden:
    return _made(
        "10027", buyer=ABROAD, currency="EUR", nok_rate=D("11.73"), payment_terms="Net 14 days.",
        buyer_reference="Åsa Öst", note="", delivery=BuilderDelivery(date(2026, 11, 18), ABROAD.address),
        config={"payment_account": PaymentAccount.IBAN_ABROAD},
    )  # fmt: skip


def _250_lines() -> Golden:
    lines = tuple(
        BuilderLine(f"Artikkel nummer {n}", D(n), "EA", D("1.25"), item_id=f"A-{n:05}",
                    description="Ekstra beskrivelse som går under navnet" if n % 7 == 0 else "")
        for n in range(1, 251)
    )  # fmt: skip
    return _made("10028", lines=lines)


def _long_names() -> Golden:
    name = "Interessentskapet for Bærekraftig Gjenbruk av Bygningsmaterialer i Nord-Gudbrandsdalen og Omegn"
    address = PostalAddress("c/o Regnskapskontoret Østre Toten og Vestre Slidre Samvirkelag SA",
                            "Postboks 1234 Sentrum", "2600", "Lillehammer", "NO")  # fmt: skip
    return _made(
        "10029",
        seller=replace(SELLER, name=f"{name} – avdeling Tromsø", email="x" * 60 + "@example.com"),
        buyer=replace(BUYER, name=name, address=address),
        buyer_reference="Prosjekt 4711 / anlegg sør / bestiller Kari Nordmann-Østensjø, telefon 99 88 77 66",
        order_reference="A" * 120,
        lines=(
            BuilderLine("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2,
                        D(1), "EA", D("12345678.9"), item_id="EN-SVÆRT-LANG-VARENUMMERKODE-0001"),
            BuilderLine("Sámi: Čáhci, ŋ ŧ đ ž · Polski: zażółć gęślą jaźń · Кириллица: Мурманск", D(3), "XPX",
                        D("51440.37"), D("11.11")),
        ),
    )  # fmt: skip


def _person() -> Golden:
    home = PostalAddress("Fjellveien 3 B", "", "9730", "Karasjok", "NO")
    person = BuilderParty("Marit Bjørnsdóttir Šimon", address=home)
    return _made("10030", buyer=person, buyer_reference="", order_reference="", delivery=None)


def _rounding() -> Golden:
    lines = (*LINES, BuilderLine("Småmateriell", D(1), "EA", D("17.33")))
    return _made("10031", lines=lines, prepaid=D("1000.00"), rounding=D("0.22"))


def _embedded_copy() -> Golden:
    picture = pdf("Faktura 10032", "Betales til konto 1503 20 80119")
    hours = BuilderAttachment("Timeliste", "timer.csv", "text/csv", b"dag;timer\n18.11.2026;8\n", "Timeliste uke 47")
    return _made("10032", embedded_pdf=picture, attachments=(hours,), config={"embedded_invoice": EmbeddedInvoice.DROP})


STAMPED: dict[str, Callable[[], Golden]] = {
    "invoice": lambda: _made("10021"),
    "credit_note": _credit_note,
    "negative_invoice": _negative_invoice,
    "allowances": _allowances,
    "three_vat_rates": _three_rates,
    "reverse_charge": _reverse_charge,
    "foreign_currency": _foreign_currency,
    "250_lines": _250_lines,
    "long_names": _long_names,
    "person": _person,
    "rounding": _rounding,
    "embedded_copy": _embedded_copy,
}
# A private person's document is only ever a source: it lacks the buyer's endpoint that Peppol demands.
NOT_FOR_PEPPOL = frozenset({"person"})


def shortened(text: str, *, head: int = 170, tail: int = 70) -> str:
    """The text; a long one as its first and last lines and the SHA-256 of all of it."""
    lines = text.splitlines(keepends=True)
    if len(lines) <= 600:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()
    return "".join([*lines[:head], f"… {len(lines)} lines in all, SHA-256 {digest} …\n", *lines[-tail:]])
