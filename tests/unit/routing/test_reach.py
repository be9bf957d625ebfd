"""When a "no" may be acted on: the look-up's memory, the second look after a yes, and the breaker."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.support.database import prepared
from worker.model.channel import Channel, Reach, ReachAnswer
from worker.model.document import Kind
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress
from worker.model.reach import (
    BREAKER_FORGETS,
    JUST_NOW,
    LONGEST_REPEAT,
    NO_LASTS,
    SEEN_AGAIN_AFTER,
    YES_LASTS,
)
from worker.routing import RememberedReach, RoutingRules
from worker.routing.choose import Debtor, Terms, choose
from worker.store import reach as store
from worker.store.database import Database
from worker.support.clock import TurnedClock

pytestmark = pytest.mark.anyio

Y, N, U = Reach.YES, Reach.NO, Reach.UNKNOWN
MINUTE = timedelta(minutes=1)
_numbers = itertools.count(399100000)
# Each test has a month of its own, so that nobody's flips are in another's sample any more.
_months = itertools.count()


class Network:
    """What the Peppol network says, by participant: the last word stays. Counts what it is asked."""

    def __init__(self) -> None:
        self.says: dict[str, list[Reach]] = {}
        self.repeats_for = 0
        self.asked: list[str] = []

    async def lookup(self, *, participant: str, kind: Kind) -> ReachAnswer:
        self.asked.append(participant)
        await asyncio.sleep(0)
        words = self.says[participant]
        word = words.pop(0) if len(words) > 1 else words[0]
        return ReachAnswer(
            word, participant, str(kind), f"says {word}", name="x.example.", smp="smp.example",
            repeats_for=self.repeats_for,
        )  # fmt: skip


class House:
    """A database, a clock and a network; `run` is a new run of a job, in any worker."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.clock = TurnedClock(datetime(2027, 1, 4, 7, tzinfo=UTC) + next(_months) * timedelta(days=30))
        self.network = Network()
        self.reach = self.run()

    def run(self) -> RememberedReach:
        self.reach = RememberedReach(lookup=self.network, db=self.db, clock=self.clock)
        return self.reach

    def debtor(self, *words: Reach) -> str:
        who = f"0192:{next(_numbers)}"
        self.network.says[who] = list(words)
        return who

    async def routed(self, who: str, kind: Kind = Kind.INVOICE) -> ReachAnswer:
        return await self.reach.to_route(participant=who, kind=kind)

    async def sent(self, who: str) -> ReachAnswer:
        return await self.reach.to_send(participant=who, kind=Kind.INVOICE, routed_at=self.clock.now())

    def later(self, span: timedelta) -> None:
        """Time passes, and another run begins."""
        self.clock.turn(self.clock.now() + span)
        self.run()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """One a test: the breaker looks at all debtors there are."""
    made = Database(f"sqlite:///{tmp_path / 'worker.db'}")
    prepared(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def for_all_examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('reach') / 'worker.db'}")
    prepared(made)
    yield made
    made.close()


@pytest.fixture
def house(db: Database) -> House:
    return House(db)


# --- the cache --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("word", "lasts"), [(Y, YES_LASTS), (N, NO_LASTS)])
async def test_an_answer_serves_every_worker_for_its_time(house: House, word: Reach, lasts: timedelta) -> None:
    who = house.debtor(word)
    first = await house.routed(who)
    assert (first.reach, first.cached, first.looked_up_at) == (word, False, house.clock.now())
    looked_up_at = house.clock.now()
    house.later(lasts - MINUTE)
    kept = await house.routed(who)
    assert (kept.reach, kept.cached, kept.looked_up_at) == (word, True, looked_up_at)
    assert (kept.name, kept.smp, kept.evidence) == ("x.example.", "smp.example", f"says {word}")
    assert house.network.asked == [who]
    house.later(MINUTE)
    assert not (await house.routed(who)).cached
    assert house.network.asked == [who, who]


async def test_an_unknown_is_kept_for_nobody(house: House) -> None:
    who = house.debtor(U, Y)
    assert (await house.routed(who)).reach is U
    assert (await house.routed(who)).reach is U
    assert house.network.asked == [who], "within a run it is not asked again"
    house.run()
    assert (await house.routed(who)).reach is Y


async def test_a_kind_is_one_kinds_answer(house: House) -> None:
    who = house.debtor(Y, N)
    assert (await house.routed(who)).reach is Y
    assert (await house.routed(who, Kind.CREDIT_NOTE)).reach is N, "nothing is known of credit notes before"


async def test_a_clock_set_back_serves_nobody_an_answer_of_the_future(house: House) -> None:
    who = house.debtor(Y)
    await house.routed(who)
    house.later(-MINUTE)
    assert not (await house.routed(who)).cached


async def test_a_run_looks_up_each_debtor_once_and_several_at_a_time(house: House) -> None:
    debtors = [house.debtor(word) for word in (Y, N, U) * 7]
    await house.reach.prepare(wanted=[(who, Kind.INVOICE) for who in debtors * 2])
    for who in debtors:
        answer = await house.routed(who)
        assert not answer.cached, "looked up in this very run"
    assert sorted(house.network.asked) == sorted(debtors)


