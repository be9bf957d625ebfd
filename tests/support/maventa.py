"""What the tests of Maventa share: documents, a scripted line, the sandbox's Maventa on a socket of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx

from tests.support.serving import listening
from worker.adapters.maventa import MaventaConnection
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.party import PostalAddress
from worker.ports import Consumer, ConsumerInvoice, OutboundDocument
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.sandbox.http_server import HttpServer
from worker.sandbox.maventa.app import maventa_app
from worker.sandbox.pace import Hold, Pace
from worker.sandbox.world import World
from worker.support.http import HttpClient, Timeouts

URL = "https://maventa.test"
SELLER, OTHER, BUYER = "399101004", "399102000", "986252932"
COMPANY, KEY = "0b9188fe-d541-42da-bce0-f9a9a6ee429b", "5f3c6a8e-9d55-5f2d-a077-0c1f0e6a774f"
HOME = PostalAddress("Bjørkeveien 7", "", "0487", "OSLO")
PDF = b"%PDF-1.7 faktura\r\n--\x00\xff"


def ehf(receiver: str = "", *, seller: str = SELLER) -> bytes:
    """An invoice to a business, or to a person when there is no receiver."""
    return build_ehf(
        number="10045",
        seller=BuilderParty("Nordlys Bakeri AS", seller, HOME),
        buyer=BuilderParty("Fjellheim Bygg AS" if receiver else "Kari Østby", receiver, HOME),
        issue_date=date(2026, 11, 25),
        due_date=date(2026, 12, 9),
        lines=[BuilderLine("Brød", quantity=Decimal(10), price=Decimal(25))],
    )


def document(receiver: str = BUYER, *, tenant: str = COMPANY, key: str = "") -> OutboundDocument:
    return OutboundDocument(
        key=key or str(uuid4()),
        kind=Kind.INVOICE,
        sender=f"0192:{SELLER}",
        receiver=f"0192:{receiver}",
        document_type_id=DOCUMENT_TYPE_IDS[Kind.INVOICE],
        process_id=PROCESS_ID,
        country="NO",
        xml=ehf(receiver),
        tenant=tenant,
    )


def efaktura(reference: str, *, tenant: str = COMPANY, key: str = "") -> ConsumerInvoice:
    return ConsumerInvoice(
        key=key or str(uuid4()),
        tenant=tenant,
        issuer=SELLER,
        reference=reference,
        number="10045",
        issue_date=date(2026, 11, 25),
        due_date=date(2026, 12, 9),
        amount_minor=31250,
        account="86011117947",
        kid="0010010100454",
        file_name="faktura-10045.pdf",
        pdf=PDF,
        xml=ehf(),
    )


def person(email: str = "kari@privat.example", *, name: str = "Kari Anne Østby", phone: str = "922 33 444") -> Consumer:
    return Consumer(name=name, address=HOME, email=email, phone=phone)


def told(status: str = "PENDING", *actions: tuple[str, str, str], key: str = KEY) -> dict[str, Any]:
    """An invoice as Maventa tells of it. `actions`: (type, channel, message)."""
    rows = [{"type": kind, "channel": channel, "message": message} for kind, channel, message in actions]
    return {"id": key, "status": status, "actions": rows}


def parts(request: httpx.Request) -> dict[str, list[tuple[str | None, bytes]]]:
    """The form's fields as another reader of multipart sees them: name to (file name, content)."""
    head = b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n"
    fields: dict[str, list[tuple[str | None, bytes]]] = {}
    for part in cast("list[Message]", message_from_bytes(head + request.content).get_payload()):
        name = str(part.get_param("name", header="content-disposition"))
        fields.setdefault(name, []).append((part.get_filename(), cast("bytes", part.get_payload(decode=True))))
    return fields


@dataclass(slots=True)
class Naps:
    """A clock that only sleeping moves."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list[float])

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def one_http() -> HttpClient:
    """For all tests of a module: making one reads every certificate authority. Short of patience with a sandbox."""
    return HttpClient(timeouts=Timeouts(read=0.3))


def scripted(naps: Naps, http: HttpClient) -> MaventaConnection:
    """A line to URL, which the test answers for."""
    return MaventaConnection(
        http=http,
        base_url=f"{URL}/",
        user_key="user-secret-4711",
        vendor_key="vendor-secret-4712",
        monotonic=naps.monotonic,
        sleep=naps.sleep,
    )


@dataclass(frozen=True, slots=True)
class Served:
    """The sandbox's Maventa and a line to it. `tenant`: the seller's company."""

    world: World
    folder: Path
    line: MaventaConnection
    tenant: str


@asynccontextmanager
async def served(folder: Path, http: HttpClient) -> AsyncGenerator[Served]:
    """Maventa alone, without the rest of the sandbox: it starts in milliseconds."""
    world = World(now=lambda: datetime(2026, 11, 25, 8, tzinfo=UTC))
    world.register_peppol(f"0192:{BUYER}")
    pace = Pace()
    hold = Hold(pace)
    app = maventa_app(world=world, folder=folder / "ehf", efaktura_folder=folder / "efaktura", pace=pace, hold=hold)
    with listening() as (door, url):
        door.setblocking(False)
        server = HttpServer(app)
        await server.start([door])
        line = MaventaConnection(
            http=http,
            base_url=url,
            user_key=world.maventa.user_key,
            vendor_key=world.maventa.vendor_key,
            sleep=Naps().sleep,
        )
        try:
            yield Served(world, folder, line, world.maventa.open_company(SELLER))
        finally:
            hold.close()
            await server.close()
