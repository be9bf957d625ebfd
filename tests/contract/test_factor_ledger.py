"""Claims in a folder: whole, once, and as docs/registered-claim.md says."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from worker.adapters.factor_ledger import FolderFactorLedger
from worker.model.document import Kind
from worker.model.money import Money
from worker.model.outcomes import Refused
from worker.ports import Claim

pytestmark = pytest.mark.anyio

XML = "<Invoice>Blåbær</Invoice>".encode()
CLAIM = Claim(
    client="boker",
    client_organisation_number="974760673",
    client_number="1042",
    erp="poweroffice_go",
    erp_id="8c1d",
    kind=Kind.INVOICE,
    number="10045",
    credited_numbers=(),
    issue_date=date(2026, 11, 20),
    due_date=date(2026, 12, 4),
    total=Money.of("12500.50"),
    factor_account="15032080119",
    kid="104210045000017",
    debtor_code="10001",
    debtor_name="Kari Nordmann",
    debtor_is_person=True,
    debtor_organisation_number="",
    debtor_address_lines=("Kari Nordmann", "Storgata 1", "0155 OSLO"),
    debtor_email="kari@debitor.example",
    debtor_phone="",
    notice_version="nb-1",
    original_sha256="0" * 64,
    stamped_sha256=hashlib.sha256(XML).hexdigest(),
    stamped_xml=XML,
    registered_at=datetime(2026, 11, 20, 7, 5, tzinfo=UTC),
)


def files_in(root: Path) -> list[str]:
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


async def test_a_claim_is_two_files_and_says_everything(tmp_path: Path) -> None:
    name = await FolderFactorLedger(tmp_path / "registered").register(claim=CLAIM)
    assert name == "boker/10045-8c1d.json"
    assert files_in(tmp_path / "registered") == ["boker/10045-8c1d.json", "boker/10045-8c1d.xml"]
    assert (tmp_path / "registered" / "boker" / "10045-8c1d.xml").read_bytes() == XML
    claim = json.loads((tmp_path / "registered" / name).read_bytes())
    assert claim == {
        "schema": "factoring-worker/registered-claim",
        "schema_version": 1,
        "client": {"id": "boker", "number": "1042", "organisation_number": "974760673"},
        "source": {"erp": "poweroffice_go", "erp_id": "8c1d"},
        "kind": "invoice",
        "number": "10045",
        "credited_numbers": [],
        "issue_date": "2026-11-20",
        "due_date": "2026-12-04",
        "total": {"currency": "NOK", "amount": "12500.50", "minor_units": 1250050},
        "payment": {"account": "15032080119", "kid": "104210045000017"},
        "debtor": {
            "code": "10001",
            "name": "Kari Nordmann",
            "is_person": True,
            "organisation_number": None,
            "address_lines": ["Kari Nordmann", "Storgata 1", "0155 OSLO"],
            "email": "kari@debitor.example",
            "phone": None,
        },
        "notice_version": "nb-1",
        "documents": {
            "original_sha256": "0" * 64,
            "stamped_sha256": CLAIM.stamped_sha256,
            "stamped_file": "10045-8c1d.xml",
        },
        "registered_at": "2026-11-20T07:05:00+00:00",
    }


async def test_the_same_claim_again_changes_nothing(tmp_path: Path) -> None:
    ledger = FolderFactorLedger(tmp_path)
    name = await ledger.register(claim=CLAIM)
    before = (tmp_path / name).read_bytes()
    again = replace(CLAIM, registered_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC))
    assert await ledger.register(claim=again) == name
    assert (tmp_path / name).read_bytes() == before
    assert len(files_in(tmp_path)) == 2


async def test_another_claim_under_the_name_is_refused_and_the_first_stands(tmp_path: Path) -> None:
    ledger = FolderFactorLedger(tmp_path)
    name = await ledger.register(claim=CLAIM)
    before = {f: (tmp_path / f).read_bytes() for f in files_in(tmp_path)}
    other_xml = b"<Invoice>another</Invoice>"
    with pytest.raises(Refused, match="already registered"):
        await ledger.register(claim=replace(CLAIM, kid="104210045000025"))
    with pytest.raises(Refused, match="already registered"):
        await ledger.register(
            claim=replace(CLAIM, stamped_xml=other_xml, stamped_sha256=hashlib.sha256(other_xml).hexdigest())
        )
    assert {f: (tmp_path / f).read_bytes() for f in files_in(tmp_path)} == before
    assert name in before


async def test_an_xml_left_by_a_crash_before_its_json_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "boker").mkdir()
    (tmp_path / "boker" / "10045-8c1d.xml").write_bytes(b"<Invoice>cut sho")
    await FolderFactorLedger(tmp_path).register(claim=CLAIM)
    assert (tmp_path / "boker" / "10045-8c1d.xml").read_bytes() == XML


async def test_the_xml_must_be_what_its_hash_says(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="hash"):
        await FolderFactorLedger(tmp_path).register(claim=replace(CLAIM, stamped_xml=b"<Invoice/>"))
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("number", ["../../10045", "10045/1", "..", "10045\x00", "Å 1", "x" * 300])
async def test_a_hostile_number_stays_in_the_clients_folder(tmp_path: Path, number: str) -> None:
    root = tmp_path / "registered"
    name = await FolderFactorLedger(root).register(claim=replace(CLAIM, number=number))
    assert (root / name).parent == root / "boker"
    assert len(files_in(tmp_path)) == 2
    assert json.loads((root / name).read_bytes())["number"] == number


async def test_numbers_that_look_alike_as_file_names_are_two_claims(tmp_path: Path) -> None:
    ledger = FolderFactorLedger(tmp_path)
    names = {await ledger.register(claim=replace(CLAIM, number=n)) for n in ("1/2", "1_2", "1\\2")}
    assert len(names) == 3


async def test_a_credit_note_and_a_claim_without_due_date(tmp_path: Path) -> None:
    note = replace(
        CLAIM, kind=Kind.CREDIT_NOTE, due_date=None, credited_numbers=("10044",), total=Money(5, "NOK"), erp_id="9"
    )
    claim = json.loads((tmp_path / await FolderFactorLedger(tmp_path).register(claim=note)).read_bytes())
    assert (claim["kind"], claim["due_date"], claim["credited_numbers"]) == ("credit_note", None, ["10044"])
    assert claim["total"] == {"currency": "NOK", "amount": "0.05", "minor_units": 5}


async def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "boker").write_bytes(b"a file where the folder should be")
    with pytest.raises(OSError):
        await FolderFactorLedger(tmp_path).register(claim=CLAIM)


async def test_what_lies_there_is_listed_and_read(tmp_path: Path) -> None:
    ledger = FolderFactorLedger(tmp_path)
    assert ledger.lying(client="boker") == []
    name = await ledger.register(claim=CLAIM)
    (tmp_path / "boker" / ".half.json").write_text("{", encoding="utf-8")
    assert ledger.lying(client="boker") == [name]
    assert ledger.lying(client="vik") == []
    lying = ledger.read(name=name)
    assert lying is not None
    assert (lying.erp_id, lying.number, lying.kid, lying.total, lying.currency, lying.stamped_sha256, lying.fault) == (
        CLAIM.erp_id, CLAIM.number, CLAIM.kid, "12500.50", "NOK", CLAIM.stamped_sha256, "",
    )  # fmt: skip
    (tmp_path / name).unlink()
    assert ledger.read(name=name) is None, "taken away by the factor's system"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"{", "not JSON"),
        (b"[]", "not an object"),
        (b'{"schema": "something-else"}', "not a registered claim of this version"),
        (b'{"schema": "factoring-worker/registered-claim", "schema_version": 2}', "not a registered claim"),
    ],
)
def test_a_file_that_is_no_claim_says_why(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "boker").mkdir()
    (tmp_path / "boker" / "x.json").write_bytes(content)
    lying = FolderFactorLedger(tmp_path).read(name="boker/x.json")
    assert lying is not None
    assert lying.fault.startswith(fault)


def test_a_claim_with_odd_parts_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    (tmp_path / "boker").mkdir()
    odd = {"schema": "factoring-worker/registered-claim", "schema_version": 1, "payment": [], "total": {"amount": 5}}
    (tmp_path / "boker" / "x.json").write_text(json.dumps(odd), encoding="utf-8")
    lying = FolderFactorLedger(tmp_path).read(name="boker/x.json")
    assert lying is not None
    assert (lying.kid, lying.total, lying.fault) == ("", "", "")
