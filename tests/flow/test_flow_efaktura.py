"""eFaktura through the whole house, over the wire of the provider: who gets it, what the bank is told, what follows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from tests.support.consumers import Consumers
from tests.support.flow import DAY, FACTOR_ACCOUNT, Debtor, Flow, client_plan, flow, person
from worker.clients import load_all_clients
from worker.model.outcomes import AccessDenied, TryLater, Unavailable, UnknownOutcome
from worker.ports import ConsumerInvoice, Submission
from worker.sandbox.maventa.state import ConsumerSubmission, MaventaState
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
    return house.command("resend", f"nordlys/{number}", *words)


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
        (("--channel", "letter", "--address", "Nygata 2"), "three to six lines"),
        (("--channel", "ehf"), "no electronic address"),
        (("--channel", "email_pdf", "--address", "ingen adresse"), "must be e-mail addresses"),
    ):
        refused = resend(house, 5001, *options, "--reason", "x", "--by", "siri")
        assert (refused.exit_code, why in refused.output) == (1, True), refused.output
    assert resend(house, 5001, "--channel", "letter", "--reason", " ").exit_code == 2
    assert house.deliveries(5001) == [("efaktura", "confirmed")]
    again = resend(house, 5001, "--channel", "efaktura", "--reason", "borte i nettbanken", "--by", "siri")
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("invoice 5001 of nordlys") and again.stdout.count("\n") == 1, "the answer alone"
    assert len(house.events("delivery.resend_asked", by="siri")) == 1
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


class Troubled(Consumers):
    """A provider that says yes to everybody and then takes nothing, each invoice for a reason of its own."""

    async def send(self, *, invoice: ConsumerInvoice) -> Submission:
        self.sent.append(invoice)
        raise {
            "5001": TryLater("busy"),
            "5002": Unavailable("nobody answers"),
            "5003": AccessDenied("the key is no longer valid"),
            "5004": UnknownOutcome("the line was cut"),
        }[invoice.number]

    async def status(self, *, tenant: str, key: str) -> Submission | None:
        raise TryLater("nobody answers")


async def test_a_provider_that_takes_nothing_for_a_day_is_given_up_but_never_what_may_have_arrived(house: Flow) -> None:
    provider = Troubled()
    house.house = replace(house.house, consumers=provider)
    numbers = (5001, 5002, 5003, 5004)
    for number in numbers:
        house.invoice(number, person(number, "Kari Østby", f"kari{number}@privat.example"))
    for hour, minute in ((8, 0), (8, 10), (8, 30), (9, 0)):
        await house.at(hour, minute)
    assert [house.deliveries(number) for number in numbers] == [
        [("efaktura", "ready")], [("efaktura", "ready")], [("efaktura", "ready")], [("efaktura", "unknown")],
    ]  # fmt: skip
    await house.at(10, 30, day=DAY + timedelta(days=1))
    for number in numbers[:2]:
        assert house.deliveries(number) == [("efaktura", "refused"), ("email_link", "handed_over")]
        assert "given up" in house.delivery(number).reason
    assert house.deliveries(5003) == [("efaktura", "ready")], "our keys are mended by a person, and it waits for that"
    assert house.deliveries(5004) == [("efaktura", "unknown")]
    await house.at(10, 30, day=DAY + timedelta(days=5))
    assert (house.state(5003), house.deliveries(5003)) == ("parked: attempts_exhausted", [("efaktura", "ready")])
    assert (house.state(5004), house.deliveries(5004)) == ("parked: attempts_exhausted", [("efaktura", "unknown")])
    assert [invoice.number for invoice in provider.sent].count("5004") == 1, "never sent again blindly"
