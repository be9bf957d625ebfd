"""Every access point adapter before its vendor, on real sockets, for one suite (test_access_points.py)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from tests.support.faulty_line import FaultyLine, faulty_line
from worker.adapters.access_point.folder import FolderAccessPoint
from worker.adapters.access_point.phoss_ap import PhossAp
from worker.adapters.maventa import MaventaAccessPoint, MaventaConnection
from worker.adapters.storecove import Storecove
from worker.model.document import Kind
from worker.model.ehf import DOCUMENT_TYPE_IDS, PROCESS_ID
from worker.model.outcomes import OutsideError
from worker.ports import AccessPoint, Notice, OutboundDocument
from worker.sandbox import magic
from worker.sandbox.server import Sandbox
from worker.sandbox.storecove import legal_entity_id
from worker.sandbox.world import World
from worker.support.http import HttpClient, Timeouts

T = TypeVar("T")
SELLER = "999999999"
NAMES = ("phoss-ap", "maventa", "storecove", "folder")
REACHABLE = "986252932"


async def at_once(_seconds: float) -> None:
    return


@dataclass(slots=True)
class Shelf:
    """ports.NoticeShelf in memory."""

    kept: dict[str, Notice] = field(default_factory=dict[str, Notice])

    def keep(self, notice: Notice) -> None:
        self.kept.setdefault(notice.id, notice)

    def about(self, *, key: str, reference: str) -> list[Notice]:
        return [n for n in self.kept.values() if n.key == key or (reference and n.reference == reference)]


@dataclass(slots=True)
class Way:
    """An adapter, the line it speaks over (None: it uses none), and the vendor behind."""

    name: str
    adapter: AccessPoint
    world: World
    folder: Path
    tenant: str = ""
    line: FaultyLine | None = None
    secrets: Sequence[str] = ()
    wishes: dict[str, str] = field(default_factory=dict[str, str])  # what is to happen: the receiver it happens to

    def document(self, wish: str = "arrives", *, kind: Kind = Kind.INVOICE) -> OutboundDocument:
        """A document to a receiver to whom that happens."""
        number = self.wishes.get(wish, REACHABLE)
        return OutboundDocument(
            key=str(uuid4()),
            kind=kind,
            sender=f"0192:{SELLER}",
            receiver=f"0192:{number}",
            document_type_id=DOCUMENT_TYPE_IDS[kind],
            process_id=PROCESS_ID,
            country="NO",
            xml=ubl(number, kind=kind),
            tenant=self.tenant,
        )

    def held(self, document: OutboundDocument) -> list[bytes]:
        """What the vendor has under the key, once for each time it took it."""
        if self.line is None:
            path = self.folder / f"{document.key}.xml"
            return [path.read_bytes()] if path.exists() and path.with_suffix(".json").exists() else []
        rows = [row for row in self.world.ehf_submissions if row.key == document.key]
        return [(self.folder / row.file).read_bytes() for row in rows]

    def receipt(self, document: OutboundDocument, **content: str) -> None:
        """A vendor who answers by hand (the folder) does so now; the others have their wishes."""
        if self.line is None:
            (self.folder / f"{document.key}.receipt.json").write_text(json.dumps(content))

    async def error(self, call: Awaitable[T]) -> OutsideError:
        """The error of a call that must fail. Nothing in it gives a secret away."""
        with pytest.raises(OutsideError) as caught:
            await call
        secrets = [*self.secrets, *(self.line.credentials if self.line is not None else ())]
        error: BaseException | None = caught.value
        while error is not None:
            said = f"{error!r} {error.args} {getattr(error, 'answer', '')}"
            assert not [secret for secret in secrets if secret in said]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return caught.value


_VENDOR = {
    "is refused at once": magic.AP_400,
    "arrives later": magic.HOSTED_RECEIPT_LATER,
    "is refused later": magic.HOSTED_REFUSED_LATER,
    "gets an invented status": magic.AP_UNKNOWN_WORD,
    "is turned down": magic.EHF_TURNED_DOWN,
    "is passed on": magic.EHF_PASSED_ON,
}


@asynccontextmanager
async def ways(folder: Path) -> AsyncGenerator[dict[str, Way]]:
    """All of them by name, for as long as the context lasts."""
    world = World(now=lambda: datetime(2026, 3, 2, 8, tzinfo=UTC))
    company = world.maventa.open_company(SELLER)
    world.register_peppol(f"0192:{REACHABLE}")
    world.register_peppol(f"0192:{REACHABLE}")
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(world, folder=folder / "outside"))
        phoss_line = await stack.enter_async_context(faulty_line(sandbox.access_point_url))
        maventa_line = await stack.enter_async_context(faulty_line(sandbox.maventa_url))
        storecove_line = await stack.enter_async_context(faulty_line(sandbox.storecove_url))

        def http() -> HttpClient:
            return HttpClient(timeouts=Timeouts(read=2.0), max_bytes=2**20)

        found = [
            Way(
                "phoss-ap",
                PhossAp(http=http(), base_url=phoss_line.url, token=sandbox.access_point_token, sleep=at_once),
                world,
                sandbox.folder,
                line=phoss_line,
                secrets=[sandbox.access_point_token],
                wishes={
                    **_VENDOR,
                    "arrives later": magic.AP_422_THEN_SENT,
                    "is refused later": magic.AP_422_FAILS_FOR_GOOD,
                },
            ),
            Way(
                "maventa",
                MaventaAccessPoint(
                    MaventaConnection(
                        http=http(),
                        base_url=maventa_line.url,
                        user_key=world.maventa.user_key,
                        vendor_key=world.maventa.vendor_key,
                        sleep=at_once,
                    )
                ),
                world,
                sandbox.folder,
                tenant=company,
                line=maventa_line,
                secrets=[world.maventa.user_key, world.maventa.vendor_key],
                wishes=_VENDOR,
            ),
            Way(
                "storecove",
                Storecove(
                    http=http(),
                    base_url=storecove_line.url,
                    api_key=sandbox.storecove_key,
                    shelf=Shelf(),
                    sleep=at_once,
                ),
                world,
                sandbox.folder,
                tenant=str(legal_entity_id(SELLER)),
                line=storecove_line,
                secrets=[sandbox.storecove_key],
                wishes=_VENDOR,
            ),
            Way("folder", FolderAccessPoint(folder / "access-point"), world, folder / "access-point"),
        ]
        for way in found:
            stack.push_async_callback(way.adapter.aclose)
        yield {way.name: way for way in found}


def ubl(receiver: str, *, kind: Kind = Kind.INVOICE) -> bytes:
    """As little of a document as an access point reads."""
    root = "Invoice" if kind is Kind.INVOICE else "CreditNote"
    name = f"urn:oasis:names:specification:ubl:schema:xsd:{root}-2"
    cac, cbc = (f"urn:oasis:names:specification:ubl:schema:xsd:Common{c}Components-2" for c in ("Aggregate", "Basic"))
    party = '<cac:{0}><cac:Party><cbc:EndpointID schemeID="0192">{1}</cbc:EndpointID></cac:Party></cac:{0}>'
    return (
        f'<{root} xmlns="{name}" xmlns:cac="{cac}" xmlns:cbc="{cbc}">'
        "<cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0"
        "</cbc:CustomizationID><cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>"
        f"<cbc:IssueDate>{date(2026, 3, 2)}</cbc:IssueDate>"
        + party.format("AccountingSupplierParty", SELLER)
        + party.format("AccountingCustomerParty", receiver)
        + f"</{root}>"
    ).encode()
