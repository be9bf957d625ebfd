"""The daily report on its way: written down, sent once, and told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from worker.model.outcomes import OutsideError, TryLater
from worker.ports import MailAttachment, MailServer, OutboundMail
from worker.reporting.completeness import not_checked
from worker.reporting.for_client import ClientNames, client_report
from worker.reporting.for_factor import ClientDay, Elsewhere, factor_report
from worker.reporting.rendering import as_html, as_rows, as_text
from worker.reporting.report import Report
from worker.store import completeness, pauses, print_receipts, report_days, reports, vouchers
from worker.store.database import Database
from worker.store.reports import FACTOR, ReportRow
from worker.support.clock import Clock, oslo, oslo_date
from worker.support.log import bound, get_logger
from worker.support.summary import Summary

FARTHEST = timedelta(days=14)  # longer than any run of closed days: a report tells of no more
LARGEST = 8 * 2**20  # bytes of statement that go along; most mail servers take 10 MB and a third is added on the way


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportConfig:
    """`to`: nobody when empty. `statements`: the folder with the daily statements; None when return data is off."""

    to: tuple[str, ...]
    names: ClientNames
    message_id_domain: str
    statements: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorReportConfig:
    """The factor's own report: of these clients, in this order. `files`: of whatever clients there is a file."""

    to: tuple[str, ...]
    factor_name: str
    message_id_domain: str
    clients: tuple[str, ...]
    files: tuple[str, ...] = ()


def period(db: Database, *, client: str, day: date, now: datetime) -> tuple[datetime, datetime]:
    """What the day's report tells of: as written down when it was begun, else from where the last one sent ended.

    A day's first report begins at midnight (Oslo); a day that is over ends there.
    """
    begun = reports.of_day(db, client=client, day=day)
    if begun is not None:
        return begun.since, begun.until
    midnight = oslo(day, time(0))
    since = reports.told_until(db, client=client, day=day)
    if since is None or since < midnight - FARTHEST:  # nobody has wanted one for a while
        since = midnight
    end = oslo(day + timedelta(days=1), time(0))
    return since, max(since, min(now, end))


async def run(
    *, clock: Clock, client: str, config: ReportConfig, db: Database, mail_server: MailServer, day: date | None = None
) -> Summary:
    """Sends the client's report of the day, unless that has been done or nobody wants one."""
    on = day or oslo_date(clock.now())

    def compose(since: datetime, until: datetime) -> tuple[Report, tuple[MailAttachment, ...]]:
        statement = _statement(config.statements, client, on)
        made = client_report_of(db, client=client, names=config.names, day=on, since=since, until=until,
                                statement=bool(statement))  # fmt: skip
        return made, statement

    return await _send_once(clock, client, config.names.factor_name, config.message_id_domain, config.to, on, db,
                            mail_server, compose)  # fmt: skip


async def run_factor(
    *, clock: Clock, config: FactorReportConfig, db: Database, mail_server: MailServer, day: date | None = None
) -> Summary:
    """Sends the factor's report of all clients, likewise."""
    on = day or oslo_date(clock.now())

    def compose(since: datetime, until: datetime) -> tuple[Report, tuple[MailAttachment, ...]]:
        return factor_report_of(db, config=config, day=on, since=since, until=until), ()

    return await _send_once(clock, FACTOR, config.factor_name, config.message_id_domain, config.to, on, db,
                            mail_server, compose)  # fmt: skip


def client_report_of(
    db: Database,
    *,
    client: str,
    names: ClientNames,
    day: date,
    since: datetime,
    until: datetime,
    statement: bool = False,
) -> Report:
    """The client's report, read from the store. `statement`: the day's statement goes along."""
    happened = report_days.of_client(db, client=client, since=since, until=until)
    _foot(happened)
    check = completeness.of_day(db, client=client, day=day)
    return client_report(happened, check, names, on=day, statement=statement)


