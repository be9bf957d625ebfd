"""PowerOffice Go's words into ours, as tables."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest

from worker.adapters.poweroffice_go import translate, wire
from worker.model.document import Kind
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, Unavailable, UnknownOutcome
from worker.ports import FactoringStatus
from worker.support.http import AnswerLost, AnswerTooLarge, HttpResponse, NotSent

ROW: dict[str, Any] = {
    "id": "6f0c2c0e-0d3a-4b3f-9a57-2f5d8f0a1b11",
    "customerCode": 10018,
    "customerEmail": "post@debitor.example",
    "totalAmount": 12500.0,
    "invoiceNo": 10045,
    "invoiceDate": "2026-03-02",
    "dueDate": "2026-03-16",
    "createdDate": "2026-03-02T08:14:07 +00:00",
    "isDelivered": False,
    "factoringInvoiceStatus": 1,
}


def answer(body: Any, status: int = 200) -> HttpResponse:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    return HttpResponse(status, {"content-type": "application/json"}, content)


# --- rows ---------------------------------------------------------------------------------------


def test_an_invoice_row() -> None:
    invoice = translate.invoice(ROW)
    assert invoice is not None
    assert (invoice.erp_id, invoice.number, invoice.kind) == (ROW["id"], "10045", Kind.INVOICE)
    assert (invoice.customer_code, invoice.customer_email) == ("10018", "post@debitor.example")
    assert invoice.total == "12500.0"
    assert (invoice.invoice_date, invoice.due_date) == (date(2026, 3, 2), date(2026, 3, 16))
    assert invoice.created_at == datetime(2026, 3, 2, 8, 14, 7, tzinfo=UTC)
    assert orjson.loads(invoice.raw) == ROW


@pytest.mark.parametrize(
    ("change", "kind", "original"),
    [
        ({"originalInvoiceNo": 10044}, Kind.CREDIT_NOTE, "10044"),
        ({"originalInvoiceNo": "10044"}, Kind.CREDIT_NOTE, "10044"),
        ({"originalInvoiceNo": None}, Kind.INVOICE, ""),
        ({"originalInvoiceNo": 0}, Kind.INVOICE, ""),
        ({"totalAmount": -100.0}, Kind.INVOICE, ""),
    ],
)
def test_only_the_credited_number_makes_a_credit_note(change: dict[str, Any], kind: Kind, original: str) -> None:
    invoice = translate.invoice(ROW | change)
    assert invoice is not None
    assert (invoice.kind, invoice.original_number) == (kind, original)


def test_numbers_may_come_as_text_or_with_a_point() -> None:
    invoice = translate.invoice(ROW | {"invoiceNo": 10045.0, "customerCode": "0010018", "totalAmount": 802.1})
    assert invoice is not None
    assert (invoice.number, invoice.customer_code, invoice.total) == ("10045", "0010018", "802.1")


def test_everything_but_the_id_may_be_left_out() -> None:
    invoice = translate.invoice({"id": "a-1"})
    assert invoice is not None
    assert (invoice.number, invoice.customer_code, invoice.customer_email, invoice.total) == ("", "", "", "")
    assert (invoice.invoice_date, invoice.due_date, invoice.created_at) == (None, None, None)


@pytest.mark.parametrize("element", [{}, {"id": None}, {"id": "  "}, None, 7, "text", []])
def test_a_row_without_an_id_is_none(element: Any) -> None:
    assert translate.invoice(element) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-11-04T09:57:29 +00:00", datetime(2025, 11, 4, 9, 57, 29, tzinfo=UTC)),
        ("2025-11-04T09:57:29  +0100", datetime(2025, 11, 4, 8, 57, 29, tzinfo=UTC)),
        ("2025-11-04T09:57:29Z", datetime(2025, 11, 4, 9, 57, 29, tzinfo=UTC)),
        ("2025-11-04T09:57:29", datetime(2025, 11, 4, 9, 57, 29, tzinfo=UTC)),
        ("2025-11-04T09:57:29.1234567+00:00", datetime(2025, 11, 4, 9, 57, 29, 123456, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (20251104, datetime(2025, 11, 4, tzinfo=UTC)),
        ({"when": 1}, None),
    ],
)
def test_timestamps(value: Any, expected: datetime | None) -> None:
    assert wire.instant(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02", date(2026, 3, 2)),
        ("2026-03-02T00:00:00", date(2026, 3, 2)),
        ("2026-03-01T23:00:00 +00:00", date(2026, 3, 2)),  # midnight in Oslo, winter
        ("2026-06-30T22:00:00 +00:00", date(2026, 7, 1)),  # and summer
        ("2026-03-02T00:00:00 +01:00", date(2026, 3, 2)),
        ("02.03.2026", None),
        (None, None),
    ],
)
def test_dates_are_norwegian(value: Any, expected: date | None) -> None:
    assert wire.day(value) == expected


def test_a_business_card() -> None:
    row = wire.row_of({
        "code": 10018, "name": "Ærlig Blomst & Sønn AS", "isPerson": False, "vatNumber": "986252932",
        "mailAddress": {"address1": "Øvre gate 1", "zipCode": "0150", "city": "Oslo", "countryCode": "no"},
        "phoneNumber": "+47 22 00 00 00", "invoiceEmailAddress": "faktura@blomst.example",
        "emailAddress": "a@b.example",
    })  # fmt: skip
    assert row is not None
    card = translate.debtor_card(row)
    assert (card.code, card.name, card.is_person) == ("10018", "Ærlig Blomst & Sønn AS", False)
    assert (card.organisation_number, card.phone) == ("986252932", "+47 22 00 00 00")
    assert (card.invoice_email, card.email) == ("faktura@blomst.example", "a@b.example")
    assert card.address.complete
    assert card.address.country == "NO"


@pytest.mark.parametrize(
    ("row", "name", "is_person", "complete"),
    [
        ({"code": 1, "isPerson": True, "firstName": "Kari", "lastName": "Nordmann"}, "Kari Nordmann", True, False),
        ({"code": 1, "legalName": "Blomst AS"}, "Blomst AS", None, False),
        ({"code": 1, "isPerson": "yes", "mailAddress": None}, "", None, False),
        ({"code": 1, "mailAddress": {"address1": "Gata 1", "zipCode": "0150"}}, "", None, False),
    ],
)
def test_a_card_with_gaps(row: dict[str, Any], name: str, is_person: bool | None, complete: bool) -> None:
    card = translate.debtor_card({key.lower(): value for key, value in row.items()})
    assert (card.name, card.is_person, card.address.complete) == (name, is_person, complete)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, FactoringStatus.ACTIVE), (2, FactoringStatus.FORFEIT), (3, FactoringStatus.COMPLAINED),
        (4, FactoringStatus.COMPLETED), (5, FactoringStatus.DELIVERED), ("5", FactoringStatus.DELIVERED),
        ("Delivered", FactoringStatus.DELIVERED), (0, None), (6, None), ("Lost", None), (None, None), (True, None),
    ],
)  # fmt: skip
def test_statuses(value: Any, expected: FactoringStatus | None) -> None:
    assert translate.status({"factoringinvoicestatus": value}) is expected


def test_every_status_has_its_number() -> None:
    assert set(translate.STATUS_NUMBERS) == set(FactoringStatus)
    assert sorted(translate.STATUS_NUMBERS.values()) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("code", "number"),
    [("10018", 10018), (" 10018 ", 10018), ("010018", 10018), ("K-1", None), ("", None), ("-1", None), ("١٢", None),
     ("1" * 19, None)],
)  # fmt: skip
def test_customer_numbers(code: str, number: int | None) -> None:
    assert translate.code_number(code) == number


def test_identity() -> None:
    client = wire.row_of({"name": "Selger AS", "vatNumber": "999999999"})
    integration = wire.row_of({"validPrivileges": ["Factoring_Full", {"name": "Customer"}], "invalidPrivileges": None})
    assert client is not None
    assert integration is not None
    who = translate.identity(client=client, integration=integration)
    assert (who.name, who.organisation_number) == ("Selger AS", "999999999")
    assert who.privileges == {"Factoring_Full", "Customer"}
    assert who.invalid_privileges == frozenset()


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "data", "count"),
    [
        ({"data": [1, 2], "count": 7, "success": True}, [1, 2], 7),
        ({"Data": [1], "Count": "7", "Success": True}, [1], 7),
        ({"data": [1]}, [1], None),
        ({"items": [1], "totalCount": 3}, [1], 3),
        ([1, 2], [1, 2], None),
        ({"success": True}, None, None),
        (b"\xef\xbb\xbf[]", [], None),
        ({"name": "Selger AS"}, {"name": "Selger AS"}, None),
    ],
)
def test_the_envelope_and_its_absence(body: Any, data: Any, count: int | None) -> None:
    envelope = translate.answered(answer(body), what="list", changes=False)
    assert (envelope.data, envelope.count) == (data, count)


NOTHING = [b"", b"  ", b"<html></html>", b"null", b'"text"', b"17", b'{"data":', b"NaN", b"[" * 3000]


@pytest.mark.parametrize("body", NOTHING)
def test_a_200_that_proves_nothing(body: bytes) -> None:
    with pytest.raises(TryLater):
        translate.answered(answer(body), what="list", changes=False)
    with pytest.raises(UnknownOutcome):
        translate.answered(answer(body), what="delivered", changes=True)


@pytest.mark.parametrize("changes", [True, False])
def test_success_false_is_a_refusal_in_the_vendors_words(changes: bool) -> None:
    body = {"success": False, "validation": {
        "errorLogReference": "2sxuf3bp2jq-0810110719",
        "summary": "Ugyldig e-post kari@nordmann.example, fnr 01010112345",
        "exception": "OData", "fields": {"InvoiceNo": "unknown"},
    }}  # fmt: skip
    with pytest.raises(Refused) as caught:
        translate.answered(answer(body), what="list", changes=changes)
    said = caught.value.answer
    assert "Ugyldig e-post" in said
    assert "exception OData" in said
    assert "2sxuf3bp2jq-0810110719" in said
    assert "fields InvoiceNo" in said
    assert "kari" not in said
    assert "01010112345" not in said


@pytest.mark.parametrize("body", [{"success": False}, {"success": False, "validation": None}])
def test_a_refusal_without_words_is_still_one(body: Any) -> None:
    with pytest.raises(Refused) as caught:
        translate.answered(answer(body), what="list", changes=True)
    assert "HTTP 200" in caught.value.answer


@pytest.mark.parametrize(
    ("body", "ok"),
    [({"success": True}, True), ({"id": "a"}, True), ({"message": "An error has occurred"}, False), ([], False)],
)
def test_a_change_needs_a_success_or_the_invoice(body: Any, ok: bool) -> None:
    if ok:
        translate.accepted(answer(body), what="delivered")
    else:
        with pytest.raises(UnknownOutcome):
            translate.accepted(answer(body), what="delivered")


@pytest.mark.parametrize(
    ("content", "refused"),
    [
        (b"<Invoice/>", False), (b"", False), (b"<html>", False), (b"{broken", False), (b'{"other": 1}', False),
        (b'{"success": true}', False), (b'{"success": false}', True), (b'\xef\xbb\xbf\n {"success": false}', True),
    ],
)  # fmt: skip
def test_a_document_is_what_it_is_or_a_refusal(content: bytes, refused: bool) -> None:
    response = HttpResponse(200, {}, content)
    if refused:
        with pytest.raises(Refused):
            translate.document(response, what="document")
    else:
        assert translate.document(response, what="document") == content


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"error": "invalid_client"}, AccessDenied), (401, b"", AccessDenied),
        (403, b"", AccessDenied), (404, b"", AccessDenied),
        (408, b"", TryLater), (429, {"statusCode": "429"}, SlowDown), (500, b"", TryLater), (503, b"", TryLater),
        (302, b"", TryLater), (200, b"<html>", TryLater),
    ],
)  # fmt: skip
def test_a_token_refused(status: int, body: Any, expected: type[OutsideError]) -> None:
    assert type(translate.token_refused(answer(body, status))) is expected


def test_refused_keys_tell_the_operator_what_to_check() -> None:
    error = translate.token_refused(answer({"error": "invalid_client", "error_description": "secret-key"}, 400))
    assert "client key" in error.message
    assert "environment" in error.message
    assert "invalid_client" in error.answer
    assert "secret-key" not in error.answer


@pytest.mark.parametrize(
    ("trouble", "reading", "changing"),
    [
        (NotSent("x"), Unavailable, Unavailable),
        (AnswerLost("x"), TryLater, UnknownOutcome),
        (AnswerTooLarge("x"), Refused, UnknownOutcome),
    ],
)
def test_no_answer(trouble: Any, reading: type[OutsideError], changing: type[OutsideError]) -> None:
    assert type(translate.trouble(trouble, what="x", changes=False)) is reading
    assert type(translate.trouble(trouble, what="x", changes=True)) is changing


# --- requests -----------------------------------------------------------------------------------


def test_a_list_query_always_says_the_order() -> None:
    query = wire.list_query(filter_="InvoiceNo gt 10040", order_by="InvoiceNo asc", top=100, skip=0)
    assert query == "$filter=(InvoiceNo%20gt%2010040)&$orderby=InvoiceNo%20asc&$top=100&$skip=0"
    assert wire.list_query(filter_="", order_by="CreatedDate desc", top=5, skip=10) == (
        "$orderby=CreatedDate%20desc&$top=5&$skip=10"
    )


def test_the_delivered_body() -> None:
    body = orjson.loads(
        wire.delivered_body(
            erp_id="a", kid="0001004500187", comment="Sendt på e-post", file_name="faktura-10045.pdf", pdf=b"%PDF-1.7\n"
        )
    )
    assert body == {
        "factoringInvoiceId": "a",
        "invoiceCid": "0001004500187",
        "comment": "Sendt på e-post",
        "file": {"fileName": "faktura-10045.pdf", "base64EncodedData": "JVBERi0xLjcK"},
    }
    credit = orjson.loads(wire.delivered_body(erp_id="a", kid="", comment="", file_name="f.pdf", pdf=b""))
    assert "invoiceCid" not in credit
