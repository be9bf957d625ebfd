"""Telling the ERP: once, also when its answer is lost; parked when it says no; and nothing left untold."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.flow import DAY, Flow, client_plan, flow, person
from worker.store import retrying
from worker.store.keys import delivery_key

pytestmark = pytest.mark.anyio

NEXT_DAY = DAY + timedelta(days=1)
LETTER_DAY = date(2026, 11, 30)
TROUBLES = {
    5001: "delivered_500_once",
    5002: "delivered_500_after_accept",
    5003: "delivered_empty_after_accept",
    5004: "delivered_timeout_after_accept",
    5005: "delivered_timeout_before_accept",
    5006: "delivered_refused",
    5007: None,
}


async def test_every_trouble_of_the_report(house: Flow) -> None:
    for number, trouble in TROUBLES.items():
        house.invoice(number, person(), trouble=trouble)
    await house.at(8)
    await house.at(15, 30)
    through = {5002, 5003, 5004, 5007}
    assert {n: house.state(n) for n in through} == dict.fromkeys(through, "posted_back"), "found told by asking"
    assert (house.state(5001), house.state(5005)) == ("delivered", "delivered")
    assert house.state(5006) == "parked: postback_refused"
    assert "locked" in (house.story(5006).invoice.parked_detail or ""), "the ERP's own words are kept"

    await house.at(15, 50)
    assert (house.state(5001), house.state(5005)) == ("posted_back", "posted_back")
    told = {n: [call.call for call in house.told(n)] for n in TROUBLES}
    assert told == {n: [] if n == 5006 else ["delivered"] for n in TROUBLES}
    tries = [(row.act, row.outcome) for row in house.story(5004).attempts if row.subject == "postback"]
    assert tries == [("ask", "already_told")]
    assert house.events("postback.attempted", outcome="already_told", level="info")
    assert house.events("invoice.parked", reason="postback_refused", invoice=house.id_of(5006))


async def test_a_refused_report_goes_through_after_retry(house: Flow) -> None:
    erp_id = house.invoice(5001, person(), trouble="delivered_refused")
    await house.at(8)
    await house.at(15, 30)
    await house.at(15, 50)
    await house.at(8, day=NEXT_DAY)
    assert house.state(5001) == "parked: postback_refused", "it waits for a person"
    erp = house.erp()
    erp.invoices.settle(erp_id, replace(erp.invoices[erp_id], trouble=None))
    house.turn(9, day=NEXT_DAY)
    _retry(house, 5001)
    await house.at(9, 10, day=NEXT_DAY)
    assert house.state(5001) == "posted_back"
    assert len(house.told(5001)) == 1


def _retry(house: Flow, number: int, *, arrived: bool | None = None) -> None:
    row = house.story(number).invoice
    new_key = delivery_key(row, len(house.story(number).deliveries) + 1)
    retrying.retry(house.house.db, row.id, arrived=arrived, new_key=new_key, now=house.clock.now())


async def test_handed_over_after_half_past_three_is_told_the_next_day(house: Flow) -> None:
    house.invoice(5001, person(10001, "Kari Østby", "kari+greylisted@privat.example"))
    house.turn(15, 29)
    await house.job("intake")
    await house.at(15, 30)
    await house.at(15, 40)
    assert house.state(5001) == "delivered"
    await house.at(17)
    assert house.told(5001) == []
    for hour, minute in ((8, 0), (8, 10), (10, 30)):
        await house.at(hour, minute, day=NEXT_DAY)
    assert house.told(5001) == []
    await house.at(15, 30, day=NEXT_DAY)
    (call,) = house.told(5001)
    assert call.comment == "Sendt på e-post med lenke og kode 25.11.2026 kl. 15:40."


@pytest.mark.parametrize("trouble", ["status_refused", "status_timeout_after_accept"])
async def test_the_second_report_in_trouble(house: Flow, trouble: str) -> None:
    house.invoice(5001, person(), trouble=trouble)
    await house.at(8)
    await house.at(15, 30)
    await house.at(8, day=LETTER_DAY)
    await house.at(15, 30, day=LETTER_DAY)
    await house.at(15, 50, day=LETTER_DAY)
    calls = [call.call for call in house.told(5001)]
    if trouble == "status_refused":
        assert (house.state(5001), calls) == ("parked: postback_refused", ["delivered"])
    else:
        assert (house.state(5001), calls) == ("posted_back", ["delivered", "status"])


async def test_an_erp_that_cannot_be_asked_is_asked_later_and_told_once(house: Flow) -> None:
    """Told, the answer lost, and the question refused: until it is known, nothing is repeated."""
    house.invoice(5001, person(), trouble="delivered_500_after_accept")
    await house.at(8)
    house.erp().trouble.list_refused_next = 1
    await house.at(15, 30)
    assert [row.state for row in house.story(5001).postbacks] == ["unknown"]
    assert house.state(5001) == "delivered"
    await house.at(15, 50)
    assert house.state(5001) == "posted_back"
    assert len(house.told(5001)) == 1


async def test_a_report_delayed_until_after_the_letter_tells_of_both(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    house.erp().trouble.token_refused = True
    await house.at(15, 30)
    assert house.state(5001) == "delivered"
    await house.at(8, day=LETTER_DAY)
    assert house.deliveries(5001) == [("email_link", "expired"), ("letter", "handed_over")]
    house.erp().trouble.token_refused = False
    await house.at(15, 30, day=LETTER_DAY)
    words = " ".join(call.comment or "" for call in house.told(5001))
    assert words.count("Sendt på e-post") == 1
    assert words.count("Sendt som brev 30.11.2026") == 1
    assert {row.state for row in house.story(5001).postbacks} <= {"done", "folded"}


async def test_a_report_found_told_late_does_not_swallow_the_letter(house: Flow) -> None:
    """The first report got through on the first day, without the letter that came days after: that is still owed."""
    house.invoice(5001, person(), trouble="delivered_500_after_accept")
    await house.at(8)
    house.erp().trouble.list_refused_next = 1
    await house.at(15, 30)
    assert [row.state for row in house.story(5001).postbacks] == ["unknown"]
    await house.at(8, day=LETTER_DAY)
    await house.at(15, 30, day=LETTER_DAY)
    await house.at(15, 50, day=LETTER_DAY)
    assert [call.comment for call in house.told(5001)] == [
        "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00.",
        "E-posten ble ikke åpnet. Sendt som brev 30.11.2026 kl. 08:00.",
    ]


async def test_a_client_whose_key_is_withdrawn_is_not_told_but_loses_nothing(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik")) as house:
        house.invoice(5001, person())
        house.invoice(8101, person(10002, "Per Åsen", "per.asen@privat.example"), client="fjordvik")
        await house.at(8)
        house.erp().trouble.token_refused = True
        await house.at(15, 30)
        assert house.state(8101, "fjordvik") == "posted_back"
        assert house.state(5001) == "delivered"
        assert house.events("postback.attempted", client="nordlys")[0]["level"] == "warning"
        house.erp().trouble.token_refused = False
        await house.at(15, 50)
        assert house.state(5001) == "posted_back"
        assert len(house.told(5001)) == 1
