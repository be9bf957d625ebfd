"""What the completeness check compares, and what it found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select

from worker.model.channel import Channel
from worker.model.completeness import Completeness, Finding, Lack
from worker.model.journey import DeliveryState, JourneyState
from worker.store.database import Database
from worker.store.settling import slices
from worker.store.tables import completeness_checks, deliveries, invoices, postbacks, slots

_FINAL = (JourneyState.POSTED_BACK, JourneyState.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldInvoice:
    """An invoice of ours, as far as it is compared. `erp_total`, `erp_created`: as the ERP's list had it when it was
    fetched. `told_at`: when the ERP was told of its delivery; `telling`, `tries`: of the report that tells it.
    `letter_out_at`: when its newest letter was handed over, while the print house has not confirmed it."""

    id: int
    erp_id: str
    number: str
    state: str
    parked_reason: str | None
    return_state: str | None
    kid: str | None
    payable_minor: int | None
    currency: str | None
    stamped_sha256: str | None
    registered_as: str | None
    fetched_at: datetime
    updated_at: datetime
    erp_total: str
    erp_created: datetime | None
    handed_over_at: datetime | None
    telling: str | None
    tries: int
    told_at: datetime | None
    letter_out_at: datetime | None = None
    parked_since: datetime | None = None


def held(db: Database, *, client: str, since: datetime) -> list[HeldInvoice]:
    """What is not done yet, whatever its age, and what was fetched or told to the ERP since then; oldest first."""
    with db.read() as tx:
        told = postbacks.alias("told")
        told_since = select(told.c.invoice_id).where(told.c.done_at >= since)
        wanted = or_(invoices.c.state.not_in(_FINAL), invoices.c.fetched_at >= since, invoices.c.id.in_(told_since))
        return _rows(tx, (invoices.c.client == client) & wanted)


def not_done(db: Database) -> dict[str, int]:
    """How many invoices of each client are neither told to the ERP nor withdrawn; clients without such are left out."""
    with db.read() as tx:
        query = select(invoices.c.client, func.count()).where(invoices.c.state.not_in(_FINAL))
        rows = tx.execute(query.group_by(invoices.c.client)).all()
        return {client: count for client, count in rows}  # noqa: C416 - a Row is no pair to the type checker


def held_as(db: Database, *, client: str, erp_ids: Iterable[str]) -> list[HeldInvoice]:
    """Those with these ids in the ERP."""
    found: list[HeldInvoice] = []
    with db.read() as tx:
        for chunk in slices(sorted(erp_ids)):
            found += _rows(tx, (invoices.c.client == client) & invoices.c.erp_id.in_(chunk))
    return found


def _rows(tx: Connection, wanted: ColumnElement[bool]) -> list[HeldInvoice]:
    handed_over = (
        select(func.min(deliveries.c.handed_over_at))
        .where(deliveries.c.invoice_id == invoices.c.id, deliveries.c.state != DeliveryState.STOPPED)
        .scalar_subquery()
    )
    letter_out = (
        select(func.max(deliveries.c.handed_over_at))
        .where(
            deliveries.c.invoice_id == invoices.c.id,
            deliveries.c.channel == Channel.LETTER,
            deliveries.c.state == DeliveryState.HANDED_OVER,
        )
        .scalar_subquery()
    )
    columns = [invoices.c[name] for name in HeldInvoice.__dataclass_fields__ if name in invoices.c]
    query = (
        select(
            *columns,
            invoices.c.erp_row["total"].as_string().label("erp_total"),
            invoices.c.erp_row["created_at"].as_string().label("erp_created"),
            handed_over.label("handed_over_at"),
            letter_out.label("letter_out_at"),
            postbacks.c.state.label("telling"),
            postbacks.c.attempts.label("tries"),
            postbacks.c.done_at.label("told_at"),
        )
        .select_from(
            invoices.outerjoin(postbacks, (postbacks.c.invoice_id == invoices.c.id) & (postbacks.c.kind == "delivered"))
        )
        .where(wanted)
        .order_by(invoices.c.id)
    )
    return [_held(dict(row)) for row in tx.execute(query).mappings()]


def _held(row: dict[str, Any]) -> HeldInvoice:
    created = row["erp_created"]
    row["erp_total"] = row["erp_total"] or ""
    row["erp_created"] = datetime.fromisoformat(created) if created else None
    row["tries"] = row["tries"] or 0
    row["told_at"] = row["told_at"] if row["telling"] == "done" else None
    return HeldInvoice(**row)


def claim_names(db: Database, *, client: str) -> set[str]:
    """Under which names the client's claims were registered, all of them."""
    with db.read() as tx:
        query = select(invoices.c.registered_as).where(
            invoices.c.client == client, invoices.c.registered_as.is_not(None)
        )
        return set(tx.execute(query).scalars())


def letters_are_confirmed(db: Database, *, since: datetime) -> bool:
    """Whether the print house has said of any letter handed over since then, of whatever client, that it was posted."""
    with db.read() as tx:
        query = select(deliveries.c.id).where(
            deliveries.c.channel == Channel.LETTER,
            deliveries.c.state == DeliveryState.CONFIRMED,
            deliveries.c.handed_over_at >= since,
        )
        return tx.execute(query.limit(1)).first() is not None


def earliest_creation(db: Database, *, client: str, since: datetime) -> datetime | None:
    """When the oldest of the invoices that the ERP was told of since then was made in the ERP."""
    with db.read() as tx:
        query = (
            select(func.min(invoices.c.erp_row["created_at"].as_string()))
            .join(postbacks, postbacks.c.invoice_id == invoices.c.id)
            .where(invoices.c.client == client, postbacks.c.kind == "delivered", postbacks.c.done_at >= since)
        )
        found = tx.execute(query).scalar()
    return datetime.fromisoformat(found) if found else None


def last_begun(db: Database, *, client: str, job: str) -> datetime | None:
    """When the last run of the job that went through was begun; None when there was none."""
    with db.read() as tx:
        return tx.execute(
            select(func.max(slots.c.started_at)).where(
                slots.c.client == client, slots.c.job == job, slots.c.state == "done"
            )
        ).scalar()


def keep(db: Database, *, client: str, day: date, found: Completeness, now: datetime) -> None:
    """Writes down what the check found, in place of an earlier one of the same date."""
    rows = [_plain(finding) for finding in found.findings]
    own = (completeness_checks.c.client == client, completeness_checks.c.day == day)
    with db.begin() as tx:
        tx.execute(delete(completeness_checks).where(*own))
        tx.execute(
            insert(completeness_checks).values(
                client=client, day=day, checked_at=now, finished=found.finished, compared=found.compared, findings=rows
            )
        )


def _plain(finding: Finding) -> dict[str, Any]:
    return {**asdict(finding), "since": finding.since.isoformat() if finding.since else None}


def of_day(db: Database, *, client: str, day: date) -> Completeness | None:
    """What the date's last check found; None when there was none."""
    with db.read() as tx:
        row = (
            tx.execute(
                select(completeness_checks).where(
                    completeness_checks.c.client == client, completeness_checks.c.day == day
                )
            )
            .mappings()
            .first()
        )
    if row is None:
        return None
    return Completeness(
        finished=row["finished"], compared=row["compared"], findings=tuple(_finding(one) for one in row["findings"])
    )


def _finding(plain: dict[str, Any]) -> Finding:
    values: dict[str, Any] = dict(plain)
    values["lack"] = Lack(plain["lack"])
    values["since"] = datetime.fromisoformat(plain["since"]) if plain["since"] else None
    return Finding(**values)
