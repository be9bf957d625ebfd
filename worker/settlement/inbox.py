"""The inbox: files laid in a folder are taken whole or set aside with the reason. Nothing in it is ever deleted.

inbox/            where bank and factor lay their files (written under another name, then renamed)
inbox/taken/      read; the bytes are also in the document store
inbox/quarantine/ refused, with `<name>.reason.txt` beside
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from worker.model.money import Money
from worker.model.settlement import BankPayment, FileRefused, SettlementFile, Skipped, SourceFormat
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
_NAMES: dict[str, str] = {SourceFormat.OCR_GIRO: "OCR giro", SourceFormat.CAMT_054: "camt.054"}
# A bank that changes format does so for good: what came in the other one longer ago than this is of no interest.
ONE_SOURCE = timedelta(days=60)
_LOOK_AGAIN_SECONDS = 1.0


def run(
    *,
    now: datetime,
    folder: Path,
    own_accounts: frozenset[str],
    payments_from: str,
    db: Database,
    documents: DocumentStore,
    patience_seconds: float = 100.0,
) -> Summary:
    """Takes what lies in the inbox, by name. One bad file never stops the others. Called in a thread.

    `payments_from`: which source books payments (the setting PAYMENTS_FROM). `patience_seconds`: how long a file that
    another worker is taking is waited for, so that its payments are matched and booked for every client today.
    """
    summary = Summary()
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(_PASSED_OVER):
            taking = _Taking(now, own_accounts, payments_from, db, documents, patience_seconds, summary)
            taking.take(path)
    return summary


@dataclass(frozen=True, slots=True)
class _Taking:
    now: datetime
    own_accounts: frozenset[str]
    payments_from: str
    db: Database
    documents: DocumentStore
    patience_seconds: float
    summary: Summary

    def take(self, path: Path) -> None:
        """One file: taken, known, or quarantined with the reason."""
        log = get_logger()
        try:
            if path.stat().st_size > MAX_BYTES:
                content = b""
                refusal: FileRefused | None = FileRefused(f"larger than {MAX_BYTES // 2**20} MB")
                sha256 = hashlib.sha256(f"{path.name}:{path.stat().st_size}".encode()).hexdigest()
            else:
                content, refusal = path.read_bytes(), None
                sha256 = self.documents.put(content=content)
        except FileNotFoundError:
            return  # another worker has taken it
        except OSError as error:
            log.error("settlement.file_failed", error_type=type(error).__name__, message=error.strerror or "")
            self.summary.count("trouble")
            return
        if settlement_files.known_file(self.db, sha256=sha256):
            log.info("settlement.file_known", sha256=sha256)
            self.summary.count("files_known")
            _move(path, "taken")
            return
        try:
            if refusal is not None:
                raise refusal
            file = self._one_source(read(content, own_accounts=self.own_accounts, today=oslo_date(self.now)))
            taken = self._when_free(path.name, file)
        except FileRefused as error:
            self._refuse(path, sha256, error)
            return
        except settlement_files.FileBusy:
            log.warning("settlement.file_waits", sha256=sha256)
            self.summary.count("files_waiting")
            self.summary.count("trouble")  # its worker died at it, or is at it very long: run again at the next look
            return
        if taken is not None:
            counts = {"new": taken.new, "known": taken.known, "doubtful": taken.doubtful}
            log.info("settlement.file_taken", sha256=sha256, kind=file.format, count=taken.new, counts=counts)
            for part in file.skipped:
                log.warning("settlement.file_skipped", sha256=sha256, count=part.transactions,
                            message=f"{part.what}: {part.amount}")  # fmt: skip
            self.summary.count("files_taken")
            self.summary.count("items_taken", taken.new)
            self.summary.count("items_known", taken.known)
            if file.skipped:
                self.summary.count("transactions_skipped", sum(part.transactions for part in file.skipped))
        _move(path, "taken")

    def _when_free(self, name: str, file: SettlementFile) -> settlement_files.Taken | None:
        """Raises FileBusy when another worker is at it for longer than we wait."""
        until = time.monotonic() + self.patience_seconds
        while True:
            try:
                return settlement_files.take_file(self.db, name=name, file=file, now=self.now)
            except settlement_files.FileBusy:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _refuse(self, path: Path, sha256: str, reason: FileRefused) -> None:
        settlement_files.quarantine_file(
            self.db, name=path.name, sha256=sha256, reason=str(reason), line=reason.line, format=None, now=self.now
        )
        get_logger().error("settlement.file_quarantined", sha256=sha256, reason=str(reason), message=reason.line)
        _move(path, "quarantine", f"{reason}\n{reason.line}\n")
        self.summary.count("files_quarantined")

    def _one_source(self, file: SettlementFile) -> SettlementFile:
        """OCR giro and camt.054 of one account tell the same payments. Raises FileRefused when both come and nobody has
        said which of them counts; of the one that does not, the payments are left out and said to be."""
        if file.format not in _NAMES or not file.payments:
            return file
        accounts = {payment.account for payment in file.payments}
        if self.payments_from in _NAMES and self.payments_from != file.format:
            counted = _NAMES[self.payments_from]
            return replace(file, payments=(), skipped=(*file.skipped, *_left_out(file.payments, counted)))
        if self.payments_from == "bank":
            since = self.now - ONE_SOURCE
            other = settlement_files.other_bank_format(self.db, accounts=accounts, format=file.format, since=since)
            if other is not None:
                raise FileRefused(
                    f"the account's payments came as {_NAMES[other]} until now, and this is {_NAMES[file.format]}: both"
                    " would book them twice. Say which counts with PAYMENTS_FROM=ocr_giro or camt_054 in worker.env,"
                    " then lay the file back into the inbox"
                )
        return file


def _left_out(payments: Sequence[BankPayment], counted: str) -> Iterator[Skipped]:
    """A word for each currency."""
    for currency in sorted({payment.amount.currency for payment in payments}):
        minors = [payment.amount.minor for payment in payments if payment.amount.currency == currency]
        what = f"payments, which are booked from {counted} (PAYMENTS_FROM)"
        yield Skipped(what=what, transactions=len(minors), amount=Money(sum(minors), currency))


def _move(path: Path, into: str, reason: str = "") -> None:
    """Out of the inbox, under its own name, or with a number when that is taken there."""
    crashing.point("settlement.inbox.move", "before")
    files.move_aside(path, into, reason=reason)
    crashing.point("settlement.inbox.move", "after")
