"""The two state machines, as data (design §4). The store is the only place that moves a row, and it asks here."""

from __future__ import annotations

from enum import StrEnum


class IllegalTransition(RuntimeError):
    """The move is not in the table: the row has changed under us, or the code is wrong."""


class JourneyState(StrEnum):
    """Where an invoice is."""

    FETCHED = "fetched"
    CHECKED = "checked"
    STAMPED = "stamped"
    REGISTERED = "registered"
    ROUTED = "routed"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    POSTED_BACK = "posted_back"
    PARKED = "parked"
    WITHDRAWN = "withdrawn"


class JourneyEvent(StrEnum):
    """What moves an invoice."""

    CHECK_PASSED = "check_passed"
    STAMPING_DONE = "stamping_done"
    REGISTRATION_DONE = "registration_done"
    ROUTE_CHOSEN = "route_chosen"
    DELIVERY_STARTED = "delivery_started"
    HANDED_OVER = "handed_over"
    ERP_TOLD = "erp_told"
    PARKED = "parked"
    RESUMED = "resumed"
    WITHDRAWN = "withdrawn"


_S, _E = JourneyState, JourneyEvent

# (from, event) -> to. RESUMED is not here: it goes to the state the parked row remembers (RESUMABLE).
JOURNEY: dict[tuple[JourneyState, JourneyEvent], JourneyState] = {
    (_S.FETCHED, _E.CHECK_PASSED): _S.CHECKED,
    (_S.CHECKED, _E.STAMPING_DONE): _S.STAMPED,
    (_S.STAMPED, _E.REGISTRATION_DONE): _S.REGISTERED,
    (_S.REGISTERED, _E.ROUTE_CHOSEN): _S.ROUTED,
    (_S.ROUTED, _E.DELIVERY_STARTED): _S.DELIVERING,
    (_S.DELIVERING, _E.HANDED_OVER): _S.DELIVERED,
    (_S.DELIVERED, _E.ERP_TOLD): _S.POSTED_BACK,
    **{
        (s, _E.PARKED): _S.PARKED
        for s in (
            _S.FETCHED,
            _S.CHECKED,
            _S.STAMPED,
            _S.REGISTERED,
            _S.ROUTED,
            _S.DELIVERING,
            _S.DELIVERED,
            _S.POSTED_BACK,
        )
    },
    (_S.PARKED, _E.WITHDRAWN): _S.WITHDRAWN,
}
RESUMABLE: frozenset[JourneyState] = frozenset(s for (s, e) in JOURNEY if e is _E.PARKED)


def next_journey_state(
    state: JourneyState, event: JourneyEvent, *, return_state: JourneyState | None = None
) -> JourneyState:
    """The state after `event`. `return_state` is what a parked invoice goes back to on RESUMED.

    Raises IllegalTransition for every move not in the table.
    """
    if event is JourneyEvent.RESUMED and state is JourneyState.PARKED and return_state and return_state in RESUMABLE:
        return return_state
    try:
        return JOURNEY[(state, event)]
    except KeyError:
        raise IllegalTransition(f"invoice: no move from {state} on {event}") from None


class DeliveryState(StrEnum):
    """Where one invoice on one channel is."""

    READY = "ready"
    SENDING = "sending"
    HANDED_OVER = "handed_over"
    CONFIRMED = "confirmed"
    OPENED = "opened"
    EXPIRED = "expired"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    STOPPED = "stopped"


class DeliveryEvent(StrEnum):
    """What moves a delivery."""

    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    TRY_LATER = "try_later"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    NEVER_ARRIVED = "never_arrived"
    OPENED = "opened"
    EXPIRED = "expired"
    STOPPED = "stopped"


_D, _V = DeliveryState, DeliveryEvent

DELIVERY: dict[tuple[DeliveryState, DeliveryEvent], DeliveryState] = {
    (_D.READY, _V.CLAIMED): _D.SENDING,
    (_D.READY, _V.STOPPED): _D.STOPPED,  # opened late, before the letter went
    (_D.READY, _V.REFUSED): _D.REFUSED,  # the debtor cannot receive it after all
    (_D.SENDING, _V.ACCEPTED): _D.HANDED_OVER,
    (_D.SENDING, _V.CONFIRMED): _D.CONFIRMED,  # receipt in the same answer
    (_D.SENDING, _V.TRY_LATER): _D.READY,
    (_D.SENDING, _V.REFUSED): _D.REFUSED,
    (_D.SENDING, _V.UNKNOWN): _D.UNKNOWN,
    (_D.UNKNOWN, _V.ACCEPTED): _D.HANDED_OVER,
    (_D.UNKNOWN, _V.CONFIRMED): _D.CONFIRMED,
    (_D.UNKNOWN, _V.REFUSED): _D.REFUSED,
    (_D.UNKNOWN, _V.NEVER_ARRIVED): _D.READY,
    (_D.UNKNOWN, _V.OPENED): _D.OPENED,  # the debtor has it: that settles it
    (_D.HANDED_OVER, _V.CONFIRMED): _D.CONFIRMED,
    (_D.HANDED_OVER, _V.OPENED): _D.OPENED,
    (_D.HANDED_OVER, _V.EXPIRED): _D.EXPIRED,
    (_D.HANDED_OVER, _V.REFUSED): _D.REFUSED,  # bounced or finally refused later on
    (_D.EXPIRED, _V.OPENED): _D.OPENED,  # opened late
    (_D.EXPIRED, _V.REFUSED): _D.REFUSED,
}
DELIVERY_FINAL: frozenset[DeliveryState] = frozenset({_D.CONFIRMED, _D.OPENED, _D.REFUSED, _D.STOPPED})
# States in which the other side has the document.
DELIVERY_REACHED: frozenset[DeliveryState] = frozenset({_D.HANDED_OVER, _D.CONFIRMED, _D.OPENED, _D.EXPIRED})


def next_delivery_state(state: DeliveryState, event: DeliveryEvent) -> DeliveryState:
    """The state after `event`. Raises IllegalTransition for every move not in the table."""
    try:
        return DELIVERY[(state, event)]
    except KeyError:
        raise IllegalTransition(f"delivery: no move from {state} on {event}") from None
