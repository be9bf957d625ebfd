"""Norwegian invoices and credit notes as an ERP makes them: Peppol BIS Billing 3 XML from simple values.

Business buyers give valid Peppol documents; private persons give the "EHF-like" kind ERPs hand to a factor, which lacks
the buyer's endpoint. Payment is to the client's own account with the client's own KID, code 31, as ERPs still write it.
Sums and VAT are calculated per rate and rounded half up to øre.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from worker.model.document import Kind
from worker.model.ehf import (
    CAC,
    CBC,
    CREDIT_NOTE_NS,
    CUSTOMIZATION_ID,
    INVOICE_NS,
    NORWEGIAN_SCHEME,
    PROFILE_ID,
    XmlElement,
    etree,
)
from worker.model.party import PostalAddress
from worker.sandbox.ehf_values import (
    BuilderAllowance,
    BuilderAttachment,
    BuilderDelivery,
    BuilderLine,
    BuilderParty,
    rounded,
)

__all__ = [
    "BuilderAllowance", "BuilderAttachment", "BuilderDelivery", "BuilderLine", "BuilderParty", "build_ehf",
]  # fmt: skip

# UNCL5305 as Norway uses it: E exempt, Z outside the VAT Act, AE reverse charge, G export.
_EXEMPTION_REASONS = {
    "E": "Unntatt fra merverdiavgift",
    "AE": "Omvendt avgiftsplikt – Merverdiavgift ikke beregnet",
    "G": "Utførsel av varer og tjenester",
}


def build_ehf(
    *,
    kind: Kind = Kind.INVOICE,
    number: str,
    issue_date: date,
    due_date: date | None,
    seller: BuilderParty,
    buyer: BuilderParty,
    lines: Sequence[BuilderLine],
    client_account: str = "15032080119",
    client_kid: str = "",
    means_code: str = "31",
    bic: str = "",
    note: str = "",
    payment_terms: str = "",
    buyer_reference: str = "Innkjøp",
    order_reference: str = "",
    contract_reference: str = "",
    project_reference: str = "",
    accounting_cost: str = "",
    credited_number: str = "",
    currency: str = "NOK",
    nok_rate: Decimal | None = None,
    allowances: Sequence[BuilderAllowance] = (),
    prepaid: Decimal = Decimal(0),
    rounding: Decimal = Decimal(0),
    delivery: BuilderDelivery | None = None,
    period: tuple[date, date] | None = None,
    payee: BuilderParty | None = None,
    embedded_pdf: bytes | None = None,
    attachments: Sequence[BuilderAttachment] = (),
    type_code: str = "",
) -> bytes:
    """The document's bytes, UTF-8 and indented. The same values give the same bytes.

    `nok_rate`: kroner per unit of another `currency`; adds the VAT in NOK that Norwegian law demands.
    `embedded_pdf`: the ERP's own picture of the invoice. `client_account` empty: no payment means at all.
    """
    invoice = kind is Kind.INVOICE
    namespace, root_name = (INVOICE_NS, "Invoice") if invoice else (CREDIT_NOTE_NS, "CreditNote")
    root = etree.Element(f"{{{namespace}}}{root_name}", nsmap={None: namespace, "cac": CAC, "cbc": CBC})
    w = _Writer(currency)
    w.text(root, "CustomizationID", CUSTOMIZATION_ID)
    w.text(root, "ProfileID", PROFILE_ID)
    w.text(root, "ID", number)
    w.text(root, "IssueDate", issue_date.isoformat())
    if invoice and due_date:
        w.text(root, "DueDate", due_date.isoformat())
    w.text(root, "InvoiceTypeCode" if invoice else "CreditNoteTypeCode", type_code or ("380" if invoice else "381"))
    w.text(root, "Note", note)
    w.text(root, "DocumentCurrencyCode", currency)
    w.text(root, "TaxCurrencyCode", "NOK" if nok_rate is not None else "")
    w.text(root, "AccountingCost", accounting_cost)
    w.text(root, "BuyerReference", buyer_reference)
    if period:
        w.period(root, period)
    w.reference(root, order_reference, "OrderReference")
    w.reference(root, credited_number, "BillingReference", "InvoiceDocumentReference")
    w.reference(root, contract_reference, "ContractDocumentReference")
    own_picture = [] if embedded_pdf is None else [_own_picture(kind, number, embedded_pdf)]
    for attachment in [*own_picture, *attachments]:
        w.attachment(root, attachment)
    if invoice:
        w.reference(root, project_reference, "ProjectReference")
    else:
        w.reference(root, project_reference, "AdditionalDocumentReference", type_code="50")
    w.party(root, "AccountingSupplierParty", seller, is_seller=True)
    w.party(root, "AccountingCustomerParty", buyer, is_seller=False)
    if payee:
        w.payee(root, payee)
    if delivery:
        w.delivery(root, delivery)
    if client_account:
        w.payment_means(root, means_code, client_account, client_kid, bic, due_date=None if invoice else due_date)
    if payment_terms:
        w.text(w.node(root, "PaymentTerms"), "Note", payment_terms)
    for allowance in allowances:
        w.allowance(root, allowance)
    _totals(w, root, lines, allowances, prepaid=prepaid, rounding=rounding, nok_rate=nok_rate)
    for position, line in enumerate(lines, start=1):
        w.line(root, position, line, invoice=invoice)
    etree.indent(root, space="  ")
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def _plain(value: Decimal) -> str:
    """Without exponent and without needless zeros: 25, 11.11, 0.75."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _own_picture(kind: Kind, number: str, pdf: bytes) -> BuilderAttachment:
    word = "Faktura" if kind is Kind.INVOICE else "Kreditnota"
    return BuilderAttachment(number, f"{word}_{number}.pdf", "application/pdf", pdf, f"{word} {number}")


