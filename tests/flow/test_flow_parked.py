"""Waiting and going on: an unknown reach, something unforeseen, an opening meanwhile; and what `retry` does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import date, timedelta

import pytest

from tests.support.flow import DAY, Debtor, Flow, business, person
from worker import delivery, routing
from worker.demo.debtors import open_invoice
from worker.model.parked import ParkedReason
from worker.ports import AccessPoint, Mailer, MailReceipt, MailServer, OutboundDocument, OutboundMail, Submission
from worker.sandbox import magic
from worker.store import invoices, retrying
from worker.store.keys import delivery_key
from worker.wiring import House, build_erp, build_house, steps_of

pytestmark = pytest.mark.anyio

LETTER_DAY = date(2026, 11, 30)


@asynccontextmanager
async def other_house(house: Flow, **settings: object) -> AsyncGenerator[House]:
    """The same database and clock, other counterparties: a mended setting, say."""
    own = house.house
    built = build_house(own.settings.model_copy(update=settings), own.clock)
    house.house = built
    try:
        yield built
    finally:
        house.house = own
        await built.aclose()


def retry(house: Flow, number: int, *, arrived: bool | None = None) -> str:
    row = house.story(number).invoice
    new_key = delivery_key(row, len(house.story(number).deliveries) + 1)
    return retrying.retry(house.house.db, row.id, arrived=arrived, new_key=new_key, now=house.clock.now())


# --- reach ------------------------------------------------------------------------------------------


async def test_an_unknown_reach_waits_and_is_never_paper(house: Flow) -> None:
    debtor = business(20001, email="post@oyriker.example")
    house.invoice(5001, debtor, reachable=True)
    house.invoice(5002, Debtor(20002, "Ukjent AS", magic.DNS_SERVFAIL, "post@ukjent.example"))
    house.invoice(5003, person())
    async with other_house(house, peppol_smp_override="http://127.0.0.1:9"):
        await house.at(8)
        assert house.state(5001) == house.state(5002) == "parked: reach_unknown"
        assert house.state(5003) == "delivered"
        assert house.deliveries(5001) == []
        (line,) = house.events("invoice.parked", invoice=house.id_of(5001))
        assert (line["reason"], line["owner_of_remedy"], line["step"]) == ("reach_unknown", "factor", "routing")
    assert len(house.mails()) == 1
    await house.at(10, 30)  # the look-up answers again
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert house.state(5002) == "parked: reach_unknown"
    for day in (1, 5):
        await house.at(8, day=DAY + timedelta(days=day))
    assert house.state(5002) == "parked: reach_unknown"
    assert len(house.mails()) == 1, "an unknown is never turned into e-mail"
    assert [letter["invoice_number"] for letter in house.letters()] == ["5003"], "nor into paper"
    asked = [row.reason for row in house.story(5002).decisions]
    assert len(asked) >= 2
    assert all("unknown" in reason for reason in asked)


async def test_a_debtor_that_takes_invoices_only_gets_its_credit_note_another_way(house: Flow) -> None:
    debtor = Debtor(20001, "Bare Faktura AS", magic.SMP_INVOICE_ONLY, "post@bare.example")
    house.invoice(5001, debtor)
    house.invoice(5002, debtor, credits=5001)
    await house.at(8)
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert house.deliveries(5002) == [("email_link", "handed_over")]


# --- something unforeseen in the middle of a delivery ---------------------------------------------------


class _Breaks:
    """An access point's client that sends, and then breaks in a way nobody has foreseen."""

    def __init__(self, inner: AccessPoint) -> None:
        self._inner = inner

    async def submit(self, *, document: OutboundDocument) -> Submission:
        await self._inner.submit(document=document)
        raise ZeroDivisionError("a fault in an adapter")

    async def status(self, *, key: str, reference: str = "", tenant: str = "") -> Submission | None:
        return await self._inner.status(key=key, reference=reference, tenant=tenant)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _BreakingMail:
    """A mail server's client that sends, and then breaks."""

    def __init__(self, inner: MailServer) -> None:
        self._inner = inner

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Mailer]:
        async with self._inner.session() as mailer:
            yield _BreakingMailer(mailer)


class _BreakingMailer:
    def __init__(self, inner: Mailer) -> None:
        self._inner = inner

    async def send(self, *, mail: OutboundMail) -> MailReceipt:
        await self._inner.send(mail=mail)
        raise ZeroDivisionError("a fault in an adapter")


