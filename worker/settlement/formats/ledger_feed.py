"""The factor's ledger feed, JSON Lines, schema version 1: a header with control totals, then one event a line.

docs/ledger-feed.md is the schema; this refuses whatever departs from it. Nothing is guessed: an unknown key may be a
misspelt one, and a number that is not a string has been through a float.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NoReturn, cast

from worker.model.money import AmountError, Money
from worker.model.settlement import EventKind, FeedEvent, FileRefused, SettlementFile, SourceFormat

SCHEMA: Final = "factoring-worker/ledger-feed"
SCHEMA_VERSION: Final = 1
_AMOUNT: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,2})?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_CLIENT: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_EVENT_ID: Final = re.compile(r"[!-~]{1,80}")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST_TEXT: Final = 500
_LONGEST_LINE: Final = 20_000

_HEADER_KEYS: Final = frozenset({"schema", "schema_version", "file_id", "events", "sums"})
_ALWAYS: Final = frozenset({"event_id", "client", "kind", "date"})
_OPTIONAL: Final = frozenset({"invoice_number", "kid", "debtor_code", "text"})
_CLAIM: Final = frozenset({"invoice_number", "kid"})
_DEBTOR: Final = _CLAIM | {"debtor_code"}


@dataclass(frozen=True, slots=True)
class KindRule:
    """What an event of a kind must say. `names_one_of`: keys of which at least one is there; none needed when empty."""

    amount: bool = True
    signed: bool = False
    new_due_date: bool = False
    names_one_of: frozenset[str] = frozenset()


KIND_RULES: Final[dict[EventKind, KindRule]] = {
    EventKind.PAYMENT: KindRule(names_one_of=_DEBTOR),
    EventKind.ADMINISTRATIVE_FEE: KindRule(),
    EventKind.FINANCIAL_FEE: KindRule(),
    EventKind.INTEREST_CHARGED: KindRule(names_one_of=_DEBTOR),
    EventKind.INTEREST_PAID: KindRule(names_one_of=_DEBTOR),
    EventKind.ADVANCE: KindRule(),
    EventKind.PAYOUT: KindRule(),
    EventKind.BALANCE_CHANGE: KindRule(signed=True),
    EventKind.CREDIT_OFFSET: KindRule(names_one_of=_CLAIM),
    EventKind.WRITE_OFF: KindRule(names_one_of=_CLAIM),
    EventKind.RECOURSE: KindRule(names_one_of=_CLAIM),
    EventKind.DISPUTE: KindRule(amount=False, names_one_of=_CLAIM),
    EventKind.COMPLETED: KindRule(amount=False, names_one_of=_CLAIM),
    EventKind.DUE_DATE_CHANGE: KindRule(amount=False, new_due_date=True, names_one_of=_CLAIM),
    EventKind.DIRECT_PAYMENT: KindRule(names_one_of=_DEBTOR),
}


def read(content: bytes, *, own_accounts: frozenset[str], today: date) -> SettlementFile:
    """The events, in the file's order. `own_accounts` is not needed: the feed has clients, not accounts.

    Raises FileRefused.
    """
    lines = _lines(content)
    number, header = next(lines)
    file_id, stated, sums = _header(number, header)
    events: list[FeedEvent] = []
    ids: set[str] = set()
    found: Counter[str] = Counter()
    for number, fields in lines:
        event = _event(number, fields, today)
        if event.event_id in ids:
            _refuse(number, "the event's id stands twice in the file")
        ids.add(event.event_id)
        if event.amount is not None:
            found[event.amount.currency] += event.amount.minor
        events.append(event)
    if stated != len(events):
        _refuse(1, f"the header says {stated} events and the file has {len(events)}: it is cut short or put together")
    if set(sums) != set(found):
        _refuse(1, "the header's sums are of other currencies than the events")
    for currency, minor in sums.items():
        if minor != found[currency]:
            _refuse(
                1, f"the header says {Money(minor, currency)} and the events come to {Money(found[currency], currency)}"
            )
    return SettlementFile(
        format=SourceFormat.LEDGER_FEED,
        identity=file_id,
        sha256=hashlib.sha256(content).hexdigest(),
        events=tuple(events),
    )


# --- lines ----------------------------------------------------------------------------------------


def _lines(content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    if content.startswith(b"\xef\xbb\xbf"):
        _refuse(1, "the file begins with a byte order mark: write UTF-8 without one")
    body = content.rstrip(b"\r\n")
    for number, line in enumerate(body.split(b"\n"), start=1):
        yield number, _object(number, line.removesuffix(b"\r"))


def _object(number: int, line: bytes) -> dict[str, Any]:
    if not line.strip():
        _refuse(number, "the line is empty")
    if len(line) > _LONGEST_LINE:
        _refuse(number, f"the line is longer than {_LONGEST_LINE} bytes")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        _refuse(number, "the line is not UTF-8")
    try:
        found: object = json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except _TwiceSaid as error:
        _refuse(number, f"a key stands twice in the line: {error}")
    except (ValueError, RecursionError):
        _refuse(number, "the line is not whole JSON")
    if not isinstance(found, dict):
        _refuse(number, "the line is not a JSON object")
    return cast("dict[str, Any]", found)


class _TwiceSaid(Exception):
    """A key stands twice in an object; JSON readers differ in which they take."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise _TwiceSaid(_shown(next(name for name, count in names.items() if count > 1)))
    return found


def _constant(_: str) -> NoReturn:
    raise ValueError


