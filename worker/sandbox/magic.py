"""Reserved values, each of which makes one thing happen. docs/sandbox.md lists them in words.

Organisation numbers: the series 399 000 xxx passes the mod-11 check but belongs to no business (real ones begin with 8
or 9). Every one is registered for invoices and credit notes unless its line says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

# --- Peppol look-up: trouble on the way to the answer --------------------------------------------

DNS_SERVFAIL = "399000009"  # the name server answers SERVFAIL
DNS_TIMEOUT = "399000017"  # the name server never answers
DNS_EMPTY = "399000025"  # NOERROR without any NAPTR record
DNS_OTHER_SERVICE = "399000033"  # a NAPTR record, but not for Meta:SMP
SMP_500 = "399000041"  # the SMP answers 500
SMP_HTML = "399000068"  # the SMP answers 200 with an HTML page
SMP_404 = "399000076"  # in the DNS, unknown to the SMP
SMP_TIMEOUT = "399000084"  # the SMP holds the request and never answers
SMP_INVOICE_ONLY = "399000092"  # registered for invoices, not for credit notes
SMP_ORDERS_ONLY = "399000106"  # registered, but for neither invoices nor credit notes

# --- Access point: reachable receivers whose documents meet trouble ---------------------------------

AP_422_FAILS_FOR_GOOD = "399000114"  # 422; status: failed, then permanently_failed
AP_422_THEN_SENT = "399000122"  # 422; status: failed, then sent
AP_422_BUT_SENT = "399000130"  # 422 from the reporting step although the document went out; status: sent
AP_TIMEOUT_AFTER_ACCEPT = "399000149"  # taken and sent, but the first submit never gets its answer
AP_TIMEOUT_BEFORE_ACCEPT = "399000157"  # the first submit is neither taken nor answered; the next is fine
AP_400 = "399000165"  # 400, always
AP_500_ONCE = "399000173"  # 500 and nothing taken; the next is fine
AP_401_ONCE = "399000181"  # 401 as if the token were wrong; the next is fine
AP_503_ONCE = "399000203"  # 503 with Retry-After: 1; the next is fine
AP_UNKNOWN_WORD = "399000211"  # 422 though sent; status: a word that is in no list, then sent
AP_REJECTED = "399000238"  # 422; status: rejected
AP_STATUS_500_ONCE = "399000246"  # taken and sent; the first status call after it answers 500

# --- Hosted access points (Maventa, Storecove): what phoss-ap does not do ---------------------------------------

HOSTED_429_ONCE = "399000319"  # 429 with Retry-After: 1 and nothing taken; the next is fine
HOSTED_RECEIPT_LATER = "399000327"  # waiting at the first status call, sent at the second, then delivered
HOSTED_REFUSED_LATER = "399000335"  # sent at the first status call, then turned down for good

# --- Any access point: what the receiver says after the receipt --------------------------------------

EHF_TURNED_DOWN = "399000351"  # sent; a look later MLS says RE (phoss-ap), or the debtor rejects it (Storecove)
EHF_PASSED_ON = "399000378"  # sent; a look later MLS says AP (phoss-ap), or the debtor accepts it (Storecove)

SMP_MAGIC = frozenset(
    {
        DNS_SERVFAIL,
        DNS_TIMEOUT,
        DNS_EMPTY,
        DNS_OTHER_SERVICE,
        SMP_500,
        SMP_HTML,
        SMP_404,
        SMP_TIMEOUT,
        SMP_INVOICE_ONLY,
        SMP_ORDERS_ONLY,
    }
)
ACCESS_POINT_MAGIC = frozenset(
    {
        AP_422_FAILS_FOR_GOOD,
        AP_422_THEN_SENT,
        AP_422_BUT_SENT,
        AP_TIMEOUT_AFTER_ACCEPT,
        AP_TIMEOUT_BEFORE_ACCEPT,
        AP_400,
        AP_500_ONCE,
        AP_401_ONCE,
        AP_503_ONCE,
        AP_UNKNOWN_WORD,
        AP_REJECTED,
        AP_STATUS_500_ONCE,
    }
)

HOSTED_MAGIC = frozenset({HOSTED_429_ONCE, HOSTED_RECEIPT_LATER, HOSTED_REFUSED_LATER, EHF_TURNED_DOWN, EHF_PASSED_ON})

# States of a document at the access point, one a status call, the last one stays. Others: sent at once.
ACCESS_POINT_PLANS: dict[str, tuple[str, ...]] = {
    AP_422_FAILS_FOR_GOOD: ("failed", "permanently_failed"),
    AP_422_THEN_SENT: ("failed", "sent"),
    AP_UNKNOWN_WORD: ("teleported", "sent"),
    AP_REJECTED: ("rejected",),
}


class MailMagic(StrEnum):
    """The local part of an e-mail address, alone or after a `+` (`kari+bounce@debitor.example`). Any domain."""

    REFUSED = "refused"  # 550 at RCPT TO, always
    MAILBOX_FULL = "mailbox-full"  # 452 at RCPT TO, always
    GREYLISTED = "greylisted"  # 451 at RCPT TO the first time, 250 after
    BUSY = "busy"  # 421 at RCPT TO the first time and the connection is closed, 250 after
    CONTENT_REFUSED = "content-refused"  # 554 after DATA, always; nothing kept
    DROP = "drop"  # kept, then the connection is cut before the answer to DATA
    DROP_UNKEPT = "drop-unkept"  # not kept, and the connection is cut before the answer to DATA, the first time
    BOUNCE = "bounce"  # kept; a bounce (RFC 3464) is written to bounces/


class ConsumerMagic(StrEnum):
    """The local part of a person's e-mail address, alone or after a `+`, in an eFaktura look-up. Any domain.

    Whoever bears none of them is not found.
    """

    RECEIVES = "efaktura"  # can receive; what is sent arrives
    NOT_RECEIVING = "efaktura-no"  # known, and has not said yes to eFaktura
    UNAVAILABLE = "efaktura-unavailable"  # the registry cannot answer now
    SEVERAL = "efaktura-several"  # the facts fit more than one person
    STRANGE = "efaktura-strange"  # a word that is in no list
    BROKEN = "efaktura-broken"  # the look-up answers 500
    NATIONAL = "efaktura-national"  # can receive, under an identifier that is a national identity number
    REJECTED_LATER = "efaktura-rejected"  # can receive; what is sent is turned down by the bank a while later
    REFUSED = "efaktura-refused"  # can receive; what is sent is not accepted
    TIMEOUT_AFTER_ACCEPT = "efaktura-timeout"  # can receive; the first upload is taken and never answered


def consumer_magic(address: str) -> ConsumerMagic | None:
    """The reserved meaning of a person's address, if it has one."""
    word = address.rpartition("@")[0].lower().rpartition("+")[2]
    return next((meaning for meaning in ConsumerMagic if meaning.value == word), None)


