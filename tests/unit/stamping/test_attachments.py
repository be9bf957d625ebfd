"""Embedded files: what is replaced, what is searched, and what cannot be."""

from __future__ import annotations

import base64
import io
import re
import time
import zipfile
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText

from tests.golden.files import locked_pdf, pdf, xlsx, zipped
from worker.model.document import Kind
from worker.model.ehf import read_document
from worker.model.parked import ParkedReason
from worker.sandbox.ehf_builder import BuilderAttachment, BuilderLine, BuilderParty, build_ehf
from worker.stamping.proof import prove
from worker.stamping.ubl import EmbeddedInvoice, StampConfig, StampError, stamp

OLD = "15032080119"
CONFIG = StampConfig(
    factor_name="Nordlys Factoring AS",
    factor_organisation_number="999999999",
    account="86011117947",
    kid="123456782",
    notice="Kravet er overdratt.",
)
KEEP = replace(CONFIG, embedded_invoice=EmbeddedInvoice.KEEP)
REPLACE = replace(CONFIG, embedded_invoice=EmbeddedInvoice.REPLACE)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODS = "application/vnd.oasis.opendocument.spreadsheet"


def document(*files: BuilderAttachment, kind: Kind = Kind.INVOICE) -> bytes:
    return build_ehf(
        kind=kind,
        number="1001",
        issue_date=date(2026, 11, 20),
        due_date=date(2026, 12, 4),
        seller=BuilderParty("Fjord Bygg AS", "923609016"),
        buyer=BuilderParty("Ødegård Rør AS", "974760673"),
        lines=[BuilderLine("Rørlegger", Decimal(2), "HUR", Decimal(895))],
        client_account=OLD,
        attachments=files,
    )


def file(content: bytes, name: str = "timer.pdf", mime_code: str = "application/pdf") -> BuilderAttachment:
    return BuilderAttachment("V-1", name, mime_code, content, "Timeliste")


def stopped(content: bytes, config: StampConfig = CONFIG) -> str:
    with pytest.raises(StampError) as caught:
        stamp(content, config)
    assert caught.value.reason is ParkedReason.OLD_ACCOUNT_LEFT
    assert OLD not in str(caught.value)
    return str(caught.value)


# --- replaced by our own drawing -------------------------------------------------------------------

COPY = BuilderAttachment("1001", "Faktura_1001.pdf", "application/pdf", pdf("Konto 1503 20 80119"), "Faktura 1001")
DRAWN = pdf("Fra faktoren")
OTHER = BuilderAttachment("T", "timer.csv", "text/csv", b"dag;timer\n1;7,5\n")


def test_a_copy_is_replaced_by_the_drawing_under_its_own_id_and_description() -> None:
    content = document(OTHER, COPY, replace(COPY, file_name="Faktura.png", mime_code="image/png"))
    first = stamp(content, REPLACE)
    assert first.wants_picture
    assert [a.reference_id for a in read_document(first.xml).attachments] == ["T"]
    prove(content, first.xml, REPLACE)
    second = stamp(content, REPLACE, picture=DRAWN)
    prove(content, second.xml, REPLACE, picture=DRAWN)
    assert not second.wants_picture
    assert second.dropped_attachments == ("Faktura_1001.pdf", "Faktura.png")
    attached = read_document(second.xml).attachments
    assert [(a.reference_id, a.description, a.file_name, a.mime_code) for a in attached] == [
        ("T", "", "timer.csv", "text/csv"),
        ("1001", "Faktura 1001", "Faktura_1001.pdf", "application/pdf"),
    ]
    assert base64.b64encode(DRAWN) in second.xml
    assert stamp(second.xml, REPLACE, picture=DRAWN).xml == second.xml


def test_a_picture_that_was_no_pdf_gets_a_name_that_says_so() -> None:
    content = document(replace(COPY, file_name="bilde.jpg", mime_code="image/jpeg"), kind=Kind.CREDIT_NOTE)
    xml = stamp(content, REPLACE, picture=DRAWN).xml
    attached = read_document(xml).attachments[0]
    assert (attached.file_name, attached.mime_code) == ("kreditnota-1001.pdf", "application/pdf")
    prove(content, xml, REPLACE, picture=DRAWN)


def test_nothing_is_added_where_there_was_no_copy() -> None:
    content = document(OTHER)
    result = stamp(content, REPLACE, picture=DRAWN)
    assert result == stamp(content, REPLACE)
    assert not result.wants_picture
    prove(content, result.xml, REPLACE, picture=DRAWN)


def test_two_files_in_one_reference_are_not_guessed_about() -> None:
    content = document(COPY)
    twice = re.sub(rb"(<cac:Attachment>.*</cac:Attachment>)", rb"\1\1", content, flags=re.DOTALL)
    with pytest.raises(StampError) as caught:
        stamp(twice, CONFIG)
    assert caught.value.reason is ParkedReason.DOCUMENT_UNREADABLE


# --- searched --------------------------------------------------------------------------------------


