"""The simple values an invoice is built from: see ehf_builder."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from worker.model.ehf import NORWEGIAN_SCHEME
from worker.model.party import PostalAddress


def rounded(amount: Decimal) -> Decimal:
    """To øre, half up."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class BuilderParty:
    """Seller or buyer. With an organisation number: a business, reachable at it; without: a private person.

    `scheme` and `vat_number` are for companies abroad; a Norwegian VAT number is made from the organisation number.
    """

    name: str
    organisation_number: str = ""
    address: PostalAddress = field(default_factory=PostalAddress)
    vat_registered: bool = True
    in_business_register: bool = True  # Foretaksregisteret: written for the seller
    contact: str = ""
    phone: str = ""
    email: str = ""
    scheme: str = NORWEGIAN_SCHEME
    vat_number: str = ""


@dataclass(frozen=True, slots=True)
class BuilderLine:
    """One line. `price` is for `price_base` units without VAT. `vat_category` empty: S with VAT, E without; Z is
    outside the Act."""

    name: str
    quantity: Decimal = Decimal(1)
    unit: str = "EA"
    price: Decimal = Decimal(0)
    vat_percent: Decimal = Decimal(25)
    vat_category: str = ""
    discount_percent: Decimal = Decimal(0)
    description: str = ""
    note: str = ""
    item_id: str = ""
    price_base: Decimal = Decimal(1)
    charge: Decimal = Decimal(0)
    charge_reason: str = "Gebyr"
    period: tuple[date, date] | None = None

    @property
    def discount_base(self) -> Decimal:
        return rounded(self.quantity * self.price / self.price_base)

    @property
    def discount(self) -> Decimal:
        return rounded(self.discount_base * self.discount_percent / 100)

    @property
    def net(self) -> Decimal:
        return self.discount_base - self.discount + self.charge

    @property
    def rate(self) -> tuple[str, Decimal]:
        return (self.vat_category or ("S" if self.vat_percent else "E"), self.vat_percent)


@dataclass(frozen=True, slots=True)
class BuilderAllowance:
    """A discount, or a charge such as freight, on the whole document."""

    amount: Decimal
    reason: str
    charge: bool = False
    vat_percent: Decimal = Decimal(25)
    vat_category: str = ""

    @property
    def rate(self) -> tuple[str, Decimal]:
        return (self.vat_category or ("S" if self.vat_percent else "E"), self.vat_percent)


@dataclass(frozen=True, slots=True)
class BuilderAttachment:
    """A file to embed."""

    reference_id: str
    file_name: str
    mime_code: str
    content: bytes
    description: str = ""


@dataclass(frozen=True, slots=True)
class BuilderDelivery:
    """When and where it was delivered."""

    day: date | None = None
    address: PostalAddress | None = None
    name: str = ""
