"""The step: a checked invoice becomes the factor's. KID, notice, stamped XML, proof, PDF; then one move."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from worker.model.document import Document
from worker.model.ehf import DocumentError, read_document
from worker.model.journey import JourneyEvent, JourneyState
from worker.model.kid import KidError, KidLayout
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.model.party import PostalAddress
from worker.ports import DocumentLost, DocumentStore
from worker.stamping.notice import NoticeError, NoticeTemplates, NoticeValues, language_for
from worker.stamping.pdf import PaperConfig, PdfError, draw
from worker.stamping.proof import NotProven, prove
from worker.stamping.recipient import recipient_lines
from worker.stamping.ubl import EmbeddedInvoice, StampConfig, stamp
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


@dataclass(frozen=True, slots=True)
class StampingConfig:
    """One client's stamping. `account`: the factor's, 11 digits. `days`: within which objections are to come."""

    client_name: str
    client_number: str
    factor_name: str
    factor_organisation_number: str
    factor_contact: str
    account: str
    iban: str
    bic: str
    days: int
    kid_layout: KidLayout
    kid_on_credit_notes: bool
    notices: NoticeTemplates
    language: Literal["auto", "nb", "en"]
    embedded_invoice: EmbeddedInvoice
    factored_type_codes: bool
    return_address: str
    accent: str
    logo: bytes | None


class _Stopped(Exception):
    def __init__(self, reason: ParkedReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


async def run(*, now: datetime, client: str, config: StampingConfig, db: Database, documents: DocumentStore) -> Summary:
    """Stamps what is checked. Whatever fails parks that invoice; nothing half-written is left behind."""
    log, summary = get_logger(), Summary()
    for row in invoices.in_state(db, client=client, state=JourneyState.CHECKED):
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            try:
                # Milliseconds to seconds of computing: in a thread, so that portal, heartbeat and signals go on.
                await asyncio.to_thread(_stamp, row, now=now, config=config, db=db, documents=documents)
            except _Stopped as stop:
                _park(db, row, stop.reason, str(stop), now, summary)
            except DocumentError as error:
                _park(db, row, error.reason, str(error), now, summary)
            except (NotProven, PdfError) as error:
                _park(db, row, ParkedReason.STAMPING_NOT_PROVEN, str(error), now, summary)
            except DocumentLost as error:
                _park(db, row, ParkedReason.DOCUMENT_LOST, str(error), now, summary)
            except OSError as error:
                log.error("document_store.failed", error_type=type(error).__name__, message=error.strerror or "")
                summary.count("trouble")
            else:
                log.info("invoice.stamped")
                summary.count("stamped")
    return summary


def _park(db: Database, row: InvoiceRow, reason: ParkedReason, detail: str, now: datetime, summary: Summary) -> None:
    invoices.park(db, row.id, reason, detail, now=now)
    log_parked(reason)
    summary.count("parked")


def _stamp(row: InvoiceRow, *, now: datetime, config: StampingConfig, db: Database, documents: DocumentStore) -> None:
    original = documents.get(sha256=row.original_sha256 or "")
    document = read_document(original)
    debtor = row.debtor or {}
    card_address = PostalAddress(**(debtor.get("address") or {}))
    country = document.buyer.address.country or card_address.country
    language = language_for(country, config.language)
    kid = _kid(row, document, now=now, config=config, db=db)
    try:
        notice = config.notices.render(
            credit=document.is_credit,
            language=language,
            values=NoticeValues(
                factor=config.factor_name,
                factor_organisation_number=config.factor_organisation_number,
                account=config.account,
                iban=config.iban,
                bic=config.bic,
                kid=kid or "",
                client=config.client_name,
                contact=config.factor_contact,
                days=config.days,
            ),
        )
    except NoticeError as error:
        raise _Stopped(ParkedReason.STAMPING_NOT_PROVEN, str(error)) from error
    stamping = StampConfig(
        factor_name=config.factor_name,
        factor_organisation_number=config.factor_organisation_number,
        account=config.account,
        iban=config.iban,
        bic=config.bic,
        kid=kid,
        notice=notice.text,
        type_codes_factored=config.factored_type_codes,
        embedded_invoice=config.embedded_invoice,
    )
    stamped = stamp(original, stamping)
    prove(original, stamped.xml, stamping)
    # From here on only the stamped XML speaks.
    final = read_document(stamped.xml)
    lines = recipient_lines(final, card_address)
    paper = draw(
        final,
        PaperConfig(
            factor_name=config.factor_name,
            factor_organisation_number=config.factor_organisation_number,
            factor_account=config.account,
            factor_iban=config.iban,
            factor_bic=config.bic,
            kid=kid,
            notice=notice.text,
            language=language,
            recipient_lines=lines,
            return_address=config.return_address,
            accent=config.accent,
            logo=config.logo,
        ),
    )
    endpoint = final.buyer.endpoint
    if stamped.dropped_attachments:
        invoices.set_warnings(
            db,
            row.id,
            {InvoiceWarning.EMBEDDED_INVOICE_DROPPED: ", ".join(stamped.dropped_attachments)},
            among=[InvoiceWarning.EMBEDDED_INVOICE_DROPPED],
            now=now,
        )
        get_logger().warning("invoice.warning", warning=InvoiceWarning.EMBEDDED_INVOICE_DROPPED)
    invoices.move(
        db,
        row.id,
        JourneyEvent.STAMPING_DONE,
        now=now,
        stamped_sha256=documents.put(content=stamped.xml),
        pdf_sha256=documents.put(content=paper.content),
        pdf_pages=paper.pages,
        account=config.account,
        kid=kid,
        notice_version=notice.version,
        language=language,
        debtor={
            **debtor,
            "recipient_lines": list(lines),
            "participant": f"{endpoint.scheme}:{endpoint.value}" if endpoint and endpoint.scheme else "",
        },
    )


def _kid(row: InvoiceRow, document: Document, *, now: datetime, config: StampingConfig, db: Database) -> str | None:
    """The invoice's KID, allocated once. Credits have none unless the client's layout says so."""
    if document.is_credit and not config.kid_on_credit_notes:
        return None
    # A number that is not digits only gets our own row number in the KID; look-up is by the stored KID, never by parts.
    invoice = row.number if row.number.isascii() and row.number.isdecimal() else str(row.id)
    try:
        kid = config.kid_layout.make(client=config.client_number, debtor=row.debtor_code, invoice=invoice)
        return invoices.allocate_kid(db, row.id, account=config.account, kid=kid, now=now)
    except KidError as error:
        raise _Stopped(error.reason, str(error)) from error
    except invoices.KidTaken as error:
        raise _Stopped(ParkedReason.KID_TAKEN, str(error)) from error
