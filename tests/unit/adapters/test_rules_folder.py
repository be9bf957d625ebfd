"""The folder of rules: what the manifest says, which version a day picks, and every way it can be wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.rules_folder import put_rules, put_schema
from worker.adapters.rules.client import FolderRules
from worker.adapters.rules.folder import check_folder, read_folder, write_manifest
from worker.model.document import Kind
from worker.model.findings import GAVE_UP, Finding, RuleSet, Verdict
from worker.ports import RulesUnavailable

PEPPOL, XSD = "peppol-bis-billing", "ubl-xsd"
SPRING, AUTUMN = date(2026, 5, 18), date(2026, 11, 16)


def filled(root: Path) -> Path:
    """A schema, and two versions of the rules side by side."""
    put_schema(root)
    put_rules(root, "", version="2026.5")
    put_rules(root, "<!-- new -->", version="2026.11")
    days = {f"{XSD}/2.1": date(2013, 11, 4), f"{PEPPOL}/2026.5": SPRING, f"{PEPPOL}/2026.11": AUTUMN}
    write_manifest(root, valid_from=days)
    return root


def edited(root: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """The error after the manifest has been changed by hand."""
    path = filled(root) / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    change(manifest)
    path.write_bytes(orjson.dumps(manifest))
    found = check_folder(root)
    assert len(found) == 1
    assert str(path) in found[0]
    with pytest.raises(RulesUnavailable) as caught:
        FolderRules(root)
    assert str(caught.value) == found[0]
    return found[0]


def test_the_manifest_names_every_file_with_its_hash(tmp_path: Path) -> None:
    folder = read_folder(filled(tmp_path))
    assert check_folder(tmp_path) == []
    assert [rules.id for rules in folder.sets] == [f"{XSD}/2.1", f"{PEPPOL}/2026.5", f"{PEPPOL}/2026.11"]
    schema = folder.sets[0]
    assert schema.files[Kind.CREDIT_NOTE] == f"{XSD}/2.1/xsd/maindoc/UBL-CreditNote-2.1.xsd"
    assert set(schema.sha256) == {
        f"{XSD}/2.1/xsd/common/dates.xsd",
        f"{XSD}/2.1/xsd/maindoc/UBL-CreditNote-2.1.xsd",
        f"{XSD}/2.1/xsd/maindoc/UBL-Invoice-2.1.xsd",
    }


@pytest.mark.parametrize(
    ("on", "version"), [(SPRING, "2026.5"), (date(2026, 11, 15), "2026.5"), (AUTUMN, "2026.11"),
                        (date(2031, 1, 1), "2026.11")],
)  # fmt: skip
def test_the_day_picks_the_version(tmp_path: Path, on: date, version: str) -> None:
    in_force = read_folder(filled(tmp_path)).in_force(on)
    assert [rules.id for rules in in_force] == [f"{XSD}/2.1", f"{PEPPOL}/{version}"]


def test_a_day_without_rules_is_an_error_not_a_pass(tmp_path: Path) -> None:
    folder = read_folder(filled(tmp_path))
    with pytest.raises(RulesUnavailable, match=f"no version of {PEPPOL} applies on 2026-05-17"):
        folder.in_force(date(2026, 5, 17))


def test_a_last_day_is_kept_and_counts(tmp_path: Path) -> None:
    path = filled(tmp_path) / "manifest.json"
    manifest = orjson.loads(path.read_bytes())
    manifest["sets"][1]["valid_to"] = "2026-10-31"
    path.write_bytes(orjson.dumps(manifest))
    folder = write_manifest(tmp_path)
    assert folder.in_force(date(2026, 10, 31))[1].version == "2026.5"
    with pytest.raises(RulesUnavailable, match="2026-11-01"):
        folder.in_force(date(2026, 11, 1))


def test_a_new_version_needs_its_day_and_the_old_ones_keep_theirs(tmp_path: Path) -> None:
    before = read_folder(filled(tmp_path)).sets
    put_rules(tmp_path, "", version="2027.5")
    with pytest.raises(RulesUnavailable, match=r"2027\.5: say from which day it applies"):
        write_manifest(tmp_path)
    assert read_folder(tmp_path).sets == before
    after = write_manifest(tmp_path, valid_from={f"{PEPPOL}/2027.5": date(2027, 5, 17)}).sets
    assert after[:3] == before
    assert after[3].valid_from == date(2027, 5, 17)


def test_a_changed_a_missing_and_a_swapped_file_are_named(tmp_path: Path) -> None:
    filled(tmp_path)
    rules = tmp_path / PEPPOL / "2026.5" / "rules.xslt"
    rules.write_bytes(rules.read_bytes() + b"\n")
    common = tmp_path / XSD / "2.1" / "xsd" / "common" / "dates.xsd"
    common.unlink()
    assert check_folder(tmp_path) == [
        f"{common}: No such file or directory",
        f"{rules}: its SHA-256 is not the one in manifest.json",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(schema="something/else"), "schema: Input should be 'factoring-worker/rules'"),
        (lambda m: m.update(schema_version=2), "schema_version: Input should be 1"),
        (lambda m: m.update(sets=[]), "no rules are listed"),
        (lambda m: m["sets"][1].update(valid_from="18.05.2026"), r"sets\.1\.valid_from: Input should be a valid date"),
        (lambda m: m["sets"][1].pop("sha256"), r"sets\.1\.sha256: Field required"),
        (lambda m: m["sets"][1].update(until="x"), r"sets\.1\.until: Extra inputs are not permitted"),
        (lambda m: m["sets"][1]["files"].pop("credit_note"), "peppol-bis-billing/2026.5: no file for credit_note"),
        (lambda m: m["sets"][1]["files"].update(invoice="other.xslt"), "other.xslt has no sha256"),
        (lambda m: m["sets"][1]["sha256"].update({"../secret": "0" * 64}), "../secret lies outside the folder"),
        (lambda m: m["sets"][1]["sha256"].update({"/etc/passwd": "0" * 64}), "/etc/passwd lies outside the folder"),
        (lambda m: m["sets"][2].update(valid_from=m["sets"][1]["valid_from"]), "apply on the same days"),
        (lambda m: m["sets"][1].update(valid_to="2026-11-16"), "apply on the same days"),
        (lambda m: m["sets"][1].update(valid_to="2026-05-01"), "ends before it begins"),
        (lambda m: m["sets"][2].update(version="2026.5"), "peppol-bis-billing/2026.5 is listed twice"),
        (lambda m: m["sets"][2].update(kind="xsd"), "not of one kind"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    assert re.search(words, edited(tmp_path, change))


def test_no_manifest_and_no_json_are_said(tmp_path: Path) -> None:
    assert check_folder(tmp_path) == [f"{tmp_path / 'manifest.json'}: No such file or directory"]
    (tmp_path / "manifest.json").write_text("{")
    assert check_folder(tmp_path) == [f"{tmp_path / 'manifest.json'}: not JSON"]
    (tmp_path / "manifest.json").write_text("[]")
    assert "manifest.json" in check_folder(tmp_path)[0]


def test_a_folder_filled_wrongly_gets_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(RulesUnavailable, match="holds no rules"):
        write_manifest(tmp_path)
    (tmp_path / "house-rules" / "1").mkdir(parents=True)
    with pytest.raises(RulesUnavailable, match="house-rules: not one of ubl-xsd, en16931-ubl, peppol-bis-billing"):
        write_manifest(tmp_path)
    (tmp_path / "house-rules" / "1").rmdir()
    (tmp_path / "en16931-ubl" / "1.3.16").mkdir(parents=True)
    day = {"en16931-ubl/1.3.16": SPRING}
    with pytest.raises(
        RulesUnavailable, match=r"1\.3\.16: exactly one file of compiled rules \(XSLT\) belongs there, found 0"
    ):
        write_manifest(tmp_path, valid_from=day)
    first = put_rules(tmp_path, "", name="en16931-ubl", version="1.3.16")
    first.with_name("second.xslt").write_bytes(first.read_bytes())
    with pytest.raises(RulesUnavailable, match="found 2"):
        write_manifest(tmp_path, valid_from=day)
    first.with_name("second.xslt").unlink()
    with pytest.raises(RulesUnavailable, match=r"en16931-ubl/1\.3\.17: there is no such folder"):
        write_manifest(tmp_path, valid_from={**day, "en16931-ubl/1.3.17": AUTUMN})
    assert not (tmp_path / "manifest.json").exists()
    (put_schema(tmp_path) / "maindoc" / "UBL-CreditNote-2.1.xsd").unlink()
    with pytest.raises(RulesUnavailable, match=r"one schema for urn:oasis.*CreditNote-2 belongs there, found 0"):
        write_manifest(tmp_path, valid_from={**day, "ubl-xsd/2.1": SPRING})


def test_what_is_in_the_folder_is_described(tmp_path: Path) -> None:
    described = FolderRules(filled(tmp_path)).describe()
    assert described == (
        "ubl-xsd 2.1 from 2013-11-04, peppol-bis-billing 2026.5 from 2026-05-18, peppol-bis-billing 2026.11 from "
        "2026-11-16; not in the folder: en16931-ubl"
    )


def test_a_verdict_tells_fatal_from_mild_and_keeps_texts_out_of_logs() -> None:
    findings = (
        Finding("BR-CO-15", True, "/Invoice[1]", "Kari Nordmann skylder 100"),
        Finding("UBL-CR-679", False, "/Invoice[1]", "mild"),
        Finding("BR-CO-15", True, "/Invoice[1]", "again"),
    )
    verdict = Verdict((RuleSet("peppol-bis-billing", "2026.5"),), findings)
    assert verdict.fatal == (findings[0], findings[2])
    assert verdict.warnings == (findings[1],)
    assert verdict.fatal_ids == ("BR-CO-15",)
    assert not verdict.gave_up
    assert "Kari" not in repr(verdict)
    assert Verdict((), (Finding(GAVE_UP, True, "/", ""),)).gave_up
    assert not Verdict((), ()).fatal
