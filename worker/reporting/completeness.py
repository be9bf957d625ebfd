"""The check: what the ERP says is ours, the factor's ledger, and what we have delivered, held against each other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

from worker.model.completeness import LACKS, Completeness, Finding, Lack, NotChecked, WhyUnchecked
from worker.model.outcomes import OutsideError
from worker.ports import Erp, ErpInvoice, FactorLedger, LyingClaim
from worker.reporting.gaps import missing_numbers
from worker.reporting.judging import Evidence, judge
from worker.store import completeness, pauses
from worker.store.completeness import HeldInvoice
from worker.store.database import Database
from worker.support.clock import Clock, oslo_date
from worker.support.log import bound, get_logger
from worker.support.summary import Summary

WINDOW = timedelta(days=62)  # two months of the ERP's delivered invoices, not years of them every day
FURTHEST = timedelta(days=400)  # how far the window follows an invoice that was delivered long after it was made


async def check(
    *, clock: Clock, client: str, db: Database, erp: Erp, ledger: FactorLedger, window: timedelta = WINDOW
) -> Completeness:
    """Reads and compares. Trouble with ERP or ledger folder is logged, and makes the check unfinished.

    The ERP's lists are read before the store: what is told or fetched meanwhile is known by its time.
    """
    started = clock.now()
    since = await asyncio.to_thread(_reach, db, client, started, window)
    waiting, delivered, erp_read = await _erp(erp, since)
    held = await asyncio.to_thread(_held, db, client, started - window, {**waiting, **delivered})
    known = await asyncio.to_thread(completeness.claim_names, db, client=client)
    wanted = {row.registered_as for row in held if row.registered_as}
    claims, ledger_read = await asyncio.to_thread(_claims, ledger, client, wanted, known)
    alike, findings = judge(
        Evidence(
            waiting=waiting,
            delivered=delivered,
            claims=claims,
            held=held,
            known_claims=frozenset(known),
            started=started,
            since=since,
            erp_read=erp_read,
            paused=client in pauses.paused(db),
            last_intake=completeness.last_begun(db, client=client, job="intake"),
            last_report=completeness.last_begun(db, client=client, job="postback"),
            letters_are_confirmed=completeness.letters_are_confirmed(db, since=started - window),
        )
    )
    numbers = [row.number for row in held] + [row.number for row in (*waiting.values(), *delivered.values())]
    gaps = [
        Finding(lack=Lack.MISSING_NUMBER, explained=True, owner=LACKS[Lack.MISSING_NUMBER].owner, number=number)
        for number in missing_numbers(numbers)
    ]
    return Completeness(finished=erp_read and ledger_read, compared=alike, findings=(*findings, *gaps))


async def run(*, clock: Clock, client: str, db: Database, erp: Erp, ledger: FactorLedger) -> Summary:
    """The daily check: what it found is logged and kept for the day's report."""
    summary, now = Summary(), clock.now()
    found = await check(clock=clock, client=client, db=db, erp=erp, ledger=ledger)
    completeness.keep(db, client=client, day=oslo_date(now), found=found, now=now)
    tell(found)
    if not found.finished:
        summary.count("trouble")
    summary.count("complete", found.compared)
    summary.count("unexplained", len(found.unexplained))
    return summary


def not_checked(db: Database, *, usable: Iterable[str], files: Iterable[str]) -> tuple[NotChecked, ...]:
    """The clients no check can be made of, by name: those whose file is among `files` and not `usable`, and those whose
    file is gone while they have invoices that are not done."""
    left, in_work = completeness.not_done(db), set(usable)
    unusable = set(files) - in_work
    gone = left.keys() - unusable - in_work
    why = dict.fromkeys(unusable, WhyUnchecked.FILE_UNUSABLE) | dict.fromkeys(gone, WhyUnchecked.FILE_GONE)
    return tuple(NotChecked(client=name, why=why[name], not_done=left.get(name, 0)) for name in sorted(why))


def tell(found: Completeness) -> None:
    """One line for the check, one for each invoice nobody can explain; ids only."""
    log, counts = get_logger(), dict[str, int]()
    for finding in found.findings:
        counts[str(finding.lack)] = counts.get(str(finding.lack), 0) + 1
    for one in found.unexplained:
        with bound(invoice=one.invoice):
            log.warning("completeness.unexplained", reason=one.lack, erp_id=one.erp_id, owner_of_remedy=one.owner)
    level = log.info if found.finished and not found.unexplained else log.warning
    level("completeness.checked", count=found.compared, counts=counts, unexplained=len(found.unexplained))


def _reach(db: Database, client: str, now: datetime, window: timedelta) -> datetime:
    """How far back the delivered invoices are read: by the window, and as far as what was told lately was made."""
    oldest = completeness.earliest_creation(db, client=client, since=now - window)
    reach = min(now - window, oldest - timedelta(days=1)) if oldest is not None else now - window
    return max(reach, now - max(window, FURTHEST))


async def _erp(erp: Erp, since: datetime) -> tuple[dict[str, ErpInvoice], dict[str, ErpInvoice], bool]:
    """What waits is read first: what is delivered in between is then in both lists, and never in none."""
    waiting, delivered = dict[str, ErpInvoice](), dict[str, ErpInvoice]()
    try:
        async for row in erp.available_invoices():
            waiting[row.erp_id.lower()] = row
        async for row in erp.delivered_invoices(since=since):
            delivered[row.erp_id.lower()] = row
    except OutsideError as error:
        get_logger().error("completeness.not_finished", outcome=error.kind, message=error.message)
        return waiting, delivered, False
    return waiting, delivered, True


def _held(db: Database, client: str, since: datetime, listed: dict[str, ErpInvoice]) -> list[HeldInvoice]:
    held = completeness.held(db, client=client, since=since)
    missing = listed.keys() - {row.erp_id.lower() for row in held}
    return held + completeness.held_as(db, client=client, erp_ids=[listed[erp_id].erp_id for erp_id in missing])


def _claims(ledger: FactorLedger, client: str, wanted: set[str], known: set[str]) -> tuple[dict[str, LyingClaim], bool]:
    """Of what lies there: the claims of the invoices compared, and those that are nobody's."""
    found: dict[str, LyingClaim] = {}
    try:
        for name in ledger.lying(client=client):
            if (name in wanted or name not in known) and (claim := ledger.read(name=name)) is not None:
                found[name] = claim
    except OSError as error:
        get_logger().error("completeness.not_finished", outcome="unavailable", message=error.strerror or "")
        return found, False
    return found, True