# --- header and events ----------------------------------------------------------------------------


def _header(number: int, fields: dict[str, Any]) -> tuple[str, int, dict[str, int]]:
    if fields.get("schema") != SCHEMA:
        _refuse(number, f"the first line is not a header with the schema {SCHEMA}")
    version = fields.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        _refuse(number, f"the schema version is not {SCHEMA_VERSION}, the only one known here")
    _exact_keys(number, fields, _HEADER_KEYS, frozenset())
    file_id = _text(number, fields, "file_id")
    if not _EVENT_ID.fullmatch(file_id):
        _refuse(number, "file_id is not 1–80 letters, digits or signs without blanks")
    count = fields["events"]
    if type(count) is not int or count < 0:
        _refuse(number, "events is not a number of events")
    sums = fields["sums"]
    if not isinstance(sums, dict):
        _refuse(number, "sums is not an object with a sum for each currency")
    named = cast("dict[str, Any]", sums)
    return file_id, count, {currency: _money(number, value, currency).minor for currency, value in named.items()}


def _event(number: int, fields: dict[str, Any], today: date) -> FeedEvent:
    kind = _kind(number, fields)
    rule = KIND_RULES[kind]
    required = (
        _ALWAYS
        | ({"amount", "currency"} if rule.amount else set())
        | ({"new_due_date"} if rule.new_due_date else set())
    )
    _exact_keys(number, fields, required, _OPTIONAL)
    event_id = _text(number, fields, "event_id")
    if not _EVENT_ID.fullmatch(event_id):
        _refuse(number, "event_id is not 1–80 letters, digits or signs without blanks")
    client = _text(number, fields, "client")
    if not _CLIENT.fullmatch(client):
        _refuse(number, "client is not a client's short name (small letters, digits, - and _)")
    happened = _date(number, fields, "date")
    if happened > today:
        _refuse(number, f"the event's date {happened.isoformat()} is still to come")
    if rule.names_one_of and not rule.names_one_of & fields.keys():
        _refuse(number, f"{kind} names none of: {', '.join(sorted(rule.names_one_of))}")
    return FeedEvent(
        event_id=event_id,
        client=client,
        kind=kind,
        date=happened,
        amount=_amount(number, fields, rule) if rule.amount else None,
        invoice_number=_text(number, fields, "invoice_number"),
        kid=_text(number, fields, "kid"),
        debtor_code=_text(number, fields, "debtor_code"),
        text=_text(number, fields, "text"),
        new_due_date=_date(number, fields, "new_due_date") if rule.new_due_date else None,
        position=f"line {number}",
    )


def _kind(number: int, fields: dict[str, Any]) -> EventKind:
    if "kind" not in fields:
        _refuse(number, "the key kind is missing")
    word = _text(number, fields, "kind")
    if word not in {kind.value for kind in EventKind}:
        _refuse(number, f"the kind {_shown(word)} is not one of the feed's")
    return EventKind(word)


def _exact_keys(number: int, fields: dict[str, Any], required: frozenset[str], optional: frozenset[str]) -> None:
    missing = required - fields.keys()
    if missing:
        _refuse(number, f"the key {min(missing)} is missing")
    unknown = fields.keys() - required - optional
    if unknown:
        _refuse(number, f"the key {_shown(min(unknown))} does not belong here")


def _text(number: int, fields: dict[str, Any], key: str) -> str:
    """The value of `key`, empty when it is not there; there, it is never empty."""
    if key not in fields:
        return ""
    value = fields[key]
    if not isinstance(value, str):
        _refuse(number, f"{key} is not a string")
    if not value.strip():
        _refuse(number, f"{key} is empty: leave it out instead")
    if value != value.strip():
        _refuse(number, f"{key} begins or ends with blanks")
    if len(value) > _LONGEST_TEXT:
        _refuse(number, f"{key} is longer than {_LONGEST_TEXT} characters")
    if _CONTROL.search(value):
        _refuse(number, f"{key} holds a control character")
    return value


def _date(number: int, fields: dict[str, Any], key: str) -> date:
    value = _text(number, fields, key)
    try:
        return date.fromisoformat(value if _DATE.fullmatch(value) else "")
    except ValueError:
        _refuse(number, f"{key} is not a date (YYYY-MM-DD)")


def _amount(number: int, fields: dict[str, Any], rule: KindRule) -> Money:
    amount = _money(number, fields["amount"], _text(number, fields, "currency"))
    if amount.minor == 0:
        _refuse(number, "the amount is zero")
    if amount.minor < 0 and not rule.signed:
        _refuse(number, "the amount is negative, which only balance_change may be")
    return amount


def _money(number: int, value: object, currency: str) -> Money:
    if not _CURRENCY.fullmatch(currency):
        _refuse(number, "the currency is not three capital letters")
    if not isinstance(value, str):
        _refuse(number, 'an amount is not a string: write it as text, such as "12500.00"')
    if not _AMOUNT.fullmatch(value):
        _refuse(number, "an amount is not a decimal number with a point and at most two decimals")
    try:
        return Money.of(value, currency)
    except AmountError:
        _refuse(number, f"an amount has more decimals than {currency} has")


def _shown(word: str) -> str:
    """A word from the file, as far as it may be shown: it could be anything."""
    return word if re.fullmatch(r"[a-zA-Z_]{1,40}", word) else "(not shown)"


def _refuse(number: int, message: str) -> NoReturn:
    raise FileRefused(message, line=str(number))
