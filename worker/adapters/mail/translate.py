"""From our mail to the wire's bytes, and from SMTP replies to our outcomes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from worker.model.outcomes import AccessDenied, OutsideError, Refused, TryLater
from worker.ports import OutboundMail
from worker.support.masking import without_addresses

_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")
_MIME = re.compile(r"([a-z0-9][a-z0-9.+-]*)/([a-z0-9][a-z0-9.+-]*)")


@dataclass(frozen=True, slots=True)
class WireMail:
    """What goes over the wire. `sender`: of the envelope, never in the message. `needs_utf8`: an address outside ASCII,
    so the server must know SMTPUTF8 (RFC 6531)."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    needs_utf8: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """One SMTP reply."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {without_addresses(self.text)}"


def compose(mail: OutboundMail, *, from_address: str) -> WireMail:
    """The message as bytes. Raises Refused naming the field that cannot go into a header (a line break, say)."""
    if not mail.to:
        raise Refused("mail: no recipient")
    if mail.date.tzinfo is None:
        raise Refused("mail: date has no time zone")
    _header_safe("sender_name", mail.sender_name)
    _header_safe("subject", mail.subject)
    _header_safe("reply_to", mail.reply_to)
    if not _MESSAGE_ID.fullmatch(mail.message_id):
        raise Refused("mail: message_id is not of the form <left@right>")
    _header_safe("message_id", mail.message_id)
    recipients = tuple(_address(f"to[{index}]", address) for index, address in enumerate(mail.to))
    reply_to = _address("reply_to", mail.reply_to) if mail.reply_to else ""
    sender = _address("return_path", mail.return_path) if mail.return_path else from_address
    needs_utf8 = not "".join((*recipients, reply_to, sender)).isascii()

    message = EmailMessage(policy=SMTPUTF8 if needs_utf8 else SMTP)
    message["From"] = _mailbox(from_address, mail.sender_name)
    message["To"] = tuple(_mailbox(address) for address in recipients)
    if reply_to:
        message["Reply-To"] = _mailbox(reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.date)
    message["Message-ID"] = mail.message_id
    # RFC 3834: holiday replies and the like stay away.
    message["Auto-Submitted"] = "auto-generated"
    # Quoted-printable: no relay on the way needs 8BITMIME, and no line is too long.
    message.set_content(mail.text, charset="utf-8", cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", charset="utf-8", cte="quoted-printable")
    for index, attachment in enumerate(mail.attachments):
        _header_safe(f"attachments[{index}].file_name", attachment.file_name)
        mime = _MIME.fullmatch(attachment.mime)
        if mime is None:
            raise Refused(f"mail: attachments[{index}].mime is not a media type")
        message.add_attachment(
            attachment.content, maintype=mime[1], subtype=mime[2], filename=attachment.file_name, cte="base64"
        )
    return WireMail(sender, recipients, message.as_bytes(), needs_utf8)


def verdict(reply: Reply, *, about: str) -> OutsideError:
    """The error a reply that is not a yes stands for: 5xx is final, everything else may be better later."""
    message = f"mail server said no to {about}: {reply.code}"
    # 530/534/535/538: it wants another log-in (RFC 4954). That is our setting, not a verdict on the message.
    if reply.code in (530, 534, 535, 538):
        return AccessDenied(message, answer=str(reply))
    if 500 <= reply.code < 600:
        return Refused(message, answer=str(reply))
    return TryLater(message, answer=str(reply))


def sender_refused(reply: Reply) -> OutsideError:
    """A no to MAIL FROM comes before any debtor is named: our address or our server is not let in. A 5xx here must not
    send every debtor a letter; a person mends it."""
    error = verdict(reply, about="our sender address")
    return AccessDenied(error.message, answer=error.answer) if isinstance(error, Refused) else error


def none_accepted(replies: dict[int, Reply]) -> OutsideError:
    """What it means that every recipient was turned down: final only when every reply is."""
    answer = describe(replies)
    verdicts = [verdict(reply, about=f"recipient {index}") for index, reply in replies.items()]
    for error in verdicts:
        if isinstance(error, AccessDenied):
            return AccessDenied(error.message, answer=answer)
        if not isinstance(error, Refused):
            return TryLater(error.message, answer=answer)
    return Refused(verdicts[0].message, answer=answer)


def describe(replies: dict[int, Reply]) -> str:
    """`recipient 1: 550 no such user; …`, by place in the mail's `to`, without the addresses."""
    return "; ".join(f"recipient {index}: {reply}" for index, reply in replies.items())


def _header_safe(field: str, value: str) -> None:
    """A line break in a header begins a header of the sender's choosing. None of these belong in one."""
    if any(not character.isprintable() and character != "\u00a0" for character in value):
        raise Refused(f"mail: {field} holds a line break or another control character")


def _address(field: str, text: str) -> str:
    """The address, its domain in ASCII form (RFC 5891)."""
    _header_safe(field, text)
    local, at, domain = text.rpartition("@")
    if not (local and at and domain) or any(c in text for c in ' <>,;"()[]\\'):
        raise Refused(f"mail: {field} is not an e-mail address")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise Refused(f"mail: {field} has no valid domain") from None


def _mailbox(address: str, display_name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name, local, domain)