# --- right before sending ---------------------------------------------------------------------------


async def test_before_sending_only_minutes_old_will_do(house: House) -> None:
    who = house.debtor(Y)
    await house.routed(who)
    house.later(JUST_NOW - MINUTE)
    for _ in range(3):
        assert (await house.sent(who)).reach is Y
    assert len(house.network.asked) == 1, "one run's invoices to a debtor share an answer"
    house.later(MINUTE)
    assert (await house.sent(who)).reach is Y
    assert len(house.network.asked) == 2
    await asyncio.gather(*(house.sent(who) for _ in range(4)))
    assert len(house.network.asked) == 2


async def test_an_unknown_is_not_asked_for_by_every_invoice_of_the_run(house: House) -> None:
    who = house.debtor(U, Y)
    for _ in range(3):
        assert (await house.sent(who)).reach is U
    assert len(house.network.asked) == 1
    house.clock.turn(house.clock.now() + JUST_NOW)
    assert (await house.sent(who)).reach is Y


@pytest.mark.parametrize("remembered", [False, True])
async def test_what_was_chosen_for_ehf_has_said_yes_even_if_nobody_remembers(house: House, remembered: bool) -> None:
    who = house.debtor(N)
    if remembered:
        assert (await house.routed(who)).reach is N, "a no of minutes ago, seen once"
    assert (await house.sent(who)).reach is U
    house.later(SEEN_AGAIN_AFTER)
    assert (await house.sent(who)).reach is N


# --- a no after a yes -------------------------------------------------------------------------------


async def test_a_no_after_a_yes_counts_when_it_is_seen_again(house: House) -> None:
    who = house.debtor(Y, N)
    await house.routed(who)
    house.later(YES_LASTS * 90)
    with capture_logs() as lines:
        first = await house.routed(who)
        assert (first.reach, first.found) == (U, N)
        assert "seen again" in first.evidence
        house.later(SEEN_AGAIN_AFTER - MINUTE)
        assert (await house.sent(who)).reach is U, "too soon: it may be the same answer"
        house.later(MINUTE)
        assert (await house.sent(who)).reach is N
        house.later(NO_LASTS * 2)
        assert (await house.routed(who)).reach is N, "confirmed once, it stays so"
    assert [line["event"] for line in lines] == [
        "reach.no_after_yes", "reach.no_after_yes", "reach.no_confirmed", "reach.no_confirmed",
    ]  # fmt: skip


async def test_a_yes_between_two_noes_begins_anew(house: House) -> None:
    who = house.debtor(Y, N, Y, N, N)
    answers: list[Reach] = []
    for _ in range(5):
        answers.append((await house.sent(who)).reach)
        house.later(SEEN_AGAIN_AFTER * 2)
    assert answers == [Y, U, Y, U, N]


@pytest.mark.parametrize(("seconds", "wait"), [(3600, timedelta(hours=1)), (604800, LONGEST_REPEAT)])
async def test_a_no_that_a_resolver_may_repeat_is_not_taken_for_a_second(
    house: House, seconds: int, wait: timedelta
) -> None:
    who = house.debtor(Y, N)
    house.network.repeats_for = seconds
    await house.routed(who)
    house.later(YES_LASTS)
    assert (await house.routed(who)).reach is U
    house.later(wait - MINUTE)
    assert (await house.routed(who)).reach is U
    house.later(MINUTE)
    assert (await house.routed(who)).reach is N


# --- the breaker ------------------------------------------------------------------------------------


async def test_when_many_flip_nobodys_no_is_believed_until_they_recover(house: House) -> None:
    lasting = [house.debtor(Y) for _ in range(20)]
    flipping = [house.debtor(Y, N, N, Y) for _ in range(3)]
    stranger, newcomer = house.debtor(N), house.debtor(N)
    for who in [stranger, *lasting, *flipping]:
        await house.routed(who)
    house.later(NO_LASTS / 2)
    with capture_logs() as lines:
        for who in flipping:
            assert (await house.sent(who)).reach is U
        assert (await house.sent(lasting[0])).reach is Y, "a yes is one all the same"
        assert (await house.routed(stranger)).reach is U, "nor one that was believed half an hour ago"
        assert (await house.routed(newcomer)).reach is U
    alarms = [line for line in lines if line["event"] == "reach.no_not_believed"]
    assert [(line["log_level"], line["counts"]) for line in alarms] == [("error", {"flipped": 3, "sample": 23})]
    assert store.status(house.db, now=house.clock.now()).doubt.flipped == 3
    assert not store.status(house.db, now=house.clock.now()).doubt.no_is_believed

    house.later(SEEN_AGAIN_AFTER)
    assert (await house.sent(flipping[0])).reach is U, "seen twice, and still nobody believes it"
    house.later(SEEN_AGAIN_AFTER)
    assert (await house.sent(flipping[0])).reach is Y
    doubt = store.doubt(house.db, now=house.clock.now())
    assert (doubt.flipped, doubt.no_is_believed) == (2, True)
    assert (await house.routed(newcomer)).reach is N
    assert (await house.sent(flipping[1])).reach is N, "what goes on saying no is believed again"


