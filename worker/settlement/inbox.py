"""The inbox: files laid in a folder are taken whole or set aside with the reason. Nothing in it is ever deleted.

inbox/            where bank and factor lay their files (written under another name, then renamed)
inbox/taken/      read; the bytes are also in the document store
inbox/quarantine/ refused, with `<name>.reason.txt` beside
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from worker.model.settlement import FileRefused, SettlementFile
from worker.ports import DocumentStore
from worker.settlement.formats import read
from worker.store import settlement_files
from worker.store.database import Database
from worker.support import crashing, files
from worker.support.clock import oslo_date
from worker.support.log import get_logger
from worker.support.summary import Summary

_PASSED_OVER = (".part", ".tmp", ".filepart", ".reason.txt")
MAX_BYTES = 100 * 2**20


def run(
    *, now: datetime, folder: Path, own_accounts: frozenset[str], db: Database, documents: DocumentStore
) -> Summary:
    """Takes what lies in the inbox, by name. One bad file never stops the others."""
    summary = Summary()
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(_PASSED_OVER):
            _take(path, now=now, own_accounts=own_accounts, db=db, documents=documents, summary=summary)
    return summary


def _take(
    path: Path,
    *,
    now: datetime,
    own_accounts: frozenset[str],
    db: Database,
    documents: DocumentStore,
    summary: Summary,
) -> None:
    log = get_logger()
    try:
        if path.stat().st_size > MAX_BYTES:
            content = b""
            refusal: FileRefused | None = FileRefused(f"larger than {MAX_BYTES // 2**20} MB")
            sha256 = hashlib.sha256(f"{path.name}:{path.stat().st_size}".encode()).hexdigest()
        else:
            content, refusal = path.read_bytes(), None
            sha256 = documents.put(content=content)
    except FileNotFoundError:
        return  # another worker has taken it
    except OSError as error:
        log.error("settlement.file_failed", error_type=type(error).__name__, message=error.strerror or "")
        summary.count("trouble")
        return
    if settlement_files.known_file(db, sha256=sha256):
        log.info("settlement.file_known", sha256=sha256)
        summary.count("files_known")
        _move(path, "taken")
        return
    file: SettlementFile | None = None
    if refusal is None:
        try:
            file = read(content, own_accounts=own_accounts, today=oslo_date(now))
        except FileRefused as error:
            refusal = error
    if file is None or refusal is not None:
        reason = refusal or FileRefused("unreadable")
        settlement_files.quarantine_file(
            db, name=path.name, sha256=sha256, reason=str(reason), line=reason.line, format=None, now=now
        )
        log.error("settlement.file_quarantined", sha256=sha256, reason=str(reason), message=reason.line)
        _move(path, "quarantine", f"{reason}\n{reason.line}\n")
        summary.count("files_quarantined")
        return
    try:
        taken = settlement_files.take_file(db, name=path.name, file=file, now=now)
    except settlement_files.FileBusy:
        log.warning("settlement.file_waits", sha256=sha256)
        summary.count("files_waiting")
        return
    if taken is not None:
        counts = {"new": taken.new, "known": taken.known, "doubtful": taken.doubtful}
        log.info("settlement.file_taken", sha256=sha256, kind=file.format, count=taken.new, counts=counts)
        for part in file.skipped:
            log.warning("settlement.file_skipped", sha256=sha256, count=part.transactions,
                        message=f"{part.what}: {part.amount}")  # fmt: skip
        summary.count("files_taken")
        summary.count("items_taken", taken.new)
        summary.count("items_known", taken.known)
        if file.skipped:
            summary.count("transactions_skipped", sum(part.transactions for part in file.skipped))
    _move(path, "taken")


def _move(path: Path, into: str, reason: str = "") -> None:
    """Out of the inbox, under its own name, or with a number when that is taken there."""
    crashing.point("settlement.inbox.move", "before")
    files.move_aside(path, into, reason=reason)
    crashing.point("settlement.inbox.move", "after")
