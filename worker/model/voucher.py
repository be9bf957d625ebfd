"""Vouchers as we make them: lines that sum to zero, or no voucher at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from worker.model.money import Money


class VoucherKind(StrEnum):
    """Which of the ERP's journals. Only a bank line can name the invoice it settles."""

    BANK = "bank"
    MANUAL = "manual"


class AccountKind(StrEnum):
    """What a number stands for in the client's ERP."""

    GENERAL = "general"
    CUSTOMER = "customer"
    SUPPLIER = "supplier"


class Unbalanced(ValueError):
    """The lines do not sum to zero, or there are fewer than two."""


@dataclass(frozen=True, slots=True)
class VoucherAccount:
    """An account by its number: general ledger, or a customer's or supplier's sub-ledger."""

    kind: AccountKind
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherLine:
    """Debit is positive, credit negative. `reference` is ours, unique within the voucher."""

    account: VoucherAccount
    amount: Money
    description: str
    reference: str
    invoice_number: str = ""
    kid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voucher:
    """One voucher to be posted. `reference` (at most 50 characters) is made from our own ids and never reused.

    Raises Unbalanced, and ValueError for a zero line, mixed currencies or a reference that is too long.
    """

    kind: VoucherKind
    date: date
    description: str
    reference: str
    lines: tuple[VoucherLine, ...]
    saft_source: str = ""
    saft_batch: str = ""

    def __post_init__(self) -> None:
        if len(self.lines) < 2 or sum(line.amount.minor for line in self.lines) != 0:
            raise Unbalanced(f"voucher {self.reference} does not sum to zero")
        if len({line.amount.currency for line in self.lines}) != 1:
            raise ValueError(f"voucher {self.reference} mixes currencies")
        if any(line.amount.minor == 0 for line in self.lines):
            raise ValueError(f"voucher {self.reference} has a line of zero")
        if not 1 <= len(self.reference) <= 50:
            raise ValueError("a voucher's reference has 1 to 50 characters")

    @property
    def currency(self) -> str:
        return self.lines[0].amount.currency
