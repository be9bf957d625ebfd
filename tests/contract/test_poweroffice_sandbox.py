"""PowerOfficeGo against the sandbox, over real sockets: a replica that lags, and things going wrong."""

from __future__ import annotations

import asyncio
import hashlib
import time
from bisect import bisect_left
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from worker.adapters.poweroffice_go import PowerOfficeGo
from worker.model.document import Kind
from worker.model.outcomes import AccessDenied, Refused, TryLater, UnknownOutcome
from worker.ports import FactoringStatus
from worker.sandbox.erp import SandboxClient
from worker.sandbox.magic import InvoiceTrouble
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.support.http import HttpClient, Timeouts
from worker.support.pace import FairPacer

pytestmark = pytest.mark.anyio

LAG = 0.3
EHF = "<Invoice>Blåbærsyltetøy</Invoice>".encode()
PDF = b"%PDF-1.7 faktura"


async def quickly(seconds: float) -> None:
    """Backs off for a tenth of the time; short waits (the replica, the pace) in full."""
    await asyncio.sleep(seconds if seconds < 1 else seconds / 10)


@pytest.fixture
def world() -> World:
    return World(now=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC))


@pytest.fixture
def client(world: World) -> SandboxClient:
    client = world.add_client(client_key="key-a", name="Selger AS", organisation_number="999999999")
    world.add_client(client_key="key-b", name="Annen AS", organisation_number="986252932")
    for code in range(10001, 10061):
        client.add_customer(code, name=f"Debitor {code} Ærø", is_person=code % 2 == 0)
    return client


@pytest.fixture
async def sandbox(world: World, client: SandboxClient, tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(world, folder=tmp_path, replica_lag=LAG, token_lifetime=20.0) as running:
        yield running


def adapter(sandbox: Sandbox, *, client_key: str = "key-a", page_size: int = 100) -> PowerOfficeGo:
    return PowerOfficeGo(
        http=HttpClient(timeouts=Timeouts(read=0.5)), base_url=sandbox.poweroffice_url,
        application_key=sandbox.application_key, client_key=client_key, page_size=page_size,
        replica_lag_seconds=LAG + 0.1, sleep=quickly,
    )  # fmt: skip


@pytest.fixture
async def go(sandbox: Sandbox) -> AsyncIterator[PowerOfficeGo]:
    erp = adapter(sandbox, page_size=7)
    yield erp
    await erp.aclose()


def add(client: SandboxClient, number: int, **more: Any) -> str:
    return client.add_invoice(number, 10001, EHF, 1250.0, date(2026, 3, 2), date(2026, 3, 16), **more)


async def deliver(go: PowerOfficeGo, erp_id: str) -> None:
    await go.report_delivered(
        erp_id=erp_id, kid="0001004500187", comment="Sendt på e-post", file_name="faktura.pdf", pdf=PDF
    )


async def test_a_run_from_list_to_status(go: PowerOfficeGo, client: SandboxClient) -> None:
    ids = [add(client, number) for number in range(10045, 10065)]
    ids.append(add(client, 10070, original_no=10045))
    found = [invoice async for invoice in go.available_invoices()]
    assert [invoice.erp_id for invoice in found] == ids
    assert found[-1].kind is Kind.CREDIT_NOTE
    assert (found[0].customer_code, found[0].total, found[0].due_date) == ("10001", "1250.0", date(2026, 3, 16))
    assert await go.invoice_document(erp_id=ids[0]) == EHF

    assert not await go.was_delivered(erp_id=ids[0])
    with pytest.raises(Refused):
        await go.report_status(erp_id=ids[0], status=FactoringStatus.COMPLAINED, text="Bestridt")
    await deliver(go, ids[0])
    assert await go.was_delivered(erp_id=ids[0])
    assert await go.reported_status(erp_id=ids[0]) == (FactoringStatus.DELIVERED, "")
    with pytest.raises(Refused) as caught:
        await deliver(go, ids[0])
    assert caught.value.answer
    await go.report_status(erp_id=ids[0], status=FactoringStatus.COMPLAINED, text="Bestridt")
    assert await go.reported_status(erp_id=ids[0]) == (FactoringStatus.COMPLAINED, "Bestridt")
    call = client.deliveries[ids[0]][0]
    assert (call.kid, call.comment, call.file_name) == ("0001004500187", "Sendt på e-post", "faktura.pdf")
    assert call.file_sha256 == hashlib.sha256(PDF).hexdigest()


async def test_a_client_key_sees_its_own_client(sandbox: Sandbox) -> None:
    for key, number in (("key-a", "999999999"), ("key-b", "986252932")):
        go = adapter(sandbox, client_key=key)
        who = await go.identity()
        await go.aclose()
        assert who.organisation_number == number
        assert "Factoring_Full" in who.privileges


async def test_unknown_keys(sandbox: Sandbox) -> None:
    go = adapter(sandbox, client_key="key-c")
    with pytest.raises(AccessDenied, match="environment"):
        await go.identity()
    await go.aclose()


async def test_cards_in_batches(go: PowerOfficeGo) -> None:
    cards = await go.debtor_cards(codes=[str(code) for code in range(10001, 10062)])
    assert len(cards) == 60
    assert (cards["10002"].name, cards["10002"].is_person) == ("Debitor 10002 Ærø", True)
    assert (cards["10003"].is_person, "10061" in cards) == (False, False)


async def test_trouble_while_reading(go: PowerOfficeGo, client: SandboxClient) -> None:
    ids = {add(client, number) for number in range(1, 20)}
    client.trouble.unauthorized_mid_run = 2
    client.trouble.throttle_next = 1
    client.trouble.server_error_next = 1
    client.trouble.empty_body_next = 1
    assert {invoice.erp_id async for invoice in go.available_invoices()} == ids
    client.trouble.list_refused_next = 1
    with pytest.raises(Refused, match="refused"):
        assert [invoice async for invoice in go.available_invoices()]


async def test_a_missing_privilege(go: PowerOfficeGo, client: SandboxClient) -> None:
    client.invalid_privileges.add("Factoring_Full")
    with pytest.raises(AccessDenied, match="privilege"):
        assert [invoice async for invoice in go.available_invoices()]
    assert "Factoring_Full" in (await go.identity()).invalid_privileges


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (InvoiceTrouble.EHF_JSON_ERROR, Refused),
        (InvoiceTrouble.EHF_HTML, b"<!DOCTYPE html>"),
        (InvoiceTrouble.EHF_EMPTY, b""),
        (InvoiceTrouble.EHF_DTD, b"<!DOCTYPE"),
        (InvoiceTrouble.EHF_500_ONCE, EHF),
        (InvoiceTrouble.EHF_TIMEOUT_ONCE, EHF),
    ],
)
async def test_documents_in_trouble(
    go: PowerOfficeGo, client: SandboxClient, trouble: InvoiceTrouble, expected: bytes | type[Refused]
) -> None:
    erp_id = add(client, 1, trouble=trouble)
    if isinstance(expected, bytes):
        content = await go.invoice_document(erp_id=erp_id)
        assert expected in content
        assert expected or not content
    else:
        with pytest.raises(expected):
            await go.invoice_document(erp_id=erp_id)


