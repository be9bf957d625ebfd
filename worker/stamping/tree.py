"""Putting elements into a UBL header and taking them out, so that everything else stays as it was."""

from __future__ import annotations

from typing import Final

from worker.model.document import Kind
from worker.model.ehf import CAC, CBC, NAMESPACES, ROOTS, XmlElement, etree

# UBL 2.1 schema order from the first element we insert to the end of the header, whether Peppol uses them or not.
_ORDER: Final[dict[Kind, str]] = {
    Kind.INVOICE: """
        cbc:Note cbc:TaxPointDate cbc:DocumentCurrencyCode cbc:TaxCurrencyCode cbc:PricingCurrencyCode
        cbc:PaymentCurrencyCode cbc:PaymentAlternativeCurrencyCode cbc:AccountingCostCode cbc:AccountingCost
        cbc:LineCountNumeric cbc:BuyerReference cac:InvoicePeriod cac:OrderReference cac:BillingReference
        cac:DespatchDocumentReference cac:ReceiptDocumentReference cac:StatementDocumentReference
        cac:OriginatorDocumentReference cac:ContractDocumentReference cac:AdditionalDocumentReference
        cac:ProjectReference cac:Signature cac:AccountingSupplierParty cac:AccountingCustomerParty cac:PayeeParty
        cac:BuyerCustomerParty cac:SellerSupplierParty cac:TaxRepresentativeParty cac:Delivery cac:DeliveryTerms
        cac:PaymentMeans cac:PaymentTerms cac:PrepaidPayment cac:AllowanceCharge cac:TaxExchangeRate
        cac:PricingExchangeRate cac:PaymentExchangeRate cac:PaymentAlternativeExchangeRate cac:TaxTotal
        cac:WithholdingTaxTotal cac:LegalMonetaryTotal cac:InvoiceLine
    """,
    Kind.CREDIT_NOTE: """
        cbc:Note cbc:DocumentCurrencyCode cbc:TaxCurrencyCode cbc:PricingCurrencyCode cbc:PaymentCurrencyCode
        cbc:PaymentAlternativeCurrencyCode cbc:AccountingCostCode cbc:AccountingCost cbc:LineCountNumeric
        cbc:BuyerReference cac:InvoicePeriod cac:DiscrepancyResponse cac:OrderReference cac:BillingReference
        cac:DespatchDocumentReference cac:ReceiptDocumentReference cac:ContractDocumentReference
        cac:AdditionalDocumentReference cac:StatementDocumentReference cac:OriginatorDocumentReference cac:Signature
        cac:AccountingSupplierParty cac:AccountingCustomerParty cac:PayeeParty cac:BuyerCustomerParty
        cac:SellerSupplierParty cac:TaxRepresentativeParty cac:Delivery cac:DeliveryTerms cac:PaymentMeans
        cac:PaymentTerms cac:TaxExchangeRate cac:PricingExchangeRate cac:PaymentExchangeRate
        cac:PaymentAlternativeExchangeRate cac:AllowanceCharge cac:TaxTotal cac:LegalMonetaryTotal
        cac:CreditNoteLine
    """,
}


def insert_in_order(root: XmlElement, element: XmlElement) -> None:
    """Put `element` where the UBL schema wants it, whichever of its neighbours are there."""
    order = [_tag(name) for name in _ORDER[ROOTS[root.tag]].split()]
    following = set(order[order.index(element.tag) + 1 :])
    successor = next((child for child in root if child.tag in following), None)
    if successor is None:
        before = root[-1].tail if len(root) else root.text
        root.append(element)
    else:
        previous = successor.getprevious()
        before = root.text if previous is None else previous.tail
        successor.addprevious(element)
    # Indent as the neighbours are: for people who read the file. Only blanks are ever added.
    element.tail = before if before and not before.strip() else None


def remove(element: XmlElement) -> None:
    """Take `element` away together with the blanks after it; text after it, which UBL does not have, stays."""
    tail = element.tail
    parent, previous = element.getparent(), element.getprevious()
    if tail and tail.strip():
        if previous is None:
            parent.text = (parent.text or "") + tail
        else:
            previous.tail = (previous.tail or "") + tail
    parent.remove(element)


def cac(name: str, *children: XmlElement) -> XmlElement:
    """An aggregate element."""
    element = etree.Element(f"{{{CAC}}}{name}", nsmap={"cac": CAC, "cbc": CBC})
    element.extend(children)
    return element


def cbc(name: str, text: str, **attributes: str) -> XmlElement:
    """A basic element."""
    element = etree.Element(f"{{{CBC}}}{name}", attributes, nsmap={"cac": CAC, "cbc": CBC})
    element.text = text
    return element


def _tag(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
