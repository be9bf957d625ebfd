"""The rules an invoice meets at the door. Each is a small pure function with a code of its own.

`stops`: the first hit parks the invoice. `remarks`: what is wrong without stopping it. Sources: the data quality
demands PowerOffice and the factor publish for factoring customers (person: first and last name, full address, phone,
e-mail; business: name, organisation number, full address, phone, e-mail; no postal address, no distribution).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from worker.model.document import Document, Kind
from worker.model.ehf import seller_company_id, totals_disagreements
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.model.party import (
    MOST_ADDRESSES,
    DebtorCard,
    all_email_addresses,
    company_id,
    organisation_number,
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known when an invoice is checked: the ERP's list row, its document, the customer card."""

    listed_number: str
    listed_kind: Kind
    listed_total: str
    document: Document
    card: DebtorCard | None
    own_company_id: str
    is_person: bool
    email: str
    today: date


@dataclass(frozen=True, slots=True)
class Stop:
    """Why the invoice is parked; `detail` is for the worklist."""

    reason: ParkedReason
    detail: str


def wrong_seller(a: Arrival) -> Stop | None:
    """A wrong client key must never bill for somebody else."""
    seller = seller_company_id(a.document)
    if seller == company_id(a.own_company_id):
        return None
    return Stop(ParkedReason.WRONG_SELLER, f"the document's seller is {seller or 'not identified'}")


def number_mismatch(a: Arrival) -> Stop | None:
    if a.document.number.strip() == a.listed_number.strip():
        return None
    return Stop(ParkedReason.NUMBER_MISMATCH, f"list {a.listed_number}, document {a.document.number}")


def credited_invoice_unnamed(a: Arrival) -> Stop | None:
    """A credit note refers to what it credits (bokføringsforskriften § 5-2-7)."""
    if a.document.kind is Kind.CREDIT_NOTE and not a.document.credited_invoices:
        return Stop(ParkedReason.CREDITED_INVOICE_UNNAMED, "no BillingReference in the document")
    return None


def kind_mismatch(a: Arrival) -> Stop | None:
    """A negative invoice may be listed as either: it is a legal credit (Peppol BIS 3, negative invoices)."""
    document_credits = a.document.kind is Kind.CREDIT_NOTE
    listed_credits = a.listed_kind is Kind.CREDIT_NOTE
    if document_credits == listed_credits or (a.document.kind is Kind.INVOICE and a.document.payable < 0):
        return None
    return Stop(ParkedReason.KIND_MISMATCH, f"list {a.listed_kind}, document {a.document.kind}")


def amount_mismatch(a: Arrival) -> Stop | None:
    """The list's total is what is to be paid, or the total with VAT before prepayment and rounding; its sign on a
    credit is not documented by the vendor, so there only the size is compared."""
    try:
        listed = Decimal(a.listed_total)
    except InvalidOperation:
        return Stop(ParkedReason.AMOUNT_MISMATCH, "the list has no readable amount")
    if not listed.is_finite():
        return Stop(ParkedReason.AMOUNT_MISMATCH, "the list's amount is no number")
    stated = {a.document.payable, a.document.tax_inclusive}
    if a.document.is_credit:
        listed, stated = abs(listed), {abs(amount) for amount in stated}
    if listed in stated:
        return None
    return Stop(ParkedReason.AMOUNT_MISMATCH, f"list {a.listed_total}, document {a.document.payable}")


def totals_disagree(a: Arrival) -> Stop | None:
    faults = totals_disagreements(a.document)
    return Stop(ParkedReason.TOTALS_DISAGREE, "; ".join(faults)) if faults else None


def missing_due_date(a: Arrival) -> Stop | None:
    """An amount to pay needs a due date (bokføringsforskriften § 5-1-1 nr 5)."""
    if a.document.payable > 0 and a.document.kind is Kind.INVOICE and a.document.due_date is None:
        return Stop(ParkedReason.MISSING_DUE_DATE, "no DueDate in the document")
    return None


