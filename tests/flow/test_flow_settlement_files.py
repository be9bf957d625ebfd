"""Bank files through the whole day: both formats, told again, reordered, with what is not for us; and early money."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.test_flow_settlement import CLEARING, books, event, items, kid, lay, said, settle, states, still_owed
from tests.support.flow import DAY, person
from tests.support.settlement_samples import (
    CamtEntry,
    CamtFile,
    CamtTransaction,
    OcrAssignment,
    OcrFile,
    OcrTransaction,
)
from tests.support.settlement_samples import feed as ledger_feed

pytestmark = pytest.mark.anyio


def naming(*numbers: int) -> str:
    return "".join(
        f"<Strd><RfrdDocInf><Tp><CdOrPrtry><Cd>CINV</Cd></CdOrPrtry></Tp><Nb>{number}</Nb></RfrdDocInf></Strd>"
        for number in numbers
    )


async def test_a_day_of_camt(tmp_path: Path) -> None:
    """KIDs in a batch, one payment for two invoices by number, one on a credited invoice; told again: nothing more."""
    async with books(tmp_path, worker={"PAYMENTS_FROM": "bank"}) as house:
        house.invoice(5003, person())
        house.invoice(5004, person())
        house.invoice(5005, person(), credits=5004)
        await house.job("intake")
        await house.job("postback")
        batch = CamtEntry([CamtTransaction("1000.00", kid=kid(house, 5001), reference="A1"),
                           CamtTransaction("250.00", kid=kid(house, 5001), reference="A2")], batch="2")  # fmt: skip
        both = CamtEntry([CamtTransaction("2500.00", strd=naming(5002, 5003), reference="B1")])
        credited = CamtEntry([CamtTransaction("1250.00", kid=kid(house, 5004), reference="C1")])
        unsure = CamtEntry([CamtTransaction("2400.00", strd=naming(5002, 5003), reference="D1")])
        entries = [batch, both, credited, unsure]
        lay(house, "camt.xml", CamtFile(entries, message="M1").render())
        await settle(house)
        assert states(house) == ["posted"] * 4
        assert house.erp().balance(CLEARING) == Decimal("3750.00")
        assert set(still_owed(house)) == {"5004", "5005"}
        assert [house.told(number)[-1].status for number in (5001, 5002, 5003)] == [4, 4, 4]
        assert [row.reason for row in items(house, "waiting")] == ["credited_invoice", "already_paid"]
        for name, again in (("copy.xml", CamtFile(entries, message="M1", copy="COPY")),
                            ("renamed.xml", CamtFile(entries[::-1], message="M2", version="08"))):  # fmt: skip
            lay(house, name, again.render())
        await settle(house, day=DAY + timedelta(days=1))
        assert (states(house), house.erp().balance(CLEARING)) == (["posted"] * 4, Decimal("3750.00"))
        assert len(items(house, "waiting")) == 2
        shown = json.loads(said(house, "files", "--json"))
        assert [(row["items"], row["known_items"]) for row in shown] == [(0, 5), (0, 5), (5, 0)]


async def test_a_day_of_ocr_giro(tmp_path: Path) -> None:
    """Two assignments with one number, card terminals beside them; told again in another order: nothing more."""
    async with books(tmp_path) as house:
        first, second = [OcrTransaction(125000, kid(house, number), reference=number) for number in (5001, 5002)]
        card = OcrTransaction(99900, "", kind=19, reference=7)

        def file(*assignments: Sequence[OcrTransaction], number: int) -> bytes:
            return OcrFile([OcrAssignment(one, number=1) for one in assignments], number=number).render()

        lay(house, "a.txt", file([first, card], [second], number=777))
        await settle(house)
        assert states(house) == ["posted", "posted"]
        [line] = house.events("settlement.file_skipped")
        assert (line["count"], line["message"]) == (1, "card terminal (transaction types 18–21): 999.00 NOK")
        assert "card terminal" in said(house, "files")
        lay(house, "b.txt", file([second], [replace(card, reference=8), first], number=778))
        await settle(house, day=DAY + timedelta(days=1))
        assert (states(house), house.erp().balance(CLEARING)) == (["posted", "posted"], Decimal("2500.00"))


async def test_what_is_told_of_an_invoice_before_it_is_delivered_reaches_the_erp_after_the_report(
    tmp_path: Path,
) -> None:
    async with books(tmp_path) as house:
        somebody = person(10003, "Åse Berg", "ase.berg@privat.example")
        house.card(somebody, address1="")
        house.invoice(5003, somebody)
        await house.job("intake")
        assert house.story(5003).invoice.parked_reason == "missing_postal_address"
        lay(house, "feed.jsonl", ledger_feed([event(1, "dispute", invoice_number="5003")]))
        await settle(house)
        assert house.told(5003) == []
        house.erp().mend_customer(10003, address1="Storgata 1")
        await house.at(8, day=DAY + timedelta(days=1))
        await house.at(15, 30, day=DAY + timedelta(days=1))
        assert [(call.call, call.status) for call in house.told(5003)] == [("delivered", 5), ("status", 3)]
        assert house.story(5003).invoice.state == "posted_back"
