"""PowerOffice Go's words into ours: rows, cards, statuses, and what an answer means. Pure."""

from __future__ import annotations

from typing import Any, Final

from worker.adapters.poweroffice_go import wire
from worker.adapters.poweroffice_go.wire import Envelope, Row
from worker.model.document import Kind
from worker.model.outcomes import (
    AccessDenied,
    OutsideError,
    Refused,
    SlowDown,
    TryLater,
    Unavailable,
    UnknownOutcome,
)
from worker.model.party import DebtorCard, PostalAddress
from worker.ports import ErpIdentity, ErpInvoice, FactoringStatus
from worker.support.http import AnswerTooLarge, HttpResponse, HttpTrouble, NotSent

# FactoringInvoiceStatus. 0 (Unspecified) is an error value: never sent, read as "unknown".
STATUS_NUMBERS: Final[dict[FactoringStatus, int]] = {
    FactoringStatus.ACTIVE: 1,
    FactoringStatus.FORFEIT: 2,
    FactoringStatus.COMPLAINED: 3,
    FactoringStatus.COMPLETED: 4,
    FactoringStatus.DELIVERED: 5,
}
_BY_NUMBER = {number: status for status, number in STATUS_NUMBERS.items()}

_ADVICE: Final[dict[int, str]] = {
    401: "the access token was refused twice: check that the client has not withdrawn the integration",
    403: "a privilege or the client's Go module is missing (factoring needs Factoring_Full)",
    404: "not found: check the base URL, and the invoice in Go",
}


def invoice(element: Any) -> ErpInvoice | None:
    """FactoringInvoiceDetails as our list row; None when it has no id, without which nothing can be asked or told.

    A credit note is told by `originalInvoiceNo`, which is set on credit notes only.
    """
    row = wire.row_of(element)
    if row is None or not wire.text(row.get("id")):
        return None
    original = wire.number_text(row.get("originalinvoiceno"))
    credit = original not in ("", "0")
    return ErpInvoice(
        erp_id=wire.text(row["id"]),
        number=wire.number_text(row.get("invoiceno")),
        kind=Kind.CREDIT_NOTE if credit else Kind.INVOICE,
        customer_code=wire.number_text(row.get("customercode")),
        customer_email=wire.text(row.get("customeremail")),
        total=wire.text(row.get("totalamount")),
        invoice_date=wire.day(row.get("invoicedate")),
        due_date=wire.day(row.get("duedate")),
        original_number=original if credit else "",
        created_at=wire.instant(row.get("createddate")),
        raw=wire.raw_text(element),
    )


def debtor_card(row: Row) -> DebtorCard:
    """A v1 Customer. The postal address is `mailAddress`; street addresses are where goods go."""
    first, last = wire.text(row.get("firstname")), wire.text(row.get("lastname"))
    name = wire.text(row.get("name")) or wire.text(row.get("legalname")) or f"{first} {last}".strip()
    is_person = row.get("isperson")
    address = wire.row_of(row.get("mailaddress")) or {}
    return DebtorCard(
        code=wire.number_text(row.get("code")),
        name=name,
        is_person=is_person if isinstance(is_person, bool) else None,
        first_name=first,
        last_name=last,
        organisation_number=wire.text(row.get("vatnumber")),
        address=PostalAddress(
            line1=wire.text(address.get("address1")),
            line2=wire.text(address.get("address2")),
            postal_code=wire.text(address.get("zipcode")),
            city=wire.text(address.get("city")),
            country=wire.text(address.get("countrycode")).upper(),
        ),
        phone=wire.text(row.get("phonenumber")),
        invoice_email=wire.text(row.get("invoiceemailaddress")),
        email=wire.text(row.get("emailaddress")),
    )


def identity(*, client: Row, integration: Row) -> ErpIdentity:
    """From `GET /Client` and `GET /ClientIntegrationInformation`."""
    return ErpIdentity(
        name=wire.text(client.get("name")) or wire.text(integration.get("clientname")),
        organisation_number=wire.text(client.get("vatnumber")),
        privileges=_names(integration.get("validprivileges")),
        invalid_privileges=_names(integration.get("invalidprivileges")),
    )


def status(row: Row) -> FactoringStatus | None:
    """The row's status, given as number or name; None when absent or not in our table."""
    value = row.get("factoringinvoicestatus")
    number = wire.whole(value)
    if number is not None:
        return _BY_NUMBER.get(number)
    try:
        return FactoringStatus(wire.text(value).lower())
    except ValueError:
        return None


def same_id(row: Row, erp_id: str) -> bool:
    """Guids are compared without regard to case."""
    return wire.text(row.get("id")).lower() == erp_id.lower()


def code_number(code: str) -> int | None:
    """A customer number as the number it is in Go; None when it is not one."""
    bare = code.strip()
    return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= 18 else None


# --- what an answer means -------------------------------------------------------------------------


def listed(response: HttpResponse, *, what: str) -> Envelope:
    """A list answer, whose `rows()` can be read; else raises the outcome."""
    envelope = answered(response, what=what, changes=False)
    try:
        envelope.rows()
    except wire.Unreadable:
        raise TryLater(f"{what}: the answer is not a list", answer=response.described()) from None
    return envelope


