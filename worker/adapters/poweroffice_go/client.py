"""PowerOffice Go v1 as ports.Erp."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta

from worker.adapters.poweroffice_go import translate, wire
from worker.adapters.poweroffice_go.connection import CODES_PER_REQUEST, Connection
from worker.adapters.poweroffice_go.wire import Row
from worker.model.outcomes import Refused, TryLater, UnknownOutcome
from worker.model.party import DebtorCard
from worker.ports import ErpIdentity, ErpInvoice, FactoringStatus
from worker.support.http import HttpClient
from worker.support.pace import Pacer
from worker.support.retry import Sleep

_PASSES = 3
_REMEMBERED_NUMBERS = 20_000
_SAFE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class PowerOfficeGo:
    """One client's Go, by its client key. Owns `http` and closes it; see Connection for the arguments."""

    def __init__(
        self,
        *,
        http: HttpClient,
        base_url: str,
        application_key: str,
        client_key: str,
        page_size: int = 100,
        replica_lag_seconds: float = 2.0,
        pacer: Pacer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._line = Connection(
            http=http,
            base_url=base_url,
            application_key=application_key,
            client_key=client_key,
            page_size=page_size,
            replica_lag_seconds=replica_lag_seconds,
            pacer=pacer,
            monotonic=monotonic,
            sleep=sleep,
        )
        self._numbers: dict[str, int] = {}

    async def aclose(self) -> None:
        await self._line.aclose()

    # --- reads ------------------------------------------------------------------------------------

    async def identity(self) -> ErpIdentity:
        """Name and organisation number from `Client`, privileges from `ClientIntegrationInformation`."""
        client = await self._line.read("client", "/Client", translate.single)
        integration = await self._line.read(
            "integration information", "/ClientIntegrationInformation", translate.single
        )
        return translate.identity(client=client, integration=integration)

    def available_invoices(self) -> AsyncIterator[ErpInvoice]:
        """See ports.Erp. The whole list is read before the first is given: the list shifts as invoices are delivered.

        Raises TryLater at the end, after every good row, when the list holds rows without an id.
        """
        return self._listed("available invoices", "/Factoring/AvailableInvoices")

    async def delivered_invoices(self, *, since: datetime) -> AsyncIterator[ErpInvoice]:
        """See ports.Erp. The vendor lists what our own integration has delivered, and nothing else. A row without a
        time of creation is among them."""
        await self._line.catch_up()
        # A few hours more are asked for and left out here: whether the vendor reads the filter's time as UTC or as
        # Norwegian is not documented.
        asked = wire.created_since(since - timedelta(hours=3))
        async for invoice in self._listed("delivered invoices", "/Factoring/InvoicesDelivered", filter_=asked):
            if invoice.created_at is None or invoice.created_at >= since:
                yield invoice

    async def _listed(self, what: str, path: str, *, filter_: str = "") -> AsyncIterator[ErpInvoice]:
        found: dict[str, ErpInvoice] = {}
        nameless = 0
        for _ in range(_PASSES):
            nameless, steady = 0, True
            first_count: int | None = None
            async for page in self._line.pages(what, path, filter_=filter_, order_by="InvoiceNo asc"):
                first_count = page.count if first_count is None else first_count
                steady = steady and page.count == first_count
                for element in page.rows():
                    invoice = translate.invoice(element)
                    if invoice is None:
                        nameless += 1
                    else:
                        found.setdefault(invoice.erp_id.lower(), invoice)
            if steady:  # else rows may have moved across a page border while we read: look again
                break
        for invoice in sorted(found.values(), key=lambda i: (wire.whole(i.number) or 0, i.erp_id)):
            self._remember(invoice.erp_id, invoice.number)
            yield invoice
        if nameless:
            raise TryLater(f"{what}: {nameless} of the list's rows have no id and were left out")

    async def invoice_document(self, *, erp_id: str) -> bytes:
        """The raw body, whatever it is (XML, HTML, nothing). Refused when it is an error envelope."""
        if not _SAFE_ID.fullmatch(erp_id):
            raise Refused("invoice document: the id is not one of PowerOffice Go's")
        path = f"/Factoring/InvoiceEhf/{erp_id}"
        return await self._line.read("invoice document", path, translate.document, accept="*/*")

    async def debtor_cards(self, *, codes: Sequence[str]) -> dict[str, DebtorCard]:
        """By the code as asked. Codes that are not numbers cannot exist in Go and are absent from the answer."""
        asked: dict[int, list[str]] = {}
        for code in codes:
            number = translate.code_number(code)
            if number is not None and code not in asked.setdefault(number, []):
                asked[number].append(code)
        numbers = sorted(asked)
        cards: dict[str, DebtorCard] = {}
        for start in range(0, len(numbers), CODES_PER_REQUEST):
            batch = numbers[start : start + CODES_PER_REQUEST]
            async for page in self._line.pages(
                "customers", "/Customer", filter_=wire.code_filter(batch), order_by="Code asc"
            ):
                for element in page.rows():
                    row = wire.row_of(element)
                    number = wire.whole(row.get("code")) if row is not None else None
                    if row is not None and number is not None:
                        for code in asked.get(number, ()):
                            cards.setdefault(code, translate.debtor_card(row))
        return cards

    async def was_delivered(self, *, erp_id: str) -> bool:
        """Whether InvoicesDelivered holds it, asked no sooner than the replica's lag after our last write."""
        row = await self._delivered_row(erp_id)
        return row is not None and row.get("isdelivered") is not False

    async def reported_status(self, *, erp_id: str) -> tuple[FactoringStatus | None, str] | None:
        """Status (None: a value not in our table) and free text, read after the replica's lag."""
        row = await self._delivered_row(erp_id)
        if row is None:
            return None
        return translate.status(row), wire.text(row.get("factoringinvoicestatusdescription"))

    # --- writes -----------------------------------------------------------------------------------

    async def report_delivered(self, *, erp_id: str, kid: str, comment: str, file_name: str, pdf: bytes) -> None:
        """`POST Factoring/delivered`. UnknownOutcome also when the answer says the invoice is still not delivered."""
        what = "delivered"
        body = wire.delivered_body(erp_id=erp_id, kid=kid, comment=comment, file_name=file_name, pdf=pdf)
        row = await self._line.write(what, "/Factoring/delivered", body, translate.accepted)
        if row.get("isdelivered") is False:
            raise UnknownOutcome(f"{what}: accepted, but the answer shows the invoice as not delivered")

    async def report_status(self, *, erp_id: str, status: FactoringStatus, text: str) -> None:
        """`POST Factoring/updatefactoringinvoicestatus`."""
        body = wire.status_body(erp_id=erp_id, status=translate.STATUS_NUMBERS[status], description=text)
        await self._line.write("status update", "/Factoring/updatefactoringinvoicestatus", body, translate.accepted)

    # --- underneath -------------------------------------------------------------------------------

    async def _delivered_row(self, erp_id: str) -> Row | None:
        """The invoice's row in InvoicesDelivered. By number when a list has told it, else newest first until found.

        The id itself is not filtered on: how a Guid is written in this OData dialect is not documented.
        """
        await self._line.catch_up()
        number = self._numbers.get(erp_id.lower())
        filter_, order_by = (f"InvoiceNo eq {number}", "InvoiceNo asc") if number else ("", "CreatedDate desc")
        async for page in self._line.pages(
            "delivered invoices", "/Factoring/InvoicesDelivered", filter_=filter_, order_by=order_by
        ):
            for element in page.rows():
                row = wire.row_of(element)
                if row is not None:
                    self._remember(wire.text(row.get("id")), wire.text(row.get("invoiceno")))
                    if translate.same_id(row, erp_id):
                        return row
        return None

    def _remember(self, erp_id: str, number: str) -> None:
        value = wire.whole(number)
        if value is None or not erp_id:
            return
        if len(self._numbers) >= _REMEMBERED_NUMBERS:
            self._numbers.pop(next(iter(self._numbers)))
        self._numbers[erp_id.lower()] = value
