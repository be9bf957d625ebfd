"""Checking what has been fetched, and looking again at what is parked for reasons the client can mend."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime

from worker.intake.rules import REMARKS, Arrival, Stop, first_stop, remarks
from worker.model.document import Document, Kind
from worker.model.ehf import DocumentError, read_document
from worker.model.journey import IllegalTransition, JourneyEvent, JourneyState
from worker.model.money import AmountError, Money
from worker.model.outcomes import OutsideError, Refused
from worker.model.parked import PARKED, InvoiceWarning, ParkedReason
from worker.model.party import DebtorCard
from worker.ports import DocumentLost, DocumentStore, Erp
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow
from worker.support.clock import oslo_date
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary

# Reasons that lie in the document: the ERP is asked for it anew, it may have been mended there.
DOCUMENT_REASONS = frozenset(
    {
        ParkedReason.DOCUMENT_UNREADABLE,
        ParkedReason.DOCUMENT_HAS_DTD,
        ParkedReason.DOCUMENT_TYPE_UNKNOWN,
        ParkedReason.DOCUMENT_IS_REMINDER,
        ParkedReason.DOCUMENT_SIGNED,
        ParkedReason.NUMBER_MISMATCH,
        ParkedReason.AMOUNT_MISMATCH,
        ParkedReason.KIND_MISMATCH,
        ParkedReason.TOTALS_DISAGREE,
        ParkedReason.WRONG_SELLER,
        ParkedReason.MISSING_DUE_DATE,
        ParkedReason.CREDITED_INVOICE_UNNAMED,
    }
)


@dataclass(frozen=True, slots=True)
class IntakeConfig:
    """`own_company_id`: the client's organisation number; the seller in every document must be it."""

    erp: str
    own_company_id: str


async def check_all(
    *, now: datetime, client: str, config: IntakeConfig, db: Database, erp: Erp, documents: DocumentStore
) -> Summary:
    """Checks every invoice in `fetched`, and every parked one whose reason says it is looked at again."""
    log, summary = get_logger(), Summary()
    again = [reason for reason, facts in PARKED.items() if facts.looked_at_again]
    parked = invoices.parked_for(db, client=client, reasons=again)
    for row in parked:
        if row.return_state != JourneyState.FETCHED:  # parked further on: the next step tries again
            with suppress(IllegalTransition):  # a person was faster
                invoices.resume(db, row.id, now=now, detail="looked at again at intake")
                summary.count("looked_at_again")
    rows = [
        *[row for row in parked if row.return_state == JourneyState.FETCHED],
        *invoices.in_state(db, client=client, state=JourneyState.FETCHED),
    ]
    if not rows:
        return summary
    try:
        cards = await erp.debtor_cards(codes=sorted({row.debtor_code for row in rows}))
    except OutsideError as error:
        log.error("erp.cards_failed", outcome=error.kind, message=error.message)
        summary.count("trouble")
        return summary
    for row in rows:
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            summary.update(await _check(row, now=now, config=config, db=db, erp=erp, documents=documents, cards=cards))
    return summary


