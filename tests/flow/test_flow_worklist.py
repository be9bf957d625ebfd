"""A person takes an invoice out of the worker's hands, and gives it back."""

from __future__ import annotations

from datetime import date, timedelta

import httpx
import pytest
from typer.testing import Result

from tests.support.flow import Flow, person

pytestmark = pytest.mark.anyio

NOTE = ("--note", "ringt oss, bestrider kravet", "--by", "Åse ved pulten")


def command(house: Flow, *words: str) -> Result:
    return house.command(*words)


async def test_what_fits_several_invoices_is_refused_with_the_list(house: Flow) -> None:
    house.invoice(3, person(email=""))
    house.invoice(5002, person(10002, "Ingeborg Rødseth", ""))
    house.invoice(5003, person(10003, "Torfinn Hauglie", ""))
    await house.at(8)
    numbered, meant = house.id_of(3), house.id_of(5003)
    assert (numbered, meant) == (1, 3), "the id of one is another's number"
    guessed = command(house, "withdraw", "3", *NOTE)
    assert guessed.exit_code == 1
    for line in ("id:1  invoice 3 of nordlys", "id:3  invoice 5003 of nordlys", "CLIENT/NUMBER"):
        assert line in guessed.stderr, line
    assert (house.state(3), house.state(5003)) == ("delivered", "delivered")
    for reference in ("id:3", "nordlys/5003", "5003"):
        assert f'"id": {meant},' in command(house, "invoice", "show", reference, "--json").stdout
    assert command(house, "withdraw", "nordlys/3", *NOTE).exit_code == 0
    assert (house.state(3), house.state(5003)) == ("withdrawn", "delivered")
    assert command(house, "withdraw", "id:99", *NOTE).exit_code == 1


async def test_held_nothing_goes_and_released_it_goes_on(house: Flow) -> None:
    house.invoice(5001, person(email=""))
    house.turn(8)
    await house.job("intake")
    assert house.state(5001) == "delivered"
    held = command(house, "hold", "nordlys/5001", *NOTE)
    assert held.exit_code == 0
    assert held.stdout.startswith("invoice 5001 of nordlys (id 1, debtor 10001, Kari Østby) is held")
    assert "`factoring-worker release id:1 --note WHY`" in held.stdout
    assert house.state(5001) == "parked: held"
    assert "Åse ved pulten: ringt oss" in (house.story(5001).invoice.parked_detail or "")
    await house.at(15, 30)
    assert house.told(5001) == []

    again, wrong = command(house, "hold", "nordlys/5001", *NOTE), command(house, "retry", "nordlys/5001")
    assert (again.exit_code, wrong.exit_code) == (1, 1)
    assert "parked already (held)" in again.stderr and "`release` lets it go on" in wrong.stderr
    assert command(house, "hold", "nordlys/5001", "--note", "  ").exit_code == 2

    released = command(house, "release", "nordlys/5001", *NOTE)
    assert released.exit_code == 0 and "(id 1, debtor 10001, Kari Østby) goes on as delivered" in released.stdout
    await house.job("postback")
    assert len(house.told(5001)) == 1
    assert command(house, "release", "nordlys/5001", *NOTE).exit_code == 1


async def test_withdrawn_its_link_is_closed_and_no_letter_follows(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    link, _ = house.link_and_code("5001")
    done = command(house, "withdraw", "nordlys/5001", *NOTE)
    assert done.exit_code == 0
    assert "invoice 5001 of nordlys (id 1, debtor 10001, Kari Østby) is withdrawn. Tell ERP and debtor" in done.stdout
    assert house.state(5001) == "withdrawn"
    async with house.portal(), httpx.AsyncClient() as debtor:
        page = await debtor.get(link)
        assert "5001" not in page.text
    await house.at(15, 30)
    await house.at(8, day=date(2026, 11, 30))  # a link that was not withdrawn becomes a letter now
    assert house.letters() == [] and house.told(5001) == []
    assert command(house, "withdraw", "nordlys/5001", *NOTE).exit_code == 1
    assert command(house, "hold", "nordlys/5001", *NOTE).exit_code == 1


async def test_withdrawn_before_it_is_sent_the_waiting_delivery_is_stopped(house: Flow) -> None:
    house.invoice(5001, person(10001, "Treg Port", "treg+greylisted@privat.example"))
    await house.at(8)
    assert house.deliveries(5001) == [("email_link", "ready")]
    done = command(house, "withdraw", "nordlys/5001", *NOTE)
    assert "1 waiting deliveries stopped" in done.stdout
    assert house.deliveries(5001) == [("email_link", "stopped")]
    house.clock.turn(house.clock.now() + timedelta(minutes=30))
    await house.job("follow_up")
    assert house.mails("5001") == []
