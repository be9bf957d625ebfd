"""One client's books in the ERP: customers, invoices given to the factor, vouchers. The truth; no wire shapes.

What the client's own people do (`add_...`, `mend_...`) is seen by readers at once; what comes over the API is seen
when the replica has caught up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import NAMESPACE_URL, uuid5

from worker.sandbox.lagging import LaggingTable
from worker.sandbox.ledger import CustomerLedger
from worker.sandbox.magic import InvoiceTrouble
from worker.sandbox.records import (
    Account,
    Allocation,
    ClientTrouble,
    Customer,
    DeliveryCall,
    Invoice,
    LedgerEntry,
    Voucher,
    VoucherDraft,
    VoucherLine,
)

ACTIVE, FORFEIT, COMPLAINED, COMPLETED, DELIVERED = 1, 2, 3, 4, 5
STATUS_NAMES = {0: "Unspecified", 1: "Active", 2: "Forfeit", 3: "Complained", 4: "Completed", 5: "Delivered"}

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


class ErpRefusal(Exception):
    """The ERP's no: told as HTTP 200 with success:false. `kind` is the wire's `exception`."""

    def __init__(self, summary: str, *, kind: str = "Validation") -> None:
        super().__init__(summary)
        self.summary = summary
        self.kind = kind


@dataclass(slots=True, kw_only=True)
class ClientState:
    """Everything a client's books hold, for writing to a file."""

    client_key: str
    name: str
    organisation_number: str
    lock_date: date | None
    accounts: list[Account]
    customers: list[Customer]
    invoices: list[Invoice]
    deliveries: dict[str, list[DeliveryCall]]
    vouchers: list[Voucher]
    entries: list[LedgerEntry]
    allocations: list[Allocation]
    trouble: ClientTrouble = field(default_factory=ClientTrouble)
    invalid_privileges: list[str] = field(default_factory=list[str])


