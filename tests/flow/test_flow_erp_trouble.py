"""The ERP in trouble: nothing is lost, the other client's day goes on, and the next slot takes up the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.flow import Flow, client_plan, flow, person

pytestmark = pytest.mark.anyio


async def test_a_refused_key_stops_that_client_only(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(), client_plan("fjordvik")) as house:
        house.invoice(5001, person())
        house.invoice(8101, person(10002, "Per Åsen", "per.asen@privat.example"), client="fjordvik")
        house.erp().trouble.token_refused = True
        await house.at(8)
        assert house.state(8101, "fjordvik") == "delivered"
        (line,) = house.events("erp.list_failed")
        assert (line["client"], line["outcome"], line["level"]) == ("nordlys", "access_denied", "error")
        assert "application key and client key" in line["message"]
        (done,) = house.events("run.done", client="nordlys", job="intake")
        assert done["level"] == "warning"

        house.erp().trouble.token_refused = False
        await house.at(10, 30)
        assert house.state(5001) == "delivered"


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
async def test_a_token_that_dies_mid_run_is_renewed(house: Flow, nth: int) -> None:
    """Whichever call meets it: the list, the cards, a document, or the next one."""
    house.invoice(5001, person())
    house.invoice(5002, person(10002, "Per Åsen", "per.asen@privat.example"))
    house.erp().trouble.unauthorized_mid_run = nth
    await house.at(8)
    assert (house.state(5001), house.state(5002)) == ("delivered", "delivered")
    assert not [line for line in house.log() if line["level"] != "info" and line["event"] != "invoice.warning"]


@pytest.mark.parametrize("trouble", ["throttle_next", "server_error_next", "empty_body_next"])
async def test_a_short_trouble_is_waited_out(house: Flow, trouble: str) -> None:
    house.invoice(5001, person())
    setattr(house.erp().trouble, trouble, 1)
    await house.at(8)
    assert house.state(5001) == "delivered"
    assert len(house.mails()) == 1


async def test_a_list_that_is_refused_is_read_at_the_next_slot(house: Flow) -> None:
    house.invoice(5001, person())
    house.erp().trouble.list_refused_next = 1
    await house.at(8)
    (line,) = house.events("erp.list_failed")
    assert line["outcome"] == "refused"
    assert house.events("run.done", job="intake")[0]["counts"] == {"trouble": 1}
    await house.at(10, 30)
    assert house.state(5001) == "delivered"


async def test_cards_that_cannot_be_read_leave_the_invoices_where_they_are(house: Flow) -> None:
    """Without a card nobody is parked as `customer_not_found`: the ERP did not say so."""
    house.invoice(5001, person())
    house.erp().trouble.list_refused_next = 0
    house.erp().invalid_privileges.add("Customer")
    await house.at(8)
    assert house.state(5001) == "fetched"
    assert house.events("erp.cards_failed")[0]["level"] == "error"
    house.erp().invalid_privileges.clear()
    await house.at(10, 30)
    assert house.state(5001) == "delivered"


async def test_a_document_that_answers_500_once_is_fetched_again(house: Flow) -> None:
    house.invoice(5001, person(), trouble="ehf_500_once")
    await house.at(8)
    assert house.state(5001) == "delivered"


async def test_one_broken_env_file_is_named_with_every_fault_and_the_others_run(tmp_path: Path) -> None:
    broken = client_plan("fjordvik", KID_LAYOUT="nonsense", EMAIL_CHANNEL="pigeon", KOLOR="blue", UNOPENED_DAYS="0")
    async with flow(tmp_path, client_plan(), broken) as house:
        house.invoice(5001, person())
        await house.at(8)
        assert house.state(5001) == "delivered"
        (line,) = house.events("client.settings_broken")
        assert line["file"] == "fjordvik.env"
        faults = line["fault"]
        for key in ("KID_LAYOUT", "EMAIL_CHANNEL", "KOLOR", "UNOPENED_DAYS"):
            assert any(key in fault for fault in faults), (key, faults)
        assert not any("pigeon" in fault or broken.key in fault for fault in faults), "a fault never shows the value"
