"""PowerOffice Go's words about the client's books into ours: vouchers, accounts, open items, refusals. Pure."""

from __future__ import annotations

from worker.adapters.poweroffice_go import translate, wire
from worker.adapters.poweroffice_go.wire import Row
from worker.model.money import Money
from worker.model.outcomes import AlreadyPosted, Refused, TryLater, UnknownOutcome
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind
from worker.ports import LedgerAccount, OpenItem, PostedVoucher
from worker.support.http import HttpResponse

SERVICES = {VoucherKind.BANK: "BankJournalVoucher", VoucherKind.MANUAL: "ManualJournalVoucher"}
CARDS = {
    AccountKind.GENERAL: "/GeneralLedgerAccount",
    AccountKind.CUSTOMER: "/Customer",
    AccountKind.SUPPLIER: "/Supplier",
}


def fit_to_send(voucher: Voucher) -> None:
    """Raises Refused for what Go's fields cannot hold: account numbers are numbers, amounts have two decimals."""
    for line in voucher.lines:
        if translate.code_number(line.account.number) is None:
            raise Refused(f"voucher {voucher.reference}: account {line.account.number!r} is not a number")
        if line.amount.amount != round(line.amount.amount, 2):
            raise Refused(f"voucher {voucher.reference}: an amount has more than two decimals")


def posted(response: HttpResponse, *, what: str) -> PostedVoucher:
    """The voucher as the answer to a posting shows it; AlreadyPosted when its reference is taken.

    A success that does not show the voucher proves too little: without its id it could never be reversed.
    """
    try:
        envelope = translate.answered(response, what=what, changes=True)
    except Refused as no:
        if _is_duplicate(response):
            raise AlreadyPosted(f"{what}: the reference is already in use", answer=no.answer) from None
        raise
    voucher = posted_voucher(wire.row_of(envelope.data) or {})
    if voucher is None:
        raise UnknownOutcome(f"{what}: no voucher in the answer", answer=response.described())
    return voucher


def done(response: HttpResponse, *, what: str) -> None:
    """A change whose answer need not show anything but success."""
    if translate.answered(response, what=what, changes=True).success is None:
        raise UnknownOutcome(f"{what}: no word of success in the answer", answer=response.described())


def posted_voucher(row: Row) -> PostedVoucher | None:
    """A v1 voucher; None when id, date, or any line's account or amount is missing."""
    on = wire.day(row.get("voucherdate"))
    lines = [_line(line, wire.text(row.get("currencycode"))) for line in wire.rows_of(row.get("lines"))]
    whole = [line for line in lines if line is not None]
    if not wire.text(row.get("id")) or on is None or not whole or len(whole) != len(lines):
        return None
    return PostedVoucher(
        erp_id=wire.text(row["id"]),
        number=wire.number_text(row.get("voucherno")),
        reference=wire.text(row.get("externalimportreference")),
        date=on,
        lines=tuple(whole),
        is_reversed=row.get("isreversed") is True,
    )


def ledger_account(account: VoucherAccount, row: Row) -> LedgerAccount:
    """A GL account or a card. Active only when Go says so: an account we cannot be sure of is not posted to."""
    name = wire.text(row.get("name")) or wire.text(row.get("legalname"))
    person = f"{wire.text(row.get('firstname'))} {wire.text(row.get('lastname'))}".strip()
    active = row.get("isactive") is True and row.get("isarchived") is not True
    return LedgerAccount(account=account, name=name or person, active=active)


def open_item(row: Row) -> OpenItem:
    """A CustomerLedgerEntry. Raises TryLater when its id or balance cannot be read: the list would not foot."""
    entry_id, balance = wire.number_text(row.get("id")), wire.money(row.get("balance"))
    if not entry_id or balance is None:
        raise TryLater("open items: an entry without id or balance")
    return OpenItem(
        entry_id=entry_id,
        customer_code=wire.number_text(row.get("customercode")),
        document_number=wire.number_text(row.get("documentno")),
        balance=balance,
    )


def amount(row: Row, field: str, *, what: str) -> Money:
    """An amount in the client's local currency, which is NOK. Raises TryLater when it cannot be read."""
    found = wire.money(row.get(field))
    if found is None:
        raise TryLater(f"{what}: a row without an amount")
    return found


def _line(row: Row, currency: str) -> tuple[str, Money] | None:
    account = wire.number_text(row.get("accountcode"))
    money = wire.money(row.get("amount"), wire.text(row.get("currencycode")) or currency or "NOK")
    return (account, money) if account and money is not None else None


def _is_duplicate(response: HttpResponse) -> bool:
    """`exception` of the ApiUniqueConstraint kind: with HTTP 200 since release 2.16, with 400 before."""
    try:
        return "uniqueconstraint" in wire.read_envelope(response.content).exception.lower()
    except wire.Unreadable:
        return False
