"""Nothing of a story is told in a program's words: every closed list has its Norwegian."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import product

import pytest

from worker.evidence.words import CARRIERS, EVENTS, MONEY, NOT_THERE, PARKED, RESPONSES
from worker.model.bounce import ReportKind
from worker.model.channel import Channel
from worker.model.journey import DELIVERY_REACHED, DeliveryEvent, DeliveryState, JourneyEvent
from worker.model.letter import ReceiptStatus
from worker.model.parked import ParkedReason
from worker.model.receiver import CODES, Source
from worker.model.settlement import EventKind
from worker.store.holds import REMOVED

BETWEEN_FACTOR_AND_CLIENT = {
    EventKind.ADMINISTRATIVE_FEE, EventKind.FINANCIAL_FEE, EventKind.ADVANCE, EventKind.PAYOUT,
    EventKind.BALANCE_CHANGE,
}  # fmt: skip


@pytest.mark.parametrize(
    ("known", "told"),
    [
        (JourneyEvent, EVENTS),
        ([f"delivery_{event}" for event in DeliveryEvent], EVENTS),
        ([f"letter_{status}" for status in ReceiptStatus], EVENTS),
        ([f"bounce_{kind}" for kind in ReportKind], EVENTS),
        ([f"receiver_{source}" for source in Source], EVENTS),
        (REMOVED, EVENTS),
        (ParkedReason, PARKED),
        (Channel, CARRIERS),
        (set(DeliveryState) - DELIVERY_REACHED, NOT_THERE),
        ([pair for source in Source for pair in product([source], CODES[source])], RESPONSES),
        (set(EventKind) - BETWEEN_FACTOR_AND_CLIENT, MONEY),
    ],
)
def test_every_word_has_its_norwegian(known: Iterable[object], told: Collection[object]) -> None:
    assert [word for word in known if word not in told] == []
