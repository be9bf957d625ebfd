"""Whose money is it: KID, else invoice numbers stated as such, else a person. Pure: what is known is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.model.kid import is_valid
from worker.model.settlement import EventKind
from worker.model.waiting import WaitReason
from worker.store.matching import Found, References
from worker.store.rows import InvoiceRow, ItemRow

# Events about one invoice; the others are between factor and client.
ABOUT_AN_INVOICE = frozenset(
    {
        EventKind.PAYMENT,
        EventKind.INTEREST_CHARGED,
        EventKind.INTEREST_PAID,
        EventKind.CREDIT_OFFSET,
        EventKind.WRITE_OFF,
        EventKind.RECOURSE,
        EventKind.DISPUTE,
        EventKind.COMPLETED,
        EventKind.DUE_DATE_CHANGE,
        EventKind.DIRECT_PAYMENT,
    }
)


@dataclass(frozen=True, slots=True)
class Known:
    """What the store has found and the settings say. `clients`: every client with an env file."""

    found: Found
    clients: frozenset[str]
    factor_account: str

    def by_number(self, item: ItemRow, number: str) -> list[InvoiceRow]:
        """Invoices with the number, of the item's client, or of any client stamped with the account it was paid to."""
        account = None if item.client is not None else str(item.facts.get("account") or "") or None
        return [
            invoice
            for invoice in self.found.by_number.get(number, ())
            if item.client in (None, invoice.client) and account in (None, invoice.account)
        ]

    def rest(self, invoice: InvoiceRow) -> int:
        """Øre still owed."""
        return (invoice.payable_minor or 0) - self.found.settled.get(invoice.id, 0)


@dataclass(frozen=True, slots=True)
class Matched:
    """`parts`: (invoice, øre) when it pays several; else `invoice`, None for what is between factor and client."""

    invoice: InvoiceRow | None = None
    parts: tuple[tuple[InvoiceRow, int], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Waits:
    reason: WaitReason
    note: str = ""


def references(item: ItemRow, *, factor_account: str) -> References:
    """What the item says it belongs to. A feed's KID is one on the factor's own account."""
    facts = item.facts
    numbers = [str(facts["invoice_number"])] if facts.get("invoice_number") else facts.get("invoice_numbers") or ()
    return References(
        account=str(facts.get("account") or factor_account),
        kid=str(facts.get("kid") or "").strip(),
        numbers=tuple(str(number) for number in numbers if str(number).strip()),
    )


def match(item: ItemRow, known: Known) -> Matched | Waits:
    """What an item belongs to, or why a person must say so.

    Part payments and over-payments are matched as they are; second payments, payments on credited invoices, reversals,
    foreign currency and payments that cannot be divided wait.
    """
    kind, facts = EventKind(item.kind), item.facts
    if item.client is not None and item.client not in known.clients:
        return Waits(WaitReason.UNKNOWN_CLIENT)
    if kind not in ABOUT_AN_INVOICE:
        return Matched() if item.currency in (None, "NOK") else Waits(WaitReason.FOREIGN_CURRENCY)
    if facts.get("reversal") or (kind is EventKind.PAYMENT and (item.amount_minor or 0) <= 0):
        return Waits(WaitReason.REVERSAL)
    if item.reason == WaitReason.PERHAPS_KNOWN:
        return Waits(WaitReason.PERHAPS_KNOWN, item.note)
    found = _invoices(item, known)
    if isinstance(found, Waits):
        return found
    if any(invoice.client not in known.clients for invoice in found):
        return Waits(WaitReason.UNKNOWN_CLIENT, f"invoice {found[0].number}")
    if kind is EventKind.DIRECT_PAYMENT:
        return Waits(WaitReason.DIRECT_PAYMENT, f"invoice {found[0].number}")
    if item.currency is not None and (item.currency != "NOK" or any(i.currency != item.currency for i in found)):
        return Waits(WaitReason.FOREIGN_CURRENCY)
    if kind is not EventKind.PAYMENT:
        return Matched(found[0])
    return _payment(item, found, known)


def _invoices(item: ItemRow, known: Known) -> list[InvoiceRow] | Waits:
    said = references(item, factor_account=known.factor_account)
    kid, numbers = said.kid, said.numbers
    if kid:
        invoice = known.found.by_kid.get((said.account, kid))
        if invoice is not None and item.client in (None, invoice.client):
            return [invoice]
        if not any(is_valid(kid, algorithm) for algorithm in ("MOD10", "MOD11")):
            return Waits(WaitReason.WRONG_CHECK_DIGIT)
        if not numbers:
            return Waits(WaitReason.UNKNOWN_KID)
    if not numbers:
        return Waits(WaitReason.NO_REFERENCE, str(item.facts.get("text") or "")[:140])
    found: list[InvoiceRow] = []
    for number in numbers:
        fitting = known.by_number(item, number)
        if len(fitting) != 1:
            reason = WaitReason.SEVERAL_INVOICES_FIT if fitting else WaitReason.UNKNOWN_INVOICE
            return Waits(reason, f"invoice {number}")
        found.append(fitting[0])
    return found


def _payment(item: ItemRow, found: Sequence[InvoiceRow], known: Known) -> Matched | Waits:
    amount = item.amount_minor or 0
    for invoice in found:
        if invoice.is_credit or invoice.kind != "invoice":
            return Waits(WaitReason.NOT_PAYABLE, f"invoice {invoice.number}")
        if invoice.id in known.found.credited:
            return Waits(WaitReason.CREDITED_INVOICE, f"invoice {invoice.number}")
        if known.rest(invoice) <= 0:
            return Waits(WaitReason.ALREADY_PAID, f"invoice {invoice.number}")
    if len(found) == 1:
        over = amount - known.rest(found[0])
        return Matched(found[0], note=f"overpaid by {over // 100}.{over % 100:02d}" if over > 0 else "")
    parts = tuple((invoice, known.rest(invoice)) for invoice in found)
    if len({invoice.id for invoice in found}) != len(found) or sum(owed for _, owed in parts) != amount:
        return Waits(WaitReason.CANNOT_SPLIT, ", ".join(invoice.number for invoice in found))
    return Matched(parts=parts)
