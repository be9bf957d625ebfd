"""One claimed delivery, tried or asked about: what the call came to becomes a state, an attempt row and a log line."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from worker.delivery.lanes import Lanes
from worker.delivery.marks import OTHER_KEY, sent_before_we_knew
from worker.delivery.outbound import DeliveryConfig, Parcel, Sent, parcel
from worker.model.channel import Channel
from worker.model.ehf import DocumentError
from worker.model.journey import DeliveryEvent, DeliveryState, IllegalTransition
from worker.model.outcomes import AccessDenied, Refused, TryLater, Unavailable, UnknownOutcome
from worker.model.parked import ParkedReason
from worker.ports import (
    AccessPoint,
    ConsumerChannel,
    DebtorReach,
    DocumentLost,
    DocumentStore,
    MailServer,
    PrintHouse,
)
from worker.store import deliveries, invoices
from worker.store.attempts import last_send
from worker.store.database import Database
from worker.store.rows import DeliveryRow, InvoiceRow
from worker.support.backoff import wait_after
from worker.support.beating import BEAT_SECONDS, kept
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import get_logger, place
from worker.support.parking import log_parked

# How long a counterparty may go on saying "later" before we stop asking: a mailbox full for a day is no address, so the
# next channel takes over, as it does when the eFaktura provider does not answer for a day (the person has other ways,
# and the due date comes nearer); an access point or print house down for days is a person's case.
GIVE_UP = {
    Channel.EMAIL_LINK: timedelta(hours=24),
    Channel.EMAIL_PDF: timedelta(hours=24),
    Channel.EHF: timedelta(hours=72),
    Channel.EFAKTURA: timedelta(hours=24),
    Channel.LETTER: timedelta(hours=72),
}
STANDSTILL = timedelta(hours=72)
FEWEST_ATTEMPTS = 4
ASK_AGAIN = timedelta(minutes=10)
NOBODY_SERVED = (Unavailable.kind, AccessDenied.kind)  # outcomes after which no more is sent there in this run
_NEXT_CHANNEL_WHEN_GIVEN_UP = (Channel.EFAKTURA, Channel.EMAIL_LINK, Channel.EMAIL_PDF)


@dataclass(frozen=True, slots=True)
class Carriers:
    """Who carries the channels. `reach`: who can receive EHF now. `consumers`: the eFaktura provider, None when none is
    configured. `lanes`: how much goes to each at once, shared by all clients."""

    access_point: AccessPoint
    mail_server: MailServer
    print_house: PrintHouse
    reach: DebtorReach
    consumers: ConsumerChannel | None = None
    lanes: Lanes = field(default_factory=Lanes)


@dataclass(frozen=True, slots=True)
class Desk:
    """What every attempt needs."""

    clock: Clock
    client: str
    config: DeliveryConfig
    db: Database
    documents: DocumentStore
    carriers: Carriers
    halt: Halt
    beat_seconds: float = BEAT_SECONDS


Call = Callable[[Parcel], Awaitable[Sent]]


async def attempt(desk: Desk, delivery: DeliveryRow, act: str, call: Call) -> str:
    """One claimed delivery, tried (`send`) or asked about (`ask`), and what came of it recorded.

    Returns the outcome as a word for the summary.
    """
    begun = begin(desk, delivery, act)
    return begun if isinstance(begun, str) else await conclude(begun, call)


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt ready for its call."""

    result: _Result
    parcel: Parcel


def begin(desk: Desk, delivery: DeliveryRow, act: str) -> Begun | str:
    """Packs what the call needs, or returns what it came to when it may not be made."""
    invoice = invoices.get(desk.db, delivery.invoice_id)
    result = _Result(desk, delivery, act, desk.clock.now())
    packed = _packed(result, invoice)
    return packed if isinstance(packed, str) else Begun(result, packed)


