"""Valid Peppol BIS Billing 3 documents of every kind, as an ERP makes them, and how each is stamped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal as D
from typing import Any

from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.sandbox.ehf_builder import (
    BuilderAllowance,
    BuilderAttachment,
    BuilderDelivery,
    BuilderLine,
    BuilderParty,
    build_ehf,
)
from worker.stamping.ubl import PaymentAccount, StampConfig

ISSUED, DUE = date(2026, 11, 20), date(2026, 12, 4)
SELLER = BuilderParty(
    "Nordlys Elektro AS", "923609016", PostalAddress("Industriveien 4", "", "9020", "Tromsdalen", "NO"),
    contact="Ærlend Ås", phone="77601234", email="faktura@nordlys-elektro.example",
)  # fmt: skip
BUYER = BuilderParty(
    "Bakeriet på Hjørnet AS", "974760673", PostalAddress("Storgata 12", "Bakgården", "0184", "Oslo", "NO")
)
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

FACTORED = StampConfig(
    factor_name="Fjordfaktor AS",
    factor_organisation_number="987654325",
    account="12345678903",
    kid="001000010021006",
    notice="Fordringen er overdratt til Fjordfaktor AS, org.nr. 987 654 325. Betal til konto 1234.56.78903.",
)
FACTORED_CREDIT = StampConfig(
    factor_name="Fjordfaktor AS",
    factor_organisation_number="987654325",
    account="12345678903",
    notice="Fordringen som krediteres, er overdratt til Fjordfaktor AS. Det er ingenting å betale.",
)
FACTORED_BY_IBAN = StampConfig(
    factor_name="Fjordfaktor AS",
    factor_organisation_number="987654325",
    account="12345678903",
    iban="NO7112345678903",
    bic="DNBANOKK",
    payment_account=PaymentAccount.IBAN,
    kid="001000010021006",
    notice="The claim has been assigned to Fjordfaktor AS. Pay to NO71 1234 5678 903.",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One document and the stamp it gets."""

    kind: Kind
    xml: bytes
    stamp: StampConfig


def _built(*, stamp: StampConfig = FACTORED, **changes: Any) -> Sample:
    values: dict[str, Any] = {
        "kind": Kind.INVOICE, "number": "10021", "issue_date": ISSUED, "due_date": DUE, "seller": SELLER,
        "buyer": BUYER, "client_kid": "998877665",
        "lines": [BuilderLine("Elektriker, montering", D(8), "HUR", D(950)),
                  BuilderLine("Kabel PN 3×2,5 mm²", D("85.5"), "MTR", D("29.976608"), item_id="EL-0025")],
        **changes,
    }  # fmt: skip
    return Sample(values["kind"], build_ehf(**values), stamp)


def many_lines(count: int) -> Sample:
    """An invoice of `count` different lines, with a description on every seventh."""
    lines = [
        BuilderLine(
            f"Artikkel nummer {n}", D(n), "EA", D("1.25"), item_id=f"A-{n:05}",
            description="Ekstra beskrivelse som går under navnet" if n % 7 == 0 else "",
        )
        for n in range(1, count + 1)
    ]  # fmt: skip
    return _built(number="10028", lines=lines)


def _full() -> Sample:
    return _built(
        note="Takk for oppdraget!", payment_terms="Netto 14 dager.", order_reference="PO-7781",
        contract_reference="Rammeavtale 2026/14", period=(date(2026, 11, 1), date(2026, 11, 30)),
        delivery=BuilderDelivery(date(2026, 11, 18), BUYER.address, "Bakeriet, bakrommet"),
        attachments=[BuilderAttachment("timer", "timer.csv", "text/csv", b"dag;timer\n47;8\n", "Timeliste uke 47")],
        embedded_pdf=PDF,
    )  # fmt: skip


def _allowances() -> Sample:
    return _built(
        number="10024", prepaid=D("1000.00"), rounding=D("0.25"),
        lines=[BuilderLine("Slagbormaskin", D(2), "EA", D(4990), discount_percent=D(5), note="Ripe i kofferten"),
               BuilderLine("Skruer, rustfrie", D(500), "C62", D("1.5"))],
        allowances=[BuilderAllowance(D("750.00"), "Avtalekunde 2026"), BuilderAllowance(D("250.00"), "Frakt", True)],
    )  # fmt: skip


def _rates() -> Sample:
    return _built(
        number="10025",
        lines=[BuilderLine("Møterom, dagpakke", D(2), "DAY", D(2500)),
               BuilderLine("Lunsj", D(24), "C62", D(189), D(15)),
               BuilderLine("Overnatting", D(3), "C62", D(1100), D(12)),
               BuilderLine("Kurs i førstehjelp", D(1), "LS", D(4000), D(0))],
    )  # fmt: skip


def _foreign_currency() -> Sample:
    buyer = BuilderParty(
        "Hansa Handels GmbH", "974760673", PostalAddress("Hafenstraße 7", "", "20457", "Hamburg", "DE"),
        vat_registered=False,
    )  # fmt: skip
    return _built(number="10027", currency="EUR", nok_rate=D("11.70"), buyer=buyer, stamp=FACTORED_BY_IBAN)


SAMPLES: dict[str, Callable[[], Sample]] = {
    "invoice": _built,
    "everything": _full,
    "credit_note": lambda: _built(
        kind=Kind.CREDIT_NOTE, number="20007", credited_number="10021", client_kid="", stamp=FACTORED_CREDIT
    ),
    "credit_note_with_due_date_and_kid": lambda: _built(
        kind=Kind.CREDIT_NOTE, number="20008", credited_number="10021", note="Retur", period=(ISSUED, DUE)
    ),
    "negative_invoice": lambda: _built(
        number="10022", credited_number="10021", lines=[BuilderLine("Retur", D(-2), "EA", D(100))],
        stamp=FACTORED_CREDIT,
    ),
    "allowances": _allowances,
    "three_vat_rates": _rates,
    "reverse_charge": lambda: _built(
        number="10026", lines=[BuilderLine("Klimakvoter", D(100), "TNE", D("812.5"), D(0), "AE")]
    ),
    "export": lambda: _built(number="10033", lines=[BuilderLine("Laks", D(100), "KGM", D("81.5"), D(0), "G")]),
    "outside_the_act": lambda: _built(
        number="10034", lines=[BuilderLine("Husleie", D(1), "MON", D(9000), D(0), "Z")]
    ),
    "foreign_currency": _foreign_currency,
    "rounding": lambda: _built(
        number="10031", rounding=D("0.22"), lines=[BuilderLine("Kaffe", D(3), "C62", D("33.27"), D(15))]
    ),
    "250_lines": lambda: many_lines(250),
}  # fmt: skip
