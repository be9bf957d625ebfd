"""The two state machines, walked from end to end: what may happen happens, everything else is refused."""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from typing import TypeVar

import pytest

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
    next_delivery_state,
    next_journey_state,
)

_S, _E, _D, _V = JourneyState, JourneyEvent, DeliveryState, DeliveryEvent
T = TypeVar("T", bound=StrEnum)


def reachable(start: T, moves: set[tuple[T, T]]) -> set[T]:
    """Every state there is a way to."""
    found, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for before, after in moves:
            if before == state and after not in found:
                found.add(after)
                todo.append(after)
    return found


def journey_moves() -> set[tuple[JourneyState, JourneyState]]:
    return {(before, after) for (before, _), after in JOURNEY.items()} | {(_S.PARKED, state) for state in RESUMABLE}


def delivery_moves() -> set[tuple[DeliveryState, DeliveryState]]:
    return {(before, after) for (before, _), after in DELIVERY.items()}


# --- an invoice -----------------------------------------------------------------------------------


def test_an_invoice_goes_from_fetched_to_posted_back() -> None:
    state, way = _S.FETCHED, [_S.FETCHED]
    for event in (_E.CHECK_PASSED, _E.STAMPING_DONE, _E.REGISTRATION_DONE, _E.ROUTE_CHOSEN, _E.DELIVERY_STARTED,
                  _E.HANDED_OVER, _E.ERP_TOLD):  # fmt: skip
        state = next_journey_state(state, event)
        way.append(state)
    assert way == [
        "fetched", "checked", "stamped", "registered", "routed", "delivering", "delivered", "posted_back",
    ]  # fmt: skip


def test_every_state_of_an_invoice_can_be_reached() -> None:
    assert reachable(_S.FETCHED, journey_moves()) == set(JourneyState)


@pytest.mark.parametrize(("state", "event"), list(product(JourneyState, JourneyEvent)))
def test_an_invoice_moves_by_the_table_and_not_otherwise(state: JourneyState, event: JourneyEvent) -> None:
    if (state, event) in JOURNEY:
        assert next_journey_state(state, event) == JOURNEY[(state, event)]
    else:
        with pytest.raises(IllegalTransition):
            next_journey_state(state, event)


@pytest.mark.parametrize(("state", "back"), list(product(JourneyState, JourneyState)))
def test_a_parked_invoice_goes_back_to_where_it_stood(state: JourneyState, back: JourneyState) -> None:
    if state is _S.PARKED and (back, _E.PARKED) in JOURNEY:
        assert next_journey_state(state, _E.RESUMED, return_state=back) == back
    else:
        with pytest.raises(IllegalTransition):
            next_journey_state(state, _E.RESUMED, return_state=back)


def test_every_state_but_the_last_can_be_parked_and_only_a_parked_invoice_is_withdrawn() -> None:
    assert {state for (state, event) in JOURNEY if event is _E.PARKED} == set(JourneyState) - {_S.PARKED, _S.WITHDRAWN}
    assert {state for (state, event) in JOURNEY if event is _E.WITHDRAWN} == {_S.PARKED}


def test_a_withdrawn_invoice_is_never_moved() -> None:
    assert not [state for state, _ in JOURNEY if state is _S.WITHDRAWN]
    assert _S.WITHDRAWN not in RESUMABLE


def test_no_invoice_goes_backwards_but_through_parked() -> None:
    order = list(JourneyState)
    for (before, _), after in JOURNEY.items():
        if _S.PARKED not in (before, after):
            assert order.index(after) == order.index(before) + 1


# --- a delivery -----------------------------------------------------------------------------------


def test_every_state_of_a_delivery_can_be_reached() -> None:
    assert reachable(_D.READY, delivery_moves()) == set(DeliveryState)


@pytest.mark.parametrize(("state", "event"), list(product(DeliveryState, DeliveryEvent)))
def test_a_delivery_moves_by_the_table_and_not_otherwise(state: DeliveryState, event: DeliveryEvent) -> None:
    if (state, event) in DELIVERY:
        assert next_delivery_state(state, event) == DELIVERY[(state, event)]
    else:
        with pytest.raises(IllegalTransition):
            next_delivery_state(state, event)


@pytest.mark.parametrize("state", sorted(DELIVERY_FINAL))
def test_a_final_state_of_a_delivery_is_never_left(state: DeliveryState) -> None:
    for event in DeliveryEvent:
        with pytest.raises(IllegalTransition):
            next_delivery_state(state, event)


def test_every_delivery_can_still_end() -> None:
    for state in set(DeliveryState) - DELIVERY_FINAL:
        assert reachable(state, delivery_moves()) & DELIVERY_FINAL


def test_only_a_claimed_delivery_is_handed_over_for_the_first_time() -> None:
    """Nobody sends without a claim: `ready` leads to `sending`, or to an end without anything sent."""
    assert {after for before, after in delivery_moves() if before is _D.READY} == {_D.SENDING, _D.STOPPED, _D.REFUSED}


def test_an_unknown_outcome_never_leads_to_sending_without_an_answer() -> None:
    """`unknown` goes back to `ready` on one word only: the other side, or a person, says it never arrived."""
    assert {event for (before, event), after in DELIVERY.items() if (before, after) == (_D.UNKNOWN, _D.READY)} == {
        _V.NEVER_ARRIVED
    }
    assert (_D.UNKNOWN, _D.SENDING) not in delivery_moves()


def test_what_reached_the_debtor_is_never_sent_again() -> None:
    assert not {after for before, after in delivery_moves() if before in DELIVERY_REACHED} & {_D.READY, _D.SENDING}
