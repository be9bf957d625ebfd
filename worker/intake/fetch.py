"""Asking the ERP for what is new: one row per (client, ERP id), however often it is listed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import orjson

from worker.model.outcomes import OutsideError
from worker.ports import Erp, ErpInvoice
from worker.store import invoices
from worker.store.database import Database
from worker.support.log import get_logger
from worker.support.summary import Summary

_LONGEST = {"erp_id": 64, "number": 64, "customer_code": 32}  # as in store.tables


async def fetch(*, now: datetime, client: str, erp_name: str, db: Database, erp: Erp) -> Summary:
    """Adds a row for every listed invoice not seen before. What was listed before the ERP failed is kept."""
    log, summary, listed = get_logger(), Summary(), list[ErpInvoice]()
    try:
        async for row in erp.available_invoices():
            summary.count("listed")
            if (field := _too_long(row)) is not None:
                # Not PostgreSQL's refusal in the middle of the list: the rows after it are taken in.
                summary.count("trouble_aside")
                log.error("erp.list_failed", outcome="refused", message=f"a row was left out: its {field} is too long")
                continue
            listed.append(row)
    except OutsideError as error:
        summary.count("trouble")
        log.error("erp.list_failed", outcome=error.kind, message=error.message)
    # Asked at once for the whole list: most of it has usually been taken in before.
    known = invoices.known_erp_ids(db, client=client, erp_ids=[row.erp_id for row in listed])
    for row in listed:
        if row.erp_id in known:
            continue
        new_id = invoices.add_fetched(
            db,
            client=client,
            erp=erp_name,
            erp_id=row.erp_id,
            kind=row.kind,
            number=row.number,
            debtor_code=row.customer_code,
            erp_row=as_json(row),
            now=now,
        )
        if new_id is not None:
            summary.count("fetched")
            log.info("invoice.fetched", invoice=new_id, document_kind=row.kind)
    return summary


def _too_long(listed: ErpInvoice) -> str | None:
    """The field that is longer than the store keeps; cut, it would name something else."""
    return next((name for name, longest in _LONGEST.items() if len(getattr(listed, name)) > longest), None)


def as_json(listed: ErpInvoice) -> dict[str, object]:
    """The list row as plain JSON values, dates in ISO 8601."""
    return orjson.loads(orjson.dumps(asdict(listed)))
