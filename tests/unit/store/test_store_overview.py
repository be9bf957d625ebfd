"""What the operations page asks the store, on both databases."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.store.stocked import LEASE_OVER, MINUTE, NOW, Stock
from worker.model.channel import Channel
from worker.model.journey import DeliveryEvent
from worker.store import holding, overview, slots
from worker.store.database import Database
from worker.store.slots import SlotKey


def test_the_queue_counts_what_is_to_go_out_and_what_of_it_is_due(db: Database, stock: Stock) -> None:
    before = {(one.channel, one.state): (one.count, one.due) for one in overview.queue(db, now=NOW)}
    stock.routed(Channel.EHF)
    stock.record(stock.claim(Channel.EHF), DeliveryEvent.TRY_LATER, due_at=NOW + 5 * MINUTE)
    stock.routed(Channel.EHF)
    stock.sent(DeliveryEvent.UNKNOWN, Channel.LETTER)
    stock.told(Channel.LETTER)
    queue = {(one.channel, one.state): one for one in overview.queue(db, now=NOW)}

    def added(channel: str, state: str) -> tuple[int, int]:
        count, due = before.get((channel, state), (0, 0))
        found = queue[channel, state]
        return found.count - count, found.due - due

    assert added("ehf", "ready") == (2, 1)
    assert added("letter", "unknown")[0] == 1
    assert ("letter", "handed_over") not in queue
    since = queue["ehf", "ready"].since
    assert since is not None and since <= NOW


def test_what_waits_with_its_invoice_for_a_person_is_due_for_nobody(db: Database, stock: Stock) -> None:
    def letters() -> tuple[int, int, int]:
        found = {(one.channel, one.state): one for one in overview.queue(db, now=NOW + LEASE_OVER)}
        one = found.get(("letter", "unknown"))
        return (one.count, one.due, one.parked) if one else (0, 0, 0)

    count, due, parked = letters()
    lost = stock.sent(DeliveryEvent.UNKNOWN, Channel.LETTER)
    assert letters() == (count + 1, due + 1, parked)
    holding.hold(db, lost.invoice_id, note="ringer trykkeriet", by="Åse", now=NOW)
    assert letters() == (count + 1, due, parked + 1)
    holding.withdraw(db, lost.invoice_id, note="levert for hånd", by="Åse", now=NOW)
    assert letters() == (count, due, parked), "handled by hand: it is in no queue"


def test_todays_runs_are_those_of_the_client_and_the_jobs_asked_for(db: Database, stock: Stock) -> None:
    for job, at in (("intake", NOW), ("follow_up", NOW), ("intake", NOW - timedelta(days=1))):
        assert slots.start(db, SlotKey(stock.client, job, at), owner="me", now=NOW)
    found = overview.runs_since(db, client=stock.client, jobs=["intake"], since=NOW - MINUTE)
    assert [(row.job, row.slot, row.state) for row in found] == [("intake", NOW, "running")]


def test_the_parked_come_oldest_first_by_reason_and_no_more_than_asked_for(db: Database, stock: Stock) -> None:
    ids = [stock.told().invoice_id for _ in range(3)]
    for one in ids:
        holding.hold(db, one, note="uenig", by="Åse", now=NOW)
    everybody = [row.id for row in overview.parked(db, reason="held", limit=10_000)]
    assert [row for row in everybody if row in ids] == ids
    assert len(overview.parked(db, reason="", limit=2)) == 2
