"""Every word the PDF says of its own, in Norwegian and English side by side, and how dates and numbers are written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Literal

from worker.model.money import minor_digits, norwegian
from worker.stamping.pdf.config import PdfError

Language = Literal["nb", "en"]
NBSP = "\u00a0"


class Label(Enum):
    """One table: Norwegian, English."""

    INVOICE = ("Faktura", "Invoice")
    CREDIT_NOTE = ("Kreditnota", "Credit note")
    INVOICE_NUMBER = ("Fakturanummer", "Invoice number")
    CREDIT_NOTE_NUMBER = ("Kreditnotanummer", "Credit note number")
    INVOICE_DATE = ("Fakturadato", "Invoice date")
    CREDIT_NOTE_DATE = ("Kreditnotadato", "Credit note date")
    DUE_DATE = ("Forfallsdato", "Due date")
    CREDITS_INVOICE = ("Gjelder faktura", "Credits invoice")
    REFERS_TO_INVOICE = ("Viser til faktura", "Refers to invoice")
    KID = ("KID", "Payment ref. (KID)")
    ACCOUNT = ("Kontonummer", "Account number")
    NO_DOTS = ("uten punktum: {}", "without dots: {}")
    TO_PAY = ("Å betale", "Amount due")
    NOT_TO_PAY = ("Skal ikke betales", "Do not pay")
    NOT_TO_PAY_CREDIT = (
        "Dette er en kreditnota. Beløpet skal ikke betales.",
        "This is a credit note. The amount is not to be paid.",
    )
    NOT_TO_PAY_NEGATIVE = (
        "Fakturaen er i kjøpers favør. Beløpet skal ikke betales.",
        "The balance of this invoice is in the buyer's favour. The amount is not to be paid.",
    )
    NOT_TO_PAY_ZERO = (
        "Det er ingenting å betale på denne fakturaen.",
        "There is nothing to pay on this invoice.",
    )
    TOTAL_CREDITED = ("Sum kreditert", "Total credited")
    IN_FAVOUR = ("Til gode", "In your favour")
    SELLER = ("Selger", "Seller")
    BUYER = ("Kjøper", "Buyer")
    DELIVERY = ("Levering og referanser", "Delivery and references")
    REFERENCES = ("Referanser", "References")
    ORGANISATION = ("Org.nr.", "Org. no.")
    COMPANY_ID = ("Foretaksnr.", "Company no.")
    VAT_NUMBER = ("Mva-nr.", "VAT no.")
    ATTENTION = ("Kontakt: {}", "Contact: {}")
    PHONE = ("Tlf. {}", "Phone {}")
    DELIVERED = ("Levert", "Delivered")
    DELIVERED_TO = ("Levert til", "Delivered to")
    PERIOD = ("Periode", "Period")
    YOUR_REFERENCE = ("Deres ref.", "Your ref.")
    ORDER = ("Ordrenr.", "Order no.")
    CONTRACT = ("Kontrakt", "Contract")
    PROJECT = ("Prosjekt", "Project")
    ACCOUNTING_COST = ("Kontering", "Cost ref.")
    NOTICE = ("Viktig om betaling", "Important: whom to pay")
    NOTICE_CREDIT = ("Viktig melding", "Important notice")
    ITEM = ("Varenr.", "Item no.")
    DESCRIPTION = ("Beskrivelse", "Description")
    QUANTITY = ("Antall", "Quantity")
    UNIT = ("Enhet", "Unit")
    PRICE = ("Pris", "Price")
    VAT = ("Mva.", "VAT")
    VAT_WITHIN = ("mva.", "VAT")
    AMOUNT_WITHOUT_VAT = ("Beløp eks. mva.", "Amount excl. VAT")
    PER = ("pris per {}", "price per {}")
    ALLOWANCE = ("Rabatt", "Discount")
    CHARGE = ("Tillegg", "Charge")
    CARRIED_FORWARD = ("Overføres til neste side", "Carried forward")
    BROUGHT_FORWARD = ("Overført fra forrige side", "Brought forward")
    NO_LINES = ("Ingen linjer", "No lines")
    VAT_SPECIFICATION = ("Merverdiavgift ({})", "Value added tax ({})")
    VAT_BASIS = ("Grunnlag", "Basis")
    VAT_AMOUNT = ("Mva.", "VAT")
    VAT_SUM = ("Sum", "Total")
    VAT_IN = ("Sum mva. i {}", "Total VAT in {}")
    LINE_TOTAL = ("Sum linjer", "Sum of lines")
    NET_TOTAL = ("Sum eks. mva.", "Total excl. VAT")
    VAT_TOTAL = ("Mva.", "VAT")
    GROSS_TOTAL = ("Sum inkl. mva.", "Total incl. VAT")
    PREPAID = ("Forhåndsbetalt", "Prepaid")
    ROUNDING = ("Avrunding", "Rounding")
    TERMS = ("Betalingsbetingelser", "Payment terms")
    MESSAGE = ("Melding", "Message")
    PAYMENT = ("Betalingsinformasjon", "Payment details")
    PAY_TO = ("Betales til", "Pay to")
    AMOUNT = ("Beløp", "Amount")
    MARK_PAYMENT = ("Merk betalingen", "Payment reference")
    IBAN = ("IBAN", "IBAN")
    BIC = ("BIC/SWIFT", "BIC/SWIFT")
    PAGE = ("Side {} av {}", "Page {} of {}")


# VAT categories other than S (UNCL5305). E, Z, K and G are always 0 % in Norway; the AE wording is the regulation's own
# (bokføringsforskriften § 5-1-1 nr 7).
_VAT_CATEGORY = {
    "E": ("Fritatt for mva.", "Exempt from VAT"),
    "Z": ("Nullsats / utenfor mva-loven", "Zero rated"),
    "AE": ("Omvendt avgiftsplikt", "Reverse charge"),
    "K": ("Uten mva. (K)", "Without VAT (K)"),
    "G": ("Eksport, uten mva.", "Export, without VAT"),
    "O": ("Utenfor mva-området", "Outside the scope of VAT"),
}
REVERSE_CHARGE = (
    "Omvendt avgiftsplikt – Merverdiavgift ikke beregnet",
    "Reverse charge – VAT not calculated (Omvendt avgiftsplikt – Merverdiavgift ikke beregnet)",
)
# By their look alone: whether the check digit is right is intake's question, and the paper shows what the XML says.
_NORWEGIAN_VAT = re.compile(r"(?:NO)?(\d{9})MVA")
_NORWEGIAN_COMPANY = re.compile(r"\d{9}")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Texts:
    """Words, dates and numbers of one language."""

    language: Language

    def __call__(self, label: Label, *values: str) -> str:
        text = label.value[self._column]
        return text.format(*values) if values else text

    @property
    def _column(self) -> int:
        return 0 if self.language == "nb" else 1

    def day(self, value: date) -> str:
        """`31.12.2026`, or `31 December 2026` so that no reader can swap day and month."""
        if self.language == "nb":
            return f"{value:%d.%m.%Y}"
        return f"{value.day}{NBSP}{_MONTHS[value.month - 1]}{NBSP}{value.year}"

    def period(self, start: date | None, end: date | None) -> str:
        """`01.06.2026–30.06.2026`; one end open is `01.06.2026–`; empty when neither is given."""
        if start is None and end is None:
            return ""
        if start == end and start is not None:
            return self.day(start)
        dash = "–" if self.language == "nb" else " – "
        return f"{self.day(start) if start else ''}{dash}{self.day(end) if end else ''}".strip()

    def amount(self, value: Decimal, currency: str) -> str:
        """With the currency's decimals, more when the document states more; never rounded. Raises PdfError."""
        return self.number(value, at_least=minor_digits(currency))

    def number(self, value: Decimal, *, at_least: int = 0) -> str:
        """`12 500,00` with no-break spaces, or `12,500.00`. Raises PdfError on what no document can mean."""
        if not value.is_finite():
            raise PdfError("an amount is not a finite number")
        if not value:
            value = Decimal(0)
        _, figures, exponent = value.as_tuple()
        if value.adjusted() > 17 or not isinstance(exponent, int) or exponent < -12:
            raise PdfError("an amount is too large or has too many decimals to be drawn")
        digits = "".join(map(str, figures))
        decimals = max(at_least, -exponent - (len(digits) - len(digits.rstrip("0"))))
        if self.language == "nb":
            return norwegian(value, decimals=decimals)
        return f"{value:,.{decimals}f}"

    def percent(self, value: Decimal | None) -> str:
        return "–" if value is None else f"{self.number(value)}{NBSP}%"

    def vat_name(self, category: str, percent: Decimal | None) -> str:
        """What a VAT category is called. An unknown category is shown by its code."""
        if category in _VAT_CATEGORY:
            return _VAT_CATEGORY[category][self._column]
        rate = self.percent(percent)
        return rate if category in ("S", "") else f"{rate} ({category})"

    @property
    def reverse_charge(self) -> str:
        return REVERSE_CHARGE[self._column]

    def vat_registered(self, number: str) -> str:
        """A seller's VAT number: `Org.nr. 987 654 325 MVA` (§ 5-1-2), a foreign one as it stands."""
        found = _NORWEGIAN_VAT.fullmatch("".join(number.split()).upper())
        if found:
            return f"{self(Label.ORGANISATION)} {group(found[1], 3, 3, 3)}{NBSP}MVA"
        return f"{self(Label.VAT_NUMBER)} {number}"

    def company(self, number: str) -> str:
        """A company's number: `Org.nr. 987 654 325`, a foreign one as it stands."""
        bare = "".join(number.split())
        if _NORWEGIAN_COMPANY.fullmatch(bare):
            return f"{self(Label.ORGANISATION)} {group(bare, 3, 3, 3)}"
        return f"{self(Label.COMPANY_ID)} {number}"


def group(text: str, *sizes: int, sign: str = NBSP) -> str:
    """The text in groups of the sizes, what is left over as a last group: `1234.56.78903`."""
    parts: list[str] = []
    start = 0
    for size in sizes:
        parts.append(text[start : start + size])
        start += size
    parts.append(text[start:])
    return sign.join(p for p in parts if p)


def account(number: str) -> str:
    """A Norwegian account as people read it: `1234.56.78903`."""
    return group(number, 4, 2, 5, sign=".")


def iban(number: str) -> str:
    """An IBAN in fours."""
    bare = "".join(number.split()).upper()
    return group(bare, *[4] * (len(bare) // 4))
