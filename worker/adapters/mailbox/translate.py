"""From a message's bytes to what it reports. Pure. Whoever sent it may mean harm: sizes, depth and counts are bounded
before anything is parsed, and what cannot be read is said to be unreadable, never guessed at.

Known forms: delivery status notifications (RFC 3464, also as UTF-8, RFC 6533), Exim's and Google's X-Failed-Recipients,
qmail's plain words (QSBMF), and plain text from a mail server that holds a status or reply code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32

from worker.model.bounce import MailReport, RecipientReport, ReportKind
from worker.support.masking import without_addresses

MOST_BYTES = 512 * 1024  # of a message that are fetched; a status part stands before the returned mail
_MOST_BOUNDARIES = 12  # Python's parser holds every line against every open boundary
_MOST_MESSAGES = 40  # messages within messages, each a level of its parser
_MOST_PARTS = 40
_MOST_RECIPIENTS = 50
_DEEPEST = 4
_TEXT = 64 * 1024

# Under which addresses a message came, as mail servers write it down.
_ADDRESSED = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To")
_ADDRESS = re.compile(r"[^\s<>,;:\"()\[\]\\]{1,64}@[^\s<>,;:\"()\[\]\\]{1,255}")
_MESSAGE_ID = re.compile(r"<[^<>\s@]{1,250}@[^<>\s@]{1,250}>")
_MESSAGE_ID_LINE = re.compile(r"^[ \t>]*message-id:\s*(<[^<>\s@]{1,250}@[^<>\s@]{1,250}>)", re.I | re.M)
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\d.])([45])\d\d(?=[ -])")
_QMAIL = re.compile(r"^Hi\. This is the .{0,200}\n", re.M)
_QMAIL_RECIPIENT = re.compile(r"^<([^<>\s]{1,320})>:\n((?:.+\n?){1,20})", re.M)
_DAEMON = re.compile(r"(?:mailer-?daemon|postmaster|mail-?daemon|mdaemon|mta)@?", re.I)
_DELAY = re.compile(r"delay|warning|not yet|forsinke|retrying|will be retried", re.I)
_AUTO_SUBJECT = re.compile(
    r"\s*(?:automatisk svar|automatiskt svar|autosvar|autosvarsmelding|fraværsmelding|fravær|ikke til stede|"
    r"out of (?:the )?office|automatic reply|auto(?:matic)?[- ]?reply|auto:|autoreply|autoresponse|"
    r"abwesenheit|automatische antwort)",
    re.I,
)
_ACTIONS = {
    "failed": ReportKind.FAILED,
    "delayed": ReportKind.DELAYED,
    "delivered": ReportKind.DELIVERED,
    "relayed": ReportKind.DELIVERED,
    "expanded": ReportKind.DELIVERED,
}
_BY_CLASS = {"5": ReportKind.FAILED, "4": ReportKind.DELAYED, "2": ReportKind.DELIVERED}


def read_report(content: bytes, *, uid: str, arrived_at: datetime | None) -> MailReport:
    """What the message says. Never raises: a message that cannot be read is UNREADABLE."""
    small = content[:MOST_BYTES].lower()
    if small.count(b"boundary") > _MOST_BOUNDARIES or small.count(b"message/") > _MOST_MESSAGES:
        return _unreadable(content, uid, arrived_at)
    try:
        return _read(message_from_bytes(content[:MOST_BYTES], policy=compat32), content, uid, arrived_at)
    except Exception:  # noqa: BLE001 - Python's parser raises what it likes on hostile MIME (RecursionError, KeyError …)
        return _unreadable(content, uid, arrived_at)


def _unreadable(content: bytes, uid: str, arrived_at: datetime | None) -> MailReport:
    fingerprint = hashlib.sha256(content).hexdigest()
    return MailReport(uid=uid, fingerprint=fingerprint, kind=ReportKind.UNREADABLE, arrived_at=arrived_at)


def _read(message: Message, content: bytes, uid: str, arrived_at: datetime | None) -> MailReport:
    parts = list(_parts(message, 0))
    recipients = _status_recipients(parts) or _plain_recipients(message, parts)
    kind = _kind(recipients) if recipients else _without_status(message)
    return MailReport(
        uid=uid,
        fingerprint=_fingerprint(message, content),
        kind=kind,
        addressed_to=_addressed_to(message),
        message_ids=_message_ids(message, parts),
        recipients=recipients,
        arrived_at=arrived_at,
    )


def _parts(message: Message, depth: int) -> Iterator[Message]:
    """The message's own parts; never those of a mail it returns, which may hold a report of its own."""
    yield message
    payload = message.get_payload()
    if message.get_content_maintype() != "multipart" or not isinstance(payload, list) or depth >= _DEEPEST:
        return
    for part in payload[:_MOST_PARTS]:
        if isinstance(part, Message):
            yield from _parts(part, depth + 1)


