"""An invoice or credit note as its EHF document states it: every value the worker checks, stamps, routes on or draws.

Read by model.ehf from bytes; plain values afterwards. Amounts keep the document's decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from worker.model.party import PostalAddress


class Kind(StrEnum):
    """What the document is, by its root element. A negative invoice stays an invoice here; see `is_credit`."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


@dataclass(frozen=True, slots=True)
class Identifier:
    """An id with its scheme (`0192` = Norwegian organisation number); scheme empty when not given."""

    value: str
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class DocumentParty:
    """Seller or buyer as the document states it."""

    name: str
    legal_name: str = ""
    endpoint: Identifier | None = None
    company: Identifier | None = None
    vat_number: str = ""
    tax_registrations: tuple[str, ...] = ()  # e.g. ("Foretaksregisteret",)
    identifiers: tuple[Identifier, ...] = ()
    address: PostalAddress = field(default_factory=PostalAddress)
    contact_name: str = ""
    phone: str = ""
    email: str = ""

    @property
    def display_name(self) -> str:
        return self.name or self.legal_name


@dataclass(frozen=True, slots=True)
class PaymentTarget:
    """One PaymentMeans: where the document asks for payment."""

    means_code: str
    account: str = ""
    kid: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True)
class AllowanceOrCharge:
    """A discount (`charge` False) or a surcharge, on the document or on a line."""

    charge: bool
    reason: str
    amount: Decimal
    vat_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """One line. `net` is after line allowances and charges, without VAT."""

    line_id: str
    name: str
    description: str = ""
    note: str = ""
    seller_item_id: str = ""
    quantity: Decimal = Decimal(0)
    unit_code: str = ""
    unit_price: Decimal | None = None
    price_base_quantity: Decimal | None = None
    net: Decimal = Decimal(0)
    vat_category: str = ""
    vat_percent: Decimal | None = None
    allowances: tuple[AllowanceOrCharge, ...] = ()
    period_start: date | None = None
    period_end: date | None = None


@dataclass(frozen=True, slots=True)
class VatSubtotal:
    """VAT per category and rate, in the document's currency."""

    category: str
    percent: Decimal | None
    taxable: Decimal
    tax: Decimal
    exemption_reason: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """An AdditionalDocumentReference that embeds a file. `position` counts all such references from 0."""

    position: int
    reference_id: str
    description: str
    file_name: str
    mime_code: str
    size: int


@dataclass(frozen=True, slots=True)
class Document:
    """The whole document."""

    kind: Kind
    customization_id: str
    profile_id: str
    number: str
    type_code: str
    issue_date: date
    due_date: date | None
    currency: str
    seller: DocumentParty
    buyer: DocumentParty
    payee_name: str = ""
    payee_ids: tuple[Identifier, ...] = ()
    notes: tuple[str, ...] = ()
    payment_terms: str = ""
    payment: tuple[PaymentTarget, ...] = ()
    buyer_reference: str = ""
    order_reference: str = ""
    contract_reference: str = ""
    project_reference: str = ""
    accounting_cost: str = ""  # how the buyer books it, as the buyer asked to have it stated
    credited_invoices: tuple[str, ...] = ()
    delivery_date: date | None = None
    delivery_address: PostalAddress | None = None
    delivery_name: str = ""
    period_start: date | None = None
    period_end: date | None = None
    line_total: Decimal = Decimal(0)
    allowance_total: Decimal = Decimal(0)
    charge_total: Decimal = Decimal(0)
    tax_exclusive: Decimal = Decimal(0)
    tax_inclusive: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    tax_currency: str = ""  # when VAT is also stated in another currency
    tax_total_in_tax_currency: Decimal | None = None
    prepaid: Decimal = Decimal(0)
    rounding: Decimal = Decimal(0)
    payable: Decimal = Decimal(0)
    vat: tuple[VatSubtotal, ...] = ()
    allowances: tuple[AllowanceOrCharge, ...] = ()
    lines: tuple[DocumentLine, ...] = ()
    attachments: tuple[Attachment, ...] = field(default=())

    @property
    def is_credit(self) -> bool:
        """True when nothing is to be paid: a credit note, or an invoice with zero or negative payable amount.

        A negative invoice is a legal credit in Peppol BIS 3 (guide, "negative invoices").
        """
        return self.kind is Kind.CREDIT_NOTE or self.payable <= 0


def pdf_file_name(kind: Kind, number: str) -> str:
    """`faktura-10045.pdf` or `kreditnota-77.pdf`; what is no letter, digit, `-` or `_` in the number becomes `_`.

    The ERP tells the file type by the ending (PowerOffice, FactoringInvoiceDocumentationFile).
    """
    safe = "".join(sign if sign.isalnum() or sign in "-_" else "_" for sign in number)[:60]
    return f"{'kreditnota' if kind is Kind.CREDIT_NOTE else 'faktura'}-{safe}.pdf"
