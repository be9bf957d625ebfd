"""OCR giro: what is read, what is let pass, and that nothing unsound is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.settlement_samples import (
    ACCOUNT,
    OCR_VECTOR,
    OTHER_ACCOUNT,
    TODAY,
    Foreign,
    OcrAssignment,
    OcrFile,
    OcrTransaction,
    joined,
)
from worker.model.money import Money
from worker.model.settlement import FileRefused, SettlementFile, Skipped, SourceFormat
from worker.settlement.formats import fingerprint, read

OWN = frozenset({ACCOUNT, OTHER_ACCOUNT})
DAY = date(2026, 11, 20)
# A payer's standing agreements (service 21): records of their own kind, counted but without amounts.
AGREEMENTS = Foreign(
    lines=(
        f"NY212420{0:016}{ACCOUNT}{0:045}",
        f"NY21947000000011{'912340004501200':>25}J{0:038}",
        f"NY21947000000021{'912340004501300':>25}N{0:038}",
        f"NY212488{2:08}{4:08}{0:056}",
    ),
    transactions=2,
    minor=0,
)


def reading(content: bytes, *, today: date = TODAY) -> SettlementFile:
    return read(content, own_accounts=OWN, today=today)


def refusal(content: bytes, *, today: date = TODAY) -> tuple[str, str]:
    with pytest.raises(FileRefused) as refused:
        reading(content, today=today)
    return refused.value.line, str(refused.value)


def edited(number: int, start: int, text: str, content: bytes = OCR_VECTOR) -> bytes:
    """The vector with columns of a line (both counted from 1, as the specification does) written over."""
    lines = content.decode("iso-8859-1").splitlines()
    line = lines[number - 1]
    lines[number - 1] = line[: start - 1] + text + line[start - 1 + len(text) :]
    assert lines[number - 1] != line
    return joined(lines)


# --- what is read ---------------------------------------------------------------------------------


def test_the_vector() -> None:
    found = reading(OCR_VECTOR)
    assert found.format is SourceFormat.OCR_GIRO
    assert found.identity == "00008080 0000777 00123456 2026-11-20"
    assert [(p.amount.minor, p.kid, p.payer_account, p.archive_reference, p.position) for p in found.payments] == [
        (1_250_000, "9123400045012007", "12345678903", "500000001", "line 3"),
        (78_050, "9123400045013005", "", "500000002", "line 5"),
        (99_999, "9123400045014003", "12345678903", "", "line 7"),
    ]
    assert {(p.account, p.booking_date, p.reversal, p.occurrence) for p in found.payments} == {(ACCOUNT, DAY, False, 1)}
    assert sum(p.amount.minor for p in found.payments) == 1_428_049
    assert not found.skipped


@pytest.mark.parametrize(
    "content",
    [
        OCR_VECTOR.replace(b"\n", b"\r\n"),
        OCR_VECTOR.rstrip(b"\n"),
        b"\xef\xbb\xbf" + OCR_VECTOR,
        OCR_VECTOR + b"\x1a",
        OCR_VECTOR + b"\r\n\r\n  \n",
    ],
    ids=["CRLF", "no last line end", "byte order mark", "Ctrl-Z", "blank lines"],
)
def test_what_transports_add_is_let_pass(content: bytes) -> None:
    assert reading(content).payments == reading(OCR_VECTOR).payments
    assert reading(content).identity == reading(OCR_VECTOR).identity


def test_two_assignments_with_the_same_number_are_both_kept() -> None:
    file = OcrFile(
        [
            OcrAssignment([OcrTransaction(100, "12345674")], number=1),
            OcrAssignment([OcrTransaction(200, "602243")], account=OTHER_ACCOUNT, number=1),
        ]
    )
    assert [(p.account, p.amount.minor) for p in reading(file.render()).payments] == [
        (ACCOUNT, 100),
        (OTHER_ACCOUNT, 200),
    ]


@pytest.mark.parametrize("kid", ["1000005-", "1234567890123456789012340", "0000531", "", "123 4"])
def test_a_kid_is_given_as_it_stands(kid: str) -> None:
    file = OcrFile([OcrAssignment([OcrTransaction(100, kid)])])
    assert [p.kid for p in reading(file.render()).payments] == [kid]


def test_the_sign_makes_a_credit_note_and_the_sum_is_net() -> None:
    file = OcrFile([OcrAssignment([OcrTransaction(1000, "12345674"), OcrTransaction(-300, "602243")])])
    assert [(p.amount.minor, p.reversal) for p in reading(file.render()).payments] == [(1000, False), (-300, False)]


def test_a_net_sum_below_zero_cannot_be_stated() -> None:
    lines = OcrFile([OcrAssignment([OcrTransaction(300, "12345674")])]).lines()
    lines[2] = lines[2][:31] + "-" + lines[2][32:]
    line, message = refusal(joined(lines))
    assert line == "5"
    assert "less than zero" in message


def test_card_terminals_are_counted_and_are_no_payments() -> None:
    card = [
        OcrTransaction(5000, "12345674", kind=19, lump_sum=0),
        OcrTransaction(700, "", kind=20, text="Retur på kassen, Ærø"),
        OcrTransaction(200, "", kind=21),
    ]
    file = OcrFile([OcrAssignment([*card, OcrTransaction(100, "602243")])])
    found = reading(file.render())
    assert [p.amount.minor for p in found.payments] == [100]
    assert [(s.transactions, s.amount) for s in found.skipped] == [(3, Money(5900))]


def test_other_services_are_counted_and_their_frame_is_checked() -> None:
    ours = OcrAssignment([OcrTransaction(100, "602243")])
    content = OcrFile([AGREEMENTS, ours]).render()
    assert reading(content).skipped == (Skipped(what="service 21", transactions=2, amount=Money(0)),)
    assert len(reading(content).payments) == 1
    lines = content.decode().splitlines()
    without_one = joined([*lines[:3], *lines[4:]])
    assert refusal(without_one)[0] == "4"
    without_end = joined([*lines[:4], *lines[5:]])
    assert "88" in refusal(without_end)[1]
    assert refusal(edited(5, 16, "3", content))[0] == "10", "only the transmission's own count can tell"


def test_an_assignment_without_transactions() -> None:
    assert reading(OcrFile([OcrAssignment([])]).render()).payments == ()


@pytest.mark.parametrize(
    ("digits", "today", "read_as"),
    [
        ("200192", TODAY, date(1992, 1, 20)),
        ("201126", TODAY, DAY),
        ("311299", date(2100, 1, 1), date(2099, 12, 31)),
        ("010100", date(2100, 1, 1), date(2100, 1, 1)),
        ("290224", TODAY, date(2024, 2, 29)),
    ],
)
def test_the_century_is_the_near_one(digits: str, today: date, read_as: date) -> None:
    content = OCR_VECTOR.replace(b"201126", digits.encode())
    assert {p.booking_date for p in reading(content, today=today).payments} == {read_as}


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "text", "says"),
    [
        (9, 16, "4", "4 transactions and has 3"),
        (9, 24, "9", "9 records and has 8"),
        (9, 41, "8", "sum of 14280.48 NOK"),
        (9, 48, "19", "first settlement date"),
        (9, 54, "19", "last settlement date"),
        (9, 48, "000000", "first settlement date"),
        (9, 42, "991126", "not a date"),
        (10, 16, "2", "2 transactions and has 3"),
        (10, 24, "1", "records and has 10"),
        (10, 41, "0", "sum of 14280.40 NOK"),
        (10, 42, "320126", "not a date"),
        (1, 7, "20", "does not begin with a start record"),
        (2, 25, "15032080118", "ending in 0118 is not one of the factor's"),
        (2, 5, "01", "kind that OCR giro does not have"),
        (3, 5, "42", "transaction type 42"),
        (3, 16, "221126", "still to come"),
        (3, 16, "300226", "not a date"),
        (3, 32, "+", "sign"),
        (3, 40, "x", "not digits"),
        (3, 60, "A", "KID field"),
        (4, 15, "2", "does not belong"),
        (4, 5, "11", "does not belong"),
        (4, 7, "30", "record 31"),
        (4, 42, "990026", "not a date"),
        (4, 48, "x", "not digits"),
        (5, 15, "1", "do not rise"),
        (5, 3, "21", "another service"),
        (5, 7, "20", "stands where it must not"),
        (6, 7, "88", "record 31"),
        (9, 7, "89", "stands where it must not"),
        (10, 1, "XY", "does not begin as an OCR record"),
    ],
)
def test_a_fault_is_refused_at_its_line(line: int, column: int, text: str, says: str) -> None:
    at, message = refusal(edited(line, column, text))
    assert at == str(line)
    assert says in message


def test_a_text_record_belongs_to_a_card_transaction() -> None:
    lines = OcrFile([OcrAssignment([OcrTransaction(700, "", kind=21, text="x"), OcrTransaction(1, "12344")])]).lines()
    assert refusal(joined([*lines[:4], lines[4].replace("0000001x", "0000002x"), *lines[5:]]))[0] == "5"
    assert refusal(joined([*lines[:5], lines[4], *lines[5:]]))[0] == "6"
    stray = f"NY091032{2:07}{'x':<40}{0:025}"
    assert refusal(joined([*lines[:7], stray, *lines[7:]]))[0] == "8"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\r\n\x1a", "empty"),
        (OCR_VECTOR.decode().encode("utf-16"), "UTF-16"),
        (OCR_VECTOR + OCR_VECTOR, "joined"),
        (OCR_VECTOR.replace(b"\n", b""), "800 characters"),
        (OCR_VECTOR.replace(b"\n", b"\n\n", 1), "0 characters"),
        (OcrFile([]).render(), "no assignment"),
        (OCR_VECTOR[: OCR_VECTOR.rindex(b"NY")], "cut short"),
        (OCR_VECTOR[OCR_VECTOR.index(b"\n") + 1 :], "beginning is missing"),
        (OCR_VECTOR.replace(b"\n", b"\r\x00\n"), "characters"),
    ],
)
def test_damaged_files(content: bytes, says: str) -> None:
    assert says in refusal(content)[1]


def test_a_file_saved_in_another_encoding_is_refused() -> None:
    card = OcrTransaction(700, "", kind=21, text="Kjøp på Ærø")
    content = OcrFile([OcrAssignment([card])]).render()
    assert reading(content).skipped
    assert "84 characters" in refusal(content.decode("iso-8859-1").encode("utf-8"))[1]


# --- the same transaction again -------------------------------------------------------------------


def test_true_twins_share_a_fingerprint_and_are_counted() -> None:
    twin = OcrTransaction(500, "12345674")
    other = replace(twin, lump_sum=2)
    found = reading(OcrFile([OcrAssignment([twin, twin, other, twin])]).render()).payments
    assert [p.occurrence for p in found] == [1, 2, 1, 3]
    assert len({p.fingerprint for p in found}) == 2


def test_a_file_made_again_has_the_same_fingerprints() -> None:
    payments = [OcrTransaction(500, "12345674", reference=7), OcrTransaction(900, "602243", payer="12345678903")]
    first = reading(OcrFile([OcrAssignment(payments)]).render())
    again = reading(OcrFile([OcrAssignment(payments[::-1])], number=778, newline="\r\n").render())
    assert first.identity != again.identity
    assert {p.fingerprint for p in first.payments} == {p.fingerprint for p in again.payments}


def test_the_payers_agreement_is_no_archive_reference() -> None:
    file = OcrFile([OcrAssignment([OcrTransaction(500, "12345674", kind=12, reference=10201690)])])
    assert [p.archive_reference for p in reading(file.render()).payments] == [""]


def mark(
    text: str = "Faktura 10045 Åse",
    *,
    account: str = ACCOUNT,
    booking_date: date = DAY,
    amount: Money = Money(1),  # noqa: B008 - frozen
    kid: str = "",
    payer_account: str = "",
    reference: str = "",
) -> str:
    return fingerprint(
        account=account,
        booking_date=booking_date,
        amount=amount,
        kid=kid,
        text=text,
        payer_account=payer_account,
        reference=reference,
    )


def test_a_fingerprint_tells_every_part_apart_but_letter_case_and_blanks() -> None:
    assert mark() == mark(" faktura  10045 A\u030aSE ")
    marks = [
        mark(),
        mark(account=OTHER_ACCOUNT),
        mark(booking_date=TODAY),
        mark(amount=Money(-1)),
        mark(amount=Money(1, "EUR")),
        mark(payer_account=ACCOUNT),
        mark(reference=ACCOUNT),
        mark("12344"),
        mark("", kid="12344"),
    ]
    assert len(set(marks)) == len(marks)
    assert mark("one text", kid="12344") == mark("another", kid="12344")


# --- any file -------------------------------------------------------------------------------------

KIDS = st.one_of(st.from_regex(r"[0-9]{2,24}[0-9-]", fullmatch=True), st.just(""))
PAYMENTS = st.builds(
    OcrTransaction,
    minor=st.integers(0, 10**12),
    kid=KIDS,
    kind=st.sampled_from([10, 11, 12, 13, 14, 15, 16, 17]),
    settled=st.dates(date(2026, 1, 1), TODAY),
    reference=st.integers(0, 999_999_999),
    payer=st.sampled_from(["0" * 11, "12345678903"]),
    lump_sum=st.integers(0, 99_999),
)
CARDS = st.builds(
    OcrTransaction,
    minor=st.integers(0, 10**9),
    kid=st.just(""),
    kind=st.sampled_from([20, 21]),
    text=st.one_of(st.none(), st.text("aåæø 1", max_size=40)),
)
ASSIGNMENTS = st.builds(
    OcrAssignment,
    transactions=st.lists(st.one_of(PAYMENTS, CARDS), max_size=5),
    account=st.sampled_from(sorted(OWN)),
    number=st.integers(1, 2),
)
FILES = st.builds(
    OcrFile,
    assignments=st.lists(st.one_of(ASSIGNMENTS, st.just(AGREEMENTS)), min_size=1, max_size=3),
    newline=st.sampled_from(["\n", "\r\n"]),
)


@given(FILES)
def test_round_trip(file: OcrFile) -> None:
    ours = [a for a in file.assignments if isinstance(a, OcrAssignment)]
    payments = [(a.account, t) for a in ours for t in a.transactions if t.kind < 18]
    found = reading(file.render())
    assert [(p.account, p.amount.minor, p.kid, p.booking_date) for p in found.payments] == [
        (account, t.minor, t.kid, t.settled) for account, t in payments
    ]
    total = sum(a.minor for a in ours)
    assert sum(p.amount.minor for p in found.payments) + sum(s.amount.minor for s in found.skipped) == total
    assert len({(p.fingerprint, p.occurrence) for p in found.payments}) == len(found.payments)


@given(FILES, st.data())
def test_no_changed_digit_of_an_amount_or_a_total_goes_unseen(file: OcrFile, data: st.DataObject) -> None:
    lines = file.lines()
    fields = {"30": range(32, 49), "88": range(8, 41), "89": range(8, 41)}
    places = [(n, column) for n, line in enumerate(lines) for column in fields.get(line[6:8], ())]
    number, column = data.draw(st.sampled_from(places))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != lines[number][column]]))
    lines[number] = lines[number][:column] + digit + lines[number][column + 1 :]
    refusal(joined(lines, file.newline))


@given(FILES, st.data())
def test_no_line_is_lost_or_doubled_unseen(file: OcrFile, data: st.DataObject) -> None:
    lines = file.lines()
    number = data.draw(st.integers(0, len(lines) - 1))
    refusal(joined(lines[:number] + lines[number + 1 :], file.newline))
    refusal(joined(lines[: number + 1] + lines[number:], file.newline))


@given(ASSIGNMENTS, st.data())
def test_no_two_lines_of_an_assignment_change_places_unseen(assignment: OcrAssignment, data: st.DataObject) -> None:
    lines = OcrFile([assignment]).lines()
    one, other = data.draw(st.tuples(*[st.integers(0, len(lines) - 1)] * 2))
    assume(one != other)
    lines[one], lines[other] = lines[other], lines[one]
    refusal(joined(lines))


@given(FILES, st.data())
def test_no_truncation_goes_unseen(file: OcrFile, data: st.DataObject) -> None:
    content = file.render()
    refusal(content[: data.draw(st.integers(0, len(content.rstrip()) - 1))])


@settings(max_examples=300)
@given(FILES, st.data())
def test_any_damage_is_refused_in_words_that_hold_no_kid_or_account(file: OcrFile, data: st.DataObject) -> None:
    content = bytearray(file.render())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        reading(bytes(content))
    except FileRefused as refused:
        said = f"{refused} {refused.line}"
        payments = [t for a in file.assignments if isinstance(a, OcrAssignment) for t in a.transactions]
        assert not any(t.kid in said for t in payments if len(t.kid) > 5)
        assert "12345678903" not in said
        assert ACCOUNT not in said