async def test_a_whole_run_of_flips_is_seen_before_the_first_is_acted_on(house: House) -> None:
    flipping = [house.debtor(Y, N) for _ in range(5)]
    for who in flipping:
        await house.routed(who)
    house.later(YES_LASTS)
    newcomer = house.debtor(N)
    await house.reach.prepare(wanted=[(who, Kind.INVOICE) for who in [newcomer, *flipping]])
    assert [(await house.routed(who)).reach for who in [newcomer, *flipping]] == [U] * 6


async def test_a_few_of_many_are_believed_one_by_one(house: House) -> None:
    for who in [house.debtor(Y) for _ in range(28)]:
        await house.routed(who)
    leaving = [house.debtor(Y, N) for _ in range(3)]
    for who in leaving:
        await house.routed(who)
    house.later(SEEN_AGAIN_AFTER)
    assert [(await house.sent(who)).reach for who in leaving] == [U] * 3
    house.later(SEEN_AGAIN_AFTER)
    assert [(await house.sent(who)).reach for who in leaving] == [N] * 3, "3 of 31 is less than a tenth"


async def test_one_debtor_with_two_kinds_of_document_is_one_flip(house: House) -> None:
    both = [house.debtor(Y, Y, N) for _ in range(2)]
    for who in both:
        await house.routed(who)
        await house.routed(who, Kind.CREDIT_NOTE)
    house.later(YES_LASTS)
    for who in both:
        for kind in Kind:
            assert (await house.routed(who, kind)).reach is U
    assert store.doubt(house.db, now=house.clock.now()).flipped == 2
    house.later(SEEN_AGAIN_AFTER)
    assert (await house.routed(both[0])).reach is N


async def test_what_says_no_for_three_days_has_left(house: House) -> None:
    leaving = [house.debtor(Y, N) for _ in range(3)]
    for who in leaving:
        await house.routed(who)
    house.later(SEEN_AGAIN_AFTER)
    assert [(await house.sent(who)).reach for who in leaving] == [U] * 3
    house.later(BREAKER_FORGETS - MINUTE)
    assert (await house.sent(leaving[0])).reach is U
    house.later(MINUTE)
    assert [(await house.sent(who)).reach for who in leaving] == [N] * 3


# --- whatever the network says ----------------------------------------------------------------------

FIRM = Debtor(
    is_person=False, postal_address=PostalAddress("Nygata 2", "", "5003", "BERGEN", "NO"),
    address_lines=("Firma AS", "Nygata 2", "5003 BERGEN"), email="post@firma.example", participant="0192:399200107",
)  # fmt: skip
RULES = RoutingRules(Channel.EMAIL_LINK, "", 4)
TERMS = Terms(currency="NOK", due_date=None, is_credit=False)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([Y, N, N, U]),
        st.sampled_from([timedelta(0), MINUTE, 6 * MINUTE, 10 * MINUTE, timedelta(hours=2), timedelta(days=2)]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


def _may_say_no(heard: list[tuple[datetime, Reach]], chosen_for_ehf: bool) -> bool:
    """Whether somebody who has heard this may act on a no. Written anew, from the rule's words."""
    definite = [(at, word) for at, word in heard if word is not U]
    if not definite or definite[-1][1] is not N:
        return False
    last_yes = max((place for place, (_, word) in enumerate(definite) if word is Y), default=None)
    if last_yes is None and not chosen_for_ehf:
        return True
    noes = [at for at, _ in definite[(-1 if last_yes is None else last_yes) + 1 :]]
    return noes[-1] - noes[0] >= SEEN_AGAIN_AFTER


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_neither_an_unknown_nor_a_single_no_after_a_yes_ever_takes_another_channel(
    for_all_examples: Database, steps: list[tuple[Reach, timedelta, bool, bool]]
) -> None:
    house = House(for_all_examples)
    who = house.debtor(U)
    heard: list[tuple[datetime, Reach]] = []
    taught = False  # that the debtor was chosen for EHF is kept with the first definite word heard before sending

    async def play() -> None:
        nonlocal taught
        for word, span, new_run, sending in steps:
            house.clock.turn(house.clock.now() + span)
            if new_run:
                house.run()
            house.network.says[who] = [word]
            before = len(house.network.asked)
            answer = await (house.sent(who) if sending else house.routed(who))
            if len(house.network.asked) > before:
                heard.append((house.clock.now(), word))
                taught = taught or (sending and word is not U)
            decision = choose(
                replace(FIRM, participant=who), TERMS, RULES, reach=answer, consumer=None, today=date(2027, 1, 4)
            )
            if decision.channel is Channel.EHF:
                assert [word for _, word in heard if word is not U][-1] is Y
            elif decision.channel is not None:
                assert _may_say_no(heard, sending or taught), (heard, answer)
            else:
                assert decision.park is ParkedReason.REACH_UNKNOWN

    asyncio.run(play())
