"""A parsed EHF → Document. Reads every BIS Billing 3 invoice and credit note, and the ERP's "EHF-like" documents for
private persons, which lack what Peppol demands of a business.

Demanded: number, issue date, currency, seller's and buyer's name, the amount to pay. What else is there must be
readable; what is absent or empty is left at its default.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import cache

from worker.model.document import (
    AllowanceOrCharge,
    Attachment,
    Document,
    DocumentLine,
    DocumentParty,
    Identifier,
    Kind,
    PaymentTarget,
    VatSubtotal,
)
from worker.model.ehf.ids import (
    CREDIT_NOTE_TYPE_CODES,
    NAMESPACES,
    ROOTS,
    SELF_BILLED_TYPE_CODES,
)
from worker.model.ehf.parse import DocumentError, XmlElement, parse, text_of, unreadable
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress, company_id

# xsd:decimal, with a length no honest amount reaches: sums stay exact and nothing is read as 1e9999.
_DECIMAL = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,12})?|\.\d{1,12})")
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:Z|[+-]\d{2}:\d{2})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


def read_document(content: bytes) -> Document:
    """Everything the document says. Raises DocumentError with the reason to park it under."""
    return _document(parse(content))


def seller_company_id(document: Document) -> str | None:
    """Who the seller is, comparable with `party.company_id`: the legal entity's id, else the VAT number, else the
    electronic address, else another identifier. None when the document does not say."""
    seller = document.seller
    stated = [
        seller.company.value if seller.company else "",
        seller.vat_number,
        seller.endpoint.value if seller.endpoint else "",
        *(identifier.value for identifier in seller.identifiers),
    ]
    return next((found for found in map(company_id, stated) if found), None)


@cache
def _path(short: str) -> str:
    """`cac:Party/cbc:Name` with the namespaces written out."""
    parts = (step.partition(":") for step in short.split("/"))
    return "/".join(f"{{{NAMESPACES[prefix]}}}{name}" for prefix, _, name in parts)


def _text(element: XmlElement, path: str) -> str:
    return text_of(element.find(_path(path)))


def _all(element: XmlElement, path: str) -> list[XmlElement]:
    return list(element.findall(_path(path)))


def _one(element: XmlElement, path: str) -> XmlElement | None:
    """The element, which must not stand there twice: two readers could then read two different documents."""
    found = _all(element, path)
    if len(found) > 1:
        raise unreadable(f"{_short(path)} stands more than once")
    return found[0] if found else None


def _demand(element: XmlElement, path: str) -> XmlElement:
    found = _one(element, path)
    if found is None:
        raise unreadable(f"{_short(path)} is missing")
    return found


def _short(path: str) -> str:
    return path.rpartition(":")[2]


def _date(element: XmlElement | None) -> date | None:
    text = text_of(element)
    if not text:
        return None
    found = _DATE.fullmatch(text)
    try:
        return date.fromisoformat(found[1] if found else "")
    except ValueError:
        raise unreadable(f"{_local(element)} is not a date") from None


def _number(element: XmlElement | None) -> Decimal | None:
    text = text_of(element)
    if not text:
        return None
    if not _DECIMAL.fullmatch(text):
        raise unreadable(f"{_local(element)} is not a number")
    return Decimal(text)


def _amount(element: XmlElement | None, currency: str) -> Decimal | None:
    """An amount, which must be in the document's currency when it names one (PEPPOL-EN16931-R051)."""
    value = _number(element)
    if value is not None and element is not None and element.get("currencyID", currency) != currency:
        raise DocumentError(ParkedReason.AMOUNT_MISMATCH, f"{_local(element)} is in another currency than the document")
    return value


def _local(element: XmlElement | None) -> str:
    return "" if element is None else str(element.tag).rpartition("}")[2]


def _identifier(element: XmlElement | None) -> Identifier | None:
    value = text_of(element)
    return Identifier(value, (element.get("schemeID") or "").strip()) if element is not None and value else None


def _identifiers(party: XmlElement) -> tuple[Identifier, ...]:
    found = (_identifier(element) for element in _all(party, "cac:PartyIdentification/cbc:ID"))
    return tuple(identifier for identifier in found if identifier)


