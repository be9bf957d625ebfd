"""One client's customer or supplier ledger in the ERP: entries, and which of them settle which.

An entry's balance is its amount less what is allocated to it. Balances are as of now; an earlier `toDate` only hides
later entries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from worker.sandbox.lagging import LaggingTable
from worker.sandbox.records import Allocation, LedgerEntry


class MatchRefused(Exception):
    """The entries cannot be matched; the message says why."""


class SubLedger:
    """Entries by id. `now` stamps changes; `moment` is the monotonic second for the lagging replica.

    `left_open_next`: so many of the next entries are not matched with the invoice they name.
    """

    def __init__(self, *, now: Callable[[], datetime], moment: Callable[[], float]) -> None:
        self.entries: LaggingTable[int, LedgerEntry] = LaggingTable()
        self.allocations: list[Allocation] = []
        self.left_open_next = 0
        self._now = now
        self._moment = moment

    def restore(self, entries: Collection[LedgerEntry], allocations: Collection[Allocation]) -> None:
        """Take over what was saved."""
        for entry in entries:
            self.entries.settle(entry.id, entry)
        self.allocations = list(allocations)

    def add(
        self,
        *,
        customer_code: int,
        amount: Decimal,
        document_no: str | None,
        voucher_type: int,
        voucher_no: int,
        on: date,
        voucher_id: str | None = None,
        cid: str | None = None,
        custom_matching_reference: str | None = None,
        external_import_reference: str | None = None,
        own: bool = False,
        settled: bool = False,
    ) -> LedgerEntry:
        """A new open entry. `own`: made by our integration. `settled`: the replica shows it at once."""
        entry = LedgerEntry(
            id=2_610_000 + len(self.entries) + 1,
            customer_code=customer_code,
            amount=amount,
            balance=amount,
            document_no=document_no,
            voucher_type=voucher_type,
            voucher_no=voucher_no,
            voucher_id=voucher_id,
            on=on,
            changed=self._now(),
            cid=cid,
            custom_matching_reference=custom_matching_reference,
            external_import_reference=external_import_reference,
            own=own,
        )
        if settled:
            self.entries.settle(entry.id, entry)
        else:
            self.entries.write(entry.id, entry, at=self._moment())
        return entry

    def settle_invoice(self, entry_id: int, invoice_no: str) -> None:
        """Match an entry with the open entry of that invoice number and customer, as far as both reach.

        No such open entry: the new one stays open, as the vendor's "tries to match".
        """
        if self.left_open_next > 0:
            self.left_open_next -= 1
            return
        entry = self.entries[entry_id]
        for other in list(self.entries.values()):
            if (
                other.id != entry_id
                and other.customer_code == entry.customer_code
                and other.document_no == invoice_no
                and not other.own
                and other.balance * entry.balance < 0
            ):
                self._allocate([entry_id, other.id])
                return

    def settle_equal(self, entry_id: int, matches: Callable[[LedgerEntry], bool]) -> None:
        """Match an entry with an open one of the same customer that `matches` and has the exactly opposite balance."""
        entry = self.entries[entry_id]
        for other in list(self.entries.values()):
            if (
                other.id != entry_id
                and other.customer_code == entry.customer_code
                and other.balance == -entry.balance != 0
                and matches(other)
            ):
                self._allocate([entry_id, other.id])
                return

    def match(self, entry_ids: Collection[int]) -> None:
        """Match open entries of one customer. Raises MatchRefused."""
        chosen = self._known(entry_ids)
        if len({entry.customer_code for entry in chosen}) != 1:
            raise MatchRefused("The entries must belong to one customer.")
        if not (any(e.balance > 0 for e in chosen) and any(e.balance < 0 for e in chosen)):
            raise MatchRefused("There must be open debit and credit entries.")
        self._allocate([entry.id for entry in chosen])

    def unmatch(self, entry_ids: Collection[int]) -> None:
        """Take back every match the entries take part in. Raises MatchRefused when one takes part in none."""
        for entry in self._known(entry_ids):
            if entry.match_id is None:
                raise MatchRefused(f"Entry {entry.id} is not matched.")
        self._release(set(entry_ids))

    def reverse(self, voucher_id: str, *, reversal_id: str, voucher_no: int) -> None:
        """Take back the voucher's entries: what they settled is open again, they and their opposites are closed."""
        originals = [entry for entry in self.entries.values() if entry.voucher_id == voucher_id]
        self._release({entry.id for entry in originals})
        for original in originals:
            opposite = self.add(
                customer_code=original.customer_code,
                amount=-original.amount,
                document_no=original.document_no,
                voucher_type=99,
                voucher_no=voucher_no,
                on=original.on,
                voucher_id=reversal_id,
                own=True,
            )
            self._allocate([original.id, opposite.id])
            self._write(replace(self.entries[original.id], is_reversed=True))

    def _known(self, entry_ids: Collection[int]) -> list[LedgerEntry]:
        if not entry_ids:
            raise MatchRefused("entryIds is empty.")
        missing = [entry_id for entry_id in entry_ids if entry_id not in self.entries]
        if missing:
            raise MatchRefused(f"Entry {missing[0]} was not found.")
        return [self.entries[entry_id] for entry_id in entry_ids]

    def _allocate(self, entry_ids: list[int]) -> None:
        """Let debits and credits among the entries settle each other in the order given."""
        match_id = 1 + max((a.match_id for a in self.allocations), default=5_500_000)
        for debit_id in entry_ids:
            for credit_id in entry_ids:
                debit, credit = self.entries[debit_id], self.entries[credit_id]
                amount = min(debit.balance, -credit.balance)
                if amount <= 0:
                    continue
                self.allocations.append(Allocation(match_id=match_id, debit=debit_id, credit=credit_id, amount=amount))
                self._write(replace(debit, balance=debit.balance - amount, match_id=match_id))
                self._write(replace(credit, balance=credit.balance + amount, match_id=match_id))

    def _release(self, entry_ids: set[int]) -> None:
        kept: list[Allocation] = []
        touched: set[int] = set()
        for allocation in self.allocations:
            if allocation.debit not in entry_ids and allocation.credit not in entry_ids:
                kept.append(allocation)
                continue
            touched |= {allocation.debit, allocation.credit}
            debit, credit = self.entries[allocation.debit], self.entries[allocation.credit]
            self._write(replace(debit, balance=debit.balance + allocation.amount))
            self._write(replace(credit, balance=credit.balance - allocation.amount))
        self.allocations = kept
        for entry_id in touched:
            left = [a.match_id for a in kept if entry_id in (a.debit, a.credit)]
            self._write(replace(self.entries[entry_id], match_id=left[-1] if left else None))

    def _write(self, entry: LedgerEntry) -> None:
        self.entries.write(entry.id, replace(entry, changed=self._now()), at=self._moment())