async def _check(
    row: InvoiceRow,
    *,
    now: datetime,
    config: IntakeConfig,
    db: Database,
    erp: Erp,
    documents: DocumentStore,
    cards: dict[str, DebtorCard],
) -> Summary:
    log, summary = get_logger(), Summary()
    try:
        document = await _document(row, now=now, db=db, erp=erp, documents=documents)
    except DocumentError as error:
        _park(db, row, Stop(error.reason, str(error)), now=now, summary=summary)
        return summary
    except Refused as error:
        _park(db, row, Stop(ParkedReason.DOCUMENT_UNREADABLE, f"{error.message}: {error.answer}"[:500]), now=now,
              summary=summary)  # fmt: skip
        return summary
    except OutsideError as error:
        summary.count("trouble")
        log.warning("erp.document_failed", outcome=error.kind, message=error.message)
        return summary
    except OSError as error:
        summary.count("trouble")
        log.error("document_store.failed", error_type=type(error).__name__, message=error.strerror or "")
        return summary

    card = cards.get(row.debtor_code)
    is_person = card.is_person if card is not None and card.is_person is not None else _looks_like_person(document)
    email = str(row.erp_row.get("customer_email") or "") or (card.invoice_email or card.email if card else "")
    arrival = Arrival(
        listed_number=row.number,
        listed_kind=Kind(row.kind),
        listed_total=str(row.erp_row["total"]),
        document=document,
        card=card,
        own_company_id=config.own_company_id,
        is_person=is_person,
        email=email,
        today=oslo_date(now),
    )
    try:
        payable = Money.of(document.payable, document.currency)
    except AmountError as error:
        _park(db, row, Stop(ParkedReason.AMOUNT_MISMATCH, str(error)), now=now, summary=summary)
        return summary
    stop = first_stop(arrival)
    if stop is not None or card is None:
        if card is not None and row.debtor is None:  # the worklist names the debtor
            invoices.keep(db, row.id, now=now, debtor=asdict(card))
        _park(db, row, stop or Stop(ParkedReason.CUSTOMER_NOT_FOUND, "no customer card"), now=now, summary=summary)
        return summary

    found = remarks(arrival)
    if document.kind is Kind.CREDIT_NOTE:
        held = invoices.held_numbers(db, client=row.client, numbers=document.credited_invoices)
        absent = [number for number in document.credited_invoices if number not in held]
        if absent:
            found[InvoiceWarning.CREDITED_INVOICE_NOT_HELD] = ", ".join(absent)
    invoices.set_warnings(db, row.id, found, among=REMARKS | {InvoiceWarning.CREDITED_INVOICE_NOT_HELD}, now=now)
    for code in found:
        log.warning("invoice.warning", warning=code)
    if row.state == JourneyState.PARKED:
        invoices.resume(db, row.id, now=now, detail=f"mended: {row.parked_reason}")
        log.info("invoice.resumed", reason=row.parked_reason)
        summary.count("resumed")
    invoices.move(
        db,
        row.id,
        JourneyEvent.CHECK_PASSED,
        now=now,
        kind=document.kind,
        currency=document.currency,
        payable_minor=payable.minor,
        issue_date=document.issue_date,
        due_date=document.due_date,
        is_credit=document.is_credit,
        debtor={**asdict(card), "is_person": is_person, "email_to_use": email},
    )
    log.info("invoice.checked", document_kind=document.kind)
    summary.count("checked")
    return summary


def _park(db: Database, row: InvoiceRow, stop: Stop, *, now: datetime, summary: Summary) -> None:
    log = get_logger()
    invoices.park(db, row.id, stop.reason, stop.detail, now=now, found_in=row.state)
    summary.count("parked")
    if row.state == JourneyState.PARKED and row.parked_reason == stop.reason:
        log.info("invoice.still_parked", reason=stop.reason)
    else:
        log_parked(stop.reason)


async def _document(row: InvoiceRow, *, now: datetime, db: Database, erp: Erp, documents: DocumentStore) -> Document:
    """The invoice's document, fetched once; anew when the last one was the reason for parking."""
    content: bytes | None = None
    if row.original_sha256 and row.parked_reason not in DOCUMENT_REASONS:
        try:
            content = documents.get(sha256=row.original_sha256)
        except DocumentLost:
            get_logger().error("document_store.lost", sha256=row.original_sha256)
    if content is None:
        content = await erp.invoice_document(erp_id=row.erp_id)
        sha256 = documents.put(content=content)
        if sha256 != row.original_sha256:
            invoices.keep(db, row.id, now=now, original_sha256=sha256)
    return read_document(content)


def _looks_like_person(document: Document) -> bool:
    """The EHF's word when the card has none: a buyer without any company identifier or VAT number is a person."""
    buyer = document.buyer
    return buyer.company is None and not buyer.vat_number and buyer.endpoint is None
