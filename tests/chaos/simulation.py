"""Some days of one client in bad weather: what people do, what goes wrong, and the comparison when it is over."""

from __future__ import annotations

import asyncio
import io
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import select

from tests.chaos.storm import Killed, Storm
from tests.crash.stage import CLEARING, fetch_ehf
from tests.support.flow import RETURN_DATA, Flow, business, client_plan, logging_to, person, write_settings
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction, feed
from tests.support.truth import Expected, Verdict, judge, settle_doubts
from worker.clients import load_all_clients
from worker.model.party import PostalAddress
from worker.rounds import tick
from worker.runs import run_now
from worker.sandbox import magic
from worker.sandbox.maventa.state import MaventaState
from worker.sandbox.records import Account
from worker.sandbox.server import Sandbox
from worker.sandbox.world import World
from worker.settings import load_worker
from worker.store import reading, retrying
from worker.store.tables import deliveries
from worker.support import crashing
from worker.support.clock import TurnedClock, is_bank_day, oslo
from worker.wiring import House, build_house

# Each stands before something the calendar does: an ordinary week, both nights of changed time, Christmas, Easter, 17
# May, a leap day, the turn of the year.
STARTS = (
    date(2026, 11, 23), date(2026, 10, 22), date(2027, 3, 24), date(2026, 12, 22), date(2026, 5, 13),
    date(2028, 2, 28), date(2026, 12, 30), date(2027, 10, 28),
)  # fmt: skip
MOMENTS = (time(8), time(8, 10), time(8, 30), time(10, 30), time(11), time(15, 30), time(15, 40), time(16), time(17))
AP_WORDS = (
    magic.AP_422_FAILS_FOR_GOOD, magic.AP_422_THEN_SENT, magic.AP_422_BUT_SENT, magic.AP_400, magic.AP_500_ONCE,
    magic.AP_401_ONCE, magic.AP_503_ONCE, magic.AP_UNKNOWN_WORD, magic.AP_REJECTED, magic.AP_STATUS_500_ONCE,
    magic.AP_TIMEOUT_AFTER_ACCEPT, magic.EHF_TURNED_DOWN, magic.EHF_PASSED_ON,
)  # fmt: skip
MAIL_WORDS = ("", "", "", "+refused", "+greylisted", "+busy", "+content-refused", "+drop", "+drop-unkept")
CONSUMER_WORDS = ("efaktura", "efaktura", "efaktura-refused", "efaktura-rejected", "efaktura-unavailable")
NOWHERE = PostalAddress("", "", "", "")


