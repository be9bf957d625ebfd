"""One invoice and everything that can happen to it, in any order, by workers that die and answers that come late.

Beside the store stands the truth: what each counterparty has got, and what the ERP has been told.
"""

from __future__ import annotations

import itertools
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)
from sqlalchemy import ColumnElement, Table, select

from tests.unit.store.stocked import LEASE_OVER, Stock
from worker.model.channel import Channel
from worker.model.journey import (
    DELIVERY,
    DELIVERY_FINAL,
    DELIVERY_REACHED,
    JOURNEY,
    RESUMABLE,
    DeliveryEvent,
    DeliveryState,
    IllegalTransition,
    JourneyEvent,
    JourneyState,
)
from worker.model.parked import ParkedReason
from worker.store import deliveries, invoices, links, successors
from worker.store import tables as t
from worker.store.database import Database
from worker.store.links import StoreLinkBook
from worker.store.retrying import CannotRetry, retry
from worker.store.rows import DeliveryRow, PostbackRow

_numbers = itertools.count(1)
V, D, S = DeliveryEvent, DeliveryState, JourneyState
DONE = {S.DELIVERED, S.POSTED_BACK}
ORDER = [S.ROUTED, S.DELIVERING, S.DELIVERED, S.POSTED_BACK]


MOVES = {(state.value, f"delivery_{event}"): after.value for (state, event), after in DELIVERY.items()}


@dataclass(frozen=True)
class Snapshot:
    """Everything written about the invoice."""

    invoice: dict[str, Any]
    deliveries: list[dict[str, Any]]
    postbacks: list[dict[str, Any]]
    events: list[dict[str, Any]]
    decisions: list[dict[str, Any]]
    attempts: list[dict[str, Any]]

    @property
    def reached(self) -> set[int]:
        return {row["id"] for row in self.deliveries if row["handed_over_at"] is not None}

    @property
    def stands(self) -> JourneyState:
        """Where it is, or will go on from."""
        return S(self.invoice["return_state"] or self.invoice["state"])


