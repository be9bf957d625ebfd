"""Vectors: the OCR giro manual, other libraries' published examples, and layouts factoring companies use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from worker.model.kid import (
    KidAlgorithm,
    KidLayout,
    KidLayoutError,
    KidNoCheckDigit,
    KidNotNumeric,
    KidOverflow,
    is_valid,
    mod10,
    mod11,
)
from worker.model.parked import PARKED, ParkedReason

CHECK_DIGITS = [
    ("12345678", "2", "5"),
    ("1234", "4", "3"),
    ("60224", "3", "8"),
    ("012955", "1", "0"),
    ("234567", "6", "6"),
    ("1234567", "4", "4"),
    ("1000005", "7", "-"),
    ("01001", "7", "4"),
    ("123456789012345678901234", "0", "1"),
]
NO_MOD11 = ["0000006", "0000023", "0000037", "0000040", "0000054", "1000005"]
NUMBERS = {"client": "1234", "debtor": "100017", "invoice": "5067"}
FACTORS = [
    ("invoice:7 debtor:7", "MOD10", NUMBERS, "000506701000172"),
    ("9 client:4 invoice:8 00", "MOD10", NUMBERS, "9123400005067009"),
    ("debtor:7 client:4 invoice:7 1", "MOD10", NUMBERS, "01000171234000506714"),
    ("5 client:4 invoice:7 debtor:7", "MOD11", NUMBERS, "51234000506701000176"),
    ("client:3 debtor:6 invoice:6", "MOD10", {**NUMBERS, "client": "123"}, "1231000170050677"),
    ("debtor:6 798802700 invoice:5", "MOD10", NUMBERS, "100017798802700050675"),
]


@pytest.mark.parametrize(("body", "by10", "by11"), CHECK_DIGITS)
def test_check_digits(body: str, by10: str, by11: str) -> None:
    assert mod10(body) == by10
    assert mod11(body) == by11
    assert is_valid(body + by10, "MOD10")
    assert is_valid(body + by11, "MOD11")


@pytest.mark.parametrize(
    "kid",
    ["2345674", "100030", "100031", "100033", "abcdefghijk", "", "-", "7", "12345678-", "12345678901234567890123400"],
)
@pytest.mark.parametrize("algorithm", list(KidAlgorithm))
def test_not_valid(kid: str, algorithm: KidAlgorithm) -> None:
    assert not is_valid(kid, algorithm)


def test_other_scripts_digits_are_not_digits() -> None:
    assert not is_valid("١٢٣٤٥٦٧٨2", "MOD10")
    with pytest.raises(KidNotNumeric):
        KidLayout.parse("invoice:8", algorithm="MOD10").make(client="", debtor="", invoice="١٢٣")


@pytest.mark.parametrize(("text", "algorithm", "numbers", "kid"), FACTORS)
def test_layouts_of_factoring_companies(text: str, algorithm: str, numbers: dict[str, str], kid: str) -> None:
    layout = KidLayout.parse(text, algorithm=algorithm)
    assert layout.make(**numbers) == kid
    assert layout.length == len(kid)
    assert layout.matches(kid)


def test_another_constant_length_or_check_digit_does_not_match() -> None:
    layout = KidLayout.parse("9 client:4 invoice:8 00", algorithm="MOD10")
    other_constant = "812340000506700"
    assert not layout.matches(other_constant + mod10(other_constant))
    assert not layout.matches("9123400005067008")
    assert not layout.matches("91234000050670090")


@pytest.mark.parametrize("body", NO_MOD11)
def test_mod11_without_a_digit_makes_no_kid(body: str) -> None:
    with pytest.raises(KidNoCheckDigit) as caught:
        KidLayout.parse("invoice:7", algorithm="MOD11").make(client="", debtor="", invoice=body)
    assert caught.value.reason is ParkedReason.KID_NO_CHECK_DIGIT
    assert not KidLayout.parse("invoice:7", algorithm="MOD11").matches(body + "-")


@pytest.mark.parametrize("part", ["client", "debtor", "invoice"])
def test_a_number_wider_than_its_segment_is_never_cut(part: str) -> None:
    layout = KidLayout.parse("client:4 debtor:6 invoice:5", algorithm="MOD10")
    with pytest.raises(KidOverflow) as caught:
        layout.make(**{**NUMBERS, part: "1234567"})
    assert caught.value.segment == part
    assert caught.value.reason is ParkedReason.KID_OVERFLOW


@pytest.mark.parametrize("value", ["", "F-100", "12 34", "-5", "1.0", "12\n"])
def test_signs_that_are_not_digits(value: str) -> None:
    layout = KidLayout.parse("client:4 invoice:8", algorithm="MOD10")
    with pytest.raises(KidNotNumeric) as caught:
        layout.make(client="1", debtor="not in the layout", invoice=value)
    assert caught.value.segment == "invoice"
    assert caught.value.reason in PARKED


@pytest.mark.parametrize(
    ("text", "algorithm", "advice"),
    [
        ("client:4", "MOD10", "invoice:<width>"),
        ("", "MOD10", "invoice:<width>"),
        ("invoice:2", "MOD10", "4–25"),
        ("invoice:20 debtor:5", "MOD10", "4–25"),
        ("invoice:5 invoice:5", "MOD10", "once"),
        ("invoice:0 1234", "MOD10", "at least one digit"),
        ("invoice", "MOD10", "blanks between"),
        ("customer:4 invoice:5", "MOD10", "blanks between"),
        ("invoice:8", "MOD12", "agreed with the bank"),
    ],
)
def test_a_layout_that_cannot_be_used_says_what_to_do(text: str, algorithm: str, advice: str) -> None:
    with pytest.raises(KidLayoutError, match=advice):
        KidLayout.parse(text, algorithm=algorithm)


@given(st.text("0123456789", min_size=1, max_size=24))
def test_mod10_is_luhn(body: str) -> None:
    assert mod10(body) == luhn.calc_check_digit(body)


@given(st.text("0123456789", min_size=3, max_size=24), st.sampled_from(list(KidAlgorithm)), st.data())
def test_one_wrong_digit_is_always_seen(body: str, algorithm: KidAlgorithm, data: st.DataObject) -> None:
    kid = body + {KidAlgorithm.MOD10: mod10, KidAlgorithm.MOD11: mod11}[algorithm](body)
    position = data.draw(st.integers(0, len(body) - 1))
    wrong = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != kid[position]]))
    assert is_valid(kid, algorithm)
    assert not is_valid(kid[:position] + wrong + kid[position + 1 :], algorithm)


@given(
    st.sampled_from([row[0] for row in FACTORS]),
    st.sampled_from(list(KidAlgorithm)),
    st.integers(0, 999),
    st.integers(0, 999_999),
    st.integers(0, 99_999),
)
def test_every_kid_made_matches_its_layout(
    text: str, algorithm: KidAlgorithm, client: int, debtor: int, invoice: int
) -> None:
    layout = KidLayout.parse(text, algorithm=algorithm)
    try:
        kid = layout.make(client=str(client), debtor=str(debtor), invoice=str(invoice))
    except KidNoCheckDigit:
        assert algorithm is KidAlgorithm.MOD11
        return
    assert kid.isdigit()
    assert layout.matches(kid)
