"""Do the document's own sums agree: EN 16931 BR-CO-10 to 16, checked by ourselves on every document.

The only tolerance is the one those rules have: a sum is rounded to two decimals, half up, before it is compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal, localcontext

from worker.model.document import AllowanceOrCharge, Document


def totals_disagreements(document: Document) -> tuple[str, ...]:
    """What does not add up, one line for each rule with both amounts; empty when all agree."""
    d = document
    with localcontext(prec=60):
        checks = (
            ("BR-CO-10", "the lines", _sum(line.net for line in d.lines), "LineExtensionAmount", d.line_total),
            ("BR-CO-11", "the allowances", _total(d.allowances, charge=False), "AllowanceTotalAmount",
             d.allowance_total),
            ("BR-CO-12", "the charges", _total(d.allowances, charge=True), "ChargeTotalAmount", d.charge_total),
            ("BR-CO-13", "lines less allowances plus charges", d.line_total - d.allowance_total + d.charge_total,
             "TaxExclusiveAmount", d.tax_exclusive),
            ("BR-CO-14", "VAT per rate", _sum(entry.tax for entry in d.vat), "TaxAmount", d.tax_total),
            ("BR-CO-15", "amount without VAT plus VAT", d.tax_exclusive + d.tax_total, "TaxInclusiveAmount",
             d.tax_inclusive),
            ("BR-CO-16", "amount with VAT less prepaid plus rounding", d.tax_inclusive - d.prepaid + d.rounding,
             "PayableAmount", d.payable),
        )  # fmt: skip
        return tuple(
            f"{rule}: {what} come to {_rounded(computed)}, {element} says {stated}"
            for rule, what, computed, element, stated in checks
            if _rounded(computed) != stated
        )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _total(entries: tuple[AllowanceOrCharge, ...], *, charge: bool) -> Decimal:
    return _sum(entry.amount for entry in entries if entry.charge is charge)


def _rounded(amount: Decimal) -> Decimal:
    """As XPath's round(): half goes towards positive infinity."""
    return (amount.scaleb(2) + Decimal("0.5")).to_integral_value(ROUND_FLOOR).scaleb(-2)