class Journey(RuleBasedStateMachine):
    """`db` is set by the test."""

    db: Database

    def __init__(self) -> None:
        super().__init__()
        self.stock = Stock(self.db, f"machine{next(_numbers)}")
        self.invoice_id = 0
        self.links: dict[int, int] = {}  # link → delivery
        self.held: list[DeliveryRow] = []  # claims whose answer has not come, outdated ones among them
        self.held_postbacks: list[tuple[PostbackRow, str, frozenset[int]]] = []
        self.told: set[int] = set()  # deliveries the ERP knows of
        self.ended: dict[int, str] = {}
        self.furthest = 0
        self.lines: list[dict[str, Any]] = []
        self.attempts: list[dict[str, Any]] = []

    # --- what may happen -------------------------------------------------------------------------------------------

    @initialize(channel=st.sampled_from([Channel.EMAIL_LINK, Channel.EHF, Channel.LETTER]))
    def begin(self, channel: Channel) -> None:
        self.invoice_id = self.stock.routed(channel)

    @rule(minutes=st.sampled_from([1, 9, 11, 60]))
    def time_passes(self, minutes: int) -> None:
        self.stock.turn(timedelta(minutes=minutes))

    @rule()
    def claim(self) -> None:
        row = self.stock.try_claim()
        if row is not None:
            assert row.state == D.SENDING
            if row.channel == Channel.EMAIL_LINK:
                self.links[self.stock.link(row.id)] = row.id
            self.held.append(row)

    @rule()
    def claim_to_ask(self) -> None:
        row = self.stock.try_ask()
        if row is not None:
            self.held.append(row)

    @precondition(lambda self: self.held)
    @rule(
        data=st.data(),
        event=st.sampled_from([V.ACCEPTED, V.CONFIRMED, V.REFUSED, V.TRY_LATER, V.UNKNOWN, V.NEVER_ARRIVED, None]),
        reason=st.sampled_from([None, None, ParkedReason.SENT_UNKNOWN, ParkedReason.ATTEMPTS_EXHAUSTED]),
    )
    def an_answer_comes(self, data: st.DataObject, event: DeliveryEvent | None, reason: ParkedReason | None) -> None:
        row = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        if reason is ParkedReason.SENT_UNKNOWN and event not in (V.UNKNOWN, None):
            reason = None  # the runner parks as unknown only what is
        park = (reason, "x") if reason else None
        before = self._snapshot()
        try:
            self.stock.record(row, event, due_at=self.stock.now, park=park)
        except IllegalTransition:
            assert self._snapshot() == before
        else:
            assert self.stock.delivery(row).fence == row.fence
            assert self._snapshot().attempts[-1]["fence"] == row.fence

    @rule()
    def recover(self) -> None:
        self.stock.recover()

    @precondition(lambda self: self.links)
    @rule(data=st.data(), right=st.booleans())
    def the_debtor_tries_a_code(self, data: st.DataObject, *, right: bool) -> None:
        link_id = data.draw(st.sampled_from(sorted(self.links)))
        StoreLinkBook(self.db, tries=10**6).try_code(
            link_id=link_id, code_mac="mac-right" if right else "mac-wrong", caller=f"c{next(_numbers)}",
            now=self.stock.now,
        )  # fmt: skip

    @rule()
    def note_openings(self) -> None:
        links.note_openings(self.db, client=self.stock.client, now=self.stock.now)

    @rule(expire=st.booleans(), channel=st.sampled_from([Channel.LETTER, Channel.EMAIL_LINK]))
    def fallback(self, channel: Channel, *, expire: bool) -> None:
        found = (
            successors.unopened_since(self.db, client=self.stock.client, handed_over_before=self.stock.now)
            if expire
            else successors.refused_without_successor(self.db, client=self.stock.client)
        )
        for row, _ in found:
            with suppress(IllegalTransition):
                self.stock.next_channel(row, channel, expire=expire)

    @precondition(lambda self: self.invoice_id and self.stock.deliveries(self.invoice_id))
    @rule(data=st.data())
    def fallback_of_a_stale_row(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.stock.deliveries(self.invoice_id)))
        before = self._snapshot()
        try:
            self.stock.next_channel(row, expire=data.draw(st.booleans()))
        except IllegalTransition:
            assert self._snapshot() == before

    @rule(reason=st.sampled_from([ParkedReason.UNEXPECTED, ParkedReason.NO_CHANNEL_LEFT]))
    def park(self, reason: ParkedReason) -> None:
        with suppress(IllegalTransition):
            invoices.park(self.db, self.invoice_id, reason, "x", now=self.stock.now)

    @rule(arrived=st.sampled_from([None, None, True, False]))
    def a_person_retries(self, arrived: bool | None) -> None:
        before = self._snapshot()
        key = f"{self.stock.client}-{len(self.stock.deliveries(self.invoice_id)) + 1}"
        try:
            retry(self.db, self.invoice_id, arrived=arrived, new_key=key, now=self.stock.now)
        except CannotRetry:
            assert self._snapshot() == before

    @rule(chance=st.integers(0, 14))
    def a_person_withdraws(self, chance: int) -> None:
        if chance == 0:
            with suppress(IllegalTransition):
                invoices.move(self.db, self.invoice_id, JourneyEvent.WITHDRAWN, now=self.stock.now)

    @rule()
    def claim_postback(self) -> None:
        row = self.stock.try_postback()
        if row is not None:
            reached = self._snapshot().reached
            says = frozenset(reached if row.kind == "delivered" else reached & {row.delivery_id})
            self.held_postbacks.append((row, ",".join(map(str, sorted(says))), says))

    @precondition(lambda self: self.held_postbacks)
    @rule(data=st.data(), end=st.sampled_from(["done", "ready", "unknown", "refused"]), through=st.booleans())
    def the_erp_answers(self, data: st.DataObject, end: str, *, through: bool) -> None:
        """`through`: the call got through although its answer did not."""
        row, text, says = self.held_postbacks.pop(data.draw(st.integers(0, len(self.held_postbacks) - 1)))
        act = "send"
        if row.state == "unknown" and row.delivery_id in self.told:
            act, end, text = "ask", "done", row.text or text  # asking finds it told
        elif end == "done" or (through and end == "unknown"):
            self.told |= says
        with suppress(IllegalTransition):
            self.stock.tell(
                row, end, act=act, text=text, started_at=row.lease_until and row.lease_until - deliveries.LEASE,
                due_at=self.stock.now, park="x" if end == "refused" else None,
            )  # fmt: skip

    # --- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        if not self.invoice_id:
            return
        seen = self._snapshot()
        assert seen.events[: len(self.lines)] == self.lines  # only ever added to
        assert seen.attempts[: len(self.attempts)] == self.attempts
        self.lines, self.attempts = seen.events, seen.attempts
        self._the_story_tells_every_move(seen)
        self._what_has_ended_stays_ended(seen)
        self._delivered_when_and_only_when_something_reached_the_debtor(seen)
        self._the_erp_is_owed_one_word_a_delivery(seen)
        assert sum(row["state"] in (D.READY, D.SENDING) for row in seen.deliveries) <= 1

    def _the_story_tells_every_move(self, seen: Snapshot) -> None:
        for row in seen.deliveries:
            state = D.READY.value
            for line in (line for line in seen.events if line["delivery_id"] == row["id"]):
                assert line["from_state"] == state and MOVES[state, line["event"]] == line["to_state"]
                state = line["to_state"]
            assert state == row["state"]
        state = ""
        for line in seen.events:
            if line["delivery_id"] is not None or line["to_state"] is None:
                continue
            if line["event"] == JourneyEvent.RESUMED:
                assert state == S.PARKED and S(line["to_state"]) in RESUMABLE
            elif line["event"] != "fetched":
                assert line["from_state"] == state
                assert JOURNEY[S(state), JourneyEvent(line["event"])] == line["to_state"]
            state = line["to_state"]
        assert state == seen.invoice["state"]

    def _what_has_ended_stays_ended(self, seen: Snapshot) -> None:
        for row in seen.deliveries:
            assert self.ended.get(row["id"], row["state"]) == row["state"]
            if row["state"] in DELIVERY_FINAL:
                self.ended[row["id"]] = row["state"]

    def _delivered_when_and_only_when_something_reached_the_debtor(self, seen: Snapshot) -> None:
        for row in seen.deliveries:
            if row["state"] in DELIVERY_REACHED:
                assert row["handed_over_at"] is not None
        if seen.invoice["state"] == S.WITHDRAWN:
            return
        stands = seen.stands
        assert (stands in DONE) == bool(seen.reached)
        assert ORDER.index(stands) >= self.furthest  # never back
        self.furthest = ORDER.index(stands)

    def _the_erp_is_owed_one_word_a_delivery(self, seen: Snapshot) -> None:
        owed = seen.postbacks
        assert Counter(row["delivery_id"] for row in owed) == Counter(seen.reached)
        assert [row["kind"] for row in owed] == (["delivered"] + ["status"] * len(owed))[: len(owed)]
        if seen.stands is S.POSTED_BACK:
            assert owed[0]["state"] == "done"
        for row in owed:
            if row["state"] in ("done", "folded"):
                assert row["delivery_id"] in self.told  # never written down as told when it was not

    def teardown(self) -> None:
        """Left to itself, with a person who answers: nothing waits for ever, and the ERP hears of everything."""
        if not self.invoice_id or self.stock.state(self.invoice_id) == S.WITHDRAWN:
            return
        for _ in range(30):
            self.stock.turn(LEASE_OVER)
            self.stock.recover()
            if self.stock.state(self.invoice_id) == S.PARKED:
                last = self.stock.deliveries(self.invoice_id)[-1]
                self.a_person_retries(True if last.state == D.UNKNOWN else None)
            while (row := self.stock.try_claim() or self.stock.try_ask()) is not None:
                self.stock.record(row, V.CONFIRMED)
            self.fallback(Channel.LETTER, expire=False)
            while (owed := self.stock.try_postback()) is not None:
                reached = self._snapshot().reached
                already = owed.state == "unknown" and owed.delivery_id in self.told
                says = reached if owed.kind == "delivered" else {owed.delivery_id or 0}
                text = ",".join(map(str, sorted(says)))
                self.told |= set() if already else says
                self.stock.tell(
                    owed, "done", act="ask" if already else "send", text=(owed.text or text) if already else text
                )
            if self.stock.state(self.invoice_id) == S.POSTED_BACK:
                break
        self.all_is_well()
        seen = self._snapshot()
        assert seen.stands is S.POSTED_BACK and seen.reached <= self.told

    def _snapshot(self) -> Snapshot:
        with self.db.read() as tx:

            def rows(table: Table, where: ColumnElement[bool]) -> list[dict[str, Any]]:
                return [dict(row) for row in tx.execute(select(table).where(where).order_by(table.c.id)).mappings()]

            [invoice] = rows(t.invoices, t.invoices.c.id == self.invoice_id)
            sent = rows(t.deliveries, t.deliveries.c.invoice_id == self.invoice_id)
            told = rows(t.postbacks, t.postbacks.c.invoice_id == self.invoice_id)
            tried = t.attempts.c.subject_id.in_([row["id"] for row in sent]) & (t.attempts.c.subject == "delivery")
            asked = t.attempts.c.subject_id.in_([row["id"] for row in told]) & (t.attempts.c.subject == "postback")
            return Snapshot(
                invoice=invoice,
                deliveries=sent,
                postbacks=told,
                events=rows(t.events, t.events.c.invoice_id == self.invoice_id),
                decisions=rows(t.decisions, t.decisions.c.invoice_id == self.invoice_id),
                attempts=rows(t.attempts, tried | asked),
            )


@pytest.mark.timeout(300)
def test_whatever_happens_to_an_invoice(db: Database) -> None:
    machine = type("JourneyHere", (Journey,), {"db": db})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
