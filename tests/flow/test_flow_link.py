"""The e-mailed link: opened through the portal, or followed by a letter on the fourth day."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.support.flow import DAY, Flow, client_plan, flow, person
from worker.demo.debtors import open_invoice
from worker.support.http import HttpClient, HttpResponse

pytestmark = pytest.mark.anyio

LETTER_DAY = date(2026, 11, 30)  # the fourth day after DAY is a Sunday


async def _typed(link: str, code: str) -> HttpResponse:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": link.partition("/i/")[0]}
    async with HttpClient() as http:
        return await http.request("POST", link, headers=form, content=f"code={code}".encode())


async def test_opened_through_the_portal_and_no_letter(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    house.turn(12)
    async with house.portal():
        pdf = await open_invoice(house.world, house.sandbox.folder, "5001")
        assert house.deliveries(5001) == [("email_link", "opened")]
        house.turn(12, 5)
        await open_invoice(house.world, house.sandbox.folder, "5001")  # as often as the debtor likes
    assert house.delivery(5001).opened_at == house.clock.now() - timedelta(minutes=5)

    await house.at(15, 30)
    (call,) = house.told(5001)
    assert call.comment == "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00. Åpnet 25.11.2026."
    assert call.file_sha256 == hashlib.sha256(pdf).hexdigest()
    for day in (LETTER_DAY, LETTER_DAY + timedelta(days=1)):
        await house.at(8, day=day)
        await house.at(15, 30, day=day)
    assert house.letters() == []
    assert house.deliveries(5001) == [("email_link", "opened")]
    assert len(house.told(5001)) == 1


@pytest.mark.parametrize(
    ("handed_over", "days", "letter"),
    [
        pytest.param(date(2026, 11, 25), 4, date(2026, 11, 30), id="the fourth day is a Sunday"),
        pytest.param(date(2026, 12, 18), 4, date(2026, 12, 22), id="over a weekend, the fourth day a Tuesday"),
        pytest.param(date(2026, 12, 21), 3, date(2026, 12, 28), id="24 December is closed, then Christmas"),
        pytest.param(date(2027, 3, 22), 4, date(2027, 3, 30), id="Good Friday to Easter Monday"),
        pytest.param(date(2027, 5, 13), 4, date(2027, 5, 18), id="17 May"),
        pytest.param(date(2028, 2, 25), 4, date(2028, 2, 29), id="leap day"),
        pytest.param(date(2026, 10, 22), 4, date(2026, 10, 26), id="over the night that is an hour longer"),
    ],
)
async def test_unopened_becomes_a_letter_at_the_first_slot(
    tmp_path: Path, handed_over: date, days: int, letter: date
) -> None:
    async with flow(tmp_path, client_plan(UNOPENED_DAYS=str(days))) as house:
        house.turn(7, day=handed_over)
        house.invoice(5001, person())
        await house.at(10, 30, day=handed_over)
        assert house.deliveries(5001) == [("email_link", "handed_over")]
        day = handed_over + timedelta(days=1)
        while day < letter:
            for hour, minute in ((8, 0), (10, 30), (15, 30)):
                await house.at(hour, minute, day=day)
            assert house.deliveries(5001) == [("email_link", "handed_over")], day
            day += timedelta(days=1)
        await house.at(7, 59, day=letter)
        assert house.letters() == []
        await house.at(8, day=letter)
        assert house.deliveries(5001) == [("email_link", "expired"), ("letter", "handed_over")]
        (job,) = house.letters()
        assert job["address_lines"] == ["Kari Østby", "Bjørkeveien 7", "0487 OSLO"]
        assert job["sha256"] == house.story(5001).invoice.pdf_sha256, "the letter is the same invoice"


async def test_the_letter_is_told_by_a_second_status(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    await house.at(15, 30)
    await house.at(8, day=LETTER_DAY)
    assert len(house.told(5001)) == 1, "the letter is told at half past three"
    await house.at(15, 30, day=LETTER_DAY)
    await house.at(15, 40, day=LETTER_DAY)
    first, second = house.told(5001)
    assert (first.call, first.comment) == ("delivered", "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00.")
    assert (second.call, second.comment, second.status) == (
        "status",
        "E-posten ble ikke åpnet. Sendt som brev 30.11.2026 kl. 08:00.",
        5,
    )
    assert [row.state for row in house.story(5001).postbacks] == ["done", "done"]


async def test_opened_late_stops_the_letter_that_has_not_gone(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    await house.at(15, 30)
    house.world.print_house.disk_full_next = 1
    await house.at(8, day=LETTER_DAY)
    assert house.deliveries(5001) == [("email_link", "expired"), ("letter", "ready")]
    async with house.portal():
        await open_invoice(house.world, house.sandbox.folder, "5001")
    assert house.deliveries(5001) == [("email_link", "opened"), ("letter", "stopped")]
    await house.at(8, 10, day=LETTER_DAY)
    await house.at(15, 30, day=LETTER_DAY)
    assert not list(house.sandbox.print_folder.glob("*.json"))
    assert len(house.told(5001)) == 1, "a letter that never went is nobody's news"
    assert house.state(5001) == "posted_back"


async def test_opened_after_the_letter_went(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    await house.at(8, day=LETTER_DAY)
    async with house.portal():
        await open_invoice(house.world, house.sandbox.folder, "5001")
    assert house.deliveries(5001) == [("email_link", "opened"), ("letter", "handed_over")]
    await house.at(15, 30, day=LETTER_DAY)
    (call,) = house.told(5001)
    assert call.comment == (
        "Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00. Åpnet 30.11.2026. Sendt som brev 30.11.2026 kl. 08:00."
    )
    assert house.state(5001) == "posted_back"


async def test_wrong_codes_lock_the_link_and_the_letter_comes(house: Flow) -> None:
    house.invoice(5001, person())
    await house.at(8)
    link, code = house.link_and_code("5001")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    async with house.portal():
        answers = [(await _typed(link, wrong)).status for _ in range(5)]
        assert set(answers) == {403}
        assert (await _typed(link, code)).status == 403, "locked: now the right code does not open it either"
        house.turn(12, day=DAY + timedelta(days=2))
        assert (await _typed(link, code)).status == 403
    assert house.deliveries(5001) == [("email_link", "handed_over")]
    await house.at(8, day=LETTER_DAY)
    assert house.deliveries(5001) == [("email_link", "expired"), ("letter", "handed_over")]


async def test_an_attachment_cannot_be_seen_opened_so_no_letter_follows(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(EMAIL_CHANNEL="pdf")) as house:
        house.invoice(5001, person())
        await house.at(8)
        await house.at(15, 30)
        await house.at(8, day=LETTER_DAY)
        await house.at(8, day=LETTER_DAY + timedelta(days=7))
        assert house.deliveries(5001) == [("email_pdf", "handed_over")]
        assert house.letters() == []