def commented_pdf() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("x"))))
    note = FreeText(text="Betal til 1503.20.80119", rect=(50, 550, 200, 650))
    writer.add_annotation(page_number=0, annotation=note)
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("content", [pdf("Betal til 1503 20 80119"), pdf("Konto", "NO50 1503 2080 119")])
def test_a_pdf_with_the_old_account_is_a_copy_whatever_it_is_called(content: bytes) -> None:
    assert stamp(document(file(content)), CONFIG).dropped_attachments == ("timer.pdf",)
    assert "attachment 1" in stopped(document(file(content)), KEEP)


def test_notes_on_a_pdf_are_read_too() -> None:
    assert stamp(document(file(commented_pdf())), CONFIG).dropped_attachments == ("timer.pdf",)


@pytest.mark.parametrize(
    "content",
    [
        xlsx("<si><t>Konto 1503.20.80119</t></si>"),
        xlsx("<si><r><t>Konto 1503.</t></r><r><rPr><b/></rPr><t>20.80119</t></r></si>"),
        xlsx("<si><t>Konto 1503&#32;20&#x20;80119</t></si>"),
        zipped({"xl/worksheets/sheet1.xml": f"<c r='A1'><v>{OLD}</v></c>"}),
        zipped({"content.xml": "<text:p>Konto 1503<text:s/> 20 <text:span>80119</text:span></text:p>"}),
        zipped({"content.xml": f"<table:table-cell office:value='{OLD}'/>"}),
    ],
)
@pytest.mark.parametrize("mime_code", [XLSX, ODS])
def test_a_spreadsheet_with_the_old_account_stops_it(content: bytes, mime_code: str) -> None:
    assert "attachment 1" in stopped(document(file(content, "ark.xlsx", mime_code)))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16", "utf-16-le", "utf-16-be"])
def test_csv_is_read_in_every_encoding(encoding: str) -> None:
    content = "Løpenr;Konto\n1;1503 20 80119\n".encode(encoding)
    assert "attachment 1" in stopped(document(file(content, "t.csv", "text/csv")))


@pytest.mark.parametrize(
    ("content", "name", "mime_code"),
    [
        (pdf("Timer: 7,5", "Ordre 11503208011"), "timer.pdf", "application/pdf"),
        (xlsx("<si><t>1503</t></si><si><t>2080119</t></si>"), "ark.xlsx", XLSX),
        (b"\x89PNG\r\n\x1a\n 15032080119", "bilde.png", "image/png"),
    ],
)
def test_harmless_files_are_kept_byte_for_byte(content: bytes, name: str, mime_code: str) -> None:
    original = document(file(content, name, mime_code))
    xml = stamp(original, CONFIG).xml
    prove(original, xml, CONFIG)
    assert base64.b64encode(content) in xml


# --- what cannot be searched may hold anything -----------------------------------------------------


def bomb() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(10):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", b"0" * 10_000_000)
    return buffer.getvalue()


def locked_zip() -> bytes:
    content = bytearray(xlsx("<si/>"))
    for header in (b"PK\x03\x04", b"PK\x01\x02"):
        start = 0
        while (start := content.find(header, start)) >= 0:
            content[start + (6 if header == b"PK\x03\x04" else 8)] |= 1
            start += 4
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "mime_code", "words"),
    [
        (locked_pdf("x"), "application/pdf", "locked"),
        (b"%PDF-1.4\nnothing of the kind", "application/pdf", "broken"),
        (b"not a pdf", "application/pdf", "broken"),
        (bomb(), XLSX, "too large"),
        (locked_zip(), XLSX, "locked"),
        (b"PK\x03\x04 cut", XLSX, "broken"),
        (b"not a zip", ODS, "broken"),
        (zipped({f"{n}.xml": b"" for n in range(5001)}), XLSX, "too many"),
    ],
)
def test_a_file_that_cannot_be_searched_stops_it(content: bytes, mime_code: str, words: str) -> None:
    original = document(file(content, "vedlegg", mime_code))
    assert words in stopped(original)
    assert words in stopped(original, KEEP)


def test_a_copy_that_cannot_be_searched_is_dropped_or_replaced_but_never_kept() -> None:
    original = document(replace(COPY, content=locked_pdf("x")))
    assert stamp(original, CONFIG).dropped_attachments == ("Faktura_1001.pdf",)
    assert stamp(original, REPLACE).wants_picture
    assert "locked" in stopped(original, KEEP)


def test_without_an_old_account_nothing_is_hunted() -> None:
    original = document(file(locked_pdf("x"))).replace(OLD.encode(), CONFIG.account.encode())
    assert stamp(original, CONFIG).dropped_attachments == ()


def test_a_pdf_made_to_take_forever_is_given_up() -> None:
    """Every page tree node points at its parent's kids again and again: billions of pages."""
    kids = b"[3 0 R 3 0 R 3 0 R 3 0 R 3 0 R 3 0 R 3 0 R 3 0 R]"
    nodes = (b"<</Type/Pages/Count 9/Kids " + kids.replace(b"3 0", b"%d 0" % (n + 1)) + b">>" for n in range(2, 14))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", *nodes, b"<</Type/Page/MediaBox[0 0 9 9]>>"]
    body, places = b"%PDF-1.4\n", list[int]()
    for number, value in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj%b endobj\n" % (number, value)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    content = body + head + table + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, len(body),
    )  # fmt: skip
    began = time.monotonic()
    assert "PDF" in stopped(document(file(content, "evig.pdf")))
    assert time.monotonic() - began < 40
