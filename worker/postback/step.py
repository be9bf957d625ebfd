"""The step: what the ERP is owed is told, in order, each once; unsure whether it got through, ask before repeating."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from worker.model.document import Kind, pdf_file_name
from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater, Unavailable, UnknownOutcome
from worker.model.parked import ParkedReason
from worker.ports import DocumentLost, DocumentStore, Erp, FactoringStatus
from worker.postback.texts import comment, news
from worker.store import invoices, postbacks
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow, PostbackRow
from worker.support.backoff import wait_after, worn_out
from worker.support.beating import BEAT_SECONDS, kept
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary

NOBODY_SERVED = tuple(f"postback_{error.kind}" for error in (Unavailable, AccessDenied))


async def run(
    *,
    clock: Clock,
    client: str,
    db: Database,
    erp: Erp,
    documents: DocumentStore,
    halt: Halt,
    repeats_only: bool = False,
    beat_seconds: float = BEAT_SECONDS,
) -> Summary:
    """Tells the ERP of every delivery it has not been told of.

    `repeats_only`: only what has been tried before and did not get through, so that new deliveries wait for 15:30.
    """
    summary, tried = Summary(), set[int]()
    recovered = postbacks.recover(db, client=client, now=clock.now())
    if recovered:
        get_logger().warning("recovery.postbacks", count=recovered)
        summary.count("recovered", recovered)
    while not halt.called:
        row = postbacks.claim(db, client=client, now=clock.now(), skip=tried, repeats_only=repeats_only)
        if row is None:
            break
        tried.add(row.id)
        with (
            bound(invoice=row.invoice_id, postback=row.id, attempt=row.attempts),
            isolated(db, row.invoice_id, now=clock.now(), summary=summary),
        ):
            async with kept(_renewal(db, row), clock=clock, beat_seconds=beat_seconds):
                outcome = await _Postback(clock, db, erp, documents, row).tell()
            summary.count(outcome)
            if outcome in NOBODY_SERVED:
                summary.count("trouble")
                break
    return summary


def _renewal(db: Database, row: PostbackRow) -> Callable[[datetime], bool]:
    return lambda now: postbacks.renew(db, row, now=now)


@dataclass(frozen=True, slots=True)
class _Postback:
    clock: Clock
    db: Database
    erp: Erp
    documents: DocumentStore
    row: PostbackRow

    async def tell(self) -> str:
        """One postback from claim to record. Returns the outcome as a word for the summary."""
        invoice = invoices.get(self.db, self.row.invoice_id)
        started = self.clock.now()
        if self.row.state == "unknown":
            # What the earlier try may have told: asking recognises it by its text, and it told of nothing later.
            earlier = self.row.text or self._text()
            try:
                if await self._is_told(invoice, earlier):
                    return self._write("done", "ask", earlier, started, "already_told")
            except OutsideError as error:
                return self._write("unknown", "ask", earlier, started, error.kind, error.message, again=error)
        text = self._text()
        try:
            await self._call(invoice, text)
        except Refused as error:
            return await self._refused(invoice, text, started, error)
        except TryLater as error:
            return self._write("ready", "send", text, started, error.kind, error.message, again=error)
        except UnknownOutcome as error:
            return await self._unknown(invoice, text, started, error)
        except DocumentLost as error:
            return self._write("ready", "send", text, started, "lost", str(error),
                               park=(ParkedReason.DOCUMENT_LOST, str(error)))  # fmt: skip
        except OSError as error:  # the document store is away, before anything was told
            words = f"document store: {error.strerror or type(error).__name__}"
            return self._write("ready", "send", text, started, TryLater.kind, words, again=TryLater(words))
        return self._write("done", "send", text, started, "told")

    def _text(self) -> str:
        if self.row.delivery_id is None and self.row.kind == "status":
            return self.row.text or ""
        reached = postbacks.reached_deliveries(self.db, self.row.invoice_id)
        if self.row.kind != "status":
            return comment(reached)
        place = next(at for at, delivery in enumerate(reached) if delivery.id == self.row.delivery_id)
        return news(reached[place], reached[place - 1] if place else None)

    def _status(self) -> FactoringStatus:
        """The row's own; a letter sent after the money has come does not take an invoice back to delivered."""
        if self.row.delivery_id is None:
            return FactoringStatus(self.row.status)
        return FactoringStatus(postbacks.status_before(self.db, self.row) or self.row.status)

    async def _call(self, invoice: InvoiceRow, text: str) -> None:
        if self.row.kind == "status":
            await self.erp.report_status(erp_id=invoice.erp_id, status=self._status(), text=text)
            return
        await self.erp.report_delivered(
            erp_id=invoice.erp_id,
            kid=invoice.kid or "",
            comment=text,
            file_name=pdf_file_name(Kind(invoice.kind), invoice.number),
            pdf=self.documents.get(sha256=invoice.pdf_sha256 or ""),
        )

    async def _is_told(self, invoice: InvoiceRow, text: str) -> bool:
        if self.row.kind == "delivered":
            return await self.erp.was_delivered(erp_id=invoice.erp_id)
        return await self.erp.reported_status(erp_id=invoice.erp_id) == (self._status(), text)

    async def _unknown(self, invoice: InvoiceRow, text: str, started: datetime, error: UnknownOutcome) -> str:
        """Ask at once; what cannot be settled now stays unknown and is asked about at the next run. So is what the ERP
        has not got yet: behind a proxy that gave up waiting it may still be at it."""
        try:
            if await self._is_told(invoice, text):
                return self._write("done", "ask", text, started, "already_told", error.message)
        except OutsideError as silent:
            return self._write("unknown", "send", text, started, "unknown", error.message, again=silent)
        return self._write("unknown", "ask", text, started, "not_there_yet", error.message, again=error)

    async def _refused(self, invoice: InvoiceRow, text: str, started: datetime, error: Refused) -> str:
        """A refusal because it is told already is no refusal."""
        try:
            if await self._is_told(invoice, text):
                return self._write("done", "ask", text, started, "already_told", error.message)
        except OutsideError as silent:
            return self._write("unknown", "send", text, started, "refused", error.message, again=silent)
        words = f"{error.message}: {error.answer}" if error.answer else error.message
        return self._write("refused", "send", text, started, "refused", words,
                           park=(ParkedReason.POSTBACK_REFUSED, words[:300]))  # fmt: skip

    def _write(
        self,
        state: str,
        act: str,
        text: str,
        started: datetime,
        outcome: str,
        answer: str = "",
        *,
        again: OutsideError | None = None,
        park: tuple[ParkedReason, str] | None = None,
    ) -> str:
        """`again`: why it is tried or asked about once more, after a wait; tried too often, it is a person's case."""
        log, now, tries = get_logger(), self.clock.now(), self.row.attempts
        if again is not None and worn_out(again, tries=tries):
            park = (ParkedReason.POSTBACK_EXHAUSTED, f"not through after {tries} attempts: {answer}"[:300])
        postbacks.record(
            self.db,
            self.row,
            state=state,
            act=act,
            text=text,
            started_at=started,
            now=now,
            outcome=outcome,
            answer=answer,
            due_at=now + wait_after(again, tries=tries, key=f"postback:{self.row.id}") if again else None,
            park=park[1] if park else None,
            park_reason=park[0] if park else ParkedReason.POSTBACK_REFUSED,
        )
        (log.info if state == "done" else log.warning)("postback.attempted", kind=self.row.kind, outcome=outcome)
        if park is not None:
            log_parked(park[0])
        return f"told_{self.row.kind}" if state == "done" else f"postback_{outcome}"
