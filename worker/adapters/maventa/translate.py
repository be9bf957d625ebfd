"""Maventa's words into ours, and what an answer means. Pure."""

from __future__ import annotations

import re
from typing import Final

from stdnum.no import fodselsnummer

from worker.adapters.maventa import wire
from worker.model.channel import Reach
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.model.party import digits, email_addresses
from worker.model.receiver import Source, response
from worker.ports import Consumer, ConsumerAnswer, Submission, SubmissionState
from worker.support.bearer import Token
from worker.support.http import HttpResponse, HttpTrouble, NotSent
from worker.support.loose_json import text, whole

_S = SubmissionState

# The REST interface's document says PENDING, DELIVERED and FAILED; the guide, which covers SOAP too, says PENDING, SENT
# and ERROR, and the rest for information only: whoever can be viewed, disputed or paid has arrived.
STATUS_WORDS: Final[dict[str, SubmissionState]] = {
    "PENDING": _S.QUEUED,
    "SENT": _S.SUBMITTED,
    "DELIVERED": _S.DELIVERED,
    "FAILED": _S.REFUSED,
    "ERROR": _S.REFUSED,
    "DECLINED": _S.DELIVERED,
    "ACCEPTED": _S.DELIVERED,
    "PAID": _S.DELIVERED,
    "VIEWED": _S.DELIVERED,
    "DISPUTED": _S.DELIVERED,
}

# The registry's words for a route.
REACH_WORDS: Final[dict[str, Reach]] = {
    "RECEIVING": Reach.YES,
    "NOT_RECEIVING": Reach.NO,
    "NOT_AVAILABLE": Reach.NO,
    "TEMPORARY_UNAVAILABLE": Reach.UNKNOWN,
}

# What the debtor did with it, for debtors who are at Maventa themselves.
RESPONSE_WORDS: Final[dict[str, str]] = {
    "DECLINED": "RE",
    "ACCEPTED": "AP",
    "PAID": "PD",
    "VIEWED": "AB",
    "DISPUTED": "UQ",
}

