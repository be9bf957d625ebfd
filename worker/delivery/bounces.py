"""What comes back: the bounce mailbox read, each message matched to the mail it is about, recorded, then put away.

The order is what makes it safe: a message is moved only after its record is committed, and a record is made once
however often the message is read. So a worker that dies in between reads it again and moves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from worker.model.bounce import MailReport, ReportKind, Waits
from worker.model.outcomes import TryLater
from worker.ports import Filed, Mailbox, OpenMailbox
from worker.store import bounces
from worker.store.bounces import SentMail
from worker.store.database import Database
from worker.store.isolation import DATABASE_DOWN
from worker.support.clock import Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.return_path import Forged, key_in
from worker.support.summary import Summary

MOST_A_RUN = 500
_MOVED = {"waiting": Filed.UNMATCHED}  # everything else is done with


@dataclass(frozen=True, slots=True)
class BounceConfig:
    """How our mails are known: by their return path (made from `bounce_address` under `server_key`; empty: none) and by
    their Message-ID."""

    bounce_address: str
    message_id_domain: str
    server_key: bytes


async def run(*, clock: Clock, config: BounceConfig, db: Database, mailbox: Mailbox, halt: Halt) -> Summary:
    """Reads what waits in the mailbox. Returns counts. A mailbox that does not answer is logged; nothing is lost."""
    summary, log = Summary(), get_logger()
    try:
        async with mailbox.session() as box:
            for uid in await box.waiting(limit=MOST_A_RUN):
                if halt.called:
                    break
                await _one(uid, box, clock, config, db, summary)
    except TryLater as error:
        log.error("bounces.mailbox_failed", outcome=error.kind, message=error.message)
        summary.count("trouble")
    return summary


async def _one(uid: str, box: OpenMailbox, clock: Clock, config: BounceConfig, db: Database, summary: Summary) -> None:
    report = await box.read(uid=uid)
    if report is None:  # another worker was faster
        return
    try:
        outcome = _record(report, config, db, clock)
    except DATABASE_DOWN:
        raise
    except Exception as error:  # noqa: BLE001 - one message must not keep the others waiting; it stays where it lies
        get_logger().error("bounces.message_failed", exc_info=error)
        summary.count("bounce_failed")
        return
    summary.count(f"bounce_{outcome}")
    if outcome != "being_sent":
        await box.put_away(uid=uid, where=_MOVED.get(outcome, Filed.PROCESSED))


def _record(report: MailReport, config: BounceConfig, db: Database, clock: Clock) -> str:
    """What becomes of it: refused, noted, ignored, waiting, settled; or being_sent, which is read again next time."""
    before = bounces.known(db, fingerprint=report.fingerprint)
    if before is not None:
        return before
    now = clock.now()
    found = ReportKind.AUTO_REPLY if report.kind is ReportKind.AUTO_REPLY else _whose(report, config, db)
    if isinstance(found, ReportKind):
        bounces.ignore(db, report, now=now)
        get_logger().info("bounces.read", kind=report.kind, outcome="ignored")
        return "ignored"
    positions = _positions(report, found) if isinstance(found, SentMail) else ()
    if isinstance(found, SentMail) and report.kind is ReportKind.FAILED and not positions:
        found = Waits.WHICH_RECIPIENT
    if isinstance(found, Waits):
        bounces.keep_for_person(db, report, found, now=now)
        get_logger().warning("bounces.read", kind=report.kind, outcome="waiting", reason=found)
        return "waiting"
    with bound(invoice=found.invoice_id, delivery=found.delivery_id):
        if report.kind is ReportKind.FAILED:
            outcome = bounces.fail(db, report, found, positions, now=now) or "being_sent"
        else:
            bounces.note(db, report, found, now=now)
            outcome = "noted"
        status = report.worst.status if report.worst else ""
        level = get_logger().warning if outcome == "refused" else get_logger().info
        level("bounces.read", kind=report.kind, outcome=outcome, status=status)
    return outcome


def _whose(report: MailReport, config: BounceConfig, db: Database) -> SentMail | Waits:
    """The one mail it is about, or why that cannot be told."""
    try:
        signed = _signed_keys(report, config)
    except Forged:
        return Waits.FORGED
    named = _named_keys(report, config)
    if report.kind is ReportKind.OTHER:
        return Waits.NOT_A_REPORT
    if report.kind is ReportKind.UNREADABLE:
        return Waits.UNREADABLE
    if len(signed) > 1 or len(named) > 1 or (signed and named and signed != named):
        return Waits.CONTRADICTORY
    key = next(iter(signed | named), None)
    mail = bounces.find_mail(db, key=key) if key is not None else None
    return mail if mail is not None else Waits.NOT_OURS


def _signed_keys(report: MailReport, config: BounceConfig) -> set[str]:
    """Raises Forged."""
    if not config.bounce_address:
        return set()
    found = (
        key_in(address, bounce_address=config.bounce_address, server_key=config.server_key)
        for address in report.addressed_to
    )
    return {key for key in found if key is not None}


def _named_keys(report: MailReport, config: BounceConfig) -> set[str]:
    keys: set[str] = set()
    for message_id in report.message_ids:
        left, _, domain = message_id.strip("<>").rpartition("@")
        if domain.lower() == config.message_id_domain.lower():
            try:
                keys.add(str(UUID(left)))
            except ValueError:  # the factor's domain sends other mails too
                continue
    return keys


def _positions(report: MailReport, mail: SentMail) -> tuple[int, ...]:
    """Places of the failed recipients among ours. A mail to one address failed for that one, whatever it is called
    where it ended (it may be forwarded); with several, one nobody knows could be any of them."""
    failed = {_plain(one) for r in report.recipients if r.kind is ReportKind.FAILED for one in r.addresses}
    places = tuple(place for place, address in enumerate(mail.addresses) if _plain(address) in failed)
    return places or ((0,) if len(mail.addresses) == 1 else ())


def _plain(address: str) -> str:
    local, _, domain = address.strip().lower().rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return f"{local}@{domain}"
