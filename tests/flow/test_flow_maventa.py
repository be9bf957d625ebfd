"""EHF by way of Maventa through the whole house: the seller sends, over the line that eFaktura shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.flow import business, client_plan, flow, person
from worker.sandbox import magic
from worker.sandbox.maventa.state import MaventaState

pytestmark = pytest.mark.anyio


async def test_ehf_and_efaktura_over_one_line(tmp_path: Path) -> None:
    plan = client_plan()
    company = MaventaState().open_company(plan.organisation_number)
    plan = client_plan(ACCESS_POINT_TENANT=company, EFAKTURA="on")
    settings = {"ACCESS_POINT": "maventa", "EFAKTURA_CHANNEL": "maventa"}
    async with flow(tmp_path, plan, settings=settings) as house:
        fine = business(20001)
        house.world.register_peppol(f"0192:{fine.organisation_number}")
        house.invoice(1, fine)
        house.invoice(2, business(20002, "Snudd AS", magic.HOSTED_REFUSED_LATER, "post@snudd.example"))
        house.invoice(3, business(20003, "Treg AS", magic.AP_TIMEOUT_AFTER_ACCEPT))
        house.invoice(4, person(10001, email="kari+efaktura@privat.example"))
        await house.at(8)
        await house.at(8, 20)
        await house.at(8, 40)
        for number in (1, 3):
            assert house.deliveries(number) == [("ehf", "confirmed")]
        assert house.deliveries(2) == [("ehf", "refused"), ("email_link", "handed_over")]
        assert house.deliveries(4) == [("efaktura", "confirmed")]
        sent = {row.receiver: row for row in house.world.ehf_submissions}
        assert len(sent) == len(house.world.ehf_submissions) == 3, "none twice"
        assert {row.sender for row in sent.values()} == {f"0192:{plan.organisation_number}"}
        assert sent[f"0192:{fine.organisation_number}"].sha256 == house.story(1).invoice.stamped_sha256
        assert {house.world.maventa.owners[row.key] for row in sent.values()} == {company}
        assert "The recipient could not be reached" in str(house.story(2).deliveries[0])
