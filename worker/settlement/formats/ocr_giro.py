"""OCR giro (service 09): the bank's file of payments with KID, in records of 80 characters.

Source: "System specification OCR giro" (Nets; today Mastercard Payment Services). Grammar, by record type:
`10 (20 (30 31 [32])* 88)+ 89`. Every control total is checked: transactions, records, sum, first and last settlement
date of each assignment (88), and of the transmission (89). What is wrong anywhere refuses the whole file.

Where the specification leaves room:
- CRLF and LF, a byte order mark, Ctrl-Z and blank lines at the end are what transports add; they are let pass.
- Fillers are not looked at: the specification's own sample has digits where it asks for zeros.
- Assignment numbers may repeat (both are kept) and have gaps; transaction numbers must rise within an assignment.
- The sign `-` is a credit note with KID; sums are net of it. A net sum below zero cannot be stated in the format.
- Card terminals (transaction types 18–21) and assignments of other services are counted in `skipped`, with their part
  of the control sums; of other services only the frame and the counts of their end record are checked.
- A two-digit year is the one within 79 years back and 20 ahead. A settlement date to come refuses the file.
- Archive reference: positions 26–34 but for type 12, where they hold the payer's agreement. A transaction without one
  is told apart by its lump sum on the account statement (centre, day, partial settlement, serial number).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NoReturn

from worker.model.money import Money
from worker.model.settlement import BankPayment, FileRefused, SettlementFile, Skipped, SourceFormat
from worker.settlement.formats.fingerprint import Occurrences, fingerprint

_LENGTH: Final = 80
_SERVICE: Final = b"09"
_PAYMENT_TYPES: Final = frozenset({b"10", b"11", b"12", b"13", b"14", b"15", b"16", b"17"})
_CARD_TYPES: Final = frozenset({b"18", b"19", b"20", b"21"})
_WITH_TEXT: Final = frozenset({b"20", b"21"})
_AGREEMENT_IN_PLACE_OF_REFERENCE: Final = b"12"
_HEAD: Final = re.compile(rb"NY[0-9]{6}")
_KID: Final = re.compile(rb"[0-9 -]{25}")
_NO_DATE: Final = b"000000"
_YEARS_AHEAD: Final = 20


def read(content: bytes, *, own_accounts: frozenset[str], today: date) -> SettlementFile:
    """The payments of a transmission, in the file's order. `own_accounts` are 11-digit account numbers.

    Raises FileRefused.
    """
    reader = _Reader(own_accounts, _Dates(today))
    for number, record in _records(content):
        reader.take(number, record)
    return reader.finished(hashlib.sha256(content).hexdigest())


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    body = content.removeprefix(b"\xef\xbb\xbf").rstrip(b" \t\r\n\x1a")
    # bytes.splitlines knows CR and LF only, unlike str's.
    for number, record in enumerate(body.splitlines(), start=1):
        if len(record) != _LENGTH:
            _refuse(number, f"the line has {len(record)} characters and a record has {_LENGTH}: the file is damaged")
        if not _HEAD.fullmatch(record[:8]):
            _refuse(number, "the line does not begin as an OCR record (NY and six digits)")
        yield number, record


class _Dates:
    """DDMMYY to date, each read once: a file has few."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._known: dict[bytes, date] = {}

    def read(self, digits: bytes, number: int, what: str) -> date:
        known = self._known.get(digits)
        if known is None:
            known = self._known[digits] = self._date(digits, number, what)
        return known

    def settled(self, digits: bytes, number: int) -> date:
        settled = self.read(digits, number, "the settlement date")
        if settled > self._today:
            _refuse(number, f"the settlement date {settled.isoformat()} is still to come")
        return settled

    def _date(self, digits: bytes, number: int, what: str) -> date:
        message = f"{what} is not a date (day, month, year with two digits each)"
        if not digits.isdigit():
            _refuse(number, message)
        latest = self._today.year + _YEARS_AHEAD
        year = latest - (latest - int(digits[4:])) % 100
        try:
            return date(year, int(digits[2:4]), int(digits[:2]))
        except ValueError:
            _refuse(number, message)


@dataclass(slots=True)
class _Totals:
    """What has been read, to be held against an end record."""

    transactions: int = 0
    records: int = 0
    minor: int = 0

    def check(self, record: bytes, number: int, of: str) -> None:
        stated = _integer(record, 8, 16, number, "the number of transactions")
        if stated != self.transactions:
            _refuse(number, f"{of} says {stated} transactions and has {self.transactions}")
        stated = _integer(record, 16, 24, number, "the number of records")
        if stated != self.records:
            _refuse(number, f"{of} says {stated} records and has {self.records}")
        stated = _integer(record, 24, 41, number, "the sum")
        if self.minor < 0:
            _refuse(number, f"{of} comes to less than zero, which its sum cannot state: ask the bank how it is settled")
        if stated != self.minor:
            _refuse(number, f"{of} says a sum of {Money(stated)} and the transactions come to {Money(self.minor)}")