def customer_not_found(a: Arrival) -> Stop | None:
    return Stop(ParkedReason.CUSTOMER_NOT_FOUND, "no customer card") if a.card is None else None


def missing_postal_address(a: Arrival) -> Stop | None:
    """No complete postal address on the customer card, no distribution, whatever else the debtor can receive."""
    if a.card is None or a.card.address.complete:
        return None
    return Stop(ParkedReason.MISSING_POSTAL_ADDRESS, "the customer card lacks " + ", ".join(a.card.address.missing))


STOPS: tuple[Callable[[Arrival], Stop | None], ...] = (
    wrong_seller,
    number_mismatch,
    credited_invoice_unnamed,
    kind_mismatch,
    amount_mismatch,
    totals_disagree,
    missing_due_date,
    customer_not_found,
    missing_postal_address,
)


def first_stop(arrival: Arrival) -> Stop | None:
    """The first rule that stops the invoice, in the order of STOPS."""
    return next((stop for rule in STOPS if (stop := rule(arrival)) is not None), None)


# The warnings decided here; others come from later steps.
REMARKS: frozenset[InvoiceWarning] = frozenset(
    {
        InvoiceWarning.MISSING_NAME,
        InvoiceWarning.MISSING_FIRST_NAME,
        InvoiceWarning.MISSING_LAST_NAME,
        InvoiceWarning.MISSING_ORGANISATION_NUMBER,
        InvoiceWarning.BAD_ORGANISATION_NUMBER,
        InvoiceWarning.MISSING_PHONE,
        InvoiceWarning.MISSING_EMAIL,
        InvoiceWarning.BAD_EMAIL,
        InvoiceWarning.TOO_MANY_EMAILS,
        InvoiceWarning.ODD_POSTAL_CODE,
        InvoiceWarning.DUE_DATE_PASSED,
    }
)


def remarks(arrival: Arrival) -> dict[InvoiceWarning, str]:
    """What is wrong without stopping the invoice, with the field of the customer card to mend."""
    found: dict[InvoiceWarning, str] = {}
    card = arrival.card or DebtorCard(code="")
    if arrival.is_person:
        # A card kept as one name still names the person; two parts are what the ERP asks for.
        if not card.first_name.strip():
            found[InvoiceWarning.MISSING_FIRST_NAME] = "Fornavn"
        if not card.last_name.strip():
            found[InvoiceWarning.MISSING_LAST_NAME] = "Etternavn"
    else:
        if not card.name.strip():
            found[InvoiceWarning.MISSING_NAME] = "Navn"
        norwegian = card.address.norwegian
        if not card.organisation_number.strip():
            found[InvoiceWarning.MISSING_ORGANISATION_NUMBER] = "Organisasjonsnummer"
        elif norwegian and organisation_number(card.organisation_number) is None:
            found[InvoiceWarning.BAD_ORGANISATION_NUMBER] = "Organisasjonsnummer"
    if not card.phone.strip():
        found[InvoiceWarning.MISSING_PHONE] = "Telefonnummer"
    found |= _email_remarks(arrival.email)
    if card.address.complete and card.address.odd_postal_code:
        found[InvoiceWarning.ODD_POSTAL_CODE] = "Postnummer"
    due = arrival.document.due_date
    if due is not None and due < arrival.today and not arrival.document.is_credit:
        found[InvoiceWarning.DUE_DATE_PASSED] = due.isoformat()
    return found


def _email_remarks(given: str) -> dict[InvoiceWarning, str]:
    if not given.strip():
        return {InvoiceWarning.MISSING_EMAIL: "E-postadresse"}
    usable = len(all_email_addresses(given))
    if usable == 0:
        return {InvoiceWarning.BAD_EMAIL: "E-postadresse"}
    return {InvoiceWarning.TOO_MANY_EMAILS: f"E-postadresse ({usable})"} if usable > MOST_ADDRESSES else {}
