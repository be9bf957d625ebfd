"""What the print house says of letters: each receipt file read, recorded, and then put away.

As with bounces the order makes it safe: a file is moved only after every receipt in it is committed, and a receipt
counts once however often it is read. A worker that dies in between reads the file again and moves it.
"""

from __future__ import annotations

from worker.model.letter import LetterReceipt, ReceiptFile
from worker.model.outcomes import Refused, TryLater
from worker.model.parked import ParkedReason
from worker.model.remote_file import RemoteFile
from worker.ports import PrintHouse, ReceiptsFiled
from worker.store import print_receipts
from worker.store.database import Database
from worker.store.isolation import DATABASE_DOWN
from worker.support.clock import OSLO, Clock
from worker.support.halt import Halt
from worker.support.log import bound, get_logger
from worker.support.parking import log_parked
from worker.support.summary import Summary

MOST_FILES_A_RUN = 500


async def run(*, clock: Clock, db: Database, print_house: PrintHouse, halt: Halt, stuck: set[RemoteFile]) -> Summary:
    """Reads what waits, of all clients. Returns counts. A print house that does not answer is logged; nothing is lost.

    `stuck`: files that are done with and cannot be moved, kept by the caller from run to run, so that they do not hold
    up the others.
    """
    summary, log = Summary(), get_logger()
    try:
        waiting = [file for file in await print_house.receipt_files() if file not in stuck]
        for file in waiting[:MOST_FILES_A_RUN]:
            if halt.called:
                break
            await _one(file, print_house, clock, db, stuck, summary)
    except TryLater as error:
        log.error("receipts.print_house_failed", outcome=error.kind, message=error.message)
        summary.count("trouble")
    return summary


async def _one(
    file: RemoteFile, print_house: PrintHouse, clock: Clock, db: Database, stuck: set[RemoteFile], summary: Summary
) -> None:
    read = await print_house.read_receipts(file=file)
    if read is None:  # still being written, or another worker was faster
        return
    outcomes = [_record(receipt, read, clock, db, summary) for receipt in read.receipts]
    if read.faults:
        print_receipts.keep_unreadable(db, read, now=clock.now())
        get_logger().error("receipts.file_refused", sha256=read.sha256, size=file.size, fault=list(read.faults))
        summary.count("receipt_files_refused")
    if "being_sent" in outcomes or "failed" in outcomes:
        return
    try:
        await print_house.put_receipts_away(
            file=file,
            where=ReceiptsFiled.REFUSED if read.faults else ReceiptsFiled.DONE,
            reason="".join(f"{fault}\n" for fault in read.faults),
        )
    except Refused as error:
        stuck.add(file)
        get_logger().warning("receipts.file_stays", sha256=read.sha256, size=file.size, message=error.message)
        summary.count("receipt_files_staying")


def _record(receipt: LetterReceipt, file: ReceiptFile, clock: Clock, db: Database, summary: Summary) -> str:
    """What became of it: noted, refused, returned, waiting, known, being_sent; or failed, which is read again."""
    log = get_logger()
    try:
        taken = print_receipts.take(db, receipt, file=file.name, returned_text=returned_text, now=clock.now())
    except DATABASE_DOWN:
        raise
    except Exception as error:  # one receipt must not keep the others waiting
        log.error("receipts.failed", sha256=receipt.fingerprint, exc_info=error)
        summary.count("receipt_failed")
        return "failed"
    summary.count(f"receipt_{taken.outcome}")
    if taken.outcome in ("known", "being_sent"):
        return taken.outcome
    with bound(client=taken.client, invoice=taken.invoice_id, delivery=taken.delivery_id):
        level = log.info if taken.outcome == "noted" else log.warning
        level("receipts.read", status=receipt.status, outcome=taken.outcome, reason=taken.reason)
        if taken.parked:
            log_parked(ParkedReason.LETTER_RETURNED)
    return taken.outcome


def returned_text(receipt: LetterReceipt) -> str:
    """What the client reads in the ERP about a letter that has come back."""
    text = f"Brevet kom i retur {receipt.at.astimezone(OSLO):%d.%m.%Y}"
    return f"{text}: {receipt.words}." if receipt.words else f"{text}."