# --- RFC 3464 ------------------------------------------------------------------------------------


def _status_recipients(parts: list[Message]) -> tuple[RecipientReport, ...]:
    found: list[RecipientReport] = []
    for part in parts:
        if part.get_content_type() not in ("message/delivery-status", "message/global-delivery-status"):
            continue
        for block in _blocks(part)[: _MOST_RECIPIENTS + 1]:
            report = _recipient(block)
            if report is not None:
                found.append(report)
    return tuple(found)


def _blocks(part: Message) -> list[Message]:
    """The groups of fields. Python splits them itself, but not when the part is encoded."""
    payload = part.get_payload()
    found = [block for block in payload if isinstance(block, Message)] if isinstance(payload, list) else []
    if _header(part, "Content-Transfer-Encoding").strip().lower() not in ("base64", "quoted-printable"):
        return found
    whole = Message()
    whole["Content-Transfer-Encoding"] = _header(part, "Content-Transfer-Encoding").strip()
    whole.set_payload("\n".join(str(block.get_payload()) for block in found))
    groups = re.split(r"\n[ \t]*\n", _decoded(whole).strip())
    return [message_from_string(group, policy=compat32) for group in groups[: _MOST_RECIPIENTS + 1]]


def _recipient(block: Message) -> RecipientReport | None:
    action = _header(block, "Action").partition(" ")[0].strip().lower()
    named = [_header(block, name) for name in ("Original-Recipient", "Final-Recipient")]
    addresses = tuple(address for value in named for address in _addresses(value.partition(";")[2] or value))
    status = _enhanced(_header(block, "Status"))
    kind = _ACTIONS.get(action) or (_BY_CLASS.get(status[:1]) if addresses or action else None)
    if kind is None or not (addresses or action):
        return None
    words = _header(block, "Diagnostic-Code")
    if words.lower().startswith(("smtp;", "x-")):
        words = words.partition(";")[2]
    return RecipientReport(addresses=addresses, kind=kind, status=status, words=without_addresses(words))


# --- what mail servers write that do not know it ----------------------------------------------------


def _plain_recipients(message: Message, parts: list[Message]) -> tuple[RecipientReport, ...]:
    failed = _addresses(_header(message, "X-Failed-Recipients"))
    text = next((_decoded(part) for part in parts if part.get_content_type() == "text/plain"), "")
    # What stands after the returned mail begins is not the server's word.
    own_words = _MESSAGE_ID_LINE.split(text, maxsplit=1)[0]
    if _QMAIL.match(own_words.lstrip()):
        return _qmail(own_words)
    if not (failed or _DAEMON.match(_sender(message))):
        return ()
    status = _enhanced(own_words)
    reply = _REPLY_CODE.search(own_words)
    by_class = _BY_CLASS.get(status[:1]) or (_BY_CLASS[reply[1]] if reply else None)
    kind = ReportKind.DELAYED if _DELAY.search(_subject(message)) else by_class
    if kind is None and failed:
        kind = ReportKind.FAILED
    if kind is None:
        return ()
    words = _line_with_code(own_words)
    addresses = failed or _addresses(own_words)
    return tuple(RecipientReport(addresses=(one,), kind=kind, status=status, words=words) for one in addresses) or (
        RecipientReport(addresses=(), kind=kind, status=status, words=words),
    )


def _qmail(text: str) -> tuple[RecipientReport, ...]:
    found: list[RecipientReport] = []
    for match in list(_QMAIL_RECIPIENT.finditer(text))[:_MOST_RECIPIENTS]:
        status = _enhanced(match[2])
        kind = ReportKind.DELAYED if status.startswith("4") and _DELAY.search(text) else ReportKind.FAILED
        words = without_addresses(match[2])
        found.append(RecipientReport(addresses=_addresses(match[1]), kind=kind, status=status, words=words))
    return tuple(found)