@dataclass(slots=True)
class Outcome:
    """One seed's end."""

    seed: int
    database: str
    verdict: Verdict
    faults: Counter[str]
    doubts: int
    lines: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class Simulation:
    """The state of one seed. `flow.house` is replaced when the worker has died."""

    flow: Flow
    storm: Storm
    chance: random.Random
    doubtful: set[int] = field(default_factory=set[int])
    doubts: int = 0
    paid: dict[str, int] = field(default_factory=dict[str, int])
    credited: set[str] = field(default_factory=set[str])
    turned_down: set[str] = field(default_factory=set[str])
    homeless: set[int] = field(default_factory=set[int])
    cleared: Decimal = Decimal(0)
    items: int = 0
    number: int = 5000
    lives: int = 0
    last_file: bytes = b""

    async def day(self, day: date, *, calm: bool) -> None:
        """One date: people, then the timetable, whether the banks are open or not."""
        for code in self.homeless:  # the client's people have found the address
            self.flow.erp().mend_customer(code, address1="Nygata 2", zip="0487", city="OSLO")
        self.homeless.clear()
        if not calm and is_bank_day(day):
            self._new_invoices(day)
        if self.chance.random() < 0.5 or calm:
            self.doubts += settle_doubts(self.flow)
            self.doubts += self._try_again()
        for moment in MOMENTS:
            if moment == time(15, 30) and not calm and is_bank_day(day):
                self._money(day)
            now = oslo(day, moment)
            if not calm and self.chance.random() < 0.08:  # the clock is wrong for a while
                now += timedelta(minutes=self.chance.randrange(-50, 50))
            await self._moment(now, calm=calm)

    async def _moment(self, now: datetime, *, calm: bool) -> None:
        self.flow.clock.turn(now)
        if not calm:
            self._outside_trouble()
        self.storm.begin(deadly=self.chance.random() < 0.35, calm=calm)
        two = self.chance.random() < 0.15
        again = self.chance.choice(["intake", "fallback", "postback", "settlement", "follow_up"])
        by_hand = not calm and self.chance.random() < 0.1
        crashing.arm(self.storm)
        try:
            await self._work(two=two, by_hand=again if by_hand else "")
        finally:
            crashing.arm(None)
        if self.storm.dead:
            await self._new_house()
        self._mails_in_doubt()
        fetch_ehf(self.flow.folder / "ehf-out")

    async def _work(self, *, two: bool, by_hand: str) -> None:
        self.lives += 1
        workers = [tick(self.flow.house, self.flow.clients, owner=f"worker-{self.lives}")]
        if two:
            workers.append(tick(self.flow.house, self.flow.clients, owner=f"other-{self.lives}"))
        ends: list[object] = list(await asyncio.gather(*workers, return_exceptions=True))
        if by_hand and not self.storm.dead:
            ends += await asyncio.gather(
                run_now(self.flow.house, self.flow.clients[0], by_hand), return_exceptions=True
            )
        for end in ends:
            if isinstance(end, BaseException) and not isinstance(end, Killed):
                self.storm.faults["run broken off"] += 1  # the database was full: the next moment takes it up

    async def _new_house(self) -> None:
        """What a dead worker held in memory is gone."""
        await self.flow.house.aclose()
        self.flow.house = build_house(self.flow.house.settings, self.flow.clock)

    def _mails_in_doubt(self) -> None:
        being = (deliveries.c.state == "sending", deliveries.c.channel.in_(["email_link", "email_pdf"]))
        dropped = (deliveries.c.channel.in_(["email_link", "email_pdf"]), deliveries.c.address.contains("+drop"))
        with self.flow.house.db.read() as tx:
            for where in (being, dropped):
                self.doubtful |= set(tx.execute(select(deliveries.c.id).where(*where)).scalars())

    def _try_again(self) -> int:
        """A person lets go on what a counterparty has put off for three days and four tries, and nothing else."""
        again, now = 0, self.flow.clock.now()
        for row in reading.parked(self.flow.house.db):
            last = reading.story(self.flow.house.db, row.id).deliveries[-1:]
            if row.parked_reason == "attempts_exhausted" and last and last[0].attempts >= 4:
                retrying.retry(self.flow.house.db, row.id, arrived=None, new_key=f"again{last[0].id}", now=now)
                again += 1
        return again

    # --- people -------------------------------------------------------------------------------------

    def _new_invoices(self, day: date) -> None:
        """The client gives some invoices to the factor."""
        self.flow.clock.turn(oslo(day, time(7)))
        for _ in range(self.chance.randrange(1, 5)):
            self.number += 1
            self.chance.choice(_SENDERS)(self, self.number)

    def ehf(self, number: int) -> None:
        word = self.chance.choice(AP_WORDS + ("",) * 10)
        if word == magic.EHF_TURNED_DOWN:
            self.turned_down.add(str(number))
        debtor = business(20000 + number, organisation_number=word)
        self.flow.invoice(number, debtor, reachable=True)

    def mail(self, number: int) -> None:
        word = self.chance.choice(MAIL_WORDS)
        self.flow.invoice(number, person(number, f"Kari Østby {number}", f"kari{number}{word}@privat.example"))

    def consumer(self, number: int) -> None:
        word = self.chance.choice(CONSUMER_WORDS)
        self.flow.invoice(number, person(number, f"Ola Ås {number}", f"ola+{word}@privat.example"))

    def letter(self, number: int) -> None:
        self.flow.invoice(number, person(number, f"Per Åsen {number}", ""))

    def credit_note(self, number: int) -> None:
        credited = self.chance.randrange(5000, number)
        self.credited.add(str(credited))
        self.flow.invoice(number, person(number, f"Kari Østby {number}"), credits=credited)

    def homeless_one(self, number: int) -> None:
        debtor = person(number, f"Uten Adresse {number}")
        self.flow.card(debtor, address1="", zip="", city="")
        self.flow.invoice(number, debtor)
        self.homeless.add(number)

    def _money(self, day: date) -> None:
        """Some invoices that have gone out are paid, fees are told, and now and then a file comes twice."""
        inbox = self.flow.folder / "inbox"
        inbox.mkdir(exist_ok=True)
        known = reading.all_invoices(self.flow.house.db)
        gone = self.credited.union(self.paid)
        out = [
            row for row in known if row.kind == "invoice" and row.kid and row.registered_as and row.number not in gone
        ]
        pay = self.chance.sample(out, min(len(out), self.chance.randrange(3)))
        for row in pay:
            self.paid[row.number] = row.payable_minor or 0
            self.cleared += Decimal(row.payable_minor or 0) / 100
        if pay:
            transactions = [
                OcrTransaction(row.payable_minor or 0, row.kid or "", reference=row.id, settled=day) for row in pay
            ]
            self.last_file = OcrFile([OcrAssignment(transactions)], number=day.toordinal() % 10**7).render()
            (inbox / f"ocr-{day}.txt").write_bytes(self.last_file)
        elif self.last_file and self.chance.random() < 0.5:
            (inbox / f"again-{day}.txt").write_bytes(self.last_file)
        fee: dict[str, object] = {"event_id": f"fee-{day}", "client": "nordlys", "kind": "administrative_fee",
                                  "date": day.isoformat(), "amount": "50.00", "currency": "NOK"}  # fmt: skip
        (inbox / f"feed-{day}.jsonl").write_bytes(feed([fee]))
        if self.chance.random() < 0.2:  # the same event, told again in other bytes
            (inbox / f"feed-{day}-again.jsonl").write_bytes(feed([dict(reversed(fee.items()))]))
        self.cleared -= 50
        self.items += len(pay) + 1

    def _outside_trouble(self) -> None:
        erp, world, chance = self.flow.erp().trouble, self.flow.world, self.chance
        for name in ("server_error_next", "empty_body_next", "list_refused_next", "unauthorized_mid_run",
                     "voucher_500_next", "voucher_500_after_accept_next", "voucher_empty_after_accept_next",
                     "voucher_number_later_next"):  # fmt: skip
            if chance.random() < 0.03:
                setattr(erp, name, 1)
                self.storm.faults[f"erp {name.removesuffix('_next')}"] += 1
        for counterparty, name in ((world.print_house, "disk_full_next"), (world.print_house, "cut_after_rename_next"),
                                   (world.maventa, "throttle_next"), (world.maventa, "server_error_next"),
                                   (erp, "throttle_next")):  # fmt: skip
            if chance.random() < 0.03:
                setattr(counterparty, name, 1)
                self.storm.faults[name.removesuffix("_next")] += 1

    def verdict(self) -> Verdict:
        true = dict.fromkeys(self.turned_down, "receiver_turned_down")
        expected = Expected(doubtful=self.doubtful, parked=true, clearing=(CLEARING, self.cleared), items=self.items)
        return judge(self.flow, expected)


