"""The official rules inside the day: a folder of them, real documents, and what a broken one comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.flow import business, flow, person
from tests.support.rules_folder import rules_of_2024
from worker.store import reading

pytestmark = pytest.mark.anyio


async def test_the_rules_stop_what_no_receiver_would_take_and_nothing_else(tmp_path: Path) -> None:
    rules = rules_of_2024(tmp_path / "rules")
    async with flow(tmp_path / "day", settings={"RULES_FOLDER": str(rules)}) as house:
        receiver = business(20001, email="post@oyriker.example")
        other = business(20002, "Camping Nord DA", email="post@camping.example")
        house.invoice(5001, receiver, reachable=True)
        house.invoice(5002, receiver, buyer_reference="")  # neither reference nor order: PEPPOL-EN16931-R003
        house.invoice(5003, other, buyer_reference="")
        house.invoice(5004, person())
        house.invoice(5005, receiver, credits=5001)
        await house.at(8)
        assert house.deliveries(5001) == [("ehf", "confirmed")]
        assert house.deliveries(5005) == [("ehf", "confirmed")]
        assert house.state(5002) == "parked: document_invalid"
        broken = house.story(5002)
        assert "PEPPOL-EN16931-R003" in (broken.invoice.parked_detail or "")
        assert house.deliveries(5003) == [("email_link", "handed_over")], "no EHF receiver: it goes another way"
        assert [code for code, _ in house.story(5003).warnings if code == "not_valid_ehf"] == ["not_valid_ehf"]
        assert house.deliveries(5004) == [("email_link", "handed_over")], "a person's document is only a source"
        assert "not_valid_ehf" not in [code for code, _ in house.story(5004).warnings]
        assert len(house.world.accepted_ehf) == 2


async def test_without_usable_rules_nothing_is_stamped_and_it_is_said(tmp_path: Path) -> None:
    rules = rules_of_2024(tmp_path / "rules")
    async with flow(tmp_path / "day", settings={"RULES_FOLDER": str(rules)}) as house:
        house.invoice(5001, business(email="post@oyriker.example"), reachable=True)
        house.invoice(5002, person())
        changed = next(path for path in rules.rglob("*") if path.is_file() and path.suffix in (".xslt", ".xsl"))
        changed.write_bytes(changed.read_bytes() + b"\n<!-- changed -->")
        await house.at(8)
        assert house.state(5001) == "checked"
        assert house.events("rules.unavailable")
        assert not house.world.accepted_ehf
        assert [row.state for row in reading.all_invoices(house.house.db)].count("parked") == 0
