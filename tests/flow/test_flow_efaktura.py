"""eFaktura through the whole house, over the wire of the provider: who gets it, what the bank is told, what follows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.flow import FACTOR_ACCOUNT, Debtor, Flow, client_plan, flow, person
from worker.cli import app
from worker.sandbox.maventa.state import ConsumerSubmission, MaventaState
from worker.service import load_all_clients
from worker.settings import load_worker

pytestmark = pytest.mark.anyio

TENANT = MaventaState().open_company(client_plan().organisation_number)
ON = {"EFAKTURA": "on", "EFAKTURA_TENANT": TENANT}
WORDS = {
    5001: "efaktura",
    5002: "efaktura-no",
    5003: "efaktura-unavailable",
    5004: "efaktura-refused",
    5005: "efaktura-rejected",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[Flow]:
    async with flow(tmp_path, client_plan(**ON), settings={"EFAKTURA_CHANNEL": "maventa"}) as built:
        yield built


def who(number: int) -> Debtor:
    return person(number, "Kari Østby", f"kari+{WORDS[number]}@privat.example")


def shown(house: Flow) -> dict[str, ConsumerSubmission]:
    """What lies at the provider, by KID."""
    return {row.kid: row for row in house.world.maventa.efaktura}


def resend(house: Flow, number: int, *words: str) -> Result:
    options = [f"nordlys/{number}", *words, "--settings", str(house.settings_path), "--now", str(house.clock.now())]
    return CliRunner().invoke(app, ["resend", *options], env={"COLUMNS": "200"})


async def test_a_day_with_efaktura(house: Flow) -> None:
    for number in WORDS:
        house.invoice(number, who(number))
    house.invoice(5007, who(5001), credits=5002)
    await house.at(8)
    assert house.deliveries(5001) == [("efaktura", "confirmed")]
    for number in (5002, 5007):
        assert house.deliveries(number) == [("email_link", "handed_over")]
    assert (house.state(5003), house.deliveries(5003)) == ("registered", []), "asked again before it goes another way"
    assert house.events("invoice.route_waits", invoice=house.id_of(5003), channel="efaktura")
    assert house.deliveries(5005) == [("efaktura", "handed_over")]

    await house.at(8, 10)
    assert house.deliveries(5004) == [("efaktura", "refused"), ("email_link", "handed_over")]
    assert house.delivery(5004).reason.startswith("eFaktura ended: ")
    invoice = house.story(5001).invoice
    kept = shown(house)[invoice.kid or ""]
    assert (kept.company, kept.account, kept.amount) == (TENANT, FACTOR_ACCOUNT, "1250.00")
    assert kept.due_date == str(invoice.due_date)
    assert kept.pdf_sha256 == invoice.pdf_sha256, "the bank shows the PDF as stamped"
    assert house.delivery(5001).address == "EFID-efaktura"

    await house.at(9)
    assert house.state(5003) == "registered"
    assert house.deliveries(5005) == [("efaktura", "refused"), ("email_link", "handed_over")], "the bank gave it back"
    await house.at(10, 10)
    assert house.deliveries(5003) == [("email_link", "handed_over")], "two hours of silence"
    assert "could not be found out" in str(house.story(5003).decisions[-1].considered)

    await house.at(15, 30)
    (told,) = house.told(5005)
    assert "eFakturaen ble avvist. Sendt på e-post" in str(told.comment)
    (told,) = house.told(5001)
    assert str(told.comment).endswith("Levert til mottakers nettbank.")
    assert len(house.world.maventa.efaktura) == len(shown(house)) == 2

    lines = str(house.log())
    assert "EFID" not in lines, "no reference in the log"
    assert "privat.example" not in lines

    # A person has it sent once more, the only way to a second one on the same channel. Commands last: they log anew.
    for options, why in (
        (("--channel", "letter", "--address", "Nygata 2"), "drawn on it"),
        (("--channel", "ehf"), "no electronic address"),
        (("--channel", "email_pdf", "--address", "ingen adresse"), "must be e-mail addresses"),
    ):
        refused = resend(house, 5001, *options, "--reason", "x", "--by", "siri")
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output
    assert resend(house, 5001, "--channel", "letter", "--reason", " ").exit_code == 2
    assert house.deliveries(5001) == [("efaktura", "confirmed")]
    again = resend(house, 5001, "--channel", "efaktura", "--reason", "borte i nettbanken", "--by", "siri")
    assert again.exit_code == 0, again.output
    assert '"by":"siri"' in again.output
    assert house.deliveries(5001) == [("efaktura", "confirmed"), ("efaktura", "ready")]
    new = house.delivery(5001)
    assert (new.address, new.reason) == ("EFID-efaktura", "siri asked for it: borte i nettbanken")


async def test_efaktura_without_anybody_to_take_it_is_a_fault_of_the_client(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(**ON)) as house:
        assert house.clients == []
        (fault,) = house.events("client.settings_broken")
        assert "EFAKTURA=on needs EFAKTURA_CHANNEL" in str(fault["fault"])
    abroad = tmp_path / "config" / "clients" / "nordlys.env"
    abroad.write_text(f"{abroad.read_text(encoding='utf-8')}COUNTRY=SE\n", encoding="utf-8")
    (bad,) = load_all_clients(load_worker(house.settings_path, environ={}))[1]
    assert "EFAKTURA=on needs COUNTRY=NO" in str(bad.faults)
