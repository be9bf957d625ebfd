"""Every move through the store: what the tables allow happens whole else leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, StatementError

from tests.unit.store.stocked import MINUTE, Stock, at_once
from worker.model.journey import (
    DELIVERY,
    JOURNEY,
    RESUMABLE,
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    JourneyEvent,
    JourneyState,
)
from worker.model.parked import InvoiceWarning, ParkedReason
from worker.store import invoices, moves
from worker.store import tables as t
from worker.store.database import Database
from worker.store.isolation import isolated
from worker.store.rows import InvoiceRow
from worker.support.summary import Summary

PLAIN_EVENTS = [event for event in JourneyEvent if event not in (JourneyEvent.PARKED, JourneyEvent.RESUMED)]


def invoice_in(stock: Stock, state: JourneyState, *, return_state: JourneyState = JourneyState.ROUTED) -> int:
    """A row put straight into a state, so that each is met with every event."""
    invoice_id = stock.fetched()
    values: dict[str, Any] = {"state": state}
    if state is JourneyState.PARKED:
        values |= {"return_state": return_state, "parked_reason": "unexpected", "parked_detail": "x"}
    with stock.db.begin() as tx:
        tx.execute(update(t.invoices).where(t.invoices.c.id == invoice_id).values(**values))
    return invoice_id


@pytest.mark.parametrize("state", list(JourneyState))
@pytest.mark.parametrize("event", PLAIN_EVENTS)
def test_an_invoice_moves_by_the_table_only(stock: Stock, state: JourneyState, event: JourneyEvent) -> None:
    invoice_id = invoice_in(stock, state)
    after = JOURNEY.get((state, event))
    if after is None:
        before = stock.seen()
        with pytest.raises(IllegalTransition):
            invoices.move(stock.db, invoice_id, event, now=stock.now, route="letter")
        assert stock.seen() == before
        return
    assert invoices.move(stock.db, invoice_id, event, now=stock.now + MINUTE, detail="why", route="letter") == after
    row = stock.invoice(invoice_id)
    assert (row.state, row.route, row.updated_at) == (after, "letter", stock.now + MINUTE)
    assert (row.parked_reason, row.parked_detail, row.return_state) == (None, None, None)
    line = stock.rows(t.events, invoice_id=invoice_id)[-1]
    assert (line["event"], line["from_state"], line["to_state"], line["detail"]) == (event, state, after, "why")


@pytest.mark.parametrize("state", list(JourneyState))
def test_parking_and_resuming_lead_back_to_where_it_stood(stock: Stock, state: JourneyState) -> None:
    if state is JourneyState.PARKED:
        return  # parking what is parked has tests of its own
    invoice_id = invoice_in(stock, state)
    if state not in RESUMABLE:
        before = stock.seen()
        with pytest.raises(IllegalTransition):
            invoices.park(stock.db, invoice_id, ParkedReason.KID_TAKEN, "twice", now=stock.now)
        assert stock.seen() == before
        return
    invoices.park(stock.db, invoice_id, ParkedReason.KID_TAKEN, "twice", now=stock.now)
    row = stock.invoice(invoice_id)
    assert (row.state, row.return_state) == (JourneyState.PARKED, state)
    assert (row.parked_reason, row.parked_detail) == (ParkedReason.KID_TAKEN, "twice")
    assert invoices.resume(stock.db, invoice_id, now=stock.now, detail="mended") == state
    row = stock.invoice(invoice_id)
    assert (row.state, row.return_state, row.parked_reason, row.parked_detail) == (state, None, None, None)
    story = stock.rows(t.events, invoice_id=invoice_id)
    assert [(e["event"], e["from_state"], e["to_state"], e["detail"]) for e in story[-2:]] == [
        ("parked", state, "parked", "kid_taken: twice"),
        ("resumed", "parked", state, "mended"),
    ]


@pytest.mark.parametrize("state", [state for state in JourneyState if state is not JourneyState.PARKED])
def test_only_what_is_parked_is_resumed(stock: Stock, state: JourneyState) -> None:
    invoice_id = invoice_in(stock, state)
    with pytest.raises(IllegalTransition):
        invoices.resume(stock.db, invoice_id, now=stock.now, detail="")


@pytest.mark.parametrize("back", [JourneyState.PARKED, JourneyState.WITHDRAWN])
def test_a_parked_invoice_never_returns_to_a_place_it_cannot_have_stood_in(stock: Stock, back: JourneyState) -> None:
    invoice_id = invoice_in(stock, JourneyState.PARKED, return_state=back)
    with pytest.raises(IllegalTransition):
        invoices.resume(stock.db, invoice_id, now=stock.now, detail="")


def test_parking_twice_renews_the_reason_and_keeps_the_way_back(stock: Stock) -> None:
    invoice_id = stock.registered()
    invoices.park(stock.db, invoice_id, ParkedReason.REACH_UNKNOWN, "no answer", now=stock.now)
    invoices.park(stock.db, invoice_id, ParkedReason.MISSING_POSTAL_ADDRESS, "city", now=stock.now + MINUTE)
    row = stock.invoice(invoice_id)
    assert (row.parked_reason, row.parked_detail) == (ParkedReason.MISSING_POSTAL_ADDRESS, "city")
    assert row.return_state == JourneyState.REGISTERED
    story = [e["detail"] for e in stock.rows(t.events, invoice_id=invoice_id, event="parked")]
    assert story == ["reach_unknown: no answer", "missing_postal_address: city"]
    before = stock.seen()
    invoices.park(stock.db, invoice_id, ParkedReason.MISSING_POSTAL_ADDRESS, "city", now=stock.now + 2 * MINUTE)
    assert stock.seen() == before  # nothing new, no line


def test_what_is_looked_at_again_keeps_its_age_until_it_gets_further(stock: Stock) -> None:
    def park(reason: ParkedReason, minutes: int) -> None:
        invoices.park(stock.db, invoice_id, reason, "x", now=stock.now + minutes * MINUTE)

    def since() -> float:
        return (stock.invoice(invoice_id).waits_since - begun) / MINUTE

    invoice_id, begun = stock.registered(), stock.now
    park(ParkedReason.REACH_UNKNOWN, 1)
    for again in (10, 20):
        invoices.resume(stock.db, invoice_id, now=stock.now + again * MINUTE, detail="looked at again")
        park(ParkedReason.REACH_UNKNOWN, again)
        assert since() == 1
    park(ParkedReason.MISSING_POSTAL_ADDRESS, 30)
    assert since() == 30, "another reason"
    invoices.resume(stock.db, invoice_id, now=stock.now, detail="")
    invoices.route(stock.db, invoice_id, channel="letter", address="x", reason="x", considered=[], key="k-age",
                   now=stock.now)  # fmt: skip
    assert stock.invoice(invoice_id).parked_since is None
    park(ParkedReason.MISSING_POSTAL_ADDRESS, 40)
    assert since() == 40


def test_withdrawn_is_the_end(stock: Stock) -> None:
    invoice_id = stock.registered()
    invoices.park(stock.db, invoice_id, ParkedReason.OTHER_PAYEE, "x", now=stock.now)
    invoices.move(stock.db, invoice_id, JourneyEvent.WITHDRAWN, now=stock.now, detail="sent by hand")
    with pytest.raises(IllegalTransition):
        invoices.resume(stock.db, invoice_id, now=stock.now, detail="")
    with pytest.raises(IllegalTransition):
        invoices.park(stock.db, invoice_id, ParkedReason.UNEXPECTED, "x", now=stock.now)


def test_a_stale_invoice_row_moves_nothing(stock: Stock) -> None:
    stale = stock.invoice(stock.fetched())
    invoices.move(stock.db, stale.id, JourneyEvent.CHECK_PASSED, now=stock.now)
    before = stock.seen()
    with pytest.raises(IllegalTransition, match="no longer fetched"), stock.db.begin() as tx:
        moves.add_event(tx, stale.id, "noted", now=stock.now)
        moves.move_invoice(tx, stale, JourneyEvent.CHECK_PASSED, now=stock.now, number="other")
    assert stock.seen() == before  # not even the line written first


def test_a_stale_parked_row_does_not_get_a_reason_after_it_went_on(stock: Stock) -> None:
    invoice_id = stock.registered()
    invoices.park(stock.db, invoice_id, ParkedReason.KID_TAKEN, "x", now=stock.now)
    stale = stock.invoice(invoice_id)
    invoices.resume(stock.db, invoice_id, now=stock.now, detail="")
    before = stock.seen()
    with pytest.raises(IllegalTransition), stock.db.begin() as tx:
        moves.park_invoice(tx, stale, ParkedReason.UNEXPECTED, "y", now=stock.now)
    assert stock.seen() == before


@pytest.mark.parametrize("state", list(DeliveryState))
@pytest.mark.parametrize("event", list(DeliveryEvent))
def test_a_delivery_moves_by_the_table_only(stock: Stock, state: DeliveryState, event: DeliveryEvent) -> None:
    invoice_id = stock.routed()
    with stock.db.begin() as tx:
        tx.execute(update(t.deliveries).where(t.deliveries.c.invoice_id == invoice_id).values(state=state, fence=3))
    [row] = stock.deliveries(invoice_id)
    after = DELIVERY.get((state, event))
    if after is None:
        before = stock.seen()
        with pytest.raises(IllegalTransition), stock.db.begin() as tx:
            moves.move_delivery(tx, row, event, now=stock.now, ended_reason="x")
        assert stock.seen() == before
        return
    with stock.db.begin() as tx:
        assert moves.move_delivery(tx, row, event, now=stock.now, detail="why", ended_reason="x") == after
    assert (stock.delivery(row).state, stock.delivery(row).ended_reason) == (after, "x")
    line = stock.rows(t.events, invoice_id=invoice_id)[-1]
    assert (line["event"], line["delivery_id"], line["from_state"], line["to_state"], line["detail"]) == (
        f"delivery_{event}", row.id, state, after, "why"
    )  # fmt: skip


@pytest.mark.parametrize("changed", [{"fence": 2}, {"state": "unknown"}])
def test_a_stale_delivery_row_moves_nothing(stock: Stock, changed: dict[str, Any]) -> None:
    stale = stock.sending()
    with stock.db.begin() as tx:
        tx.execute(update(t.deliveries).where(t.deliveries.c.id == stale.id).values(**changed))
    before = stock.seen()
    with pytest.raises(IllegalTransition), stock.db.begin() as tx:
        moves.add_event(tx, stale.invoice_id, "noted", now=stock.now)
        moves.move_delivery(tx, stale, DeliveryEvent.ACCEPTED, now=stock.now)
    assert stock.seen() == before


def test_of_two_moving_at_once_one_wins(stock: Stock, other_db: Database) -> None:
    for _ in range(10):
        invoice_id = stock.fetched()

        def move(db: Database, wanted: int = invoice_id) -> bool:
            try:
                invoices.move(db, wanted, JourneyEvent.CHECK_PASSED, now=stock.now)
            except IllegalTransition:
                return False
            return True

        assert sorted(at_once(lambda: move(stock.db), lambda: move(other_db))) == [False, True]
        assert len(stock.rows(t.events, invoice_id=invoice_id, event="check_passed")) == 1


def test_a_route_is_written_whole_or_not_at_all(stock: Stock) -> None:
    invoice_id = stock.registered()
    values: dict[str, Any] = {
        "channel": "letter", "address": "Storgata 1", "reason": "no e-mail", "considered": [["ehf", "not reached"]],
        "now": stock.now,
    }  # fmt: skip
    invoices.route(stock.db, invoice_id, key="key-one-of-test-route-whole", **values)
    [delivery] = stock.deliveries(invoice_id)
    assert (delivery.number, delivery.channel, delivery.state, delivery.due_at) == (1, "letter", "ready", stock.now)
    [decision] = stock.rows(t.decisions, invoice_id=invoice_id)
    assert (decision["channel"], decision["considered"]) == ("letter", [["ehf", "not reached"]])
    assert (stock.invoice(invoice_id).route, stock.invoice(invoice_id).route_reason) == ("letter", "no e-mail")
    other = stock.registered()
    before = stock.seen()
    with pytest.raises(IntegrityError):  # the key is taken: invoice, decision and delivery stay unwritten
        invoices.route(stock.db, other, key="key-one-of-test-route-whole", **values)
    with pytest.raises(IllegalTransition):  # routed already
        invoices.route(stock.db, invoice_id, key="another", **values)
    assert stock.seen() == before


def test_one_row_per_erp_id_and_client(stock: Stock, other_db: Database) -> None:
    def add(db: Database, client: str = stock.client) -> int | None:
        return invoices.add_fetched(
            db, client=client, erp="poweroffice_go", erp_id="4711", kind="invoice", number="1", debtor_code="10001",
            erp_row={}, now=stock.now,
        )  # fmt: skip

    got = at_once(lambda: add(stock.db), lambda: add(other_db))
    assert sorted(new_id is None for new_id in got) == [False, True]
    assert add(stock.db) is None
    assert add(stock.db, client=f"{stock.client}-2") is not None  # another client's ERP may number alike
    assert invoices.known_erp_ids(stock.db, client=stock.client, erp_ids=["4711", "4712"]) == {"4711"}
    assert len(stock.rows(t.events, event="fetched", invoice_id=next(i for i in got if i is not None))) == 1


def test_what_cannot_be_written_is_not_taken_for_somebody_elses(stock: Stock) -> None:
    with pytest.raises(IntegrityError):
        invoices.add_fetched(
            stock.db, client=stock.client, erp="poweroffice_go", erp_id="1", kind="invoice", number=None,  # pyright: ignore[reportArgumentType]
            debtor_code="10001", erp_row={}, now=stock.now,
        )  # fmt: skip


def test_known_ids_are_found_among_very_many(stock: Stock) -> None:
    stock.fetched(erp_id="900001")
    asked = [str(number) for number in range(870_000, 910_000)]
    assert invoices.known_erp_ids(stock.db, client=stock.client, erp_ids=asked) == {"900001"}


def test_warnings_among_a_step_are_its_own(stock: Stock) -> None:
    invoice_id, w = stock.fetched(), InvoiceWarning
    checks = [w.MISSING_PHONE, w.MISSING_EMAIL]
    invoices.set_warnings(stock.db, invoice_id, {w.EHF_DUTY: "e"}, among=[w.EHF_DUTY], now=stock.now)
    invoices.set_warnings(stock.db, invoice_id, {w.MISSING_PHONE: "p"}, among=checks, now=stock.now)
    invoices.set_warnings(stock.db, invoice_id, {w.MISSING_EMAIL: "m"}, among=checks, now=stock.now + MINUTE)
    found = {row["code"]: row["detail"] for row in stock.rows(t.warnings, invoice_id=invoice_id)}
    assert found == {"ehf_duty": "e", "missing_email": "m"}


@pytest.mark.parametrize(
    "nasty", ["\x00", "a\x00b", "\ud800", "Ærlig \U0001f9fe", "'; DROP TABLE invoices; --", "%s %(x)s"]
)
def test_any_text_an_outsider_sends_can_be_kept(stock: Stock, nasty: str) -> None:
    """What other systems answer goes into attempts, events and reasons as it is, on both databases."""
    claimed = stock.sending()
    stock.record(claimed, DeliveryEvent.REFUSED, answer=nasty, park=(ParkedReason.UNEXPECTED, nasty))
    row = stock.invoice(claimed.invoice_id)
    assert row.parked_reason == ParkedReason.UNEXPECTED
    readable = nasty.replace("\x00", "\ufffd").replace("\ud800", "\ufffd")
    assert row.parked_detail == readable
    assert stock.rows(t.attempts, subject="delivery", subject_id=claimed.id)[0]["answer"] == readable


def test_isolation_parks_what_nobody_foresaw_and_says_no_secret(stock: Stock) -> None:
    invoice_id, summary = stock.registered(), Summary()
    with isolated(stock.db, invoice_id, now=stock.now, summary=summary):
        raise KeyError("Kari Nordmann, 01019012345")
    row = stock.invoice(invoice_id)
    assert (row.state, row.parked_reason, row.return_state) == ("parked", "unexpected", "registered")
    assert "KeyError at" in (row.parked_detail or "") and "Kari" not in (row.parked_detail or "")
    assert summary["unexpected"] == 1


def test_isolation_leaves_alone_what_somebody_else_moved(stock: Stock) -> None:
    invoice_id, summary = stock.registered(), Summary()
    with isolated(stock.db, invoice_id, now=stock.now, summary=summary):
        invoices.move(stock.db, invoice_id, JourneyEvent.ERP_TOLD, now=stock.now)
    assert (stock.state(invoice_id), dict(summary)) == (JourneyState.REGISTERED, {"overtaken": 1})


def test_reading_one_invoice(stock: Stock) -> None:
    row = stock.invoice(stock.registered(number="10045"))
    assert isinstance(row, InvoiceRow)
    assert (row.number, row.erp_row, str(row.total)) == ("10045", {"total": "12500.50"}, "12500.50 NOK")
    assert row.fetched_at == stock.now and row.fetched_at.utcoffset() is not None
    with pytest.raises(LookupError):
        invoices.get(stock.db, 2**40)
    with pytest.raises(StatementError, match="naive"):
        invoices.keep(stock.db, row.id, now=stock.now.replace(tzinfo=None))
