"""The inbox as a whole, on both databases: which source counts, and files that come back once mended."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy import select, update
from stdnum.no import kontonr

from tests.support.settlement_samples import CamtEntry, CamtFile, CamtTransaction
from tests.unit.store.stocked import NOW
from worker.adapters.document_store import FolderDocumentStore
from worker.sandbox.bank import OcrPayment, ledger_feed, ocr_giro
from worker.settlement import inbox
from worker.store import settlement_files
from worker.store import tables as t
from worker.store.database import Database
from worker.support.summary import Summary

DAY = date(2026, 11, 25)
_accounts = itertools.count(1)


@pytest.fixture
def account() -> str:
    """An account nobody else has payments on."""
    while True:
        stem = f"9{next(_accounts):09d}"
        for digit in "0123456789":
            if kontonr.is_valid(stem + digit):
                return stem + digit


class Inbox:
    def __init__(self, db: Database, folder: Path, account: str) -> None:
        self.db = db
        self.folder = folder / "inbox"
        self.folder.mkdir()
        self.documents = FolderDocumentStore(folder / "documents")
        self.account = account
        self.now = NOW

    def lay(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)

    def run(self, *, payments_from: str = "bank", own: str = "", patience: float = 30.0) -> Summary:
        return inbox.run(
            now=self.now, folder=self.folder, own_accounts=frozenset({own or self.account}),
            payments_from=payments_from, db=self.db, documents=self.documents, patience_seconds=patience,
        )  # fmt: skip

    def ocr(self, kid: str = "1001000050010") -> bytes:
        return ocr_giro([OcrPayment(121100, kid)], account=self.account, day=DAY)

    def camt(self, kid: str = "1001000050010") -> bytes:
        own = f"<Othr><Id>{self.account}</Id><SchmeNm><Cd>BBAN</Cd></SchmeNm></Othr>"
        entry = CamtEntry([CamtTransaction("1211.00", kid=kid, reference=f"REF-{self.account}")])
        return CamtFile([entry], account=own, message=f"MSG-{self.account}").render()

    def names(self, folder: str) -> list[str]:
        path = self.folder / folder
        return sorted(found.name for found in path.iterdir()) if path.is_dir() else []

    def payments(self) -> int:
        with self.db.read() as tx:
            rows = tx.execute(select(t.settlement_items.c.facts)).scalars()
            return sum(1 for facts in rows if facts.get("account") == self.account)


@pytest.fixture
def box(db: Database, tmp_path: Path, account: str) -> Inbox:
    return Inbox(db, tmp_path, account)


def test_the_second_of_the_banks_formats_waits_until_somebody_says_which_counts(box: Inbox) -> None:
    box.lay("a.ocr", box.ocr())
    assert box.run()["items_taken"] == 1
    box.lay("b.xml", box.camt())
    assert box.run()["files_quarantined"] == 1
    assert box.names("quarantine") == ["b.xml", "b.xml.reason.txt"]
    reason = (box.folder / "quarantine" / "b.xml.reason.txt").read_text(encoding="utf-8")
    assert "came as OCR giro until now, and this is camt.054" in reason and "PAYMENTS_FROM" in reason
    assert box.payments() == 1

    # Said, and laid back: the payments of the one that does not count are left out, and that is said.
    (box.folder / "quarantine" / "b.xml").rename(box.folder / "b.xml")
    done = box.run(payments_from="ocr_giro")
    assert (done["files_taken"], done["items_taken"], done["transactions_skipped"]) == (1, 0, 1)
    assert box.payments() == 1
    [newest] = settlement_files.latest_files(box.db, limit=1)
    assert (newest.name, newest.state) == ("b.xml", "taken")
    assert newest.skipped is not None and "booked from OCR giro" in newest.skipped[0]["what"]


def test_the_other_format_counts_when_that_is_said(box: Inbox) -> None:
    box.lay("a.ocr", box.ocr())
    box.lay("b.xml", box.camt())
    assert box.run(payments_from="camt_054")["items_taken"] == 1
    assert box.payments() == 1


def test_a_bank_that_has_changed_its_format_long_ago_needs_no_word(box: Inbox) -> None:
    box.lay("a.ocr", box.ocr())
    box.run()
    box.now += inbox.ONE_SOURCE + timedelta(days=1)
    box.lay("b.xml", box.camt("1001000050028"))
    assert box.run()["items_taken"] == 1


def test_another_accounts_format_is_no_matter(box: Inbox, db: Database, tmp_path: Path) -> None:
    box.lay("a.ocr", box.ocr())
    box.run()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = Inbox(db, elsewhere, "97104133219")
    other.lay("b.xml", other.camt())
    assert other.run()["files_quarantined"] == 0


def test_a_quarantined_file_is_read_anew_when_it_comes_back(box: Inbox) -> None:
    content = box.ocr()
    box.lay("a.ocr", content)
    assert box.run(own="97104133219")["files_quarantined"] == 1  # the account is not in the settings yet
    (box.folder / "quarantine" / "a.ocr").rename(box.folder / "a.ocr")
    assert box.run(own="97104133219")["files_quarantined"] == 1
    box.lay("a.ocr", content)
    assert box.run()["items_taken"] == 1
    box.lay("again.ocr", content)
    assert box.run()["files_known"] == 1
    assert box.payments() == 1


def test_an_event_told_again_is_harmless_and_told_otherwise_is_refused(box: Inbox) -> None:
    def event(amount: str, event_id: str = "") -> dict[str, object]:
        return {
            "event_id": event_id or f"E-{box.account}", "client": "nordlys", "kind": "administrative_fee",
            "date": "2026-11-25", "amount": amount, "currency": "NOK",
        }  # fmt: skip

    box.lay("a.jsonl", ledger_feed([event("250.00")], file_id=f"{box.account}-1"))
    assert box.run()["items_taken"] == 1
    box.lay("b.jsonl", ledger_feed([event("250.00"), event("90.00", f"N-{box.account}")], file_id=f"{box.account}-2"))
    done = box.run()
    assert (done["items_taken"], done["items_known"]) == (1, 1)
    box.lay("c.jsonl", ledger_feed([event("260.00")], file_id=f"{box.account}-3"))
    assert box.run()["files_quarantined"] == 1
    reason = (box.folder / "quarantine" / "c.jsonl.reason.txt").read_text(encoding="utf-8")
    assert "with other content" in reason and f"E-{box.account}" in reason


def test_a_file_another_worker_is_taking_is_waited_for(box: Inbox, other_db: Database) -> None:
    """Or the payments in it would be matched without being booked for the other clients that day."""

    def other_worker(state: str) -> None:
        with other_db.begin() as tx:
            tx.execute(update(t.settlement_files).where(t.settlement_files.c.name == name).values(state=state))

    name = f"other-{box.account}"
    box.lay(name, box.camt())
    assert box.run()["files_taken"] == 1
    box.lay("a.ocr", box.ocr())
    other_worker("taking")
    given_up = box.run(patience=0.0, payments_from="ocr_giro")
    assert (given_up["files_waiting"], given_up.troubled, (box.folder / "a.ocr").exists()) == (1, True, True)
    done = Timer(1.5, other_worker, ["taken"])
    done.start()
    waited = box.run(payments_from="ocr_giro")
    done.join()
    assert (waited["files_waiting"], waited["files_taken"], waited.troubled) == (0, 1, False)
