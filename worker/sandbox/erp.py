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
from uuid import NAMESPACE_URL, uuid5

from worker.sandbox.client_books import ClientBooks, ErpRefusal
from worker.sandbox.lagging import LaggingTable
from worker.sandbox.magic import InvoiceTrouble
from worker.sandbox.records import (
    Account,
    Allocation,
    ClientTrouble,
    Customer,
    DeliveryCall,
    Invoice,
    LedgerEntry,
    Supplier,
    Voucher,
)

ACTIVE, FORFEIT, COMPLAINED, COMPLETED, DELIVERED = 1, 2, 3, 4, 5
STATUS_NAMES = {0: "Unspecified", 1: "Active", 2: "Forfeit", 3: "Complained", 4: "Completed", 5: "Delivered"}


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
    suppliers: list[Supplier] = field(default_factory=list[Supplier])
    supplier_entries: list[LedgerEntry] = field(default_factory=list[LedgerEntry])
    supplier_allocations: list[Allocation] = field(default_factory=list[Allocation])


class SandboxClient(ClientBooks):
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
        super().__init__(client_key=client_key, accounts=accounts, lock_date=lock_date, now=now, moment=moment)
        self.name = name
        self.organisation_number = organisation_number
        self.invoices: LaggingTable[str, Invoice] = LaggingTable()
        self.deliveries: dict[str, list[DeliveryCall]] = {}
        self.trouble = ClientTrouble()
        self.invalid_privileges: set[str] = set()
        self._documents = documents

    # --- what the client's own people do ----------------------------------------------------------

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

    def _invoice(self, erp_id: str) -> Invoice:
        invoice = self.invoices.get(erp_id)
        if invoice is None:
            raise ErpRefusal("The invoice was not found.", kind="NotFound")
        return invoice

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
            suppliers=list(self.suppliers.values()),
            supplier_entries=list(self.supplier_ledger.entries.values()),
            supplier_allocations=self.supplier_ledger.allocations,
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
        for supplier in state.suppliers:
            self.suppliers.settle(supplier.code, supplier)
        self.supplier_ledger.restore(state.supplier_entries, state.supplier_allocations)
        self.trouble = state.trouble
        self.invalid_privileges = set(state.invalid_privileges)


def _is_int64(text: str) -> bool:
    """Whether the vendor's int64 would hold it unchanged; leading zeros would be lost."""
    return len(text) <= 19 and text.isascii() and text.isdigit() and str(int(text)) == text and int(text) < 2**63
