"""DocumentRules with a real engine: the official rules of May 2024, and small rules of our own that misbehave."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.golden.stamping import NOT_FOR_PEPPOL, STAMPED
from tests.support.ehf_samples import FACTORED_BY_IBAN, SAMPLES, SELLER
from tests.support.rules_folder import BEGIN, finding, put_rules, put_schema, rules_of_2024
from worker.adapters.rules.client import FolderRules, NoRules
from worker.adapters.rules.folder import write_manifest
from worker.model.document import Kind
from worker.model.ehf import DocumentError, read_document
from worker.model.findings import GAVE_UP, RuleSet, Verdict
from worker.model.parked import ParkedReason
from worker.ports import DocumentRules, RulesUnavailable
from worker.stamping.ubl import stamp

pytestmark = pytest.mark.anyio

ON = date(2026, 11, 21)
SAMPLE = SAMPLES["invoice"]()
PEPPOL = "peppol-bis-billing"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def described(root: Path) -> Path:
    """The folder, with a manifest when it had none."""
    if not (root / "manifest.json").exists():
        found = [f"{path.parent.name}/{path.name}" for path in root.glob("*/*")]
        write_manifest(root, valid_from=dict.fromkeys(found, BEGIN))
    return root


@asynccontextmanager
async def rules(root: Path, **options: float) -> AsyncGenerator[FolderRules]:
    """The rules of a folder."""
    opened = FolderRules(described(root), **options)  # pyright: ignore[reportArgumentType]
    try:
        yield opened
    finally:
        await opened.aclose()


async def checked(rules: DocumentRules, xml: bytes = SAMPLE.xml, kind: Kind = Kind.INVOICE) -> Verdict:
    return await rules.check(xml=xml, kind=kind, on=ON)


def changed(content: bytes, pattern: str, replacement: str) -> bytes:
    text, count = re.subn(pattern, replacement, content.decode(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


def numbered(number: str) -> bytes:
    return changed(SAMPLE.xml, "<cbc:ID>10021</cbc:ID>", f"<cbc:ID>{number}</cbc:ID>")


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


def engines(parent: int | None = None) -> list[int]:
    """Process ids of the running engines of a process, by default this one."""
    found: list[int] = []
    for path in Path(f"/proc/{parent or os.getpid()}/task").glob("*/children"):
        for child in path.read_text().split():
            command = Path(f"/proc/{child}/cmdline")
            if command.exists() and b"worker.adapters.rules.engine" in command.read_bytes():
                found.append(int(child))
    return found


def stat(process: int) -> list[str] | None:
    """What the system says of a process, from its state on; None when it is no more."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def environ(process: int) -> bytes:
    return Path(f"/proc/{process}/environ").read_bytes()


async def running_engine() -> int:
    """The engine, once it has worked for half a second."""
    for _ in range(400):
        for process in engines():
            if (found := stat(process)) and int(found[11]) > 0.5 * os.sysconf("SC_CLK_TCK"):
                return process
        await asyncio.sleep(0.05)
    raise AssertionError("no engine is running")


async def gone(process: int) -> bool:
    """Whether a process is no more, waiting up to ten seconds. A zombie nobody has collected yet is no more."""
    for _ in range(200):
        found = stat(process)
        if found is None or found[0] in "ZX":
            return True
        await asyncio.sleep(0.05)
    return False


# --- the official rules ---------------------------------------------------------------------------


def built() -> Iterator[tuple[str, Kind, bytes]]:
    """Every document this project makes that is to be valid, as made and as stamped."""
    for name, make in SAMPLES.items():
        sample = make()
        yield f"{name} as made", sample.kind, sample.xml
        yield f"{name} stamped", sample.kind, stamp(sample.xml, sample.stamp).xml
        if name in {"invoice", "credit_note"}:
            factored = replace(sample.stamp, type_codes_factored=True)
            yield f"{name} with factored type code", sample.kind, stamp(sample.xml, factored).xml
            yield f"{name} with IBAN", sample.kind, stamp(sample.xml, FACTORED_BY_IBAN).xml
    for name in STAMPED.keys() - NOT_FOR_PEPPOL:
        golden = STAMPED[name]()
        kind = read_document(golden.original).kind
        yield f"golden {name} as made", kind, golden.original
        yield f"golden {name} stamped", kind, golden.stamped()


