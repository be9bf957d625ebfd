"""What both versions of PowerOffice Go say about vouchers, in our words: answers, refusals, amounts, dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import orjson
import pytest

from worker.adapters.poweroffice_go import ledger as v1
from worker.adapters.poweroffice_go import wire as v1_wire
from worker.adapters.poweroffice_go_v2 import translate as v2
from worker.adapters.poweroffice_go_v2 import wire as v2_wire
from worker.model.money import Money
from worker.model.outcomes import AccessDenied, AlreadyPosted, OutsideError, Refused, SlowDown, TryLater, UnknownOutcome
from worker.model.voucher import AccountKind, Voucher, VoucherAccount, VoucherKind, VoucherLine
from worker.support.http import AnswerLost, AnswerTooLarge, HttpResponse, NotSent
from worker.support.loose_json import money, rows_of

JSON = {"content-type": "application/json"}


def response(status: int, body: Any = None, **headers: str) -> HttpResponse:
    return HttpResponse(status, {**JSON, **headers}, orjson.dumps(body) if body is not None else b"")


def raised(call: Callable[[], Any]) -> OutsideError:
    with pytest.raises(OutsideError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("value", "minor"),
    [
        (12500.0, 1_250_000),
        (0.1 + 0.2, 30),
        (-0.005, -1),
        (1.005, 101),
        ("12500.10", 1_250_010),
        (7, 700),
        (None, None),
        (True, None),
        ("tolv", None),
        (float("nan"), None),
        (float("inf"), None),
        ({}, None),
    ],
)
def test_an_amount_given_as_a_double(value: Any, minor: int | None) -> None:
    found = money(value)
    assert (found.minor if found else None) == minor


def test_only_objects_count_as_rows() -> None:
    assert rows_of([{"A": 1}, None, 2, {"b": 3}]) == [{"a": 1}, {"b": 3}]
    assert rows_of({"a": 1}) == []


# --- v1 -------------------------------------------------------------------------------------------

POSTED = {
    "id": "6f0c",
    "voucherNo": 50001,
    "voucherDate": "2026-03-15T23:00:00 +00:00",
    "externalImportReference": "FC-1",
    "lines": [{"accountCode": 10018, "amount": -12500.1, "cid": "1"}, {"accountCode": 20100, "amount": 12500.1}],
}


def test_a_v1_voucher_is_read_with_its_odd_date() -> None:
    for body in (POSTED, {"success": True, "data": POSTED}):
        found = v1.posted(response(200, body), what="voucher")
        assert (found.erp_id, found.number, found.reference, found.date) == ("6f0c", "50001", "FC-1", date(2026, 3, 16))
        assert found.lines == (("10018", Money(-1_250_010)), ("20100", Money(1_250_010)))
        assert not found.is_reversed


@pytest.mark.parametrize("lost", ["id", "voucherDate", "lines"])
def test_a_v1_success_that_shows_no_voucher_proves_too_little(lost: str) -> None:
    body = {"success": True, "data": {name: value for name, value in POSTED.items() if name != lost}}
    assert isinstance(raised(lambda: v1.posted(response(200, body), what="voucher")), UnknownOutcome)
    assert isinstance(raised(lambda: v1.posted(response(200, {"success": True}), what="voucher")), UnknownOutcome)


def test_a_v1_line_that_cannot_be_read_is_not_left_out() -> None:
    lines = [{"accountCode": 10018, "amount": -1.0}, {"accountCode": 20100}]
    assert v1.posted_voucher({name.lower(): value for name, value in {**POSTED, "lines": lines}.items()}) is None


@pytest.mark.parametrize("status", [200, 400])
def test_a_v1_reference_that_is_taken(status: int) -> None:
    """HTTP 200 since release 2.16, HTTP 400 before."""
    validation = {"summary": "Referansen finnes", "exception": "ApiUniqueConstraintException"}
    said = raised(lambda: v1.posted(response(status, {"success": False, "validation": validation}), what="voucher"))
    assert isinstance(said, AlreadyPosted)
    assert "Referansen finnes" in said.answer


def test_a_v1_refusal_keeps_the_vendors_words() -> None:
    validation = {
        "summary": "Konto 6970 er ikke aktiv for kari@nordmann.example",
        "exception": "Validation",
        "errorLogReference": "2sxuf3bp2jq-0810110719",
    }
    said = raised(lambda: v1.posted(response(200, {"success": False, "validation": validation}), what="voucher"))
    assert type(said) is Refused
    assert "Konto 6970 er ikke aktiv" in said.answer
    assert "2sxuf3bp2jq" in said.answer
    assert "kari@" not in said.answer


def test_a_v1_change_needs_a_word_of_success() -> None:
    v1.done(response(200, {"success": True}), what="match")
    assert isinstance(raised(lambda: v1.done(response(200, {"id": 1}), what="match")), UnknownOutcome)
    assert isinstance(raised(lambda: v1.done(response(200), what="match")), UnknownOutcome)


def test_v1_entries_that_cannot_be_read_are_not_left_out() -> None:
    assert isinstance(raised(lambda: v1.open_item({"id": 1})), TryLater)
    assert isinstance(raised(lambda: v1.amount({}, "balance", what="balance")), TryLater)


# --- v2 -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "asks", "changes"),
    [
        (301, TryLater, UnknownOutcome),
        (400, v2.Rejected, v2.Rejected),
        (401, AccessDenied, AccessDenied),
        (403, AccessDenied, AccessDenied),
        (404, v2.Rejected, v2.Rejected),
        (408, TryLater, UnknownOutcome),
        (409, v2.Rejected, v2.Rejected),
        (422, v2.Rejected, v2.Rejected),
        (429, SlowDown, SlowDown),
        (500, TryLater, UnknownOutcome),
        (502, TryLater, UnknownOutcome),
        (503, TryLater, UnknownOutcome),
    ],
)
def test_v2_status_to_outcome(status: int, asks: type[OutsideError], changes: type[OutsideError]) -> None:
    answer = HttpResponse(status, {"content-type": "text/html", "retry-after": "7"}, b"<p>kari@nordmann.example</p>")
    for judge, kind in ((v2.listed, asks), (v2.single, asks), (v2.created, changes), (v2.taken, changes)):
        said = raised(lambda judge=judge: judge(answer, what="call"))
        assert type(said) is kind
        assert f"HTTP {status}" in said.answer
        assert "kari@" not in f"{said.message}{said.answer}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"Title": "Bad Request", "Detail": "Posting date is locked"}, "Bad Request; Posting date is locked"),
        ({"title": "Bad", "detail": "c/o ola@nordmann.example"}, "Bad; c/o ***"),
        (
            {"title": "Bad", "errors": {"VoucherLines[0].VatId": ["is required", "is wrong"], "x": "y"}},
            "Bad; VoucherLines[0].VatId: is required is wrong; x: y",
        ),
        ({"statusCode": "429", "message": "Rate limit is exceeded."}, "Rate limit is exceeded."),
        (["x"], ""),
        (None, ""),
    ],
)
def test_v2_problems_are_read_in_any_case(body: Any, words: str) -> None:
    assert v2_wire.problem(orjson.dumps(body) if body is not None else b"<html>") == words


def test_v2_lists_and_objects() -> None:
    assert v2.listed(HttpResponse(204), what="list") == []
    assert v2.listed(response(200, [{"Id": 1}]), what="list") == [{"id": 1}]
    assert v2.single(HttpResponse(204), what="object") == {}
    for body in (None, {"a": 1}):
        assert isinstance(raised(lambda body=body: v2.listed(response(200, body), what="list")), TryLater)
    assert isinstance(raised(lambda: v2.single(response(200, [1]), what="object")), TryLater)


@pytest.mark.parametrize(("status", "body"), [(201, None), (201, {"VoucherNo": 1}), (202, {"Id": "a"}), (200, [])])
def test_a_v2_success_that_shows_no_voucher_proves_too_little(status: int, body: Any) -> None:
    assert isinstance(raised(lambda: v2.created(response(status, body), what="voucher")), UnknownOutcome)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(400, {"error": "invalid_client"}), AccessDenied),
        (response(401), AccessDenied),
        (response(404), AccessDenied),
        (response(429), SlowDown),
        (response(500), TryLater),
        (response(200, {"token": "x"}), TryLater),
        (response(200, {"access_token": "a\nb"}), TryLater),
    ],
)
def test_no_v2_token(answer: HttpResponse, kind: type[OutsideError]) -> None:
    assert type(raised(lambda: v2.token(answer))) is kind


def test_a_v2_token_and_how_long_it_lives() -> None:
    assert v2.token(response(200, {"access_token": "t", "expires_in": 1200})).lives == 1200
    assert v2.token(response(200, {"access_token": "t"})).lives == 600


def test_v2_trouble_on_the_way() -> None:
    assert isinstance(v2.trouble(NotSent("x"), what="w", changes=True), TryLater)
    assert isinstance(v2.trouble(AnswerLost("x"), what="w", changes=True), UnknownOutcome)
    assert isinstance(v2.trouble(AnswerLost("x"), what="w", changes=False), TryLater)
    assert isinstance(v2.trouble(AnswerTooLarge("x"), what="w", changes=False), Refused)


def transaction(row_id: int, amount: float, **more: Any) -> dict[str, Any]:
    return {
        "id": row_id,
        "voucherid": "v1",
        "voucherno": 7,
        "voucherdate": "2026-03-16",
        "accountno": 1920,
        "currencyamount": amount,
        "currencycode": "NOK",
        "externalimportreference": "FC-1",
        **more,
    }


def test_v2_vouchers_are_put_together_from_their_postings() -> None:
    rows = [
        transaction(1, -5.0, accountno=1500, customeraccountno=10018),
        transaction(2, 5.0, accountno=2400, supplieraccountno=20100),
        transaction(2, 5.0, accountno=2400, supplieraccountno=20100),  # a page that shifted shows a row twice
        transaction(3, 9.0, voucherid="v2", isreversed=True),
        transaction(4, 1.0, externalimportreference="FC-10"),
    ]
    first, second = v2.vouchers_of(rows, reference="FC-1")
    assert first.lines == (("10018", Money(-500)), ("20100", Money(500)))
    assert (first.is_reversed, second.is_reversed, second.erp_id, second.number) == (False, True, "v2", "7")
    for broken in (
        transaction(1, 1.0, currencyamount=None),
        transaction(1, 1.0, accountno=None),
        transaction(1, 1.0, voucherdate=None),
    ):
        assert isinstance(raised(lambda broken=broken: v2.vouchers_of([broken], reference="FC-1")), TryLater)


def test_a_v2_total_counts_an_entry_once() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "amount": 0.1}, {"id": 2, "amount": 0.2}, {"id": 1, "amount": 0.1}]
    assert v2.total(rows, what="balance") == Money(30)
    assert isinstance(raised(lambda: v2.total([{"id": 3}], what="balance")), TryLater)


def test_the_v2_vat_code_valid_on_the_day() -> None:
    rows = [
        {"id": 1, "code": "0", "validfrom": "1970-01-01", "validto": "2009-12-31"},
        {"id": 2, "code": "0", "validfrom": "2010-01-01"},
        {"id": 3, "code": "3"},
    ]
    assert [v2.vat_id(rows, code="0", on=on) for on in (date(2009, 12, 31), date(2010, 1, 1), date(1969, 12, 31))] == [
        1,
        2,
        None,
    ]


# --- bodies ---------------------------------------------------------------------------------------


def made(kind: VoucherKind) -> Voucher:
    debtor, bank = VoucherAccount(AccountKind.CUSTOMER, "10018"), VoucherAccount(AccountKind.GENERAL, "1920")
    lines = tuple(
        VoucherLine(
            account=account,
            amount=Money(minor),
            description="ø",
            reference=f"R{minor}",
            invoice_number="10045",
            kid="18",
        )
        for account, minor in ((debtor, -10), (bank, 10))
    )
    return Voucher(kind=kind, date=date(2026, 3, 16), description="d", reference="R", lines=lines)


@pytest.mark.parametrize("kind", list(VoucherKind))
def test_bodies(kind: VoucherKind) -> None:
    voucher, bank = made(kind), kind is VoucherKind.BANK
    first = v1_wire.voucher_body(voucher)
    assert b'"amount":-0.10,' in first
    debtor, other = orjson.loads(first)["lines"]
    assert ({"invoiceNo", "cID"} <= debtor.keys(), {"invoiceNo", "cID"} & other.keys()) == (bank, set())
    assert (debtor["accountCode"], debtor["date"], debtor["vatCode"]) == (10018, "2026-03-16", "0")
    assert "saftSourceId" not in orjson.loads(first)
    ids = {line.account: 900 + position for position, line in enumerate(voucher.lines)}
    second = v2_wire.voucher_body(voucher, ids=ids, vat_id=7001)
    assert b'"CurrencyAmount":-0.10,' in second
    debtor, other = orjson.loads(second)["VoucherLines"]
    assert ("InvoiceNo" in debtor, "Cid" in debtor, {"InvoiceNo", "Cid"} & other.keys()) == (bank, False, set())
    assert (debtor["AccountId"], other["AccountId"], debtor["VatId"]) == (900, 901, 7001)