def single(response: HttpResponse, *, what: str) -> Row:
    """An answer that is one object; else raises the outcome."""
    try:
        return answered(response, what=what, changes=False).row()
    except wire.Unreadable:
        raise TryLater(f"{what}: the answer is not an object", answer=response.described()) from None


def document(response: HttpResponse, *, what: str) -> bytes:
    """A raw body of whatever kind, or its refusal: an error envelope comes with HTTP 200 and is told by its content."""
    if not 200 <= response.status < 300:
        raise not_done(response, what=what, changes=False)
    if response.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            envelope = wire.read_envelope(response.content)
        except wire.Unreadable:
            return response.content
        if envelope.success is False:
            raise Refused(f"{what}: refused by PowerOffice Go", answer=envelope.words or response.described())
    return response.content


def accepted(response: HttpResponse, *, what: str) -> Row:
    """The invoice as the answer to a change shows it; {} when a success shows none. Else raises the outcome."""
    envelope = answered(response, what=what, changes=True)
    row = wire.row_of(envelope.data) or {}
    if envelope.success is None and not wire.text(row.get("id")):
        raise UnknownOutcome(f"{what}: neither a success nor the invoice in the answer", answer=response.described())
    return row


def answered(response: HttpResponse, *, what: str, changes: bool) -> Envelope:
    """The envelope of a request that succeeded; otherwise raises the outcome. `what` names the call in messages.

    `changes`: the request changes something in Go, so an answer that proves nothing is UnknownOutcome, not TryLater.
    A 200 may be a refusal (`success` false); an empty or foreign body proves nothing.
    """
    if 200 <= response.status < 300:
        try:
            envelope = wire.read_envelope(response.content)
        except wire.Unreadable as error:
            raise _unproven(f"{what}: answer without content or not of this API ({error})", response, changes) from None
        if envelope.success is False:
            raise Refused(f"{what}: refused by PowerOffice Go", answer=envelope.words or response.described())
        return envelope
    raise not_done(response, what=what, changes=changes)


def not_done(response: HttpResponse, *, what: str, changes: bool) -> OutsideError:
    """The outcome of a status outside 200-299."""
    code = response.status
    if code == 429:
        return SlowDown(f"{what}: too many requests", answer=_words(response), retry_after=response.retry_after)
    if code in (401, 403):
        return AccessDenied(f"{what}: {_ADVICE[code]}", answer=_words(response))
    if 400 <= code < 500 and code != 408:
        return Refused(f"{what}: {_ADVICE.get(code, f'HTTP {code}')}", answer=_words(response))
    return _unproven(f"{what}: HTTP {code}", response, changes)


def token_refused(response: HttpResponse) -> OutsideError:
    """The outcome of a token request that gave no token. Asking again is always harmless."""
    code = response.status
    if code == 429:
        return SlowDown("token: too many requests", answer=response.described(), retry_after=response.retry_after)
    if code in (400, 401, 403):
        return AccessDenied(
            "token: PowerOffice Go refused the keys: check application key and client key, and that both belong to "
            "this environment (demo keys do not work live, nor the other way)",
            answer=f"{oauth_error(response)}; {response.described()}",
        )
    if 400 <= code < 500 and code != 408:
        return AccessDenied("token: no token service here: check the base URL", answer=response.described())
    return TryLater("token: no token in the answer", answer=response.described())


def oauth_error(response: HttpResponse) -> str:
    """The `error` code of RFC 6749 §5.2 when it looks like one."""
    try:
        row = wire.read_envelope(response.content).row()
    except wire.Unreadable:
        return "no error code"
    code = wire.text(row.get("error"))
    return code if code.replace("_", "").isalnum() and len(code) <= 40 else "no error code"


def trouble(error: HttpTrouble, *, what: str, changes: bool) -> OutsideError:
    """The outcome when no answer came."""
    if isinstance(error, NotSent):
        return Unavailable(f"{what}: no connection ({error.reason})")
    if changes:
        return UnknownOutcome(f"{what}: no answer ({error.reason})")
    if isinstance(error, AnswerTooLarge):
        return Refused(f"{what}: {error.reason}")
    return TryLater(f"{what}: no answer ({error.reason})")


def _unproven(message: str, response: HttpResponse, changes: bool) -> OutsideError:
    if changes:
        return UnknownOutcome(message, answer=_words(response))
    return TryLater(message, answer=_words(response), retry_after=response.retry_after)


def _words(response: HttpResponse) -> str:
    """The vendor's explanation when the body is its envelope; else only what kind of answer it was."""
    try:
        words = wire.read_envelope(response.content).words
    except wire.Unreadable:
        words = ""
    return f"{words}; {response.described()}" if words else response.described()


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    found: set[str] = set()
    for item in value:  # pyright: ignore[reportUnknownVariableType]
        row = wire.row_of(item)
        name = wire.text(row.get("name") if row is not None else item)
        if name:
            found.add(name)
    return frozenset(found)
