"""The day is told once, in sums that foot; what cannot be sent is tried until the evening, unless it may have come."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.flow import DAY, Flow, business, client_plan, flow, person
from worker.support.clock import oslo_date

pytestmark = pytest.mark.anyio

KARI = person(10001, "Kari Østby")
OLA = person(10003, "Ola Ødegård", "ola@privat.example")
NEXT_DAY = DAY + timedelta(days=1)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncGenerator[Flow]:
    plan = client_plan(REPORT_TO="regnskap@nordlys.example; kontor@nordlys.example")
    async with flow(tmp_path, plan, settings={"REPORT_TO": "drift@factoring.example"}) as built:
        yield built


def text_of(message: Any) -> str:
    return str(message.get_body(("plain",)).get_content()).replace("\r\n", "\n").replace("\u00a0", " ")


async def test_the_day_is_told_to_client_and_factor_once(house: Flow) -> None:
    house.invoice(5001, KARI)
    house.invoice(5002, business(), reachable=True, price="200.00")
    house.invoice(5004, OLA)
    house.erp().mend_customer(10003, zip="")
    await house.at(8)
    house.invoice(5005, KARI, credits=5001, price="100.00")
    await house.at(10, 30)
    await house.at(15, 30)
    await house.at(16)

    client, factor = house.mails("Dagsrapport")
    assert client.recipients == ("regnskap@nordlys.example", "kontor@nordlys.example")
    assert factor.recipients == ("drift@factoring.example",)
    message = house.message(client)
    assert message["Subject"] == "Dagsrapport 25.11.2026: 4 mottatt, 3 levert, 1 venter på dere"
    text = text_of(message)
    assert "Kundekort 10003: postnummer mangler. Gjelder faktura 5004" in text, text
    for line in (
        "+ mottatt                  4  1 375,00 kr + 1 uten beløp",
        "= under arbeid nå          1",
        "E-post med lenke       2  1 125,00 kr",
        "Sum                    3  1 375,00 kr",
        "Levert, med PDF og KID       3  1 375,00 kr",
        "3 fakturaer stemmer i regnskapssystemet",
        "Numre vi ikke har sett: 5003.",
    ):
        assert line in text, text
    nobody = ("Østby", "Ødegård", "Øyriker", "privat.example", house.story(5001).invoice.kid or "?")
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "dagsrapport-nordlys-2026-11-25.csv"
    sheet = attached.get_payload(decode=True).decode("utf-8-sig")
    html = message.get_body(("html",)).get_content()
    assert not [word for word in nobody if word in text + sheet + html], "customer numbers only"
    assert "Kundekort 10003: postnummer mangler." in html
    rows = list(csv.DictReader(io.StringIO(sheet), delimiter=";"))
    assert sum(row["Del"] == "Levert" for row in rows) == 3
    sums = {row["Hva"]: int(row["Antall"]) for row in rows if row["Del"] == "Sum"}
    assert sums["Under arbeid fra før"] + sums["Mottatt"] == sums["Levert"] + sums["Tatt ut"] + sums["Under arbeid nå"]
    assert sums["Under arbeid nå"] == 1

    told = text_of(house.message(factor))
    assert "nordlys        0    4   3         0   1        1\n" in told
    assert "nordlys: 1 faktura venter på at klienten retter." in told
    (checked,) = house.events("completeness.checked", level="info")
    assert (checked["count"], checked["unexplained"]) == (3, 0)
    assert checked["counts"] == {"parked": 1, "missing_number": 1}

    await house.at(16, 20)
    await house.job("report")
    assert len(house.mails("Dagsrapport")) == 2, "once"


async def test_the_next_report_begins_where_the_last_one_ended(house: Flow) -> None:
    await house.at(16)
    house.invoice(5001, KARI)
    house.turn(16, 30)
    await house.job("intake")  # a person did not want to wait
    await house.at(15, 30, day=NEXT_DAY)
    await house.at(16, day=NEXT_DAY)
    first, _, second, _ = (text_of(house.message(mail)) for mail in house.mails("Dagsrapport"))
    assert "Ingen fakturaer er mottatt, levert eller under arbeid 25.11.2026." in first
    assert "FAKTURAER" not in first, "an empty day says so in one line"
    assert "Fra 25.11.2026 kl. 16:00 til 26.11.2026 kl. 16:00" in second
    assert "+ mottatt                  1" in second


async def test_mail_trouble(tmp_path: Path) -> None:
    plans = (
        client_plan(REPORT_TO="regnskap+greylisted@nordlys.example"),
        client_plan("fjordvik", REPORT_TO="regnskap+drop-unkept@fjordvik.example"),
    )
    async with flow(tmp_path, *plans, settings={"REPORT_TO": "drift+mailbox-full@factoring.example"}) as house:
        await house.at(16)
        assert house.mails("Dagsrapport") == []
        await house.at(16, 10)
        assert [mail.recipients for mail in house.mails("Dagsrapport")] == [("regnskap+greylisted@nordlys.example",)]
        await house.at(16, 20)
        assert len(house.mails("Dagsrapport")) == 1, "what may have arrived is not sent again"
        assert [line["outcome"] for line in house.events("report.attempted", client="fjordvik")] == ["unknown"]
        assert not house.events("report.not_sent")
        await house.at(19, 40)
        await house.at(19, 40)
        (given_up,) = house.events("report.not_sent", level="error")
        assert given_up["count"] == 3
        assert oslo_date(house.clock.now()) == DAY
        await house.at(8, day=NEXT_DAY)
        assert len(house.events("report.not_sent")) == 1, "told once"
