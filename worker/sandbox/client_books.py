"""The accounting half of a client in the ERP: chart of accounts, customers, suppliers, vouchers and sub-ledgers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from worker.sandbox.lagging import LaggingTable
from worker.sandbox.ledger import SubLedger
from worker.sandbox.records import Account, Customer, Supplier, Voucher, VoucherDraft, VoucherLine

STANDARD_ACCOUNTS: Mapping[int, str] = {
    1500: "Kundefordringer",
    1920: "Bankinnskudd",
    1925: "Interimskonto bank",
    2400: "Leverandørgjeld",
    2700: "Utgående merverdiavgift",
    3000: "Salgsinntekt",
    7770: "Bank- og kortgebyrer",
    7830: "Tap på fordringer",
    8150: "Annen rentekostnad",
    20100: "Mellomværende factoringselskap",
}

# What is posted on a customer's or a supplier's sub-ledger shows in these GL accounts.
RECEIVABLES, PAYABLES = 1500, 2400


class ErpRefusal(Exception):
    """The ERP's no: told as HTTP 200 with success:false. `kind` is the wire's `exception`."""

    def __init__(self, summary: str, *, kind: str = "Validation") -> None:
        super().__init__(summary)
        self.summary = summary
        self.kind = kind


class ClientBooks:
    """What a client's accounts hold. `SandboxClient` adds the invoices given to the factor."""

    def __init__(
        self,
        *,
        client_key: str,
        accounts: Mapping[int, str] | Iterable[Account] | None,
        lock_date: date | None,
        now: Callable[[], datetime],
        moment: Callable[[], float],
    ) -> None:
        self.client_key = client_key
        self.lock_date = lock_date
        self.accounts: dict[int, Account] = {account.code: account for account in _chart(accounts)}
        self.customers: LaggingTable[int, Customer] = LaggingTable()
        self.suppliers: LaggingTable[int, Supplier] = LaggingTable()
        self.vouchers: LaggingTable[str, Voucher] = LaggingTable()
        self.ledger = SubLedger(now=now, moment=moment)
        self.supplier_ledger = SubLedger(now=now, moment=moment)
        self._now = now
        self._moment = moment

    # --- what the client's own people do ----------------------------------------------------------

    def add_customer(
        self,
        code: int,
        name: str = "",
        is_person: bool | None = None,
        first_name: str = "",
        last_name: str = "",
        organisation_number: str = "",
        address1: str = "",
        address2: str = "",
        zip: str = "",
        city: str = "",
        country: str = "",
        phone: str = "",
        email: str = "",
        invoice_email: str = "",
    ) -> Customer:
        """A new customer card. An empty text is a field the card lacks."""
        self._check_free(code)
        now = self._now()
        customer = Customer(
            id=1 + max((card.id for card in self.customers.values()), default=7_400_000),
            code=code,
            name=name,
            is_person=is_person,
            first_name=first_name,
            last_name=last_name,
            organisation_number=organisation_number,
            address1=address1,
            address2=address2,
            zip=zip,
            city=city,
            country=country,
            phone=phone,
            email=email,
            invoice_email=invoice_email,
            created=now,
            changed=now,
        )
        self.customers.settle(code, customer)
        return customer

    def add_supplier(self, code: int, name: str = "", organisation_number: str = "") -> Supplier:
        """A new supplier card, such as the factor's when it is the clearing account."""
        self._check_free(code)
        now = self._now()
        supplier = Supplier(
            id=1 + max((card.id for card in self.suppliers.values()), default=7_600_000),
            code=code,
            name=name,
            organisation_number=organisation_number,
            created=now,
            changed=now,
        )
        self.suppliers.settle(code, supplier)
        return supplier

    def mend_supplier(self, code: int, **fields: Any) -> Supplier:
        """Change fields of a supplier card. Raises TypeError for a field there is not."""
        supplier = replace(self.suppliers[code], **fields, changed=self._now())
        self.suppliers.settle(code, supplier)
        return supplier

    def mend_account(self, code: int, **fields: Any) -> Account:
        """Change a GL account, as a person who closes it would. Raises TypeError for a field there is not."""
        self.accounts[code] = replace(self.accounts[code], **fields)
        return self.accounts[code]

    def mend_customer(self, code: int, **fields: Any) -> Customer:
        """Change fields of a card, as a person in the ERP would. Raises TypeError for a field there is not."""
        customer = replace(self.customers[code], **fields, changed=self._now())
        self.customers.settle(code, customer)
        return customer

    def remove_customer(self, code: int) -> None:
        """Delete a card; its invoices stay."""
        self.customers.remove(code)

    def balance(self, account_code: int) -> Decimal:
        """Sum of the posted voucher lines on an account or party's number: debit positive. Sales are not in it."""
        lines = [line for voucher in self.vouchers.values() for line in voucher.lines]
        return sum((line.amount for line in lines if line.account_code == account_code), Decimal(0))

    def control_account(self, code: int) -> int:
        """The GL account that what is posted on this number shows in: its own, or its sub-ledger's control account."""
        if code in self.accounts:
            return code
        return RECEIVABLES if code in self.customers else PAYABLES

    # --- what comes over the API ------------------------------------------------------------------

    def post_voucher(self, draft: VoucherDraft) -> Voucher:
        """Post a voucher: balanced, on known and active accounts, after the lock date, reference not used before."""
        self._check(draft)
        number = 50_000 + len(self.vouchers) + 1
        voucher = Voucher(
            id=str(uuid5(NAMESPACE_URL, f"{self.client_key}/voucher/{number}")),
            service=draft.service,
            number=number,
            on=draft.on,
            currency_code=draft.currency_code,
            lines=draft.lines,
            created=self._now(),
            description=draft.description,
            reference=draft.reference,
            imported_voucher_no=draft.imported_voucher_no,
            saft_source_id=draft.saft_source_id,
            saft_batch_id=draft.saft_batch_id,
        )
        self.vouchers.write(voucher.id, voucher, at=self._moment())
        for line in voucher.lines:
            if line.account_code in self.customers:
                _post_on_party(self.ledger, voucher, line)
            elif line.account_code in self.suppliers:
                _post_on_party(self.supplier_ledger, voucher, line)
        return voucher

    def reverse_voucher(self, voucher_id: str, *, free_reference: bool = False) -> Voucher:
        """Post the opposite of a voucher. Its reference stays used, unless freed. Raises ErpRefusal."""
        original = self.vouchers.get(voucher_id)
        if original is None or original.reverses:
            raise ErpRefusal("The voucher was not found.", kind="NotFound")
        if original.is_reversed:
            raise ErpRefusal("The voucher is already reversed.")
        self._check_open(original.on)
        number = 50_000 + len(self.vouchers) + 1
        reversal = replace(
            original,
            id=str(uuid5(NAMESPACE_URL, f"{self.client_key}/voucher/{number}")),
            number=number,
            lines=tuple(replace(line, amount=-line.amount) for line in original.lines),
            created=self._now(),
            description=f"Reversering av bilag {original.number}",
            reference=None,
            reverses=original.id,
        )
        taken_back = replace(original, is_reversed=True, reference_freed=free_reference)
        self.vouchers.write(original.id, taken_back, at=self._moment())
        self.vouchers.write(reversal.id, reversal, at=self._moment())
        for ledger in (self.ledger, self.supplier_ledger):
            ledger.reverse(original.id, reversal_id=reversal.id, voucher_no=number)
        return reversal

    # --- underneath -------------------------------------------------------------------------------

    def _check(self, draft: VoucherDraft) -> None:
        if not draft.lines:
            raise ErpRefusal("The voucher has no lines.")
        for day in (draft.on, *(line.on for line in draft.lines)):
            self._check_open(day)
        for line in draft.lines:
            account = (
                self.accounts.get(line.account_code)
                or self.customers.get(line.account_code)
                or self.suppliers.get(line.account_code)
            )
            if account is None:
                raise ErpRefusal(f"Account {line.account_code} does not exist.")
            if not account.active:
                raise ErpRefusal(f"Account {line.account_code} is not active.")
        difference = sum((line.amount for line in draft.lines), Decimal(0))
        if difference != 0:
            raise ErpRefusal(f"The voucher is not in balance. The difference is {difference}.")
        reference = draft.reference
        if reference and len(reference) > 50:
            raise ErpRefusal("ExternalImportReference can not be longer than 50 characters.")
        if reference and any(
            voucher.reference == reference and not voucher.reference_freed for voucher in self.vouchers.values()
        ):
            raise ErpRefusal("ExternalImportReference is already in use.", kind="ApiUniqueConstraint")

    def _check_free(self, code: int) -> None:
        if code in self.customers or code in self.suppliers or code in self.accounts:
            raise ValueError(f"number {code} is taken")

    def _check_open(self, day: date) -> None:
        if self.lock_date and day <= self.lock_date:
            raise ErpRefusal(f"The date {day} is locked for posting.")


