"""The step: fetch what is new, then check what has been fetched and look again at what is parked."""

from __future__ import annotations

from datetime import datetime

from worker.intake.check import IntakeConfig, check_all
from worker.intake.fetch import fetch
from worker.ports import DocumentStore, Erp
from worker.store.database import Database
from worker.support.summary import Summary


async def run(
    *, now: datetime, client: str, config: IntakeConfig, db: Database, erp: Erp, documents: DocumentStore
) -> Summary:
    """Takes in every invoice and credit note the ERP has for us. One bad invoice never stops the others."""
    summary = await fetch(now=now, client=client, erp_name=config.erp, db=db, erp=erp)
    summary.update(await check_all(now=now, client=client, config=config, db=db, erp=erp, documents=documents))
    return summary