async def test_every_document_we_make_or_stamp_passes(tmp_path: Path) -> None:
    faults: dict[str, tuple[str, ...]] = {}
    async with rules(rules_of_2024(tmp_path)) as official:
        for name, kind, xml in built():
            verdict = await checked(official, xml, kind)
            assert verdict.sets == (RuleSet("en16931-ubl", "2024.5"), RuleSet(PEPPOL, "2024.5"))
            if verdict.findings:
                faults[name] = tuple(found.rule_id for found in verdict.findings)
    assert faults == {}


async def test_a_persons_document_is_no_peppol_document(tmp_path: Path) -> None:
    async with rules(rules_of_2024(tmp_path)) as official:
        for name in NOT_FOR_PEPPOL:
            assert (await checked(official, STAMPED[name]().stamped())).fatal_ids


NOTE = "<cbc:Note>Takk</cbc:Note>"
BROKEN = {
    "R002": ("PEPPOL-EN16931-R002", r"(?=<cbc:DocumentCurrencyCode>)", NOTE * 2),
    "R003": ("PEPPOL-EN16931-R003", r"<cbc:BuyerReference>.*?</cbc:BuyerReference>", ""),
    "R008": ("PEPPOL-EN16931-R008", r"(?=<cbc:DocumentCurrencyCode>)", "<cbc:Note></cbc:Note>"),
    "R010": ("PEPPOL-EN16931-R010", r'<cbc:EndpointID schemeID="0192">974760673</cbc:EndpointID>', ""),
    "R041": ("PEPPOL-COMMON-R041", r">974760673</cbc:EndpointID>", ">974760674</cbc:EndpointID>"),
    "NO-R-001": ("NO-R-001", r">NO923609016MVA<", ">NO923609017MVA<"),
    "BR-CO-15": ("BR-CO-15", r"(<cbc:TaxInclusiveAmount [^>]*>)[^<]*", r"\g<1>1.00"),
    "BR-CO-10": ("BR-CO-10", r"(<cac:LegalMonetaryTotal>\s*<cbc:LineExtensionAmount [^>]*>)[^<]*", r"\g<1>1.00"),
    "BR-61": ("BR-61", r"31</cbc:PaymentMeansCode>(.*?)<cac:PayeeFinancialAccount>.*?</cac:PayeeFinancialAccount>",
              r"30</cbc:PaymentMeansCode>\g<1>"),
    "BR-17": ("BR-17", r"(?=<cac:PaymentMeans>)",
              f"<cac:PayeeParty><cac:PartyName><cbc:Name>{SELLER.name}</cbc:Name></cac:PartyName></cac:PayeeParty>"),
    "UBL-SR-44": ("UBL-SR-44", r"(<cac:PaymentMeans>.*?</cac:PaymentMeans>)",
                  r"\g<1><cac:PaymentMeans><cbc:PaymentMeansCode>31</cbc:PaymentMeansCode>"
                  r"<cbc:PaymentID>1</cbc:PaymentID></cac:PaymentMeans>"),
}  # fmt: skip


async def test_each_broken_rule_is_named_and_nothing_of_the_document_is(tmp_path: Path) -> None:
    named: dict[str, bool] = {}
    async with rules(rules_of_2024(tmp_path)) as official:
        for name, (rule_id, pattern, replacement) in BROKEN.items():
            verdict = await checked(official, changed(SAMPLE.xml, pattern, replacement))
            named[name] = rule_id in verdict.fatal_ids
            for found in verdict.findings:
                assert found.location.startswith("/Invoice[1]"), found.location
                assert "urn:" not in found.location
                assert len(found.text) <= 300
                assert SELLER.name not in found.text
    assert named == dict.fromkeys(BROKEN, True)


async def test_a_warning_does_not_forbid(tmp_path: Path) -> None:
    xml = changed(SAMPLE.xml, r"(<cac:PayeeFinancialAccount>\s*<cbc:ID)>", r'\g<1> schemeID="BBAN">')
    async with rules(rules_of_2024(tmp_path)) as official:
        verdict = await checked(official, xml)
    assert [found.rule_id for found in verdict.warnings] == ["UBL-CR-654"]
    assert not verdict.fatal


# --- the schema -----------------------------------------------------------------------------------


