"""A factoring house standing on the sandbox: real settings files, a real database, real sockets, a turned clock."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, cast

import anyio.to_thread
import structlog
from typer.testing import CliRunner, Result

from tests import privacy
from tests.support.database import prepared
from worker.cli import app
from worker.clients import load_all_clients, log_broken
from worker.demo.stage import free_port
from worker.model.document import Kind
from worker.model.party import PostalAddress
from worker.rounds import tick
from worker.runs import run_now
from worker.sandbox.ehf_builder import BuilderLine, BuilderParty, build_ehf
from worker.sandbox.erp import SandboxClient
from worker.sandbox.records import DeliveryCall, Mail
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.serving import portal_server
from worker.settings import ClientFile, load_worker
from worker.store import reading
from worker.store.reading import Story
from worker.store.rows import DeliveryRow
from worker.support import log
from worker.support.clock import TurnedClock, oslo
from worker.support.summary import Summary
from worker.wiring import House, build_house

FACTOR_ACCOUNT = "86011117947"
CLIENT_ACCOUNT = "15032080119"
FACTOR = {
    "ENVIRONMENT": "demo",
    "LOG_FORMAT": "json",
    "FACTOR_NAME": "Eksempel Factoring AS",
    "FACTOR_ORGANISATION_NUMBER": "986252932",
    "FACTOR_ACCOUNT": FACTOR_ACCOUNT,
    "FACTOR_BIC": "DNBANOKK",
    "FACTOR_CONTACT": "kundeservice@factoring.example, tlf. 22 00 00 00",
    "FACTOR_RETURN_ADDRESS": "Eksempel Factoring AS, Postboks 100, 0101 Oslo",
    "SMTP_FROM": "faktura@factoring.example",
    "PORTAL_KEY": "flow-test-portal-key-0123456789abcdef",
    # Short, so that trouble is met in tests as it would be, only sooner.
    "POWEROFFICE_REPLICA_LAG_SECONDS": "0.1",
    "ACCESS_POINT_TIMEOUT_SECONDS": "0.5",
    "SMTP_TIMEOUT_SECONDS": "3",
}
# A client whose payments and fees are posted as vouchers.
RETURN_DATA = {
    "RETURN_DATA": "on",
    "ACCOUNT_CLEARING": "1510",
    "ACCOUNT_ADMINISTRATIVE_FEES": "6970",
    "ACCOUNT_FINANCIAL_FEES": "6975",
    "ACCOUNT_BANK": "1920",
    "ACCOUNT_BALANCE": "2990",
    "ACCOUNT_INTEREST_INCOME": "8050",
    "ACCOUNT_LOSSES": "7830",
}
# Wednesday; the fourth day after it is a Sunday.
DAY = date(2026, 11, 25)
OWNER = "flow"
HOME = PostalAddress("Bjørkeveien 7", "", "0487", "OSLO")


def number(stem: int) -> str:
    """An organisation number that no business has: eight digits and the check digit (mod-11)."""
    body = f"{stem:08d}"
    rest = sum(int(sign) * weight for sign, weight in zip(body, (3, 2, 7, 6, 5, 4, 3, 2), strict=True)) % 11
    return number(stem + 7) if rest == 1 else body + str((11 - rest) % 11)


@dataclass(frozen=True, slots=True)
class ClientPlan:
    """A client: its env file's name and what stands in it beside the usual."""

    name: str
    title: str
    organisation_number: str
    settings: Mapping[str, str]

    @property
    def key(self) -> str:
        return f"client-key-{self.name}-7d1f"

    @property
    def seller(self) -> BuilderParty:
        return BuilderParty(self.title, self.organisation_number, PostalAddress("Storgata 14", "", "9008", "Tromsø"))