async def conclude(begun: Begun, call: Call) -> str:
    """Makes the call and records what came of it. Returns the outcome as a word for the summary."""
    result = begun.result
    delivery, act, started = result.delivery, result.act, result.started
    try:
        async with still_ours(result.desk, delivery):
            sent = await call(begun.parcel)
    except Refused as error:
        return result.write(DeliveryEvent.REFUSED, error.kind, answer=_words(error.message, error.answer))
    except TryLater as error:
        return _later(result, error)
    except UnknownOutcome as error:
        return _unknown(result, _words(error.message, error.answer))
    except NeverArrived as error:
        return result.write(DeliveryEvent.NEVER_ARRIVED, "never_arrived", answer=str(error), due_at=started)
    except Exception as error:
        # Nobody knows how far it came, so it is asked about, never sent again. The caller parks the invoice.
        where = f"{type(error).__name__} at {place(error.__traceback__)}"
        result.write(DeliveryEvent.UNKNOWN if act == "send" else None, "unexpected", answer=where, due_at=started)
        raise
    if not sent.known_word:
        get_logger().error("delivery.unknown_vendor_word", channel=delivery.channel, status=sent.answer[:60])
    if sent.event is DeliveryEvent.UNKNOWN:
        return _unknown(result, sent.answer, sent.vendor_reference)
    if sent.event is DeliveryEvent.ACCEPTED and delivery.state == DeliveryState.HANDED_OVER:
        return result.write(None, "no_receipt_yet", answer=sent.answer, due_at=_next_question(delivery, started))
    return result.write(sent.event, str(sent.event), reference=sent.vendor_reference, answer=sent.answer)


def still_ours(desk: Desk, *claimed: DeliveryRow) -> AbstractAsyncContextManager[None]:
    """Keeps the claims while their call runs, however long."""

    def renew(now: datetime) -> bool:
        ours = [deliveries.renew(desk.db, one, now=now) for one in claimed]
        return any(ours)  # one of a batch may be lost; the others are kept

    return kept(renew, clock=desk.clock, beat_seconds=desk.beat_seconds)


def _packed(result: _Result, invoice: InvoiceRow) -> Parcel | str:
    """What the call needs, or what it came to when it may not be made."""
    desk, delivery = result.desk, result.delivery
    try:
        packed = parcel(invoice, delivery, desk.documents)
        elsewhere = sent_before_we_knew(invoice, delivery, desk.documents) if result.act == "send" else ""
    except (DocumentLost, DocumentError) as error:
        back = DeliveryEvent.TRY_LATER if result.act == "send" else None
        return result.write(back, "lost", answer=str(error), park=(ParkedReason.DOCUMENT_LOST, str(error)))
    except OSError as error:  # the store is away or its disk is full, before anything was sent
        return _later(result, TryLater(f"document store: {error.strerror or type(error).__name__}"))
    if elsewhere:
        get_logger().error("delivery.sent_before", channel=delivery.channel)
        return _unknown(result, elsewhere, ask=elsewhere != OTHER_KEY)
    return packed


class NeverArrived(Exception):
    """The other side was asked and has not got it: sending again is safe."""


@dataclass(frozen=True, slots=True)
class _Result:
    desk: Desk
    delivery: DeliveryRow
    act: str
    started: datetime

    def since(self) -> datetime:
        """From when our patience counts: a question's from the sending it is about, which may have come days after the
        delivery was made (a pause, a hold, Easter)."""
        sent = last_send(self.desk.db, self.delivery.id) if self.act == "ask" else None
        return sent or self.delivery.created_at

    def write(
        self,
        event: DeliveryEvent | None,
        outcome: str,
        *,
        reference: str = "",
        answer: str = "",
        due_at: datetime | None = None,
        park: tuple[ParkedReason, str] | None = None,
    ) -> str:
        log, now = get_logger(), self.desk.clock.now()
        try:
            deliveries.record(
                self.desk.db,
                self.delivery,
                event,
                act=self.act,
                started_at=self.started,
                now=now,
                outcome=outcome,
                vendor_reference=reference,
                answer=answer,
                due_at=due_at,
                park=park,
            )
        except IllegalTransition:
            # The debtor opened it meanwhile, or another worker took over when our lease ran out: theirs stands.
            log.warning("delivery.overtaken", outcome=outcome)
            return "overtaken"
        level = log.info if event in _GOOD else log.warning
        level("delivery.attempted", act=self.act, outcome=outcome, due_at=due_at, channel=self.delivery.channel)
        if park is not None:
            log_parked(park[0])
        return f"{self.act}_{outcome}" if self.act == "ask" else outcome