def _address(element: XmlElement | None) -> PostalAddress | None:
    if element is None:
        return None
    lines = [_text(element, "cbc:StreetName"), _text(element, "cbc:AdditionalStreetName")]
    lines += [text_of(line) for line in _all(element, "cac:AddressLine/cbc:Line")]
    lines = [line for line in lines if line]
    return PostalAddress(
        line1=lines[0] if lines else "",
        line2=", ".join(lines[1:]),
        postal_code=_text(element, "cbc:PostalZone"),
        city=_text(element, "cbc:CityName"),
        country=_text(element, "cac:Country/cbc:IdentificationCode").upper(),
    )


def _party(root: XmlElement, role: str, who: str) -> DocumentParty:
    party = _demand(_demand(root, f"cac:{role}"), "cac:Party")
    vat_number, registrations = "", list[str]()
    for scheme in _all(party, "cac:PartyTaxScheme"):
        registered = _text(scheme, "cbc:CompanyID")
        if _text(scheme, "cac:TaxScheme/cbc:ID").upper() == "VAT" and not vat_number:
            vat_number = registered
        elif registered:
            registrations.append(registered)
    read = DocumentParty(
        name=_text(party, "cac:PartyName/cbc:Name"),
        legal_name=_text(party, "cac:PartyLegalEntity/cbc:RegistrationName"),
        endpoint=_identifier(_one(party, "cbc:EndpointID")),
        company=_identifier(_one(party, "cac:PartyLegalEntity/cbc:CompanyID")),
        vat_number=vat_number,
        tax_registrations=tuple(registrations),
        identifiers=_identifiers(party),
        address=_address(party.find(_path("cac:PostalAddress"))) or PostalAddress(),
        contact_name=_text(party, "cac:Contact/cbc:Name"),
        phone=_text(party, "cac:Contact/cbc:Telephone"),
        email=_text(party, "cac:Contact/cbc:ElectronicMail"),
    )
    if not read.display_name:
        raise unreadable(f"the {who} has no name")
    return read


def _allowances(element: XmlElement, currency: str) -> tuple[AllowanceOrCharge, ...]:
    return tuple(
        AllowanceOrCharge(
            charge=_text(entry, "cbc:ChargeIndicator").lower() in ("true", "1"),
            reason=_text(entry, "cbc:AllowanceChargeReason") or _text(entry, "cbc:AllowanceChargeReasonCode"),
            amount=_amount(entry.find(_path("cbc:Amount")), currency) or Decimal(0),
            vat_percent=_number(entry.find(_path("cac:TaxCategory/cbc:Percent"))),
        )
        for entry in _all(element, "cac:AllowanceCharge")
    )


def _line(element: XmlElement, quantity_name: str, currency: str) -> DocumentLine:
    quantity = element.find(_path(f"cbc:{quantity_name}"))
    category = "cac:Item/cac:ClassifiedTaxCategory"
    return DocumentLine(
        line_id=_text(element, "cbc:ID"),
        name=_text(element, "cac:Item/cbc:Name"),
        description=_text(element, "cac:Item/cbc:Description"),
        note=_text(element, "cbc:Note"),
        seller_item_id=_text(element, "cac:Item/cac:SellersItemIdentification/cbc:ID"),
        quantity=_number(quantity) or Decimal(0),
        unit_code="" if quantity is None else (quantity.get("unitCode") or "").strip(),
        unit_price=_amount(element.find(_path("cac:Price/cbc:PriceAmount")), currency),
        price_base_quantity=_number(element.find(_path("cac:Price/cbc:BaseQuantity"))),
        net=_amount(_one(element, "cbc:LineExtensionAmount"), currency) or Decimal(0),
        vat_category=_text(element, f"{category}/cbc:ID"),
        vat_percent=_number(element.find(_path(f"{category}/cbc:Percent"))),
        allowances=_allowances(element, currency),
        period_start=_date(element.find(_path("cac:InvoicePeriod/cbc:StartDate"))),
        period_end=_date(element.find(_path("cac:InvoicePeriod/cbc:EndDate"))),
    )


