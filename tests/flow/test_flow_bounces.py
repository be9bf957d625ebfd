"""E-mails that come back, over a real IMAP server; and codes in mails of their own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import Result

from tests.support.bounced import dsn, plain
from tests.support.flow import Flow, client_plan, flow, person
from tests.support.imap import PASSWORD, USER, MailHost, mail_host
from worker.model.link import CodeRequest
from worker.sandbox.records import Mail
from worker.service import send_codes
from worker.store import bounces
from worker.store.links import StoreLinkBook
from worker.support.secrets import hash_token

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[MailHost]:
    with mail_host() as host:
        yield host


@pytest.fixture
def host(server: MailHost) -> MailHost:
    server.empty()
    return server


def with_mailbox(port: int) -> dict[str, str]:
    return {
        "BOUNCE_ADDRESS": "bounce@factoring.example",
        "IMAP_HOST": "127.0.0.1",
        "IMAP_PORT": str(port),
        "IMAP_SECURITY": "none",
        "IMAP_USER": USER,
        "IMAP_PASSWORD": PASSWORD,
        "IMAP_TIMEOUT_SECONDS": "3",
    }


def command(house: Flow, *words: str) -> Result:
    return house.command("bounces", *words)


def delivery_to(house: Flow, number: int) -> Mail:
    """The mail about the invoice."""
    return house.mails(str(number))[-1]


def waiting(house: Flow) -> list[str]:
    return [row.reason for row in bounces.waiting(house.house.db)]


async def test_a_bounce_becomes_a_letter_and_whatever_else_comes_back_loses_nothing(
    tmp_path: Path, host: MailHost
) -> None:
    async with flow(tmp_path, settings=with_mailbox(host.port)) as house:
        house.invoice(5001, person(email="kari+bounce@privat.example"))
        house.invoice(5002, person(10002, "Ola Ås", "ola@privat.example; aase@privat.example"))
        house.invoice(5003, person(10003, "Siv Bø", "siv@privat.example"))
        await house.at(8)
        one, two, three = (delivery_to(house, number) for number in (5001, 5002, 5003))
        assert len({one.sender, two.sender, three.sender}) == 3, "a return path for each"
        assert all(mail.sender.startswith("bounce+") for mail in (one, two, three))
        for mail in (one, two, three):
            assert mail.sender not in (house.sandbox.folder / mail.file).read_text(encoding="utf-8", errors="replace")

        (bounce,) = house.world.bounces
        returned = (house.sandbox.folder / bounce.file).read_bytes()
        token, _, domain = three.sender.partition("@")
        forged = f"{token[:-1]}{'a' if token[-1] != 'a' else 'b'}@{domain}"
        stranger = "<11111111-2222-4333-8444-555555555555@factoring.example>"
        host.arrive(
            returned,
            dsn(to=two.sender, recipients=[("ola@privat.example", "failed", "5.1.1")], message_id=two.message_id),
            dsn(to=three.sender, recipients=[("siv@privat.example", "delayed", "4.4.1")], message_id=three.message_id,
                own_id="<3@mx>"),
            dsn(to=forged, message_id=three.message_id, own_id="<4@mx>"),
            dsn(message_id=stranger, own_id="<5@mx>"),
            dsn(to=two.sender, message_id=three.message_id, own_id="<6@mx>"),
            dsn(to=two.sender, recipients=[("sjef@annet.example", "failed", "5.1.1")], message_id=two.message_id,
                own_id="<7@mx>"),
            plain("Jeg er på ferie", sender="siv@privat.example", headers="Subject: Automatisk svar: Faktura"),
            plain("Hva er dette?", sender="ola@privat.example", headers="Subject: Re: Faktura 5002"),
        )  # fmt: skip
        (summary, *_) = await house.at(8, 10)
        assert {word: count for word, count in summary.items() if word.startswith("bounce_")} == {
            "bounce_refused": 1, "bounce_noted": 2, "bounce_ignored": 1, "bounce_waiting": 5,
        }  # fmt: skip
        assert house.deliveries(5001) == [("email_link", "refused"), ("letter", "handed_over")]
        assert "bounced: 5.1.1" in (house.delivery(5001, 0).ended_reason or "")
        assert house.deliveries(5002) == [("email_link", "handed_over")], "somebody else has it"
        assert house.deliveries(5003) == [("email_link", "handed_over")]
        assert waiting(house) == ["forged", "not_ours", "contradictory", "which_recipient", "not_a_report"]
        assert (len(host.lying()), len(host.lying("processed")), len(host.lying("unmatched"))) == (0, 4, 5)

        host.arrive(returned)  # the same message once more
        host.arrive(dsn(to=two.sender, recipients=[("aase@privat.example", "failed", "5.1.1")],
                        message_id=two.message_id, own_id="<8@mx>"))  # fmt: skip
        await house.at(8, 20)
        assert house.deliveries(5001) == [("email_link", "refused"), ("letter", "handed_over")]
        assert house.deliveries(5002) == [("email_link", "refused"), ("letter", "handed_over")], "now nobody has it"
        assert len(house.letters()) == 2

        shown = command(house, "list")
        assert "which_recipient: the mail had several recipients" in shown.stdout
        listed = json.loads(command(house, "list", "--json").stdout)
        assert [row["reason"] for row in listed] == waiting(house)
        for secret in ("privat.example", "annet.example", "bounce+"):
            assert secret not in shown.stdout + str(listed)
        assert command(house, "match", str(listed[0]["id"]), "5003", "--note", "they rang").exit_code == 0
        assert command(house, "ignore", str(listed[1]["id"])).exit_code == 0
        again = command(house, "ignore", str(listed[1]["id"]))
        assert (again.exit_code, "not waiting" in again.stderr) == (1, True)
        assert len(waiting(house)) == 3
        await house.at(8, 30)
        assert house.deliveries(5003) == [("email_link", "refused"), ("letter", "handed_over")]

        await house.at(15, 30)
        assert "E-posten kom i retur. Sendt som brev" in str(house.told(5001)[0].comment)
        for said in ("kari", "privat.example", "bounce+", PASSWORD):
            assert said not in house.lines.getvalue()


async def test_a_mailbox_that_is_down_stops_nothing_and_is_read_when_it_is_up(tmp_path: Path, host: MailHost) -> None:
    async with flow(tmp_path, settings=with_mailbox(host.port) | {"IMAP_PASSWORD": "feil"}) as house:
        house.invoice(5001, person(email="kari+bounce@privat.example"))
        await house.at(8)
        assert house.deliveries(5001) == [("email_link", "handed_over")]
        host.arrive((house.sandbox.folder / house.world.bounces[0].file).read_bytes())
        (summary, *_) = await house.at(8, 10)
        assert summary["trouble_aside"] == 1
        (told, *_) = house.events("bounces.mailbox_failed")
        assert (told["outcome"], told["level"]) == ("access_denied", "error")
        assert len(host.lying()) == 1


async def test_the_code_in_a_second_mail_and_a_new_one_on_request(tmp_path: Path) -> None:
    async with flow(tmp_path, client_plan(LINK_CODE="second_mail")) as house:
        house.invoice(5001, person())
        await house.at(8)
        first, second = house.world.mails
        text = [house.message(mail).get_body(("plain",)).get_content() for mail in (first, second)]
        link = re.search(r"http://\S+/i/([A-Za-z0-9_-]+)", text[0])
        code = re.search(r"(?<!\d)\d{6}(?!\d)", text[1])
        assert link is not None
        assert code is not None
        assert "i en egen e-post" in text[0]
        assert not re.search(r"(?<!\d)\d{6}(?!\d)", text[0].replace(link.group(), ""))
        assert "/i/" not in text[1] + house.message(second).get_body(("html",)).get_content(), "a code alone"
        assert first.message_id != second.message_id
        assert first.recipients == second.recipients

        book = StoreLinkBook(house.house.db)
        view = book.find(token_hash=hash_token(link[1]), now=house.clock.now())
        assert view is not None
        house.turn(20, 30)  # in the evening, when no job runs
        asked = book.request_code(link_id=view.link_id, caller="somewhere", now=house.clock.now())
        assert asked is CodeRequest.TAKEN
        assert await send_codes(house.house, house.house.settings) == {"code_accepted": 1}
        assert await send_codes(house.house, house.house.settings) == {}
        third = house.world.mails[-1]
        assert third.recipients == first.recipients
        renewed = re.search(r"(?<!\d)\d{6}(?!\d)", house.message(third).get_body(("plain",)).get_content())
        assert renewed is not None
        assert renewed.group() not in house.lines.getvalue()
        assert len(house.events("code.sent", outcome="accepted")) == 2
