"""Asking about persons, and where an invoice goes that a person has sent once more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.consumers import Consumers
from worker.model.channel import Channel, Reach
from worker.model.party import PostalAddress
from worker.routing import RoutingRules, resend_address
from worker.routing.choose import Debtor
from worker.routing.consumer import SILENT_AFTER, ConsumerAsker
from worker.store.resending import CannotResend
from worker.store.rows import DeliveryRow, InvoiceRow

TODAY = date(2026, 11, 25)
RULES = RoutingRules(
    Channel.EMAIL_LINK, "printonly@factoringfinans.no", 4, efaktura=True, issuer="986252932", efaktura_tenant="eui-1"
)
HOME = PostalAddress("Nygata 2", "", "5003", "BERGEN", "NO")
KARI = Debtor(
    is_person=True, postal_address=HOME, address_lines=("Kari Østby", "Nygata 2", "5003 BERGEN"),
    email="kari@privat.example; per@privat.example", participant="", name="Kari Østby", phone="92233444",
)  # fmt: skip


@pytest.mark.anyio
async def test_a_person_is_asked_about_by_what_the_card_holds() -> None:
    consumers = Consumers()
    answer = await ConsumerAsker(consumers, RULES).ask(KARI)
    assert (answer.reach, answer.reference) == (Reach.YES, "ref-7")
    ((tenant, issuer, consumer),) = consumers.asked
    assert (tenant, issuer) == ("eui-1", "986252932")
    assert (consumer.name, consumer.address, consumer.email, consumer.phone) == (
        "Kari Østby", HOME, "kari@privat.example", "92233444",
    )  # fmt: skip
    for shown in (repr(consumer), repr(answer)):
        assert "Kari" not in shown and "ref-7" not in shown and "@" not in shown


@pytest.mark.anyio
async def test_a_provider_that_is_silent_is_asked_no_more_in_this_run() -> None:
    silence = [Reach.UNKNOWN] * (SILENT_AFTER - 1)
    consumers = Consumers([*silence, Reach.NO, *silence, Reach.UNKNOWN, Reach.YES])
    asker = ConsumerAsker(consumers, RULES)
    answers = [await asker.ask(KARI) for _ in range(2 * SILENT_AFTER + 2)]
    assert len(consumers.asked) == 2 * SILENT_AFTER, "an answer in between counts anew"
    assert [answer.reach for answer in answers[-2:]] == [Reach.UNKNOWN] * 2
    assert answers[-1].evidence.startswith("not asked")
    assert (await ConsumerAsker(None, RULES).ask(KARI)).reach is Reach.UNKNOWN


def invoice(**changed: Any) -> InvoiceRow:
    debtor = {
        "is_person": True, "name": "Kari Østby", "recipient_lines": list(KARI.address_lines),
        "email_to_use": KARI.email, "address": {"line1": "Nygata 2", "postal_code": "5003", "city": "BERGEN"},
        **changed.pop("debtor", {}),
    }  # fmt: skip
    values: dict[str, Any] = dict.fromkeys(InvoiceRow.__slots__)
    values |= {"debtor": debtor, "currency": "NOK", "due_date": TODAY + timedelta(days=14), **changed}
    return InvoiceRow(**values)


def efaktura_before() -> DeliveryRow:
    values: dict[str, Any] = dict.fromkeys(DeliveryRow.__slots__)
    values |= {"channel": "efaktura", "address": "ref-7"}
    return DeliveryRow(**values)


def address(channel: Channel, row: InvoiceRow, given: str = "", *, rules: RoutingRules = RULES) -> str:
    return resend_address(channel, row, rules, given=given, earlier=[efaktura_before()], today=TODAY)


def test_where_it_goes() -> None:
    own = "kari@privat.example; per@privat.example"
    assert address(Channel.EMAIL_LINK, invoice()) == address(Channel.EMAIL_PDF, invoice()) == own
    assert address(Channel.EMAIL_PDF, invoice(), "ny@privat.example,to@privat.example") == (
        "ny@privat.example; to@privat.example"
    )
    assert address(Channel.LETTER, invoice()) == "Kari Østby\nNygata 2\n5003 BERGEN"
    assert address(Channel.EFAKTURA, invoice()) == "ref-7"
    business = {"is_person": False, "participant": "0192:399200107"}
    assert address(Channel.EHF, invoice(debtor=business)) == "0192:399200107"


PRINT_ONLY = {"email_to_use": "PrintOnly@factoringfinans.no"}
BUSINESS = {"is_person": False, "participant": "0192:399200107", "peppol_faults": ["BR-16: no lines"]}


@pytest.mark.parametrize(
    ("channel", "row", "given", "why"),
    [
        (Channel.EMAIL_LINK, invoice(debtor=PRINT_ONLY), "ny@privat.example", "letters only"),
        (Channel.EFAKTURA, invoice(debtor=PRINT_ONLY), "", "letters only"),
        (Channel.EMAIL_LINK, invoice(debtor={"email_to_use": ""}), "", "no usable e-mail address"),
        (Channel.EMAIL_LINK, invoice(), "ny@privat.example; tull", "must be e-mail addresses"),
        (Channel.EMAIL_LINK, invoice(), "; ".join(f"a{n}@privat.example" for n in range(11)), "at most 10"),
        (Channel.LETTER, invoice(), "Nygata 3", "three to six lines"),
        (Channel.LETTER, invoice(), "Kari; " + "Å" * 4000 + "; 0155 OSLO", "does not fit"),
        (Channel.EHF, invoice(), "0192:1", "electronic address in the document"),
        (Channel.EHF, invoice(), "", "no electronic address"),
        (Channel.EHF, invoice(debtor=BUSINESS), "", "BR-16"),
        (Channel.EFAKTURA, invoice(), "ref-8", "the provider has found"),
        (Channel.EFAKTURA, invoice(debtor=BUSINESS), "", "private persons"),
        (Channel.EFAKTURA, invoice(due_date=TODAY + timedelta(days=2)), "", "3 to 365 days"),
        (Channel.EFAKTURA, invoice(currency="EUR"), "", "NOK only"),
    ],
)
def test_the_channels_rules_hold_for_people_too(channel: Channel, row: InvoiceRow, given: str, why: str) -> None:
    with pytest.raises(CannotResend, match=why):
        address(channel, row, given)


def test_efaktura_needs_the_client_to_have_it_and_the_person_to_have_been_found() -> None:
    with pytest.raises(CannotResend, match="off for this client"):
        address(Channel.EFAKTURA, invoice(), rules=replace(RULES, efaktura=False))
    with pytest.raises(CannotResend, match="has not been found"):
        resend_address(Channel.EFAKTURA, invoice(), RULES, given="", earlier=[], today=TODAY)
