"""The step: fetch what is new, then check what has been fetched and look again at what is parked."""

from __future__ import annotations

from datetime import datetime

from worker.intake.check import IntakeConfig, check_all
from worker.intake.fetch import fetch
from worker.model.outcomes import OutsideError
from worker.model.party import company_id
from worker.ports import DocumentStore, Erp
from worker.store.database import Database
from worker.support.log import get_logger
from worker.support.summary import Summary


async def run(
    *, now: datetime, client: str, config: IntakeConfig, db: Database, erp: Erp, documents: DocumentStore
) -> Summary:
    """Takes in every invoice and credit note the ERP has for us. One bad invoice never stops the others.

    Nothing is taken in when the ERP says the client key is another company's: those invoices stay where they are.
    """
    summary = Summary()
    if await _other_company(config, erp):
        summary.count("trouble")
        return summary
    summary.update(await fetch(now=now, client=client, erp_name=config.erp, db=db, erp=erp))
    summary.update(await check_all(now=now, client=client, config=config, db=db, erp=erp, documents=documents))
    return summary


async def _other_company(config: IntakeConfig, erp: Erp) -> bool:
    """Whether the key is certainly somebody else's. When the ERP cannot say, the sellers in the documents decide."""
    log = get_logger()
    try:
        identity = await erp.identity()
    except OutsideError as error:
        log.warning("erp.identity_failed", outcome=error.kind, message=error.message)
        return False
    if identity.invalid_privileges:
        log.warning("erp.privileges_invalid", privileges=sorted(identity.invalid_privileges))
    stated = company_id(identity.organisation_number)
    if stated is None or stated == company_id(config.own_company_id):
        return False
    log.error("client.key_of_other_company")
    return True
