"""Every kind of document from the ERP's XML to stamped XML and PDF, as the golden files say and without faults."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden.regenerate import FILES, FOLDER
from tests.golden.stamping import LAYOUT, NOT_FOR_PEPPOL, OLD_ACCOUNT, STAMPED
from worker.model.ehf import read_document
from worker.stamping.accounts import AccountHunt
from worker.stamping.checks import own_faults
from worker.stamping.ubl import stamp

SET = [file for file in FILES if file[1].parent == FOLDER / "stamped"]


@pytest.mark.parametrize(("path", "make"), [file[1:] for file in SET], ids=[path.name for _, path, _ in SET])
def test_the_stamped_document_is_as_before(path: Path, make: Callable[[], str]) -> None:
    assert make() == path.read_text(encoding="utf-8"), "see: python -m tests.golden.regenerate"


def test_no_golden_file_is_left_behind() -> None:
    assert set((FOLDER / "stamped").iterdir()) == {path for _, path, _ in SET}


@pytest.mark.parametrize("name", STAMPED)
def test_a_stamped_document_has_no_faults_of_ours_and_stamps_to_itself(name: str) -> None:
    golden = STAMPED[name]()
    xml = golden.stamped()
    document = read_document(xml)
    ways = {"sender": "0192:923609016"}
    if name not in NOT_FOR_PEPPOL and document.buyer.endpoint:
        ways["receiver"] = f"{document.buyer.endpoint.scheme}:{document.buyer.endpoint.value}"
    assert own_faults(document, golden.stamping, kid_layout=LAYOUT, **ways) == ()
    assert stamp(xml, golden.stamping).xml == xml


@pytest.mark.parametrize("name", STAMPED)
def test_nothing_leads_to_the_old_account(name: str) -> None:
    golden = STAMPED[name]()
    assert AccountHunt([OLD_ACCOUNT]).stands_in(golden.original.decode())
    assert not AccountHunt([OLD_ACCOUNT]).stands_in(golden.stamped().decode())


def test_the_copy_is_gone_and_the_other_file_kept() -> None:
    document = read_document(STAMPED["embedded_copy"]().stamped())
    assert [attachment.file_name for attachment in document.attachments] == ["timer.csv"]
    original = STAMPED["embedded_copy"]().original
    (kept,) = re.findall(rb"<cbc:Embedded[^>]*csv[^>]*>[^<]*<", original)
    assert kept in STAMPED["embedded_copy"]().stamped()