def client_plan(name: str = "nordlys", **settings: str) -> ClientPlan:
    """A client with a usual env file; `settings` are added or, with an empty value, taken away."""
    titles = {"nordlys": ("Nordlys Bakeri AS", 39910100, "1001"), "fjordvik": ("Fjordvik Rør AS", 39910200, "1002")}
    title, stem, kid_number = titles[name]
    usual = {"KID_LAYOUT": "client:4 invoice:8", "KID_CLIENT_NUMBER": kid_number}
    return ClientPlan(name, title, number(stem), {**usual, **settings})


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer card and the buyer of a document. Without organisation number: a private person."""

    code: int
    name: str
    organisation_number: str = ""
    email: str = ""
    address: PostalAddress = HOME
    phone: str = "+47 922 33 444"

    @property
    def buyer(self) -> BuilderParty:
        return BuilderParty(self.name, self.organisation_number, self.address, phone=self.phone, email=self.email)


def person(code: int = 10001, name: str = "Kari Østby", email: str = "kari.ostby@privat.example") -> Debtor:
    return Debtor(code, name, email=email)


def business(
    code: int = 20001, name: str = "Ålesund Øyriker AS", organisation_number: str = "", email: str = ""
) -> Debtor:
    return Debtor(code, name, organisation_number or number(39920000 + code % 1000 * 10), email=email)


class Flow:
    """The house and the world around it. Times are Norwegian wall-clock times."""

    def __init__(
        self,
        *,
        folder: Path,
        world: World,
        sandbox: Sandbox,
        clock: TurnedClock,
        house: House,
        clients: list[ClientFile],
        plans: Sequence[ClientPlan],
        settings_path: Path,
        lines: io.StringIO,
    ) -> None:
        self.folder = folder
        self.world = world
        self.sandbox = sandbox
        self.clock = clock
        self.house = house
        self.clients = clients
        self.plans = {plan.name: plan for plan in plans}
        self.settings_path = settings_path
        self.lines = lines

    # --- what people in the outside world do --------------------------------------------------------

    def erp(self, client: str = "nordlys") -> SandboxClient:
        return self.world.clients[self.plans[client].key]

    def card(self, debtor: Debtor, *, client: str = "nordlys", reachable: bool = False, **changes: Any) -> None:
        """The debtor gets a customer card, and with `reachable` a place in the Peppol network."""
        is_person = not debtor.organisation_number
        first, _, last = debtor.name.rpartition(" ")
        fields: dict[str, Any] = {
            "name": debtor.name,
            "is_person": is_person,
            "first_name": first if is_person else "",
            "last_name": last if is_person else "",
            "organisation_number": debtor.organisation_number,
            "address1": debtor.address.line1,
            "zip": debtor.address.postal_code,
            "city": debtor.address.city,
            "country": debtor.address.country or "NO",
            "phone": debtor.phone,
            "email": debtor.email,
        }
        self.erp(client).add_customer(debtor.code, **{**fields, **changes})
        if reachable:
            self.world.register_peppol(f"0192:{debtor.organisation_number}")

    def invoice(
        self,
        invoice_number: int | str,
        debtor: Debtor,
        *,
        client: str = "nordlys",
        card: bool = True,
        reachable: bool = False,
        credits: int | None = None,
        trouble: str | None = None,
        total: Decimal | str | None = None,
        seller: BuilderParty | None = None,
        price: str = "1000.00",
        email: str | None = None,
        document: bytes | None = None,
        **more: Any,
    ) -> str:
        """An invoice (or with `credits` a credit note) is given to the factor. Returns the ERP's id."""
        erp = self.erp(client)
        if card and debtor.code not in erp.customers:
            self.card(debtor, client=client, reachable=reachable)
        kind = Kind.CREDIT_NOTE if credits else Kind.INVOICE
        today = self.clock.now().date()
        ehf = document or build_ehf(
            kind=kind,
            number=str(invoice_number),
            issue_date=today,
            due_date=today + timedelta(days=14),
            seller=seller or self.plans[client].seller,
            buyer=debtor.buyer,
            lines=[BuilderLine("Bløtkake", price=Decimal(price))],
            client_account=CLIENT_ACCOUNT,
            client_kid="" if credits else "123456785",
            credited_number=str(credits) if credits else "",
            **more,
        )
        return erp.add_invoice(
            invoice_number,
            debtor.code,
            ehf,
            Decimal(str(total)) if total is not None else Decimal(price) * Decimal("1.25"),
            today,
            today + timedelta(days=14),
            customer_email=email,
            original_no=credits,
            trouble=trouble,
        )

    # --- the day ------------------------------------------------------------------------------------

    def turn(self, hour: int, minute: int = 0, *, day: date = DAY) -> None:
        self.clock.turn(oslo(day, time(hour, minute)))

    async def at(self, hour: int, minute: int = 0, *, day: date = DAY) -> list[Summary]:
        """Everything of the timetable that is due at that time."""
        self.turn(hour, minute, day=day)
        return await tick(self.house, self.clients, owner=OWNER)

    async def job(self, name: str, client: str = "nordlys") -> Summary:
        """One job, now, as `factoring-worker job` runs it."""
        return await run_now(self.house, next(c for c in self.clients if c.name == client), name)

    def command(self, *words: str, typed: str = "", columns: int = 200) -> Result:
        """A command of the program, by the house's settings and clock."""
        arguments = [*words, "--settings", str(self.settings_path)]
        environment = {"COLUMNS": str(columns)}
        try:
            return CliRunner().invoke(app, arguments, input=typed, env=environment, obj=self.clock)
        finally:  # a command of its own process sets up a log of its own
            log.configure(style="json", level="info", stream=self.lines)

    async def threaded(self, *words: str) -> Result:
        """A command that talks with the outside, which this loop serves."""
        return await anyio.to_thread.run_sync(lambda: self.command(*words))

    @asynccontextmanager
    async def portal(self) -> AsyncGenerator[None]:
        """The portal, listening where PORTAL_URL says."""
        settings = self.house.settings
        server = portal_server(self.house, host="127.0.0.1", port=settings.portal_port)
        listening = server.config.bind_socket()
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        try:
            await server.startup(sockets=[listening])
            yield
            server.should_exit = True
            await server.shutdown(sockets=[listening])
        finally:
            listening.close()

    # --- the books ----------------------------------------------------------------------------------

    def id_of(self, invoice_number: int | str, client: str = "nordlys") -> int:
        (row,) = reading.find(self.house.db, f"{client}/{invoice_number}")
        return row.id

    def story(self, invoice_number: int | str, client: str = "nordlys") -> Story:
        return reading.story(self.house.db, self.id_of(invoice_number, client))

    def state(self, invoice_number: int | str, client: str = "nordlys") -> str:
        """`delivered`, or `parked: sent_unknown`."""
        row = self.story(invoice_number, client).invoice
        return f"{row.state}: {row.parked_reason}" if row.parked_reason else row.state

    def deliveries(self, invoice_number: int | str, client: str = "nordlys") -> list[tuple[str, str]]:
        """(channel, state) first to last."""
        return [(row.channel, row.state) for row in self.story(invoice_number, client).deliveries]

    def delivery(self, invoice_number: int | str, position: int = -1) -> DeliveryRow:
        return self.story(invoice_number).deliveries[position]

    def told(self, invoice_number: int | str, client: str = "nordlys") -> list[DeliveryCall]:
        """The calls that changed the invoice in the ERP."""
        erp = self.erp(client)
        wanted = str(invoice_number)
        return [
            call
            for erp_id, calls in erp.deliveries.items()
            if str(erp.invoices[erp_id].number) == wanted
            for call in calls
        ]

    def mails(self, word: str = "") -> list[Mail]:
        """Mails whose subject holds the word."""
        return [mail for mail in self.world.mails if word in str(self.message(mail)["Subject"])]

    def message(self, mail: Mail) -> Any:
        return message_from_bytes((self.sandbox.folder / mail.file).read_bytes(), policy=policy.default)

    def link_and_code(self, word: str) -> tuple[str, str]:
        """Of the newest mail about it."""
        text = self.message(self.mails(word)[-1]).get_body(("plain",)).get_content()
        link = re.search(r"http://\S+/i/[A-Za-z0-9_-]+", text)
        assert link is not None
        code = re.search(r"(?<!\d)\d{6}(?!\d)", text.replace(link.group(), ""))
        assert code is not None
        return link.group(), code.group()

    def letters(self) -> list[dict[str, Any]]:
        """The manifests at the print house; each has its PDF beside it, and nothing is half-written."""
        lying = {path.name for path in self.sandbox.print_folder.iterdir() if path.is_file()}
        manifests = [
            cast("dict[str, Any]", json.loads((self.sandbox.print_folder / name).read_bytes()))
            for name in sorted(lying) if name.endswith(".json")
        ]  # fmt: skip
        assert len(lying) == 2 * len(manifests), lying
        return manifests

    def registered(self, client: str = "nordlys") -> dict[str, dict[str, Any]]:
        """The claims in the factor's ledger by invoice number."""
        folder = self.folder / "registered" / client
        claims = [json.loads(path.read_bytes()) for path in folder.glob("*.json")]
        return {claim["number"]: claim for claim in claims}

    # --- the log ------------------------------------------------------------------------------------

    def searched(self, *more: privacy.Thing) -> privacy.Search:
        """The log searched for everybody's names, addresses, numbers, codes and keys. After every flow nothing of them
        is found."""
        things = privacy.collect(
            world=_state(self.world),
            database=self.house.db.file or self.folder / "none.db",
            mails=self.sandbox.folder / "mail",
            config=self.folder / "config",
        )
        return privacy.search(self.lines.getvalue().splitlines(), things | set(more))

    def log(self) -> list[dict[str, Any]]:
        """Every line so far. A line that is not JSON fails the test."""
        return [cast("dict[str, Any]", json.loads(line)) for line in self.lines.getvalue().splitlines()]

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """The log's lines of one event with these fields."""
        return [
            line for line in self.log()
            if line["event"] == name and all(line.get(key) == value for key, value in fields.items())
        ]  # fmt: skip


