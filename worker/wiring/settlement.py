"""The steps of the money."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from worker.settings import ClientFile, WorkerSettings, load_clients
from worker.settlement import daily as settlement_daily
from worker.settlement import inbox as settlement_inbox
from worker.settlement import posting as settlement_posting
from worker.settlement.daily import StatementConfig
from worker.settlement.step import MatchingConfig, book_all, match_all
from worker.store import vouchers
from worker.support.summary import Summary
from worker.wiring.accounts import why_not_post
from worker.wiring.erp import booking_plan, build_vouchers
from worker.wiring.house import House, Step


def statement_config(settings: WorkerSettings, client: ClientFile) -> StatementConfig:
    """How the client's statement is made."""
    own = client.settings
    return StatementConfig(
        folder=settings.statement_folder,
        client_name=own.client_name,
        factor_name=settings.factor_name,
        factor_organisation_number=settings.factor_organisation_number,
        factor_account=own.factor_account or settings.factor_account,
        clearing=own.accounts["clearing"] if own.return_data == "on" else None,
    )


def settlement_steps(house: House, client: ClientFile) -> dict[str, Step]:
    """Files and matching are the house's: the first client whose turn it is does it, the others find nothing.

    They may take minutes (100 000 payments in a file), so they run beside the event loop, one at a time.
    """
    db, clock, settings = house.db, house.clock, house.settings
    plan = booking_plan(settings, client)

    def everybody() -> list[ClientFile]:
        return [*load_clients(settings.clients_folder or Path())[0], client]

    async def fetch() -> Summary:
        if house.fetcher is None:
            return Summary()
        async with house.settling:
            return await house.fetcher.run(now=clock.now())

    def inbox() -> Summary:
        accounts = {settings.factor_account, *(one.settings.factor_account for one in everybody())} - {""}
        return settlement_inbox.run(
            now=clock.now(),
            folder=settings.inbox_folder,
            own_accounts=frozenset(accounts),
            payments_from=settings.payments_from,
            db=db,
            documents=house.documents,
        )

    def matching() -> Summary:
        config = MatchingConfig(
            clients=frozenset(one.name for one in everybody()),
            factor_account=settings.factor_account,
            payments_from=settings.payments_from,
        )
        return match_all(now=clock.now(), config=config, db=db, halt=house.halt)

    async def beside(work: Callable[[], Summary]) -> Summary:
        async with house.settling:
            return await asyncio.to_thread(work)

    async def posting(*, repeats_only: bool) -> Summary:
        if plan is None:
            return Summary()
        book = build_vouchers(house, client)
        try:
            why = await why_not_post(house, client, book, tell=not repeats_only)
            if why:
                vouchers.hold(db, client=client.name, why=why, now=clock.now(), repeats_only=repeats_only)
                return Summary(trouble_aside=1)
            return await settlement_posting.run(
                clock=clock, client=client.name, db=db, book=book, halt=house.halt, repeats_only=repeats_only
            )
        finally:
            await book.aclose()

    return {
        "settlement_fetch": fetch,
        "settlement_inbox": lambda: beside(inbox),
        "settlement_matching": lambda: beside(matching),
        "settlement_vouchers": lambda: beside(
            lambda: book_all(now=clock.now(), client=client.name, plan=plan, db=db, halt=house.halt)
        ),
        "settlement_posting": lambda: posting(repeats_only=False),
        "settlement_statement": lambda: settlement_daily.run(
            now=clock.now(),
            client=client.name,
            config=statement_config(settings, client),
            db=db,
            open_book=lambda: build_vouchers(house, client),
        ),
        "settlement_repeats": lambda: posting(repeats_only=True),
    }