def _without_status(message: Message) -> ReportKind:
    auto = _header(message, "Auto-Submitted").lower()
    replied = auto.startswith("auto-") and not _DAEMON.match(_sender(message))
    marked = any(_header(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply"))
    precedence = _header(message, "Precedence").strip().lower() in ("auto_reply", "auto-reply")
    if replied or marked or precedence or _AUTO_SUBJECT.match(_subject(message)):
        return ReportKind.AUTO_REPLY
    report = message.get_content_type() == "multipart/report"
    return ReportKind.UNREADABLE if report or _DAEMON.match(_sender(message)) else ReportKind.OTHER


# --- which mail, and whose -------------------------------------------------------------------------


def _message_ids(message: Message, parts: list[Message]) -> tuple[str, ...]:
    """Of the mail it is about: the returned mail's own first, then what the report refers to."""
    found: list[str] = []
    for part in parts:
        kind = part.get_content_type()
        if kind in ("message/rfc822", "message/global"):
            inner = part.get_payload()
            inner = inner[0] if isinstance(inner, list) and inner else None
            found += _MESSAGE_ID.findall(_header(inner, "Message-ID")) if isinstance(inner, Message) else []
        elif kind in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers", "text/plain"):
            found += _MESSAGE_ID_LINE.findall(_decoded(part))[:3]
    for name in ("In-Reply-To", "References"):
        found += _MESSAGE_ID.findall(_header(message, name))
    return tuple(dict.fromkeys(found))[:10]


def _addressed_to(message: Message) -> tuple[str, ...]:
    values = [str(value)[:2000] for name in _ADDRESSED for value in (message.get_all(name) or [])[:10]]
    return tuple(dict.fromkeys(address for value in values for address in _addresses(value)))


def _fingerprint(message: Message, content: bytes) -> str:
    """The same for a copy that came another way: other Received lines, the same message."""
    own_id = _header(message, "Message-ID").strip()
    if not own_id:
        return hashlib.sha256(content).hexdigest()
    seen = hashlib.sha256(re.split(rb"\r?\n\r?\n", content, maxsplit=1)[-1])
    for name in ("Message-ID", "Date", "From", *_ADDRESSED):
        seen.update(f"\0{_header(message, name)}".encode())
    return seen.hexdigest()


# --- small things ----------------------------------------------------------------------------------


def _kind(recipients: tuple[RecipientReport, ...]) -> ReportKind:
    """Named after the worst that befell anybody."""
    kinds = {one.kind for one in recipients}
    return next(kind for kind in (ReportKind.FAILED, ReportKind.DELAYED, ReportKind.DELIVERED) if kind in kinds)


def _header(message: Message, name: str) -> str:
    """The first field of that name, bytes outside ASCII read as UTF-8."""
    for field, value in message.raw_items():
        if field.lower() == name.lower():
            return str(value)[:2000].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return ""


def _subject(message: Message) -> str:
    """With its encoded words (RFC 2047) decoded, as far as they can be."""
    try:
        return str(make_header(decode_header(_header(message, "Subject"))))
    except (HeaderParseError, LookupError, ValueError):
        return _header(message, "Subject")


def _sender(message: Message) -> str:
    found = _addresses(_header(message, "From"))
    return found[0] if found else ""


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(match.lower() for match in _ADDRESS.findall(text[:_TEXT])[:_MOST_RECIPIENTS]))


def _enhanced(text: str) -> str:
    """The first status code (RFC 3463) of class 4 or 5, else of class 2."""
    found = [match[0] for match in _ENHANCED.finditer(text[:_TEXT])]
    return next((code for code in found if code[0] in "45"), found[0] if found else "")


def _line_with_code(text: str) -> str:
    lines = (line for line in text.splitlines() if _ENHANCED.search(line) or _REPLY_CODE.search(line))
    return without_addresses(next(lines, ""))


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content[:_TEXT].decode(part.get_content_charset("utf-8"), "replace").replace("\r\n", "\n")
    except LookupError:  # a character set nobody knows
        return content[:_TEXT].decode("latin-1").replace("\r\n", "\n")