def _state(world: World) -> dict[str, Any]:
    """As much of the sandbox's state as names people and keys, in the words of its world.json."""
    return {
        "application_key": world.application_key,
        "access_point_token": world.access_point_token,
        "subscription_key": world.subscription_key,
        "maventa": asdict(world.maventa),
        "clients": [
            {"client_key": key, "customers": [asdict(card) for card in client.customers.values()]}
            for key, client in world.clients.items()
        ],
    }


@asynccontextmanager
async def flow(
    folder: Path,
    *plans: ClientPlan,
    settings: Mapping[str, str] | None = None,
    start: datetime | None = None,
    hold_seconds: float = 1.0,
) -> AsyncGenerator[Flow]:
    """A house with these clients (one usual one when none is named). `settings` are added to worker.env."""
    clock = TurnedClock(start or oslo(DAY, time(7)))
    world = World(now=clock.now)
    chosen = plans or (client_plan(),)
    for plan in chosen:
        world.add_client(client_key=plan.key, name=plan.title, organisation_number=plan.organisation_number)
    outside = folder / "outside"
    outside.mkdir(parents=True)
    sandbox = Sandbox(world, folder=outside, replica_lag=0.05, hold_seconds=hold_seconds)
    lines = io.StringIO()
    with logging_to(lines):
        async with sandbox:
            path = write_settings(folder, sandbox, chosen, settings or {})
            loaded = load_worker(path, environ={})
            clients, bad = load_all_clients(loaded)
            log_broken(bad)
            house = build_house(loaded, clock)
            try:
                prepared(house.db)
                flow = Flow(
                    folder=folder,
                    world=world,
                    sandbox=sandbox,
                    clock=clock,
                    house=house,
                    clients=clients,
                    plans=chosen,
                    settings_path=path,
                    lines=lines,
                )
                yield flow
                assert flow.searched().hits == [], "the log tells of somebody"
            finally:
                await house.aclose()


