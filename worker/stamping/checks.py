"""Our own checks of a stamped document, always done, whether or not the official rules are at hand.

They hold what no official rule looks at (KID, check digits of accounts, a second account) and what must not depend on
a rule folder being there (identifiers, due date, sums). Pure: a document and what it should say → the faults.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stdnum.no import iban as iban_rule
from stdnum.no import kontonr as account_rule

from worker.model.document import Document, Identifier, Kind
from worker.model.ehf import CUSTOMIZATION_ID, NORWEGIAN_SCHEME, PROFILE_ID, totals_disagreements
from worker.model.kid import KidLayout, is_valid
from worker.model.parked import PARKED, ParkedReason
from worker.model.party import company_id, organisation_number
from worker.stamping.ubl import CREDIT_TRANSFER, SEPA_CREDIT_TRANSFER, StampConfig, by_iban

_BIC = re.compile(r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")  # ISO 9362
_R = ParkedReason


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken rule. `rule`: its id, `OWN-…` or an EN 16931 one. `reason`: what the invoice is parked under. The
    message holds element names and amounts, never names or addresses."""

    rule: str
    reason: ParkedReason
    message: str

    @property
    def owner(self) -> str:
        """Who can mend it: client, factor or engineer."""
        return PARKED[self.reason].owner

    def __str__(self) -> str:
        return f"{self.rule}: {self.message}"


def own_faults(
    document: Document,
    config: StampConfig,
    *,
    kid_layout: KidLayout | None = None,
    sender: str = "",
    receiver: str = "",
) -> tuple[Fault, ...]:
    """The faults of a document stamped with `config`; what the client must mend comes first.

    `kid_layout`: the one the KID was made by. `sender`, `receiver`: the Peppol participants (`0192:923609016`) it is to
    go between; empty when it goes another way or that is not decided yet: then addresses are not looked at, for what
    ERPs make for private persons need not be valid Peppol.
    """
    found = [
        *_identifiers(document),
        *_sums(document),
        *_references(document),
        *_endpoints(document, sender, receiver),
        *_payment(document, config),
        *_kid(document, config, kid_layout),
        *_stamps(document, config),
    ]
    order = ("client", "factor", "engineer")
    return tuple(sorted(found, key=lambda fault: order.index(fault.owner)))


def _identifiers(document: Document) -> Iterator[Fault]:
    """Exactly: the official rules let other profiles through since BIS 3.0.21."""
    for rule, name, stated, ours in (
        ("OWN-CUSTOMIZATION", "CustomizationID", document.customization_id, CUSTOMIZATION_ID),
        ("OWN-PROFILE", "ProfileID", document.profile_id, PROFILE_ID),
    ):
        if stated != ours:
            yield Fault(rule, _R.DOCUMENT_TYPE_UNKNOWN, f"{name} is not that of Peppol BIS Billing 3.0")


def _sums(document: Document) -> Iterator[Fault]:
    for line in totals_disagreements(document):
        rule, _, words = line.partition(": ")
        yield Fault(rule, _R.TOTALS_DISAGREE, words)
    in_other = document.tax_total_in_tax_currency is not None
    if document.tax_currency == document.currency or bool(document.tax_currency) != in_other:
        words = "TaxCurrencyCode and the TaxTotal in another currency do not belong together"
        yield Fault("OWN-CURRENCY", _R.TOTALS_DISAGREE, words)


def _references(document: Document) -> Iterator[Fault]:
    """Bokføringsforskriften § 5-1-1 nr 5, § 5-2-7."""
    if not document.is_credit and document.due_date is None:
        yield Fault("OWN-DUE-DATE", _R.MISSING_DUE_DATE, "an amount is to be paid and DueDate is missing")
    if document.kind is Kind.CREDIT_NOTE and not document.credited_invoices:
        yield Fault("OWN-CREDITED", _R.CREDITED_INVOICE_UNNAMED, "BillingReference is missing")


