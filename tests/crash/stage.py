"""A day of one client with an invoice on every channel, in a world that outlives the worker processes in it.

The sandbox and its books stand in this process; the worker that runs the day is another one, forked by the zygote, and
only that one is killed.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from types import TracebackType

from sqlalchemy import select

from tests.support.flow import DAY, RETURN_DATA, ClientPlan, Flow, business, client_plan, person, write_settings
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction, feed
from worker.clients import load_all_clients
from worker.model.kid import KidLayout
from worker.sandbox.maventa.state import MaventaState
from worker.sandbox.records import Account
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.settings import load_worker
from worker.store.tables import deliveries
from worker.support.clock import TurnedClock, oslo
from worker.wiring import build_house

CLEARING = 1510
# The payment and the fee that lie in the inbox, on the clearing account.
CLEARED = Decimal("1250.00") - Decimal("50.00")
ITEMS = 2


@dataclass(frozen=True, slots=True)
class Scene:
    """Ways in and out that are tried together, and what carries each. `channels`: invoice number to channel."""

    name: str
    plan: ClientPlan
    settings: dict[str, str]
    channels: dict[int, str]


def _sockets() -> Scene:
    tenant = MaventaState().open_company(client_plan().organisation_number)
    return Scene(
        "sockets",
        client_plan(**RETURN_DATA, EFAKTURA="on", EFAKTURA_TENANT=tenant, LINK_CODE="second_mail"),
        {"EFAKTURA_CHANNEL": "maventa"},
        {5001: "ehf", 5002: "efaktura", 5003: "email_link", 5004: "letter"},
    )


def _folders() -> Scene:
    return Scene(
        "folders",
        client_plan(**RETURN_DATA, EMAIL_CHANNEL="pdf", VOUCHERS="v2"),
        {"ACCESS_POINT": "folder", "PRINT_HOUSE": "folder"},
        {5001: "ehf", 5003: "email_pdf", 5004: "letter"},
    )


SCENES = {scene.name: scene for scene in (_sockets(), _folders())}


@dataclass(frozen=True, slots=True)
class Lived:
    """A worker process's end. `met`: the points it met, when it was not killed."""

    killed: bool
    met: list[str]


