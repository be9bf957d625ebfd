"""Completeness and the daily report."""

from __future__ import annotations

from datetime import date, timedelta

from worker import reporting
from worker.adapters.factor_ledger import FolderFactorLedger
from worker.model.completeness import Completeness
from worker.model.party import email_addresses
from worker.ports import Erp
from worker.settings import ClientFile, WorkerSettings, client_files
from worker.support.log import bound
from worker.support.summary import Summary
from worker.wiring.erp import build_erp
from worker.wiring.house import House, Step


def reporting_steps(house: House, client: ClientFile, erp: Erp) -> dict[str, Step]:
    """The steps of the report job."""
    ledger = FolderFactorLedger(house.settings.ledger_folder)
    return {
        "completeness": lambda: reporting.run_completeness(
            clock=house.clock, client=client.name, db=house.db, erp=erp, ledger=ledger
        ),
        "report": lambda: send_report(house, client),
    }


async def send_report(house: House, client: ClientFile, *, day: date | None = None) -> Summary:
    """Sends the client's report of the day, once."""
    return await reporting.run_report(
        clock=house.clock,
        client=client.name,
        config=report_config(house.settings, client),
        db=house.db,
        mail_server=house.mail_server,
        day=day,
    )


async def send_factor_report(house: House, clients: list[ClientFile], *, day: date | None = None) -> Summary:
    """Sends the factor's report of all clients, once."""
    with bound(step="report"):
        return await reporting.run_factor(
            clock=house.clock,
            config=factor_report_config(house.settings, clients),
            db=house.db,
            mail_server=house.mail_server,
            day=day,
        )


async def check_completeness(house: House, client: ClientFile, *, days: int | None = None) -> Completeness:
    """The check on demand; nothing is kept. `days`: how far back the ERP's delivered invoices are read."""
    erp = build_erp(house, client)
    try:
        with bound(client=client.name, step="completeness"):
            return await reporting.check(
                clock=house.clock,
                client=client.name,
                db=house.db,
                erp=erp,
                ledger=FolderFactorLedger(house.settings.ledger_folder),
                window=timedelta(days=days) if days is not None else reporting.WINDOW,
            )
    finally:
        await erp.aclose()


def report_config(settings: WorkerSettings, client: ClientFile) -> reporting.ReportConfig:
    """Who gets the client's report, and under whose name."""
    own = client.settings
    names = reporting.ClientNames(
        client_name=own.client_name,
        factor_name=settings.factor_name,
        contact=settings.factor_contact,
        return_data=own.return_data == "on",
    )
    return reporting.ReportConfig(
        to=email_addresses(own.report_to),
        names=names,
        message_id_domain=settings.smtp_from.rpartition("@")[2],
        statements=settings.statement_folder if own.return_data == "on" else None,
    )


def factor_report_config(settings: WorkerSettings, clients: list[ClientFile]) -> reporting.FactorReportConfig:
    """Who gets the factor's report, and of whom it tells: `clients` are all that can be used."""
    names = {client.name for client in clients}
    return reporting.FactorReportConfig(
        to=email_addresses(settings.report_to),
        factor_name=settings.factor_name,
        message_id_domain=settings.smtp_from.rpartition("@")[2],
        clients=tuple(sorted(names)),
        files=tuple(client_files(settings.clients_folder)),
    )