@pytest.mark.parametrize(
    ("trouble", "outcome", "got_through"),
    [
        (InvoiceTrouble.DELIVERED_REFUSED, Refused, False),
        (InvoiceTrouble.DELIVERED_500_ONCE, UnknownOutcome, False),
        (InvoiceTrouble.DELIVERED_500_AFTER_ACCEPT, UnknownOutcome, True),
        (InvoiceTrouble.DELIVERED_EMPTY_AFTER_ACCEPT, UnknownOutcome, True),
        (InvoiceTrouble.DELIVERED_TIMEOUT_AFTER_ACCEPT, UnknownOutcome, True),
        (InvoiceTrouble.DELIVERED_TIMEOUT_BEFORE_ACCEPT, UnknownOutcome, False),
    ],
)
async def test_asking_tells_whether_a_doubtful_report_got_through(
    go: PowerOfficeGo, client: SandboxClient, trouble: InvoiceTrouble, outcome: type[Exception], got_through: bool
) -> None:
    erp_id = add(client, 1, trouble=trouble)
    with pytest.raises(outcome):
        await deliver(go, erp_id)
    assert await go.was_delivered(erp_id=erp_id) is got_through
    if outcome is UnknownOutcome and not got_through:
        await deliver(go, erp_id)
        assert await go.was_delivered(erp_id=erp_id)
    assert len(client.deliveries.get(erp_id, [])) == (outcome is UnknownOutcome)


async def test_a_doubtful_status_is_found_by_asking(go: PowerOfficeGo, client: SandboxClient) -> None:
    erp_id = add(client, 1, trouble=InvoiceTrouble.STATUS_TIMEOUT_AFTER_ACCEPT)
    await deliver(go, erp_id)
    with pytest.raises(UnknownOutcome):
        await go.report_status(erp_id=erp_id, status=FactoringStatus.COMPLETED, text="Betalt")
    assert await go.reported_status(erp_id=erp_id) == (FactoringStatus.COMPLETED, "Betalt")


async def test_the_erp_is_away(client: SandboxClient) -> None:
    erp_id = add(client, 1)
    gone = PowerOfficeGo(
        http=HttpClient(), base_url="http://127.0.0.1:1", application_key="a", client_key="b", sleep=quickly
    )
    with pytest.raises(TryLater, match="no connection"):
        await deliver(gone, erp_id)
    await gone.aclose()


async def test_the_pace_keeps_under_the_limit(sandbox: Sandbox, client: SandboxClient) -> None:
    """120 documents as fast as it goes: all come, and no second sees more than fifty requests set off."""
    moments: list[float] = []

    class Noted(FairPacer):
        async def turn(self, who: str = "") -> None:
            await super().turn(who)
            moments.append(time.monotonic())

    go = PowerOfficeGo(
        http=HttpClient(),
        base_url=sandbox.poweroffice_url,
        application_key=sandbox.application_key,
        client_key="key-a",
        pacer=Noted(50),
    )
    ids = [add(client, number) for number in range(120)]
    assert all(await asyncio.gather(*(go.invoice_document(erp_id=erp_id) for erp_id in ids)))
    await go.aclose()
    assert len(moments) > 120
    assert max(bisect_left(moments, at + 1.0) - place for place, at in enumerate(moments)) <= 50