def _endpoints(document: Document, sender: str, receiver: str) -> Iterator[Fault]:
    """PEPPOL-COMMON-R041 for the form; the rest no rule can know."""
    for rule, who, endpoint, routed in (
        ("OWN-SELLER-ENDPOINT", "seller", document.seller.endpoint, sender),
        ("OWN-BUYER-ENDPOINT", "buyer", document.buyer.endpoint, receiver),
    ):
        if not routed:
            continue
        if endpoint is not None and not _well_formed(endpoint):
            yield Fault(rule, _R.ENDPOINT_MISMATCH, f"the {who}'s EndpointID is no organisation number")
        elif endpoint is None or f"{endpoint.scheme}:{endpoint.value}".casefold() != routed.casefold():
            yield Fault(rule, _R.ENDPOINT_MISMATCH, f"the {who}'s EndpointID is not the participant it is routed by")


def _well_formed(endpoint: Identifier) -> bool:
    return endpoint.scheme != NORWEGIAN_SCHEME or organisation_number(endpoint.value) == endpoint.value


def _payment(document: Document, config: StampConfig) -> Iterator[Fault]:
    if len(document.payment) != 1:
        yield _ours("OWN-PAYMENT-MEANS", "PaymentMeans does not stand exactly once")
    with_iban = by_iban(config, country=document.buyer.address.country, currency=document.currency)
    code = SEPA_CREDIT_TRANSFER if with_iban and document.currency == "EUR" else CREDIT_TRANSFER
    for target in document.payment:
        if target.means_code != code:
            yield _ours("OWN-PAYMENT-CODE", f"PaymentMeansCode is not {code}")
        if with_iban:
            if target.account != config.iban or not iban_rule.is_valid(target.account):
                yield _ours("OWN-IBAN", "the account is not the factor's IBAN, or its check digits are wrong")
            if target.bic != config.bic or (target.bic and not _BIC.fullmatch(target.bic)):
                yield _ours("OWN-BIC", "the BIC is not the factor's, or has not the form of one")
        else:
            right = len(target.account) == 11 and account_rule.is_valid(target.account)
            if target.account != config.account or not right:
                yield _ours("OWN-ACCOUNT", "the account is not the factor's 11 digits, or its check digit is wrong")
            if target.bic:
                yield _ours("OWN-BIC", "a BIC stands beside an account that is no IBAN")


def _kid(document: Document, config: StampConfig, layout: KidLayout | None) -> Iterator[Fault]:
    stated = {target.kid for target in document.payment}
    if stated - {config.kid or ""}:
        yield _ours("OWN-KID", "PaymentID is not the KID of this invoice")
    for kid in filter(None, stated):
        if layout is None:
            if not (is_valid(kid, "MOD10") or is_valid(kid, "MOD11")):
                yield _ours("OWN-KID-CHECK", "the KID's check digit is wrong by MOD10 and MOD11")
        elif len(kid) != layout.length:
            yield _ours("OWN-KID-LENGTH", f"the KID has not the {layout.length} digits agreed with the bank")
        elif not layout.matches(kid):
            yield _ours("OWN-KID-CHECK", f"the KID's check digit ({layout.algorithm}) or a fixed part is wrong")


def _stamps(document: Document, config: StampConfig) -> Iterator[Fault]:
    """BIS 3, "Payment receiver": notice, payee, account. The last is checked above."""
    notice = config.notice.strip()
    if len(document.notes) != 1 or not (document.notes[0] + "\n").startswith(notice + "\n"):
        yield _ours("OWN-NOTICE", "the notice is not first in the one Note")
    payees = {company_id(identifier.value) for identifier in document.payee_ids}
    seller = document.seller
    sellers = [seller.company.value if seller.company else "", seller.vat_number]
    sellers += [seller.endpoint.value if seller.endpoint else "", *(found.value for found in seller.identifiers)]
    own = {found for found in map(company_id, sellers) if found}
    factor = config.factor_organisation_number
    factor_sells = not payees and (factor in own or not own)  # then no payee may stand (BR-17)
    if payees != {factor} and not factor_sells:
        yield _ours("OWN-PAYEE", "PayeeParty is not the factor")


def _ours(rule: str, message: str) -> Fault:
    return Fault(rule, ParkedReason.STAMPING_NOT_PROVEN, message)
