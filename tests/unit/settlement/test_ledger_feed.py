"""The factor's ledger feed: what docs/ledger-feed.md promises, and that nothing else is read."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.settlement_samples import ACCOUNT, TODAY, feed
from worker.model.money import Money
from worker.model.settlement import EventKind, FeedEvent, FileRefused, SettlementFile, SourceFormat
from worker.settlement.formats import read

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "ledger-feed.md"
PAYMENT: dict[str, object] = {
    "event_id": "E-1",
    "client": "boker",
    "kind": "payment",
    "date": "2026-11-20",
    "amount": "12500.50",
    "currency": "NOK",
    "invoice_number": "10045",
}
NO_AMOUNT = {EventKind.DISPUTE, EventKind.COMPLETED, EventKind.DUE_DATE_CHANGE}


def reading(content: bytes) -> SettlementFile:
    return read(content, own_accounts=frozenset({ACCOUNT}), today=TODAY)


def refusal(content: bytes) -> tuple[str, str]:
    with pytest.raises(FileRefused) as refused:
        reading(content)
    return refused.value.line, str(refused.value)


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in PAYMENT.items() if name != key}


def event_of(kind: EventKind, event_id: str = "E-1") -> dict[str, object]:
    """The least that an event of a kind says."""
    event = {name: value for name, value in PAYMENT.items() if name not in ("amount", "currency")}
    event |= {"event_id": event_id, "kind": kind.value}
    if kind not in NO_AMOUNT:
        event |= {"amount": "100", "currency": "NOK"}
    if kind is EventKind.DUE_DATE_CHANGE:
        event["new_due_date"] = "2026-12-20"
    return event


# --- what is read ---------------------------------------------------------------------------------


def test_every_field() -> None:
    event = PAYMENT | {"kid": "9123400045012007", "debtor_code": "10001", "text": "Delbetaling, Ærø"}
    found = reading(feed([event]))
    assert found.format is SourceFormat.LEDGER_FEED
    assert found.identity == "2026-11-20-1"
    assert found.payments == ()
    assert found.events == (
        FeedEvent(
            event_id="E-1",
            client="boker",
            kind=EventKind.PAYMENT,
            date=date(2026, 11, 20),
            amount=Money(1_250_050),
            invoice_number="10045",
            kid="9123400045012007",
            debtor_code="10001",
            text="Delbetaling, Ærø",
            position="line 2",
        ),
    )


@pytest.mark.parametrize("kind", list(EventKind))
def test_every_kind(kind: EventKind) -> None:
    (event,) = reading(feed([event_of(kind)])).events
    assert event.kind is kind
    assert (event.amount is None) == (kind in NO_AMOUNT)
    assert event.new_due_date == (date(2026, 12, 20) if kind is EventKind.DUE_DATE_CHANGE else None)


def test_a_change_of_balance_is_signed_and_currencies_are_summed_apart() -> None:
    change = event_of(EventKind.BALANCE_CHANGE)
    events = [change | {"amount": "-7.5"}, change | {"event_id": "E-2", "amount": "3.25", "currency": "EUR"}]
    content = feed(events)
    assert b'"sums": {"NOK": "-7.5", "EUR": "3.25"}' in content
    assert [event.amount for event in reading(content).events] == [Money(-750), Money(325, "EUR")]


@pytest.mark.parametrize("change", [lambda c: c.replace(b"\n", b"\r\n"), lambda c: c[:-1], lambda c: c + b"\n"])
def test_line_ends_of_any_kind(change: Any) -> None:
    assert reading(change(feed([PAYMENT]))).events == reading(feed([PAYMENT])).events


def test_no_events() -> None:
    assert reading(feed([])).events == ()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "says"),
    [
        *[(without(key), f"the key {key} is missing") for key in PAYMENT if key != "invoice_number"],
        (without("invoice_number"), "names none of: debtor_code, invoice_number, kid"),
        (PAYMENT | {"invoiceNumber": "1"}, "the key invoiceNumber does not belong"),
        (PAYMENT | {"Ola Nordmann": "1"}, "the key (not shown)"),
        (PAYMENT | {"new_due_date": "2026-12-01"}, "the key new_due_date does not belong"),
        (event_of(EventKind.DISPUTE) | {"amount": "1"}, "the key amount does not belong"),
        (event_of(EventKind.COMPLETED) | {"currency": "NOK"}, "the key currency does not belong"),
        ({k: v for k, v in event_of(EventKind.DUE_DATE_CHANGE).items() if k != "new_due_date"}, "new_due_date is miss"),
        (PAYMENT | {"kind": "refund"}, "the kind refund"),
        (PAYMENT | {"kind": "Payment"}, "the kind Payment"),
        (PAYMENT | {"kind": 1}, "kind is not a string"),
        (PAYMENT | {"date": "20.11.2026"}, "date is not a date"),
        (PAYMENT | {"date": "2026-11-31"}, "date is not a date"),
        (PAYMENT | {"date": "20261120"}, "date is not a date"),
        (PAYMENT | {"date": "2026-11-22"}, "still to come"),
        (PAYMENT | {"currency": "nok"}, "three capital letters"),
        (PAYMENT | {"currency": None}, "currency is not a string"),
        (PAYMENT | {"invoice_number": 10045}, "invoice_number is not a string"),
        (PAYMENT | {"invoice_number": None}, "invoice_number is not a string"),
        (PAYMENT | {"invoice_number": ""}, "invoice_number is empty"),
        (PAYMENT | {"kid": " 12344"}, "kid begins or ends with blanks"),
        (PAYMENT | {"text": "a\x00b"}, "control character"),
        (PAYMENT | {"text": "a\nb"}, "control character"),
        (PAYMENT | {"text": "x" * 501}, "longer than 500"),
        (PAYMENT | {"client": "Bøker AS"}, "short name"),
        (PAYMENT | {"event_id": "a b"}, "event_id"),
        (PAYMENT | {"event_id": "x" * 81}, "event_id"),
    ],
)
def test_a_fault_is_refused_at_its_line(event: dict[str, object], says: str) -> None:
    line, message = refusal(feed([event_of(EventKind.PAYOUT, "E-0"), event], sums={"NOK": "100"}))
    assert says in message
    assert line == "3"


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        (12500.5, "not a string"),
        (12500, "not a string"),
        (True, "not a string"),
        (None, "not a string"),
        ("12500.505", "at most two decimals"),
        ("12 500.50", "decimal number"),
        ("12500,50", "decimal number"),
        ("+1", "decimal number"),
        ("1e3", "decimal number"),
        ("01", "decimal number"),
        ("١", "decimal number"),
        ("NaN", "decimal number"),
        ("", "decimal number"),
        ("9" * 16, "decimal number"),
        ("0.00", "zero"),
        ("-0", "zero"),
        ("-12.00", "negative"),
    ],
)
def test_amounts_are_positive_decimal_strings(amount: object, says: str) -> None:
    content = feed([without("amount")], sums={})
    line, message = refusal(
        content.replace(b'"currency"', b'"amount": ' + json.dumps(amount).encode() + b', "currency"')
    )
    assert says in message
    assert line == "2"


def test_decimals_of_the_currency() -> None:
    assert "more decimals than JPY" in refusal(feed([PAYMENT | {"currency": "JPY"}], sums={}))[1]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"schema": "factoring-worker/registered-claim"}, "schema"),
        ({"schema": None}, "schema"),
        ({"schema_version": 2}, "schema version is not 1"),
        ({"schema_version": "1"}, "schema version is not 1"),
        ({"schema_version": True}, "schema version is not 1"),
        ({"schema_version": 1.0}, "schema version is not 1"),
        ({"file_id": ""}, "file_id"),
        ({"file_id": "a b"}, "file_id"),
        ({"events": 2}, "2 events and the file has 1"),
        ({"events": 0}, "0 events and the file has 1"),
        ({"events": "1"}, "number of events"),
        ({"events": -1}, "number of events"),
        ({"events": True}, "number of events"),
        ({"sums": {"NOK": "12500.51"}}, "12500.51 NOK and the events come to 12500.50 NOK"),
        ({"sums": {"EUR": "12500.50"}}, "other currencies"),
        ({"sums": {}}, "other currencies"),
        ({"sums": {"NOK": "12500.50", "EUR": "0"}}, "other currencies"),
        ({"sums": {"NOK": 12500.5}}, "not a string"),
        ({"sums": "12500.50"}, "sums is not an object"),
        ({"sum": "12500.50"}, "the key sum does not belong"),
    ],
)
def test_the_header_must_fit(header: dict[str, object], says: str) -> None:
    line, message = refusal(feed([PAYMENT], **header))
    assert says in message
    assert line == "1"


def test_an_event_id_stands_once() -> None:
    assert refusal(feed([PAYMENT, PAYMENT])) == ("3", "the event's id stands twice in the file")


SOUND = feed([PAYMENT])


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (SOUND.split(b"\n", 1)[1], "1", "not a header"),
        (b"\xef\xbb\xbf" + SOUND, "1", "byte order mark"),
        (feed([PAYMENT | {"text": "Ærø"}]).decode().encode("iso-8859-1"), "2", "not UTF-8"),
        (SOUND.replace(b"\n", b"\n\n", 1), "2", "empty"),
        (SOUND.replace(b"\n", b"\n[]\n", 1), "2", "not a JSON object"),
        (SOUND.replace(b"\n", b"\n" + b"[" * 15_000 + b"\n", 1), "2", "not whole JSON"),
        (SOUND.replace(b"\n", b"\n" + b"1" * 10_000 + b"\n", 1), "2", ""),
        (SOUND.replace(b"\n", b"\n" + b" " * 20_001 + b"{}\n", 1), "2", "longer than 20000 bytes"),
        (SOUND.replace(b'"12500.50"', b"NaN", 2), "1", "not whole JSON"),
        (SOUND.replace(b'"client"', b'"kid": "1", "kid": "2", "client"'), "2", "a key stands twice in the line: kid"),
        (SOUND.replace(b'"client"', b'"text": "\\ud800", "client"'), "2", "control character"),
    ],
)
def test_damaged_and_hostile_lines(content: bytes, line: str, says: str) -> None:
    at, message = refusal(content)
    assert at == line
    assert says in message


# --- the document ---------------------------------------------------------------------------------


def test_the_documents_examples_are_read() -> None:
    blocks = re.findall(r"```jsonl\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    kinds = {event.kind for block in blocks for event in reading(block.encode("utf-8")).events}
    assert kinds == set(EventKind), "the example shows every kind"


def test_the_document_names_every_kind_with_what_it_must_say() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    for kind in EventKind:
        amount, names, _ = (cell.strip() for cell in rows[kind.value].split("|"))
        event = event_of(kind)
        assert (amount == "none") == (kind in NO_AMOUNT)
        if amount != "none":
            negative = feed([event | {"amount": "-1"}])
            assert reading(negative) if amount == "signed" else refusal(negative)
        bare = {key: value for key, value in event.items() if key != "invoice_number"}
        if names == "–":
            assert reading(feed([bare]))
            continue
        assert "names none of" in refusal(feed([bare]))[1]
        for key in ("invoice_number", "kid", "debtor_code"):
            named = feed([bare | {key: "12344"}])
            assert reading(named) if f"`{key}`" in names else refusal(named)


# --- any file -------------------------------------------------------------------------------------

EVENTS = st.lists(st.tuples(st.sampled_from(EventKind), st.integers(1, 10**12)), max_size=6).map(
    lambda drawn: [
        event_of(kind, f"E-{n}") | ({"amount": f"{m // 100}.{m % 100:02}"} if kind not in NO_AMOUNT else {})
        for n, (kind, m) in enumerate(drawn)
    ]
)


@given(EVENTS)
def test_round_trip(events: list[dict[str, object]]) -> None:
    found = reading(feed(events)).events
    assert [(e.event_id, e.kind.value, e.amount and str(e.amount.amount)) for e in found] == [
        (event["event_id"], event["kind"], event.get("amount")) for event in events
    ]


@given(EVENTS.filter(bool), st.data())
def test_no_line_or_digit_is_lost_unseen(events: list[dict[str, object]], data: st.DataObject) -> None:
    content = feed(events)
    lines = content.splitlines(keepends=True)
    number = data.draw(st.integers(0, len(lines) - 1))
    refusal(b"".join(lines[:number] + lines[number + 1 :]))
    refusal(b"".join(lines[: number + 1] + lines[number:]))
    refusal(content[: data.draw(st.integers(0, len(content.rstrip()) - 1))])
    places = [m.start(1) + n for m in re.finditer(rb'"amount": "([0-9.]+)"', content) for n in range(len(m[1]))]
    digits = [place for place in places if content[place : place + 1] != b"."]
    if digits:
        place = data.draw(st.sampled_from(digits))
        digit = data.draw(st.sampled_from([d for d in b"0123456789" if d != content[place]]))
        refusal(content[:place] + bytes([digit]) + content[place + 1 :])


@given(EVENTS.filter(bool), st.data())
def test_any_damage_is_refused_or_read_and_nothing_else(events: list[dict[str, object]], data: st.DataObject) -> None:
    content = bytearray(feed(events))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        reading(bytes(content))
    except FileRefused as refused:
        assert "10045" not in str(refused)
