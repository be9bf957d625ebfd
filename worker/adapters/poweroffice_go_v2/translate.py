"""PowerOffice Go v2's words into ours: vouchers, accounts, entries, and what an answer means. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from worker.adapters.poweroffice_go_v2 import wire
from worker.model.money import Money
from worker.model.outcomes import (
    AccessDenied,
    OutsideError,
    Refused,
    SlowDown,
    TryLater,
    Unavailable,
    UnknownOutcome,
)
from worker.model.voucher import Voucher, VoucherAccount, VoucherKind
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.support.bearer import Token
from worker.support.http import AnswerTooLarge, HttpResponse, HttpTrouble, NotSent
from worker.support.loose_json import Row, day, money, number_text, row_of, rows_of, text, whole

JOURNALS: Final = {VoucherKind.BANK: "BankJournals", VoucherKind.MANUAL: "ManualJournals"}
VOUCHER_TYPES: Final = {VoucherKind.BANK: "BankJournal", VoucherKind.MANUAL: "ManualJournal"}

_ADVICE: Final[dict[int, str]] = {
    401: "the access token or the subscription key was refused: check both, and that they belong to this environment",
    403: "a privilege or the client's Go module is missing",
    404: "not found: an account of the voucher, or the voucher, or the base URL is wrong",
}
_DEFAULT_LIFE = 600.0  # seconds; the token specification's sample, when the answer does not say


class Rejected(Refused):
    """A refusal, with the HTTP status it came as."""

    def __init__(self, message: str, *, answer: str, status: int) -> None:
        super().__init__(message, answer=answer)
        self.status = status


# --- what an answer means -------------------------------------------------------------------------


def listed(response: HttpResponse, *, what: str) -> list[Row]:
    """A list answer; 204 is an empty one."""
    if not 200 <= response.status < 300:
        raise not_done(response, what=what, changes=False)
    if response.status == 204:
        return []
    try:
        body = wire.read(response.content)
    except wire.Unreadable:
        raise TryLater(f"{what}: answer without content or not of this API", answer=response.described()) from None
    if not isinstance(body, list):
        raise TryLater(f"{what}: the answer is not a list", answer=response.described())
    return rows_of(body)  # pyright: ignore[reportUnknownArgumentType]


def single(response: HttpResponse, *, what: str) -> Row:
    """An answer that is one object; 204 is one without a field."""
    if not 200 <= response.status < 300:
        raise not_done(response, what=what, changes=False)
    if response.status == 204:
        return {}
    row = _object(response)
    if row is None:
        raise TryLater(f"{what}: the answer is not an object", answer=response.described())
    return row


def created(response: HttpResponse, *, what: str) -> Row:
    """What a posting made. 202 (accepted, not yet done) and anything without an id prove too little."""
    if not 200 <= response.status < 300:
        raise not_done(response, what=what, changes=True)
    row = _object(response) if response.status != 202 else None
    if row is None or not text(row.get("id")):
        raise UnknownOutcome(f"{what}: no voucher in the answer", answer=response.described())
    return row


def taken(response: HttpResponse, *, what: str) -> None:
    """A change that answers with a status alone."""
    if not 200 <= response.status < 300:
        raise not_done(response, what=what, changes=True)


def not_done(response: HttpResponse, *, what: str, changes: bool) -> OutsideError:
    """The outcome of a status outside 200-299.

    `changes`: the request changes something in Go, so an answer that proves nothing is UnknownOutcome, not TryLater.
    """
    code, answer = response.status, _words(response)
    if code == 429:
        return SlowDown(f"{what}: too many requests", answer=answer, retry_after=response.retry_after)
    if code in (401, 403):
        return AccessDenied(f"{what}: {_ADVICE[code]}", answer=answer)
    if 400 <= code < 500 and code != 408:
        return Rejected(f"{what}: {_ADVICE.get(code, f'HTTP {code}')}", answer=answer, status=code)
    if changes:
        return UnknownOutcome(f"{what}: HTTP {code}", answer=answer)
    return TryLater(f"{what}: HTTP {code}", answer=answer, retry_after=response.retry_after)


def trouble(error: HttpTrouble, *, what: str, changes: bool) -> OutsideError:
    """The outcome when no answer came."""
    if isinstance(error, NotSent):
        return Unavailable(f"{what}: no connection ({error.reason})")
    if changes:
        return UnknownOutcome(f"{what}: no answer ({error.reason})")
    if isinstance(error, AnswerTooLarge):
        return Refused(f"{what}: {error.reason}")
    return TryLater(f"{what}: no answer ({error.reason})")


def token(response: HttpResponse) -> Token:
    """The token of a token request's answer. Asking again is always harmless."""
    code = response.status
    row = _object(response) or {}
    if code == 429:
        raise SlowDown("token: too many requests", answer=response.described(), retry_after=response.retry_after)
    if code in (400, 401, 403):
        said = text(row.get("error"))
        named = said if said.replace("_", "").isalnum() and len(said) <= 40 else "no error code"
        raise AccessDenied(
            "token: PowerOffice Go refused the keys: check application key, client key and subscription key, and that "
            "all belong to this environment",
            answer=f"{named}; {response.described()}",
        )
    if 400 <= code < 500 and code != 408:
        raise AccessDenied("token: no token service here: check the base URL", answer=response.described())
    value = text(row.get("access_token"))
    if not 200 <= code < 300 or not value or not value.isascii() or not value.isprintable():
        raise TryLater("token: no token in the answer", answer=response.described())
    life = whole(row.get("expires_in"))
    return Token(value, _DEFAULT_LIFE if life is None or life <= 0 else float(life))


