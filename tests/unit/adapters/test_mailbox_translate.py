"""What messages in the bounce mailbox are read as, friendly and hostile ones."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest

from tests.support.bounced import DELAY_WARNING, EXCHANGE_TEXT, EXIM, OURS, QMAIL, dsn, plain
from worker.adapters.mailbox.translate import MOST_BYTES, read_report
from worker.model.bounce import MailReport, ReportKind

KARI, OLA = "kari@debitor.example", "ola@debitor.example"


def read(content: bytes) -> MailReport:
    return read_report(content, uid="7/1", arrived_at=datetime(2026, 11, 25, 7, tzinfo=UTC))


def test_a_delivery_status_notification() -> None:
    report = read(dsn(to="bounce+token@factoring.example"))
    assert report.kind is ReportKind.FAILED
    assert report.addressed_to == ("bounce+token@factoring.example",)
    assert report.message_ids == (OURS,)
    (kari,) = report.recipients
    assert (kari.addresses, kari.kind, kari.status) == ((KARI,), ReportKind.FAILED, "5.1.1")
    assert kari.words == "550 5.1.1 <address>: user unknown", "the other side's words, without the address"
    assert KARI not in repr(report)


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", ReportKind.FAILED),
        ("failed", "4.2.2", ReportKind.FAILED),  # given up after days of it
        ("failed (bounced by destination)", "5.0.0", ReportKind.FAILED),
        ("Failed", "", ReportKind.FAILED),
        ("delayed", "4.4.1", ReportKind.DELAYED),
        ("delayed", "5.0.0", ReportKind.DELAYED),
        ("delivered", "2.0.0", ReportKind.DELIVERED),
        ("relayed", "2.0.0", ReportKind.DELIVERED),
        ("vanished", "5.1.1", ReportKind.FAILED),  # a word nobody knows: the code tells
        ("vanished", "4.1.1", ReportKind.DELAYED),
        ("", "5.1.1", ReportKind.FAILED),
        ("vanished", "", ReportKind.UNREADABLE),
    ],
)
def test_what_has_become_of_the_mail_decides(action: str, status: str, kind: ReportKind) -> None:
    assert read(dsn(recipients=[(KARI, action, status)], words="")).kind is kind


def test_the_worst_of_several_recipients_names_the_report() -> None:
    report = read(dsn(recipients=[(OLA, "delayed", "4.4.1"), (KARI, "failed", "5.1.1")]))
    assert report.kind is ReportKind.FAILED
    assert [one.kind for one in report.recipients] == [ReportKind.DELAYED, ReportKind.FAILED]
    assert report.worst is report.recipients[1]


def test_a_status_part_in_base64_and_an_original_recipient() -> None:
    status = (
        f"Reporting-MTA: dns; mx\r\n\r\nOriginal-Recipient: rfc822;{KARI}\r\nFinal-Recipient: rfc822;k@privat.example"
        "\r\nAction: failed\r\nStatus: 5.2.1\r\n"
    )
    encoded = base64.encodebytes(status.encode()).decode()
    content = dsn().replace(b"Content-Type: message/delivery-status\r\n", b"Content-Type: message/delivery-status\r\n"
                            b"Content-Transfer-Encoding: base64\r\n")  # fmt: skip
    start = content.index(b"Reporting-MTA")
    content = content[:start] + encoded.encode() + content[content.index(b"--=_b\r\nContent-Type: message/rfc822") :]
    report = read(content)
    assert [one.addresses for one in report.recipients] == [(KARI, "k@privat.example")]
    assert report.recipients[0].status == "5.2.1"


@pytest.mark.parametrize("content", [EXIM, QMAIL, EXCHANGE_TEXT], ids=["Exim", "qmail", "words"])
def test_forms_that_are_no_notification(content: bytes) -> None:
    report = read(content)
    assert report.kind is ReportKind.FAILED
    assert (KARI,) in [one.addresses for one in report.recipients]
    assert {one.status for one in report.recipients} == {"5.1.1"}
    assert report.message_ids == (OURS,)
    assert all("@" not in one.words for one in report.recipients)


def test_a_warning_in_words_is_a_delay() -> None:
    assert read(DELAY_WARNING).kind is ReportKind.DELAYED


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ("Auto-Submitted: auto-replied\nSubject: Re: Faktura 5001", KARI),
        ("Subject: Automatisk svar: Faktura 5001", KARI),
        ("Subject: Fraværsmelding", KARI),
        ("Subject: =?utf-8?Q?Frav=C3=A6rsmelding?=", KARI),
        ("Subject: Out of Office: Invoice 5001", KARI),
        ("X-Autoreply: yes\nSubject: Takk", KARI),
        ("Precedence: auto_reply\nSubject: Takk", KARI),
    ],
)
def test_automatic_replies(headers: str, sender: str) -> None:
    text = "Jeg er på ferie. Ring 550 5.1.1 om det haster."  # digits of a status code in somebody's words
    assert read(plain(text, sender=sender, headers=headers)).kind is ReportKind.AUTO_REPLY


def test_a_persons_words_are_no_report_whatever_they_say() -> None:
    text = "550 5.1.1 user unknown, says my server. Please send the invoice to ola@debitor.example instead."
    report = read(plain(text, sender=KARI, headers="Subject: Re: Faktura 5001"))
    assert (report.kind, report.recipients) == (ReportKind.OTHER, ())


def test_a_mail_server_that_says_nothing_known_is_for_a_person() -> None:
    assert read(plain("Something is wrong.", headers="Subject: Hm")).kind is ReportKind.UNREADABLE


def test_a_report_inside_a_returned_mail_is_not_this_ones() -> None:
    """Somebody mails us a bounce of ours as an attachment: it must not count as one."""
    inner = dsn()
    forwarded = (
        b"From: kari@debitor.example\r\nSubject: Se her\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="ytre"\r\n\r\n--ytre\r\nContent-Type: message/rfc822\r\n\r\n'
        + inner
        + b"\r\n--ytre--\r\n"
    )
    assert read(forwarded).kind is ReportKind.OTHER


def test_a_copy_that_came_another_way_has_the_same_fingerprint() -> None:
    content = dsn()
    copy = b"Received: from elsewhere\r\n" + content
    assert read(copy).fingerprint == read(content).fingerprint
    assert read(dsn(own_id="<2@mx>")).fingerprint != read(content).fingerprint
    assert read(dsn(recipients=[(OLA, "failed", "5.1.1")])).fingerprint != read(content).fingerprint
    without = content.replace(b"Message-ID: <1@mx.debitor.example>\r\n", b"")
    assert read(without).fingerprint != read(b"X: 1\r\n" + without).fingerprint


def _nested(levels: int, kind: bytes) -> bytes:
    if kind == b"message/rfc822":
        return b"Content-Type: message/rfc822\r\n\r\n" * levels + b"x"
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (level, level) for level in range(levels)
    )
    return parts + b"\r\n" * (200_000)


HOSTILE = {
    "nested multiparts": _nested(3000, b"multipart/mixed"),
    "nested messages": _nested(5000, b"message/rfc822"),
    "just below the limits": _nested(6, b"multipart/mixed"),
    "a million short lines": b"Content-Type: multipart/report; boundary=x\r\n\r\n" + b"--x\r\n" * 100_000,
    "a header without end": b"Subject: " + b"=?utf-8?q?" * 50_000,
    "a megabyte of addresses": b"To: " + b"a@b.c, " * 150_000 + b"\r\n\r\n",
    "an unknown character set": plain("5.1.1").replace(b"charset=utf-8", b"charset=klingon"),
    "no message at all": b"\x00\xff\xfe" * 1000,
    "nothing": b"",
    "a report without parts": b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\nhei",
    "addresses without end": plain("@" * 300_000 + "a@" * 100_000 + " 5.1.1"),
    "ten thousand recipients": dsn(recipients=[(KARI, "failed", "5.1.1")] * 10_000),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_end_soon_and_raise_nothing(content: bytes) -> None:
    start = time.process_time()
    report = read(content[:MOST_BYTES])
    assert time.process_time() - start < 2.0
    assert len(report.recipients) <= 100
    assert len(report.addressed_to) <= 100
    assert report.fingerprint


def test_a_message_cut_at_the_limit_still_tells() -> None:
    content = dsn() + b"A" * MOST_BYTES
    assert read(content[:MOST_BYTES]).kind is ReportKind.FAILED
