"""PowerOffice Go v1 as ports.Erp: requests, tokens, paging, the wait for the replica."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, TypeVar

from worker.adapters.poweroffice_go import translate, wire
from worker.adapters.poweroffice_go.token import TokenSource
from worker.adapters.poweroffice_go.wire import Envelope, Row
from worker.model.outcomes import Refused, TryLater, UnknownOutcome
from worker.model.party import DebtorCard
from worker.ports import ErpIdentity, ErpInvoice, FactoringStatus
from worker.support.http import HttpClient, HttpResponse, HttpTrouble
from worker.support.pace import EvenPacer, Pacer
from worker.support.retry import Sleep, with_retry

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

REQUESTS_PER_SECOND = 50  # per application key, whatever the number of clients
_CODES_PER_REQUEST = 40  # 40 nineteen-digit codes make a query of about 1 600 characters
_PASSES = 3
_REMEMBERED_NUMBERS = 20_000
_SAFE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Judge(Protocol[T_co]):
    """What an answer means: a value, or an outcome raised."""

    def __call__(self, response: HttpResponse, /, *, what: str) -> T_co: ...


class PowerOfficeGo:
    """One client's Go, by its client key. Owns `http` and closes it.

    `pacer` is shared by all clients of one application key, which is what the vendor counts. `replica_lag_seconds` is
    how long after a write a read may still show the old state (documented: normally below one second).
    """

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
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._page_size = page_size
        self._lag = replica_lag_seconds
        self._pacer = pacer or EvenPacer(REQUESTS_PER_SECOND)
        self._monotonic = monotonic
        self._sleep = sleep
        self._tokens = TokenSource(post=self._post_for_token, application_key=application_key, client_key=client_key,
                                   monotonic=monotonic, sleep=sleep)
        # A process that starts after a crash does not know when the one before it wrote: it waits as if just now.
        self._last_write = monotonic()
        self._numbers: dict[str, int] = {}

    async def aclose(self) -> None:
        await self._http.aclose()

    # --- reads ------------------------------------------------------------------------------------

    async def identity(self) -> ErpIdentity:
        """Name and organisation number from `Client`, privileges from `ClientIntegrationInformation`."""
        client = await self._read("client", "/Client", translate.single)
        integration = await self._read("integration information", "/ClientIntegrationInformation", translate.single)
        return translate.identity(client=client, integration=integration)

    async def available_invoices(self) -> AsyncIterator[ErpInvoice]:
        """See ports.Erp. The whole list is read before the first is given: the list shifts as invoices are delivered.

        Raises TryLater at the end, after every good row, when the list holds rows without an id.
        """
        found: dict[str, ErpInvoice] = {}
        nameless = 0
        for _ in range(_PASSES):
            nameless, steady = 0, True
            first_count: int | None = None
            async for page in self._pages("available invoices", "/Factoring/AvailableInvoices",
                                          order_by="InvoiceNo asc"):
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
            raise TryLater(f"available invoices: {nameless} of the list's rows have no id and were left out")

    async def invoice_document(self, *, erp_id: str) -> bytes:
        """The raw body, whatever it is (XML, HTML, nothing). Refused when it is an error envelope."""
        if not _SAFE_ID.fullmatch(erp_id):
            raise Refused("invoice document: the id is not one of PowerOffice Go's")
        return await self._read("invoice document", f"/Factoring/InvoiceEhf/{erp_id}", translate.document, accept="*/*")

    async def debtor_cards(self, *, codes: Sequence[str]) -> dict[str, DebtorCard]:
        """By the code as asked. Codes that are not numbers cannot exist in Go and are absent from the answer."""
        asked: dict[int, list[str]] = {}
        for code in codes:
            number = translate.code_number(code)
            if number is not None and code not in asked.setdefault(number, []):
                asked[number].append(code)
        numbers = sorted(asked)
        cards: dict[str, DebtorCard] = {}
        for start in range(0, len(numbers), _CODES_PER_REQUEST):
            batch = numbers[start : start + _CODES_PER_REQUEST]
            async for page in self._pages("customers", "/Customer", filter_=wire.code_filter(batch),
                                          order_by="Code asc"):
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
        row = await self._write(what, "/Factoring/delivered", body)
        if row.get("isdelivered") is False:
            raise UnknownOutcome(f"{what}: accepted, but the answer shows the invoice as not delivered")

    async def report_status(self, *, erp_id: str, status: FactoringStatus, text: str) -> None:
        """`POST Factoring/updatefactoringinvoicestatus`."""
        body = wire.status_body(erp_id=erp_id, status=translate.STATUS_NUMBERS[status], description=text)
        await self._write("status update", "/Factoring/updatefactoringinvoicestatus", body)

    # --- underneath -------------------------------------------------------------------------------

    async def _delivered_row(self, erp_id: str) -> Row | None:
        """The invoice's row in InvoicesDelivered. By number when a list has told it, else newest first until found.

        The id itself is not filtered on: how a Guid is written in this OData dialect is not documented.
        """
        wait = self._last_write + self._lag - self._monotonic()
        if wait > 0:
            await self._sleep(wait)
        number = self._numbers.get(erp_id.lower())
        filter_, order_by = (f"InvoiceNo eq {number}", "InvoiceNo asc") if number else ("", "CreatedDate desc")
        async for page in self._pages("delivered invoices", "/Factoring/InvoicesDelivered", filter_=filter_,
                                      order_by=order_by):
            for element in page.rows():
                row = wire.row_of(element)
                if row is not None:
                    self._remember(wire.text(row.get("id")), wire.text(row.get("invoiceno")))
                    if translate.same_id(row, erp_id):
                        return row
        return None

    async def _pages(self, what: str, path: str, *, order_by: str, filter_: str = "") -> AsyncIterator[Envelope]:
        """Pages until `count` is reached, a page is empty, or a page repeats the one before (a host without $skip)."""
        skip, last = 0, None
        while True:
            query = wire.list_query(filter_=filter_, order_by=order_by, top=self._page_size, skip=skip)
            page = await self._read(what, f"{path}?{query}", translate.listed)
            size = len(page.rows())
            if size == 0 or page.data == last:
                return
            yield page
            skip, last = skip + size, page.data
            if page.count is not None and skip >= page.count:
                return

    async def _read(self, what: str, path: str, judge: Judge[T], *, accept: str = "application/json") -> T:
        """A GET as `judge` reads its answer, repeated while the other side says 429, 5xx or nothing of use."""

        async def once() -> T:
            return judge(await self._call("GET", what, path, {"Accept": accept}, None), what=what)

        return await with_retry(once, sleep=self._sleep)

    async def _write(self, what: str, path: str, body: bytes) -> Row:
        """A POST, sent once (twice when the first came back 401: then nothing was done)."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            response = await self._call("POST", what, path, headers, body)
        finally:
            self._last_write = self._monotonic()
        return translate.accepted(response, what=what)

    async def _call(self, method: str, what: str, path: str, headers: dict[str, str], body: bytes | None
                    ) -> HttpResponse:
        token = await self._tokens.get()
        response = await self._send(method, what, path, {**headers, "Authorization": f"Bearer {token}"}, body)
        if response.status == 401:
            token = await self._tokens.get(rejected=token)
            response = await self._send(method, what, path, {**headers, "Authorization": f"Bearer {token}"}, body)
        return response

    async def _post_for_token(self, headers: dict[str, str], body: bytes) -> HttpResponse:
        try:
            return await self._http.request("POST", f"{self._base_url}/OAuth/Token", headers=headers, content=body,
                                            turn=self._pacer.turn)
        except HttpTrouble as error:
            raise translate.trouble(error, what="token", changes=False) from None

    async def _send(self, method: str, what: str, path: str, headers: dict[str, str], body: bytes | None
                    ) -> HttpResponse:
        try:
            return await self._http.request(method, f"{self._base_url}{path}", headers=headers, content=body,
                                            turn=self._pacer.turn)
        except HttpTrouble as error:
            raise translate.trouble(error, what=what, changes=method != "GET") from None

    def _remember(self, erp_id: str, number: str) -> None:
        value = wire.whole(number)
        if value is None or not erp_id:
            return
        if len(self._numbers) >= _REMEMBERED_NUMBERS:
            self._numbers.pop(next(iter(self._numbers)))
        self._numbers[erp_id.lower()] = value

