"""ERP, ledger folder and store, held against each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from worker.model.completeness import LACKS, Finding, Lack
from worker.model.journey import JourneyState
from worker.model.money import Money
from worker.model.parked import PARKED, ParkedReason
from worker.ports import ErpInvoice, LyingClaim
from worker.store.completeness import HeldInvoice
from worker.support.clock import is_bank_day, oslo_date

# What may have crossed with our reading of the lists: the ERP's reads lag behind its writes.
CROSSED = timedelta(minutes=2)
# Whole bank days in between. An access point or print house is given 72 hours before the invoice is parked.
PATIENCE = 3

_S = JourneyState
_OUT = frozenset({_S.REGISTERED, _S.ROUTED, _S.DELIVERING, _S.DELIVERED, _S.POSTED_BACK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What was read. Keys of `waiting` and `delivered` are the ERP's ids in lower case; of `claims`, their names.

    `started`: when the reading began. `since`: how far back the ERP's delivered invoices were read. `erp_read`: both
    lists to their ends. `last_intake`, `last_report`: when the last run of these that went through was begun.
    `letters_are_confirmed`: the print house gives receipts.
    """

    waiting: Mapping[str, ErpInvoice]
    delivered: Mapping[str, ErpInvoice]
    claims: Mapping[str, LyingClaim]
    held: Sequence[HeldInvoice]
    known_claims: frozenset[str]
    started: datetime
    since: datetime
    erp_read: bool
    paused: bool = False
    last_intake: datetime | None = None
    last_report: datetime | None = None
    letters_are_confirmed: bool = False


def judge(seen: Evidence) -> tuple[int, list[Finding]]:
    """How many invoices are in all three alike, and every one that is not: first what has no row, then as they came."""
    ours = {row.erp_id.lower() for row in seen.held}
    findings = [_without_row(seen, erp_id, listed) for erp_id, listed in _listed(seen).items() if erp_id not in ours]
    findings += [_stray(claim) for name, claim in seen.claims.items() if name not in seen.known_claims]
    alike = 0
    for row in seen.held:
        found = list(_about(seen, row))
        findings += found
        alike += not found
    return alike, findings


def _listed(seen: Evidence) -> dict[str, ErpInvoice]:
    """Both lists, delivered last: what is in both was delivered between the two readings."""
    return {**seen.waiting, **seen.delivered}


def _without_row(seen: Evidence, erp_id: str, listed: ErpInvoice) -> Finding:
    if erp_id in seen.delivered:
        return _listed_only(Lack.DELIVERED_WITHOUT_US, listed)
    if seen.paused:
        return _listed_only(Lack.NOT_FETCHED, listed, explained_by="the client is paused")
    created = listed.created_at
    since_intake = created is not None and (seen.last_intake is None or created >= seen.last_intake - CROSSED)
    # Made after the last intake: the next one fetches it, unless that has not come for more than a bank day.
    if created is not None and since_intake and _bank_days_between(created, seen.started) <= 1:
        return _listed_only(Lack.NOT_FETCHED, listed, explained_by="it waits for the next intake", owner="worker")
    return _listed_only(Lack.NOT_FETCHED, listed)


def _listed_only(lack: Lack, listed: ErpInvoice, *, explained_by: str = "", owner: str = "") -> Finding:
    return Finding(
        lack=lack,
        explained=bool(explained_by),
        owner=owner or LACKS[lack].owner,
        number=listed.number,
        erp_id=listed.erp_id,
        since=listed.created_at,
        detail=explained_by,
    )


def _stray(claim: LyingClaim) -> Finding:
    lack = Lack.CLAIM_UNREADABLE if claim.fault else Lack.CLAIM_WITHOUT_INVOICE
    detail = f"{claim.name}: {claim.fault}" if claim.fault else claim.name
    return Finding(
        lack=lack, explained=False, owner=LACKS[lack].owner, number=claim.number, erp_id=claim.erp_id, detail=detail
    )


def _about(seen: Evidence, row: HeldInvoice) -> Iterator[Finding]:
    """Everything to be said of one of ours."""
    erp_id = row.erp_id.lower()
    listed = seen.delivered.get(erp_id) or seen.waiting.get(erp_id)
    yield from _against_erp(seen, row, erp_id)
    if listed is not None and (faults := _changed(row, listed)):
        yield _ours(Lack.ERP_DIFFERS, row, detail=faults)
    yield from _against_ledger(seen, row)
    yield from _where_it_is(seen, row, erp_id)
    out = row.letter_out_at
    if seen.letters_are_confirmed and out is not None and _bank_days_between(out, seen.started) > PATIENCE:
        yield _ours(Lack.LETTER_NOT_CONFIRMED, row, since=out)


