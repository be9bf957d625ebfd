"""What all clients share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from worker.adapters.mail import SmtpServer
from worker.adapters.peppol import TIMEOUTS as PEPPOL_TIMEOUTS
from worker.delivery.lanes import Lanes
from worker.ports import AccessPoint, ConsumerChannel, DocumentRules, DocumentStore, PrintHouse, ReachLookup
from worker.settings import WorkerSettings
from worker.settlement.fetching import FetchConfig, Fetcher
from worker.store.budgets import SharedBudget
from worker.store.database import Database
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.http import HttpClient
from worker.support.pace import FairPacer
from worker.support.summary import Summary
from worker.wiring.counterparties import (
    build_access_point,
    build_bank_files,
    build_consumers,
    build_documents,
    build_lookup,
    build_mail_server,
    build_maventa,
    build_print_house,
    build_rules,
)
from worker.wiring.letters import ReceiptDesk
from worker.wiring.mail import BounceBox, build_bounce_box

POWEROFFICE_REQUESTS_PER_SECOND = 50  # per application key, all clients together (vendor's limit)
POWEROFFICE_V2_REQUESTS_PER_SECOND = 10  # per subscription key, likewise

Step = Callable[[], Awaitable[Summary]]


@dataclass(frozen=True, slots=True)
class House:
    """What all clients share: the factor's settings, the store, the counterparties."""

    settings: WorkerSettings
    clock: Clock
    db: Database
    documents: DocumentStore
    rules: DocumentRules
    access_point: AccessPoint
    lookup: ReachLookup
    consumers: ConsumerChannel | None
    print_house: PrintHouse
    receipt_desk: ReceiptDesk
    fetcher: Fetcher | None
    mail_server: SmtpServer
    bounce_box: BounceBox | None
    pacer: FairPacer
    pacer_v2: FairPacer
    halt: Halt
    exits: AsyncExitStack
    settling: asyncio.Lock = field(default_factory=asyncio.Lock)
    lanes: Lanes = field(default_factory=Lanes)

    async def aclose(self) -> None:
        await self.exits.aclose()


def build_house(settings: WorkerSettings, clock: Clock) -> House:
    """Builds the shared doors. Nothing is called outside yet."""
    exits = AsyncExitStack()
    db = Database(settings.database_url)
    exits.callback(db.close)
    maventa = build_maventa(settings)
    access_point = build_access_point(settings, maventa, db, clock)
    exits.push_async_callback(access_point.aclose)
    consumers = build_consumers(settings, maventa)
    if consumers is not None:
        exits.push_async_callback(consumers.aclose)
    rules = build_rules(settings)
    exits.push_async_callback(rules.aclose)
    halt = Halt()
    bank_files = build_bank_files(settings)
    fetcher = None
    if bank_files is not None:
        exits.push_async_callback(bank_files.aclose)
        fetching = FetchConfig(
            folder=settings.inbox_folder,
            done_folder=settings.inbox_sftp_done_folder,
            quiet_seconds=settings.inbox_sftp_quiet_seconds,
        )
        fetcher = Fetcher(remote=bank_files, config=fetching, db=db, halt=halt)
    print_house = build_print_house(settings)
    exits.push_async_callback(print_house.aclose)
    smp_http = HttpClient(timeouts=PEPPOL_TIMEOUTS, max_bytes=2**20, who="peppol_smp")
    exits.push_async_callback(smp_http.aclose)
    return House(
        settings=settings,
        clock=clock,
        db=db,
        documents=build_documents(settings),
        rules=rules,
        access_point=access_point,
        lookup=build_lookup(settings, smp_http),
        consumers=consumers,
        print_house=print_house,
        receipt_desk=ReceiptDesk(print_house, db, halt),
        fetcher=fetcher,
        mail_server=build_mail_server(settings),
        bounce_box=build_bounce_box(settings, db, halt),
        pacer=FairPacer(
            POWEROFFICE_REQUESTS_PER_SECOND,
            SharedBudget(db, "poweroffice_go"),
            block=POWEROFFICE_REQUESTS_PER_SECOND // 10,
            name="poweroffice_go",
        ),
        pacer_v2=FairPacer(
            POWEROFFICE_V2_REQUESTS_PER_SECOND, SharedBudget(db, "poweroffice_go_v2"), name="poweroffice_go_v2"
        ),
        halt=halt,
        exits=exits,
    )
