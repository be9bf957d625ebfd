"""docs/settlement.md says what the posting rules, the statuses and the wait reasons say. The code is asked."""

from __future__ import annotations

import re

import pytest

from tests.architecture.source import table
from worker.model.settlement import EventKind
from worker.model.waiting import WAITING, WaitReason
from worker.settlement.rules import RULES, STATUSES

PAGE = "docs/settlement.md"


def test_every_posting_rule_stands_there_and_no_other() -> None:
    assert set(table(PAGE, "The posting rules")) == {str(kind) for kind in RULES}


@pytest.mark.parametrize("kind", RULES)
def test_a_posting_rule_is_told_as_it_is(kind: EventKind) -> None:
    journal, pairs, text = table(PAGE, "The posting rules")[kind]
    rule = RULES[kind]
    assert (journal, text) == (rule.kind, rule.text)
    assert re.findall(r"`(\w+)` / `(\w+)`", pairs) == [(str(debit), str(credit)) for debit, credit in rule.pairs]


def test_every_status_is_told_as_it_is() -> None:
    shown = {kind: (status.strip("`"), text) for kind, (status, text) in table(PAGE, "What the ERP is told").items()}
    assert shown == {str(kind): status for kind, status in STATUSES.items()}


def test_every_wait_reason_is_described_with_what_to_do() -> None:
    shown = table(PAGE, "What waits for a person")
    assert set(shown) == {str(reason) for reason in WaitReason} == {str(reason) for reason in WAITING}
    for reason, facts in WAITING.items():
        assert [cell.lower() for cell in shown[reason]] == [facts.meaning.lower(), facts.remedy.lower()]