def _totals(
    w: _Writer,
    root: XmlElement,
    lines: Sequence[BuilderLine],
    allowances: Sequence[BuilderAllowance],
    *,
    prepaid: Decimal,
    rounding: Decimal,
    nok_rate: Decimal | None,
) -> None:
    taxable: dict[tuple[str, Decimal], Decimal] = {}
    for line in lines:
        taxable[line.rate] = taxable.get(line.rate, Decimal(0)) + line.net
    for entry in allowances:
        signed = entry.amount if entry.charge else -entry.amount
        taxable[entry.rate] = taxable.get(entry.rate, Decimal(0)) + signed
    taxes = {rate: rounded(amount * rate[1] / 100) for rate, amount in taxable.items()}
    tax = sum(taxes.values(), Decimal(0))
    total = w.node(root, "TaxTotal")
    w.amount(total, "TaxAmount", tax)
    for rate in sorted(taxable, key=lambda found: (-found[1], found[0])):
        subtotal = w.node(total, "TaxSubtotal")
        w.amount(subtotal, "TaxableAmount", taxable[rate])
        w.amount(subtotal, "TaxAmount", taxes[rate])
        w.vat_category(subtotal, "TaxCategory", rate, reason=_EXEMPTION_REASONS.get(rate[0], ""))
    if nok_rate is not None:
        w.amount(w.node(root, "TaxTotal"), "TaxAmount", rounded(tax * nok_rate), currency="NOK")

    line_total = sum((line.net for line in lines), Decimal(0))
    discounts = sum((entry.amount for entry in allowances if not entry.charge), Decimal(0))
    charges = sum((entry.amount for entry in allowances if entry.charge), Decimal(0))
    exclusive = line_total - discounts + charges
    money = w.node(root, "LegalMonetaryTotal")
    w.amount(money, "LineExtensionAmount", line_total)
    w.amount(money, "TaxExclusiveAmount", exclusive)
    w.amount(money, "TaxInclusiveAmount", exclusive + tax)
    for name, amount in (("AllowanceTotalAmount", discounts), ("ChargeTotalAmount", charges),
                         ("PrepaidAmount", prepaid), ("PayableRoundingAmount", rounding)):  # fmt: skip
        if amount:
            w.amount(money, name, amount)
    w.amount(money, "PayableAmount", exclusive + tax - prepaid + rounding)