async def test_what_breaks_the_schema_is_not_looked_at_further_and_not_quoted(tmp_path: Path) -> None:
    put_schema(tmp_path)
    put_rules(tmp_path, finding("LATER"))
    async with rules(tmp_path) as both:
        assert (await checked(both)).fatal_ids == ("LATER",)
        verdict = await checked(both, changed(SAMPLE.xml, r"(<cbc:IssueDate>)[^<]*", r"\g<1>Kari's 'fest'"))
        assert verdict.sets == (RuleSet("ubl-xsd", "2.1"), RuleSet(PEPPOL, "1"))
        assert [(found.rule_id, found.location) for found in verdict.fatal] == [
            ("XSD-CVC_DATATYPE_VALID_1_2_1", "/*/cbc:IssueDate")
        ]
        assert verdict.fatal[0].text == "Element 'IssueDate': '…' is not a valid value of the atomic type 'xs:date'."
        credit = SAMPLES["credit_note"]()
        assert (await checked(both, credit.xml, credit.kind)).fatal_ids == ("LATER",)


@pytest.mark.parametrize("include", ["../common/other.xsd", "file:///etc/passwd", "http://127.0.0.1:9/x.xsd"])
async def test_a_schema_includes_listed_files_only(tmp_path: Path, include: str) -> None:
    put_schema(tmp_path, include=include)
    (tmp_path / "ubl-xsd/2.1/xsd/common/other.txt").write_text("")
    async with rules(tmp_path) as schema:
        with pytest.raises(RulesUnavailable, match=r"UBL-Invoice-2\.1\.xsd: includes .* does not list"):
            await checked(schema)


# --- versions and files ---------------------------------------------------------------------------


async def test_the_day_picks_the_version_that_is_asked(tmp_path: Path) -> None:
    for version in ("old", "new"):
        put_rules(tmp_path, finding(version), version=version)
    write_manifest(tmp_path, valid_from={f"{PEPPOL}/old": BEGIN, f"{PEPPOL}/new": ON})
    async with rules(tmp_path) as both:
        for on, version in ((date(2026, 11, 20), "old"), (ON, "new"), (date(2026, 11, 19), "old")):
            verdict = await both.check(xml=SAMPLE.xml, kind=Kind.INVOICE, on=on)
            assert (verdict.fatal_ids, verdict.sets) == ((version,), (RuleSet(PEPPOL, version),))
        with pytest.raises(RulesUnavailable, match=f"no version of {PEPPOL} applies on 2024-04-30"):
            await both.check(xml=SAMPLE.xml, kind=Kind.INVOICE, on=date(2024, 4, 30))


async def test_a_file_changed_behind_our_back_is_never_used(tmp_path: Path) -> None:
    path = put_rules(tmp_path, finding("MINE"))
    async with rules(tmp_path) as mine:
        content = path.read_bytes()
        path.write_bytes(content.replace(b"fatal", b"warning"))
        with pytest.raises(RulesUnavailable, match=re.escape(f"{path}: its SHA-256 is not the one")):
            await mine.prepare(on=ON)
        path.unlink()
        with pytest.raises(RulesUnavailable, match=re.escape(f"{path}: No such file")):
            await checked(mine)
        path.write_bytes(content)
        assert (await checked(mine)).fatal_ids == ("MINE",)


@pytest.mark.parametrize("content", ["<xsl:stylesheet", "<a/>", "not even XML"])
async def test_rules_that_do_not_compile_are_named(tmp_path: Path, content: str) -> None:
    put_rules(tmp_path, "").write_text(content)
    async with rules(tmp_path) as broken:
        with pytest.raises(RulesUnavailable, match=f"{PEPPOL}/1/rules.xslt: (cannot be compiled|not XML)"):
            await checked(broken)


async def test_rules_for_something_else_are_no_pass(tmp_path: Path) -> None:
    put_rules(tmp_path, "", fires=False)
    async with rules(tmp_path) as idle:
        with pytest.raises(RulesUnavailable, match="not a single rule"):
            await checked(idle)


async def test_no_rule_opens_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("hemmelig")
    put_rules(tmp_path / "rules", f"""<xsl:value-of select="unparsed-text('{secret.as_uri()}')"/>""")
    async with rules(tmp_path / "rules") as prying:
        verdict = await checked(prying)
    assert verdict.gave_up
    assert "hemmelig" not in verdict.findings[0].text


# --- findings -------------------------------------------------------------------------------------