def _against_erp(seen: Evidence, row: HeldInvoice, erp_id: str) -> Iterator[Finding]:
    waits, delivered = erp_id in seen.waiting, erp_id in seen.delivered
    if row.told_at is not None:
        if delivered or row.told_at > seen.started - CROSSED:
            return
        if waits:
            yield _ours(Lack.ERP_SAYS_UNDELIVERED, row, since=row.told_at)
        elif seen.erp_read and (row.erp_created or row.fetched_at) >= seen.since:
            yield _ours(Lack.NOT_IN_ERP, row)
    elif delivered:
        if row.telling in ("sending", "unknown") or (row.telling == "ready" and row.tries > 0):
            why = "the answer to our report was lost; the ERP is asked at the next follow-up"
            yield _ours(Lack.ERP_SAYS_DELIVERED, row, since=row.handed_over_at, owner="worker", explained_by=why)
        else:
            yield _ours(Lack.ERP_SAYS_DELIVERED, row)
    elif not waits and seen.erp_read and row.state != _S.WITHDRAWN and row.fetched_at <= seen.started - CROSSED:
        yield _ours(Lack.NOT_IN_ERP, row)


def _changed(row: HeldInvoice, listed: ErpInvoice) -> str:
    faults: list[str] = []
    if listed.number != row.number:
        faults.append(f"number {row.number}, in the ERP now {listed.number}")
    if not _same_amount(row.erp_total, listed.total):
        faults.append(f"total {row.erp_total}, in the ERP now {listed.total}")
    return "; ".join(faults)


def _same_amount(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return one == other


def _against_ledger(seen: Evidence, row: HeldInvoice) -> Iterator[Finding]:
    state = row.return_state if row.state == _S.PARKED else row.state
    if row.registered_as is None:
        if state in _OUT or row.told_at is not None:
            yield _ours(Lack.NOT_REGISTERED, row)
        return
    claim = seen.claims.get(row.registered_as)
    if claim is None:  # taken away by the factor's system, or another's to read
        return
    if claim.fault:
        yield _ours(Lack.CLAIM_UNREADABLE, row, detail=f"{claim.name}: {claim.fault}")
    elif differences := _differences(row, claim):
        yield _ours(Lack.CLAIM_DIFFERS, row, detail=f"{', '.join(differences)} in {claim.name}")


def _differences(row: HeldInvoice, claim: LyingClaim) -> list[str]:
    """The names of what differs; values would be KIDs."""
    total = Money(row.payable_minor or 0, row.currency or "NOK")
    pairs = {
        "ERP's id": claim.erp_id == row.erp_id,
        "number": claim.number == row.number,
        "KID": claim.kid == (row.kid or ""),
        "amount": _same_amount(claim.total, str(total.amount)) and claim.currency == total.currency,
        "document": claim.stamped_sha256 == row.stamped_sha256,
    }
    return [name for name, same in pairs.items() if not same]


def _where_it_is(seen: Evidence, row: HeldInvoice, erp_id: str) -> Iterator[Finding]:
    if row.state == _S.PARKED:
        reason = ParkedReason(row.parked_reason or ParkedReason.UNEXPECTED)
        yield _ours(
            Lack.PARKED, row, since=row.parked_since or row.updated_at, reason=reason, owner=PARKED[reason].owner
        )
    elif row.state == _S.WITHDRAWN:
        if erp_id in seen.waiting:  # nobody has told the ERP
            yield _ours(Lack.WITHDRAWN, row, since=row.updated_at)
    elif row.state == _S.DELIVERED:
        since = max(row.handed_over_at or row.updated_at, row.updated_at)  # later when it was held meanwhile
        overdue = _bank_days_between(since, seen.started) > PATIENCE
        untold = row.tries == 0 and seen.last_report is not None and since < seen.last_report - CROSSED
        tried = f"{row.tries} tries so far" if row.tries else ""
        yield _going_on(Lack.NOT_POSTED_BACK, seen, row, since, overdue=overdue or untold, detail=tried)
    elif row.state != _S.POSTED_BACK:
        overdue = _bank_days_between(row.updated_at, seen.started) > PATIENCE
        yield _going_on(Lack.UNDERWAY, seen, row, row.updated_at, overdue=overdue, detail=f"it is {row.state}")


def _going_on(lack: Lack, seen: Evidence, row: HeldInvoice, since: datetime, *, overdue: bool, detail: str) -> Finding:
    if seen.paused:
        return _ours(lack, row, since=since, owner="factor", detail="the client is paused")
    if overdue:
        words = f"{detail}; it should have gone on long ago" if detail else "it should have gone on by now"
        return Finding(lack=lack, explained=False, owner="engineer", number=row.number, erp_id=row.erp_id,
                       invoice=row.id, since=since, detail=words)  # fmt: skip
    return _ours(lack, row, since=since, detail=detail)


def _ours(
    lack: Lack,
    row: HeldInvoice,
    *,
    since: datetime | None = None,
    owner: str = "",
    reason: str = "",
    detail: str = "",
    explained_by: str = "",
) -> Finding:
    facts = LACKS[lack]
    return Finding(
        lack=lack,
        explained=facts.explained or bool(explained_by),
        owner=owner or facts.owner,
        number=row.number,
        erp_id=row.erp_id,
        invoice=row.id,
        since=since or row.erp_created or row.fetched_at,
        reason=reason,
        detail=detail or explained_by,
    )


def _bank_days_between(begin: datetime, end: datetime) -> int:
    """Bank days after the date of `begin`, through that of `end` (Oslo)."""
    first, last = oslo_date(begin), oslo_date(end)
    if (last - first).days > 31:
        return 31
    return sum(is_bank_day(first + timedelta(days=offset)) for offset in range(1, (last - first).days + 1))
