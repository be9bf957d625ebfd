"""Everything about one invoice as a zip: no more than is so, to be read by people and checked without the program."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pypdf import PdfReader

from tests.support.flow import Flow, business, flow, person
from tests.support.settlement_samples import OcrAssignment, OcrFile, OcrTransaction
from worker.model.party import PostalAddress
from worker.support import log

pytestmark = pytest.mark.anyio

BY_HAND = ("--note", "ringt oss, bestrider kravet", "--by", "Åse ved pulten")
PDF = "faktura-5001.pdf"


async def test_evidence_holds_everything_and_can_be_checked_without_the_program(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person())
    await house.at(8)
    link, code = house.link_and_code("5001")
    async with house.portal(), httpx.AsyncClient(follow_redirects=True) as debtor:
        await debtor.get(link)
        await debtor.post(link, data={"code": code})
    await house.at(15, 30)
    out = tmp_path / "bevis.zip"
    files = evidence(house, 5001, out)
    assert sorted(files) == [
        "README.txt", "SHA256SUMS", f"delivered/{PDF}", "historie.txt", "opened.json", "original.xml", "receipts.json",
        "settlement.json", "stamped.xml", "story.json",
    ]  # fmt: skip
    story = json.loads(files["story.json"])
    assert story["chain"] == "every line is as it was written"
    assert recomputed(story) == story["events"][-1]["hash"]
    assert json.loads(files["opened.json"])[0]["opened_at"]
    for secret in (code, link.rpartition("/")[2]):
        assert not any(secret.encode() in content for content in files.values())
    assert out.stat().st_mode & 0o077 == 0
    assert house.command("evidence", "nordlys/4711").exit_code == 1
    readme = files["README.txt"].decode()
    assert "Made 25.11.2026 15:30 CET, Norwegian time (UTC+0100)" in readme
    assert "times in the JSON files are UTC" in readme
    assert "- 1, e-mail with link, to kari.ostby@privat.example: handed over 25.11.2026 08:00, opened 25.11" in readme
    assert "Later openings are not kept" in readme


async def test_the_story_in_norwegian_tells_what_happened_to_the_invoice(tmp_path: Path) -> None:
    async with flow(tmp_path) as house:
        house.invoice(5001, person())
        await house.at(8)
        assert house.command("hold", "nordlys/5001", *BY_HAND).exit_code == 0
        assert house.command("release", "nordlys/5001", *BY_HAND).exit_code == 0
        (tmp_path / "inbox").mkdir()
        paid = [OcrTransaction(125000, house.story(5001).invoice.kid or "", reference=1, payer="86011117947")]
        (tmp_path / "inbox/ocr.txt").write_bytes(OcrFile([OcrAssignment(paid)]).render())
        await house.at(15, 30)
        told = evidence(house, 5001, tmp_path / "bevis.zip")["historie.txt"].decode()
        assert told.startswith("Historikk for faktura 5001\n=====")
        kid = house.story(5001).invoice.kid
        for line in (
            "Selger         Nordlys Bakeri AS",
            "Betales til    Eksempel Factoring AS",
            "Kontonummer    8601.11.17947",
            f"KID            {kid}",
            "Beløp          1\u00a0250,00\u00a0kr",
            "Mottaker       Kari Østby (kundenummer 10001)",
            "Adresse        Bjørkeveien 7, 0487 OSLO",
            "25.11.2026 08:00  Hentet fra selgers regnskapssystem",
            "25.11.2026 08:00  Leveringsmåte valgt: e-post med lenke",
            "25.11.2026 08:00  Levering 1 (e-post med lenke): overlevert til e-posttjeneren",
            "25.11.2026 08:00  Satt på vent: stanset av en saksbehandler",
            "Meldt til selgers regnskapssystem: «Sendt på e-post med lenke og kode 25.11.2026 kl. 08:00.»",
        ):
            assert f"{line}\n" in told
        assert re.search(r"\n\d\d\.\d\d\.2026  Innbetaling: 1\u00a0250,00\u00a0kr\n", told)
        for inside in ("Åse ved pulten", "bestrider", "delivery_", "86011117947"):
            assert inside not in told


async def test_evidence_of_what_has_hardly_begun_says_what_is_missing(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person())
    house.card(person(10002))
    house.erp().mend_customer(10001, address1="")
    await house.at(8)
    files = evidence(house, 5001, tmp_path / "bevis.zip")
    assert "original.xml" in files and "stamped.xml" not in files
    readme = files["README.txt"].decode()
    assert "the document as stamped: the invoice has not come so far" in readme
    assert "none: it has never been sent to anybody" in readme
    told = files["historie.txt"].decode()
    assert "Satt på vent: postadressen er ikke fullstendig" in told and "Ingen. Den er ikke sendt til noen." in told


async def test_what_was_not_delivered_is_not_called_delivered(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person(10001, "Treg Port", "treg+greylisted@privat.example"))
    house.invoice(5002, person(10002, "Brå Slutt", "bra+drop@privat.example"))
    house.invoice(5003, person(10003, "Nils Bråten", "nils+greylisted@privat.example"))
    await house.at(8)
    assert house.command("withdraw", "nordlys/5003", *BY_HAND).exit_code == 0
    assert [house.deliveries(n)[0][1] for n in (5001, 5002, 5003)] == ["ready", "unknown", "stopped"]
    for number, verdict, outcome, norwegian in (
        (5001, "NO: nobody has got it from us", "never delivered: tried 1 times and not taken", "ikke sendt"),
        (
            5002,
            "NOT KNOWN: nobody can tell",
            "not known whether it arrived (sent 25.11.2026 08:00)",
            "det er ikke kjent",
        ),
        (5003, "NO: nobody has got it from us", "stopped before it was sent 25.11.2026 08:00", "stanset før den ble"),
    ):
        files = evidence(house, number, tmp_path / f"{number}.zip")
        assert [name for name in files if "/" in name] == [f"drawn/faktura-{number}.pdf"]
        readme = files["README.txt"].decode()
        assert f"delivered   {verdict}" in readme and f": {outcome}\n" in readme
        assert "It is NOT KNOWN to have been delivered" in readme or "It was NOT delivered" in readme
        assert re.search(rf"\n1\. E-post med lenke til \S+: {norwegian}", files["historie.txt"].decode())


async def test_an_ehf_is_the_xml_and_not_the_pdf(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, business(), reachable=True)
    await house.at(8)
    files = evidence(house, 5001, tmp_path / "bevis.zip")
    assert files["delivered/faktura-5001.xml"] == files["stamped.xml"]
    assert f"drawn/{PDF}" in files and f"delivered/{PDF}" not in files
    assert "the debtor got the EHF" in files["README.txt"].decode()


@pytest.mark.parametrize("batch", ["letter", "slot"])
async def test_a_letter_to_another_address_is_there_as_it_was_posted(tmp_path: Path, batch: str) -> None:
    async with flow(tmp_path, settings={"LETTER_BATCH": batch}) as house:
        house.invoice(5001, person(email=""))
        await house.at(8)
        to = ("--channel", "letter", "--address", "Kari Østby; Nyveien 2; 0155 OSLO")
        assert house.command("resend", "nordlys/5001", *to, "--reason", "flyttet", "--by", "x").exit_code == 0
        log.configure(style="json", level="info", stream=house.lines)  # the command writes to its own output
        await house.at(10, 30)
        assert house.deliveries(5001) == [("letter", "handed_over")] * 2
        (posted,) = (path for path in house.sandbox.print_folder.glob("*.pdf") if "-2-" in path.name)
        name = "delivered/faktura-5001-brev-2.pdf"
        files = evidence(house, 5001, tmp_path / "bevis.zip")
        assert files[name] == posted.read_bytes()
        assert "Nyveien 2" in PdfReader(io.BytesIO(files[name])).pages[0].extract_text()
        assert f"delivered/{PDF}" in files, "the first letter went without a sheet"
        readme = files["README.txt"].decode()
        assert "it has the SHA-256 of what was posted" in readme
        assert "- 2, letter, to Kari Østby, Nyveien 2, 0155 OSLO: handed over 25.11.2026 10:30" in readme

        settings = house.settings_path.read_text(encoding="utf-8")
        house.settings_path.write_text(settings.replace("Postboks 100", "Postboks 200"), encoding="utf-8")
        files = evidence(house, 5001, tmp_path / "bevis.zip")
        sha256 = hashlib.sha256(posted.read_bytes()).hexdigest()
        assert name not in files and f"what was posted has SHA-256 {sha256}" in files["README.txt"].decode()

        (house.settings_path.parent / "clients/nordlys.env").unlink()
        files = evidence(house, 5001, tmp_path / "bevis.zip")
        assert name not in files and f"delivered/{PDF}" in files
        assert "the client's settings file cannot be used" in files["README.txt"].decode()


async def test_a_letter_that_came_back_is_not_delivered(house: Flow, tmp_path: Path) -> None:
    away = PostalAddress("Returveien 7", "", "0487", "OSLO")
    house.invoice(5001, replace(person(email=""), address=away))
    await house.at(8)
    house.sandbox.print_shop.work()
    await house.at(8, 10)
    assert f"delivered/{PDF}" in evidence(house, 5001, tmp_path / "bevis.zip")
    house.sandbox.print_shop.work()
    await house.at(8, 20)
    assert house.state(5001) == "parked: letter_returned"
    files = evidence(house, 5001, tmp_path / "bevis.zip")
    assert f"drawn/{PDF}" in files and f"delivered/{PDF}" not in files
    assert "came back by post 25.11.2026 08:20: the debtor does not have it" in files["README.txt"].decode()
    told = files["historie.txt"].decode()
    assert "overlevert til trykkeriet 25.11.2026 08:00, kom i retur 25.11.2026 08:20" in told
    assert "brevet er kommet i retur: «adressaten er ukjent på adressen», etter trykkeriets klokke" in told


async def test_who_of_several_never_got_the_mail_is_named(house: Flow, tmp_path: Path) -> None:
    house.invoice(5001, person(email="kari@privat.example; ola+refused@privat.example"))
    await house.at(8)
    files = evidence(house, 5001, tmp_path / "bevis.zip")
    assert "never arrived at ola+refused@privat.example" in files["README.txt"].decode()
    assert "men ikke til ola+refused@privat.example" in files["historie.txt"].decode()


def evidence(house: Flow, number: int, out: Path) -> dict[str, bytes]:
    """The zip's files, their hashes checked as `sha256sum -c` does."""
    told = house.command("evidence", f"nordlys/{number}", "--out", str(out))
    assert told.exit_code == 0, told.output
    files = contents(out.read_bytes())
    lines = [line.split("  ", 1) for line in files["SHA256SUMS"].decode().splitlines()]
    sums = {name: sha256 for sha256, name in lines}
    assert sums == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "SHA256SUMS"
    }
    return files


def contents(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def recomputed(story: dict[str, Any]) -> str:
    """The last hash, by what README.txt in the zip says and nothing of the program's."""

    def sha256(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    invoice = story["invoice"]
    last = sha256([invoice["client"], invoice["erp"], invoice["erp_id"]])
    for line in story["events"]:
        at = datetime.fromisoformat(line["at"]).isoformat(timespec="microseconds")
        assert re.fullmatch(r".*\+00:00", at)
        fields = [last, line["sequence"], at, line["event"], line["delivery_id"], line["from_state"], line["to_state"]]
        last = sha256([*fields, sha256(line["detail"])])
    return last