class _Writer:
    """Writes UBL elements in the order it is called; empty texts are left out (Peppol refuses empty elements)."""

    def __init__(self, currency: str) -> None:
        self.currency = currency

    def node(self, parent: XmlElement, *names: str) -> XmlElement:
        for name in names:
            parent = etree.SubElement(parent, f"{{{CAC}}}{name}")
        return parent

    def text(self, parent: XmlElement, name: str, value: str, **attributes: str) -> None:
        if value:
            etree.SubElement(parent, f"{{{CBC}}}{name}", attributes).text = value

    def amount(self, parent: XmlElement, name: str, value: Decimal, *, currency: str = "") -> None:
        self.text(parent, name, f"{rounded(value):f}", currencyID=currency or self.currency)

    def vat_category(self, parent: XmlElement, name: str, rate: tuple[str, Decimal], *, reason: str = "") -> None:
        category = self.node(parent, name)
        self.text(category, "ID", rate[0])
        self.text(category, "Percent", _plain(rate[1]))
        self.text(category, "TaxExemptionReason", reason)
        self.text(self.node(category, "TaxScheme"), "ID", "VAT")

    def period(self, parent: XmlElement, period: tuple[date, date]) -> None:
        node = self.node(parent, "InvoicePeriod")
        self.text(node, "StartDate", period[0].isoformat())
        self.text(node, "EndDate", period[1].isoformat())

    def attachment(self, root: XmlElement, attachment: BuilderAttachment) -> None:
        reference = self.node(root, "AdditionalDocumentReference")
        self.text(reference, "ID", attachment.reference_id)
        self.text(reference, "DocumentDescription", attachment.description)
        self.text(
            self.node(reference, "Attachment"),
            "EmbeddedDocumentBinaryObject",
            base64.b64encode(attachment.content).decode("ascii"),
            mimeCode=attachment.mime_code,
            filename=attachment.file_name,
        )

    def reference(self, root: XmlElement, number: str, *names: str, type_code: str = "") -> None:
        if number:
            node = self.node(root, *names)
            self.text(node, "ID", number)
            self.text(node, "DocumentTypeCode", type_code)

    def address(self, parent: XmlElement, name: str, address: PostalAddress) -> None:
        node = self.node(parent, name)
        self.text(node, "StreetName", address.line1)
        self.text(node, "AdditionalStreetName", address.line2)
        self.text(node, "CityName", address.city)
        self.text(node, "PostalZone", address.postal_code)
        self.text(self.node(node, "Country"), "IdentificationCode", address.country or "NO")

    def party(self, root: XmlElement, role: str, party: BuilderParty, *, is_seller: bool) -> None:
        number = party.organisation_number
        node = self.node(root, role, "Party")
        self.text(node, "EndpointID", number, schemeID=party.scheme)
        self.text(self.node(node, "PartyName"), "Name", party.name)
        self.address(node, "PostalAddress", party.address)
        if number and party.vat_registered:
            self._tax_scheme(node, party.vat_number or f"NO{number}MVA", "VAT")
        if is_seller and party.in_business_register:
            self._tax_scheme(node, "Foretaksregisteret", "TAX")
        legal = self.node(node, "PartyLegalEntity")
        self.text(legal, "RegistrationName", party.name)
        self.text(legal, "CompanyID", number, schemeID=party.scheme)
        if party.contact or party.phone or party.email:
            contact = self.node(node, "Contact")
            self.text(contact, "Name", party.contact)
            self.text(contact, "Telephone", party.phone)
            self.text(contact, "ElectronicMail", party.email)

    def _tax_scheme(self, party: XmlElement, company: str, scheme: str) -> None:
        node = self.node(party, "PartyTaxScheme")
        self.text(node, "CompanyID", company)
        self.text(self.node(node, "TaxScheme"), "ID", scheme)

    def payee(self, root: XmlElement, payee: BuilderParty) -> None:
        node = self.node(root, "PayeeParty")
        self.text(self.node(node, "PartyName"), "Name", payee.name)
        if payee.organisation_number:
            legal = self.node(node, "PartyLegalEntity")
            self.text(legal, "CompanyID", payee.organisation_number, schemeID=NORWEGIAN_SCHEME)

    def delivery(self, root: XmlElement, delivery: BuilderDelivery) -> None:
        node = self.node(root, "Delivery")
        self.text(node, "ActualDeliveryDate", delivery.day.isoformat() if delivery.day else "")
        if delivery.address:
            self.address(self.node(node, "DeliveryLocation"), "Address", delivery.address)
        if delivery.name:
            self.text(self.node(node, "DeliveryParty", "PartyName"), "Name", delivery.name)

    def payment_means(
        self, root: XmlElement, code: str, account: str, kid: str, bic: str, *, due_date: date | None
    ) -> None:
        means = self.node(root, "PaymentMeans")
        self.text(means, "PaymentMeansCode", code)
        self.text(means, "PaymentDueDate", due_date.isoformat() if due_date else "")
        self.text(means, "PaymentID", kid)
        payee_account = self.node(means, "PayeeFinancialAccount")
        self.text(payee_account, "ID", account)
        if bic:
            self.text(self.node(payee_account, "FinancialInstitutionBranch"), "ID", bic)

    def allowance(self, root: XmlElement, allowance: BuilderAllowance) -> None:
        node = self.node(root, "AllowanceCharge")
        self.text(node, "ChargeIndicator", "true" if allowance.charge else "false")
        self.text(node, "AllowanceChargeReason", allowance.reason)
        self.amount(node, "Amount", allowance.amount)
        self.vat_category(node, "TaxCategory", allowance.rate)

    def line(self, root: XmlElement, position: int, line: BuilderLine, *, invoice: bool) -> None:
        node = self.node(root, "InvoiceLine" if invoice else "CreditNoteLine")
        self.text(node, "ID", str(position))
        self.text(node, "Note", line.note)
        quantity_name = "InvoicedQuantity" if invoice else "CreditedQuantity"
        self.text(node, quantity_name, _plain(line.quantity), unitCode=line.unit)
        self.amount(node, "LineExtensionAmount", line.net)
        if line.period:
            self.period(node, line.period)
        if line.discount_percent:
            discount = self.node(node, "AllowanceCharge")
            self.text(discount, "ChargeIndicator", "false")
            self.text(discount, "AllowanceChargeReason", "Rabatt")
            self.text(discount, "MultiplierFactorNumeric", _plain(line.discount_percent))
            self.amount(discount, "Amount", line.discount)
            self.amount(discount, "BaseAmount", line.discount_base)
        if line.charge:
            charge = self.node(node, "AllowanceCharge")
            self.text(charge, "ChargeIndicator", "true")
            self.text(charge, "AllowanceChargeReason", line.charge_reason)
            self.amount(charge, "Amount", line.charge)
        item = self.node(node, "Item")
        self.text(item, "Description", line.description)
        self.text(item, "Name", line.name)
        if line.item_id:
            self.text(self.node(item, "SellersItemIdentification"), "ID", line.item_id)
        self.vat_category(item, "ClassifiedTaxCategory", line.rate)
        price = self.node(node, "Price")
        self.text(price, "PriceAmount", _plain(line.price), currencyID=self.currency)
        if line.price_base != 1:
            self.text(price, "BaseQuantity", _plain(line.price_base), unitCode=line.unit)
