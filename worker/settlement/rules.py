"""The posting rules, as data: what each event debits and credits in the client's books.

Sources: the factor's own list of return data (payments against the debtor, fees, payout, change in balance) and the
vendor's examples (ordinary settlement, clearing with costs, interest note, advance). Accounts are named per client.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from worker.model.settlement import EventKind
from worker.model.voucher import VoucherKind


class Role(StrEnum):
    """What an account is for. DEBTOR is the invoice's customer number; the others are named in the env file."""

    DEBTOR = "debtor"
    CLEARING = "clearing"
    ADMINISTRATIVE_FEES = "administrative_fees"
    FINANCIAL_FEES = "financial_fees"
    BANK = "bank"
    BALANCE = "balance"
    INTEREST_INCOME = "interest_income"
    LOSSES = "losses"


@dataclass(frozen=True, slots=True)
class Rule:
    """`pairs`: (debit, credit), each with the event's whole amount. A negative amount turns them round.

    `text` is what the accountant reads; {number} is the invoice's.
    """

    kind: VoucherKind
    pairs: tuple[tuple[Role, Role], ...]
    text: str


_B, _M = VoucherKind.BANK, VoucherKind.MANUAL
_R = Role

# A bank voucher where the debtor's sub-ledger is touched: only its lines can name the invoice they settle.
RULES: dict[EventKind, Rule] = {
    EventKind.PAYMENT: Rule(_B, ((_R.CLEARING, _R.DEBTOR),), "Innbetaling faktura {number}"),
    EventKind.ADMINISTRATIVE_FEE: Rule(_M, ((_R.ADMINISTRATIVE_FEES, _R.CLEARING),), "Administrativt gebyr factoring"),
    EventKind.FINANCIAL_FEE: Rule(_M, ((_R.FINANCIAL_FEES, _R.CLEARING),), "Finansielt gebyr factoring"),
    EventKind.ADVANCE: Rule(_B, ((_R.BANK, _R.CLEARING),), "Forskudd fra factoring"),
    EventKind.PAYOUT: Rule(_B, ((_R.BANK, _R.CLEARING),), "Utbetaling fra factoring"),
    EventKind.BALANCE_CHANGE: Rule(_M, ((_R.CLEARING, _R.BALANCE),), "Endring i balanse/gjeld factoring"),
    # Booked when paid, both steps at once: the vendor's advice.
    EventKind.INTEREST_PAID: Rule(
        _B, ((_R.DEBTOR, _R.INTEREST_INCOME), (_R.CLEARING, _R.DEBTOR)), "Renter innbetalt, faktura {number}"
    ),
    EventKind.WRITE_OFF: Rule(_B, ((_R.LOSSES, _R.DEBTOR),), "Avskrevet fordring, faktura {number}"),
    EventKind.RECOURSE: Rule(_B, ((_R.CLEARING, _R.BANK),), "Tilbakeført faktura {number} fra factoring"),
}

# What the ERP's factoring status becomes, with the text shown there.
STATUSES: dict[EventKind, tuple[str, str]] = {
    EventKind.COMPLETED: ("completed", "Factoring av fakturaen er avsluttet."),
    EventKind.DISPUTE: ("complained", "Debitor har reist innsigelse mot fakturaen."),
    EventKind.RECOURSE: ("forfeit", "Fakturaen er tilbakeført til klienten."),
    EventKind.WRITE_OFF: ("forfeit", "Fakturaen er avskrevet."),
}
# When the payment, write-off or recourse that ended it turns out to be another invoice's.
REOPENED = ("delivered", "Rettet: fakturaen er ikke gjort opp.")
PAID_IN_FULL = ("completed", "Betalt i sin helhet.")


def roles_needed() -> frozenset[Role]:
    """Every role that must be named in a client's env file before return data can be on."""
    return frozenset(role for rule in RULES.values() for pair in rule.pairs for role in pair) - {Role.DEBTOR}