class Zygote:
    """The forking process, held from here."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Zygote:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.crash.zygote",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._held()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def live(
        self, folder: Path, settings: Path, at: datetime, *, point: str = "", count: int = 1, here: bool = False
    ) -> Lived:
        """A worker process does what is due at that time, and is killed when it meets the point for the `count`th time.

        `here`: the zygote itself does it, which makes every later child faster. Raises RuntimeError when it ends in any
        other way.
        """
        process, met = self._held(), folder / "met.json"
        assert process.stdin is not None
        assert process.stdout is not None
        met.unlink(missing_ok=True)
        order = {"settings": str(settings), "log": str(folder / "log.jsonl"), "met": str(met),
                 "at": at.isoformat(), "point": point, "count": count, "here": here}  # fmt: skip
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()
        answer = json.loads(await process.stdout.readline())
        if answer["killed"]:
            return Lived(killed=True, met=[])
        if answer["code"]:
            raise RuntimeError(f"the worker ended with {answer['code']}: see its words above")
        return Lived(killed=False, met=json.loads(met.read_bytes()))

    def _held(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError("the zygote is not there")
        return self._process


@dataclass(slots=True)
class Stage:
    """One scene, set. `doubtful`: e-mail deliveries that were being sent when their worker was killed."""

    flow: Flow
    scene: Scene
    zygote: Zygote
    doubtful: set[int] = field(default_factory=set[int])

    async def live(self, at: datetime, *, point: str = "", count: int = 1, here: bool = False) -> Lived:
        """One worker's life, the counterparties' clock turned with its own."""
        self.flow.clock.turn(at)
        folder, settings = self.flow.folder, self.flow.settings_path
        lived = await self.zygote.live(folder, settings, at, point=point, count=count, here=here)
        if lived.killed:
            self.doubtful |= self._being_mailed()
        fetch_ehf(self.flow.folder / "ehf-out")
        return lived

    def lay_money(self) -> None:
        """A payment of the first invoice in full, and a fee."""
        inbox = self.flow.folder / "inbox"
        inbox.mkdir()
        layout = KidLayout.parse("client:4 invoice:8", algorithm="MOD10")
        kid = layout.make(client="1001", debtor="", invoice="5001")
        paid = OcrFile([OcrAssignment([OcrTransaction(125000, kid, reference=100)])], number=777)
        (inbox / "ocr.txt").write_bytes(paid.render())
        fee: dict[str, object] = {"event_id": "1", "client": "nordlys", "kind": "administrative_fee",
                                  "date": "2026-11-20", "amount": "50.00", "currency": "NOK"}  # fmt: skip
        (inbox / "feed.jsonl").write_bytes(feed([fee]))

    def _being_mailed(self) -> set[int]:
        being = (deliveries.c.state == "sending", deliveries.c.channel.in_(["email_link", "email_pdf"]))
        with self.flow.house.db.read() as tx:
            found = set(tx.execute(select(deliveries.c.id).where(*being)).scalars())
        self.flow.house.db.close()
        return found

    def troubles(self) -> list[str]:
        """The worker's log lines above information, without their time."""
        lines = (self.flow.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return [line for line in lines if '"level":"info"' not in line]


def fetch_ehf(folder: Path) -> int:
    """The access point behind the folder fetches every whole document, the JSON first, and gives its receipt."""
    fetched = folder / "fetched"
    envelopes = [path for path in folder.glob("*.json") if not path.stem.endswith(".receipt")]
    for envelope in envelopes:
        fetched.mkdir(exist_ok=True)
        count = len(list(fetched.glob(f"{envelope.stem}.*json")))
        envelope.rename(fetched / f"{envelope.stem}.{count}.json")
        envelope.with_suffix(".xml").rename(fetched / f"{envelope.stem}.{count}.xml")
        (folder / f"{envelope.stem}.receipt.json").write_text('{"state": "delivered", "reference": "as4-1"}')
    return len(envelopes)


@asynccontextmanager
async def staged(folder: Path, scene: Scene, zygote: Zygote, database_url: str) -> AsyncGenerator[Stage]:
    """Seven o'clock; the database is at head and empty; the client has given its invoices to the factor."""
    clock = TurnedClock(oslo(DAY, time(7)))
    world = World(now=clock.now)
    world.add_client(
        client_key=scene.plan.key, name=scene.plan.title, organisation_number=scene.plan.organisation_number
    )
    outside = folder / "outside"
    outside.mkdir(parents=True)
    async with Sandbox(world, folder=outside, replica_lag=0.02) as sandbox:
        places = {"DATABASE_URL": database_url, "ACCESS_POINT_FOLDER": str(folder / "ehf-out"),
                  "PRINT_FOLDER": str(folder / "letters-out"), "POWEROFFICE_REPLICA_LAG_SECONDS": "0.03"}  # fmt: skip
        path = write_settings(folder, sandbox, [scene.plan], {**scene.settings, **places})
        settings = load_worker(path, environ={})
        clients, bad = load_all_clients(settings)
        assert not bad, bad
        house = build_house(settings, clock)  # to read with, and closed at once: the file is the worker's
        flow = Flow(
            folder=folder, world=world, sandbox=sandbox, clock=clock, house=house, clients=clients,
            plans=[scene.plan], settings_path=path, lines=io.StringIO(),
        )  # fmt: skip
        try:
            _cast(flow, scene)
            yield Stage(flow, scene, zygote)
        finally:
            await house.aclose()


def _cast(flow: Flow, scene: Scene) -> None:
    # As agreed with print houses: what they have fetched stays where it can be seen (docs/print-manifest.md).
    for place in (flow.folder / "letters-out", flow.sandbox.print_folder):
        (place / "fetched").mkdir(parents=True, exist_ok=True)
    for code in (CLEARING, 6970, 6975, 2990, 8050):
        flow.erp().accounts[code] = Account(code=code, name=f"Konto {code}")
    for number, channel in scene.channels.items():
        if channel == "ehf":
            flow.invoice(number, business(), reachable=True)
        else:
            email = {"efaktura": "kari+efaktura@privat.example", "letter": ""}.get(channel, f"kari{number}@x.example")
            flow.invoice(number, person(number, f"Kari Østby {number}", email))
