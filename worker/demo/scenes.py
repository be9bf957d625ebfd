"""The demo's own plot: what happens when, beside the worker's own timetable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from worker.day import JOBS
from worker.demo import cast
from worker.demo.calendar import FIRST_DAY, LETTER_DAY, SECOND_DAY, at
from worker.demo.cast import DemoInvoice
from worker.demo.debtors import open_invoice
from worker.demo.money import money_comes
from worker.demo.stage import ClientEnv
from worker.model.ehf import read_document
from worker.sandbox.client_books import STANDARD_ACCOUNTS
from worker.sandbox.world import World
from worker.support.clock import oslo

if TYPE_CHECKING:
    from worker.demo.play import Play


@dataclass(frozen=True, slots=True)
class Scene:
    """`jobs`: run whatever of the timetable is due at that time. `act`: what people do; returns a few words."""

    at: datetime
    title: str
    jobs: bool = False
    act: Callable[[Play], Awaitable[str]] | None = None


@dataclass(frozen=True, slots=True)
class Plot:
    """Everything one demo needs."""

    opening: str
    clients: list[ClientEnv]
    scenes: list[Scene]


def working_day(day: date, *, ticks: tuple[tuple[int, int], ...] = ()) -> list[Scene]:
    """The worker's day: both intakes, the ticks asked for in between, and the report at half past three."""
    first, second = JOBS["intake"].times
    (report,) = JOBS["postback"].times
    (evening,) = JOBS["report"].times
    scenes = [
        Scene(oslo(day, first), "intake, stamping, delivery; fallbacks", jobs=True),
        Scene(oslo(day, second), "second intake; fallbacks", jobs=True),
        Scene(oslo(day, report), "reports to the ERP, settlement", jobs=True),
        Scene(oslo(day, evening), "is everything accounted for; the day's report to clients and factor", jobs=True),
        *(Scene(at(day, hour, minute), "what had to wait", jobs=True) for hour, minute in ticks),
    ]
    return sorted(scenes, key=lambda scene: scene.at)


def own_plot(world: World) -> Plot:
    """Two clients, and every route and trouble the demo has."""
    wanted = cast.invoices()
    for client in cast.CLIENTS:
        erp = world.add_client(
            client_key=client.key,
            name=client.title,
            organisation_number=client.organisation_number,
            accounts={**STANDARD_ACCOUNTS, **cast.RETURN_DATA_ACCOUNTS},
        )
        for debtor in cast.DEBTORS[client.name]:
            first, _, last = debtor.name.rpartition(" ")
            person = not debtor.organisation_number and debtor.code != 10016
            if debtor.no_card:
                continue
            erp.add_customer(
                debtor.code,
                name=debtor.name,
                is_person=person,
                first_name=first if person else "",
                last_name=last if person else "",
                organisation_number=debtor.organisation_number,
                address1=debtor.address.line1,
                zip=debtor.address.postal_code,
                city=debtor.address.city,
                country=debtor.address.country,
                phone=debtor.phone,
                email=debtor.email,
            )
            if debtor.peppol:
                world.register_peppol(f"0192:{debtor.organisation_number}")
    early = [invoice for invoice in wanted if not invoice.late]
    for invoice in early:
        _put(world, invoice)
    days = sorted({invoice.opens for invoice in wanted if invoice.opens})
    scenes = [
        *working_day(FIRST_DAY, ticks=((8, 10), (8, 20), (8, 40), (10, 40), (15, 40))),
        Scene(at(FIRST_DAY, 9, 30), "new invoices and credit notes are made in the ERP", act=_late),
        Scene(at(FIRST_DAY, 10), "a customer card is mended in the ERP", act=_mend),
        *(Scene(at(day, 12), "debtors open their links", act=_opener(day)) for day in days),
        *(Scene(at(day, 13, 30), "the print house prints and posts", act=_post) for day in (FIRST_DAY, LETTER_DAY)),
        *working_day(SECOND_DAY),
        Scene(at(SECOND_DAY, 14), "the bank and the factor lay their files in the inbox", act=money_comes),
        *working_day(LETTER_DAY, ticks=((15, 40),)),
    ]
    return Plot(
        opening=f"Two clients of {cast.FACTOR_NAME}, {len(wanted)} invoices and credit notes, on this machine only.",
        clients=[
            ClientEnv(client.name, client.title, client.organisation_number, "NO", client.key, client.extra)
            for client in cast.CLIENTS
        ],
        scenes=sorted(scenes, key=lambda scene: scene.at),
    )


def _put(world: World, invoice: DemoInvoice) -> None:
    key = next(client.key for client in cast.CLIENTS if client.name == invoice.client)
    ehf = cast.document(invoice)
    read = read_document(ehf)
    world.clients[key].add_invoice(
        invoice.number,
        invoice.debtor,
        ehf,
        invoice.total if invoice.total is not None else read.payable,
        read.issue_date,
        read.due_date,
        original_no=invoice.credits,
        trouble=invoice.trouble,
    )


async def _late(play: Play) -> str:
    late = [invoice for invoice in cast.invoices() if invoice.late]
    for invoice in late:
        _put(play.world, invoice)
    # And while we are at it: the next request meets an expired token, the one after it too many requests.
    trouble = play.world.clients[cast.CLIENTS[0].key].trouble
    trouble.unauthorized_mid_run = True
    trouble.throttle_next = 1
    return f"{len(late)} more"


async def _mend(play: Play) -> str:
    play.world.clients[cast.CLIENTS[0].key].mend_customer(10008, address1="Fjellveien 40")
    return "Fjellheim Pensjonat gets its street"


async def _post(play: Play) -> str:
    posted = await asyncio.to_thread(play.sandbox.print_shop.work)
    return f"{len(posted)} letters"


def _opener(day: date) -> Callable[[Play], Awaitable[str]]:
    async def act(play: Play) -> str:
        numbers = [str(invoice.number) for invoice in cast.invoices() if invoice.opens == day]
        for number in numbers:
            await open_invoice(play.world, play.sandbox.folder, number)
        return ", ".join(numbers)

    return act