_SENDERS: tuple[Callable[[Simulation, int], None], ...] = (
    Simulation.ehf, Simulation.ehf, Simulation.ehf, Simulation.mail, Simulation.mail, Simulation.mail,
    Simulation.consumer, Simulation.consumer, Simulation.letter, Simulation.letter, Simulation.credit_note,
    Simulation.homeless_one,
)  # fmt: skip


async def simulate(
    seed: int, *, days: int, folder: Path, database: str, database_url: str, calm_days: int = 3
) -> Outcome:
    """The seed's days, then calm ones until everything that can come to an end has, and the comparison."""
    chance = random.Random(seed)  # noqa: S311 - weather, not a secret
    start = STARTS[seed % len(STARTS)]
    async with _set(seed, folder, start, database_url) as flow:
        simulation = Simulation(flow, Storm(seed), chance)
        try:
            for day in range(days):
                await simulation.day(start + timedelta(days=day), calm=False)
            day = start + timedelta(days=days)
            while calm_days:
                await simulation.day(day, calm=True)
                calm_days -= is_bank_day(day)
                day += timedelta(days=1)
            verdict = simulation.verdict()
        finally:
            crashing.arm(None)
            flow.house = simulation.flow.house
    lines = flow.lines.getvalue().splitlines() if verdict.faults else []
    return Outcome(seed, database, verdict, simulation.storm.faults, simulation.doubts, lines)


@asynccontextmanager
async def _set(seed: int, folder: Path, start: date, database_url: str) -> AsyncGenerator[Flow]:
    clock = TurnedClock(oslo(start, time(7)))
    world = World(now=clock.now)
    tenant = MaventaState().open_company(client_plan().organisation_number)
    by_folder = seed % 4 == 3
    plan = client_plan(
        **RETURN_DATA, EFAKTURA="on", EFAKTURA_TENANT=tenant, LINK_CODE="second_mail" if seed % 3 == 1 else "same_mail",
        EMAIL_CHANNEL="pdf" if seed % 3 == 2 else "link", VOUCHERS="v2" if seed % 5 == 4 else "v1",
    )  # fmt: skip
    world.add_client(client_key=plan.key, name=plan.title, organisation_number=plan.organisation_number)
    outside = folder / "outside"
    outside.mkdir(parents=True)
    async with Sandbox(world, folder=outside, replica_lag=0.0, hold_seconds=8.0) as sandbox:
        extra = {
            "DATABASE_URL": database_url,
            "POWEROFFICE_REPLICA_LAG_SECONDS": "0.1",
            "EFAKTURA_CHANNEL": "maventa",
            "ACCESS_POINT_TIMEOUT_SECONDS": "4",
            "SMTP_TIMEOUT_SECONDS": "20",
            "ACCESS_POINT_FOLDER": str(folder / "ehf-out"),
            "PRINT_FOLDER": str(folder / "letters-out"),
        }
        ways = {"ACCESS_POINT": "folder", "PRINT_HOUSE": "folder"} if by_folder else {}
        path = write_settings(folder, sandbox, [plan], {**extra, **ways})
        settings = load_worker(path, environ={})
        clients, bad = load_all_clients(settings)
        assert not bad, bad
        for place in (folder / "letters-out", sandbox.print_folder):
            (place / "fetched").mkdir(parents=True, exist_ok=True)
        house: House = build_house(settings, clock)
        flow = Flow(
            folder=folder, world=world, sandbox=sandbox, clock=clock, house=house, clients=clients, plans=[plan],
            settings_path=path, lines=io.StringIO(),
        )  # fmt: skip
        for code in (CLEARING, 6970, 6975, 2990, 8050):
            flow.erp().accounts[code] = Account(code=code, name=f"Konto {code}")
        with logging_to(flow.lines):
            try:
                yield flow
            finally:
                await flow.house.aclose()
