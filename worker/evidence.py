"""Everything known about one invoice as a zip, for a dispute: documents, story, receipts, and what they prove.

The zip is the same for the same content (fixed times, fixed order), and `SHA256SUMS` names every file's hash.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from worker.model.document import Kind, pdf_file_name
from worker.ports import DocumentLost, DocumentStore
from worker.store import proof, reading, story
from worker.store.database import Database
from worker.store.reading import Story
from worker.support.clock import OSLO

_OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time


@dataclass(frozen=True, slots=True)
class Evidence:
    """The zip, and what could not be put into it, in words."""

    content: bytes
    names: tuple[str, ...]
    missing: tuple[str, ...]


def collect(db: Database, documents: DocumentStore, invoice_id: int, *, now: datetime) -> Evidence:
    """Raises LookupError (no such invoice) and OSError (the document store is away)."""
    told = reading.story(db, invoice_id)
    outside = proof.outside(db, invoice_id)
    fault = story.check(db, invoice_id)
    files, missing = _documents(told, documents)
    chain = fault or "every line is as it was written"
    files |= {
        "story.json": _json({"chain": chain, **asdict(told)}),
        "opened.json": _json(outside.openings),
        "receipts.json": _json(outside.receipts),
        "settlement.json": _json(outside.settlement),
        "README.txt": _readme(told, chain, missing, now).encode(),
    }
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    return Evidence(_zip(files), tuple(sorted(files)), tuple(missing))


def _documents(told: Story, documents: DocumentStore) -> tuple[dict[str, bytes], list[str]]:
    row = told.invoice
    wanted = (
        ("original.xml", row.original_sha256, "the document as the ERP gave it"),
        ("stamped.xml", row.stamped_sha256, "the document as stamped"),
        (f"delivered/{pdf_file_name(Kind(row.kind), row.number)}", row.pdf_sha256, "the PDF as delivered"),
    )
    found: dict[str, bytes] = {}
    missing: list[str] = []
    for name, sha256, what in wanted:
        if not sha256:
            missing.append(f"{what}: the invoice has not come so far")
            continue
        if row.documents_state != "kept":
            missing.append(f"{what}: removed when its retention was over; its SHA-256 was {sha256}")
            continue
        try:
            found[name] = documents.get(sha256=sha256)
        except DocumentLost as error:
            missing.append(f"{what}: {error}")
    return found, missing


def _readme(told: Story, chain: str, missing: list[str], now: datetime) -> str:
    row = told.invoice
    made = f"{now.astimezone(OSLO):%d.%m.%Y %H:%M}"
    lines = [
        f"Evidence for {row.kind} {row.number} of {row.client} (id {row.id}), made {made}.",
        "",
        f"state       {row.state}" + (f" ({row.parked_reason})" if row.parked_reason else ""),
        f"KID         {row.kid or 'none'} on account {row.account or '-'}",
        f"notice      version {row.notice_version or '-'}, in stamped.xml (cbc:Note) and on the PDF",
        f"story       {len(told.events)} lines; {chain}",
        f"last hash   {told.events[-1].hash if told.events else '-'}",
        "",
        "original.xml     the document exactly as the client's ERP gave it",
        "stamped.xml      the same with the factor's account, KID and pledge notice",
        "delivered/       the PDF as the debtor got it, or as it stood behind the link",
        "story.json       every event with its hash, decisions, deliveries, attempts with the other side's words",
        "opened.json      when a link was opened with its code, and wrong codes",
        "receipts.json    what came back: bounces, receivers' responses, print house receipts",
        "settlement.json  payments and events matched to it",
        "SHA256SUMS       check with: sha256sum -c SHA256SUMS",
        "",
        "A line's hash is SHA-256 over the JSON list [hash before, sequence, time in UTC, event, delivery, from, to,",
        "SHA-256 of the detail]; the first stands on SHA-256 of the JSON list [client, ERP, the ERP's id].",
        *(["", "Missing:"] if missing else []),
        *(f"- {one}" for one in missing),
    ]
    return "\n".join(lines) + "\n"


def _json(value: Any) -> bytes:
    # A column's name is a text of a kind orjson does not take for a key.
    return orjson.dumps(
        value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    )


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, date_time=_OLDEST)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o640 << 16
            archive.writestr(info, content)
    return out.getvalue()
