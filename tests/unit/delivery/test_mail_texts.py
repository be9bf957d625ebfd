"""The e-mails' words: everything a debtor needs, nothing loaded from anywhere, hostile names harmless."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from worker.delivery.texts import (
    CodeMailValues,
    LinkMailValues,
    MailText,
    PdfMailValues,
    code_mail,
    link_mail,
    pdf_mail,
)
from worker.model.money import Money

URL = "https://faktura.nordfaktor.example/i/2vJx0Qm8pW3nR5tYkLhZbA"
COMMON: dict[str, Any] = {
    "language": "nb",
    "is_credit_note": False,
    "is_credit": False,
    "number": "10045",
    "client_name": "Nordlys Elektro & Bad AS",
    "factor_name": "Nordfaktor Finans AS",
    "contact": "kundeservice@nordfaktor.example",
    "amount": Money.of("12500.50"),
    "due_date": date(2026, 12, 4),
}
LINK = LinkMailValues(**COMMON, url=URL, code="048213")
CODE = CodeMailValues(**{k: v for k, v in COMMON.items() if k not in ("amount", "due_date")}, code="048213", asked=True)
PDF = PdfMailValues(**COMMON, account="15032080119", kid="104210045000017")


class Reader(HTMLParser):
    """What a person sees, and what a mail program would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen, self.tags, self.addresses = "", list[str](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "background", "action")]

    def handle_data(self, data: str) -> None:
        self.seen += data + " "


def words(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("mail", [link_mail(LINK), pdf_mail(PDF)])
def test_both_parts_say_the_same_things(mail: MailText) -> None:
    assert mail.subject == "Faktura 10045 fra Nordlys Elektro & Bad AS"
    for part in (words(mail.text), words(Reader(mail.html).seen)):
        for said in ("10045", "12 500,50 kr", "4. desember 2026", "Nordlys Elektro & Bad AS", "Nordfaktor Finans AS",
                     "ta imot betalingen", "det er dit du skal betale", "kundeservice@nordfaktor.example",
                     "aldri om BankID"):  # fmt: skip
            assert said in part


def test_link_and_code_are_in_both_parts_and_not_in_the_subject() -> None:
    mail = link_mail(LINK)
    reader = Reader(mail.html)
    assert set(reader.addresses) == {URL}
    for part in (mail.text, reader.seen):
        assert URL in part
        assert re.findall(r"(?<!\d)\d{6}(?!\d)", part.replace(URL, "")) == ["048213"]
        assert "faktura.nordfaktor.example." in part
        assert "innen 4 dager" in part
    assert "048213" not in mail.subject
    for shown in (repr(LINK), repr(mail)):
        assert "048213" not in shown
        assert "2vJx0Qm8pW3nR5tYkLhZbA" not in shown


def test_the_letter_is_mentioned_only_when_there_will_be_one() -> None:
    assert "innen 9 dager" in link_mail(replace(LINK, letter_after_days=9)).text
    mail = link_mail(replace(LINK, letter_after_days=None))
    assert "brev" not in mail.text + mail.html


def test_the_pdf_mail_says_where_to_pay() -> None:
    mail = pdf_mail(PDF)
    for part in (mail.text, Reader(mail.html).seen):
        assert "1503.20.80119" in part
        assert "104210045000017" in part
        assert "PDF" in part
    assert Reader(mail.html).addresses == []


@pytest.mark.parametrize(("language", "subject"), [
    ("nb", "Kreditnota 10045 fra Nordlys Elektro & Bad AS"), ("en", "Credit note 10045 from Nordlys Elektro & Bad AS"),
])  # fmt: skip
def test_a_credit_note_asks_for_no_money(language: Any, subject: str) -> None:
    credit = {"is_credit_note": True, "is_credit": True, "language": language}
    for mail in (link_mail(replace(LINK, **credit)), pdf_mail(replace(PDF, **credit))):
        assert mail.subject == subject
        for part in (mail.text, Reader(mail.html).seen):
            assert re.search(r"ingenting å betale|nothing to pay", part)
            assert not re.search(r"KID|1503|Forfall|Due date|skal betale|should pay", part)


def test_a_negative_invoice_is_an_invoice_with_nothing_to_pay() -> None:
    mail = pdf_mail(replace(PDF, is_credit=True, amount=Money.of("-500")))
    assert mail.subject.startswith("Faktura 10045")
    assert "ingenting å betale" in mail.text
    assert "-500,00" in mail.text


def test_english() -> None:
    mail = link_mail(replace(LINK, language="en"))
    assert mail.subject == "Invoice 10045 from Nordlys Elektro & Bad AS"
    assert "NOK 12,500.50" in words(mail.text)
    assert "4 December 2026" in mail.text
    assert '<html lang="en">' in mail.html
    assert not re.search(r"[æøåÆØÅ]", mail.text + mail.html)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    for mail in (link_mail(LINK), pdf_mail(PDF), code_mail(CODE)):
        assert not {"img", "link", "script", "style", "iframe", "object", "form"} & set(Reader(mail.html).tags)
        assert "url(" not in mail.html


def test_hostile_names_are_only_words() -> None:
    hostile = replace(LINK, client_name='<img src="https://evil.example/x">\r\nBcc: a@b {factor} {{ 7*7 }} & Co')
    mail = link_mail(hostile)
    assert "\n" not in mail.subject
    assert "\r" not in mail.subject
    reader = Reader(mail.html)
    assert "img" not in reader.tags
    assert reader.addresses == [URL, URL]
    assert "{factor} {{ 7*7 }} & Co" in words(reader.seen)
    assert "49" not in mail.subject


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("is_credit_note", [False, True])
def test_link_and_code_apart(language: Any, is_credit_note: bool) -> None:
    kind: dict[str, Any] = {"language": language, "is_credit_note": is_credit_note, "is_credit": is_credit_note}
    link = link_mail(replace(LINK, code="", **kind))
    for part in (link.text, link.html):
        assert URL in part
        assert not re.search("Koden din|Your code|048213", part)
        assert re.search("egen e-post|separate e-mail", part)
    for asked in (True, False):
        code = code_mail(replace(CODE, asked=asked, **kind))
        assert "10045" in code.subject
        assert "048213" not in code.subject, "it would show on a locked phone"
        for part in (code.text, code.html):
            assert "048213" in part
            assert "/i/" not in part
            assert bool(re.search("Var det ikke du|Was it not you", part)) is asked
        assert Reader(code.html).addresses == []


def test_no_empty_lines_where_nothing_stands() -> None:
    for mail in (link_mail(LINK), link_mail(replace(LINK, code="")), pdf_mail(PDF), code_mail(CODE)):
        assert "\n\n\n" not in mail.text
