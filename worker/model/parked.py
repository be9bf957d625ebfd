"""The closed list of reasons an invoice waits for a person or for better data, with what to do about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ParkedReason(StrEnum):
    """Why an invoice is parked. Stored, logged and documented under this word (docs/operating.md)."""

    DOCUMENT_UNREADABLE = "document_unreadable"
    DOCUMENT_HAS_DTD = "document_has_dtd"
    DOCUMENT_TYPE_UNKNOWN = "document_type_unknown"
    DOCUMENT_IS_REMINDER = "document_is_reminder"
    DOCUMENT_SIGNED = "document_signed"
    NUMBER_MISMATCH = "number_mismatch"
    AMOUNT_MISMATCH = "amount_mismatch"
    KIND_MISMATCH = "kind_mismatch"
    TOTALS_DISAGREE = "totals_disagree"
    WRONG_SELLER = "wrong_seller"
    OTHER_PAYEE = "other_payee"
    MISSING_DUE_DATE = "missing_due_date"
    CREDITED_INVOICE_UNNAMED = "credited_invoice_unnamed"
    CUSTOMER_NOT_FOUND = "customer_not_found"
    MISSING_POSTAL_ADDRESS = "missing_postal_address"
    KID_OVERFLOW = "kid_overflow"
    KID_NO_CHECK_DIGIT = "kid_no_check_digit"
    KID_NOT_NUMERIC = "kid_not_numeric"
    KID_TAKEN = "kid_taken"
    OLD_ACCOUNT_LEFT = "old_account_left"
    STAMPING_NOT_PROVEN = "stamping_not_proven"
    REGISTRATION_REFUSED = "registration_refused"
    ENDPOINT_MISMATCH = "endpoint_mismatch"
    PDF_NOT_DRAWABLE = "pdf_not_drawable"
    DOCUMENT_INVALID = "document_invalid"
    RULES_GAVE_UP = "rules_gave_up"
    REACH_UNKNOWN = "reach_unknown"
    NO_CHANNEL_LEFT = "no_channel_left"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    SENT_UNKNOWN = "sent_unknown"
    RECEIVER_TURNED_DOWN = "receiver_turned_down"
    LETTER_RETURNED = "letter_returned"
    POSTBACK_REFUSED = "postback_refused"
    POSTBACK_EXHAUSTED = "postback_exhausted"
    DOCUMENT_LOST = "document_lost"
    HELD = "held"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class ParkedFacts:
    """`owner`: who can mend it (client, factor or engineer). `looked_at_again`: goes on by itself at the next intake
    when mended; the others wait for `factoring-worker retry`.

    `norwegian`: what the client is asked to do, in its daily report; {debtor} is the customer number, {fields} what is
    missing or wrong.
    """

    owner: str
    looked_at_again: bool
    meaning: str
    remedy: str
    norwegian: str = ""


_R = ParkedReason
PARKED: dict[ParkedReason, ParkedFacts] = {
    _R.DOCUMENT_UNREADABLE: ParkedFacts(
        "factor",
        True,
        "the ERP's document is not XML (HTML, JSON, empty or broken)",
        "look at the answer in `invoice show`; ask the ERP's support if it stays",
    ),
    _R.DOCUMENT_HAS_DTD: ParkedFacts(
        "factor", True, "the XML carries a DTD, which is never read", "ask the ERP's support for a document without one"
    ),
    _R.DOCUMENT_TYPE_UNKNOWN: ParkedFacts(
        "factor",
        True,
        "not a Peppol BIS Billing 3 invoice or credit note",
        "handle it by hand: self-billing and other profiles are not stamped",
    ),
    _R.DOCUMENT_IS_REMINDER: ParkedFacts(
        "factor",
        True,
        "an EHF reminder (purring), which is no new claim",
        "handle it by hand: the factor reminds; tell the client not to send reminders this way",
    ),
    _R.DOCUMENT_SIGNED: ParkedFacts(
        "factor", True, "the XML is signed; stamping would break the signature", "ask the client to send it unsigned"
    ),
    _R.NUMBER_MISMATCH: ParkedFacts(
        "factor",
        True,
        "list and document disagree on the invoice number",
        "ask the ERP's support; never deliver by guess",
    ),
    _R.AMOUNT_MISMATCH: ParkedFacts(
        "factor",
        True,
        "list and document disagree on the amount, or it has none",
        "ask the ERP's support; never deliver by guess",
    ),
    _R.KIND_MISMATCH: ParkedFacts(
        "factor", True, "list and document disagree on invoice or credit note", "ask the ERP's support"
    ),
    _R.TOTALS_DISAGREE: ParkedFacts(
        "client",
        True,
        "the document's own sums do not add up",
        "the client credits the invoice and makes it anew",
        "Summene på fakturaen stemmer ikke. Krediter fakturaen og lag den på nytt.",
    ),
    _R.WRONG_SELLER: ParkedFacts(
        "factor",
        True,
        "the seller in the document is not this client",
        "check the client key in the env file: it may belong to another client",
    ),
    _R.OTHER_PAYEE: ParkedFacts(
        "factor",
        False,
        "the document names another payee: it may be assigned to someone else",
        "clear it with the client before anything is sent; the client makes it anew without the other payee",
    ),
    _R.MISSING_DUE_DATE: ParkedFacts(
        "client",
        True,
        "an amount is to be paid but no due date is given",
        "the client credits the invoice and makes it anew with a due date",
        "Forfallsdato mangler. Krediter fakturaen og lag den på nytt med forfallsdato.",
    ),
    _R.CREDITED_INVOICE_UNNAMED: ParkedFacts(
        "client",
        True,
        "a credit note does not say which invoice it credits",
        "the client makes it anew from the invoice it credits",
        "Kreditnotaen sier ikke hvilken faktura den krediterer. Lag den på nytt fra fakturaen.",
    ),
    _R.CUSTOMER_NOT_FOUND: ParkedFacts(
        "client",
        True,
        "the ERP has no customer card with this customer number",
        "the client restores the customer card",
        "Kundekort {debtor} finnes ikke. Gjenopprett kundekortet.",
    ),
    _R.MISSING_POSTAL_ADDRESS: ParkedFacts(
        "client",
        True,
        "the customer card lacks address, postal code or city",
        "the client completes the postal address (postadresse) on the customer card",
        "Kundekort {debtor}: {fields} mangler.",
    ),
    _R.KID_OVERFLOW: ParkedFacts(
        "factor",
        False,
        "a number is wider than its part of the KID layout",
        "widen the layout with the bank, then `retry`",
    ),
    _R.KID_NO_CHECK_DIGIT: ParkedFacts(
        "factor",
        False,
        "MOD11 gives no digit for this number (it would be `-`)",
        "agree on MOD10 or a longer layout with the bank, then `retry`",
    ),
    _R.KID_NOT_NUMERIC: ParkedFacts(
        "client",
        False,
        "a number that is part of the KID holds other signs than digits",
        "the client numbers invoices and customers with digits only, then `retry`",
        "Fakturanummer eller kundenummer har andre tegn enn siffer og kan ikke stå i KID. Bruk bare siffer, og si "
        "fra til oss.",
    ),
    _R.KID_TAKEN: ParkedFacts(
        "factor",
        False,
        "another invoice on this account already has the KID",
        "give the clients sharing the account different client numbers, then `retry`",
    ),
    _R.OLD_ACCOUNT_LEFT: ParkedFacts(
        "client",
        False,
        "the client's own account number stands in the invoice's text or an attachment, or an attachment that may hold "
        "it cannot be searched",
        "the client removes the account number, or the locked or broken attachment, and makes the invoice anew",
        "Deres eget kontonummer står i fakturaens tekst eller i et vedlegg, eller et vedlegg er låst eller ødelagt. "
        "Fjern det, krediter fakturaen og lag den på nytt.",
    ),
    _R.STAMPING_NOT_PROVEN: ParkedFacts(
        "engineer",
        False,
        "the stamped XML or PDF does not agree with the original",
        "a fault in this program: report it with the invoice's id; nothing was sent",
    ),
    _R.ENDPOINT_MISMATCH: ParkedFacts(
        "client",
        False,
        "the document's electronic address is not the party's",
        "the client corrects the organisation number on its own or the customer card and makes the invoice anew",
        "Kundekort {debtor}: organisasjonsnummeret stemmer ikke med den elektroniske adressen på fakturaen. Rett det "
        "på kundekortet eller i egne firmaopplysninger, krediter fakturaen og lag den på nytt.",
    ),
    _R.PDF_NOT_DRAWABLE: ParkedFacts(
        "factor",
        False,
        "the PDF cannot be drawn: the logo is no image, a colour is wrong, an address is wider than its window",
        "read the detail: mend the client's settings, or ask the client for a shorter text, then `retry`",
    ),
    _R.REGISTRATION_REFUSED: ParkedFacts(
        "factor",
        False,
        "the factor's ledger does not take the claim",
        "look at what lies in the ledger folder under the claim's name (it is never overwritten), then `retry`",
    ),
    _R.DOCUMENT_INVALID: ParkedFacts(
        "client",
        False,
        "the debtor gets EHF, and the document breaks its rules",
        "the client credits the invoice and makes it anew without the fault named",
        "Fakturaen følger ikke reglene for EHF: {fields}. Krediter fakturaen og lag den på nytt uten feilen.",
    ),
    _R.RULES_GAVE_UP: ParkedFacts(
        "engineer",
        False,
        "the official rules could not be carried through on the document",
        "see whether the document is very large; raise the limit or handle it by hand, then `retry`",
    ),
    _R.REACH_UNKNOWN: ParkedFacts(
        "factor",
        True,
        "whether the debtor can receive EHF cannot be found out now",
        "nothing needs doing, it is looked up again every ten minutes and at the next intake",
    ),
    _R.NO_CHANNEL_LEFT: ParkedFacts(
        "factor",
        False,
        "the last channel refused the delivery",
        "read the refusal in `invoice show`, mend it, then `retry`; `resend` for another channel or address",
    ),
    _R.ATTEMPTS_EXHAUSTED: ParkedFacts(
        "factor", False, "a counterparty could not take it after many attempts", "check the counterparty, then `retry`"
    ),
    _R.SENT_UNKNOWN: ParkedFacts(
        "factor",
        False,
        "it may have been sent, and the other side cannot tell",
        "find out by hand; `retry --never-arrived` sends it again, `retry --arrived` counts it as handed over",
    ),
    _R.RECEIVER_TURNED_DOWN: ParkedFacts(
        "factor",
        False,
        "the EHF was delivered, and then the debtor, or the access point on the debtor's side, turned it down",
        "read why in `invoice show` and settle it with the debtor; then `resend` on another channel, or `retry`, which "
        "lets it stand as delivered",
    ),
    _R.LETTER_RETURNED: ParkedFacts(
        "factor",
        False,
        "the letter was posted and came back: the debtor does not have the invoice",
        "have the client find the right address; then `resend` with it, or `retry`, which lets it stand as delivered",
    ),
    _R.POSTBACK_REFUSED: ParkedFacts(
        "factor",
        False,
        "the ERP refused the report of the delivery",
        "read the ERP's words in `invoice show`, mend it, then `retry`",
    ),
    _R.POSTBACK_EXHAUSTED: ParkedFacts(
        "factor",
        False,
        "the ERP has not taken the report of the delivery, or not said whether it has, after twenty attempts",
        "read its words in `invoice show`, clear it with the ERP's support, then `retry`",
    ),
    _R.DOCUMENT_LOST: ParkedFacts(
        "engineer",
        False,
        "a stored document is missing or its hash is wrong",
        "restore the document store from backup, then `retry`",
    ),
    _R.HELD: ParkedFacts(
        "factor", False, "a person stopped it (`hold`); who and why stand in the detail", "`release` when it may go on"
    ),
    _R.UNEXPECTED: ParkedFacts(
        "engineer",
        False,
        "the program met something it did not expect",
        "report the event with the invoice's id, then `retry`",
    ),
}


class InvoiceWarning(StrEnum):
    """What is wrong with an invoice without stopping it. Kept on the invoice and reported."""

    MISSING_NAME = "missing_name"
    MISSING_FIRST_NAME = "missing_first_name"
    MISSING_LAST_NAME = "missing_last_name"
    MISSING_ORGANISATION_NUMBER = "missing_organisation_number"
    BAD_ORGANISATION_NUMBER = "bad_organisation_number"
    MISSING_PHONE = "missing_phone"
    MISSING_EMAIL = "missing_email"
    BAD_EMAIL = "bad_email"
    TOO_MANY_EMAILS = "too_many_emails"
    ODD_POSTAL_CODE = "odd_postal_code"
    DUE_DATE_PASSED = "due_date_passed"
    CREDITED_INVOICE_NOT_HELD = "credited_invoice_not_held"
    EMBEDDED_INVOICE_DROPPED = "embedded_invoice_dropped"
    NOT_VALID_EHF = "not_valid_ehf"
    EHF_DUTY = "ehf_duty"


# What the client can mend, in its daily report; {debtor} is the customer number, {number} the invoice's.
CLIENT_WARNINGS: dict[InvoiceWarning, str] = {
    InvoiceWarning.MISSING_NAME: "Kundekort {debtor}: navn mangler.",
    InvoiceWarning.MISSING_FIRST_NAME: "Kundekort {debtor}: fornavn mangler.",
    InvoiceWarning.MISSING_LAST_NAME: "Kundekort {debtor}: etternavn mangler.",
    InvoiceWarning.MISSING_ORGANISATION_NUMBER: "Kundekort {debtor}: organisasjonsnummer mangler.",
    InvoiceWarning.BAD_ORGANISATION_NUMBER: "Kundekort {debtor}: organisasjonsnummeret er feil.",
    InvoiceWarning.MISSING_PHONE: "Kundekort {debtor}: telefonnummer mangler.",
    InvoiceWarning.MISSING_EMAIL: "Kundekort {debtor}: e-postadresse mangler.",
    InvoiceWarning.BAD_EMAIL: "Kundekort {debtor}: e-postadressen kan ikke brukes.",
    InvoiceWarning.TOO_MANY_EMAILS: "Kundekort {debtor}: mer enn ti e-postadresser, bare de ti første får fakturaen.",
    InvoiceWarning.ODD_POSTAL_CODE: "Kundekort {debtor}: postnummeret ser feil ut.",
    InvoiceWarning.DUE_DATE_PASSED: "Faktura {number} var forfalt da den kom til oss. Send fakturaer tidligere.",
    InvoiceWarning.NOT_VALID_EHF: "Faktura {number} følger ikke reglene for EHF: {fields}.",
}