@dataclass(slots=True)
class _Assignment:
    """An assignment under way. `service` is two digits."""

    service: bytes
    account: str = ""
    totals: _Totals = field(default_factory=_Totals)
    last_transaction: int = 0
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """Amount item 1, waiting for its item 2."""

    number: int
    kind: bytes
    transaction: bytes
    settled: date
    minor: int
    kid: str
    lump_sum: str


class _Reader:
    """The grammar. `take` one record after the other, then `finished`."""

    def __init__(self, own_accounts: frozenset[str], dates: _Dates) -> None:
        self._own_accounts = own_accounts
        self._dates = dates
        self._payments: list[BankPayment] = []
        self._occurrences = Occurrences()
        self._identity = ""
        self._started = False
        self._ended = False
        self._whole = _Totals()
        self._assignments = 0
        self._assignment: _Assignment | None = None
        self._item: _Item | None = None
        self._text_due = b""
        self._skipped: dict[str, Counter[str]] = {}

    def take(self, number: int, record: bytes) -> None:
        self._whole.records += 1
        if self._ended:
            _refuse(number, "there is more after the end record: are these two files joined?")
        if not self._started:
            if record[2:8] != b"000010":
                _refuse(number, "the file does not begin with a start record (10): its beginning is missing")
            self._start(number, record)
        elif self._assignment is None:
            self._between(number, record)
        else:
            self._within(self._assignment, number, record)

    def finished(self, sha256: str) -> SettlementFile:
        if not self._ended:
            _refuse(self._whole.records, "the file ends without its end record (89): it is cut short")
        return SettlementFile(
            format=SourceFormat.OCR_GIRO,
            identity=self._identity,
            sha256=sha256,
            payments=tuple(self._payments),
            skipped=tuple(
                Skipped(what=what, transactions=counted["transactions"], amount=Money(counted["minor"]))
                for what, counted in sorted(self._skipped.items())
            ),
        )

    def _start(self, number: int, record: bytes) -> None:
        if not record[8:31].isdigit():
            _refuse(number, "the start record's numbers are not digits")
        self._identity = b" ".join((record[8:16], record[16:23], record[23:31])).decode("ascii")
        self._started = True

    def _between(self, number: int, record: bytes) -> None:
        service, kind = record[2:4], record[6:8]
        if kind == b"20" and service != b"00":
            self._open(number, record)
        elif record[2:8] == b"000089":
            self._end(number, record)
        else:
            _refuse(number, f"a record of type {kind.decode()} stands where an assignment or the end was due")

    def _open(self, number: int, record: bytes) -> None:
        self._assignments += 1
        service = record[2:4]
        self._assignment = _Assignment(service=service)
        self._assignment.totals.records = 1
        if service != _SERVICE:
            return
        if record[4:6] != b"00":
            _refuse(number, "the start record of the assignment is of a kind that OCR giro does not have")
        if not record[8:35].isdigit():
            _refuse(number, "the assignment's numbers are not digits")
        account = record[24:35].decode("ascii")
        if account not in self._own_accounts:
            _refuse(number, f"the account ending in {account[-4:]} is not one of the factor's")
        self._assignment.account = account

    def _within(self, assignment: _Assignment, number: int, record: bytes) -> None:
        assignment.totals.records += 1
        kind = record[6:8]
        if record[2:4] != assignment.service:
            _refuse(number, "a record of another service stands inside the assignment: its end record (88) is missing")
        if assignment.service != _SERVICE:
            if kind == b"88":
                self._close_foreign(assignment, number, record)
            elif kind in (b"10", b"20", b"89"):
                _refuse(number, "a new start stands inside the assignment: its end record (88) is missing")
        elif self._item:
            if kind != b"31":
                _refuse(number, "amount item 2 (record 31) is missing")
            self._second(assignment, self._item, number, record)
        elif kind == b"30":
            self._first(assignment, number, record)
        elif kind == b"32" and self._text_due:
            if record[4:6] + record[8:15] != self._text_due:
                _refuse(number, "the text record (32) does not belong to the transaction above it")
            self._text_due = b""
        elif kind == b"88":
            self._close(assignment, number, record)
        else:
            _refuse(number, f"a record of type {kind.decode()} stands where it must not")

    def _first(self, assignment: _Assignment, number: int, record: bytes) -> None:
        kind, transaction, sign, kid = record[4:6], record[8:15], record[31:32], record[49:74]
        if kind not in _PAYMENT_TYPES and kind not in _CARD_TYPES:
            _refuse(number, f"transaction type {kind.decode()} is not one of OCR giro's (10–21)")
        if not record[8:31].isdigit():
            _refuse(number, "transaction number, settlement date and settlement numbers are not all digits")
        if int(transaction) <= assignment.last_transaction:
            _refuse(number, "the transaction numbers do not rise: lines are doubled or have changed places")
        if sign not in (b"0", b"-"):
            _refuse(number, "the sign is neither 0 nor -")
        if not _KID.fullmatch(kid):
            _refuse(number, "the KID field holds something else than digits, blanks and -: the line is damaged")
        minor = _integer(record, 32, 49, number, "the amount")
        settled = self._dates.settled(record[15:21], number)
        assignment.last_transaction = int(transaction)
        assignment.first = min(assignment.first or settled, settled)
        assignment.last = max(assignment.last or settled, settled)
        assignment.totals.transactions += 1
        signed = -minor if sign == b"-" else minor
        assignment.totals.minor += signed
        self._text_due = b""
        self._item = _Item(
            number=number,
            kind=kind,
            transaction=transaction,
            settled=settled,
            minor=signed,
            kid=kid.decode("ascii").strip(),
            lump_sum=f"{record[21:23].decode()}-{record[23:25].decode()}-{record[25:26].decode()}-{record[26:31].decode()}",
        )

    def _second(self, assignment: _Assignment, item: _Item, number: int, record: bytes) -> None:
        if record[4:6] != item.kind or record[8:15] != item.transaction:
            _refuse(number, "amount item 2 (record 31) does not belong to the transaction above it")
        reference, ordered, payer = record[25:34], record[41:47], record[47:58]
        if not (reference.isdigit() and payer.isdigit()):
            _refuse(number, "the archive reference or the payer's account is not digits")
        if ordered != _NO_DATE:
            self._dates.read(ordered, number, "the bank's date")
        self._item = None
        if item.kind in _WITH_TEXT:
            self._text_due = item.kind + item.transaction
        if item.kind in _CARD_TYPES:
            self._skip("card terminal (transaction types 18–21)", 1, item.minor)
            return
        archive_reference = ""
        if reference.strip(b"0") and item.kind != _AGREEMENT_IN_PLACE_OF_REFERENCE:
            archive_reference = reference.decode("ascii")
        payer_account = payer.decode("ascii") if payer.strip(b"0") else ""
        amount = Money(item.minor)
        mark = fingerprint(
            account=assignment.account,
            booking_date=item.settled,
            amount=amount,
            kid=item.kid,
            text="",
            payer_account=payer_account,
            reference=archive_reference or item.lump_sum,
        )
        self._payments.append(
            BankPayment(
                account=assignment.account,
                booking_date=item.settled,
                amount=amount,
                kid=item.kid,
                payer_account=payer_account,
                archive_reference=archive_reference,
                position=f"line {item.number}",
                fingerprint=mark,
                occurrence=self._occurrences.count(mark),
            )
        )

    def _close(self, assignment: _Assignment, number: int, record: bytes) -> None:
        assignment.totals.check(record, number, "the assignment")
        self._dates.read(record[41:47], number, "the date the assignment was made")
        for stated, found, what in (
            (record[47:53], assignment.first, "first"),
            (record[53:59], assignment.last, "last"),
        ):
            said = None if stated == _NO_DATE else self._dates.read(stated, number, f"the {what} settlement date")
            if said != found:
                _refuse(number, f"the assignment says another {what} settlement date than its transactions have")
        self._add(assignment.totals)

    def _close_foreign(self, assignment: _Assignment, number: int, record: bytes) -> None:
        totals = assignment.totals
        totals.transactions = _integer(record, 8, 16, number, "the number of transactions")
        totals.minor = _integer(record, 24, 41, number, "the sum")
        totals.check(record, number, "the assignment")
        self._skip(f"service {assignment.service.decode()}", totals.transactions, totals.minor)
        self._add(totals)

    def _add(self, totals: _Totals) -> None:
        self._whole.transactions += totals.transactions
        self._whole.minor += totals.minor
        self._assignment = None
        self._text_due = b""

    def _end(self, number: int, record: bytes) -> None:
        if not self._assignments:
            _refuse(number, "the transmission has no assignment")
        self._whole.check(record, number, "the transmission")
        made = self._dates.read(record[41:47], number, "the date the transmission was made")
        # A transmission's number comes again after a year; with its date it does not.
        self._identity = f"{self._identity} {made.isoformat()}"
        self._ended = True

    def _skip(self, what: str, transactions: int, minor: int) -> None:
        counted = self._skipped.setdefault(what, Counter())
        counted["transactions"] += transactions
        counted["minor"] += minor


def _integer(record: bytes, start: int, end: int, number: int, what: str) -> int:
    digits = record[start:end]
    if not digits.isdigit():
        _refuse(number, f"{what} is not digits")
    return int(digits)


def _refuse(number: int, message: str) -> NoReturn:
    raise FileRefused(message, line=str(number))
