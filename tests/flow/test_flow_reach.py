"""Debtors leave Peppol, or seem to: the whole road from the look-up to the next channel, and what people are shown."""

from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import DAY, Debtor, Flow, business, flow
from worker.sandbox import magic
from worker.support.clock import oslo
from worker.wiring import build_house

pytestmark = pytest.mark.anyio

NEXT_DAY = DAY + timedelta(days=1)
DUTY_DAY = date(2027, 1, 5)


@pytest.fixture
async def house(tmp_path: Path) -> Any:
    async with flow(tmp_path) as made:
        yield made


def shown(house: Flow, *words: str) -> str:
    result = house.command(*words, columns=300)
    assert result.exit_code == 0, result.output
    return result.stdout


async def test_a_debtor_that_leaves_before_sending_gets_it_another_way_when_two_looks_say_so(
    tmp_path: Path,
) -> None:
    async with flow(tmp_path, start=oslo(DUTY_DAY, time(7))) as house:
        await _a_debtor_leaves(house)


async def _a_debtor_leaves(house: Flow) -> None:
    leaving = business(20001, email="post@oyriker.example")
    staying = business(20002, "Lav AS")
    house.invoice(5001, leaving, reachable=True)
    house.invoice(5002, staying, reachable=True)
    house.invoice(5003, Debtor(20003, "Avvist AS", magic.AP_REJECTED, "post@avvist.example"))
    own = house.house
    house.house = build_house(own.settings.model_copy(update={"access_point_url": "http://127.0.0.1:9"}), own.clock)
    await house.at(8, day=DUTY_DAY)
    await house.house.aclose()
    house.house = own
    assert house.deliveries(5001) == house.deliveries(5002) == [("ehf", "ready")]

    house.world.unregister_peppol(f"0192:{leaving.organisation_number}")
    await house.at(8, 10, day=DUTY_DAY)
    assert house.deliveries(5001) == [("ehf", "ready")], "a single no stops it and sends it nowhere else"
    assert "now say no, and are looked up a second time" in shown(house, "status")
    await house.at(8, 20, day=DUTY_DAY)
    await house.at(8, 30, day=DUTY_DAY)
    assert house.deliveries(5001) == [("ehf", "refused"), ("email_link", "handed_over")]
    assert house.deliveries(5002)[0][1] == "confirmed"
    assert [row.receiver for row in house.world.accepted_ehf] == [f"0192:{staying.organisation_number}"]
    assert len(house.mails("5001")) == 1

    await house.at(8, 40, day=DUTY_DAY)
    assert house.deliveries(5003) == [("ehf", "refused"), ("email_link", "handed_over")]
    assert "ehf_duty" in dict(house.story(5003).warnings), "it receives EHF, and was refused by its access point"
    assert "ehf_duty" not in dict(house.story(5001).warnings), "nothing is owed to who has left"

    kept = [one for decision in house.story(5001).decisions for one in decision.evidence or []]
    assert [(one["answer"], one["found"], one["cached"]) for one in kept] == [
        ("yes", "yes", False),
        ("no", "no", False),
    ]
    assert kept[0]["name"].endswith(f".iso6523-actorid-upis.{house.sandbox.dns_zone}.")
    assert (kept[0]["smp"], kept[1]["smp"]) == ("smp.sandbox.test", "")
    again = [one for decision in house.story(5002).decisions for one in decision.evidence or []]
    assert [one["answer"] for one in again] == ["yes", "yes"], "looked up again: its yes was half an hour old"
    story = shown(house, "invoice", "show", "5001")
    for words in ("looked up", "SMP smp.sandbox.test", "NXDOMAIN", "fresh", "no longer receives EHF", kept[0]["name"]):
        assert words in story


async def test_when_many_seem_to_leave_at_once_all_wait_and_go_on_when_the_network_is_back(house: Flow) -> None:
    firms = [business(20001 + n, f"Firma {n} AS", email=f"post@firma{n}.example") for n in range(3)]
    for n, firm in enumerate(firms):
        house.invoice(5001 + n, firm, reachable=True)
    await house.at(8)
    assert {house.state(5001 + n) for n in range(3)} == {"delivered"}

    house.turn(7, day=NEXT_DAY)
    for n, firm in enumerate(firms):
        house.world.unregister_peppol(f"0192:{firm.organisation_number}")
        house.invoice(5011 + n, firm)
    house.invoice(5020, business(20009, "Papir AS", email="post@papir.example"))
    await house.at(8, day=NEXT_DAY)
    waiting = [5011, 5012, 5013, 5020]
    assert {house.state(number) for number in waiting} == {"parked: reach_unknown"}, "nor is a newcomer's no believed"
    assert (house.mails(), house.letters()) == ([], [])
    (alarm,) = house.events("reach.no_not_believed")
    assert (alarm["level"], alarm["counts"]) == ("error", {"flipped": 3, "sample": 3})
    assert "NO IS NOT BELIEVED (3 of 3" in shown(house, "status")

    for firm in firms:
        house.world.register_peppol(f"0192:{firm.organisation_number}")
    await house.at(8, 10, day=NEXT_DAY)
    assert [house.deliveries(number) for number in waiting[:3]] == [[("ehf", "confirmed")]] * 3
    await house.at(8, 20, day=NEXT_DAY)
    assert house.deliveries(5020) == [("email_link", "handed_over")], "its no of a time of trouble counted for nothing"
    assert "NOT BELIEVED" not in shown(house, "status")