def _vat(total: XmlElement, currency: str) -> tuple[VatSubtotal, ...]:
    return tuple(
        VatSubtotal(
            category=_text(entry, "cac:TaxCategory/cbc:ID"),
            percent=_number(entry.find(_path("cac:TaxCategory/cbc:Percent"))),
            taxable=_amount(entry.find(_path("cbc:TaxableAmount")), currency) or Decimal(0),
            tax=_amount(entry.find(_path("cbc:TaxAmount")), currency) or Decimal(0),
            exemption_reason=_text(entry, "cac:TaxCategory/cbc:TaxExemptionReason")
            or _text(entry, "cac:TaxCategory/cbc:TaxExemptionReasonCode"),
        )
        for entry in _all(total, "cac:TaxSubtotal")
    )


def _attachments(root: XmlElement) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    for position, reference in enumerate(_all(root, "cac:AdditionalDocumentReference")):
        for embedded in _all(reference, "cac:Attachment/cbc:EmbeddedDocumentBinaryObject"):
            encoded = re.sub(r"\s", "", embedded.text or "")
            found.append(
                Attachment(
                    position=position,
                    reference_id=_text(reference, "cbc:ID"),
                    description=_text(reference, "cbc:DocumentDescription"),
                    file_name=(embedded.get("filename") or "").strip(),
                    mime_code=(embedded.get("mimeCode") or "").strip().lower(),
                    size=len(encoded.rstrip("=")) * 3 // 4,
                )
            )
    return tuple(found)


def _payment(root: XmlElement) -> tuple[PaymentTarget, ...]:
    account = "cac:PayeeFinancialAccount"
    return tuple(
        PaymentTarget(
            means_code=_text(means, "cbc:PaymentMeansCode"),
            account=_text(means, f"{account}/cbc:ID"),
            kid=_text(means, "cbc:PaymentID"),
            bic=_text(means, f"{account}/cac:FinancialInstitutionBranch/cbc:ID"),
        )
        for means in _all(root, "cac:PaymentMeans")
    )


def _type_code(root: XmlElement, kind: Kind) -> str:
    name = "InvoiceTypeCode" if kind is Kind.INVOICE else "CreditNoteTypeCode"
    code = text_of(_one(root, f"cbc:{name}"))
    contradicts = code and (code in CREDIT_NOTE_TYPE_CODES) is (kind is Kind.INVOICE)
    if code in SELF_BILLED_TYPE_CODES or contradicts:
        raise DocumentError(ParkedReason.DOCUMENT_TYPE_UNKNOWN, f"{name} is not that of an invoice or credit note")
    return code


def _due_date(root: XmlElement) -> date | None:
    """The header's DueDate; a credit note has none, and states it under PaymentMeans."""
    stated = _date(_one(root, "cbc:DueDate"))
    means = (_date(element) for element in _all(root, "cac:PaymentMeans/cbc:PaymentDueDate"))
    return stated or next((found for found in means if found), None)


def _project(root: XmlElement) -> str:
    """A credit note has no ProjectReference of its own: there it is a document reference of type 50 (BIS 3, BT-11)."""
    references = _all(root, "cac:AdditionalDocumentReference")
    coded = (_text(found, "cbc:ID") for found in references if _text(found, "cbc:DocumentTypeCode") == "50")
    return _text(root, "cac:ProjectReference/cbc:ID") or next(coded, "")


