"""PowerOfficeGo against scripted answers: tokens, paging, batches, the replica's lag, and what is never repeated."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import orjson
import pytest
import respx

from worker.adapters.poweroffice_go import PowerOfficeGo
from worker.model.document import Kind
from worker.model.outcomes import AccessDenied, OutsideError, Refused, SlowDown, TryLater, Unavailable, UnknownOutcome
from worker.ports import Erp, FactoringStatus
from worker.support.http import HttpClient

pytestmark = pytest.mark.anyio

BASE = "https://api-demo.poweroffice.test"
APPLICATION_KEY, CLIENT_KEY = "app-key-4711", "client-key-0815"


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def go(time: Time) -> AsyncIterator[PowerOfficeGo]:
    erp = PowerOfficeGo(
        http=HttpClient(),
        base_url=f"{BASE}/",
        application_key=APPLICATION_KEY,
        client_key=CLIENT_KEY,
        page_size=3,
        monotonic=time,
        sleep=time.sleep,
    )
    yield erp
    await erp.aclose()


@pytest.fixture
def net() -> Any:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        router.post("/OAuth/Token", name="token").mock(side_effect=tokens())
        yield router


def tokens(life: int | None = 1200) -> Callable[[httpx.Request], httpx.Response]:
    given = 0

    def give(_request: httpx.Request) -> httpx.Response:
        nonlocal given
        given += 1
        body = {"access_token": f"token-{given}", "token_type": "bearer"}
        return httpx.Response(200, json=body if life is None else body | {"expires_in": life})

    return give


def ok(data: Any = None, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"data": data, "success": True, **more})


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": f"id-{number}",
        "invoiceNo": number,
        "totalAmount": 100.0,
        "createdDate": "2026-03-02T08:14:07 +00:00",
        **more,
    }


def listing(rows: list[dict[str, Any]], *, count: bool = True) -> Callable[[httpx.Request], httpx.Response]:
    """Answers `$top`/`$skip` from the rows; a request without `$orderby` is refused, as the vendor does."""

    def answer(request: httpx.Request) -> httpx.Response:
        query = {name: values[0] for name, values in parse_qs(request.url.query.decode()).items()}
        if "$orderby" not in query:
            return httpx.Response(200, json={"success": False, "validation": {"summary": "orderby"}})
        skip, top = int(query["$skip"]), int(query["$top"])
        return ok(rows[skip : skip + top], **({"count": len(rows)} if count else {}))

    return answer


def bearer(call: Any) -> str:
    return str(call.request.headers["authorization"])


async def every(erp: Erp) -> list[str]:
    return [invoice.number async for invoice in erp.available_invoices()]


async def delivered(erp: Erp, since: datetime) -> list[str]:
    return [invoice.number async for invoice in erp.delivered_invoices(since=since)]


async def test_delivered_invoices_are_paged_from_a_day_on(go: PowerOfficeGo, net: Any, time: Time) -> None:
    rows = [row(number) for number in (10, 11, 12, 13)]
    rows += [row(14, createdDate="2026-02-28T22:59:59 +00:00"), row(15, createdDate=None)]
    listed = net.get("/Factoring/InvoicesDelivered").mock(side_effect=listing(rows))
    since = datetime(2026, 3, 1, tzinfo=UTC)
    assert await delivered(go, since) == ["10", "11", "12", "13", "15"], "older ones are left out, undated ones are not"
    asked = parse_qs(listed.calls[0].request.url.query.decode())
    assert asked["$filter"] == ["(CreatedDate ge DateTimeOffset'2026-02-28T21:00:00')"]
    assert asked["$orderby"] == ["InvoiceNo asc"]
    assert listed.call_count == 2
    assert time.naps == [2.0], "the replica may lag behind what was just told"


# --- tokens -------------------------------------------------------------------------------------


async def test_the_token_is_asked_for_with_both_keys_and_shared(go: PowerOfficeGo, net: Any) -> None:
    net.get("/Factoring/InvoiceEhf/a").respond(200, content=b"<Invoice/>")
    await asyncio.gather(*(go.invoice_document(erp_id="a") for _ in range(5)))
    assert net["token"].call_count == 1
    request = net["token"].calls[0].request
    assert request.content == b"grant_type=client_credentials"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"app-key-4711:client-key-0815"


@pytest.mark.parametrize(("life", "good_for"), [(1200, 1140), (600, 540), (20, 15), (None, 540)])
async def test_a_token_is_renewed_before_it_expires(
    go: PowerOfficeGo, net: Any, time: Time, life: int | None, good_for: int
) -> None:
    net["token"].mock(side_effect=tokens(life))
    document = net.get("/Factoring/InvoiceEhf/a").respond(200, content=b"<Invoice/>")
    await go.invoice_document(erp_id="a")
    time.now += good_for - 1
    await go.invoice_document(erp_id="a")
    time.now += 1
    await go.invoice_document(erp_id="a")
    assert [bearer(call) for call in document.calls] == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_a_401_gets_one_fresh_token_reads_and_writes_alike(go: PowerOfficeGo, net: Any) -> None:
    found = httpx.Response(200, content=b"<x/>")
    read = net.get("/Factoring/InvoiceEhf/a").mock(side_effect=[httpx.Response(401), found])
    write = net.post("/Factoring/updatefactoringinvoicestatus").mock(side_effect=[httpx.Response(401), ok()])
    assert await go.invoice_document(erp_id="a") == b"<x/>"
    await go.report_status(erp_id="a", status=FactoringStatus.COMPLETED, text="Betalt")
    assert [bearer(call) for call in read.calls] == ["Bearer token-1", "Bearer token-2"]
    assert [bearer(call) for call in write.calls] == ["Bearer token-2", "Bearer token-3"]
    assert orjson.loads(write.calls[1].request.content) == {
        "factoringInvoiceId": "a", "factoringInvoiceStatus": 4, "factoringInvoiceStatusDescription": "Betalt",
    }  # fmt: skip


async def test_a_fresh_token_refused_too_is_final(go: PowerOfficeGo, net: Any) -> None:
    read = net.get("/Factoring/InvoiceEhf/a").respond(401)
    with pytest.raises(AccessDenied):
        await go.invoice_document(erp_id="a")
    assert read.call_count == 2


async def test_many_401s_at_once_fetch_one_new_token(go: PowerOfficeGo, net: Any) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401 if request.headers["authorization"] == "Bearer token-1" else 200, content=b"<x/>")

    net.get("/Factoring/InvoiceEhf/a").mock(side_effect=answer)
    await asyncio.gather(*(go.invoice_document(erp_id="a") for _ in range(6)))
    assert net["token"].call_count == 2


async def test_wrong_keys_are_told_without_the_keys(go: PowerOfficeGo, net: Any, time: Time) -> None:
    net["token"].respond(400, json={"error": "invalid_client", "error_description": "client-key-0815 is unknown"})
    with pytest.raises(AccessDenied) as caught:
        await every(go)
    assert "environment" in caught.value.message
    assert "0815" not in f"{caught.value.message}{caught.value.answer}"
    assert net["token"].call_count == 1


async def test_a_token_service_in_trouble_is_asked_again(go: PowerOfficeGo, net: Any, time: Time) -> None:
    net["token"].mock(side_effect=[
        httpx.ReadTimeout("x"), httpx.Response(503), httpx.Response(200, content=b"<html>"),
        httpx.Response(429, headers={"Retry-After": "5"}), tokens()(httpx.Request("POST", BASE)),
    ])  # fmt: skip
    net.get("/Factoring/InvoiceEhf/a").respond(200, content=b"<x/>")
    assert await go.invoice_document(erp_id="a") == b"<x/>"
    assert [int(nap) for nap in time.naps if nap >= 1] == [1, 2, 4, 5]


# --- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3, 7])
async def test_every_page_is_read(go: PowerOfficeGo, net: Any, size: int, count: bool) -> None:
    route = net.get("/Factoring/AvailableInvoices").mock(
        side_effect=listing([row(n) for n in range(1, size + 1)], count=count)
    )
    assert await every(go) == [str(n) for n in range(1, size + 1)]
    assert all(b"$orderby=InvoiceNo%20asc" in call.request.url.query for call in route.calls)


async def test_a_row_seen_twice_is_one_invoice(go: PowerOfficeGo, net: Any) -> None:
    rows = [row(1), row(2), row(3), row(3, id="ID-3"), row(4, originalInvoiceNo=1)]
    net.get("/Factoring/AvailableInvoices").mock(side_effect=listing(rows))
    found = [(i.number, i.kind) async for i in go.available_invoices()]
    assert found == [("1", Kind.INVOICE), ("2", Kind.INVOICE), ("3", Kind.INVOICE), ("4", Kind.CREDIT_NOTE)]


async def test_a_list_that_shrinks_while_read_is_read_again(go: PowerOfficeGo, net: Any) -> None:
    """Without a second look, row 4 would slip past the page border when 1 leaves the list."""
    rows = [row(n) for n in range(1, 8)]
    answer = listing(rows)
    asked = 0

    def shrinking(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        response = answer(request)
        if asked == 1:
            del rows[0]
        return response

    net.get("/Factoring/AvailableInvoices").mock(side_effect=shrinking)
    assert await every(go) == [str(n) for n in range(1, 8)]


async def test_a_host_that_ignores_skip_ends(go: PowerOfficeGo, net: Any) -> None:
    net.get("/Factoring/AvailableInvoices").respond(200, json=[row(1), row(2)])
    assert await every(go) == ["1", "2"]


async def test_rows_without_an_id_do_not_stop_the_others_and_are_told(go: PowerOfficeGo, net: Any) -> None:
    net.get("/Factoring/AvailableInvoices").mock(side_effect=listing([{"invoiceNo": 1}, row(2)]))
    found: list[str] = []
    with pytest.raises(TryLater, match="1 of the list's rows"):
        async for invoice in go.available_invoices():
            found.append(invoice.number)  # noqa: PERF401 - what came before the error counts
    assert found == ["2"]


async def test_a_list_in_trouble_is_asked_again_and_a_refusal_is_not(go: PowerOfficeGo, net: Any) -> None:
    route = net.get("/Factoring/AvailableInvoices").mock(
        side_effect=[
            httpx.Response(500),
            httpx.ConnectError("x"),
            httpx.Response(200, content=b""),
            ok([row(1)], count=1),
        ]
    )
    assert await every(go) == ["1"]
    route.mock(side_effect=[httpx.Response(200, json={"success": False, "validation": {"summary": "Nei"}})])
    with pytest.raises(Refused) as caught:
        await every(go)
    assert caught.value.answer == "Nei"


async def test_five_tries_and_no_more(go: PowerOfficeGo, net: Any, time: Time) -> None:
    route = net.get("/Client").respond(503)
    with pytest.raises(TryLater):
        await go.identity()
    assert route.call_count == 5


# --- documents, cards, identity ---------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?><Invoice/>", b"", b"<html>", b"%PDF"])
async def test_a_document_comes_as_it_is(go: PowerOfficeGo, net: Any, content: bytes) -> None:
    net.get("/Factoring/InvoiceEhf/a-1").respond(200, content=content)
    assert await go.invoice_document(erp_id="a-1") == content


@pytest.mark.parametrize("erp_id", ["", "../Client", "a/b", "a?x", "a#", "å", "a" * 65])
async def test_an_id_never_becomes_another_path(go: PowerOfficeGo, net: Any, erp_id: str) -> None:
    with pytest.raises(Refused):
        await go.invoice_document(erp_id=erp_id)
    assert not net["token"].called


async def test_cards_come_in_batches_by_the_code_as_asked(net: Any, time: Time) -> None:
    def customers(request: httpx.Request) -> httpx.Response:
        query = parse_qs(request.url.query.decode())
        codes = [int(part.removeprefix("Code eq ")) for part in query["$filter"][0].strip("()").split(" or ")]
        rows = [{"code": code, "name": f"Debitor {code}"} for code in codes if code != 7]
        return ok(rows[int(query["$skip"][0]) :][: int(query["$top"][0])], count=len(rows))

    route = net.get("/Customer").mock(side_effect=customers)
    go = PowerOfficeGo(
        http=HttpClient(),
        base_url=BASE,
        application_key=APPLICATION_KEY,
        client_key=CLIENT_KEY,
        monotonic=time,
        sleep=time.sleep,
    )
    codes = [*map(str, range(1, 96)), "K-12", "", "0005", "5", "5"]
    cards = await go.debtor_cards(codes=codes)
    await go.aclose()
    assert set(cards) == {*map(str, range(1, 96)), "0005"} - {"7"}
    assert cards["0005"] == cards["5"]
    assert route.call_count == 3
    assert max(len(str(call.request.url)) for call in route.calls) < 2000


async def test_no_codes_no_request(go: PowerOfficeGo, net: Any) -> None:
    assert await go.debtor_cards(codes=["", "abc"]) == {}
    assert not net["token"].called


async def test_identity(go: PowerOfficeGo, net: Any) -> None:
    net.get("/Client").mock(return_value=ok({"name": "Selger AS", "vatNumber": "999999999"}))
    net.get("/ClientIntegrationInformation").mock(
        return_value=ok({"clientName": "x", "validPrivileges": ["Factoring_Full"], "invalidPrivileges": ["Customer"]})
    )
    who = await go.identity()
    assert (who.organisation_number, who.privileges, who.invalid_privileges) == (
        "999999999", {"Factoring_Full"}, {"Customer"})  # fmt: skip


# --- writes -------------------------------------------------------------------------------------


async def deliver(go: PowerOfficeGo) -> None:
    await go.report_delivered(erp_id="id-1", kid="0001004500187", comment="Sendt", file_name="f.pdf", pdf=b"%PDF-1.7")


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([httpx.Response(500)], UnknownOutcome), ([httpx.Response(503)], UnknownOutcome),
        ([httpx.Response(200, content=b"")], UnknownOutcome), ([httpx.Response(204)], UnknownOutcome),
        ([httpx.Response(200, content=b"<html>")], UnknownOutcome), ([httpx.ReadTimeout("x")], UnknownOutcome),
        ([httpx.RemoteProtocolError("x")], UnknownOutcome), ([httpx.WriteError("x")], UnknownOutcome),
        ([ok(row(1, isDelivered=False))], UnknownOutcome),
        ([httpx.Response(200, json={"message": "odd"})], UnknownOutcome),
        ([httpx.Response(200, json={"success": False})], Refused), ([httpx.Response(400)], Refused),
        ([httpx.Response(401), httpx.Response(401)], AccessDenied), ([httpx.Response(403)], AccessDenied),
        ([httpx.Response(404)], Refused), ([httpx.Response(429, headers={"Retry-After": "3"})], SlowDown),
        ([httpx.ConnectError("x")], Unavailable), ([httpx.ConnectTimeout("x")], Unavailable),
    ],
)  # fmt: skip
async def test_a_report_is_sent_once_and_told_truly(
    go: PowerOfficeGo, net: Any, answers: list[Any], expected: type[OutsideError]
) -> None:
    route = net.post("/Factoring/delivered").mock(side_effect=answers)
    with pytest.raises(OutsideError) as caught:
        await deliver(go)
    assert type(caught.value) is expected
    assert route.call_count == len(answers)


@pytest.mark.parametrize("answer", [ok(), ok(row(1, isDelivered=True)), httpx.Response(200, json=row(1))])
async def test_a_report_that_got_through(go: PowerOfficeGo, net: Any, answer: httpx.Response) -> None:
    route = net.post("/Factoring/delivered").mock(return_value=answer)
    await deliver(go)
    assert orjson.loads(route.calls[0].request.content)["invoiceCid"] == "0001004500187"


# --- asking afterwards ------------------------------------------------------------------------------


async def test_asking_waits_out_the_replica(go: PowerOfficeGo, net: Any, time: Time) -> None:
    net.get("/Factoring/InvoicesDelivered").mock(side_effect=listing([row(1, isDelivered=True)]))
    time.now += 100
    net.post("/Factoring/delivered").mock(side_effect=[httpx.ReadTimeout("x")])
    with pytest.raises(UnknownOutcome):
        await deliver(go)
    time.naps.clear()
    time.now += 0.5
    assert await go.was_delivered(erp_id="ID-1")
    assert time.naps[0] == pytest.approx(1.5)
    time.naps.clear()
    assert not await go.was_delivered(erp_id="id-2")
    assert not [nap for nap in time.naps if nap > 0.5]


async def test_a_new_process_waits_too(go: PowerOfficeGo, net: Any, time: Time) -> None:
    net.get("/Factoring/InvoicesDelivered").mock(side_effect=listing([]))
    assert not await go.was_delivered(erp_id="id-1")
    assert time.naps[0] == pytest.approx(2.0)


async def test_a_known_number_is_looked_up_directly(go: PowerOfficeGo, net: Any) -> None:
    net.get("/Factoring/AvailableInvoices").mock(side_effect=listing([row(41), row(42)]))
    delivered = net.get("/Factoring/InvoicesDelivered").mock(side_effect=listing([row(42, id="other"), row(42)]))
    await every(go)
    assert await go.was_delivered(erp_id="id-42")
    assert delivered.call_count == 1
    assert b"$filter=(InvoiceNo%20eq%2042)" in delivered.calls[0].request.url.query


async def test_an_unknown_number_is_found_by_paging_newest_first(go: PowerOfficeGo, net: Any) -> None:
    delivered = net.get("/Factoring/InvoicesDelivered").mock(
        side_effect=listing([row(n, factoringInvoiceStatus=5) for n in range(20, 0, -1)])
    )
    assert await go.reported_status(erp_id="id-16") == (FactoringStatus.DELIVERED, "")
    assert delivered.call_count == 2
    assert b"$orderby=CreatedDate%20desc" in delivered.calls[0].request.url.query
    assert await go.reported_status(erp_id="id-99") is None


async def test_status_and_text_as_reported(go: PowerOfficeGo, net: Any) -> None:
    rows = [
        row(1, factoringInvoiceStatus=3, factoringInvoiceStatusDescription="Bestridt"),
        row(2, factoringInvoiceStatus=9),
        row(3, isDelivered=False),
    ]
    net.get("/Factoring/InvoicesDelivered").mock(side_effect=listing(rows))
    assert await go.reported_status(erp_id="id-1") == (FactoringStatus.COMPLAINED, "Bestridt")
    assert await go.reported_status(erp_id="id-2") == (None, "")
    assert not await go.was_delivered(erp_id="id-3")


async def test_requests_are_paced(go: PowerOfficeGo, net: Any) -> None:
    moments: list[float] = []
    loop = asyncio.get_running_loop()

    def answer(_request: httpx.Request) -> httpx.Response:
        moments.append(loop.time())
        return httpx.Response(200, content=b"<x/>")

    net.get("/Factoring/InvoiceEhf/a").mock(side_effect=answer)
    await asyncio.gather(*(go.invoice_document(erp_id="a") for _ in range(12)))
    assert moments[-1] - moments[0] >= 11 * 0.02 * 0.9