_GOOD = (DeliveryEvent.ACCEPTED, DeliveryEvent.CONFIRMED)


def _later(result: _Result, error: TryLater) -> str:
    """Back in the queue with a growing wait; given up when the counterparty has said "later" for too long."""
    delivery, now = result.delivery, result.desk.clock.now()
    channel = Channel(delivery.channel)
    answer = _words(error.message, error.answer)
    # The whole counterparty's trouble, not this debtor's. Of eFaktura only a closed door counts, which is ours to mend.
    theirs = isinstance(error, AccessDenied if channel is Channel.EFAKTURA else Unavailable)
    patience = STANDSTILL if theirs else GIVE_UP[channel]
    if delivery.state == DeliveryState.HANDED_OVER:  # it was taken over; only the receipt is lacking
        return result.write(None, error.kind, answer=answer, due_at=_next_question(delivery, now))
    # `attempts` counts what was sent; a question is a claim too, and what cannot be asked about is a person's case.
    tries = delivery.attempts if result.act == "send" else delivery.fence
    if now - result.since() >= patience and tries >= FEWEST_ATTEMPTS:
        if channel in _NEXT_CHANNEL_WHEN_GIVEN_UP and result.act == "send" and not theirs:
            return result.write(DeliveryEvent.REFUSED, "refused", answer=f"given up: {answer}")
        back = DeliveryEvent.TRY_LATER if result.act == "send" else None
        return result.write(back, error.kind, answer=answer, due_at=now,
                            park=(ParkedReason.ATTEMPTS_EXHAUSTED, answer[:300]))  # fmt: skip
    if result.act == "ask":
        return result.write(None, error.kind, answer=answer, due_at=now + ASK_AGAIN)
    due_at = now + wait_after(error, tries=delivery.attempts, key=f"delivery:{delivery.id}")
    return result.write(DeliveryEvent.TRY_LATER, error.kind, answer=answer, due_at=due_at)


def _unknown(result: _Result, answer: str, reference: str = "", *, ask: bool = True) -> str:
    """We cannot know whether it was done. Where the other side can be asked, ask later; else it is a person's case."""
    delivery, now = result.delivery, result.desk.clock.now()
    if delivery.state == DeliveryState.HANDED_OVER:  # it was taken over; only the receipt is lacking
        return result.write(None, "unknown", answer=answer, due_at=_next_question(delivery, now))
    event = DeliveryEvent.UNKNOWN if result.act == "send" else None
    park = None
    if Channel(delivery.channel) in (Channel.EMAIL_LINK, Channel.EMAIL_PDF):
        park = (ParkedReason.SENT_UNKNOWN, f"it may have been sent, and a mail server cannot be asked: {answer[:200]}")
    elif not ask:
        park = (ParkedReason.SENT_UNKNOWN, f"it may have been sent: {answer[:200]}")
    elif result.act == "ask" and now - result.since() >= STANDSTILL:
        park = (ParkedReason.SENT_UNKNOWN, f"no final word after {STANDSTILL}: {answer[:200]}")
    due_at = now + (timedelta(0) if event else ASK_AGAIN)
    return result.write(event, "unknown", reference=reference, answer=answer, due_at=due_at, park=park)


def _next_question(delivery: DeliveryRow, now: datetime) -> datetime:
    """Receipts come within minutes or not at all (an access point that gives none): ask ever more seldom."""
    age = now - (delivery.handed_over_at or now)
    return now + max(ASK_AGAIN, age)


def _words(message: str, answer: str) -> str:
    return f"{message}: {answer}" if answer and answer not in message else message