async def _deliver_with_breaking_adapters(house: Flow) -> None:
    """Intake as far as routing, then delivery by adapters that break."""
    own = house.house
    client = house.clients[0]
    erp = build_erp(own, client)
    try:
        steps = steps_of(own, client, erp)
        for step in ("intake", "stamping", "registration", "routing"):
            await steps[step]()
        await delivery.run(
            clock=house.clock,
            client=client.name,
            config=delivery.DeliveryConfig(
                client_name="Nordlys Bakeri AS",
                factor_name="Eksempel Factoring AS",
                factor_contact="kundeservice@factoring.example",
                reply_to="",
                message_id_domain="factoring.example",
                portal_url=own.settings.portal_url,
                link_days=90,
                unopened_days=4,
                server_key=own.settings.portal_key.get_secret_value().encode(),
                return_address="Postboks 100, 0101 Oslo",
                letter_colour=False,
                letter_duplex=False,
            ),
            db=own.db,
            documents=own.documents,
            carriers=delivery.Carriers(
                _Breaks(own.access_point),
                _BreakingMail(own.mail_server),
                own.print_house,
                routing.RememberedReach(lookup=own.lookup, db=own.db, clock=own.clock),
            ),
            halt=own.halt,
        )
    finally:
        await erp.aclose()


async def test_something_unforeseen_while_sending_is_asked_about_never_sent_again(house: Flow) -> None:
    house.invoice(5001, business(), reachable=True)
    house.invoice(5002, person(10002, "Per Åsen", ""))
    house.turn(8)
    await _deliver_with_breaking_adapters(house)
    assert house.state(5001) == "parked: unexpected"
    assert house.deliveries(5001) == [("ehf", "unknown")], "whether it went out is not known, and says so at once"
    assert house.deliveries(5002) == [("letter", "handed_over")], "the others go on"
    (attempt,) = house.story(5001).attempts
    assert (attempt.act, attempt.outcome) == ("send", "unexpected")
    (line,) = house.events("invoice.unexpected")
    assert line["error_type"] == "ZeroDivisionError"
    assert "a fault in an adapter" not in house.lines.getvalue()

    retry(house, 5001)
    await house.at(8, 10)
    assert house.deliveries(5001) == [("ehf", "confirmed")]
    assert len(house.world.ehf_submissions) == 1


async def test_something_unforeseen_while_mailing_is_a_persons_question(house: Flow) -> None:
    house.invoice(5001, person())
    house.turn(8)
    await _deliver_with_breaking_adapters(house)
    assert house.state(5001) == "parked: unexpected"
    assert house.deliveries(5001) == [("email_link", "unknown")]
    retry(house, 5001)
    await house.at(8, 10)
    assert house.state(5001) == "parked: sent_unknown", "a mail server cannot be asked; a person can"
    assert len(house.mails()) == 1
    retry(house, 5001, arrived=True)
    assert house.deliveries(5001) == [("email_link", "handed_over")]
    await house.at(15, 30)
    assert house.state(5001) == "posted_back"
    assert len(house.mails()) == 1


# --- sent, but nobody knows --------------------------------------------------------------------------------


async def test_a_mail_that_may_have_gone_is_settled_by_the_debtor_opening_it(house: Flow) -> None:
    house.invoice(5001, person(10001, "Berit Brudd", "berit+drop@privat.example"))
    await house.at(8)
    assert house.state(5001) == "parked: sent_unknown"
    house.turn(9)
    async with house.portal():
        await open_invoice(house.world, house.sandbox.folder, "5001")
    assert house.state(5001) == "delivered"
    assert house.deliveries(5001) == [("email_link", "opened")]
    await house.at(15, 30)
    assert [call.comment for call in house.told(5001)] == [
        "Sendt på e-post med lenke og kode 25.11.2026 kl. 09:00. Åpnet 25.11.2026."
    ]
    await house.at(8, day=LETTER_DAY)
    assert house.letters() == []


async def test_never_arrived_sends_again_with_a_new_code_and_the_old_one_still_opens(house: Flow) -> None:
    house.invoice(5001, person(10001, "Berit Brudd", "berit+drop-unkept@privat.example"))
    await house.at(8)
    assert (house.state(5001), house.mails()) == ("parked: sent_unknown", [])
    retry(house, 5001, arrived=False)
    await house.at(8, 10)
    assert house.deliveries(5001) == [("email_link", "handed_over")]
    assert len(house.mails()) == 1
    assert [(a.act, a.outcome) for a in house.story(5001).attempts] == [("send", "unknown"), ("send", "accepted")]