def _chart(accounts: Mapping[int, str] | Iterable[Account] | None) -> list[Account]:
    if accounts is None:
        accounts = STANDARD_ACCOUNTS
    if not isinstance(accounts, Mapping):
        return list(accounts)
    return [Account(code=code, name=name) for code, name in cast("Mapping[int, str]", accounts).items()]


def _post_on_party(ledger: SubLedger, voucher: Voucher, line: VoucherLine) -> None:
    """An entry on the party's sub-ledger, which settles what it names."""
    entry = ledger.add(
        customer_code=line.account_code,
        amount=line.amount,
        document_no=line.invoice_no,
        voucher_type=19 if voucher.service == "BankJournalVoucher" else 11,
        voucher_no=voucher.number,
        on=line.on,
        voucher_id=voucher.id,
        cid=line.cid,
        custom_matching_reference=line.custom_matching_reference,
        external_import_reference=voucher.reference,
        own=True,
    )
    if line.invoice_no:
        ledger.settle_invoice(entry.id, line.invoice_no)
        return
    reference, cid = line.custom_matching_reference, line.cid
    if reference:
        ledger.settle_equal(entry.id, lambda other: other.custom_matching_reference == reference)
    elif cid:
        ledger.settle_equal(entry.id, lambda other: other.cid == cid)
