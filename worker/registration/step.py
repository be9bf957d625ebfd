"""The step: every stamped invoice is handed to the factor's ledger, exactly once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from worker.model.document import Document, Kind
from worker.model.ehf import read_document
from worker.model.journey import JourneyEvent, JourneyState
from worker.model.money import Money
from worker.model.outcomes import Refused
from worker.model.parked import ParkedReason
from worker.ports import Claim, DocumentLost, DocumentStore, FactorLedger
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


@dataclass(frozen=True, slots=True)
class RegistrationConfig:
    """`client_number`: the client's number with the factor (the KID's client part); may be empty."""

    client_organisation_number: str
    client_number: str


async def run(
    *,
    now: datetime,
    client: str,
    config: RegistrationConfig,
    db: Database,
    documents: DocumentStore,
    ledger: FactorLedger,
) -> Summary:
    """Registers what is stamped. A claim written just before a crash is recognised and counted once."""
    log, summary = get_logger(), Summary()
    for row in invoices.in_state(db, client=client, state=JourneyState.STAMPED):
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            try:
                name = await ledger.register(claim=_claim(row, config, documents))
            except DocumentLost as error:
                _park(db, row, ParkedReason.DOCUMENT_LOST, str(error), now, summary)
                continue
            except Refused as error:
                _park(db, row, ParkedReason.REGISTRATION_REFUSED, error.message, now, summary)
                continue
            except OSError as error:
                log.error("ledger.failed", error_type=type(error).__name__, message=error.strerror or "")
                summary.count("trouble")
                continue
            invoices.move(db, row.id, JourneyEvent.REGISTRATION_DONE, now=now, registered_as=name)
            log.info("invoice.registered")
            summary.count("registered")
    return summary


def _park(db: Database, row: InvoiceRow, reason: ParkedReason, detail: str, now: datetime, summary: Summary) -> None:
    invoices.park(db, row.id, reason, detail, now=now, found_in=row.state)
    log_parked(reason)
    summary.count("parked")


def _claim(row: InvoiceRow, config: RegistrationConfig, documents: DocumentStore) -> Claim:
    # The columns below are set by stamping; a row in `stamped` has them all.
    xml = documents.get(sha256=row.stamped_sha256 or "")
    document = read_document(xml)
    debtor = row.debtor or {}
    return Claim(
        client=row.client,
        client_organisation_number=config.client_organisation_number,
        client_number=config.client_number,
        erp=row.erp,
        erp_id=row.erp_id,
        kind=Kind(row.kind),
        number=row.number,
        credited_numbers=document.credited_invoices,
        issue_date=document.issue_date,
        due_date=document.due_date,
        total=Money.of(document.payable, document.currency),
        factor_account=row.account or "",
        kid=row.kid or "",
        debtor_code=row.debtor_code,
        debtor_name=document.buyer.display_name,
        debtor_is_person=bool(debtor.get("is_person")),
        debtor_organisation_number=str(debtor.get("organisation_number") or ""),
        debtor_address_lines=_address_lines(document, debtor),
        debtor_email=str(debtor.get("email_to_use") or ""),
        debtor_phone=str(debtor.get("phone") or ""),
        notice_version=row.notice_version or "",
        original_sha256=row.original_sha256 or "",
        stamped_sha256=row.stamped_sha256 or "",
        stamped_xml=xml,
        # When it was stamped: the same however often registration is tried, so the file is too.
        registered_at=row.updated_at,
    )


def _address_lines(document: Document, debtor: dict[str, object]) -> tuple[str, ...]:
    lines = debtor.get("recipient_lines")
    return tuple(str(line) for line in lines) if isinstance(lines, list) else (document.buyer.display_name,)
