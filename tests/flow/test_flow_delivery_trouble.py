"""The ways out in trouble: access point, mail server, print house. Sent once, or asked about, or the next way."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import asyncssh
import pytest

from tests.support.flow import DAY, Debtor, Flow, flow, person
from worker.sandbox import magic

pytestmark = pytest.mark.anyio

ACCESS_POINT = {
    5001: magic.AP_400,
    5002: magic.AP_500_ONCE,
    5003: magic.AP_422_FAILS_FOR_GOOD,
    5004: magic.AP_422_THEN_SENT,
    5005: magic.AP_422_BUT_SENT,
    5006: magic.AP_TIMEOUT_AFTER_ACCEPT,
    5007: magic.AP_TIMEOUT_BEFORE_ACCEPT,
    5008: magic.AP_REJECTED,
    5009: magic.AP_401_ONCE,
    5010: magic.AP_503_ONCE,
    5011: magic.AP_UNKNOWN_WORD,
    5012: magic.AP_STATUS_500_ONCE,
}
GIVEN_UP = {5001, 5003, 5008}


async def test_every_trouble_of_the_access_point(house: Flow) -> None:
    for number, organisation_number in ACCESS_POINT.items():
        debtor = Debtor(number, f"Firma {number} AS", organisation_number, f"post{number}@firma.example")
        house.invoice(number, debtor)
    await house.at(8)
    for minute in (10, 20, 30, 40, 50):
        await house.at(8, minute)
    expected = {
        n: [("ehf", "refused"), ("email_link", "handed_over")] if n in GIVEN_UP else [("ehf", "confirmed")]
        for n in ACCESS_POINT
    }
    assert {n: house.deliveries(n) for n in ACCESS_POINT} == expected
    sent = Counter(row.key for row in house.world.accepted_ehf)
    reached = {house.delivery(n, 0).key for n in ACCESS_POINT if n not in GIVEN_UP}
    assert sent == Counter(reached), "each that reached its debtor was sent exactly once, the others never"
    assert len(house.mails()) == len(GIVEN_UP)
    (alarm,) = {line["invoice"] for line in house.events("delivery.unknown_vendor_word")}
    assert alarm == house.id_of(5011)
    assert not house.events("invoice.unexpected")
    await house.at(15, 30)
    assert {house.state(n) for n in ACCESS_POINT} == {"posted_back"}
    assert {n: len(house.told(n)) for n in ACCESS_POINT} == dict.fromkeys(ACCESS_POINT, 1)


async def test_what_timed_out_was_accepted_once_and_every_try_is_on_record(house: Flow) -> None:
    debtor = Debtor(20001, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT, "post@treg.example")
    house.invoice(5001, debtor)
    await house.at(8)
    assert len(house.world.ehf_submissions) == 1
    tries = [(row.act, row.outcome) for row in house.story(5001).attempts]
    assert tries == [("send", "unknown"), ("ask", "confirmed")]
    (line,) = house.events("delivery.attempted", act="send")
    assert (line["outcome"], line["level"], line["channel"]) == ("unknown", "warning", "ehf")


async def test_never_seen_is_not_believed_at_once(house: Flow) -> None:
    """A slow access point may store it after we have given up waiting: a question right after proves nothing."""
    debtor = Debtor(20001, "Sen AS", magic.AP_TIMEOUT_BEFORE_ACCEPT, "post@sen.example")
    house.invoice(5001, debtor)
    await house.at(8)
    assert [(row.act, row.outcome) for row in house.story(5001).attempts] == [("send", "unknown"), ("ask", "unknown")]
    assert house.deliveries(5001) == [("ehf", "unknown")]
    await house.at(8, 10)
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert [row.act for row in house.story(5001).attempts] == ["send", "ask", "ask", "send"]
    assert len(house.world.accepted_ehf) == 1


MAIL = {
    5001: "ola+refused@privat.example",
    5002: "ola+content-refused@privat.example",
    5003: "ola+greylisted@privat.example",
    5004: "ola+busy@privat.example",
    5005: "ola+drop@privat.example",
    5006: "ola+drop-unkept@privat.example",
    5007: "ola+mailbox-full@privat.example",
    5008: "ola@privat.example",
}


async def test_every_trouble_of_the_mail_server(house: Flow) -> None:
    for number, address in MAIL.items():
        house.invoice(number, person(number, "Ola Nordmann", address))
    await house.at(8)
    after_first = {n: house.deliveries(n) for n in MAIL}
    for number in (5001, 5002):
        assert after_first[number] == [("email_link", "refused"), ("letter", "handed_over")]
    for number in (5003, 5004, 5007):
        assert after_first[number] == [("email_link", "ready")]
    for number in (5005, 5006):
        assert after_first[number] == [("email_link", "unknown")]
        assert house.state(number) == "parked: sent_unknown"
    assert after_first[5008] == [("email_link", "handed_over")], "the rest of the run goes on"

    await house.at(8, 10)
    assert house.deliveries(5003) == house.deliveries(5004) == [("email_link", "handed_over")]
    await house.at(8, 20)
    await house.at(15, 30)
    assert house.deliveries(5007) == [("email_link", "ready")]
    await house.at(8, day=DAY + timedelta(days=1))
    await house.at(10, 30, day=DAY + timedelta(days=1))
    assert house.deliveries(5007) == [("email_link", "refused"), ("letter", "handed_over")], "full for a day: a letter"

    kept = Counter(mail.recipients for mail in house.world.mails)
    assert max(kept.values()) == 1, "no debtor got the mail twice"
    assert {letter["invoice_number"] for letter in house.letters()} == {"5001", "5002", "5007"}
    for number in (5005, 5006):
        assert house.deliveries(number) == [("email_link", "unknown")], "never sent again blindly, never a letter"
    assert all("@" not in str(line) for line in house.log()), "no address in the log"


async def test_a_mail_server_that_is_down_keeps_everything_for_later(tmp_path: Path) -> None:
    async with flow(tmp_path, settings={"SMTP_PORT": "9"}) as house:
        house.invoice(5001, person())
        house.invoice(5002, person(10002, "Per Åsen", ""))
        await house.at(8)
        assert house.deliveries(5001) == [("email_link", "ready")]
        assert house.deliveries(5002) == [("letter", "handed_over")]
        assert house.state(5001) == "delivering"
        assert house.events("delivery.attempted", invoice=house.id_of(5001))[0]["outcome"] == "unavailable"


async def test_a_print_house_that_is_another_machine_gets_nothing(tmp_path: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
    async with flow(tmp_path, settings={"SFTP_HOST_KEY": other}) as house:
        house.invoice(5001, person(10002, "Per Åsen", ""))
        house.invoice(5002, person())
        await house.at(8)
        assert house.letters() == []
        assert house.deliveries(5001) == [("letter", "ready")]
        assert house.deliveries(5002) == [("email_link", "handed_over")]
        (attempt,) = house.story(5001).attempts
        assert (attempt.outcome, "host key" in attempt.answer) == ("access_denied", True)
        assert house.events("delivery.attempted", channel="letter")[0]["level"] == "warning"
        # Days later it is a person's case; nothing has been lost.
        for day in (1, 2, 5):
            await house.at(8, day=DAY + timedelta(days=day))
        assert house.state(5001) == "parked: attempts_exhausted"


async def test_a_full_disk_at_the_print_house(house: Flow) -> None:
    house.invoice(5001, person(10002, "Per Åsen", ""))
    house.world.print_house.disk_full_next = 1
    await house.at(8)
    assert house.deliveries(5001) == [("letter", "ready")]
    assert not list(house.sandbox.print_folder.glob("*.json"))
    await house.at(8, 10)
    assert house.deliveries(5001) == [("letter", "handed_over")]
    assert len(house.letters()) == 1


async def test_a_line_cut_while_the_letter_got_its_name_is_asked_about(house: Flow) -> None:
    """Which of the two renames is cut: the PDF's (nothing counts yet) or the manifest's (it counts)."""
    house.invoice(5001, person(10002, "Per Åsen", ""))
    house.world.print_house.cut_after_rename_next = 2
    await house.at(8)
    for minute in (10, 20, 30):
        await house.at(8, minute)
    assert house.deliveries(5001) == [("letter", "handed_over")]
    assert len(house.letters()) == 1