_OTHER_ROUTES: Final = frozenset({"EMAIL", "PRINT"})  # switched off with every invoice: their use is an alarm
_TAKEN: Final = re.compile(r"already|duplicate|taken|in use|\buuid\b", re.IGNORECASE)
_SEVERAL: Final = re.compile(r"multiple|several|ambiguous|more than one|not unique", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_DEFAULT_LIFE = 3600.0  # seconds: "a token will be active for 60 minutes"
_ADVICE: Final[dict[int, str]] = {
    401: "Maventa did not let us in: check the keys, that the user has access to the seller's company, and that the "
    "company is verified",
    403: "Maventa does not allow this: check the token's scope and the user's rights in the seller's company",
}


class Taken(Exception):
    """The upload was turned down. `likely_ours`: their words say that the UUID is known, most likely from us."""

    def __init__(self, refusal: Refused, *, likely_ours: bool) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.likely_ours = likely_ours


# --- what an answer means -------------------------------------------------------------------------


def uploaded(answered: HttpResponse, *, key: str, peppol: bool) -> Submission:
    """What the answer to an upload means. Raises the outcome, or Taken when it was turned down as a request."""
    code = answered.status
    if 200 <= code < 300:
        try:
            return submission(wire.read_invoice(answered.content), key=key, peppol=peppol)
        except wire.Unreadable:
            raise UnknownOutcome("submit: no invoice in the answer", answer=answered.described()) from None
    if 400 <= code < 500 and code not in (401, 403, 404, 408, 429):
        fault = wire.read_fault(answered.content)
        said = fault.words() if fault is not None else answered.described()
        refusal = Refused(f"submit: Maventa did not accept the document (HTTP {code})", answer=said)
        raise Taken(refusal, likely_ours=code == 409 or bool(fault is not None and _TAKEN.search(said)))
    raise not_done(answered, what="submit", changes=True)


def status(answered: HttpResponse, *, asked: str, key: str, peppol: bool) -> Submission | None:
    """What the answer to a status request means; None when Maventa has no such invoice in the seller's company."""
    code = answered.status
    if code == 404 and wire.says_unknown(answered.content):
        return None
    if code != 200:
        raise not_done(answered, what="status", changes=False)
    try:
        invoice = wire.read_invoice(answered.content)
    except wire.Unreadable:
        raise TryLater("status: no invoice in the answer", answer=answered.described()) from None
    if invoice.id.lower() != asked.lower():
        raise TryLater("status: the answer is about another invoice", answer=answered.described())
    return submission(invoice, key=key, peppol=peppol)


def submission(invoice: wire.Invoice, *, key: str, peppol: bool) -> Submission:
    """The invoice's state. An alarm when the word is in no list, when the invoice left by e-mail or print, or when it
    does not bear our UUID: then a repeated upload would not be recognised.

    `peppol`: a failure after the receipt is the receiver's access point's word on what it has got, not a refusal. A
    bank's is a refusal all the same: the person does not see the eFaktura.
    """
    word = invoice.status.upper()
    state = STATUS_WORDS.get(word)
    received = any(action.kind == "DELIVERED" for action in invoice.actions)
    reason = next((a.message for a in reversed(invoice.actions) if a.kind == "ERROR" and a.message), "")
    responded = response(Source.INVOICE_RESPONSE, RESPONSE_WORDS[word]) if word in RESPONSE_WORDS else None
    if state is _S.SUBMITTED and received:
        state = _S.DELIVERED
    elif state is _S.REFUSED and received and peppol:
        state, responded = _S.DELIVERED, response(Source.MLS, "RE", reason)
    oddities: list[str] = []
    other = sorted({a.channel for a in invoice.actions if a.kind in ("SENT", "DELIVERED")} & _OTHER_ROUTES)
    if other:
        oddities.append(f"left by {', '.join(other)}, which was switched off")
    if invoice.id.lower() != key.lower():
        oddities.append("stored under another id than our UUID")
    told = [f"status {invoice.status}", *oddities, *([reason] if STATUS_WORDS.get(word) is _S.REFUSED else [])]
    return Submission(
        state=state or _S.QUEUED,
        vendor_reference=invoice.id,
        answer=": ".join(part for part in told if part),
        known_word=state is not None and not oddities,
        response=responded if peppol else None,
    )


def not_done(answered: HttpResponse, *, what: str, changes: bool) -> OutsideError:
    """The outcome of an answer that is not the one asked for. `changes`: the request may have been carried out."""
    code, fault = answered.status, wire.read_fault(answered.content)
    answer = fault.words() if fault is not None else answered.described()
    if code == 429:
        return SlowDown(f"{what}: too many requests", answer=answer, retry_after=answered.retry_after)
    if code in _ADVICE:
        return AccessDenied(f"{what}: {_ADVICE[code]}", answer=answer)
    if code == 404:
        return AccessDenied(f"{what}: nothing at this address: check MAVENTA_URL", answer=answer)
    if changes:
        return UnknownOutcome(f"{what}: HTTP {code}", answer=answer)
    return TryLater(f"{what}: HTTP {code}", answer=answer, retry_after=answered.retry_after)


def hidden(refusal: Refused) -> UnknownOutcome:
    """They say that the UUID is known, and do not show the invoice."""
    return UnknownOutcome("submit: Maventa says it has the UUID, and does not show the invoice", answer=refusal.answer)


def unproven(refusal: Refused) -> UnknownOutcome:
    """They turned it down, and cannot be asked whether that is because they have it."""
    return UnknownOutcome("submit: turned down, and Maventa cannot be asked what it has", answer=refusal.answer)


def vanished() -> UnknownOutcome:
    """They named a reference once, and no longer know it. Sending again would be a second invoice."""
    return UnknownOutcome("status: known to Maventa before, not found now: was ACCESS_POINT_TENANT changed?")


def trouble(error: HttpTrouble, *, what: str, changes: bool) -> OutsideError:
    """The outcome when no answer came."""
    if isinstance(error, NotSent):
        return TryLater(f"{what}: no connection to Maventa ({error.reason})")
    if changes:
        return UnknownOutcome(f"{what}: no answer from Maventa ({error.reason})")
    return TryLater(f"{what}: no answer from Maventa ({error.reason})")


def token(answered: HttpResponse) -> Token:
    """The token of a token request's answer. Asking again is always harmless."""
    code = answered.status
    if code == 429:
        raise SlowDown("token: too many requests", answer=answered.described(), retry_after=answered.retry_after)
    if 400 <= code < 500 and code != 408:
        raise AccessDenied(
            "token: Maventa refused the keys: check MAVENTA_USER_KEY and MAVENTA_VENDOR_KEY, the client's "
            "ACCESS_POINT_TENANT, and that all belong to this environment",
            answer=answered.described(),
        )
    row = wire.read_token(answered.content)
    value = text(row.get("access_token"))
    if not 200 <= code < 300 or not value or not value.isascii() or not value.isprintable():
        raise TryLater("token: no token in the answer", answer=answered.described())
    life = whole(row.get("expires_in"))
    return Token(value, _DEFAULT_LIFE if life is None or life <= 0 else float(life))


# --- people ---------------------------------------------------------------------------------------


def search_terms(consumer: Consumer) -> list[wire.Field]:
    """What of a customer card the registry can be asked by; empty when it is too little to point at one person.

    A person is found by e-mail or phone; name and place keep out whoever else had the number. Never by national
    identity number, though the interface would take one.
    """
    addresses = email_addresses(consumer.email)
    email, phone = next(iter(addresses), ""), international_phone(consumer.phone)
    first, last = names(consumer.name)
    if not (email or phone) or not last:
        return []
    terms = {
        "email": email,
        "phone_number": phone,
        "first_name": first,
        "last_name": last,
        "postal_code": consumer.address.postal_code.strip(),
        "city": consumer.address.city.strip(),
    }
    return [(name, value) for name, value in terms.items() if value]


def names(name: str) -> tuple[str, str]:
    """First and last name: "Kari Anne Nordmann" and "Nordmann, Kari Anne" are the same person."""
    family, comma, given = (part.strip() for part in name.partition(","))
    if comma:
        return " ".join(given.split()), " ".join(family.split())
    words = name.split()
    return " ".join(words[:-1]), words[-1] if words else ""


def international_phone(phone: str) -> str:
    """+4791234123, or empty when the number is not one. A number without a country is Norwegian (eight digits)."""
    bare = digits(phone)
    if phone.strip().startswith("+"):
        abroad = bare
    elif bare.startswith("00"):
        abroad = bare[2:]
    elif len(bare) == 8:
        abroad = f"47{bare}"
    else:
        return ""
    return f"+{abroad}" if 8 <= len(abroad) <= 15 else ""


def reach(answered: HttpResponse, *, asked_by: str) -> ConsumerAnswer:
    """What the look-up means. Facts that fit nobody, or several, are NO; anything unclear is UNKNOWN. The evidence
    holds nobody's data."""
    code = answered.status
    if code != 200:
        fault = wire.read_fault(answered.content)
        if code == 404 and wire.says_unknown(answered.content):
            return ConsumerAnswer(Reach.NO, f"Maventa Yes2All: not found, asked by {asked_by}")
        if fault is not None and 400 <= code < 500 and _SEVERAL.search(fault.words()):
            return ConsumerAnswer(Reach.NO, f"Maventa Yes2All: fits more than one person, asked by {asked_by}")
        return unsure(f"HTTP {code}", asked_by=asked_by)
    try:
        found = wire.read_found(answered.content)
    except wire.Unreadable as error:
        return unsure(str(error), asked_by=asked_by)
    answer = REACH_WORDS.get(found.status.upper())
    if answer is None:
        return unsure(f"unknown word {found.status}", asked_by=asked_by)
    if answer is not Reach.YES:
        return ConsumerAnswer(answer, f"Maventa Yes2All: {found.status}, asked by {asked_by}")
    if not fit_identifier(found.identifier):
        return unsure("RECEIVING, with no eFaktura identifier that may be kept", asked_by=asked_by)
    return ConsumerAnswer(Reach.YES, f"Maventa Yes2All: RECEIVING, asked by {asked_by}", found.identifier)


def fit_identifier(identifier: str) -> bool:
    """Whether it can be an eFaktura identifier. A national identity number is none: we neither keep nor send one."""
    return bool(_IDENTIFIER.fullmatch(identifier)) and not fodselsnummer.is_valid(identifier)


def unsure(reason: str, *, asked_by: str) -> ConsumerAnswer:
    return ConsumerAnswer(Reach.UNKNOWN, f"Maventa Yes2All: no clear answer ({reason}), asked by {asked_by}")