def factor_report_of(
    db: Database, *, config: FactorReportConfig, day: date, since: datetime, until: datetime
) -> Report:
    """The factor's report, read from the store."""
    paused, clients = pauses.paused(db), list[ClientDay]()
    for client in config.clients:
        happened = report_days.of_client(db, client=client, since=since, until=until)
        _foot(happened)
        check = completeness.of_day(db, client=client, day=day)
        clients.append(ClientDay(day=happened, check=check, paused=client in paused))
    items, messages = report_days.waiting_for_nobody(db)
    elsewhere = Elsewhere(
        items=items,
        bounces=messages,
        receipts=len(print_receipts.waiting(db)),
        refused_vouchers=Counter(row.client for row in vouchers.refused(db)),
        held_vouchers=vouchers.held(db),
        not_checked=not_checked(db, usable=config.clients, files=config.files),
    )
    return factor_report(clients, elsewhere, factor_name=config.factor_name, on=day, since=since, until=until)


def give_up(db: Database, *, through: date) -> None:
    """Tells, once, of every report that could not be sent in its time."""
    for row in reports.unsent(db, through=through):
        if reports.give_up(db, row):
            with bound(client=row.client or None):
                get_logger().error("report.not_sent", count=row.attempts, message=row.answer)


def _foot(day: report_days.ReportDay) -> None:
    if not day.foots:
        counts = {"before": day.before, "taken": len(day.taken), "delivered": day.first_time,
                  "withdrawn": len(day.withdrawn), "after": day.after}  # fmt: skip
        with bound(client=day.client):
            get_logger().error("report.does_not_foot", counts=counts)


async def _send_once(
    clock: Clock,
    client: str,
    sender: str,
    domain: str,
    to: tuple[str, ...],
    day: date,
    db: Database,
    mail_server: MailServer,
    compose: Callable[[datetime, datetime], tuple[Report, tuple[MailAttachment, ...]]],
) -> Summary:
    summary = Summary()
    if not to:
        return summary
    since, until = period(db, client=client, day=day, now=clock.now())
    begun = reports.begin(db, client=client, day=day, since=since, until=until, now=clock.now())
    # Composed before it is claimed: what breaks while reading leaves it ready for the next try.
    report, along = await asyncio.to_thread(compose, begun.since, begun.until) if begun.state == "ready" else (None, ())
    row = reports.claim(db, begun.id, now=clock.now())
    if row is None or report is None:
        return summary
    rows = as_rows(report)
    listed = (MailAttachment(report.csv_name, "text/csv", rows),) if rows is not None else ()
    mail = OutboundMail(
        message_id=f"<{row.key}@{domain}>",
        to=to,
        sender_name=sender,
        subject=report.subject,
        text=as_text(report),
        html=as_html(report),
        date=clock.now(),
        attachments=(*listed, *along),
    )
    summary.count(await _send(clock, db, row, mail, mail_server, summary))
    return summary


async def _send(
    clock: Clock, db: Database, row: ReportRow, mail: OutboundMail, mail_server: MailServer, summary: Summary
) -> str:
    turned_down = 0
    try:
        async with mail_server.session() as mailer:
            receipt = await mailer.send(mail=mail)
        state, outcome, answer, turned_down = "sent", "accepted", str(receipt), len(receipt.turned_down)
    except TryLater as error:
        state, outcome, answer = "ready", error.kind, error.message
        summary.count("to_repeat")
    except OutsideError as error:  # refused for good, or unknown: neither is sent again
        state = "refused" if error.kind == "refused" else "unknown"
        outcome, answer = error.kind, error.message
    except Exception:  # nobody knows how far it came
        reports.record(db, row, state="unknown", answer="unexpected", now=clock.now())
        raise
    reports.record(db, row, state=state, answer=answer, now=clock.now())
    good = state == "sent" and not turned_down
    if not good:
        summary.count("trouble_aside")
    log = get_logger()
    level = log.info if good else log.warning if state in ("ready", "sent") else log.error
    level("report.attempted", outcome=outcome, count=len(mail.to) - turned_down, message=answer)
    return f"report_{state}"


def _statement(folder: Path | None, client: str, day: date) -> tuple[MailAttachment, ...]:
    """The day's statement as it lies there; none when it is not written, or too large for a mail."""
    if folder is None:
        return ()
    found: list[MailAttachment] = []
    for suffix, mime in ((".pdf", "application/pdf"), (".csv", "text/csv")):
        path = folder / client / f"{day.isoformat()}{suffix}"
        try:
            if path.stat().st_size <= LARGEST // 2:
                found.append(MailAttachment(f"avregning-{client}-{path.name}", mime, path.read_bytes()))
        except OSError:  # not written: the settlement told why
            continue
    return tuple(found)
