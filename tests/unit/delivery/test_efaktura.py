"""What is sent to a person's bank, and what is held back at the last moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.consumers import Consumers
from tests.support.ehf_samples import DUE, SAMPLES
from worker.delivery import efaktura
from worker.delivery.outbound import DeliveryConfig, Parcel
from worker.model.ehf import read_document
from worker.model.journey import DeliveryEvent
from worker.model.outcomes import Refused, UnknownOutcome
from worker.ports import SubmissionState
from worker.store.rows import DeliveryRow, InvoiceRow

pytestmark = pytest.mark.anyio

XML, PDF = SAMPLES["invoice"]().xml, b"%PDF-1.4 as stamped"
CONFIG = DeliveryConfig(
    client_name="Nordlys", factor_name="Fjordfaktor", factor_contact="", reply_to="", message_id_domain="",
    portal_url="", link_days=90, unopened_days=4, server_key=b"", return_address="",
    letter_colour=False, letter_duplex=False, efaktura=True, efaktura_tenant="eui-1", issuer="986252932",
)  # fmt: skip


def parcel() -> Parcel:
    document = read_document(XML)
    invoice: dict[str, Any] = dict.fromkeys(InvoiceRow.__slots__)
    invoice |= {"number": document.number, "account": "12345678903", "kid": "001000010021006"}
    delivery: dict[str, Any] = dict.fromkeys(DeliveryRow.__slots__)
    delivery |= {"key": "key-1", "address": "ref-7"}
    return Parcel(InvoiceRow(**invoice), DeliveryRow(**delivery), document, XML, PDF)


async def test_the_bank_is_told_what_the_document_says() -> None:
    consumers, sent = Consumers(), parcel()
    result = await efaktura.send(sent, CONFIG, consumers, DUE - timedelta(days=14))
    assert result.event is DeliveryEvent.ACCEPTED
    (told,) = consumers.sent
    assert (told.key, told.tenant, told.issuer, told.reference) == ("key-1", "eui-1", "986252932", "ref-7")
    assert (told.account, told.kid, told.due_date) == ("12345678903", "001000010021006", DUE)
    assert told.amount_minor == sent.document.payable * 100
    assert (told.pdf, told.xml) == (PDF, XML)
    for secret in ("ref-7", "12345678903", "001000010021006", "%PDF"):
        assert secret not in repr(told)


@pytest.mark.parametrize(
    ("today", "config", "why"),
    [
        (DUE - timedelta(days=2), CONFIG, "3 to 365 days after sending, this is 2"),
        (DUE + timedelta(days=1), CONFIG, "this is -1"),
        (DUE - timedelta(days=366), CONFIG, "this is 366"),
        (DUE - timedelta(days=14), replace(CONFIG, efaktura=False), "turned off"),
    ],
)
async def test_what_the_banks_do_not_take_is_held_back(today: date, config: DeliveryConfig, why: str) -> None:
    """It was right when the channel was chosen; the invoice has waited since."""
    consumers = Consumers()
    with pytest.raises(Refused, match=why):
        await efaktura.send(parcel(), config, consumers, today)
    assert consumers.sent == []


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (SubmissionState.QUEUED, DeliveryEvent.UNKNOWN),
        (SubmissionState.SUBMITTED, DeliveryEvent.ACCEPTED),
        (SubmissionState.DELIVERED, DeliveryEvent.CONFIRMED),
        (SubmissionState.REFUSED, DeliveryEvent.REFUSED),
    ],
)
async def test_what_became_of_it(state: SubmissionState, event: DeliveryEvent) -> None:
    consumers, sent = Consumers(state=state), parcel()
    assert await efaktura.ask(sent, CONFIG, consumers) is None, "never seen: it may be sent"
    assert (await efaktura.send(sent, CONFIG, consumers, DUE - timedelta(days=3))).event is event
    answer = await efaktura.ask(sent, CONFIG, consumers)
    assert answer is not None and answer.event is event


async def test_without_a_provider_nothing_is_sent_and_nobody_can_be_asked() -> None:
    with pytest.raises(Refused, match="turned off"):
        await efaktura.send(parcel(), CONFIG, None, DUE - timedelta(days=14))
    with pytest.raises(UnknownOutcome, match="nobody can be asked"):
        await efaktura.ask(parcel(), CONFIG, None)
