"""Which way out: every rule of the order, and what must hold whatever the debtor and the client are like."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.model.channel import FACTS, Channel, Reach, ReachAnswer
from worker.model.parked import ParkedReason
from worker.model.party import PostalAddress, email_addresses
from worker.ports import ConsumerAnswer
from worker.routing.choose import (
    EHF_DUTY_FROM,
    Debtor,
    Decision,
    RoutingRules,
    Terms,
    choose,
    is_print_only,
    needs_consumer_lookup,
    needs_lookup,
    next_channel,
)

TODAY = date(2026, 11, 25)
PRINT_ONLY = "printonly@factoringfinans.no"
ADDRESS = PostalAddress("Nygata 2", "", "5003", "BERGEN", "NO")
RULES = RoutingRules(Channel.EMAIL_LINK, PRINT_ONLY, 4)
FIRM = Debtor(
    is_person=False, postal_address=ADDRESS, address_lines=("Firma AS", "Nygata 2", "5003 BERGEN"),
    email="post@firma.example", participant="0192:399200107",
)  # fmt: skip
KARI = replace(FIRM, is_person=True, participant="", email="kari@privat.example")
TERMS = Terms(currency="NOK", due_date=TODAY + timedelta(days=14), is_credit=False)
ReachWord = Literal["yes", "no", "unknown"]


def reach(word: ReachWord) -> ReachAnswer:
    return ReachAnswer(Reach(word), "0192:399200107", "invoice", f"the network says {word}")


def decided(debtor: Debtor, *, rules: RoutingRules = RULES, asked: ReachWord | None = None, today: date = TODAY,
            terms: Terms = TERMS, consumer: Reach | None = None) -> Decision:  # fmt: skip
    answer = reach(asked) if asked else None
    return choose(debtor, terms, rules, reach=answer, consumer=person_says(consumer), today=today)


def person_says(word: Reach | None) -> ConsumerAnswer | None:
    if word is None:
        return None
    return ConsumerAnswer(word, f"the provider says {word}", "ref-7" if word is Reach.YES else "")


# --- the order, rule by rule -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "gap"),
    [
        (PostalAddress("", "", "5003", "BERGEN"), "address"),
        (PostalAddress("Nygata 2", "", "", "BERGEN"), "postal code"),
        (PostalAddress("Nygata 2", "", "5003", " "), "city"),
    ],
)
def test_no_complete_address_parks_whatever_else_there_is(address: PostalAddress, gap: str) -> None:
    for debtor in (FIRM, KARI, replace(FIRM, email=PRINT_ONLY)):
        decision = decided(replace(debtor, postal_address=address), asked="yes")
        assert (decision.channel, decision.park) == (None, ParkedReason.MISSING_POSTAL_ADDRESS)
        assert gap in decision.reason


@pytest.mark.parametrize(
    "written",
    [
        PRINT_ONLY,
        "PrintOnly@FactoringFinans.NO",
        f"  {PRINT_ONLY} ",
        f"a@b.no; {PRINT_ONLY}",
        f"a@b.no,{PRINT_ONLY.upper()}",
    ],
)
def test_print_only_is_a_letter_also_for_who_receives_ehf(written: str) -> None:
    decision = decided(replace(FIRM, email=written), asked="yes")
    assert decision.channel is Channel.LETTER
    assert decision.address == "Firma AS\nNygata 2\n5003 BERGEN"
    assert [channel for channel, _ in decision.considered] == [Channel.EHF, Channel.LETTER]


def test_a_client_may_have_its_own_print_only_address_or_none() -> None:
    own = replace(RULES, print_only_address="papir@klient.example")
    assert decided(replace(KARI, email="PAPIR@klient.example"), rules=own).channel is Channel.LETTER
    none = replace(RULES, print_only_address="")
    assert decided(replace(KARI, email=""), rules=none).reason == "no electronic way to the debtor"


def test_a_business_that_receives_ehf_gets_ehf() -> None:
    decision = decided(FIRM, asked="yes")
    assert (decision.channel, decision.address) == (Channel.EHF, "0192:399200107")


@pytest.mark.parametrize("asked", ["unknown", None])
def test_an_unknown_reach_parks(asked: Literal["unknown"] | None) -> None:
    decision = decided(FIRM, asked=asked)
    assert (decision.channel, decision.park) == (None, ParkedReason.REACH_UNKNOWN)


def test_a_person_never_gets_ehf() -> None:
    decision = decided(replace(KARI, participant="0192:399200107"), asked="yes")
    assert decision.channel is Channel.EMAIL_LINK
    assert decision.considered[0] == (Channel.EHF, "a private person")


@pytest.mark.parametrize("channel", [Channel.EMAIL_LINK, Channel.EMAIL_PDF])
def test_e_mail_is_the_clients_choice(channel: Channel) -> None:
    decision = decided(FIRM, rules=replace(RULES, email_channel=channel), asked="no")
    assert (decision.channel, decision.address) == (channel, "post@firma.example")


def test_several_addresses_all_get_it_and_what_is_no_address_is_left_out() -> None:
    decision = decided(replace(KARI, email="kari@privat.example; ikke en adresse; per@privat.example"))
    assert decision.address == "kari@privat.example; per@privat.example"


@pytest.mark.parametrize("email", ["", "ikke en adresse", "kari@", "@privat.example"])
def test_no_usable_address_is_a_letter(email: str) -> None:
    assert decided(replace(KARI, email=email)).channel is Channel.LETTER


def test_why_is_told_in_order() -> None:
    decision = decided(replace(FIRM, email=""), asked="no")
    assert [channel for channel, _ in decision.considered] == [
        Channel.EHF, Channel.EFAKTURA, Channel.EMAIL_LINK, Channel.LETTER,
    ]  # fmt: skip
    assert decision.considered[0][1] == "the network says no"


@pytest.mark.parametrize(
    ("terms", "consumer", "channel"),
    [
        (TERMS, Reach.YES, Channel.EFAKTURA),
        (TERMS, Reach.NO, Channel.EMAIL_LINK),
        (TERMS, Reach.UNKNOWN, Channel.EMAIL_LINK),
        (replace(TERMS, currency="SEK"), Reach.YES, Channel.EMAIL_LINK),
        (replace(TERMS, is_credit=True), Reach.YES, Channel.EMAIL_LINK),
        (replace(TERMS, due_date=None), Reach.YES, Channel.EMAIL_LINK),
        (replace(TERMS, due_date=TODAY + timedelta(days=2)), Reach.YES, Channel.EMAIL_LINK),
        (replace(TERMS, due_date=TODAY + timedelta(days=3)), Reach.YES, Channel.EFAKTURA),
        (replace(TERMS, due_date=TODAY + timedelta(days=365)), Reach.YES, Channel.EFAKTURA),
        (replace(TERMS, due_date=TODAY + timedelta(days=366)), Reach.YES, Channel.EMAIL_LINK),
    ],
)
def test_efaktura_where_it_is_on(terms: Terms, consumer: Reach, channel: Channel) -> None:
    on = replace(RULES, efaktura=True)
    decision = decided(KARI, rules=on, terms=terms, consumer=consumer)
    assert decision.channel is channel
    assert decision.address == ("ref-7" if channel is Channel.EFAKTURA else KARI.email)
    asked = needs_consumer_lookup(KARI, terms, on, TODAY)
    told = dict(decision.considered)[Channel.EFAKTURA]
    assert (f"the provider says {consumer}" in told) is asked, "the person's answer counts where it was asked for, only"
    assert decided(KARI, rules=RULES, terms=terms, consumer=consumer).channel is not Channel.EFAKTURA
    assert decided(FIRM, rules=on, terms=terms, consumer=consumer, asked="no").channel is not Channel.EFAKTURA


def test_a_person_is_looked_up_only_when_the_answer_matters() -> None:
    on = replace(RULES, efaktura=True)
    assert needs_consumer_lookup(KARI, TERMS, on, TODAY)
    assert not needs_consumer_lookup(KARI, TERMS, RULES, TODAY), "off for the client"
    assert not needs_consumer_lookup(FIRM, TERMS, on, TODAY)
    assert not needs_consumer_lookup(replace(KARI, postal_address=PostalAddress()), TERMS, on, TODAY)
    assert not needs_consumer_lookup(replace(KARI, email=PRINT_ONLY), TERMS, on, TODAY)
    assert not needs_consumer_lookup(KARI, replace(TERMS, currency="EUR"), on, TODAY)


def test_a_yes_without_a_reference_goes_another_way() -> None:
    on = replace(RULES, efaktura=True)
    decision = choose(KARI, TERMS, on, reach=None, consumer=ConsumerAnswer(Reach.YES, "yes"), today=TODAY)
    assert decision.channel is Channel.EMAIL_LINK
    assert "no reference" in dict(decision.considered)[Channel.EFAKTURA]


@pytest.mark.parametrize(
    ("today", "country", "asked", "duty"),
    [
        (EHF_DUTY_FROM, "NO", "yes", True),
        (EHF_DUTY_FROM - timedelta(days=1), "NO", "yes", False),
        (EHF_DUTY_FROM, "SE", "yes", False),
        (EHF_DUTY_FROM, "NO", "no", False),
        (EHF_DUTY_FROM, "NO", "unknown", False),
    ],
)
def test_paper_to_who_must_get_ehf_carries_a_warning(today: date, country: str, asked: ReachWord, duty: bool) -> None:
    debtor = replace(FIRM, email=PRINT_ONLY, postal_address=replace(ADDRESS, country=country))
    decision = decided(debtor, asked=asked, today=today)
    assert decision.channel is Channel.LETTER
    assert decision.ehf_duty is duty


def test_the_network_is_asked_only_when_the_answer_matters() -> None:
    assert needs_lookup(FIRM, RULES, TODAY)
    assert not needs_lookup(KARI, RULES, TODAY)
    assert not needs_lookup(replace(FIRM, participant=""), RULES, TODAY)
    assert not needs_lookup(replace(FIRM, postal_address=PostalAddress()), RULES, TODAY)
    print_only = replace(FIRM, email=PRINT_ONLY)
    assert not needs_lookup(print_only, RULES, TODAY)
    assert needs_lookup(print_only, RULES, EHF_DUTY_FROM)


# --- whatever the debtor is like ------------------------------------------------------------------------

ONE_EMAIL = st.sampled_from(["", "a@b.no", "tull", PRINT_ONLY, PRINT_ONLY.upper()])
SEPARATOR = st.sampled_from([";", "; ", ",", ", "])
EMAILS = st.one_of(ONE_EMAIL, st.tuples(ONE_EMAIL, SEPARATOR, ONE_EMAIL).map("".join))
ADDRESSES = st.builds(
    PostalAddress,
    line1=st.sampled_from(["", " ", "Nygata 2"]),
    line2=st.sampled_from(["", "Postboks 1"]),
    postal_code=st.sampled_from(["", "5003"]),
    city=st.sampled_from(["", "BERGEN"]),
    country=st.sampled_from(["", "NO", "SE", "no"]),
)
DEBTORS = st.builds(
    Debtor,
    is_person=st.booleans(),
    postal_address=st.one_of(st.just(ADDRESS), ADDRESSES),
    address_lines=st.just(("Noen", "Nygata 2", "5003 BERGEN")),
    email=EMAILS,
    participant=st.sampled_from(["", "0192:399200107"]),
)
ALL_RULES = st.builds(
    RoutingRules,
    email_channel=st.sampled_from([Channel.EMAIL_LINK, Channel.EMAIL_PDF]),
    print_only_address=st.sampled_from([PRINT_ONLY, ""]),
    unopened_days=st.integers(1, 30),
    efaktura=st.booleans(),
)
ALL_TERMS = st.builds(
    Terms,
    currency=st.sampled_from(["NOK", "SEK"]),
    due_date=st.one_of(st.none(), st.dates(date(2026, 1, 1), date(2028, 1, 1))),
    is_credit=st.booleans(),
)
REACHES: list[ReachWord] = ["yes", "no", "unknown"]
ANSWERS = st.one_of(st.none(), st.sampled_from(REACHES).map(reach))
CONSUMER = st.one_of(st.none(), st.sampled_from(list(Reach)))
DATES = st.dates(date(2026, 1, 1), date(2028, 1, 1))


@given(DEBTORS, ALL_TERMS, ALL_RULES, ANSWERS, CONSUMER, DATES)
def test_what_always_holds(
    debtor: Debtor, terms: Terms, rules: RoutingRules, answer: ReachAnswer | None, consumer: Reach | None, today: date
) -> None:
    decision = choose(debtor, terms, rules, reach=answer, consumer=person_says(consumer), today=today)
    assert (decision.channel is None) is (decision.park is not None), "a channel or a reason to park, never both"
    assert decision.reason
    if not debtor.postal_address.complete:
        assert decision.park is ParkedReason.MISSING_POSTAL_ADDRESS
        return
    if is_print_only(debtor, rules):
        assert decision.channel is Channel.LETTER
        return
    asks = not debtor.is_person and bool(debtor.participant)
    if asks and (answer is None or answer.reach is Reach.UNKNOWN):
        assert decision.park is ParkedReason.REACH_UNKNOWN, "never e-mail or a letter on an unknown reach"
        return
    assert decision.park is None
    assert decision.channel is not None
    assert (decision.channel is Channel.EHF) is (asks and answer is not None and answer.reach is Reach.YES)
    if decision.channel in (Channel.EMAIL_LINK, Channel.EMAIL_PDF):
        assert decision.channel is rules.email_channel
        assert decision.address.split("; ") == list(email_addresses(debtor.email))
    if decision.channel is Channel.LETTER:
        assert not email_addresses(debtor.email)
    assert decision.considered[-1][0] == decision.channel


@given(DEBTORS, ALL_RULES, st.sampled_from(list(Channel)))
def test_the_next_channel_is_never_a_tried_one_and_it_ends(debtor: Debtor, rules: RoutingRules, first: Channel) -> None:
    """Refusal after refusal: each channel once, e-mail before the letter, then a person."""
    tried, at = [first], first
    while True:
        decision = next_channel(at, debtor, rules, tried=frozenset(tried), why="refused")
        if decision.channel is None:
            assert decision.park is ParkedReason.NO_CHANNEL_LEFT
            break
        assert decision.channel not in tried
        assert decision.channel not in (Channel.EHF, Channel.EFAKTURA), "electronic ways are not found by refusal"
        assert "refused" in decision.reason
        if is_print_only(debtor, rules):
            assert decision.channel is Channel.LETTER
        if decision.channel in (Channel.EMAIL_LINK, Channel.EMAIL_PDF):
            assert decision.channel is rules.email_channel
            assert email_addresses(debtor.email)
        tried.append(decision.channel)
        at = decision.channel
    assert tried[-1] is Channel.LETTER, "a letter is the last way, and only a refused letter ends it"
    assert len(tried) <= 3


@given(DEBTORS, ALL_RULES, st.sampled_from(list(Channel)), st.sets(st.sampled_from(list(Channel))))
def test_whatever_was_tried_before(debtor: Debtor, rules: RoutingRules, failed: Channel, tried: set[Channel]) -> None:
    decision = next_channel(failed, debtor, rules, tried=frozenset(tried | {failed}), why="not opened within 4 days")
    assert decision.channel not in tried | {failed}
    assert decision.channel is None or decision.channel in FACTS[failed].next_after_refusal
    assert decision.considered[0] == (failed, "not opened within 4 days")
