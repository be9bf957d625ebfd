"""Amounts, dates and account numbers as a Norwegian or an English reader expects them."""

from __future__ import annotations

from datetime import date, datetime

from worker.model.money import Money, minor_digits, norwegian
from worker.support.clock import OSLO

_MONTHS = {
    "nb": (
        "januar", "februar", "mars", "april", "mai", "juni",
        "juli", "august", "september", "oktober", "november", "desember",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip


def amount(money: Money, language: str) -> str:
    """`12 500,00 kr` (no-break spaces; another currency by its code) or `NOK 12,500.00`."""
    decimals = minor_digits(money.currency)
    if language == "en":
        return f"{money.currency}\u00a0{money.amount:,.{decimals}f}"
    unit = "kr" if money.currency == "NOK" else money.currency
    return f"{norwegian(money.amount, decimals=decimals)}\u00a0{unit}"


def day(value: date, language: str) -> str:
    """`4. desember 2026` or `4 December 2026`."""
    month = _MONTHS["en" if language == "en" else "nb"][value.month - 1]
    return f"{value.day} {month} {value.year}" if language == "en" else f"{value.day}. {month} {value.year}"


def minute(instant: datetime) -> str:
    """`25.11.2026 08:00`, Norwegian time, for the factor's people."""
    return f"{instant.astimezone(OSLO):%d.%m.%Y %H:%M}"


def counted(count: int, one: str, several: str = "") -> str:
    """`1 fault`, `3 faults`."""
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def account(number: str) -> str:
    """An 11-digit Norwegian account as banks print it, `1503.20.80119`; anything else as it is."""
    if len(number) != 11 or not number.isdigit():
        return number
    return f"{number[:4]}.{number[4:6]}.{number[6:]}"
