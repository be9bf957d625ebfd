"""What is said of an invoice when ERP, ledger folder and store are held against each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.architecture.source import table
from worker.model.completeness import LACKS, Lack
from worker.model.document import Kind
from worker.model.parked import ParkedReason
from worker.ports import ErpInvoice, LyingClaim
from worker.reporting.gaps import LONGEST, MOST, missing_numbers
from worker.reporting.judging import Evidence, judge
from worker.store.completeness import HeldInvoice

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)  # a Wednesday, 16:00 in Norway
HOUR = timedelta(hours=1)

LISTED = ErpInvoice(
    erp_id="A1", number="5001", kind=Kind.INVOICE, customer_code="10001", customer_email="", total="1250.0",
    invoice_date=None, due_date=None, original_number="", created_at=NOW - 9 * HOUR, raw="{}",
)  # fmt: skip
HELD = HeldInvoice(
    id=1, erp_id="A1", number="5001", state="posted_back", parked_reason=None, return_state=None, kid="10010000500112",
    payable_minor=125000, currency="NOK", stamped_sha256="0" * 64, registered_as="boker/5001-a1.json",
    fetched_at=NOW - 8 * HOUR, updated_at=NOW - HOUR, erp_total="1250.00", erp_created=NOW - 9 * HOUR,
    handed_over_at=NOW - 8 * HOUR, telling="done", tries=1, told_at=NOW - HOUR,
)  # fmt: skip
CLAIM = LyingClaim(
    "boker/5001-a1.json", erp_id="A1", number="5001", kid="10010000500112", total="1250.00", currency="NOK",
    stamped_sha256="0" * 64,
)  # fmt: skip
UNTOLD: dict[str, Any] = {"telling": "ready", "tries": 0, "told_at": None}


def evidence(**given: Any) -> Evidence:
    usual: dict[str, Any] = {
        "waiting": {}, "delivered": {"a1": LISTED}, "claims": {CLAIM.name: CLAIM}, "held": [HELD],
        "known_claims": frozenset({CLAIM.name}), "started": NOW, "since": NOW - timedelta(days=62), "erp_read": True,
        "last_intake": NOW - 5 * HOUR, "last_report": NOW - HOUR / 2,
    }  # fmt: skip
    return Evidence(**{**usual, **given})


def said(seen: Evidence) -> list[tuple[Lack, bool, str]]:
    return [(one.lack, one.explained, one.owner) for one in judge(seen)[1]]


def waits(held: HeldInvoice | None = None, **given: Any) -> Evidence:
    """The ERP has it waiting."""
    return evidence(waiting={"a1": LISTED}, delivered={}, held=[held] if held else [], claims={}, **given)


def test_in_all_three_alike() -> None:
    assert judge(evidence()) == (1, [])
    assert judge(evidence(claims={})) == (1, []), "taken away by the factor's system"
    assert judge(evidence(erp_read=False, delivered={})) == (1, []), "what was not read proves nothing"


def test_the_erps_ids_are_compared_without_regard_to_case() -> None:
    assert judge(evidence(held=[replace(HELD, erp_id="a1")], claims={})) == (1, [])


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (waits(), (Lack.NOT_FETCHED, False, "factor")),
        (waits(paused=True), (Lack.NOT_FETCHED, True, "factor")),
        (waits(last_intake=NOW - 10 * HOUR), (Lack.NOT_FETCHED, True, "worker")),
        (waits(last_intake=None), (Lack.NOT_FETCHED, True, "worker")),
        (waits(last_intake=None, started=NOW + timedelta(days=2)), (Lack.NOT_FETCHED, False, "factor")),
        (evidence(held=[], claims={}), (Lack.DELIVERED_WITHOUT_US, False, "factor")),
        (waits(HELD), (Lack.ERP_SAYS_UNDELIVERED, False, "factor")),
        (evidence(delivered={}), (Lack.NOT_IN_ERP, False, "client")),
        (evidence(held=[replace(HELD, registered_as=None)], claims={}), (Lack.NOT_REGISTERED, False, "engineer")),
        (evidence(claims={CLAIM.name: replace(CLAIM, kid="1")}), (Lack.CLAIM_DIFFERS, False, "factor")),
        (evidence(claims={CLAIM.name: replace(CLAIM, total="1.00")}), (Lack.CLAIM_DIFFERS, False, "factor")),
        (evidence(claims={CLAIM.name: replace(CLAIM, stamped_sha256="1")}), (Lack.CLAIM_DIFFERS, False, "factor")),
        (evidence(claims={"x": replace(CLAIM, name="x")}), (Lack.CLAIM_WITHOUT_INVOICE, False, "factor")),
        (evidence(claims={"x": LyingClaim("x", fault="not JSON")}), (Lack.CLAIM_UNREADABLE, False, "factor")),
        (evidence(delivered={"a1": replace(LISTED, total="1250.01")}), (Lack.ERP_DIFFERS, False, "factor")),
        (evidence(delivered={"a1": replace(LISTED, total="")}), (Lack.ERP_DIFFERS, False, "factor")),
        (evidence(delivered={"a1": replace(LISTED, number="5002")}), (Lack.ERP_DIFFERS, False, "factor")),
        (waits(replace(HELD, state="withdrawn", **UNTOLD)), (Lack.WITHDRAWN, True, "factor")),
        (waits(replace(HELD, state="delivering", **UNTOLD)), (Lack.UNDERWAY, True, "worker")),
        (
            waits(replace(HELD, state="delivering", updated_at=NOW - timedelta(days=6), **UNTOLD)),
            (Lack.UNDERWAY, False, "engineer"),
        ),
        (
            waits(replace(HELD, state="delivered", updated_at=NOW - HOUR / 4, handed_over_at=NOW - HOUR / 4, **UNTOLD)),
            (Lack.NOT_POSTED_BACK, True, "worker"),
        ),
        (waits(replace(HELD, state="delivered", **UNTOLD)), (Lack.NOT_POSTED_BACK, False, "engineer")),
        (waits(replace(HELD, state="delivered", **{**UNTOLD, "tries": 2})), (Lack.NOT_POSTED_BACK, True, "worker")),
        (waits(replace(HELD, state="delivered", **UNTOLD), paused=True), (Lack.NOT_POSTED_BACK, True, "factor")),
        (
            waits(replace(HELD, state="parked", parked_reason=ParkedReason.MISSING_POSTAL_ADDRESS, **UNTOLD)),
            (Lack.PARKED, True, "client"),
        ),
    ],
)  # fmt: skip
def test_what_is_not_is_listed(seen: Evidence, expected: tuple[Lack, bool, str]) -> None:
    assert said(seen) == [expected]


@pytest.mark.parametrize(
    ("telling", "tries", "explained"), [("unknown", 1, True), ("ready", 1, True), ("ready", 0, False)]
)
def test_a_lost_answer_explains_an_erp_that_knows_more(telling: str, tries: int, *, explained: bool) -> None:
    row = replace(
        HELD, state="delivered", telling=telling, tries=tries, told_at=None, handed_over_at=NOW, updated_at=NOW
    )
    assert (Lack.ERP_SAYS_DELIVERED, explained, "worker" if explained else "factor") in said(evidence(held=[row]))


def test_what_crossed_with_the_reading_is_no_finding() -> None:
    assert said(waits(replace(HELD, told_at=NOW))) == [], "told while the list was read"
    fresh = replace(HELD, state="fetched", registered_as=None, fetched_at=NOW, updated_at=NOW, **UNTOLD)
    assert said(evidence(delivered={}, held=[fresh], claims={})) == [(Lack.UNDERWAY, True, "worker")]
    both = {"a1": LISTED}
    assert judge(evidence(waiting=both, delivered=both)) == (1, [])


def test_a_letter_the_print_house_is_silent_about_is_listed_where_it_tells_of_others() -> None:
    out = replace(HELD, letter_out_at=NOW - timedelta(days=6))
    assert said(evidence(held=[out], letters_are_confirmed=True)) == [(Lack.LETTER_NOT_CONFIRMED, False, "factor")]
    assert said(evidence(held=[out])) == [], "this print house gives no receipts"
    late = replace(out, letter_out_at=NOW - timedelta(days=5))
    assert said(evidence(held=[late], letters_are_confirmed=True)) == [], "a Friday's letter on the third bank day"


def test_a_finding_names_no_kid() -> None:
    [finding] = judge(evidence(claims={CLAIM.name: replace(CLAIM, kid="999", number="5002")}))[1]
    assert finding.detail == "number, KID in boker/5001-a1.json"


def test_holes_in_the_numbers() -> None:
    assert missing_numbers(["5001", "5003", "5006", "A7", "5002"]) == ("5004-5005",)
    assert missing_numbers(["5003", "5001", "5001"]) == ("5002",)
    assert missing_numbers([]) == ()
    assert missing_numbers(["1", str(LONGEST + 2)]) == (f"2-{LONGEST + 1}",)
    assert missing_numbers(["1", str(LONGEST + 3)]) == (), "another series"
    many = missing_numbers([str(number) for number in range(0, 2 * (MOST + 6), 2)])
    assert (len(many), many[-1]) == (MOST + 1, "5 more")


def test_every_word_is_described() -> None:
    rows = table("docs/completeness.md", "What it finds")
    assert set(rows) == set(Lack) == set(LACKS)
    for lack, (explained, owner, meaning, remedy) in rows.items():
        facts = LACKS[Lack(lack)]
        assert explained.startswith("yes") == facts.explained
        assert owner in (facts.owner, "that of its [reason](operating.md#why-an-invoice-is-parked)")
        assert meaning.casefold().startswith(facts.meaning.casefold()[:20])
        assert remedy
        assert facts.norwegian.endswith(".")
