"""What goes after its time and what holds it, on both databases; a dry run and the real one see the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.support.databases import Servers
from tests.unit.store.stocked import NOW, Stock
from worker.adapters.document_store import FolderDocumentStore
from worker.model.journey import DeliveryEvent
from worker.purging import Purged, limits, purge
from worker.store import holding, story
from worker.store import tables as t
from worker.store.database import Database
from worker.store.holds import Hold
from worker.store.personal import Removal
from worker.store.retention import BATCH

IN_2032 = datetime(2032, 1, 2, 11, tzinfo=UTC)
OLD, YOUNG = IN_2032 - timedelta(days=401), IN_2032 - timedelta(days=1)


@dataclass(frozen=True)
class Keeping:
    retention_years: int = 5
    retention_personal_years: int = 5
    retention_link_days: int = 365
    retention_words_days: int = 365
    retention_caller_days: int = 30
    retention_lookup_days: int = 400
    retention_run_days: int = 400


@dataclass
class House:
    db: Database
    store: FolderDocumentStore
    stock: Stock

    def purge(self, now: datetime = IN_2032, *, remove: bool, keeping: Keeping = Keeping()) -> Purged:
        until = limits(keeping, now=now)
        return purge(self.db, self.store, until, now=now, remove=remove, step=lambda _kind, _count: None)

    def write(self, table: Any, *rows: dict[str, Any]) -> None:
        with self.db.begin() as tx:
            tx.execute(insert(table), list(rows))

    def change(self, table: Any, row_id: int, **values: Any) -> None:
        with self.db.begin() as tx:
            tx.execute(update(table).where(table.c.id == row_id).values(**values))

    def count(self, table: Any) -> int:
        return len(self.stock.rows(table))

    def item(self, **given: Any) -> dict[str, Any]:
        number = next(_numbers)
        return {
            "id": number, "file_id": 1, "source_key": f"event-{number}", "kind": "payment", "client": self.stock.client,
            "event_date": date(2026, 12, 1), "amount_minor": 1250050, "currency": "NOK", "state": "booked",
            "facts": {"kid": "17", "payer_name": "Kari Østby", "text": "takk", "payer_account": "15032080119"},
            "note": "Kari ringte", "created_at": NOW, **given,
        }  # fmt: skip


_numbers: Iterator[int] = iter(range(1, 100_000))


@pytest.fixture
def house(servers: Servers, kind: str, tmp_path: Path) -> Iterator[House]:
    url = servers.new_migrated_url(kind)
    db = Database(url)
    yield House(db, FolderDocumentStore(tmp_path), Stock(db, "nordlys"))
    db.close()
    servers.drop(url)


def test_what_lives_for_days_goes_by_its_own_age_and_what_waits_stays(house: House) -> None:
    sent, disputed = house.stock.told(), house.stock.told()
    holding.hold(house.db, disputed.invoice_id, note="uenig", by="Åse", now=NOW)
    link, in_dispute = house.stock.link(sent.id), house.stock.link(disputed.id)
    for one in (link, in_dispute):
        house.change(t.links, one, expires_at=OLD)
    asked = {"link_id": link, "kind": "asked", "state": "sent", "due_at": OLD, "created_at": OLD}
    house.write(t.code_requests, {**asked, "key": "k1", "caller": "hash"})
    fresh = {"kind": "bounce", "outcome": "noted", "detail": "words"}
    house.write(
        t.bounces,
        {**fresh, "fingerprint": "a", "noted_at": OLD, "delivery_id": sent.id},
        {**fresh, "fingerprint": "b", "noted_at": YOUNG, "delivery_id": sent.id},
        {**fresh, "fingerprint": "c", "noted_at": OLD, "outcome": "waiting", "delivery_id": None},
        {**fresh, "fingerprint": "d", "noted_at": OLD, "delivery_id": disputed.id},
    )
    house.write(t.portal_guards, *({"prefix": f"p{n}", "window_start": OLD} for n in range(BATCH + 5)),
                {"prefix": "young", "window_start": YOUNG})  # fmt: skip
    seen = {"kind": "invoice", "answer": "yes", "believed": True, "evidence": {}}
    house.write(t.reach, {**seen, "participant": "0192:1", "looked_up_at": OLD},
                {**seen, "participant": "0192:2", "looked_up_at": YOUNG})  # fmt: skip
    run = {"client": "nordlys", "job": "intake", "owner": "me", "lease_until": OLD, "started_at": OLD}
    house.write(t.slots, {**run, "slot": OLD, "state": "done"}, {**run, "slot": YOUNG, "state": "done"},
                {**run, "slot": OLD - timedelta(days=1), "state": "running"})  # fmt: skip
    check = {"client": "nordlys", "checked_at": OLD, "finished": True, "compared": 1, "findings": []}
    house.write(t.completeness_checks, {**check, "day": OLD.date()}, {**check, "day": YOUNG.date()})

    looked = house.purge(remove=False, keeping=Keeping(retention_years=30, retention_personal_years=30))
    assert house.count(t.links) == 2 and house.count(t.reach) == 2
    done = house.purge(remove=True, keeping=Keeping(retention_years=30, retention_personal_years=30))
    assert {key: tally.count for key, tally in done.went.items()} == {
        (Removal.LINKS, "nordlys"): 1,
        (Removal.WORDS, ""): 1,
        (Removal.CALLERS, ""): BATCH + 6,
        (Removal.LOOKUPS, ""): 1,
        (Removal.RUNS, "nordlys"): 2,
    }
    assert done.went == looked.went
    assert [row["detail"] for row in house.stock.rows(t.bounces)] == ["", "words", "words", "words"]
    assert [house.count(table) for table in (t.links, t.code_requests, t.portal_guards, t.reach)] == [1, 0, 1, 1]
    assert [row["state"] for row in house.stock.rows(t.slots)] == ["running", "done"]
    assert house.count(t.completeness_checks) == 1


def _parked(house: House, told: int) -> None:
    holding.hold(house.db, told, note="uenig", by="Åse", now=NOW)


def _never_told(house: House, told: int) -> None:
    house.change(t.invoices, told, state="delivered")


def _being_sent(house: House, told: int) -> None:
    house.change(t.deliveries, house.stock.deliveries(told)[0].id, state="unknown")


def _money_waits(house: House, told: int) -> None:
    house.write(t.settlement_items, house.item(invoice_id=told, state="waiting"))


def _money_names_it(house: House, told: int) -> None:
    house.change(t.invoices, told, kid="17")
    house.write(t.settlement_items, house.item(state="waiting", client=None))


def _voucher_refused(house: House, told: int) -> None:
    voucher = {
        "id": told, "client": "nordlys", "reference": f"FW-{told}", "kind": "bank", "date": date(2026, 12, 1),
        "content": {"description": "Kari", "lines": []}, "state": "refused", "due_at": NOW, "created_at": NOW,
    }  # fmt: skip
    item = house.item(invoice_id=told)
    house.write(t.settlement_items, item)
    house.write(t.vouchers, voucher)
    house.write(t.voucher_items, {"voucher_id": told, "item_id": item["id"]})


def _part_paid(house: House, told: int) -> None:
    house.write(t.settlement_items, house.item(invoice_id=told, amount_minor=1250049))


HELD: dict[Hold, list[Callable[[House, int], None]]] = {
    Hold.PARKED: [_parked],
    Hold.NOT_POSTED_BACK: [_never_told],
    Hold.BEING_DELIVERED: [_being_sent],
    Hold.MONEY_WAITS: [_money_waits, _money_names_it, _voucher_refused],
    Hold.UNPAID: [_part_paid],
}


def test_what_is_not_over_is_held_and_the_reason_is_told(house: House) -> None:
    assert set(HELD) == set(Hold)
    house.write(t.settlement_files, {"id": 1, "name": "kari.txt", "sha256": "f" * 64, "state": "taken",
                                     "received_at": IN_2032})  # fmt: skip
    for hold, ways in HELD.items():
        for way in ways:
            client = f"{hold}{way.__name__}"
            stock = Stock(house.db, client)
            told = stock.told().invoice_id
            house.stock = stock
            way(house, told)
    before = [house.stock.rows(table) for table in (t.invoices, t.events, t.deliveries, t.settlement_items)]
    done = house.purge(remove=True)
    assert {hold for _, hold in done.held} == set(Hold)
    for (client, hold), tally in done.held.items():
        assert client.startswith(hold) and tally.count == 1
    assert len(done.held) == sum(len(ways) for ways in HELD.values())
    assert before == [house.stock.rows(table) for table in (t.invoices, t.events, t.deliveries, t.settlement_items)]


def test_the_last_thing_that_happened_counts_and_paid_in_full_it_goes_with_its_money(house: House) -> None:
    house.write(t.settlement_files, {"id": 1, "name": "kari.txt", "sha256": "f" * 64, "state": "taken",
                                     "received_at": NOW})  # fmt: skip
    told = house.stock.told().invoice_id
    paid_late = house.stock.told().invoice_id
    opened_late = house.stock.sent(DeliveryEvent.ACCEPTED).invoice_id
    house.stock.tell(house.stock.postback(), "done")
    with house.db.begin() as tx:
        story.add_event(tx, opened_late, "opened_again", now=datetime(2027, 1, 1, 12, tzinfo=UTC))
    many = [house.item(amount_minor=0, kind="interest_charged", invoice_id=None) for _ in range(BATCH + 5)]
    house.write(t.settlement_items, *many, house.item(invoice_id=told),
                house.item(invoice_id=paid_late, event_date=date(2027, 1, 2)))  # fmt: skip
    looked = house.purge(remove=False)
    done = house.purge(remove=True)
    assert done.went == looked.went and done.held == looked.held == {}
    assert house.stock.invoice(told).personal_data_removed_at == IN_2032
    for young in (paid_late, opened_late):
        assert house.stock.invoice(young).documents_state == "kept"
        assert house.stock.deliveries(young)[0].address
    facts = [row["facts"] for row in house.stock.rows(t.settlement_items)]
    assert [one["payer_name"] for one in facts] == [""] * (BATCH + 6) + ["Kari Østby"]
    assert {one["kid"] for one in facts} == {"17"}
    [file] = house.stock.rows(t.settlement_files)
    assert (file["documents_state"], file["name"]) == ("gone", "")
    assert done.went[Removal.SETTLEMENT, "nordlys"].count == BATCH + 6
    assert list(story.verify(house.db, story.Verified())) == []
    assert house.purge(remove=True).went == {}, "nothing is left to do"
    later = house.purge(datetime(2033, 1, 2, tzinfo=UTC), remove=True)
    assert later.went[Removal.PERSONAL_DATA, "nordlys"].count == 1
    assert {key: tally.count for key, tally in later.held.items()} == {("nordlys", Hold.UNPAID): 1}, "opened, not paid"


def test_bytes_another_row_needs_stay_until_that_one_goes(house: House) -> None:
    old, young = house.stock.told().invoice_id, house.stock.told().invoice_id
    sha256 = house.store.put(content=b"the same bytes")
    for one in (old, young):
        house.change(t.invoices, one, pdf_sha256=sha256)
    house.change(t.invoices, young, issue_date=date(2027, 1, 1))
    house.purge(remove=True)
    assert house.stock.invoice(old).documents_state == "gone"
    assert house.store.get(sha256=sha256) == b"the same bytes"
    with house.db.read() as tx:
        lines = tx.execute(select(t.events.c.event, t.events.c.detail).where(t.events.c.invoice_id == old)).all()
    assert {line.detail for line in lines if not line.event.endswith("_removed")} == {None}
    assert [line.event for line in lines][-2:] == ["documents_removed", "personal_data_removed"]
    assert {row["answer"] for row in house.stock.rows(t.attempts)} == {"", "250 OK"}
    house.purge(datetime(2033, 1, 1, 12, tzinfo=UTC), remove=True)
    assert list(house.store.documents()) == []


@pytest.mark.parametrize(("now", "first_kept"), [
    (datetime(2031, 12, 31, 22, 59, tzinfo=UTC), date(2026, 1, 1)),
    (datetime(2031, 12, 31, 23, 1, tzinfo=UTC), date(2027, 1, 1)),  # midnight in Norway
])  # fmt: skip
def test_the_year_turns_in_norway(now: datetime, first_kept: date) -> None:
    until = limits(Keeping(), now=now)
    assert until[Removal.DOCUMENTS] == until[Removal.PERSONAL_DATA] == first_kept