async def test_many_findings_are_cut_fatal_first_and_counted(tmp_path: Path) -> None:
    mild = f'<xsl:for-each select="1 to 300">{finding("MILD", flag="warning")}</xsl:for-each>'
    put_rules(tmp_path, mild + finding("BAD", text="x " * 400) + finding("ODD", flag="critical"))
    async with rules(tmp_path) as talkative:
        verdict = await checked(talkative)
    assert verdict.fatal_ids == ("BAD", "ODD")
    assert (len(verdict.findings), verdict.left_off) == (200, 102)
    assert len(verdict.fatal[0].text) == 300


async def test_rules_that_break_off_on_a_document_forbid_it_without_quoting_it(tmp_path: Path) -> None:
    put_rules(tmp_path, '<xsl:value-of select="xs:decimal(/*/cbc:BuyerReference)"/>')
    xml = changed(SAMPLE.xml, r"(<cbc:BuyerReference>)[^<]*", r"\g<1>Kari Nordmann")
    async with rules(tmp_path) as brittle:
        verdict = await checked(brittle, xml)
    assert verdict.gave_up
    assert verdict.fatal[0].text == f"{PEPPOL}/1: the rules broke off on this document"


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + SAMPLE.xml[38:], ParkedReason.DOCUMENT_HAS_DTD),
        (b"<html></html>", ParkedReason.DOCUMENT_UNREADABLE),
        (b"<Invoice/>", ParkedReason.DOCUMENT_TYPE_UNKNOWN),
    ],
)
async def test_what_the_worker_would_not_read_never_reaches_the_engine(
    tmp_path: Path, xml: bytes, reason: ParkedReason
) -> None:
    put_rules(tmp_path, "")
    async with rules(tmp_path) as any_rules:
        with pytest.raises(DocumentError) as caught:
            await checked(any_rules, xml)
        assert caught.value.reason is reason
        with pytest.raises(ValueError, match="the document is no credit_note"):
            await checked(any_rules, kind=Kind.CREDIT_NOTE)


async def test_without_a_folder_nothing_is_claimed() -> None:
    none = NoRules()
    assert await checked(none, b"anything") == Verdict((), ())
    assert "only the program's own checks run" in none.describe()
    await none.aclose()


# --- the process ----------------------------------------------------------------------------------

SLOW = """<xsl:if test="/*/cbc:ID = 'SLOW'"><xsl:value-of select="f:spin(3000000)"/></xsl:if>"""
ENDLESS = """<xsl:if test="/*/cbc:ID = 'ENDLESS'"><xsl:value-of select="f:spin(1000000000000)"/></xsl:if>"""


async def test_a_document_that_takes_too_long_is_given_up_and_the_next_is_checked(tmp_path: Path) -> None:
    put_rules(tmp_path, ENDLESS + finding("SEEN"))
    async with rules(tmp_path, time_limit=3.0) as limited:
        verdict = await checked(limited, numbered("ENDLESS"))
        assert verdict.fatal_ids == (GAVE_UP,)
        assert verdict.gave_up
        assert verdict.fatal[0].text == "the rules were not through after 3 seconds"
        assert (await checked(limited)).fatal_ids == ("SEEN",)


async def test_documents_checked_at_once_take_turns(tmp_path: Path) -> None:
    put_rules(tmp_path, '<svrl:failed-assert id="{/*/cbc:ID}" flag="fatal"><svrl:text/></svrl:failed-assert>')
    async with rules(tmp_path) as one:
        verdicts = await asyncio.gather(*(checked(one, numbered(f"N{n}")) for n in range(20)))
    assert [verdict.fatal_ids for verdict in verdicts] == [(f"N{n}",) for n in range(20)]


@linux
async def test_an_engine_killed_in_the_middle_is_started_again_once(tmp_path: Path) -> None:
    put_rules(tmp_path, SLOW + finding("SEEN"))
    async with rules(tmp_path) as killed:
        await killed.prepare(on=ON)
        check = asyncio.create_task(checked(killed, numbered("SLOW")))
        first = engines()[0]
        await asyncio.sleep(0.3)
        os.kill(first, signal.SIGKILL)
        assert (await check).fatal_ids == ("SEEN",)
        assert first not in engines()


