"""EHF by way of Storecove through the whole house, and what receivers say after their receipt."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.flow import DAY, business, client_plan, flow
from worker.sandbox import magic
from worker.sandbox.storecove import legal_entity_id

pytestmark = pytest.mark.anyio


async def test_a_day_over_storecove(tmp_path: Path) -> None:
    plan = client_plan()
    plan = client_plan(ACCESS_POINT_TENANT=str(legal_entity_id(plan.organisation_number)))
    async with flow(tmp_path, plan, settings={"ACCESS_POINT": "storecove"}) as house:
        fine = business(20001)
        house.world.register_peppol(f"0192:{fine.organisation_number}")
        house.invoice(1, fine)
        house.invoice(2, business(20002, "Snudd AS", magic.HOSTED_REFUSED_LATER, "post@snudd.example"))
        house.invoice(3, business(20003, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT))
        house.invoice(4, business(20004, "Uenig AS", magic.EHF_TURNED_DOWN))
        house.invoice(5, business(20005, "Enig AS", magic.EHF_PASSED_ON))
        house.invoice(6, business(20006, "Feil AS", magic.AP_400, "post@feil.example"))
        await house.at(8)
        for minute in (10, 40):
            await house.at(8, minute)

        arrived = (1, 3, 4, 5)
        assert {house.deliveries(number)[0] for number in arrived} == {("ehf", "confirmed")}
        for number in (2, 6):
            assert house.deliveries(number) == [("ehf", "refused"), ("email_link", "handed_over")]
        sent = Counter(row.key for row in house.world.ehf_submissions)
        assert sent == Counter(house.delivery(number, 0).key for number in (*arrived, 2)), "each once"
        assert {row.sender for row in house.world.ehf_submissions} == {f"0192:{plan.organisation_number}"}
        acts = [row.act for row in house.story(3).attempts]
        assert acts[:2] == ["send", "ask"], "asked, never sent again"
        assert acts.count("send") == 1

        # The receipts are followed by the receivers' own words.
        assert house.state(4) == "parked: receiver_turned_down"
        assert house.events("delivery.receiver_said", kind="invoice_response", status="RE", level="warning")
        assert house.events("delivery.receiver_said", kind="invoice_response", status="AP", level="info")
        assert house.state(5) in ("delivered", "posted_back")
        told = [event.detail or "" for event in house.story(4).events if event.event == "receiver_invoice_response"]
        assert [detail.split(",")[0] for detail in told] == ["RE"]
        assert house.deliveries(4) == [("ehf", "confirmed")], "no next channel: the debtor has it"

        # It stays in the queue of nobody, and is not told twice.
        assert all(news.deleted for news in house.world.storecove_news)
        for day in (1, 9):
            house.turn(9, day=DAY + timedelta(days=day))
            await house.job("follow_up")
        assert len(house.events("delivery.receiver_said")) == 2