async def test_an_opening_while_parked_for_something_else_is_not_lost(house: Flow) -> None:
    """The worker broke while sending, a person was to look at it; meanwhile the debtor opened the invoice."""
    house.invoice(5001, person())
    house.turn(8)
    await _deliver_with_breaking_adapters(house)
    assert house.state(5001) == "parked: unexpected"
    house.turn(8, 5)
    async with house.portal():
        await open_invoice(house.world, house.sandbox.folder, "5001")
    assert house.deliveries(5001) == [("email_link", "opened")]
    assert house.state(5001) == "parked: unexpected", "what a person was to look at is still there"
    retry(house, 5001)
    assert house.state(5001) == "delivered"
    await house.at(15, 30)
    assert house.state(5001) == "posted_back"
    assert len(house.told(5001)) == 1


async def test_opened_while_the_report_is_refused_stops_the_letter(house: Flow) -> None:
    house.invoice(5001, person(), trouble="delivered_refused")
    await house.at(8)
    await house.at(15, 30)
    assert house.state(5001) == "parked: postback_refused"
    async with house.portal():
        await open_invoice(house.world, house.sandbox.folder, "5001")
    for day in (0, 1):
        await house.at(8, day=LETTER_DAY + timedelta(days=day))
    assert house.deliveries(5001) == [("email_link", "opened")]
    assert house.letters() == []


async def test_a_report_the_erp_refuses_does_not_keep_the_letter_from_the_debtor(house: Flow) -> None:
    house.invoice(5001, person(), trouble="delivered_refused")
    await house.at(8)
    await house.at(15, 30)
    assert house.state(5001) == "parked: postback_refused"
    retry(house, 5001)
    await house.at(8, day=LETTER_DAY)
    assert house.deliveries(5001) == [("email_link", "expired"), ("letter", "handed_over")]


# --- a person's retry ------------------------------------------------------------------------------------


async def test_a_retry_of_a_kid_that_was_too_wide_goes_on_with_the_wider_layout(house: Flow) -> None:
    client = house.clients[0]
    narrow = client.settings.model_copy(update={"kid_layout": "client:4 invoice:3"})
    house.clients[0] = type(client)(client.name, narrow)
    house.invoice(5001, person())
    await house.at(8)
    assert house.state(5001) == "parked: kid_overflow"
    house.clients[0] = client
    await house.at(10, 30)
    assert house.state(5001) == "parked: kid_overflow", "a person says when the bank has agreed"
    retry(house, 5001)
    house.turn(10, 31)
    await house.job("intake")
    assert house.state(5001) == "delivered"


async def test_a_letter_the_print_house_will_not_have_is_tried_anew_when_a_person_says_so(house: Flow) -> None:
    house.invoice(5001, person(10002, "Per Åsen", ""))
    house.world.print_house.disk_full_next = 1
    await house.at(8)
    first = house.delivery(5001)
    stranger = house.sandbox.print_folder / f"nordlys-{first.invoice_id}-1-{first.key[:8]}.pdf"
    stranger.write_bytes(b"%PDF-1.4 somebody else's letter under our name")
    await house.at(8, 10)
    await house.at(8, 20)
    assert house.state(5001) == "parked: no_channel_left"
    assert house.events("invoice.parked", reason="no_channel_left", owner_of_remedy="factor")
    await house.at(10, 30)
    assert house.state(5001) == "parked: no_channel_left", "it waits for a person"
    stranger.unlink()
    assert retry(house, 5001) == "delivering"
    await house.at(10, 40)
    assert house.deliveries(5001) == [("letter", "refused"), ("letter", "handed_over")]
    await house.at(15, 30)
    assert house.state(5001) == "posted_back"


async def test_retry_is_for_what_is_parked_and_answers_only_what_was_asked(house: Flow) -> None:
    house.invoice(5001, person(10002, "Per Åsen", ""))
    await house.at(8)
    with pytest.raises(retrying.CannotRetry, match="not parked"):
        retry(house, 5001)
    now = house.clock.now()
    invoices.park(house.house.db, house.id_of(5001), ParkedReason.UNEXPECTED, "a person stopped it", now=now)
    with pytest.raises(retrying.CannotRetry, match="outcome is unknown"):
        retry(house, 5001, arrived=False)
    assert retry(house, 5001) == "delivered"
    await house.at(8, 10)
    assert len(house.letters()) == 1
