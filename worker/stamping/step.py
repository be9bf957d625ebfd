"""The step: a checked invoice becomes the factor's. Official rules, KID, stamp, proof, PDF, rules again; one move."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from worker.model.document import Document, Kind
from worker.model.ehf import DocumentError, read_document
from worker.model.findings import Verdict
from worker.model.journey import JourneyEvent, JourneyState
from worker.model.kid import KidError
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.model.party import PostalAddress
from worker.ports import DocumentLost, DocumentRules, DocumentStore, RulesUnavailable
from worker.stamping.making import Made, StampingConfig, Stopped, make, participant
from worker.stamping.pdf import PdfError
from worker.stamping.proof import NotProven
from worker.store import invoices
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow
from worker.support.clock import oslo_date
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary


async def run(
    *,
    now: datetime,
    client: str,
    config: StampingConfig,
    db: Database,
    documents: DocumentStore,
    rules: DocumentRules,
    halt: Halt,
) -> Summary:
    """Stamps what is checked. Whatever fails parks that invoice; nothing half-written is left behind.

    While the official rules cannot be asked (their engine does not start), invoices stay where they are.
    """
    log, summary = get_logger(), Summary()
    for row in invoices.in_state(db, client=client, state=JourneyState.CHECKED):
        if halt.called:
            break
        with bound(invoice=row.id), isolated(db, row.id, now=now, summary=summary):
            try:
                await _Stamping(row, now, config, db, documents, rules).stamp()
            except (Stopped, DocumentError, PdfError) as error:
                _park(db, row, error.reason, str(error), now, summary)
            except NotProven as error:
                _park(db, row, ParkedReason.STAMPING_NOT_PROVEN, str(error), now, summary)
            except DocumentLost as error:
                _park(db, row, ParkedReason.DOCUMENT_LOST, str(error), now, summary)
            except RulesUnavailable as error:
                log.error("rules.unavailable", message=str(error))
                summary.count("trouble")
                break
            except OSError as error:
                log.error("document_store.failed", error_type=type(error).__name__, message=error.strerror or "")
                summary.count("trouble")
            else:
                log.info("invoice.stamped")
                summary.count("stamped")
    return summary


def _park(db: Database, row: InvoiceRow, reason: ParkedReason, detail: str, now: datetime, summary: Summary) -> None:
    invoices.park(db, row.id, reason, detail[:1000], now=now, found_in=row.state)
    log_parked(reason)
    summary.count("parked")


@dataclass(frozen=True, slots=True)
class _Stamping:
    row: InvoiceRow
    now: datetime
    config: StampingConfig
    db: Database
    documents: DocumentStore
    rules: DocumentRules

    async def stamp(self) -> None:
        """From the original to the move; see making.make for what it raises."""
        row, debtor = self.row, self.row.debtor or {}
        original = self.documents.get(sha256=row.original_sha256 or "")
        document = read_document(original)
        # What ERPs make for private persons need not be valid Peppol and is never sent there: only a source.
        before = None if debtor.get("is_person") else await self._ask(original, document)
        kid = self._kid(document)
        # Milliseconds to seconds of computing: in a thread, so that portal, heartbeat and signals go on.
        card_address = PostalAddress(**(debtor.get("address") or {}))
        made = await asyncio.to_thread(make, original, document, kid=kid, card_address=card_address, config=self.config)
        faults = made.peppol_faults
        if before is not None:
            after = await self._ask(made.xml, made.document)
            ours = [rule for rule in after.fatal_ids if rule not in before.fatal_ids]
            if ours:
                raise Stopped(ParkedReason.STAMPING_NOT_PROVEN, f"stamping broke {', '.join(ours)}")
            faults += tuple(f"{found.rule_id}: {found.text}" for found in before.fatal)
        self._warn(made, faults)
        invoices.move(
            self.db,
            row.id,
            JourneyEvent.STAMPING_DONE,
            now=self.now,
            stamped_sha256=self.documents.put(content=made.xml),
            pdf_sha256=self.documents.put(content=made.pdf.content),
            pdf_pages=made.pdf.pages,
            account=self.config.account,
            kid=kid,
            notice_version=made.notice_version,
            language=made.language,
            debtor={
                **debtor,
                "recipient_lines": list(made.recipient_lines),
                "participant": "" if debtor.get("is_person") else participant(made.document),
                "peppol_faults": [fault[:300] for fault in faults],
            },
        )

    async def _ask(self, xml: bytes, document: Document) -> Verdict:
        verdict = await self.rules.check(xml=xml, kind=Kind(document.kind), on=oslo_date(self.now))
        if verdict.gave_up:
            raise Stopped(ParkedReason.RULES_GAVE_UP, "the official rules could not be carried through")
        return verdict

    def _warn(self, made: Made, faults: tuple[str, ...]) -> None:
        found: dict[InvoiceWarning, str] = {}
        if made.dropped_attachments:
            found[InvoiceWarning.EMBEDDED_INVOICE_DROPPED] = ", ".join(made.dropped_attachments)
        if faults:
            found[InvoiceWarning.NOT_VALID_EHF] = "; ".join(faults)[:500]
        among = (InvoiceWarning.EMBEDDED_INVOICE_DROPPED, InvoiceWarning.NOT_VALID_EHF)
        invoices.set_warnings(self.db, self.row.id, found, among=among, now=self.now)
        for code in found:
            get_logger().warning("invoice.warning", warning=code)

    def _kid(self, document: Document) -> str | None:
        """The invoice's KID, allocated once. Credits have none unless the client's layout says so."""
        row, config = self.row, self.config
        if document.is_credit and not config.kid_on_credit_notes:
            return None
        # A number that is not digits only gets our own row number in the KID; look-up is by the stored KID.
        invoice = row.number if row.number.isascii() and row.number.isdecimal() else str(row.id)
        try:
            kid = config.kid_layout.make(client=config.client_number, debtor=row.debtor_code, invoice=invoice)
            return invoices.allocate_kid(self.db, row.id, account=config.account, kid=kid, now=self.now)
        except KidError as error:
            raise Stopped(error.reason, str(error)) from error
        except invoices.KidTaken as error:
            raise Stopped(ParkedReason.KID_TAKEN, str(error)) from error