def mail_magic(address: str) -> MailMagic | None:
    """The reserved meaning of an address, if it has one."""
    word = address.rpartition("@")[0].lower().rpartition("+")[2]
    return next((meaning for meaning in MailMagic if meaning.value == word), None)


class LetterMagic(StrEnum):
    """A word in a letter's address, in any case."""

    REJECTED = "avvistveien"  # the print house turns it down
    RETURNED = "returveien"  # posted, and comes back in the shift after
    SILENT = "tausveien"  # fetched, and never a word about it


def letter_magic(address_lines: Sequence[str]) -> LetterMagic | None:
    """The reserved meaning of an address, if it has one."""
    text = " ".join(address_lines).lower()
    return next((meaning for meaning in LetterMagic if meaning.value in text), None)


class InvoiceTrouble(StrEnum):
    """Given to `add_invoice(trouble=...)`: what the ERP does wrong with this invoice."""

    EHF_JSON_ERROR = "ehf_json_error"  # InvoiceEhf answers 200 with a success:false envelope
    EHF_HTML = "ehf_html"  # InvoiceEhf answers 200 with an HTML page
    EHF_EMPTY = "ehf_empty"  # InvoiceEhf answers 200 with nothing
    EHF_DTD = "ehf_dtd"  # the EHF carries a DTD with an entity
    EHF_OTHER_TYPE = "ehf_other_type"  # the document is a reminder, not an invoice
    EHF_500_ONCE = "ehf_500_once"  # InvoiceEhf answers 500 the first time
    EHF_TIMEOUT_ONCE = "ehf_timeout_once"  # InvoiceEhf does not answer the first time
    DELIVERED_REFUSED = "delivered_refused"  # `delivered` answers success:false, always
    DELIVERED_500_ONCE = "delivered_500_once"  # `delivered` answers 500 the first time; nothing done
    DELIVERED_500_AFTER_ACCEPT = "delivered_500_after_accept"  # `delivered` is done and answers 500
    DELIVERED_EMPTY_AFTER_ACCEPT = "delivered_empty_after_accept"  # `delivered` is done and answers an empty body
    DELIVERED_TIMEOUT_AFTER_ACCEPT = "delivered_timeout_after_accept"  # `delivered` is done and never answers
    DELIVERED_TIMEOUT_BEFORE_ACCEPT = "delivered_timeout_before_accept"  # the first `delivered`: not done, no answer
    STATUS_REFUSED = "status_refused"  # the status call answers success:false, always
    STATUS_TIMEOUT_AFTER_ACCEPT = "status_timeout_after_accept"  # the first status call is done and never answers
