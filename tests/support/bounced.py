"""Messages as they come into a bounce mailbox: reports in the forms mail servers use, and what is none."""

from __future__ import annotations

from collections.abc import Sequence

OURS = "<0b5c2f4e-8a7d-5a51-9f0e-3d2f5e6a7b8c@factoring.example>"


def _crlf(text: str) -> bytes:
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode()


def dsn(
    *,
    to: str = "bounce@factoring.example",
    recipients: Sequence[tuple[str, str, str]] = (("kari@debitor.example", "failed", "5.1.1"),),
    message_id: str = OURS,
    own_id: str = "<1@mx.debitor.example>",
    words: str = "smtp; 550 5.1.1 <kari@debitor.example>: user unknown",
) -> bytes:
    """RFC 3464. `recipients`: address, action, status."""
    blocks = "\r\n".join(
        f"Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {words}\r\n"
        for address, action, status in recipients
    )
    return _crlf(
        f"""Return-Path: <>
From: Mail Delivery Subsystem <MAILER-DAEMON@mx.debitor.example>
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Wed, 25 Nov 2026 08:01:00 +0100
Message-ID: {own_id}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"

--=_b
Content-Type: text/plain; charset=utf-8

This is the mail system. Your message could not be delivered.

--=_b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.debitor.example

{blocks}
--=_b
Content-Type: message/rfc822

From: "Nordlys Bakeri AS" <faktura@factoring.example>
To: kari@debitor.example
Subject: Faktura 5001
Message-ID: {message_id}

Hei
--=_b--
"""
    )


def plain(text: str, *, sender: str = "MAILER-DAEMON@mx.debitor.example", headers: str = "") -> bytes:
    """A message in words."""
    extra = headers.rstrip("\n") + "\n" if headers else ""
    return _crlf(
        f"From: {sender}\nTo: bounce@factoring.example\nMessage-ID: <2@mx.debitor.example>\n{extra}"
        f"Content-Type: text/plain; charset=utf-8\n\n{text}"
    )


EXIM = plain(
    f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its recipients.
This is a permanent error. The following address(es) failed:

  kari@debitor.example
    host mx.debitor.example [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<kari@debitor.example>:
    550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------

Message-ID: {OURS}
Subject: Faktura 5001
""",
    headers="Subject: Mail delivery failed\nX-Failed-Recipients: kari@debitor.example",
)

QMAIL = plain(
    f"""Hi. This is the qmail-send program at mx.debitor.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<kari@debitor.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.

Message-ID: {OURS}
Subject: Faktura 5001
""",
    headers="Subject: failure notice",
)

EXCHANGE_TEXT = plain(
    f"""Your message did not reach some or all of the intended recipients.

The following recipient(s) cannot be reached:
   kari@debitor.example on 25.11.2026 08:01
   The e-mail account does not exist. <mx.debitor.example #5.1.1 smtp;550 5.1.1 RESOLVER.ADR.RecipNotFound>
In-Reply-To is {OURS}
""",
    sender="postmaster@debitor.example",
    headers=f"Subject: Undeliverable: Faktura 5001\nIn-Reply-To: {OURS}",
)

DELAY_WARNING = plain(
    f"""This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to kari@debitor.example after more than 24 hours on the queue.
You do not need to take any action: delivery attempts will continue. 451 4.7.1 greylisted
Message-ID: {OURS}
""",
    headers="Subject: Warning: message delayed 24 hours",
)