# --- vouchers -------------------------------------------------------------------------------------


def fit_to_send(voucher: Voucher) -> None:
    """Raises Refused for an amount that two decimals cannot hold."""
    if any(line.amount.amount != round(line.amount.amount, 2) for line in voucher.lines):
        raise Refused(f"voucher {voucher.reference}: an amount has more than two decimals")


def posted(row: Row, *, numbers: Mapping[int, str], what: str) -> PostedVoucher:
    """A BankVoucherDto or ManualVoucherDto; `numbers` gives the account numbers of the ids that were sent."""
    on = day(row.get("voucherdate"))
    lines: list[tuple[str, Money]] = []
    for line in rows_of(row.get("voucherlines")):
        account = whole(line.get("accountid"))
        amount = money(line.get("currencyamount"), text(line.get("currencycode")) or text(row.get("currencycode")))
        if account is not None and amount is not None:
            lines.append((numbers.get(account, f"id {account}"), amount))
    if on is None or not lines:
        raise UnknownOutcome(f"{what}: the voucher in the answer cannot be read")
    return PostedVoucher(
        erp_id=text(row.get("id")),
        number=voucher_number(row),
        reference=text(row.get("externalimportreference")),
        date=on,
        lines=tuple(lines),
        is_reversed=row.get("isreversed") is True,
    )


def voucher_number(row: Row) -> str:
    """Empty while Go has not given the voucher one: right after a posting it may be missing."""
    number = number_text(row.get("voucherno"))
    return "" if number == "0" else number


def vouchers_of(rows: Iterable[Row], *, reference: str) -> list[PostedVoucher]:
    """The vouchers with that reference, put together from AccountTransactionDto rows, one a posting."""
    by_id: dict[str, list[Row]] = {}
    seen: set[str] = set()
    for row in rows:
        if text(row.get("externalimportreference")) != reference or text(row.get("id")) in seen:
            continue
        seen.add(text(row.get("id")))
        by_id.setdefault(text(row.get("voucherid")), []).append(row)
    return [_voucher_of(voucher_id, own, reference) for voucher_id, own in by_id.items()]


def _voucher_of(voucher_id: str, rows: list[Row], reference: str) -> PostedVoucher:
    lines: list[tuple[str, Money]] = []
    for row in rows:
        amount = money(row.get("currencyamount"), text(row.get("currencycode")) or "NOK")
        number = next(
            (
                number
                for name in ("customeraccountno", "supplieraccountno", "employeeaccountno", "accountno")
                if (number := number_text(row.get(name))) not in ("", "0")
            ),
            "",
        )
        if amount is None or not number:
            raise TryLater("account transactions: a row without account or amount")
        lines.append((number, amount))
    on = day(rows[0].get("voucherdate")) or day(rows[0].get("postingdate"))
    if on is None or not voucher_id:
        raise TryLater("account transactions: a row without voucher or date")
    return PostedVoucher(
        erp_id=voucher_id,
        number=voucher_number(rows[0]),
        reference=reference,
        date=on,
        lines=tuple(lines),
        is_reversed=any(row.get("isreversed") is True for row in rows),
    )


# --- accounts and entries -------------------------------------------------------------------------


def code_number(number: str) -> int | None:
    """An account number as the number it is in Go; None when it is not one."""
    bare = number.strip()
    return int(bare) if bare.isascii() and bare.isdigit() and len(bare) <= 18 else None


def ledger_account(account: VoucherAccount, row: Row) -> LedgerAccount:
    """A GL account, customer or supplier. Active only when Go says so."""
    name = text(row.get("name")) or text(row.get("legalname"))
    person = f"{text(row.get('firstname'))} {text(row.get('lastname'))}".strip()
    active = row.get("isactive") is True and row.get("isarchived") is not True
    return LedgerAccount(account=account, name=name or person, active=active)


def vat_id(rows: Iterable[Row], *, code: str, on: date) -> int | None:
    """The id of the VAT code as it is valid on that day."""
    for row in rows:
        first, last = day(row.get("validfrom")), day(row.get("validto"))
        if text(row.get("code")) == code and (first is None or first <= on) and (last is None or on <= last):
            return whole(row.get("id"))
    return None


def open_item(row: Row) -> OpenItem:
    """A CustomerLedgerEntryDto. Raises TryLater when its id or balance cannot be read: the list would not foot."""
    entry_id, balance = number_text(row.get("id")), money(row.get("balance"))
    if not entry_id or balance is None:
        raise TryLater("open items: an entry without id or balance")
    return OpenItem(
        entry_id=entry_id,
        customer_code=number_text(row.get("customeraccountno")),
        document_number=text(row.get("invoiceno")),
        balance=balance,
    )


def total(rows: Iterable[Row], *, what: str) -> Money:
    """Sum of `Amount`, which is in the client's local currency, NOK; each entry once."""
    amounts: dict[str, Money] = {}
    for row in rows:
        amount = money(row.get("amount"))
        if amount is None or not text(row.get("id")):
            raise TryLater(f"{what}: a row without id or amount")
        amounts[text(row["id"])] = amount
    return sum(amounts.values(), Money(0))


def _object(response: HttpResponse) -> Row | None:
    try:
        return row_of(wire.read(response.content))
    except wire.Unreadable:
        return None


def _words(response: HttpResponse) -> str:
    words = wire.problem(response.content)
    return f"{words}; {response.described()}" if words else response.described()