class SandboxClient:
    """A client of the factor in the ERP. Made by `World.add_client`."""

    def __init__(
        self,
        *,
        client_key: str,
        name: str,
        organisation_number: str,
        accounts: Mapping[int, str] | Iterable[Account] | None,
        lock_date: date | None,
        now: Callable[[], datetime],
        moment: Callable[[], float],
        documents: dict[str, bytes],
    ) -> None:
        self.client_key = client_key
        self.name = name
        self.organisation_number = organisation_number
        self.lock_date = lock_date
        self.accounts: dict[int, Account] = {account.code: account for account in _chart(accounts)}
        self.customers: LaggingTable[int, Customer] = LaggingTable()
        self.invoices: LaggingTable[str, Invoice] = LaggingTable()
        self.vouchers: LaggingTable[str, Voucher] = LaggingTable()
        self.deliveries: dict[str, list[DeliveryCall]] = {}
        self.ledger = CustomerLedger(now=now, moment=moment)
        self.trouble = ClientTrouble()
        self.invalid_privileges: set[str] = set()
        self._now = now
        self._moment = moment
        self._documents = documents

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
        if code in self.customers or code in self.accounts:
            raise ValueError(f"number {code} is taken")
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

    def mend_customer(self, code: int, **fields: Any) -> Customer:
        """Change fields of a card, as a person in the ERP would. Raises TypeError for a field there is not."""
        customer = replace(self.customers[code], **fields, changed=self._now())
        self.customers.settle(code, customer)
        return customer

    def remove_customer(self, code: int) -> None:
        """Delete a card; its invoices stay."""
        self.customers.remove(code)

    def add_invoice(
        self,
        number: int | str,
        customer_code: int,
        ehf: bytes,
        total: Decimal | float,
        invoice_date: date | None,
        due_date: date | None = None,
        customer_email: str | None = None,
        original_no: int | str | None = None,
        erp_id: str | None = None,
        trouble: InvoiceTrouble | str | None = None,
    ) -> str:
        """Give an invoice (or credit note: `original_no`, or a negative total) to the factor; returns its id.

        `total` is what the list says, whatever the document says. The receivable is booked on the customer's ledger.
        """
        amount = Decimal(str(total))
        plain = int(number) if isinstance(number, str) and _is_int64(number) else number
        serial = len(self.invoices) + 1
        invoice = Invoice(
            id=erp_id or str(uuid5(NAMESPACE_URL, f"{self.client_key}/{serial}/{number}")),
            number=plain,
            customer_code=customer_code,
            customer_email=customer_email,
            total=amount,
            invoice_date=invoice_date,
            due_date=due_date,
            original_number=original_no,
            created=self._now(),
            ehf_sha256=self.keep(ehf),
            trouble=InvoiceTrouble(trouble).value if trouble else None,
        )
        if invoice.id in self.invoices:
            raise ValueError(f"invoice id {invoice.id} is taken")
        self.invoices.settle(invoice.id, invoice)
        credit = original_no is not None or amount < 0
        self.ledger.add(
            customer_code=customer_code,
            amount=-abs(amount) if credit else amount,
            document_no=str(number),
            voucher_type=5 if credit else 4,
            voucher_no=40_000 + serial,
            on=invoice_date or invoice.created.date(),
            settled=True,
        )
        return invoice.id

    def document(self, sha256: str) -> bytes:
        """A kept document (EHF or posted-back file) by its SHA-256."""
        return self._documents[sha256]

    def keep(self, content: bytes) -> str:
        sha256 = hashlib.sha256(content).hexdigest()
        self._documents[sha256] = content
        return sha256

    def balance(self, account_code: int) -> Decimal:
        """Sum of the posted voucher lines on an account or customer number: debit positive. Sales are not in it."""
        lines = [line for voucher in self.vouchers.values() for line in voucher.lines]
        return sum((line.amount for line in lines if line.account_code == account_code), Decimal(0))

    # --- what the factor does over the API --------------------------------------------------------

    def deliver(
        self, erp_id: str, *, kid: str | None, comment: str | None, file_name: str | None, content: bytes | None
    ) -> Invoice:
        """The `delivered` call: only while Active; then Delivered. Raises ErpRefusal."""
        invoice = self._invoice(erp_id)
        if invoice.status != ACTIVE or invoice.delivered:
            raise ErpRefusal(f"The invoice has factoring status {STATUS_NAMES[invoice.status]}, Active is required.")
        invoice = replace(invoice, status=DELIVERED, delivered=True)
        self.invoices.write(erp_id, invoice, at=self._moment())
        call = DeliveryCall(
            call="delivered",
            at=self._now(),
            status=DELIVERED,
            kid=kid,
            comment=comment,
            file_name=file_name,
            file_sha256=None if content is None else self.keep(content),
        )
        self.deliveries.setdefault(erp_id, []).append(call)
        return invoice

    def set_status(self, erp_id: str, *, status: int, text: str | None) -> Invoice:
        """The status call: only after `deliver`; 2, 3, 4 and 5 are ours to set. Raises ErpRefusal."""
        invoice = self._invoice(erp_id)
        if not invoice.delivered:
            raise ErpRefusal("The invoice must be set as delivered before its factoring status can be changed.")
        if status not in (FORFEIT, COMPLAINED, COMPLETED, DELIVERED):
            raise ErpRefusal("The factoring status is not valid.")
        invoice = replace(invoice, status=status, status_text=text)
        self.invoices.write(erp_id, invoice, at=self._moment())
        call = DeliveryCall(call="status", at=self._now(), status=status, comment=text)
        self.deliveries.setdefault(erp_id, []).append(call)
        return invoice

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
                self._post_on_customer(voucher, line)
        return voucher

    def reverse_voucher(self, voucher_id: str) -> Voucher:
        """Post the opposite of a voucher. Its reference stays used. Raises ErpRefusal."""
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
        self.vouchers.write(original.id, replace(original, is_reversed=True), at=self._moment())
        self.vouchers.write(reversal.id, reversal, at=self._moment())
        self.ledger.reverse(original.id, reversal_id=reversal.id, voucher_no=number)
        return reversal

    def _invoice(self, erp_id: str) -> Invoice:
        invoice = self.invoices.get(erp_id)
        if invoice is None:
            raise ErpRefusal("The invoice was not found.", kind="NotFound")
        return invoice

    def _check(self, draft: VoucherDraft) -> None:
        if not draft.lines:
            raise ErpRefusal("The voucher has no lines.")
        for day in (draft.on, *(line.on for line in draft.lines)):
            self._check_open(day)
        for line in draft.lines:
            account = self.accounts.get(line.account_code) or self.customers.get(line.account_code)
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
        if reference and any(voucher.reference == reference for voucher in self.vouchers.values()):
            raise ErpRefusal("ExternalImportReference is already in use.", kind="ApiUniqueConstraint")

    def _check_open(self, day: date) -> None:
        if self.lock_date and day <= self.lock_date:
            raise ErpRefusal(f"The date {day} is locked for posting.")

    def _post_on_customer(self, voucher: Voucher, line: VoucherLine) -> None:
        entry = self.ledger.add(
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
            self.ledger.settle_invoice(entry.id, line.invoice_no)
            return
        reference, cid = line.custom_matching_reference, line.cid
        if reference:
            self.ledger.settle_equal(entry.id, lambda other: other.custom_matching_reference == reference)
        elif cid:
            self.ledger.settle_equal(entry.id, lambda other: other.cid == cid)

    # --- to a file and back -----------------------------------------------------------------------

    def state(self) -> ClientState:
        return ClientState(
            client_key=self.client_key,
            name=self.name,
            organisation_number=self.organisation_number,
            lock_date=self.lock_date,
            accounts=list(self.accounts.values()),
            customers=list(self.customers.values()),
            invoices=list(self.invoices.values()),
            deliveries=self.deliveries,
            vouchers=list(self.vouchers.values()),
            entries=list(self.ledger.entries.values()),
            allocations=self.ledger.allocations,
            trouble=ClientTrouble(**asdict(self.trouble)),
            invalid_privileges=sorted(self.invalid_privileges),
        )

    def restore(self, state: ClientState) -> None:
        """Take over a saved state; the replica has caught up with all of it."""
        for customer in state.customers:
            self.customers.settle(customer.code, customer)
        for invoice in state.invoices:
            self.invoices.settle(invoice.id, invoice)
        for voucher in state.vouchers:
            self.vouchers.settle(voucher.id, voucher)
        self.deliveries = state.deliveries
        self.ledger.restore(state.entries, state.allocations)
        self.trouble = state.trouble
        self.invalid_privileges = set(state.invalid_privileges)


def _chart(accounts: Mapping[int, str] | Iterable[Account] | None) -> list[Account]:
    if accounts is None:
        accounts = STANDARD_ACCOUNTS
    if not isinstance(accounts, Mapping):
        return list(accounts)
    return [Account(code=code, name=name) for code, name in cast("Mapping[int, str]", accounts).items()]


def _is_int64(text: str) -> bool:
    """Whether the vendor's int64 would hold it unchanged; leading zeros would be lost."""
    return len(text) <= 19 and text.isascii() and text.isdigit() and str(int(text)) == text and int(text) < 2**63
