"""Gathers the zip. It is the same for the same content (fixed times, fixed order), and `SHA256SUMS` names every file's
hash."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson

from worker.delivery import DeliveryConfig
from worker.evidence.arrival import arrivals
from worker.evidence.history import history
from worker.evidence.papers import gather
from worker.evidence.readme import readme
from worker.ports import DocumentStore
from worker.store import proof, reading, story
from worker.store.database import Database

_OLDEST = (1980, 1, 1, 0, 0, 0)  # a zip knows no earlier time


@dataclass(frozen=True, slots=True)
class Evidence:
    """The zip, and what could not be put into it, in words."""

    content: bytes
    names: tuple[str, ...]
    missing: tuple[str, ...]


def collect(
    db: Database, documents: DocumentStore, invoice_id: int, *, config: DeliveryConfig | None, now: datetime
) -> Evidence:
    """`config`: client and factor as they are called today; None when the client's file cannot be used.

    Raises LookupError (no such invoice) and OSError (the document store is away).
    """
    told = reading.story(db, invoice_id)
    outside = proof.outside(db, invoice_id)
    chain = story.check(db, invoice_id) or "every line is as it was written"
    reached = arrivals(told, outside)
    papers = gather(told, reached, documents, config)
    files = papers.files | {
        "story.json": _json({"chain": chain, **asdict(told)}),
        "opened.json": _json(outside.openings),
        "receipts.json": _json(outside.receipts),
        "settlement.json": _json(outside.settlement),
        "historie.txt": history(told, outside, reached, papers).encode(),
        "README.txt": readme(told, reached, papers, chain=chain, now=now).encode(),
    }
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    return Evidence(_zip(files), tuple(sorted(files)), tuple(papers.missing))


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