def write_settings(folder: Path, sandbox: Sandbox, plans: Sequence[ClientPlan], extra: Mapping[str, str]) -> Path:
    """`config/worker.env` and the clients' files; returns the first."""
    clients = folder / "config" / "clients"
    clients.mkdir(parents=True)
    port = free_port()
    own = {
        **FACTOR,
        "DATABASE_URL": f"sqlite:///{folder / 'worker.db'}",
        "DOCUMENT_STORE": str(folder / "documents"),
        "LEDGER_FOLDER": str(folder / "registered"),
        "INBOX_FOLDER": str(folder / "inbox"),
        "STATEMENT_FOLDER": str(folder / "statements"),
        "PORTAL_URL": f"http://127.0.0.1:{port}",
        "PORTAL_PORT": str(port),
    }
    doors = dict(line.split("=", 1) for line in sandbox.addresses().splitlines() if not line.startswith("#"))
    path = folder / "config" / "worker.env"
    path.write_text(_env({**own, **doors, **extra}), encoding="utf-8")
    for plan in plans:
        values = {
            "CLIENT_NAME": plan.title,
            "ORGANISATION_NUMBER": plan.organisation_number,
            "POWEROFFICE_CLIENT_KEY": plan.key,
            **plan.settings,
        }
        (clients / f"{plan.name}.env").write_text(_env(values), encoding="utf-8")
    return path


def _env(values: Mapping[str, str]) -> str:
    return "".join(f"{key}='{value}'\n" for key, value in values.items() if value)


class logging_to:
    """The worker's log goes to the stream while inside; afterwards logging is as it was."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> None:
        root = logging.getLogger()
        self._handlers, self._level = list(root.handlers), root.level
        log.configure(style="json", level="info", stream=self._stream)

    def __exit__(self, *_: object) -> None:
        structlog.reset_defaults()
        root = logging.getLogger()
        root.handlers[:] = self._handlers
        root.setLevel(self._level)
