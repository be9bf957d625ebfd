"""The closed list of reasons a payment or event waits for a person, with what to do about each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WaitReason(StrEnum):
    """Why a settlement item waits. Stored, shown and documented under this word (docs/settlement.md)."""

    WRONG_CHECK_DIGIT = "wrong_check_digit"
    UNKNOWN_KID = "unknown_kid"
    NO_REFERENCE = "no_reference"
    UNKNOWN_INVOICE = "unknown_invoice"
    SEVERAL_INVOICES_FIT = "several_invoices_fit"
    CANNOT_SPLIT = "cannot_split"
    ALREADY_PAID = "already_paid"
    CREDITED_INVOICE = "credited_invoice"
    NOT_PAYABLE = "not_payable"
    FOREIGN_CURRENCY = "foreign_currency"
    REVERSAL = "reversal"
    DIRECT_PAYMENT = "direct_payment"
    UNKNOWN_CLIENT = "unknown_client"
    PERHAPS_KNOWN = "perhaps_known"
    CORRECTION = "correction"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True)
class WaitFacts:
    """What it means and what a bookkeeper does about it."""

    meaning: str
    remedy: str


_W = WaitReason
WAITING: dict[WaitReason, WaitFacts] = {
    _W.WRONG_CHECK_DIGIT: WaitFacts("the KID's check digit is wrong: mistyped by the payer",
        "find the invoice by name and amount, then `settlement match`"),
    _W.UNKNOWN_KID: WaitFacts("the KID is sound, but no invoice of ours has it",
        "look for an invoice from before this system; `settlement match` or `settlement ignore`"),
    _W.NO_REFERENCE: WaitFacts("neither KID nor invoice number",
        "read the payer's text, then `settlement match`"),
    _W.UNKNOWN_INVOICE: WaitFacts("the invoice it names is not one of ours",
        "check the number with the sender, then `settlement match` or `settlement ignore`"),
    _W.SEVERAL_INVOICES_FIT: WaitFacts("several clients have an invoice with this number",
        "find out which, then `settlement match`"),
    _W.CANNOT_SPLIT: WaitFacts("it names several invoices, and the amount is not what is owed on them together",
        "ask the payer how to divide it, then `settlement match` with an amount for each"),
    _W.ALREADY_PAID: WaitFacts("nothing is owed on the invoice any more: paid twice",
        "pay it back, or `settlement match` it to another invoice of the debtor"),
    _W.CREDITED_INVOICE: WaitFacts("the invoice has been credited",
        "pay it back, or `settlement match` it to another invoice of the debtor"),
    _W.NOT_PAYABLE: WaitFacts("the reference is a credit note's, or an invoice on which nothing was to be paid",
        "find out what was meant, then `settlement match` or `settlement ignore`"),
    _W.FOREIGN_CURRENCY: WaitFacts("another currency than the invoice's, or than NOK",
        "settle it in the factor's ledger and send the result as a feed event; then `settlement ignore`"),
    _W.REVERSAL: WaitFacts("the bank takes a payment back and does not say which",
        "find the payment, reverse its voucher in the ERP, then `settlement ignore` with a note"),
    _W.DIRECT_PAYMENT: WaitFacts("the debtor has paid the client instead of the factor",
        "the client books it and pays it over (never booked by itself); send the client the notice text"),
    _W.UNKNOWN_CLIENT: WaitFacts("the client it names has no env file here",
        "check the client's name in the feed; add the client, then send the event again"),
    _W.PERHAPS_KNOWN: WaitFacts("same day, amount, payer and text as a payment from another file, and no reference of"
        " the bank's to tell them apart",
        "look in the bank's statement: `settlement match` when there are two, `settlement ignore` when it is one"),
    _W.UNEXPECTED: WaitFacts("the program met something it did not foresee; the note says where",
        "report it with the note; `settlement match` tries it again, `settlement ignore` takes it off the list"),
    _W.CORRECTION: WaitFacts("its voucher was reversed with `settlement correct`",
        "say what it belongs to with `settlement match`, or `settlement ignore` when nothing is to be booked"),
}  # fmt: skip