def _document(root: XmlElement) -> Document:
    kind = ROOTS[root.tag]
    number = text_of(_demand(root, "cbc:ID"))
    issue_date = _date(_demand(root, "cbc:IssueDate"))
    currency = text_of(_demand(root, "cbc:DocumentCurrencyCode"))
    if not number:
        raise unreadable("ID is missing")
    if issue_date is None:
        raise unreadable("IssueDate is missing")
    if not _CURRENCY.fullmatch(currency):
        raise unreadable("DocumentCurrencyCode is not a currency")

    totals = _one(root, "cac:LegalMonetaryTotal")
    payable = None if totals is None else _amount(_one(totals, "cbc:PayableAmount"), currency)
    if totals is None or payable is None:
        raise DocumentError(ParkedReason.AMOUNT_MISMATCH, "PayableAmount is missing")

    def total(name: str) -> Decimal:
        return _amount(_one(totals, f"cbc:{name}"), currency) or Decimal(0)

    taxes = {_tax_currency(element, currency): element for element in _all(root, "cac:TaxTotal")}
    tax = taxes.get(currency)
    other = next((element for code, element in taxes.items() if code != currency), None)
    delivery = root.find(_path("cac:Delivery"))
    line_name, quantity_name = (
        ("InvoiceLine", "InvoicedQuantity") if kind is Kind.INVOICE else ("CreditNoteLine", "CreditedQuantity")
    )
    payee = root.find(_path("cac:PayeeParty"))
    return Document(
        kind=kind,
        customization_id=_text(root, "cbc:CustomizationID"),
        profile_id=_text(root, "cbc:ProfileID"),
        number=number,
        type_code=_type_code(root, kind),
        issue_date=issue_date,
        due_date=_due_date(root),
        currency=currency,
        seller=_party(root, "AccountingSupplierParty", "seller"),
        buyer=_party(root, "AccountingCustomerParty", "buyer"),
        payee_name="" if payee is None else _text(payee, "cac:PartyName/cbc:Name"),
        payee_ids=() if payee is None else _payee_ids(payee),
        notes=tuple(note for note in map(text_of, _all(root, "cbc:Note")) if note),
        payment_terms="\n".join(text for text in map(text_of, _all(root, "cac:PaymentTerms/cbc:Note")) if text),
        payment=_payment(root),
        buyer_reference=_text(root, "cbc:BuyerReference"),
        order_reference=_text(root, "cac:OrderReference/cbc:ID"),
        contract_reference=_text(root, "cac:ContractDocumentReference/cbc:ID"),
        project_reference=_project(root),
        accounting_cost=_text(root, "cbc:AccountingCost"),
        credited_invoices=tuple(
            text
            for text in map(text_of, _all(root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"))
            if text
        ),
        delivery_date=None if delivery is None else _date(delivery.find(_path("cbc:ActualDeliveryDate"))),
        delivery_address=None
        if delivery is None
        else _address(delivery.find(_path("cac:DeliveryLocation/cac:Address"))),
        delivery_name="" if delivery is None else _text(delivery, "cac:DeliveryParty/cac:PartyName/cbc:Name"),
        period_start=_date(root.find(_path("cac:InvoicePeriod/cbc:StartDate"))),
        period_end=_date(root.find(_path("cac:InvoicePeriod/cbc:EndDate"))),
        line_total=total("LineExtensionAmount"),
        allowance_total=total("AllowanceTotalAmount"),
        charge_total=total("ChargeTotalAmount"),
        tax_exclusive=total("TaxExclusiveAmount"),
        tax_inclusive=total("TaxInclusiveAmount"),
        tax_total=Decimal(0) if tax is None else _amount(_one(tax, "cbc:TaxAmount"), currency) or Decimal(0),
        tax_currency=_text(root, "cbc:TaxCurrencyCode"),
        tax_total_in_tax_currency=None if other is None else _number(_one(other, "cbc:TaxAmount")),
        prepaid=total("PrepaidAmount"),
        rounding=total("PayableRoundingAmount"),
        payable=payable,
        vat=() if tax is None else _vat(tax, currency),
        allowances=_allowances(root, currency),
        lines=tuple(_line(element, quantity_name, currency) for element in _all(root, f"cac:{line_name}")),
        attachments=_attachments(root),
    )


def _tax_currency(total: XmlElement, currency: str) -> str:
    amount = total.find(_path("cbc:TaxAmount"))
    return currency if amount is None else str(amount.get("currencyID", currency))


def _payee_ids(payee: XmlElement) -> tuple[Identifier, ...]:
    company = _identifier(payee.find(_path("cac:PartyLegalEntity/cbc:CompanyID")))
    return (*_identifiers(payee), *((company,) if company else ()))
