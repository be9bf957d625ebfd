"""The sandbox as a whole: the print house's SFTP server, state to a folder and back, reports, the command."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import pytest

from worker.model.document import Kind
from worker.sandbox import magic
from worker.sandbox.magic import InvoiceTrouble
from worker.sandbox.serve import serve
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World

pytestmark = pytest.mark.anyio


def now() -> datetime:
    return datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def a_world() -> World:
    world = World(now=now)
    for key, name, number in (("k1", "Nordlys Snekkeri AS", "999888777"), ("k2", "Sørfjord Data AS", "986252932")):
        client = world.add_client(client_key=key, name=name, organisation_number=number)
        client.add_customer(10018, "Fjellheim Bygg AS", is_person=False, city="Bergen")
        client.add_invoice(
            10045,
            10018,
            ehf=b"<Invoice/>",
            total=Decimal("12500.50"),
            invoice_date=date(2026, 3, 2),
            due_date=date(2026, 3, 16),
            trouble=InvoiceTrouble.EHF_500_ONCE,
        )
        client.add_invoice("F-2", 10018, ehf=b"<Invoice/>", total=7.25, invoice_date=date(2026, 3, 2))
    world.register_peppol("0192:986252932", {Kind.INVOICE})
    return world


async def post(sandbox: Sandbox, path: str, body: dict[str, Any], client_key: str = "k1") -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=sandbox.poweroffice_url) as http:
        keys = (sandbox.application_key, client_key)
        token = await http.post("/OAuth/Token", auth=keys, data={"grant_type": "client_credentials"})
        headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
        return (await http.post(path, json=body, headers=headers)).json()


async def deliver(sandbox: Sandbox, client_key: str, content: bytes, position: int = 0) -> str:
    erp_id = list(sandbox.world.clients[client_key].invoices)[position]
    file = {"fileName": "faktura-10045.pdf", "base64EncodedData": base64.b64encode(content).decode()}
    body = {"factoringInvoiceId": erp_id, "invoiceCid": "00018", "comment": "Sendt som brev på æøå", "file": file}
    assert (await post(sandbox, "/Factoring/delivered", body, client_key))["success"] is True
    return erp_id


# --- the print house -----------------------------------------------------------------------------


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncGenerator[Sandbox]:
    async with Sandbox(a_world(), folder=tmp_path) as running:
        yield running


def connect(sandbox: Sandbox, **changes: Any) -> Any:
    options: dict[str, Any] = {
        "username": sandbox.sftp_user,
        "client_keys": [str(sandbox.sftp_client_key_path)],
        "known_hosts": str(sandbox.sftp_known_hosts_path),
        "config": None,
        "agent_path": None,
        **changes,
    }
    host, port = sandbox.sftp_address
    return asyncssh.connect(host, port, **options)


async def test_letters_arrive_by_sftp_and_lie_in_the_folder(sandbox: Sandbox) -> None:
    async with connect(sandbox) as connection, connection.start_sftp_client() as sftp:
        async with sftp.open("brev.pdf.part", "wb") as file:
            await file.write(b"%PDF" * 50_000)
        await sftp.rename("brev.pdf.part", "brev.pdf")
        assert sorted(await sftp.listdir("/")) == [".", "..", "brev.pdf", "fetched"]
        with pytest.raises(asyncssh.SFTPError):
            await sftp.stat("/../keys")
    assert (sandbox.print_folder / "brev.pdf").read_bytes() == b"%PDF" * 50_000


async def test_only_the_one_user_with_the_one_key_gets_in(sandbox: Sandbox) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    for changes in ({"client_keys": [other]}, {"username": "root"}, {"client_keys": [], "password": "factor"}):
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(sandbox, **changes)


async def test_another_host_key_is_noticed(sandbox: Sandbox) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        await connect(sandbox, known_hosts=([other.convert_to_public()], [], []))


async def test_the_host_key_stays_from_one_start_to_the_next(tmp_path: Path) -> None:
    keys: list[str] = []
    for _ in range(2):
        async with Sandbox(a_world(), folder=tmp_path) as sandbox:
            keys.append(sandbox.sftp_host_key)
            assert sandbox.sftp_client_key_path.stat().st_mode & 0o077 == 0
    assert keys[0] == keys[1]
    assert keys[0].startswith("ssh-ed25519 AAAA")


async def test_a_full_disk_at_the_print_house(sandbox: Sandbox) -> None:
    sandbox.world.print_house.disk_full_next = 1
    async with connect(sandbox) as connection, connection.start_sftp_client() as sftp:
        with pytest.raises(asyncssh.SFTPFailure, match="No space left"):
            async with sftp.open("brev.pdf.part", "wb") as file:
                await file.write(b"%PDF")
        async with sftp.open("brev.pdf.part", "wb") as file:
            await file.write(b"%PDF")


async def test_a_connection_cut_after_the_rename(sandbox: Sandbox) -> None:
    sandbox.world.print_house.cut_after_rename_next = 1
    async with connect(sandbox) as connection, connection.start_sftp_client() as sftp:
        async with sftp.open("brev.pdf.part", "wb") as file:
            await file.write(b"%PDF")
        with pytest.raises((asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.ConnectionLost)):
            await sftp.rename("brev.pdf.part", "brev.pdf")
    assert (sandbox.print_folder / "brev.pdf").read_bytes() == b"%PDF"


# --- state and reports -----------------------------------------------------------------------------


async def test_the_state_is_written_to_a_folder_and_read_again(tmp_path: Path) -> None:
    world = a_world()
    async with Sandbox(world, folder=tmp_path / "out", replica_lag=0) as sandbox:
        erp_id = await deliver(sandbox, "k1", b"%PDF-1.7")
        voucher = {
            "voucherDate": "2026-03-16",
            "currencyCode": "NOK",
            "externalImportReference": "FC-PAY-1",
            "lines": [
                {"accountCode": 10018, "amount": -100.10, "date": "2026-03-16", "invoiceNo": "10045"},
                {"accountCode": 20100, "amount": 100.10, "date": "2026-03-16"},
            ],
        }
        assert (await post(sandbox, "/Voucher/BankJournalVoucher", voucher))["success"] is True
    assert world.first_time("something")
    world.clients["k2"].trouble.throttle_next = 3
    world.unregister_peppol("0192:399000041")
    world.save(tmp_path / "saved")
    again = World.load(tmp_path / "saved", now=now)
    assert again.erp_report() == world.erp_report()
    assert again.clients["k2"].trouble == world.clients["k2"].trouble
    assert not again.first_time("something")
    assert again.peppol_kinds("0192:986252932") == {Kind.INVOICE}
    assert again.peppol_kinds("0192:399000041") is None
    assert list(again.clients["k1"].ledger.entries.values()) == list(world.clients["k1"].ledger.entries.values())
    async with Sandbox(again, folder=tmp_path / "out") as sandbox:
        told = await post(sandbox, "/Voucher/BankJournalVoucher", voucher)
        assert told["validation"]["exception"] == "ApiUniqueConstraint"
        body = {"factoringInvoiceId": erp_id, "factoringInvoiceStatus": 4}
        assert (await post(sandbox, "/Factoring/updatefactoringinvoicestatus", body))["success"] is True


async def test_a_changed_document_is_noticed(tmp_path: Path) -> None:
    a_world().save(tmp_path)
    next((tmp_path / "documents").iterdir()).write_bytes(b"changed")
    with pytest.raises(ValueError, match="has been changed"):
        World.load(tmp_path, now=now)


async def test_the_report_and_the_posted_back_files(tmp_path: Path) -> None:
    async with Sandbox(a_world(), folder=tmp_path) as sandbox:
        await deliver(sandbox, "k1", b"%PDF one")
        await deliver(sandbox, "k1", b"%PDF two", position=1)
        await deliver(sandbox, "k2", b"%PDF three")
        report = json.loads(json.dumps(sandbox.world.erp_report()))
        sandbox.world.write_posted_back(tmp_path / "pdf")
    first, second = report["clients"][0]["invoices"]
    assert (first["number"], first["status"], first["status_name"], first["kid"]) == (10045, 5, "Delivered", "00018")
    assert (first["comments"], first["file_name"]) == (["Sendt som brev på æøå"], "faktura-10045.pdf")
    other = report["clients"][1]["invoices"]
    assert (other[1]["number"], other[1]["status"], other[1]["kid"]) == ("F-2", 1, None)
    contents = {name: (tmp_path / "pdf" / name).read_bytes() for name in (first["file"], second["file"])}
    assert list(contents.values()) == [b"%PDF one", b"%PDF two"]
    assert (tmp_path / "pdf" / other[0]["file"]).read_bytes() == b"%PDF three"
    assert "k1" not in json.dumps(report)


def test_every_reserved_value_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text()
    numbers = {value: name for name, value in vars(magic).items() if isinstance(value, str) and value.isdigit()}
    assert set(numbers) == magic.SMP_MAGIC | magic.ACCESS_POINT_MAGIC | magic.HOSTED_MAGIC
    rows = [f"| {number} | `{name}` |" for number, name in numbers.items()]
    rows += [f"| `{value}` |" for value in (*magic.MailMagic, *magic.InvoiceTrouble, *magic.ConsumerMagic)]
    assert [row for row in rows if row not in page] == []


def test_set_up_mistakes_are_noticed_at_once() -> None:
    world = a_world()
    client = world.clients["k1"]
    with pytest.raises(ValueError, match="taken"):
        world.add_client(client_key="k1", name="x", organisation_number="986252932")
    with pytest.raises(ValueError, match="taken"):
        client.add_customer(10018, "en til")
    with pytest.raises(TypeError):
        client.mend_customer(10018, adress1="Storgata 1")
    with pytest.raises(ValueError, match="no such service"):
        Sandbox(world, folder=Path("x"), ports={"smpt": 25})


async def test_serving_tells_where_everything_is_and_saves_at_the_end(tmp_path: Path) -> None:
    ready: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(a_world(), tmp_path / "out", None, ready.set_result))
    told = (await asyncio.wait_for(ready, 5)).addresses()
    lines = dict(line.split("=", 1) for line in told.splitlines() if not line.startswith("#"))
    assert "# 999888777 Nordlys Snekkeri AS: POWEROFFICE_CLIENT_KEY=k1" in told
    async with httpx.AsyncClient() as http:
        keys = (lines["POWEROFFICE_APPLICATION_KEY"], "k2")
        url = f"{lines['POWEROFFICE_URL']}/OAuth/Token"
        assert (await http.post(url, auth=keys, data={"grant_type": "client_credentials"})).status_code == 200
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert set(World.load(tmp_path / "out", now=now).clients) == {"k1", "k2"}
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(lines["POWEROFFICE_URL"])


async def test_ports_can_be_chosen_and_a_taken_one_leaves_nothing_behind(tmp_path: Path) -> None:
    async with Sandbox(a_world(), folder=tmp_path / "a") as first:
        taken = first.sftp_address[1]
        smtp = first.smtp_address[1]
        with pytest.raises(OSError, match="in use"):
            async with Sandbox(a_world(), folder=tmp_path / "b", ports={"sftp": taken}):
                raise AssertionError("it should not have started")
    async with Sandbox(a_world(), folder=tmp_path / "b", ports={"smtp": smtp}) as second:
        assert second.smtp_address == ("127.0.0.1", smtp)