@linux
async def test_an_engine_killed_twice_on_one_document_is_an_error_and_the_next_is_checked(tmp_path: Path) -> None:
    put_rules(tmp_path, ENDLESS + finding("SEEN"))
    async with rules(tmp_path) as killed:
        check = asyncio.create_task(checked(killed, numbered("ENDLESS")))
        first = await running_engine()
        os.kill(first, signal.SIGKILL)
        assert await gone(first)
        second = await running_engine()
        os.kill(second, signal.SIGKILL)
        with pytest.raises(RulesUnavailable, match="crashed twice on the same document"):
            await check
        assert (await checked(killed)).fatal_ids == ("SEEN",)
        assert not {first, second} & set(engines())


@linux
async def test_an_engine_that_died_while_idle_is_not_missed(tmp_path: Path) -> None:
    put_rules(tmp_path, finding("SEEN"))
    async with rules(tmp_path) as idle:
        await idle.prepare(on=ON)
        os.kill(engines()[0], signal.SIGKILL)
        await asyncio.sleep(0.1)
        assert (await checked(idle)).fatal_ids == ("SEEN",)


@linux
async def test_a_cancelled_check_takes_its_engine_along(tmp_path: Path) -> None:
    put_rules(tmp_path, ENDLESS + finding("SEEN"))
    async with rules(tmp_path) as cancelled:
        check = asyncio.create_task(checked(cancelled, numbered("ENDLESS")))
        first = await running_engine()
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check
        assert await gone(first)
        assert (await checked(cancelled)).fatal_ids == ("SEEN",)


@linux
async def test_memory_is_bounded_by_starting_anew(tmp_path: Path) -> None:
    put_rules(tmp_path, finding("SEEN"))
    async with rules(tmp_path, documents_per_engine=2) as counted:
        await checked(counted)
        first = engines()
        await checked(counted)
        assert engines() == []
        await checked(counted)
        assert len(engines()) == 1
        assert engines() != first
    assert engines() == []
    async with rules(tmp_path, memory_limit_mb=1) as small:
        assert (await checked(small)).fatal_ids == ("SEEN",)
        assert engines() == []


@linux
async def test_the_engine_inherits_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWEROFFICE_SUBSCRIPTION_KEY", "hemmelig")
    put_rules(tmp_path, "")
    async with rules(tmp_path) as running:
        await running.prepare(on=ON)
        environment = environ(engines()[0])
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names == {b"PYTHONPATH", b"LANG"}


PARENT = """
import asyncio, sys
from datetime import date
from pathlib import Path
from worker.adapters.rules.client import FolderRules
from worker.model.document import Kind

async def main():
    rules = FolderRules(Path(sys.argv[1]))
    await rules.prepare(on=date(2026, 11, 21))
    print("ready", flush=True)
    await rules.check(xml=Path(sys.argv[2]).read_bytes(), kind=Kind.INVOICE, on=date(2026, 11, 21))

asyncio.run(main())
"""


@linux
def test_the_engine_does_not_outlive_the_worker(tmp_path: Path) -> None:
    put_rules(tmp_path / "rules", ENDLESS)
    described(tmp_path / "rules")
    document = tmp_path / "endless.xml"
    document.write_bytes(numbered("ENDLESS"))
    with subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", PARENT, str(tmp_path / "rules"), str(document)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        engine = engines(parent.pid)[0]
        time.sleep(0.5)  # it is to be in the middle of the document
        parent.kill()
    assert asyncio.run(gone(engine))


def test_without_the_extra_the_way_to_install_it_is_said(tmp_path: Path) -> None:
    rules_of_2024(tmp_path)
    code = (
        "import sys; sys.modules['saxonche'] = None\n"
        "from pathlib import Path\n"
        "from worker.adapters.rules.client import FolderRules\n"
        "from worker.ports import RulesUnavailable\n"
        "try:\n    FolderRules(Path(sys.argv[1]))\n"
        "except RulesUnavailable as error:\n    print(error)\n"
    )
    said = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "pip install 'factoring-worker[rules]'" in said.stdout
    assert "uv sync --extra rules" in said.stdout


# --- the newest official rules, where somebody has them -------------------------------------------


@pytest.mark.skipif("RULES_FOLDER" not in os.environ, reason="RULES_FOLDER names no folder of rules")
async def test_every_document_we_make_or_stamp_passes_the_rules_of_the_folder_given() -> None:
    faults: dict[str, tuple[str, ...]] = {}
    async with rules(Path(os.environ["RULES_FOLDER"])) as official:
        for name, kind, xml in built():
            if found := (await checked(official, xml, kind)).findings:
                faults[name] = tuple(one.rule_id for one in found)
    assert faults == {}
