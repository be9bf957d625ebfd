"""Amounts: integers of minor units (øre for NOK) with a currency. Floats exist only at a vendor's wire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

# ISO 4217 currencies whose minor unit is not 1/100, as far as Norwegian trade meets them.
_MINOR_DIGITS = {"ISK": 0, "JPY": 0, "KRW": 0, "BHD": 3, "KWD": 3, "TND": 3}


class AmountError(ValueError):
    """The text or number is not an amount of this currency."""


def minor_digits(currency: str) -> int:
    """Number of decimals of the currency's minor unit (ISO 4217): 2 unless listed."""
    return _MINOR_DIGITS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units (øre) of `currency` (ISO 4217). Signed."""

    minor: int
    currency: str = "NOK"

    @classmethod
    def of(cls, amount: Decimal | str | int | float, currency: str = "NOK") -> Money:
        """From an amount in major units. A float is read through its shortest text, so 802.0 is 802.00.

        Raises AmountError when it is not a finite number or has more decimals than the currency.
        """
        try:
            value = Decimal(str(amount))
        except InvalidOperation as error:
            raise AmountError(f"not an amount: {str(amount)[:40]!r}") from error
        if not value.is_finite():
            raise AmountError("not a finite amount")
        scaled = value.scaleb(minor_digits(currency))
        rounded = scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP)
        if rounded != scaled:
            raise AmountError(f"more decimals than {currency} has: {value}")
        return cls(int(rounded), currency)

    @property
    def amount(self) -> Decimal:
        """In major units, with the currency's decimals."""
        return Decimal(self.minor).scaleb(-minor_digits(self.currency))

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise AmountError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def norwegian(amount: Decimal, *, decimals: int = 2) -> str:
    """The amount as Norwegians write it: `12 500,00` with no-break spaces; U+2212 is not used, so it can be copied."""
    text = f"{amount:,.{decimals}f}"
    return text.replace(",", "\u00a0").replace(".", ",")
